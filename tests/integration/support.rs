//! A server process of a test's own, and the few lines of HTTP that talk to it.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long a server may take to answer `/ready`, generous because tests share the machine.
const START_SECONDS_MAX: u64 = 60;

/// An `icecore serve` on free ports; killed when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) http_port: u16,
    pub(crate) grpc_port: u16,
    pub(crate) folder: PathBuf,
    /// Sent as a bearer token with every request, when set.
    pub(crate) token: Option<String>,
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Server {
    /// Starts it on `folder` and waits until it is ready.
    pub(crate) fn start(folder: &Path, arguments: &[&str]) -> Self {
        let (http_port, grpc_port) = (free_port(), free_port());
        let child = Command::new(env!("CARGO_BIN_EXE_icecore"))
            .arg("serve")
            .arg("--data-dir")
            .arg(folder)
            .args(["--http-listen", &format!("127.0.0.1:{http_port}")])
            .args(["--grpc-listen", &format!("127.0.0.1:{grpc_port}")])
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let mut server = Self {
            child,
            http_port,
            grpc_port,
            folder: folder.to_path_buf(),
            token: None,
        };
        let deadline = Instant::now() + Duration::from_secs(START_SECONDS_MAX);
        while server.try_get("/ready").is_none_or(|answer| answer.status != 200) {
            assert!(
                server.child.try_wait().unwrap().is_none(),
                "the server ended at its start"
            );
            assert!(Instant::now() < deadline, "the server is not ready");
            std::thread::sleep(Duration::from_millis(20));
        }
        server
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .arg(format!("-{name}"))
            .arg(self.child.id().to_string())
            .status()
            .unwrap();
        assert!(sent.success());
    }

    /// SIGTERM, and how it ended.
    pub(crate) fn terminate(mut self) -> ExitStatus {
        self.signal("TERM");
        self.child.wait().unwrap()
    }

    /// SIGKILL.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Option<Answer> {
        let bearer = self.token.as_ref().map(|token| format!("Bearer {token}"));
        let mut headers = headers.to_vec();
        headers.extend(bearer.as_ref().map(|bearer| ("Authorization", bearer.as_str())));
        request(self.http_port, method, path, &headers, body)
    }

    pub(crate) fn try_get(&self, path: &str) -> Option<Answer> {
        self.request("GET", path, &[], &[])
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.try_get(path).unwrap()
    }

    pub(crate) fn try_post(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Option<Answer> {
        self.request("POST", path, headers, body)
    }

    pub(crate) fn post(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        self.try_post(path, headers, body).unwrap()
    }

    /// The rows of a statement.
    pub(crate) fn sql(&self, statement: &str) -> Vec<Vec<Value>> {
        let answer = self.post("/api/v1/sql", &[("Content-Type", "text/plain")], statement.as_bytes());
        assert_eq!(answer.status, 200, "{statement}: {}", answer.text());
        let json: Value = serde_json::from_slice(&answer.body).unwrap();
        serde_json::from_value(json["rows"].clone()).unwrap()
    }

    /// The one number a statement gives.
    pub(crate) fn sql_number(&self, statement: &str) -> f64 {
        let rows = self.sql(statement);
        rows[0][0].as_f64().unwrap_or_else(|| panic!("{statement}: {rows:?}"))
    }

    /// The `data` of an instant query at `time_s`.
    pub(crate) fn promql(&self, query: &str, time_s: f64) -> Value {
        let answer = self.get(&format!("/api/v1/query?query={}&time={time_s}", percent(query)));
        assert_eq!(answer.status, 200, "{query}: {}", answer.text());
        let json: Value = serde_json::from_slice(&answer.body).unwrap();
        json["data"].clone()
    }

    /// The value of an instant query that gives one series.
    pub(crate) fn promql_number(&self, query: &str, time_s: f64) -> f64 {
        let data = self.promql(query, time_s);
        let result = data["result"].as_array().unwrap();
        assert_eq!(result.len(), 1, "{query}: {data}");
        result[0]["value"][1].as_str().unwrap().parse().unwrap()
    }

    /// The sum of all samples of a family in `/metrics` whose labels hold every one of `labels`.
    pub(crate) fn metric(&self, family: &str, labels: &[&str]) -> f64 {
        let text = self.get("/metrics").text();
        text.lines()
            .filter(|line| line.split(['{', ' ']).next() == Some(family))
            .filter(|line| labels.iter().all(|label| line.contains(label)))
            .map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
            .sum()
    }

    pub(crate) fn flush(&self) {
        let answer = self.post("/api/v1/admin/flush", &[], &[]);
        assert_eq!(answer.status / 100, 2, "{}", answer.text());
    }

    pub(crate) fn compact(&self) {
        let answer = self.post("/api/v1/admin/compact", &[], &[]);
        assert_eq!(answer.status / 100, 2, "{}", answer.text());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An HTTP answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// One request on a connection of its own; `None` when the other side is not there or breaks off.
fn request(port: u16, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Option<Answer> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    let mut head = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(body).ok()?;
    let mut raw = Vec::new();
    stream.read_to_end(&mut raw).ok()?;
    parse(&raw)
}

fn parse(raw: &[u8]) -> Option<Answer> {
    let end = raw.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&raw[..end]).into_owned();
    let mut lines = head.lines();
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect();
    let mut answer = Answer {
        status,
        headers,
        body: raw[end + 4..].to_vec(),
    };
    if answer.header("transfer-encoding") == Some("chunked") {
        answer.body = unchunk(&answer.body)?;
    } else {
        let length = answer
            .header("content-length")
            .and_then(|text| text.parse::<usize>().ok());
        if length.is_some_and(|length| answer.body.len() < length) {
            return None;
        }
    }
    Some(answer)
}

fn unchunk(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut whole = Vec::new();
    loop {
        let line = rest.windows(2).position(|window| window == b"\r\n")?;
        let length = usize::from_str_radix(std::str::from_utf8(&rest[..line]).ok()?.trim(), 16).ok()?;
        rest = &rest[line + 2..];
        if length == 0 {
            return Some(whole);
        }
        whole.extend_from_slice(rest.get(..length)?);
        rest = rest.get(length + 2..)?;
    }
}

/// Percent-encodes a query parameter.
pub(crate) fn percent(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

/// Seconds since the epoch.
#[expect(
    clippy::disallowed_methods,
    reason = "the servers under test use the machine's clock"
)]
pub(crate) fn now_s() -> f64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs_f64()
}

/// A Python with the packages the client tests want, or `None` after saying what is skipped.
pub(crate) fn python(wanted: &[&str]) -> Option<String> {
    let python = std::env::var("ICECORE_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let imports = wanted
        .iter()
        .map(|name| format!("import {name}"))
        .collect::<Vec<_>>()
        .join(";");
    let there = Command::new(&python)
        .args(["-c", &imports])
        .output()
        .is_ok_and(|output| output.status.success());
    if !there {
        eprintln!("SKIPPED: {python} lacks one of {wanted:?}; set ICECORE_TEST_PYTHON to one that has them");
    }
    there.then_some(python)
}

/// Runs a script of `tests/clients` to its end and reads the JSON it prints.
pub(crate) fn run_script(python: &str, script: &str, arguments: &[&str]) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(script);
    let output = Command::new(python)
        .arg(path)
        .args(arguments)
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(output.status.success(), "{script} failed");
    let text = String::from_utf8(output.stdout).unwrap();
    serde_json::from_str(text.lines().last().unwrap()).unwrap_or_else(|error| panic!("{error}: {text}"))
}

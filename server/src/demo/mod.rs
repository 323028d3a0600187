//! `icecore demo`: the server on a fresh folder, a simulated fleet poured into it over real OTLP, and questions whose
//! answers are known beforehand.

mod export;
mod fleet;
mod questions;
mod truth;

use std::io::{Write as _, stdout};
use std::net::{SocketAddr, TcpListener};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use http::header;
use icecore_engine::clock::{Clock as _, SystemClock};
use prost::Message as _;

use crate::cli::{Client, ClientError, CommandError, RunningServer, start_logging, start_server};
use crate::config::{self, FileLayer, Layer, Settings, format_duration};
use crate::signals;
use export::Instruments;
use fleet::{Fleet, STEP_NS, Step};
use questions::{Past, Question, Rows, questions};
use truth::Truth;

/// What makes the fleet the same every time.
const SEED: u64 = 20_26;
/// Steps of the past that is poured in at the start: 15 minutes.
const PAST_STEPS: i64 = 180;
/// Steps of spans and log records in one export.
const STEPS_PER_EXPORT: usize = 12;
/// Rows of an answer that are printed.
const ROWS_SHOWN: usize = 12;

/// Why the demo cannot go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DemoError {
    #[error("no folder for the demo: {0}")]
    Folder(std::io::Error),
}

/// Runs the demo until Ctrl-C, or for `length`.
pub(crate) fn run(mut flags: Layer, length: Option<Duration>) -> Result<ExitCode, CommandError> {
    let started = Instant::now();
    let folder = match flags.get("data-dir") {
        Some(_) => None,
        None => Some(
            tempfile::Builder::new()
                .prefix("icecore-demo-")
                .tempdir()
                .map_err(DemoError::Folder)?,
        ),
    };
    if let Some(folder) = &folder {
        flags.insert("data-dir", vec![folder.path().display().to_string()]);
    }
    flags.entry("log").or_insert_with(|| vec!["warn".to_owned()]);
    let env = config::from_env(|name| std::env::var(name).ok());
    let mut settings = Settings::from_layers(flags, env, FileLayer::default())?;
    for listen in &mut settings.http_listen {
        listen.address = free(listen.address);
    }
    settings.grpc_listen = free(settings.grpc_listen);
    start_logging(&settings.log);
    let server = start_server(&settings)?;
    let outcome = Demo::new(&server, &settings).and_then(|demo| demo.run(started, length));
    server.stop();
    outcome
}

/// The address itself, or one with a free port when its port is taken.
fn free(address: SocketAddr) -> SocketAddr {
    match TcpListener::bind(address) {
        Ok(_) => address,
        Err(_) => SocketAddr::new(address.ip(), 0),
    }
}

struct Demo<'a> {
    server: &'a RunningServer,
    client: Client,
    url: String,
    settings: &'a Settings,
}

impl<'a> Demo<'a> {
    fn new(server: &'a RunningServer, settings: &'a Settings) -> Result<Self, CommandError> {
        let address = server.http.first().copied().unwrap_or(server.grpc);
        let url = format!("http://{address}");
        Ok(Self {
            client: Client::new(&url, None, None)?,
            server,
            url,
            settings,
        })
    }

    fn run(&self, started: Instant, length: Option<Duration>) -> Result<ExitCode, CommandError> {
        let now_ns = SystemClock.now().0;
        let until_ns = now_ns - now_ns % STEP_NS - STEP_NS;
        let past = Past {
            from_ns: until_ns - PAST_STEPS * STEP_NS,
            until_ns,
            quiet_ns: until_ns + STEP_NS,
        };
        let mut fleet = Fleet::new(SEED, past.from_ns);
        let mut instruments = Instruments::new(past.from_ns);
        let steps: Vec<Step> = (0..PAST_STEPS).map(|_| fleet.step()).collect();
        fleet.rest();

        self.server.network().block_on(async {
            self.print_places()?;
            self.pour(&steps, &mut instruments).await?;
            self.print_poured(&steps, started)?;
            let questions = questions(&Truth::of(&steps), past);
            drop(steps);
            let mut right = self.answer(&questions, past).await?;
            self.print_what_next(length)?;
            let end = length.map(|length| started + length);
            self.live(&mut fleet, &mut instruments, end).await?;
            if length.is_some() {
                right &= self.ask_again(&questions, past).await?;
            }
            Ok(if right { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        })
    }

    fn print_places(&self) -> std::io::Result<()> {
        let url = &self.url;
        writeln!(stdout(), "Icecore {} runs.\n", env!("CARGO_PKG_VERSION"))?;
        writeln!(stdout(), "  data     {}", self.settings.data_dir.display())?;
        writeln!(
            stdout(),
            "  HTTP     {url}   OTLP/HTTP, remote write, SQL, PromQL, {url}/metrics"
        )?;
        writeln!(stdout(), "  gRPC     {}   OTLP/gRPC", self.server.grpc)
    }

    /// Sends the past: metrics a step at a time (as they are read), spans and log records in larger batches.
    async fn pour(&self, steps: &[Step], instruments: &mut Instruments) -> Result<(), ClientError> {
        for step in steps {
            self.send("/v1/metrics", instruments.metrics(step).encode_to_vec())
                .await?;
        }
        for steps in steps.chunks(STEPS_PER_EXPORT) {
            self.send("/v1/traces", export::traces(steps).encode_to_vec()).await?;
            self.send("/v1/logs", export::logs(steps).encode_to_vec()).await?;
        }
        Ok(())
    }

    async fn send(&self, path: &str, message: Vec<u8>) -> Result<(), ClientError> {
        let headers = [(header::CONTENT_TYPE, "application/x-protobuf")];
        self.client.post(path, &headers, message).await.map(drop)
    }

    fn print_poured(&self, steps: &[Step], started: Instant) -> std::io::Result<()> {
        let spans: usize = steps.iter().map(|step| step.spans.len()).sum();
        let logs: usize = steps.iter().map(|step| step.logs.len()).sum();
        writeln!(
            stdout(),
            "\nA simulated fleet of {} services was poured in over OTLP: 15 minutes, {spans} spans, {logs} log records, \
             metrics every 5 s ({:.1} s after the start).",
            fleet::SERVICES.len(),
            started.elapsed().as_secs_f64()
        )
    }

    /// Asks and prints every question; whether all answers are the known ones.
    async fn answer(&self, questions: &[Question], past: Past) -> Result<bool, CommandError> {
        let mut all_right = true;
        for question in questions {
            let begun = Instant::now();
            let rows = question.ask(&self.client, past).await;
            let took_ms = begun.elapsed().as_secs_f64() * 1e3;
            let mut out = stdout().lock();
            writeln!(out, "\n{}\n  {}", question.words, question.command(&self.url, past))?;
            let right = match rows {
                Ok(rows) => {
                    print_rows(&mut out, &rows)?;
                    question.agrees(&rows)
                }
                Err(error) => {
                    writeln!(out, "  {error}")?;
                    false
                }
            };
            let verdict = if right {
                "as the fleet's own books say"
            } else {
                "WRONG: not what the fleet's own books say"
            };
            writeln!(out, "  ({verdict}; {took_ms:.1} ms)")?;
            if !right {
                writeln!(out, "  expected:")?;
                print_rows(&mut out, &question.answer)?;
            }
            all_right &= right;
        }
        Ok(all_right)
    }

    fn print_what_next(&self, length: Option<Duration>) -> std::io::Result<()> {
        let url = &self.url;
        let until = length.map_or_else(
            || "Ctrl-C ends it".to_owned(),
            |length| format!("it ends after {}", format_duration(length)),
        );
        writeln!(stdout(), "\nThe fleet goes on live; {until}. Ask it yourself:")?;
        writeln!(
            stdout(),
            "  icecore sql --url {url} \"SELECT * FROM logs ORDER BY timestamp DESC LIMIT 5\""
        )?;
        writeln!(
            stdout(),
            "  icecore promql --url {url} 'sum(rate(http_server_requests_total[1m]))'"
        )
    }

    /// Sends each step as it ends, until `end` or until told to stop.
    async fn live(
        &self,
        fleet: &mut Fleet,
        instruments: &mut Instruments,
        end: Option<Instant>,
    ) -> Result<(), CommandError> {
        let stop = signals::stop_requested();
        tokio::pin!(stop);
        loop {
            let wait_ns = u64::try_from(fleet.next_end_ns() - SystemClock.now().0).unwrap_or_default();
            let step_at = Instant::now() + Duration::from_nanos(wait_ns);
            let wake = end.map_or(step_at, |end| end.min(step_at));
            tokio::select! {
                stopped = &mut stop => return Ok(stopped?),
                () = tokio::time::sleep_until(wake.into()) => {}
            }
            if end.is_some_and(|end| Instant::now() >= end) {
                return Ok(());
            }
            let step = fleet.step();
            self.send("/v1/metrics", instruments.metrics(&step).encode_to_vec())
                .await?;
            let steps = [step];
            self.send("/v1/traces", export::traces(&steps).encode_to_vec()).await?;
            self.send("/v1/logs", export::logs(&steps).encode_to_vec()).await?;
        }
    }

    /// The same questions once all rows are in Parquet files.
    async fn ask_again(&self, questions: &[Question], past: Past) -> Result<bool, CommandError> {
        self.client.post("/api/v1/admin/flush", &[], "").await?;
        let mut right = 0;
        for question in questions {
            match question.ask(&self.client, past).await {
                Ok(rows) if question.agrees(&rows) => right += 1,
                Ok(rows) => {
                    writeln!(stdout(), "WRONG after the flush: {}", question.words)?;
                    print_rows(&mut stdout().lock(), &rows)?;
                }
                Err(error) => writeln!(stdout(), "{}: {error}", question.words)?,
            }
        }
        writeln!(
            stdout(),
            "\nAll rows were flushed to Parquet and the questions asked again: {right} of {} answers are right.",
            questions.len()
        )?;
        Ok(right == questions.len())
    }
}

fn print_rows(out: &mut impl std::io::Write, rows: &Rows) -> std::io::Result<()> {
    for row in rows.iter().take(ROWS_SHOWN) {
        let cells: Vec<String> = row.iter().map(ToString::to_string).collect();
        writeln!(out, "    {}", cells.join("  "))?;
    }
    if rows.len() > ROWS_SHOWN {
        writeln!(out, "    ... {} more", rows.len() - ROWS_SHOWN)?;
    }
    Ok(())
}

//! One-shot commands against a running server: `sql`, `promql`, `flush`, `compact`.

use std::io::Write as _;
use std::process::ExitCode;

use clap::{Arg, ArgMatches, Command};
use http::header;

use super::CommandError;
use super::client::Client;

/// The arguments that say which server and as whom.
pub(super) fn with_address(command: Command) -> Command {
    command
        .arg(
            Arg::new("url")
                .long("url")
                .env("ICECORE_URL")
                .default_value("http://127.0.0.1:4318")
                .help("The server"),
        )
        .arg(
            Arg::new("tenant")
                .long("tenant")
                .env("ICECORE_TENANT")
                .help("The tenant; `default` when absent"),
        )
        .arg(
            Arg::new("token")
                .long("token")
                .env("ICECORE_TOKEN")
                .hide_env_values(true)
                .help("A bearer token of the server's token file"),
        )
}

fn client(arguments: &ArgMatches) -> Result<Client, CommandError> {
    let text = |name| arguments.get_one::<String>(name).map(String::as_str);
    Ok(Client::new(
        text("url").unwrap_or_default(),
        text("tenant"),
        text("token"),
    )?)
}

fn query(arguments: &ArgMatches) -> String {
    arguments.get_one::<String>("query").cloned().unwrap_or_default()
}

pub(super) fn sql(arguments: &ArgMatches) -> Result<ExitCode, CommandError> {
    let client = client(arguments)?;
    let accept = match arguments.get_one::<String>("format").map(String::as_str) {
        Some("json") => "application/json",
        Some("ndjson") => "application/x-ndjson",
        _ => "text/csv",
    };
    let headers = [(header::CONTENT_TYPE, "text/plain"), (header::ACCEPT, accept)];
    let answer = runtime()?.block_on(client.post("/api/v1/sql", &headers, query(arguments)))?;
    print(&answer)
}

pub(super) fn promql(arguments: &ArgMatches) -> Result<ExitCode, CommandError> {
    let client = client(arguments)?;
    let query = query(arguments);
    let mut form = vec![("query", query.as_str())];
    if let Some(time) = arguments.get_one::<String>("time") {
        form.push(("time", time));
    }
    let answer = runtime()?.block_on(client.post_form("/api/v1/query", &form))?;
    print(&answer)
}

pub(super) fn admin(action: &str, arguments: &ArgMatches) -> Result<ExitCode, CommandError> {
    let client = client(arguments)?;
    let path = format!("/api/v1/admin/{action}");
    let answer = runtime()?.block_on(client.post(&path, &[], ""))?;
    print(&answer)
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

fn print(answer: &[u8]) -> Result<ExitCode, CommandError> {
    let mut out = std::io::stdout().lock();
    out.write_all(answer)?;
    if !answer.ends_with(b"\n") {
        out.write_all(b"\n")?;
    }
    Ok(ExitCode::SUCCESS)
}

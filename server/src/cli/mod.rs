//! The command line: `serve`, `demo`, questions to a running server, and what an operator tells it.

mod allocator;
mod ask;
mod client;
mod serve;

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command};

pub(crate) use client::{Client, ClientError};
pub(crate) use serve::{RunningServer, StartError, start_logging, start_server};

use crate::config::{self, KEYS, Layer, Takes};
use crate::demo;

/// Why a command ended badly; its text goes to standard error.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    #[error(transparent)]
    Config(#[from] config::ConfigError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error(transparent)]
    Demo(#[from] demo::DemoError),
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

/// Runs the command of the arguments; the process's exit code.
pub(crate) fn run(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let matches = match command().try_get_matches_from(arguments) {
        Ok(matches) => matches,
        Err(error) => {
            // Nobody is left to tell when even this cannot be printed.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match dispatch(&matches) {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "icecore: {error}");
            match error {
                CommandError::Config(_) => ExitCode::from(2),
                _ => ExitCode::FAILURE,
            }
        }
    }
}

fn dispatch(matches: &ArgMatches) -> Result<ExitCode, CommandError> {
    match matches.subcommand() {
        Some(("serve", arguments)) => serve::run(flags(arguments), config_path(arguments)),
        Some(("demo", arguments)) => demo::run(flags(arguments), arguments.get_one::<Duration>("for").copied()),
        Some(("sql", arguments)) => ask::sql(arguments),
        Some(("promql", arguments)) => ask::promql(arguments),
        Some((action @ ("flush" | "compact"), arguments)) => ask::admin(action, arguments),
        _ => {
            writeln!(std::io::stdout(), "icecore {}", env!("CARGO_PKG_VERSION"))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn command() -> Command {
    let config = Arg::new("config")
        .long("config")
        .value_name("FILE")
        .env("ICECORE_CONFIG")
        .help("A TOML file with any of these settings (`_` for `-`) and [tenants.NAME] tables");
    let length = Arg::new("for")
        .long("for")
        .value_name("DURATION")
        .value_parser(config::parse_duration)
        .help("End by itself after this time; exit 0 only if every query gave its known answer");
    Command::new("icecore")
        .about("Metrics, logs and traces in plain Parquet, answering SQL and PromQL")
        .version(env!("CARGO_PKG_VERSION"))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            Command::new("serve")
                .about("Run the server")
                .arg(config)
                .args(setting_args(|_| true)),
        )
        .subcommand(
            Command::new("demo")
                .about("Run the server on a fresh folder and pour a simulated small fleet into it")
                .arg(length)
                .args(setting_args(|name| {
                    matches!(
                        name,
                        "data-dir" | "http-listen" | "grpc-listen" | "memory-limit" | "threads" | "log"
                    )
                })),
        )
        .subcommand(
            ask::with_address(Command::new("sql").about("Ask a running server in SQL"))
                .arg(Arg::new("query").required(true).help("One SELECT statement"))
                .arg(
                    Arg::new("format")
                        .long("format")
                        .value_parser(["json", "ndjson", "csv"])
                        .default_value("csv")
                        .help("How the answer is written"),
                ),
        )
        .subcommand(
            ask::with_address(Command::new("promql").about("Ask a running server in PromQL"))
                .arg(Arg::new("query").required(true).help("One expression"))
                .arg(
                    Arg::new("time")
                        .long("time")
                        .help("The instant, in Unix seconds or RFC 3339; now when absent"),
                ),
        )
        .subcommand(ask::with_address(
            Command::new("flush").about("Write all rows in memory into parts on a running server"),
        ))
        .subcommand(ask::with_address(
            Command::new("compact").about("Merge parts on a running server until nothing is left to merge"),
        ))
        .subcommand(Command::new("version").about("Print the version"))
}

/// The arguments of the settings whose name passes, from the one table.
fn setting_args(wanted: impl Fn(&str) -> bool) -> Vec<Arg> {
    KEYS.iter()
        .filter(|key| wanted(key.name))
        .map(|key| {
            let arg = Arg::new(key.name)
                .long(key.name)
                .help(format!("{} [default: {}] [env: {}]", key.help, key.default, key.env()))
                .help_heading(key.heading);
            match key.takes {
                Takes::One => arg.value_name(key.value),
                Takes::Many => arg.value_name(key.value).action(ArgAction::Append),
                Takes::Switch => arg.num_args(0..=1).require_equals(true).default_missing_value("true"),
            }
        })
        .collect()
}

/// The settings given as flags.
fn flags(matches: &ArgMatches) -> Layer {
    KEYS.iter()
        .filter_map(|key| {
            let values = matches.try_get_many::<String>(key.name).ok()??;
            Some((key.name, values.cloned().collect()))
        })
        .collect()
}

fn config_path(matches: &ArgMatches) -> Option<&str> {
    matches.get_one::<String>("config").map(String::as_str)
}

#[cfg(test)]
mod tests;

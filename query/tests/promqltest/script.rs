//! The commands of a script.

use crate::check::{Expectation, check};
use crate::series::{Sequence, number, parse_duration, parse_labels, parse_sequence};
use crate::store::Store;
use icecore_query::promql::Labels;

/// One command and the line it starts at.
#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) line: usize,
    action: Action,
}

#[derive(Debug)]
enum Action {
    Clear,
    Load {
        step_ms: i64,
        delta: bool,
        series: Vec<(Labels, Sequence)>,
    },
    Eval(Box<Eval>),
}

/// When a query is asked.
#[derive(Debug, Clone, Copy)]
pub(crate) enum When {
    Instant(i64),
    Range { start: i64, end: i64, step: i64 },
}

/// A query and what its answer should be.
#[derive(Debug)]
pub(crate) struct Eval {
    pub(crate) when: When,
    pub(crate) query: String,
    pub(crate) expected: Expectation,
}

impl Command {
    pub(crate) fn is_check(&self) -> bool {
        matches!(self.action, Action::Eval(_))
    }

    pub(crate) fn run(&self, store: &mut Store) -> Result<(), String> {
        match &self.action {
            Action::Clear => store.clear(),
            Action::Load { step_ms, delta, series } => store.load(*step_ms, *delta, series),
            Action::Eval(eval) => return check(eval, store),
        }
        Ok(())
    }
}

/// Every command of a script.
pub(crate) fn parse(text: &str) -> Result<Vec<Command>, String> {
    let mut commands = Vec::new();
    let mut lines = text.lines().enumerate().peekable();
    while let Some((index, line)) = lines.next() {
        let head = line.trim();
        if head.is_empty() || head.starts_with('#') {
            continue;
        }
        let mut body = Vec::new();
        while let Some((_, next)) = lines.next_if(|(_, next)| next.starts_with([' ', '\t']) && !next.trim().is_empty())
        {
            let next = next.trim();
            if !next.starts_with('#') {
                body.push(next);
            }
        }
        let action = action(head, &body).map_err(|error| format!("line {}: {error}", index + 1))?;
        commands.push(Command {
            line: index + 1,
            action,
        });
    }
    Ok(commands)
}

fn action(head: &str, body: &[&str]) -> Result<Action, String> {
    if head == "clear" {
        return Ok(Action::Clear);
    }
    for (word, delta) in [("load ", false), ("load_delta ", true)] {
        if let Some(step) = head.strip_prefix(word) {
            let series = body
                .iter()
                .map(|line| {
                    let (labels, values) = parse_labels(line)?;
                    Ok((labels, parse_sequence(values)?))
                })
                .collect::<Result<_, String>>()?;
            return Ok(Action::Load {
                step_ms: parse_duration(step.trim())?,
                delta,
                series,
            });
        }
    }
    let (word, rest) = head.split_once(' ').ok_or_else(|| format!("no command: {head:?}"))?;
    let mut expected = Expectation::default();
    match word {
        "eval" => {}
        "eval_fail" => expected.fail = true,
        "eval_ordered" => expected.ordered = true,
        "eval_warn" => expected.warn = Some(String::new()),
        "eval_info" => expected.info = Some(String::new()),
        other => return Err(format!("no command: {other:?}")),
    }
    let (when, query) = when(rest)?;
    for line in body {
        expect(line, &mut expected)?;
    }
    Ok(Action::Eval(Box::new(Eval {
        when,
        query: query.to_owned(),
        expected,
    })))
}

fn when(text: &str) -> Result<(When, &str), String> {
    let word = |text: &'_ str| -> Result<(String, String), String> {
        text.trim_start()
            .split_once(' ')
            .map(|(word, rest)| (word.to_owned(), rest.to_owned()))
            .ok_or_else(|| format!("too short: {text:?}"))
    };
    let offset = |rest: &str| text.len() - rest.len();
    if let Some(rest) = text.strip_prefix("instant at ") {
        let (time, rest) = word(rest)?;
        return Ok((When::Instant(parse_duration(&time)?), text[offset(&rest)..].trim()));
    }
    let rest = text
        .strip_prefix("range from ")
        .ok_or_else(|| format!("neither instant nor range: {text:?}"))?;
    let (start, rest) = word(rest)?;
    let (_, rest) = word(&rest)?;
    let (end, rest) = word(&rest)?;
    let (_, rest) = word(&rest)?;
    let (step, rest) = word(&rest)?;
    let when = When::Range {
        start: parse_duration(&start)?,
        end: parse_duration(&end)?,
        step: parse_duration(&step)?,
    };
    Ok((when, text[offset(&rest)..].trim()))
}

fn expect(line: &str, expected: &mut Expectation) -> Result<(), String> {
    if let Some(message) = line.strip_prefix("expected_fail_message ") {
        expected.message = Some(message.to_owned());
    } else if let Some(annotation) = line.strip_prefix("expect ") {
        let (word, rest) = annotation.split_once(' ').unwrap_or((annotation, ""));
        let message = rest.trim().strip_prefix("msg:").unwrap_or(rest).trim().to_owned();
        match word {
            "fail" => {
                expected.fail = true;
                expected.message = Some(message);
            }
            "warn" => expected.warn = Some(message),
            "info" => expected.info = Some(message),
            "no_warn" => expected.no_warn = true,
            "no_info" => expected.no_info = true,
            "ordered" => expected.ordered = true,
            "string" => expected.text = Some(message.trim_matches('"').to_owned()),
            other => return Err(format!("no expectation: {other:?}")),
        }
    } else if let Ok(value) = number(line) {
        expected.scalar = Some(value);
    } else {
        let (labels, values) = parse_labels(line)?;
        expected.series.push((labels, parse_sequence(values)?));
    }
    Ok(())
}

//! Answers that a Prometheus gave to generated queries over generated data, compared with ours: labels, values to 1e-12,
//! the kind of result, whether it fails, warnings and infos. `tests/promql/golden/README.md` says how they are recorded.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use icecore_query::promql::{PromqlError, QueryResult, Value};
use serde::Deserialize;

use crate::script::{self, When};
use crate::store::{Place, Store};

/// One recorded answer.
#[derive(Debug, Deserialize)]
struct Recorded {
    query: String,
    #[serde(rename = "Start")]
    start: i64,
    #[serde(rename = "End")]
    end: i64,
    #[serde(rename = "Step")]
    step: i64,
    #[serde(default)]
    error: String,
    #[serde(default, rename = "type")]
    kind: String,
    series: Option<Vec<RecordedSeries>>,
    #[serde(default)]
    warn: Vec<String>,
    #[serde(default)]
    info: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct RecordedSeries {
    labels: BTreeMap<String, String>,
    points: Vec<(String, String)>,
}

/// A value by series and time.
type Points = BTreeMap<(String, i64), f64>;

/// Every difference, one line each.
pub(crate) fn differences() -> (usize, Vec<String>) {
    let folder = std::env::var_os("GOLDEN_DIR").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/promql/golden"),
        PathBuf::from,
    );
    let read = |name: &str| std::fs::read_to_string(Path::new(&folder).join(name)).unwrap();
    let mut store = Store::new(Place::Both);
    for command in script::parse(&read("data.txt")).unwrap() {
        command.run(&mut store).unwrap();
    }
    let mut found = Vec::new();
    let mut count = 0;
    for line in read("answers.jsonl").lines() {
        let recorded: Recorded = serde_json::from_str(line).unwrap();
        let when = match recorded.step {
            0 => When::Instant(recorded.start),
            step => When::Range {
                start: recorded.start,
                end: recorded.end,
                step,
            },
        };
        count += 1;
        if let Err(difference) = compare(&recorded, store.ask(&recorded.query, when)) {
            found.push(format!("{} ({when:?}): {difference}", recorded.query));
        }
    }
    (count, found)
}

fn compare(recorded: &Recorded, answer: Result<QueryResult, PromqlError>) -> Result<(), String> {
    let answer = match answer {
        Err(_) if !recorded.error.is_empty() => return Ok(()),
        Err(error) => return Err(format!("ours failed: {error}")),
        Ok(_) if !recorded.error.is_empty() => return Err(format!("ours should fail: {}", recorded.error)),
        Ok(answer) => answer,
    };
    let (kind, ours) = points_of(&answer.value);
    if kind != recorded.kind {
        return Err(format!("ours is a {kind}, should be a {}", recorded.kind));
    }
    let theirs: Points = recorded
        .series
        .iter()
        .flatten()
        .flat_map(|series| {
            let key = format!("{:?}", series.labels);
            series.points.iter().map(move |(time, value)| {
                (
                    (key.clone(), time.parse().unwrap()),
                    crate::series::number(value).unwrap_or(f64::NAN),
                )
            })
        })
        .collect();
    // Which of equal values a ranking keeps depends on the order in which series were created.
    if recorded.query.starts_with("topk") || recorded.query.starts_with("bottomk") {
        return ranking(&ours, &theirs);
    }
    for (key, wanted) in &theirs {
        match ours.get(key) {
            None => return Err(format!("ours lacks {key:?} = {wanted}")),
            Some(got) if close(*got, *wanted) => {}
            Some(got) => return Err(format!("{key:?} is {got}, should be {wanted}")),
        }
    }
    if let Some(key) = ours.keys().find(|key| !theirs.contains_key(*key)) {
        return Err(format!("ours has {key:?} = {:?} too much", ours.get(key)));
    }
    for (name, ours, theirs) in [
        ("warnings", &answer.warnings, &recorded.warn),
        ("infos", &answer.infos, &recorded.info),
    ] {
        if ours.is_empty() != theirs.is_empty() {
            return Err(format!("{name} are {ours:?}, should be {theirs:?}"));
        }
    }
    Ok(())
}

fn ranking(ours: &Points, theirs: &Points) -> Result<(), String> {
    let by_time = |points: &Points| {
        let mut values: Vec<(i64, f64)> = points.iter().map(|((_, time), value)| (*time, *value)).collect();
        values.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        values
    };
    let (ours, theirs) = (by_time(ours), by_time(theirs));
    let same = ours.len() == theirs.len() && ours.iter().zip(&theirs).all(|(a, b)| a.0 == b.0 && close(a.1, b.1));
    if same {
        Ok(())
    } else {
        Err(format!("ranks {ours:?}, should {theirs:?}"))
    }
}

fn points_of(value: &Value) -> (&'static str, Points) {
    let labels = |labels: &icecore_query::promql::Labels| {
        let map: BTreeMap<String, String> = labels
            .iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        format!("{map:?}")
    };
    match value {
        Value::Scalar { timestamp_ms, value } => ("scalar", [(("{}".to_owned(), *timestamp_ms), *value)].into()),
        Value::Text { timestamp_ms, .. } => ("string", [(("{}".to_owned(), *timestamp_ms), f64::NAN)].into()),
        Value::Vector(samples) => (
            "vector",
            samples
                .iter()
                .map(|sample| ((labels(&sample.labels), sample.timestamp_ms), sample.value))
                .collect(),
        ),
        Value::Matrix(series) => (
            "matrix",
            series
                .iter()
                .flat_map(|series| {
                    let key = labels(&series.labels);
                    series
                        .points
                        .iter()
                        .map(move |(time, value)| ((key.clone(), *time), *value))
                })
                .collect(),
        ),
    }
}

fn close(a: f64, b: f64) -> bool {
    a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-12 * a.abs().max(b.abs()) + 1e-300
}

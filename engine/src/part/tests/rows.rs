//! Parts of logs and traces: rows come back in sort order, and pruning never loses one.

use arrow::array::{
    ArrayRef, AsArray, BooleanArray, FixedSizeBinaryArray, Int32Array, Int64Array, StringArray,
    StringDictionaryBuilder, TimestampNanosecondArray, UInt32Array, new_null_array,
};
use arrow::datatypes::{Int32Type, TimestampNanosecondType};
use arrow::record_batch::RecordBatch;
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::matcher::Matcher;
use crate::schema::{self, column};
use crate::time::TimeRange;

/// A log record or a span as these tests see it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    pub(super) timestamp: i64,
    pub(super) service: String,
    pub(super) host: u8,
    pub(super) severity: i32,
    pub(super) body: String,
    pub(super) attributes: String,
    pub(super) trace: Option<u8>,
    pub(super) span: u8,
}

impl Row {
    fn resource(&self) -> String {
        format!(
            "{{\"host.name\":\"h{}\",\"service.name\":\"{}\"}}",
            self.host, self.service
        )
    }

    fn trace_id(&self) -> Option<[u8; 16]> {
        self.trace.map(|trace| [trace; 16])
    }
}

fn dictionary<'a>(texts: impl Iterator<Item = &'a str>) -> ArrayRef {
    let mut builder = StringDictionaryBuilder::<Int32Type>::new();
    texts.for_each(|text| builder.append_value(text));
    Arc::new(builder.finish())
}

fn fixed(rows: &[Row], width: i32, of: impl Fn(&Row) -> Option<Vec<u8>>) -> ArrayRef {
    Arc::new(FixedSizeBinaryArray::try_from_sparse_iter_with_size(rows.iter().map(of), width).unwrap())
}

fn column_of(name: &str, signal: Signal, rows: &[Row]) -> Option<ArrayRef> {
    let resources: Vec<String> = rows.iter().map(Row::resource).collect();
    let services = || rows.iter().map(|row| row.service.as_str());
    Some(match name {
        column::TIMESTAMP => {
            let times = TimestampNanosecondArray::from_iter_values(rows.iter().map(|row| row.timestamp));
            Arc::new(times.with_timezone("UTC"))
        }
        column::SEVERITY_NUMBER => Arc::new(Int32Array::from_iter_values(rows.iter().map(|row| row.severity))),
        column::BODY | column::NAME => {
            Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.body.as_str())))
        }
        column::BODY_IS_JSON => Arc::new(BooleanArray::from(vec![false; rows.len()])),
        column::SERVICE_NAME => dictionary(services()),
        column::RESOURCE => dictionary(resources.iter().map(String::as_str)),
        column::SCOPE => dictionary(rows.iter().map(|_| "{}")),
        column::KIND => dictionary(rows.iter().map(|_| "server")),
        column::STATUS_CODE => dictionary(rows.iter().map(|_| "unset")),
        column::ATTRIBUTES => Arc::new(StringArray::from_iter_values(
            rows.iter().map(|row| row.attributes.as_str()),
        )),
        column::TRACE_ID => fixed(rows, 16, |row| match signal {
            Signal::Traces => Some([row.trace.unwrap_or_default(); 16].to_vec()),
            _ => row.trace_id().map(Vec::from),
        }),
        column::SPAN_ID => fixed(rows, 8, |row| Some(vec![row.span; 8])),
        column::FLAGS
        | column::DROPPED_ATTRIBUTES_COUNT
        | column::DROPPED_EVENTS_COUNT
        | column::DROPPED_LINKS_COUNT => Arc::new(UInt32Array::from(vec![1; rows.len()])),
        column::DURATION_NS => Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.timestamp / 3))),
        _ => return None,
    })
}

pub(super) fn batch_of(signal: Signal, rows: &[Row]) -> RecordBatch {
    let schema = schema::of(signal);
    let columns = schema
        .fields()
        .iter()
        .map(|field| {
            column_of(field.name(), signal, rows).unwrap_or_else(|| new_null_array(field.data_type(), rows.len()))
        })
        .collect();
    RecordBatch::try_new(schema, columns).unwrap()
}

pub(super) fn rows_of(batches: &[RecordBatch]) -> Vec<Row> {
    let mut rows = Vec::new();
    for batch in batches {
        let text = |name: &str, row: usize| -> String {
            let column = arrow::compute::cast(batch.column_by_name(name).unwrap(), &arrow::datatypes::DataType::Utf8);
            column.unwrap().as_string::<i32>().value(row).to_owned()
        };
        let bytes = |name: &str, row: usize| {
            use arrow::array::Array;
            let column = batch.column_by_name(name).unwrap().as_fixed_size_binary();
            column.is_valid(row).then(|| column.value(row)[0])
        };
        let is_log = batch.column_by_name(column::BODY).is_some();
        for row in 0..batch.num_rows() {
            let times = batch.column_by_name(column::TIMESTAMP).unwrap();
            let resource = text(column::RESOURCE, row);
            rows.push(Row {
                timestamp: times.as_primitive::<TimestampNanosecondType>().value(row),
                service: text(column::SERVICE_NAME, row),
                host: resource.as_bytes()["{\"host.name\":\"h".len()] - b'0',
                severity: batch
                    .column_by_name(column::SEVERITY_NUMBER)
                    .map_or(0, |column| column.as_primitive::<Int32Type>().value(row)),
                body: text(if is_log { column::BODY } else { column::NAME }, row),
                attributes: text(column::ATTRIBUTES, row),
                trace: bytes(column::TRACE_ID, row),
                span: bytes(column::SPAN_ID, row).unwrap(),
            });
        }
    }
    rows
}

fn value() -> impl Strategy<Value = serde_json::Value> {
    prop_oneof![
        (0u8..4).prop_map(|value| format!("v{value}").into()),
        (0i64..3).prop_map(Into::into),
        Just(serde_json::json!({"a": [1, "x"]})),
        Just("long ".repeat(40).into()),
        Just(serde_json::Value::Null),
    ]
}

pub(super) fn row() -> impl Strategy<Value = Row> {
    let words = vec(
        prop_oneof![
            Just("error"),
            Just("Timeout"),
            Just("x"),
            Just("id_17"),
            Just("caf\u{e9}"),
            Just("a-b")
        ],
        0..5,
    );
    let attributes = btree_map(prop_oneof![Just("k1"), Just("k2"), Just("k3")], value(), 0..3);
    (
        (0i64..20_000_000_000, 0u8..3, 0u8..3, 0i32..26),
        (words, attributes, option::of(0u8..6), any::<u8>()),
    )
        .prop_map(
            |((timestamp, service, host, severity), (words, attributes, trace, span))| Row {
                timestamp,
                service: format!("s{service}"),
                host,
                severity,
                body: words.join(" "),
                attributes: serde_json::to_string(&attributes).unwrap(),
                trace,
                span,
            },
        )
}

pub(super) fn spans_of(mut rows: Vec<Row>) -> Vec<Row> {
    for row in &mut rows {
        row.trace = Some(row.trace.unwrap_or_default());
        row.severity = 0;
    }
    rows
}

pub(super) fn row_options() -> PartOptions {
    PartOptions {
        slice_length_s: 1,
        ..PartOptions::default()
    }
}

/// The order that parts have, made naively.
pub(super) fn sorted(signal: Signal, rows: &[Row]) -> Vec<Row> {
    let mut kept: Vec<(usize, Row)> = Vec::new();
    for (place, row) in rows.iter().enumerate() {
        if signal == Signal::Traces {
            kept.retain(|(_, old)| (old.trace, old.span) != (row.trace, row.span));
        }
        kept.push((place, row.clone()));
    }
    kept.sort_by_key(|(place, row)| {
        let slice = row.timestamp.div_euclid(1_000_000_000);
        let run = match signal {
            Signal::Traces => format!("{:03}", row.trace.unwrap()),
            _ => format!("{} {}", row.service, row.resource()),
        };
        (slice, run, row.timestamp, *place)
    });
    kept.into_iter().map(|(_, row)| row).collect()
}

pub(super) fn write_rows(folder: &Folder, name: &str, meta: PartMeta, batches: &[RecordBatch]) -> PathBuf {
    let path = folder.file(name);
    let signal = meta.signal;
    let mut writer = RowsPartWriter::create(&folder.fs, &path, meta, &row_options()).unwrap();
    for batch in sort_rows(signal, 1, batches).unwrap() {
        writer.batch(&batch).unwrap();
    }
    writer.finish().unwrap();
    path
}

fn words(body: &str) -> Vec<String> {
    let mut all = Vec::new();
    tokens::for_each_token(body, &mut Vec::new(), &mut |word| {
        all.push(String::from_utf8(word.to_vec()).unwrap())
    });
    all
}

/// Whether a row passes a filter, read from the row itself.
fn passes(row: &Row, filter: &IndexFilter) -> bool {
    let value = |key: &str| -> Option<String> {
        let member = |object: &str, name: &str| {
            let object: serde_json::Value = serde_json::from_str(object).unwrap();
            let value = object.get(name)?.clone();
            match value {
                serde_json::Value::Null => None,
                serde_json::Value::String(text) => Some(text),
                other => Some(other.to_string()),
            }
        };
        match key.split_once('.') {
            Some(("attributes", name)) => member(&row.attributes, name),
            Some(("resource", name)) => member(&row.resource(), name),
            _ if key == column::SERVICE_NAME => Some(row.service.clone()),
            _ if key == column::SEVERITY_NUMBER => Some(row.severity.to_string()),
            _ => None,
        }
    };
    match filter {
        IndexFilter::All => true,
        IndexFilter::And(all) => all.iter().all(|filter| passes(row, filter)),
        IndexFilter::Or(any) => any.iter().any(|filter| passes(row, filter)),
        IndexFilter::Term { key, value: wanted } => value(key).as_ref() == Some(wanted),
        IndexFilter::Matcher(matcher) => matcher.matches(&value(&matcher.name).unwrap_or_default()),
        IndexFilter::Prefix { key, prefix } => value(key).is_some_and(|value| value.starts_with(prefix)),
        IndexFilter::Regex { key, regex } => value(key).is_some_and(|value| regex.is_match(&value)),
        IndexFilter::Token(token) => words(&row.body).contains(token),
        IndexFilter::TraceId(id) => row.trace_id() == Some(*id),
    }
}

fn filter() -> impl Strategy<Value = IndexFilter> {
    let key = || {
        prop_oneof![
            Just("service_name"),
            Just("attributes.k1"),
            Just("attributes.k2"),
            Just("resource.host.name"),
            Just("attributes.none")
        ]
        .prop_map(str::to_owned)
    };
    let value = || {
        prop_oneof![
            Just("s1"),
            Just("v2"),
            Just("1"),
            Just("h2"),
            Just("{\"a\":[1,\"x\"]}"),
            Just("")
        ]
        .prop_map(str::to_owned)
    };
    let long = Just("long ".repeat(40));
    let leaf = prop_oneof![
        Just(IndexFilter::All),
        (key(), prop_oneof![4 => value(), 1 => long]).prop_map(|(key, value)| IndexFilter::Term { key, value }),
        (key(), value(), 0u8..3).prop_map(|(key, value, op)| IndexFilter::Matcher(match op {
            0 => Matcher::equal(key, value),
            1 => Matcher::not_equal(key, value),
            _ => Matcher::regex(key, "v.|long.*").unwrap(),
        })),
        (key(), prop_oneof![Just("v"), Just("s"), Just("lo")]).prop_map(|(key, prefix)| IndexFilter::Prefix {
            key,
            prefix: prefix.to_owned()
        }),
        (key(), prop_oneof![Just("v[12]"), Just("ong"), Just("^h")]).prop_map(|(key, regex)| IndexFilter::Regex {
            key,
            regex: regex::Regex::new(regex).unwrap()
        }),
        prop_oneof![Just("error"), Just("timeout"), Just("caf"), Just("x"), Just("id_17")]
            .prop_map(|token| IndexFilter::Token(token.to_owned())),
        (0u8..8).prop_map(|trace| IndexFilter::TraceId([trace; 16])),
        (0i32..26).prop_map(|n| IndexFilter::Term {
            key: "severity_number".to_owned(),
            value: n.to_string()
        }),
    ];
    leaf.prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(IndexFilter::And),
            vec(inner, 0..3).prop_map(IndexFilter::Or),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn rows_come_back_in_sort_order(rows in vec(row(), 1..80), cut in 1usize..80, traces in any::<bool>()) {
        let signal = if traces { Signal::Traces } else { Signal::Logs };
        let rows = if traces { spans_of(rows) } else { rows };
        let batches: Vec<_> = rows.chunks(cut).map(|rows| batch_of(signal, rows)).collect();
        let folder = Folder::new();
        let path = write_rows(&folder, "a", meta(signal), &batches);
        let part = folder.open(&path);
        let read = rows_of(&part.batches(0..part.rows(), None, 1_000).unwrap());
        prop_assert_eq!(read, sorted(signal, &rows));
    }

    #[test]
    fn pruning_never_loses_a_row(
        rows in vec(row(), 1..80),
        filter in filter(),
        traces in any::<bool>(),
        range in option::of((0i64..20_000_000_000, 0i64..5_000_000_000)),
    ) {
        let signal = if traces { Signal::Traces } else { Signal::Logs };
        let rows = if traces { spans_of(rows) } else { rows };
        let range = range.map_or(TimeRange::ALL, |(start, length)| TimeRange::new(start, start + length));
        let folder = Folder::new();
        let path = write_rows(&folder, "a", meta(signal), &[batch_of(signal, &rows)]);
        let part = folder.open(&path);
        let pruned = part.prune(&filter, range).unwrap();
        for (place, row) in sorted(signal, &rows).iter().enumerate() {
            let kept = pruned.row_ranges.iter().any(|rows| rows.contains(&(place as u64)));
            prop_assert!(kept || !range.contains(row.timestamp) || !passes(row, &filter), "{row:?}");
        }
        prop_assert!(pruned.row_ranges.is_sorted_by(|a, b| a.end < b.start));
        prop_assert!(pruned.groups_kept <= pruned.groups_total);
    }
}

/// A thousand groups of log rows, one of which has the word and the trace.
#[test]
fn a_needle_leaves_few_groups() {
    let rows: Vec<Row> = (0..60_000u32)
        .map(|i| Row {
            timestamp: i64::from(i) * 1_000_000,
            service: format!("s{}", i % 2),
            host: 0,
            severity: if i == 40_000 { 17 } else { 9 },
            body: format!("request {i} took {} ms", i % 97),
            attributes: format!("{{\"code\":{},\"user\":\"u{i}\"}}", if i == 50_000 { 500 } else { 200 }),
            trace: (i == 30_000).then_some(9),
            span: 0,
        })
        .collect();
    let folder = Folder::new();
    let path = folder.file("a");
    let options = PartOptions {
        slice_length_s: 3_600,
        ..PartOptions::default()
    };
    let mut writer = RowsPartWriter::create(&folder.fs, &path, meta(Signal::Logs), &options).unwrap();
    for batch in sort_rows(Signal::Logs, 3_600, &[batch_of(Signal::Logs, &rows)]).unwrap() {
        writer.batch(&batch).unwrap();
    }
    let summary = writer.finish().unwrap();
    assert_eq!(summary.groups, 59);
    let part = folder.open(&path);
    let kept = |filter: IndexFilter| part.prune(&filter, TimeRange::ALL).unwrap().groups_kept;
    let term = |key: &str, value: &str| IndexFilter::Term {
        key: key.to_owned(),
        value: value.to_owned(),
    };
    assert_eq!(kept(IndexFilter::Token("12345".to_owned())), 1);
    assert_eq!(kept(IndexFilter::Token("nowhere".to_owned())), 0);
    assert_eq!(kept(IndexFilter::Token("request".to_owned())), 59);
    assert_eq!(kept(IndexFilter::TraceId([9; 16])), 1);
    assert_eq!(kept(term("severity_number", "17")), 1);
    assert_eq!(kept(term("attributes.code", "500")), 1);
    assert_eq!(kept(term("attributes.user", "u7")), 59, "too many users to index");
    assert_eq!(kept(term("attributes.absent", "x")), 0);
    assert_eq!(kept(term("event_name", "x")), 59, "not indexed at all");
    assert!(kept(term("service_name", "s0")) <= 30);
    let minute = TimeRange::new(10_000_000_000, 10_999_999_999);
    assert!(part.prune(&IndexFilter::All, minute).unwrap().groups_kept <= 4);
}

#[test]
fn rows_out_of_order_are_refused() {
    let folder = Folder::new();
    let row = |timestamp, trace| Row {
        timestamp,
        service: "s".to_owned(),
        host: 0,
        severity: 0,
        body: String::new(),
        attributes: "{}".to_owned(),
        trace: Some(trace),
        span: 0,
    };
    for rows in [[row(5_000_000_000, 1), row(1_000_000_000, 1)], [row(1, 2), row(2, 1)]] {
        let path = folder.file(&format!("{}", rows[0].timestamp));
        let mut writer = RowsPartWriter::create(&folder.fs, &path, meta(Signal::Traces), &row_options()).unwrap();
        assert!(writer.batch(&batch_of(Signal::Traces, &rows)).is_err());
    }
}

/// A part of logs with a bit of everything in its index.
pub(super) fn sample_logs(folder: &Folder) -> PathBuf {
    let rows: Vec<Row> = (0..3_000u32)
        .map(|i| Row {
            timestamp: i64::from(i) * 4_000_000,
            service: format!("s{}", i % 3),
            host: (i % 5) as u8,
            severity: (i % 24) as i32,
            body: format!("error {i} in part {}", i % 7),
            attributes: format!("{{\"k1\":\"v{}\",\"k2\":{}}}", i % 11, i % 3),
            trace: Some((i % 200) as u8),
            span: i as u8,
        })
        .collect();
    write_rows(folder, "logs", meta(Signal::Logs), &[batch_of(Signal::Logs, &rows)])
}

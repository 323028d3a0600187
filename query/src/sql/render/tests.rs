//! Answers byte for byte, and read back by Arrow and Parquet.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use arrow::array::{
    ArrayRef, BooleanArray, DictionaryArray, FixedSizeBinaryArray, Float64Array, Int64Array, ListArray,
    TimestampMillisecondArray, TimestampNanosecondArray,
};
use arrow::datatypes::{Int32Type, Int64Type};
use arrow::ipc::reader::StreamReader;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::*;

fn sample() -> RecordBatch {
    let dictionary: DictionaryArray<Int32Type> = [Some("a,\"b\""), None, Some("line\nbreak")].into_iter().collect();
    let lists = ListArray::from_iter_primitive::<Int64Type, _, _>([Some(vec![Some(1), None]), None, Some(vec![])]);
    let ids = FixedSizeBinaryArray::try_from_sparse_iter_with_size(
        [Some([0xab_u8, 1]), None, Some([0, 0xff])].into_iter(),
        2,
    )
    .unwrap();
    RecordBatch::try_from_iter([
        ("text", Arc::new(dictionary) as ArrayRef),
        (
            "number",
            Arc::new(Int64Array::from(vec![Some(i64::MAX), Some(-1), None])),
        ),
        (
            "double",
            Arc::new(Float64Array::from(vec![1.0, f64::NAN, f64::NEG_INFINITY])),
        ),
        ("flag", Arc::new(BooleanArray::from(vec![true, false, true]))),
        (
            "ms",
            Arc::new(TimestampMillisecondArray::from(vec![0, -1, 1_764_540_000_123]).with_timezone("UTC")),
        ),
        (
            "ns",
            Arc::new(TimestampNanosecondArray::from(vec![1, 2, 3]).with_timezone("UTC")),
        ),
        ("list", Arc::new(lists)),
        ("id", Arc::new(ids)),
    ])
    .unwrap()
}

fn encoded(format: Format, batches: &[RecordBatch]) -> Vec<u8> {
    let mut encoder = Encoder::new(format, &batches[0].schema()).unwrap();
    let mut bytes = encoder.start().to_vec();
    for batch in batches {
        bytes.extend(encoder.batch(batch).unwrap());
    }
    bytes.extend(encoder.finish().unwrap());
    bytes
}

fn encoded_text(format: Format, batches: &[RecordBatch]) -> String {
    String::from_utf8(encoded(format, batches)).unwrap()
}

#[test]
fn json_has_columns_and_rows() {
    let batch = sample();
    let text = encoded_text(Format::Json, &[batch.slice(0, 1), batch.slice(1, 2)]);
    assert_eq!(
        text,
        concat!(
            r#"{"columns":[{"name":"text","type":"text"},{"name":"number","type":"integer"},"#,
            r#"{"name":"double","type":"double"},{"name":"flag","type":"boolean"},{"name":"ms","type":"timestamp"},"#,
            r#"{"name":"ns","type":"timestamp"},{"name":"list","type":"list"},{"name":"id","type":"binary"}],"rows":["#,
            r#"["a,\"b\"",9223372036854775807,1.0,true,"1970-01-01T00:00:00.000Z","1970-01-01T00:00:00.000000001Z",[1,null],"ab01"],"#,
            r#"[null,-1,"NaN",false,"1969-12-31T23:59:59.999Z","1970-01-01T00:00:00.000000002Z",null,null],"#,
            r#"["line\nbreak",null,"-Infinity",true,"2025-11-30T22:00:00.123Z","1970-01-01T00:00:00.000000003Z",[],"00ff"]]}"#,
            "\n"
        )
    );
    assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
}

#[test]
fn an_answer_without_rows_is_whole() {
    let empty = sample().slice(0, 0);
    let json: serde_json::Value = serde_json::from_slice(&encoded(Format::Json, std::slice::from_ref(&empty))).unwrap();
    assert_eq!(json["rows"], serde_json::json!([]));
    assert_eq!(encoded_text(Format::NdJson, std::slice::from_ref(&empty)), "");
    assert_eq!(
        encoded_text(Format::Csv, &[empty]),
        "text,number,double,flag,ms,ns,list,id\n"
    );
}

#[test]
fn ndjson_keeps_columns_of_one_name_apart() {
    let ones: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    let twos: ArrayRef = Arc::new(Int64Array::from(vec![2]));
    let schema = Arc::new(Schema::new(vec![
        Field::new("n", DataType::Int64, false),
        Field::new("n", DataType::Int64, false),
    ]));
    let batch = RecordBatch::try_new(schema, vec![ones, twos]).unwrap();
    assert_eq!(encoded_text(Format::NdJson, &[batch]), "{\"n\":1,\"n_2\":2}\n");
}

#[test]
fn csv_quotes_what_needs_it() {
    assert_eq!(
        encoded_text(Format::Csv, &[sample()]),
        concat!(
            "text,number,double,flag,ms,ns,list,id\n",
            "\"a,\"\"b\"\"\",9223372036854775807,1.0,true,1970-01-01T00:00:00.000Z,1970-01-01T00:00:00.000000001Z,\"[1,null]\",ab01\n",
            ",-1,NaN,false,1969-12-31T23:59:59.999Z,1970-01-01T00:00:00.000000002Z,,\n",
            "\"line\nbreak\",,-Infinity,true,2025-11-30T22:00:00.123Z,1970-01-01T00:00:00.000000003Z,[],00ff\n",
        )
    );
}

#[test]
fn arrow_and_parquet_read_back_as_written() {
    let batch = sample();
    let plain = plain_batch(&batch, &Arc::new(plain_schema(&batch.schema()))).unwrap();
    let stream = encoded(Format::Arrow, &[batch.slice(0, 2), batch.slice(2, 1)]);
    let read: Vec<RecordBatch> = StreamReader::try_new(&stream[..], None)
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(arrow::compute::concat_batches(&plain.schema(), &read).unwrap(), plain);
    let file = Bytes::from(encoded(Format::Parquet, &[batch]));
    let read: Vec<RecordBatch> = ParquetRecordBatchReaderBuilder::try_new(file)
        .unwrap()
        .build()
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let read = arrow::compute::concat_batches(&read[0].schema(), &read).unwrap();
    assert_eq!(read.columns(), plain.columns());
}

#[test]
fn accept_headers_choose_the_form() {
    for (accept, format) in [
        (None, Some(Format::Json)),
        (Some("*/*"), Some(Format::Json)),
        (Some("text/csv"), Some(Format::Csv)),
        (Some("image/png, application/x-ndjson;q=0.9"), Some(Format::NdJson)),
        (Some("application/vnd.apache.arrow.stream"), Some(Format::Arrow)),
        (Some("application/vnd.apache.parquet"), Some(Format::Parquet)),
        (Some("image/png"), None),
    ] {
        assert_eq!(Format::of_accept(accept), format, "{accept:?}");
    }
}

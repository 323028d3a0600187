//! Bodies as Prometheus's clients expect them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use super::*;
use crate::promql::value::{MatrixSeries, VectorSample};

fn result(value: Value) -> QueryResult {
    QueryResult {
        value,
        warnings: Vec::new(),
        infos: Vec::new(),
        samples_read: 0,
    }
}

#[test]
fn each_result_type_has_its_shape() {
    let labels = Labels::from_pairs([("job", "a\"b"), ("__name__", "up")]);
    let scalar = query_body(&result(Value::Scalar {
        timestamp_ms: 4_000,
        value: 2.0,
    }));
    assert_eq!(
        scalar,
        r#"{"status":"success","data":{"resultType":"scalar","result":[4,"2"]}}"#
    );
    let vector = Value::Vector(vec![VectorSample {
        labels: labels.clone(),
        timestamp_ms: 1_500,
        value: f64::NAN,
    }]);
    assert_eq!(
        query_body(&result(vector)),
        r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{"__name__":"up","job":"a\"b"},"value":[1.500,"NaN"]}]}}"#
    );
    let matrix = Value::Matrix(vec![MatrixSeries {
        labels,
        points: vec![(1_000, 1.0), (2_000, f64::INFINITY)],
    }]);
    assert!(query_body(&result(matrix)).ends_with(r#""values":[[1,"1"],[2,"+Inf"]]}]}}"#));
    let text = query_body(&result(Value::Text {
        timestamp_ms: 0,
        value: "x\n".to_owned(),
    }));
    assert!(text.contains(r#""resultType":"string","result":[0,"x\n"]"#));
}

#[test]
fn warnings_and_infos_stand_beside_the_data() {
    let mut answer = result(Value::Vector(Vec::new()));
    answer.infos.push("look".to_owned());
    assert_eq!(
        query_body(&answer),
        r#"{"status":"success","data":{"resultType":"vector","result":[]},"infos":["look"]}"#
    );
}

#[test]
fn errors_carry_their_type() {
    let error = PromqlError::NotSupported("info".to_owned());
    assert_eq!(
        query_error_body(&error),
        r#"{"status":"error","errorType":"bad_data","error":"not supported: info"}"#
    );
}

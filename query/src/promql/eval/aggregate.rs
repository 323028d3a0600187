//! Aggregations: fused with their leaf where there is one, else over a matrix.

use super::sink::Groups;
use super::{Evaluator, Result, Tracked};
use crate::promql::error::PromqlError;
use crate::promql::expr::{Aggregate, AggregateOp};
use crate::promql::matrix::Steps;

impl<'a> Evaluator<'a> {
    /// An aggregation's matrix.
    pub(super) fn aggregate(&self, aggregate: &Aggregate, steps: Steps) -> Result<Tracked<'a>> {
        if let Some(fused) = self.fused(aggregate, steps)? {
            return Ok(fused);
        }
        let input = self.vector(&aggregate.expr, steps)?;
        if let Some(mut groups) = Groups::new(aggregate.op, aggregate.grouping.clone(), steps.count) {
            for (labels, row) in input.matrix.rows() {
                groups.take_labels(labels, row, self.meter)?;
            }
            return self.track(groups.finish());
        }
        let Some(param) = &aggregate.param else {
            return Err(PromqlError::BadQuery("the aggregation lacks its parameter".to_owned()));
        };
        if aggregate.op == AggregateOp::CountValues {
            let label = self.text(param, steps)?;
            return self.count_values(&label, &aggregate.grouping, input);
        }
        let param = self.scalar(param, steps)?;
        match aggregate.op {
            AggregateOp::Quantile => self.quantile(&param, &aggregate.grouping, &input),
            op => self.ranked(op, &param, &aggregate.grouping, input),
        }
    }
}

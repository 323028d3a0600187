//! A rule for physical plans: operators that make many batches out of few (joins, unnest) give way after each.
//!
//! DataFusion's operators give way where they read from a source. A cross join of two small tables reads once and then
//! makes batches for hours without a pause, and a task that never pauses cannot be ended when its deadline passes.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::config::ConfigOptions;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coop::CooperativeExec;

/// Operators whose output may be much larger than what they read.
const EXPANDING: [&str; 7] = [
    "CrossJoinExec",
    "HashJoinExec",
    "NestedLoopJoinExec",
    "PiecewiseMergeJoinExec",
    "SortMergeJoinExec",
    "SymmetricHashJoinExec",
    "UnnestExec",
];

/// Puts a node that gives way above each expanding operator.
#[derive(Debug)]
pub(crate) struct YieldAfterBatches;

impl PhysicalOptimizerRule for YieldAfterBatches {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            Ok(if EXPANDING.contains(&node.name()) {
                Transformed::yes(Arc::new(CooperativeExec::new(node)) as Arc<dyn ExecutionPlan>)
            } else {
                Transformed::no(node)
            })
        })
        .data()
    }

    fn name(&self) -> &str {
        "yield_after_batches"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

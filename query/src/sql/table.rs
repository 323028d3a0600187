//! The tables: which there are, and how a scan of one becomes a plan over parts and heads.

mod columns;
mod filters;
mod heads;
mod parts;
mod pruned;
mod small;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{DFSchema, DataFusionError, Result};
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::union::UnionExec;
use datafusion::physical_plan::{ExecutionPlan, PhysicalExpr};
use icecore_engine::ids::Signal;
use icecore_engine::labels::METRIC_NAME_LABEL;
use icecore_engine::matcher::Matcher;
use icecore_engine::scan::{self, ScanPiece};
use icecore_engine::select;
use icecore_engine::time::TimeRange;

use self::columns::TableColumns;
use self::filters::Pushdown;
use self::pruned::PrunedScan;
use super::reading::Reading;
use crate::limits::SQL_METRIC_TABLES_MAX;

/// Names of the tables that every tenant has.
pub(crate) const FIXED_TABLES: [&str; 6] = ["metrics", "logs", "spans", "series", "exemplars", "metric_metadata"];

/// The fixed table of a name.
pub(crate) fn fixed(reading: &Arc<Reading>, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
    let columns = match name {
        "metrics" => columns::samples_table(),
        "logs" => columns::rows_table(Signal::Logs),
        "spans" => columns::rows_table(Signal::Traces),
        other => return small::table(reading, other),
    };
    Ok(Some(Arc::new(SignalTable {
        reading: Arc::clone(reading),
        columns,
        metric: None,
    })))
}

/// Names of the tenant's metrics.
pub(crate) fn metric_names(reading: &Reading) -> Result<Vec<String>> {
    let snapshot = reading.snapshot(Signal::Metrics);
    let names = select::label_values(&snapshot, METRIC_NAME_LABEL, &[], TimeRange::ALL).map_err(inside)?;
    Ok(names.into_iter().take(SQL_METRIC_TABLES_MAX).collect())
}

/// The table of a metric; `None` when the tenant has no such metric.
pub(crate) fn metric(reading: &Arc<Reading>, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
    let snapshot = reading.snapshot(Signal::Metrics);
    let matcher = [Matcher::equal(METRIC_NAME_LABEL, name)];
    let mut keys = select::label_names(&snapshot, &matcher, TimeRange::ALL).map_err(inside)?;
    if !keys.remove(METRIC_NAME_LABEL) {
        return Ok(None);
    }
    let keys: Vec<String> = keys.into_iter().collect();
    Ok(Some(Arc::new(SignalTable {
        reading: Arc::clone(reading),
        columns: columns::metric_table(&keys),
        metric: Some(name.to_owned()),
    })))
}

/// An error of the engine, as DataFusion carries it.
fn inside<E: std::error::Error + Send + Sync + 'static>(error: E) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// Rows of one signal, all of them or those of one metric.
struct SignalTable {
    reading: Arc<Reading>,
    columns: TableColumns,
    metric: Option<String>,
}

impl fmt::Debug for SignalTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignalTable")
            .field("signal", &self.columns.signal)
            .field("metric", &self.metric)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl TableProvider for SignalTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.columns.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(filters
            .iter()
            .map(|filter| {
                if filters::is_exact(&self.columns, filter) {
                    TableProviderFilterPushDown::Exact
                } else {
                    TableProviderFilterPushDown::Inexact
                }
            })
            .collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let mut pushdown = Pushdown::of(&self.columns, filters);
        if let Some(metric) = &self.metric {
            pushdown = pushdown.of_metric(metric);
        }
        let snapshot = self.reading.snapshot(self.columns.signal);
        let plan = scan::plan(&snapshot, &pushdown.index, pushdown.range).map_err(inside)?;
        let shown = self.shown(projection)?;
        let wanted = self.wanted_of_files(&shown, &pushdown.exact)?;
        let mut inputs: Vec<Arc<dyn ExecutionPlan>> = Vec::new();
        let mut parts = Vec::new();
        let mut heads = Vec::new();
        for piece in plan.pieces {
            match piece {
                ScanPiece::Part(piece) => parts.push(piece),
                ScanPiece::Head(piece) => heads.push(piece),
            }
        }
        if !parts.is_empty() {
            inputs.push(parts::plan(&self.columns.file_schema, parts, &wanted)?);
        }
        if !heads.is_empty() {
            inputs.push(heads::plan(&self.columns.file_schema, heads, &wanted)?);
        }
        let rows: Arc<dyn ExecutionPlan> = match inputs.len() {
            0 => Arc::new(EmptyExec::new(Arc::new(self.columns.file_schema.project(&wanted)?))),
            1 => inputs.remove(0),
            _ => UnionExec::try_new(inputs)?,
        };
        let rows: Arc<dyn ExecutionPlan> = Arc::new(PrunedScan::new(rows, plan.counts));
        self.table_rows(state, rows, &shown, pushdown.exact)
    }
}

impl SignalTable {
    /// The table's columns that the statement reads.
    fn shown(&self, projection: Option<&Vec<usize>>) -> Result<Vec<usize>> {
        let all = self.columns.columns.len();
        let shown = projection.cloned().unwrap_or_else(|| (0..all).collect());
        match shown.iter().all(|&at| at < all) {
            true => Ok(shown),
            false => Err(DataFusionError::Internal("a column that the table has not".to_owned())),
        }
    }

    /// The files' columns that these columns and conditions are made of, ascending.
    fn wanted_of_files(&self, shown: &[usize], exact: &[Expr]) -> Result<Vec<usize>> {
        let expressions = shown
            .iter()
            .filter_map(|&at| self.columns.columns.get(at))
            .map(|column| &column.expr)
            .chain(exact);
        let mut wanted = BTreeSet::new();
        for expression in expressions {
            for column in expression.column_refs() {
                wanted.insert(self.columns.file_schema.index_of(&column.name)?);
            }
        }
        Ok(wanted.into_iter().collect())
    }

    /// Conditions on binary ids, then the table's columns, over rows as files hold them.
    fn table_rows(
        &self,
        state: &dyn Session,
        rows: Arc<dyn ExecutionPlan>,
        shown: &[usize],
        exact: Vec<Expr>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let schema = DFSchema::try_from(rows.schema().as_ref().clone())?;
        let mut rows = rows;
        if let Some(condition) = conjunction(exact) {
            let condition = state.create_physical_expr(condition, &schema)?;
            rows = Arc::new(FilterExec::try_new(condition, rows)?);
        }
        let columns = shown
            .iter()
            .filter_map(|&at| self.columns.columns.get(at))
            .map(|column| {
                let value = state.create_physical_expr(column.expr.clone(), &schema)?;
                Ok((value, column.field.name().clone()))
            })
            .collect::<Result<Vec<(Arc<dyn PhysicalExpr>, String)>>>()?;
        Ok(Arc::new(ProjectionExec::try_new(columns, rows)?))
    }
}

//! What all statements share (functions, options, the spill folder) and the session state that one statement gets.

use std::path::PathBuf;
use std::sync::Arc;

use datafusion::catalog::CatalogProviderList;
use datafusion::common::Result;
use datafusion::common::config::Dialect;
use datafusion::execution::SessionStateDefaults;
use datafusion::execution::config::SessionConfig;
use datafusion::execution::disk_manager::{DiskManager, DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::MemoryPool;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::planner::ExprPlanner;

use super::functions::{self, ConcatPlanner};
use super::store::EmptyStore;
use super::yielding::YieldAfterBatches;
use crate::limits::{SQL_BATCH_ROWS, SQL_PARTITIONS};

/// Name of the only catalog.
pub(crate) const CATALOG: &str = "icecore";
/// Name of the schema of the fixed tables.
pub(crate) const SCHEMA: &str = "public";

/// Functions, options and the runtime without a memory pool: built once.
#[derive(Debug)]
pub(crate) struct Shared {
    template: SessionState,
    runtime: RuntimeEnv,
}

impl Shared {
    /// Builds them. Spills go to `spill_dir`, together at most `spill_bytes_max`; without a folder nothing spills.
    pub(crate) fn new(spill_dir: Option<PathBuf>, spill_bytes_max: u64) -> Result<Self> {
        let mode = spill_dir.map_or(DiskManagerMode::Disabled, |dir| DiskManagerMode::Directories(vec![dir]));
        let disk = DiskManagerBuilder::default()
            .with_mode(mode)
            .with_max_temp_directory_size(spill_bytes_max);
        let runtime = RuntimeEnvBuilder::new()
            .with_disk_manager_builder(disk)
            .with_object_store_registry(Arc::new(EmptyStore::new()))
            .build()?;
        let mut template = SessionStateBuilder::new()
            .with_config(config())
            .with_runtime_env(Arc::new(runtime.clone()))
            .with_expr_planners(planners())
            .with_scalar_functions(functions::scalar_functions())
            .with_higher_order_functions(Vec::new())
            .with_aggregate_functions(SessionStateDefaults::default_aggregate_functions())
            .with_window_functions(SessionStateDefaults::default_window_functions())
            .with_physical_optimizer_rule(Arc::new(YieldAfterBatches))
            .build();
        functions::register_json(&mut template)?;
        Ok(Self { template, runtime })
    }

    /// A state for one statement over `catalogs`, with its own memory.
    pub(crate) fn state(&self, catalogs: Arc<dyn CatalogProviderList>, memory: Arc<dyn MemoryPool>) -> SessionState {
        let runtime = RuntimeEnv {
            memory_pool: memory,
            ..self.runtime.clone()
        };
        SessionStateBuilder::new_from_existing(self.template.clone())
            .with_catalog_list(catalogs)
            .with_runtime_env(Arc::new(runtime))
            .build()
    }

    /// Where spills go.
    pub(crate) fn disk(&self) -> &Arc<DiskManager> {
        &self.runtime.disk_manager
    }
}

fn planners() -> Vec<Arc<dyn ExprPlanner>> {
    let mut planners: Vec<Arc<dyn ExprPlanner>> = vec![Arc::new(ConcatPlanner::new())];
    planners.extend(SessionStateDefaults::default_expr_planners());
    planners
}

fn config() -> SessionConfig {
    let mut config = SessionConfig::new()
        .with_target_partitions(SQL_PARTITIONS)
        .with_batch_size(SQL_BATCH_ROWS)
        .with_information_schema(false)
        .with_create_default_catalog_and_schema(false)
        .with_default_catalog_and_schema(CATALOG, SCHEMA);
    let options = config.options_mut();
    options.sql_parser.dialect = Dialect::PostgreSQL;
    options.execution.enable_recursive_ctes = false;
    options.execution.time_zone = Some("UTC".to_owned());
    // Texts of files are plain; views of them would be made only to be compared.
    options.sql_parser.map_string_types_to_utf8view = false;
    options.execution.parquet.schema_force_view_types = false;
    // The writer makes no Bloom filters.
    options.execution.parquet.bloom_filter_on_read = false;
    config
}

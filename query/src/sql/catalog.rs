//! The names a statement can use: the fixed tables, one table a metric in the schema `metric`, and what
//! `information_schema` tells about them.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::information_schema::InformationSchemaProvider;
use datafusion::catalog::{CatalogProvider, CatalogProviderList, SchemaProvider, TableProvider};
use datafusion::common::{DataFusionError, Result};

use super::reading::Reading;
use super::session::{CATALOG, SCHEMA};
use super::table;

/// Schema with one table a metric.
const METRIC_SCHEMA: &str = "metric";
/// DataFusion's name for the tables about tables.
const INFORMATION_SCHEMA: &str = "information_schema";
/// The ones of them that are there: nothing about settings.
const INFORMATION_TABLES: [&str; 5] = ["tables", "columns", "schemata", "routines", "parameters"];

/// The only catalog, of one tenant, for one statement.
#[derive(Debug, Clone)]
pub(crate) struct TenantCatalog {
    reading: Arc<Reading>,
}

impl TenantCatalog {
    pub(crate) fn new(reading: Arc<Reading>) -> Self {
        Self { reading }
    }
}

impl CatalogProviderList for TenantCatalog {
    fn register_catalog(&self, _name: String, catalog: Arc<dyn CatalogProvider>) -> Option<Arc<dyn CatalogProvider>> {
        // Handed back, not kept.
        Some(catalog)
    }

    fn catalog_names(&self) -> Vec<String> {
        vec![CATALOG.to_owned()]
    }

    fn catalog(&self, name: &str) -> Option<Arc<dyn CatalogProvider>> {
        (name == CATALOG).then(|| Arc::new(self.clone()) as Arc<dyn CatalogProvider>)
    }
}

impl CatalogProvider for TenantCatalog {
    fn schema_names(&self) -> Vec<String> {
        [SCHEMA, METRIC_SCHEMA, INFORMATION_SCHEMA].map(str::to_owned).to_vec()
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        let reading = Arc::clone(&self.reading);
        match name {
            SCHEMA => Some(Arc::new(FixedTables { reading })),
            METRIC_SCHEMA => Some(Arc::new(MetricTables { reading })),
            INFORMATION_SCHEMA => Some(Arc::new(InformationTables {
                inner: InformationSchemaProvider::new(Arc::new(self.clone())),
            })),
            _ => None,
        }
    }
}

/// `metrics`, `logs`, `spans` and what is derived from them.
#[derive(Debug)]
struct FixedTables {
    reading: Arc<Reading>,
}

#[async_trait]
impl SchemaProvider for FixedTables {
    fn table_names(&self) -> Vec<String> {
        table::FIXED_TABLES.map(str::to_owned).to_vec()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>, DataFusionError> {
        table::fixed(&self.reading, name)
    }

    fn table_exist(&self, name: &str) -> bool {
        table::FIXED_TABLES.contains(&name)
    }
}

/// One table a metric name.
struct MetricTables {
    reading: Arc<Reading>,
}

impl fmt::Debug for MetricTables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MetricTables")
    }
}

#[async_trait]
impl SchemaProvider for MetricTables {
    fn table_names(&self) -> Vec<String> {
        table::metric_names(&self.reading).unwrap_or_default()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>, DataFusionError> {
        table::metric(&self.reading, name)
    }

    fn table_exist(&self, name: &str) -> bool {
        table::metric(&self.reading, name).is_ok_and(|table| table.is_some())
    }
}

/// DataFusion's tables about tables, without its settings.
#[derive(Debug)]
struct InformationTables {
    inner: InformationSchemaProvider,
}

#[async_trait]
impl SchemaProvider for InformationTables {
    fn table_names(&self) -> Vec<String> {
        INFORMATION_TABLES.map(str::to_owned).to_vec()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>, DataFusionError> {
        if INFORMATION_TABLES.contains(&name) {
            self.inner.table(name).await
        } else {
            Ok(None)
        }
    }

    fn table_exist(&self, name: &str) -> bool {
        INFORMATION_TABLES.contains(&name)
    }
}

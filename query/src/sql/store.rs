//! The object stores that statements can reach: one, in memory, empty. Parts are read through the engine, so a path in a
//! statement can lead nowhere.

use std::sync::Arc;

use datafusion::common::{Result, exec_err};
use datafusion::execution::object_store::{ObjectStoreRegistry, ObjectStoreUrl};
use object_store::ObjectStore;
use object_store::memory::InMemory;
use url::Url;

/// Address of the only store.
const STORE_URL: &str = "icecore://";

/// The store's address, as scans name it.
pub(crate) fn store_url() -> Result<ObjectStoreUrl> {
    ObjectStoreUrl::parse(STORE_URL)
}

/// Knows one empty store and takes no other.
#[derive(Debug)]
pub(crate) struct EmptyStore {
    store: Arc<dyn ObjectStore>,
}

impl EmptyStore {
    pub(crate) fn new() -> Self {
        Self {
            store: Arc::new(InMemory::new()),
        }
    }
}

impl ObjectStoreRegistry for EmptyStore {
    fn register_store(&self, _url: &Url, store: Arc<dyn ObjectStore>) -> Option<Arc<dyn ObjectStore>> {
        // Handed back, not kept.
        Some(store)
    }

    fn get_store(&self, url: &Url) -> Result<Arc<dyn ObjectStore>> {
        if url.scheme() == "icecore" {
            Ok(Arc::clone(&self.store))
        } else {
            exec_err!("there are no files here, only the tables of the tenant")
        }
    }
}

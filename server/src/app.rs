//! What every request handler can reach: the engine and the query engines, the places for work, the counters.

use std::sync::Arc;

use http::HeaderMap;
use icecore_engine::Engine;
use icecore_engine::ids::TenantId;
use icecore_query::promql::PromqlEngine;
use icecore_query::sql::SqlEngine;
use tokio_util::sync::CancellationToken;

use crate::auth::Tokens;
use crate::intake::Refusal;
use crate::pool::Pool;
use crate::selfmetrics::Counters;
use crate::tenant::tenant_of;
use crate::translate::Translation;

/// One running server.
pub(crate) struct App {
    pub(crate) engine: Arc<Engine>,
    pub(crate) promql: PromqlEngine,
    pub(crate) sql: SqlEngine,
    pub(crate) translation: Translation,
    pub(crate) tokens: Tokens,
    pub(crate) ingest_places: Pool,
    /// PromQL and what goes with it; apart from SQL, so that a dashboard never waits for a report.
    pub(crate) promql_places: Pool,
    pub(crate) sql_places: Pool,
    pub(crate) counters: Arc<Counters>,
    /// Cancelled when the server is told to stop.
    pub(crate) stop: CancellationToken,
}

impl App {
    /// Who asks: the tenant of a request that may pass.
    pub(crate) fn authorize(&self, headers: &HeaderMap) -> Result<TenantId, Refusal> {
        if !self.tokens.admit(headers) {
            return Err(Refusal::unauthenticated());
        }
        Ok(tenant_of(headers)?)
    }
}

//! A small HTTP client for the commands that talk to a server, and for the demo.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use crate::limits::ANSWER_BYTES_MAX;

/// What went wrong between us and the server.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    #[error("{0:?} is no address of a server: write http://HOST:PORT")]
    Url(String),
    #[error("{url}: {reason}")]
    Connect { url: String, reason: String },
    #[error("the server answered {status}: {text}")]
    Refused { status: StatusCode, text: String },
}

/// Speaks to one server as one tenant.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    base: String,
    headers: HeaderMap,
    http: hyper_util::client::legacy::Client<HttpConnector, Full<Bytes>>,
}

/// No answer takes longer, a compaction included.
const PATIENCE: Duration = Duration::from_secs(3600);

impl Client {
    pub(crate) fn new(url: &str, tenant: Option<&str>, token: Option<&str>) -> Result<Self, ClientError> {
        let invalid = || ClientError::Url(url.to_owned());
        if !url.starts_with("http://") {
            return Err(invalid());
        }
        let mut headers = HeaderMap::new();
        if let Some(tenant) = tenant {
            headers.insert("x-scope-orgid", HeaderValue::from_str(tenant).map_err(|_| invalid())?);
        }
        if let Some(token) = token {
            let value = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| invalid())?;
            headers.insert(header::AUTHORIZATION, value);
        }
        Ok(Self {
            base: url.trim_end_matches('/').to_owned(),
            headers,
            http: hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build_http(),
        })
    }

    /// Posts `body`; the answer's body when its status is a success.
    pub(crate) async fn post(
        &self,
        path: &str,
        headers: &[(HeaderName, &'static str)],
        body: impl Into<Bytes>,
    ) -> Result<Bytes, ClientError> {
        let url = format!("{}{path}", self.base);
        let failed = |reason: String| ClientError::Connect {
            url: url.clone(),
            reason,
        };
        let uri: Uri = url.parse().map_err(|_| ClientError::Url(url.clone()))?;
        let mut request = Request::new(Full::new(body.into()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri;
        request.headers_mut().extend(self.headers.clone());
        for (name, value) in headers {
            request.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        let response = tokio::time::timeout(PATIENCE, self.http.request(request))
            .await
            .map_err(|_| failed("no answer".to_owned()))?
            .map_err(|error| failed(root_cause(&error)))?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, ANSWER_BYTES_MAX)
            .collect()
            .await
            .map_err(|error| failed(error.to_string()))?
            .to_bytes();
        if head.status.is_success() {
            Ok(body)
        } else {
            let text = String::from_utf8_lossy(&body).trim().to_owned();
            Err(ClientError::Refused {
                status: head.status,
                text,
            })
        }
    }

    /// Posts a form to one of Prometheus's paths.
    pub(crate) async fn post_form(&self, path: &str, form: &[(&str, &str)]) -> Result<Bytes, ClientError> {
        let text = form
            .iter()
            .map(|(name, value)| format!("{name}={}", escape(value)))
            .collect::<Vec<_>>()
            .join("&");
        let headers = [(header::CONTENT_TYPE, "application/x-www-form-urlencoded")];
        self.post(path, &headers, text).await
    }
}

/// Percent-encodes all but what no reader of forms misreads.
fn escape(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

/// The innermost error, which says what happened ("Connection refused").
fn root_cause(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => root_cause(source),
        None => error.to_string(),
    }
}

//! HTTP to the engine: pooled connections, the API version agreed on once, errors with their cause.
//!
//! Sits below bollard, which leaves the version out of the path, gives the registry's credentials
//! in the wrong alphabet, and opens a new connection for every call.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::Stream;
use http_body_util::{BodyExt, Either, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use serde::de::DeserializeOwned;
use tokio::sync::OnceCell;

use super::dial::Dialer;
use super::endpoint::Endpoint;
use super::error::{Error, Result};

/// The body of a request; bollard's own type, so that its requests pass through.
pub(super) type Body = Either<
    Full<Bytes>,
    StreamBody<Pin<Box<dyn Stream<Item = Result<Frame<Bytes>, io::Error>> + Send>>>,
>;

/// A version of the engine's API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ApiVersion {
    /// Always 1 so far.
    pub major: u32,
    /// What counts.
    pub minor: u32,
}

impl ApiVersion {
    /// The newest that dco's models know.
    pub const NEWEST: Self = Self::new(1, 53);
    /// What an engine speaks that does not say: the oldest that dco is made for.
    pub const OLDEST: Self = Self::new(1, 41);

    /// Version `major.minor`.
    pub const fn new(major: u32, minor: u32) -> Self {
        Self { major, minor }
    }

    /// Reads `1.41`.
    pub fn parse(text: &str) -> Option<Self> {
        let (major, minor) = text.trim().trim_start_matches('v').split_once('.')?;
        Some(Self::new(major.parse().ok()?, minor.parse().ok()?))
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// What the engine says of itself before anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ping {
    /// The version that both sides speak.
    pub api: ApiVersion,
    /// The newest that the engine speaks.
    pub engine_api: ApiVersion,
    /// Whether it is podman's imitation.
    pub podman: bool,
    /// Whether it builds with BuildKit unless told otherwise.
    pub buildkit: bool,
}

/// The way to one engine. Connects when the first call is made.
pub(super) struct Transport {
    client: Client<Dialer, Body>,
    endpoint: Arc<Endpoint>,
    /// `http://docker`, or the engine's host and base path.
    origin: String,
    /// `DOCKER_API_VERSION`.
    pinned: Option<ApiVersion>,
    ping: OnceCell<Ping>,
}

impl Transport {
    pub(super) fn new(endpoint: Endpoint, pinned: Option<ApiVersion>) -> Self {
        let endpoint = Arc::new(endpoint);
        let origin = match &*endpoint {
            Endpoint::Tcp {
                host, port, base, ..
            } if host.contains(':') => format!("http://[{host}]:{port}{base}"),
            Endpoint::Tcp {
                host, port, base, ..
            } => format!("http://{host}:{port}{base}"),
            Endpoint::Unix(_) | Endpoint::Ssh { .. } => "http://docker".to_owned(),
        };
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .build(Dialer::new(endpoint.clone()));
        Self {
            client,
            endpoint,
            origin,
            pinned,
            ping: OnceCell::new(),
        }
    }

    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Asks the engine, the first time, which version it speaks; costs 0.3 ms where `/version`
    /// costs 5.
    pub(super) async fn ping(&self) -> Result<Ping> {
        let ask = || async {
            let request = Call::new(Method::HEAD, "/_ping").build(&self.origin)?;
            let response = self.exchange(request).await?;
            Ok(self.understand(response.headers()))
        };
        self.ping.get_or_try_init(ask).await.copied()
    }

    /// Reads the headers of `/_ping`.
    fn understand(&self, headers: &HeaderMap) -> Ping {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let engine_api = text("api-version")
            .and_then(ApiVersion::parse)
            .unwrap_or(ApiVersion::OLDEST);
        Ping {
            api: self.pinned.unwrap_or(engine_api.min(ApiVersion::NEWEST)),
            engine_api,
            podman: headers.contains_key("libpod-api-version"),
            buildkit: text("builder-version") == Some("2"),
        }
    }

    /// Makes a call and checks its status; 304 is no error, and 101 neither.
    pub(super) async fn call(&self, call: Call) -> Result<Response<Incoming>> {
        let api = self.ping().await?.api;
        let name = call.name();
        let request = call.build(&format!("{}/v{api}", self.origin))?;
        let response = self.exchange(request).await?;
        refuse_failures(&name, response).await
    }

    /// Makes a call whose answer is a JSON document.
    pub(super) async fn json<T: DeserializeOwned>(&self, call: Call) -> Result<T> {
        let name = call.name();
        let body = self.call(call).await?.into_body().collect().await;
        let bytes = body.map_err(|cause| broken(&name, cause))?.to_bytes();
        serde_json::from_slice(&bytes).map_err(unexpected(name))
    }

    /// Makes a call whose answer does not matter.
    pub(super) async fn done(&self, call: Call) -> Result<()> {
        self.call(call).await.map(drop)
    }

    /// Sends a request of bollard's: puts the version into its path and mends its headers.
    pub(super) async fn forward(&self, mut request: Request<Body>) -> Result<Response<Incoming>> {
        let api = self.ping().await?.api;
        let path = request.uri().path_and_query().map_or("/", |it| it.as_str());
        let uri = format!("{}/v{api}{path}", self.origin);
        *request.uri_mut() = parse_uri(&uri)?;
        for name in ["x-registry-auth", "x-registry-config"] {
            mend_credentials(request.headers_mut(), HeaderName::from_static(name));
        }
        self.exchange(request).await
    }

    async fn exchange(&self, request: Request<Body>) -> Result<Response<Incoming>> {
        let call = format!("{} {}", request.method(), request.uri().path());
        // The query stays out of it: build arguments may be secrets.
        tracing::debug!(target: "dco::engine", "{call}");
        self.client.request(request).await.map_err(|error| {
            match (error.is_connect(), system_error(&error)) {
                (true, Some(cause)) => Error::Unreachable {
                    endpoint: self.endpoint.to_string(),
                    cause,
                },
                _ => broken(&call, error),
            }
        })
    }
}

/// The system's error at the bottom of a transport's, as one of its own kind.
fn system_error(error: &(dyn StdError + 'static)) -> Option<io::Error> {
    let mut at = error.source();
    while let Some(error) = at {
        if let Some(io) = error.downcast_ref::<io::Error>() {
            return Some(match io.raw_os_error() {
                Some(number) => io::Error::from_raw_os_error(number),
                None => io::Error::new(io.kind(), io.to_string()),
            });
        }
        at = error.source();
    }
    None
}

pub(super) fn broken(call: &str, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
    Error::Broken {
        call: call.to_owned(),
        cause: cause.into(),
    }
}

/// For what is no JSON of the kind that a call takes or gives.
pub(super) fn unexpected(call: String) -> impl FnOnce(serde_json::Error) -> Error {
    |cause| Error::Unexpected {
        call,
        cause: Box::new(cause),
    }
}

fn parse_uri(text: &str) -> Result<Uri> {
    text.parse().map_err(|cause| Error::Unexpected {
        call: text.to_owned(),
        cause: Box::new(cause),
    })
}

/// Turns a status of failure into the engine's message.
async fn refuse_failures(call: &str, response: Response<Incoming>) -> Result<Response<Incoming>> {
    #[derive(serde::Deserialize)]
    struct Refusal {
        message: String,
    }
    let status = response.status();
    if status.is_success()
        || status == StatusCode::NOT_MODIFIED
        || status == StatusCode::SWITCHING_PROTOCOLS
    {
        return Ok(response);
    }
    let body = response.into_body().collect().await;
    let bytes = body.map_err(|cause| broken(call, cause))?.to_bytes();
    let message = match serde_json::from_slice::<Refusal>(&bytes) {
        Ok(refusal) => refusal.message,
        Err(_) => String::from_utf8_lossy(&bytes).into_owned(),
    };
    let message = match message.trim() {
        "" => format!("{call}: {status}"),
        text => text.to_owned(),
    };
    Err(Error::Api {
        status: status.as_u16(),
        message,
    })
}

/// The engine decodes credentials with the URL alphabet; bollard encodes them with the other.
fn mend_credentials(headers: &mut HeaderMap, name: HeaderName) {
    let Some(value) = headers.get(&name) else {
        return;
    };
    let mended: Vec<u8> = value
        .as_bytes()
        .iter()
        .map(|byte| match byte {
            b'+' => b'-',
            b'/' => b'_',
            other => *other,
        })
        .collect();
    if let Ok(mut value) = HeaderValue::from_bytes(&mended) {
        value.set_sensitive(true);
        headers.insert(name, value);
    }
}

/// A request of our own, for what bollard cannot say or would decode wrongly.
pub(super) struct Call {
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Body,
}

impl Call {
    pub(super) fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            headers: HeaderMap::new(),
            body: Body::Left(Full::default()),
        }
    }

    pub(super) fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    pub(super) fn post(path: impl Into<String>) -> Self {
        Self::new(Method::POST, path)
    }

    /// Adds a parameter to the path.
    pub(super) fn query(mut self, name: &str, value: impl fmt::Display) -> Self {
        let mark = match self.path.contains('?') {
            true => '&',
            false => '?',
        };
        self.path.push(mark);
        self.path.push_str(name);
        self.path.push('=');
        escape(&value.to_string(), &mut self.path);
        self
    }

    /// Adds a parameter where there is a value for it.
    pub(super) fn query_if(self, name: &str, value: Option<impl fmt::Display>) -> Self {
        match value {
            Some(value) => self.query(name, value),
            None => self,
        }
    }

    pub(super) fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.insert(name, HeaderValue::from_static(value));
        self
    }

    /// Adds a header whose value is not known before; one that is no header's text is left out.
    pub(super) fn text_header(mut self, name: &'static str, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.append(name, value);
        }
        self
    }

    /// Gives it the credentials of registries, by their addresses, for a build.
    pub(super) fn registries(mut self, known: &serde_json::Map<String, serde_json::Value>) -> Self {
        use base64::Engine as _;
        let json = serde_json::Value::from(known.clone()).to_string();
        let encoded = base64::engine::general_purpose::URL_SAFE.encode(json);
        if let Ok(mut value) = HeaderValue::from_str(&encoded) {
            value.set_sensitive(true);
            self.headers.insert("x-registry-config", value);
        }
        self
    }

    /// Gives it the credentials of a registry, already encoded.
    pub(super) fn credentials(mut self, encoded: Option<&str>) -> Self {
        if let Some(Ok(mut value)) = encoded.map(HeaderValue::from_str) {
            value.set_sensitive(true);
            self.headers.insert("x-registry-auth", value);
        }
        self
    }

    /// Gives it a JSON document.
    pub(super) fn document(mut self, value: &impl serde::Serialize) -> Result<Self> {
        let bytes = serde_json::to_vec(value).map_err(unexpected(self.name()))?;
        self.body = Body::Left(Full::new(bytes.into()));
        Ok(self.header("content-type", "application/json"))
    }

    /// Gives it a tar that is sent as it is made.
    pub(super) fn tar(
        mut self,
        stream: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
    ) -> Self {
        self.body = bollard::body_try_stream(stream);
        self.headers
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/x-tar"));
        self
    }

    /// Method and path, for messages; without its parameters, which may hold secrets.
    pub(super) fn name(&self) -> String {
        let path = self.path.split('?').next().unwrap_or_default();
        format!("{} {path}", self.method)
    }

    fn build(self, origin: &str) -> Result<Request<Body>> {
        let mut request = Request::new(self.body);
        *request.method_mut() = self.method;
        *request.uri_mut() = parse_uri(&format!("{origin}{}", self.path))?;
        *request.headers_mut() = self.headers;
        Ok(request)
    }
}

/// Percent-encodes what is not plain in a query.
fn escape(text: &str, into: &mut String) {
    use fmt::Write as _;
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' | b':' => {
                into.push(char::from(byte));
            }
            _ => {
                let _ = write!(into, "%{byte:02X}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_escaped_and_names_leave_them_out() {
        let call = Call::get("/containers/x/logs")
            .query("since", "2024-01-01T00:00:00+02:00")
            .query("tail", "all")
            .query_if("until", None::<&str>);
        assert_eq!(
            call.path,
            "/containers/x/logs?since=2024-01-01T00:00:00%2B02:00&tail=all"
        );
        assert_eq!(call.name(), "GET /containers/x/logs");
    }

    #[test]
    fn credentials_travel_in_the_url_alphabet() {
        let mut headers = HeaderMap::new();
        headers.insert("x-registry-auth", HeaderValue::from_static("ab+/=="));
        mend_credentials(&mut headers, HeaderName::from_static("x-registry-auth"));
        assert_eq!(headers["x-registry-auth"], "ab-_==");
        assert!(headers["x-registry-auth"].is_sensitive());
    }

    #[test]
    fn versions_compare_by_number() {
        let parse = |text| ApiVersion::parse(text).unwrap();
        assert!(parse("1.9") < parse("1.41"));
        assert_eq!(parse("v1.41").to_string(), "1.41");
        assert_eq!(ApiVersion::parse("one"), None);
    }
}

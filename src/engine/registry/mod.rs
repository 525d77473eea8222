//! A registry, spoken to without the engine: what is no image goes there and comes from there (OCI
//! distribution specification 1.1). Images go by the engine, which keeps their layers.

mod challenge;
mod connect;
mod copy;
mod error;
mod patience;

use std::error::Error as StdError;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, LOCATION};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::sync::OnceCell;
use tokio::time::sleep;

use self::challenge::Challenge;
use self::connect::Connector;
pub use self::error::RegistryError;
use self::patience::{PAUSES, broke_off};
use super::logins::{Known, Logins};
use crate::text::reference::{DEFAULT_DOMAIN, Reference};

/// Where Docker Hub speaks the protocol.
const HUB: &str = "registry-1.docker.io";

/// The kinds of manifests that are taken.
const MANIFESTS: &str = "application/vnd.oci.image.manifest.v1+json, \
     application/vnd.oci.image.index.v1+json, \
     application/vnd.docker.distribution.manifest.v2+json, \
     application/vnd.docker.distribution.manifest.list.v2+json";

type Body = UnsyncBoxBody<Bytes, io::Error>;

/// The digest of some bytes, as registries name them.
pub fn digest(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    let hex = digest.iter().map(|byte| format!("{byte:02x}"));
    format!("sha256:{}", hex.collect::<String>())
}

/// Whether a registry has to prove who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// By a certificate; one on loopback need not.
    Proven,
    /// It need not, and may do without TLS.
    Anyone,
}

/// One repository of a registry.
pub struct Registry {
    reference: Reference,
    client: Client<Connector, Body>,
    trust: Trust,
    origin: OnceCell<String>,
    logins: Arc<Logins>,
    grant: Mutex<Option<HeaderValue>>,
}

/// A manifest as a registry gives it.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// Its media type.
    pub kind: String,
    /// Its digest.
    pub digest: String,
    /// What it says.
    pub bytes: Bytes,
}

impl Manifest {
    /// What it says, read; null where it is no JSON.
    pub fn document(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_default()
    }
}

type Result<T> = std::result::Result<T, RegistryError>;

/// What is asked of the registry.
struct Ask {
    method: Method,
    url: String,
    accept: Option<&'static str>,
    kind: Option<String>,
    body: Option<Bytes>,
}

impl Ask {
    fn new(method: Method, url: String) -> Self {
        Self {
            method,
            url,
            accept: None,
            kind: None,
            body: None,
        }
    }

    fn build(&self) -> hyper::http::Result<Request<Body>> {
        let mut request = Request::builder().method(&self.method).uri(&self.url);
        if let Some(accept) = self.accept {
            request = request.header(ACCEPT, accept);
        }
        if let Some(kind) = &self.kind {
            request = request.header(CONTENT_TYPE, kind);
        }
        let body = self.body.clone().unwrap_or_default();
        request.body(whole(body))
    }
}

fn whole(bytes: Bytes) -> Body {
    UnsyncBoxBody::new(Full::new(bytes).map_err(|never| match never {}))
}

impl Registry {
    /// The repository that a reference names. Nothing is asked of it yet.
    pub fn of(reference: Reference, logins: &Arc<Logins>, trust: Trust) -> Self {
        let trust = match connect::is_loopback(&reference.domain) {
            true => Trust::Anyone,
            false => trust,
        };
        Self {
            client: Client::builder(TokioExecutor::new())
                .build(Connector::new(&reference.domain, trust)),
            reference,
            trust,
            origin: OnceCell::new(),
            logins: Arc::clone(logins),
            grant: Mutex::default(),
        }
    }

    /// Its host, as references name it.
    pub fn host(&self) -> &str {
        &self.reference.domain
    }

    fn failed(
        &self,
        what: &str,
        cause: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> RegistryError {
        RegistryError {
            status: None,
            registry: self.host().to_owned(),
            message: format!("{} {what}", self.host()),
            cause: Some(cause.into()),
        }
    }

    /// `https://ghcr.io`; without TLS only where the registry need not prove who it is and speaks
    /// none.
    async fn origin(&self) -> Result<&str> {
        let find = || async {
            let host = match self.host() {
                DEFAULT_DOMAIN => HUB,
                host => host,
            };
            let secure = format!("https://{host}");
            if self.trust == Trust::Proven {
                return Ok(secure);
            }
            let ping = Ask::new(Method::GET, format!("{secure}/v2/"));
            let request = ping
                .build()
                .map_err(|error| self.failed("is no host", error))?;
            Ok(match self.client.request(request).await {
                Ok(_) => secure,
                Err(_) => format!("http://{host}"),
            })
        };
        Ok(self.origin.get_or_try_init(find).await?.as_str())
    }

    async fn url(&self, rest: &str) -> Result<String> {
        let path = &self.reference.path;
        Ok(format!("{}/v2/{path}/{rest}", self.origin().await?))
    }

    /// Asks, and asks again with what the registry wants to see.
    async fn ask(&self, ask: &Ask) -> Result<Response<Incoming>> {
        let response = self.send(ask).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        let Some(challenge) = Challenge::of(response.headers()) else {
            return Ok(response);
        };
        let login = match self.logins.of_registry(self.host()).await {
            Known::Login(login) => Some(login),
            Known::Nobody | Known::Trouble(_) => None,
        };
        let Some(grant) = self.answer(&challenge, login.as_ref()).await? else {
            return Ok(response);
        };
        *self.grant.lock().unwrap_or_else(PoisonError::into_inner) = Some(grant);
        self.send(ask).await
    }

    /// What the registry was shown last, and took.
    fn granted(&self) -> Option<HeaderValue> {
        let grant = self.grant.lock().unwrap_or_else(PoisonError::into_inner);
        grant.clone()
    }

    async fn send(&self, ask: &Ask) -> Result<Response<Incoming>> {
        let mut pauses = PAUSES.into_iter();
        loop {
            let mut request = ask
                .build()
                .map_err(|error| self.failed("is no host", error))?;
            if let Some(grant) = self.granted() {
                request.headers_mut().insert(AUTHORIZATION, grant);
            }
            tracing::debug!(target: "dco::engine", "{} {}", ask.method, request.uri().path());
            match (self.client.request(request).await, pauses.next()) {
                (Err(error), Some(pause)) if broke_off(&error) => sleep(pause).await,
                (answered, _) => {
                    return answered.map_err(|error| self.failed("cannot be reached", error));
                }
            }
        }
    }

    /// The answer, where it is a success; else the registry's own words.
    async fn check(&self, response: Response<Incoming>) -> Result<Response<Incoming>> {
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let body = response.into_body().collect().await;
        let bytes = body.map(|body| body.to_bytes()).unwrap_or_default();
        let said: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let errors = said["errors"].as_array().into_iter().flatten();
        let words: Vec<&str> = errors
            .filter_map(|error| error["message"].as_str().filter(|text| !text.is_empty()))
            .collect();
        Err(RegistryError {
            status: Some(status.as_u16()),
            registry: self.host().to_owned(),
            message: match words.is_empty() {
                true => format!("{} says {status}", self.host()),
                false => format!("{} says {}: {status}", self.host(), words.join(", ")),
            },
            cause: None,
        })
    }

    async fn read(&self, response: Response<Incoming>) -> Result<Bytes> {
        let body = response.into_body().collect().await;
        let body = body.map_err(|error| self.failed("broke off", error))?;
        Ok(body.to_bytes())
    }

    /// Puts some bytes there, unless they are there.
    ///
    /// # Errors
    /// Nobody answers, or the registry refuses.
    pub async fn push_blob(&self, bytes: &Bytes) -> Result<()> {
        let digest = digest(bytes);
        if self.has_blob(&digest).await? {
            return Ok(());
        }
        let url = self.upload_of(&digest, None).await?;
        let Some(url) = url else { return Ok(()) };
        let mut put = Ask::new(Method::PUT, url);
        put.kind = Some("application/octet-stream".to_owned());
        put.body = Some(bytes.clone());
        self.check(self.ask(&put).await?).await.map(drop)
    }

    async fn has_blob(&self, digest: &str) -> Result<bool> {
        let head = Ask::new(Method::HEAD, self.url(&format!("blobs/{digest}")).await?);
        Ok(self.ask(&head).await?.status().is_success())
    }

    /// Where the bytes of a digest may be put; none where the registry took them from another of
    /// its repositories.
    async fn upload_of(&self, digest: &str, from: Option<&str>) -> Result<Option<String>> {
        let mount = from.map_or_else(String::new, |path| format!("?mount={digest}&from={path}"));
        let post = Ask::new(
            Method::POST,
            self.url(&format!("blobs/uploads/{mount}")).await?,
        );
        let response = self.check(self.ask(&post).await?).await?;
        if response.status() == StatusCode::CREATED {
            return Ok(None);
        }
        let location = response.headers().get(LOCATION);
        let location = location
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let mark = match location.contains('?') {
            true => '&',
            false => '?',
        };
        let url = match location.starts_with('/') {
            true => format!("{}{location}", self.origin().await?),
            false => location.to_owned(),
        };
        Ok(Some(format!("{url}{mark}digest={digest}")))
    }

    /// Puts a manifest there under a tag or its digest.
    ///
    /// # Errors
    /// As [`Registry::push_blob`].
    pub async fn push_manifest(&self, name: &str, kind: &str, bytes: &Bytes) -> Result<()> {
        let mut put = Ask::new(Method::PUT, self.url(&format!("manifests/{name}")).await?);
        put.kind = Some(kind.to_owned());
        put.body = Some(bytes.clone());
        self.check(self.ask(&put).await?).await.map(drop)
    }

    /// Gets the manifest of a tag or a digest.
    ///
    /// # Errors
    /// As [`Registry::push_blob`].
    pub async fn manifest(&self, name: &str) -> Result<Manifest> {
        let mut get = Ask::new(Method::GET, self.url(&format!("manifests/{name}")).await?);
        get.accept = Some(MANIFESTS);
        let response = self.check(self.ask(&get).await?).await?;
        let kind = response.headers().get(CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = kind.to_owned();
        let bytes = self.read(response).await?;
        Ok(Manifest {
            kind,
            digest: digest(&bytes),
            bytes,
        })
    }

    /// Gets the bytes of a digest.
    ///
    /// # Errors
    /// As [`Registry::push_blob`]; and bytes that are not what their digest says.
    pub async fn blob(&self, wanted: &str) -> Result<Bytes> {
        let get = Ask::new(Method::GET, self.url(&format!("blobs/{wanted}")).await?);
        let response = self.check(self.redirected(get).await?).await?;
        let bytes = self.read(response).await?;
        match digest(&bytes) == wanted {
            true => Ok(bytes),
            false => Err(self.failed("sent other bytes", format!("wanted {wanted}"))),
        }
    }

    /// Follows one redirection: large registries keep bytes elsewhere, and want no login there.
    async fn redirected(&self, ask: Ask) -> Result<Response<Incoming>> {
        let response = self.ask(&ask).await?;
        let location = response.headers().get(LOCATION);
        match location.and_then(|value| value.to_str().ok()) {
            Some(url) if response.status().is_redirection() => {
                let there = Ask::new(ask.method, url.to_owned());
                let request = there
                    .build()
                    .map_err(|error| self.failed("is no host", error))?;
                let answered = self.client.request(request).await;
                answered.map_err(|error| self.failed("cannot be reached", error))
            }
            _ => Ok(response),
        }
    }
}

//! The port to the Docker Engine API: connection, calls, streams, one snapshot.
//!
//! [`Engine`] is concrete and cheap to clone. It connects with its first call, so that a command
//! which needs no engine never touches a socket. bollard makes the simple calls over our own
//! [`transport`]; what it decodes wrongly (logs, attach, exec, progress streams) is read here.

mod archive;
mod build;
mod config;
mod containers;
mod dial;
mod disk;
mod endpoint;
mod error;
mod exec;
mod filters;
mod holder;
mod images;
mod logins;
mod networks;
mod observe;
mod podman;
pub mod probe;
mod registry;
mod room;
mod ssh;
mod streams;
mod system;
mod transport;
mod volumes;

use std::sync::Arc;

pub use archive::{PathStat, Unpack};
pub use build::{
    BindMount, Failure as BuildFailure, Form as BuildForm, Job as BuildJob,
    Numbers as BuildNumbers, Recipes, recipe, steps,
};
pub use config::{ConfigFile, DockerConfig, Lookup, Proxy};
pub use containers::{Commit, Removal, Started, Until, Waiting, Which};
pub use disk::{EngineDisk, mounted_files};
pub use endpoint::{Endpoint, Selection, Tls, TlsFlags, Verify};
pub use error::{Error, Result};
pub use exec::{Attach, Console};
pub use filters::{Filters, labelled};
pub use images::{Progress, ProgressError, ProgressTransfer};
pub use logins::{Known, Login, Logins};
pub use observe::{
    Ending, Extent, Wanted, built_for, container, endings, exit_code, health, image, images,
    observe, since_1970, watch_project,
};
pub use registry::{Manifest, Registry, RegistryError, Trust, digest};
pub use streams::{
    Bytes, Channel, Chunk, Framing, Hijacked, HijackedOutput, Input, LogLine, LogLines, LogRange,
    Message, Messages, Output, Torn,
};
pub use system::{EngineEvent, EventActor, EventsSince};
pub use transport::{ApiVersion, Ping};

use transport::Transport;

/// One Docker engine.
#[derive(Clone)]
pub struct Engine {
    docker: bollard::Docker,
    transport: Arc<Transport>,
    logins: Arc<Logins>,
}

impl Engine {
    /// The engine that the command line, the environment and docker's configuration mean.
    ///
    /// # Errors
    ///
    /// An address that makes no sense. Whether anybody answers there shows with the first call.
    pub fn from_environment(selection: &Selection, config: &DockerConfig) -> Result<Self> {
        let env = |name: &str| std::env::var(name).ok();
        let endpoint = Endpoint::resolve(selection, config, &env)?;
        let pinned = match env("DOCKER_API_VERSION").filter(|text| !text.is_empty()) {
            None => None,
            Some(text) => Some(ApiVersion::parse(&text).ok_or_else(|| {
                Error::address(format!(
                    "DOCKER_API_VERSION `{text}` is no version such as `1.41`"
                ))
            })?),
        };
        Ok(Self {
            logins: Arc::new(Logins::of(config, &env)),
            ..Self::at(endpoint, pinned)?
        })
    }

    /// The engine at an address, speaking `version` or what both sides know; logged in nowhere.
    ///
    /// # Errors
    ///
    /// None that is known; bollard's constructor is fallible.
    pub fn at(endpoint: Endpoint, version: Option<ApiVersion>) -> Result<Self> {
        /// bollard limits the time until the answer begins; a stop, a commit or an upload may take
        /// as long as it takes.
        const NO_LIMIT: u64 = 10 * 365 * 24 * 3600;
        let transport = Arc::new(Transport::new(endpoint, version));
        let below = transport.clone();
        let docker = bollard::Docker::connect_with_custom_transport(
            move |request: bollard::BollardRequest| {
                let below = below.clone();
                async move {
                    below
                        .forward(request)
                        .await
                        .map_err(|error| bollard::errors::Error::IOError {
                            err: std::io::Error::other(error),
                        })
                }
            },
            Some("http://docker"),
            NO_LIMIT,
            bollard::API_DEFAULT_VERSION,
        )?;
        Ok(Self {
            docker,
            transport,
            logins: Arc::new(Logins::default()),
        })
    }

    /// Where it is.
    pub fn endpoint(&self) -> &Endpoint {
        self.transport.endpoint()
    }

    /// Who is logged in to which registry.
    pub fn logins(&self) -> &Arc<Logins> {
        &self.logins
    }

    /// What it says of itself; asked once.
    ///
    /// # Errors
    ///
    /// Nobody answers.
    pub async fn ping(&self) -> Result<Ping> {
        self.transport.ping().await
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Engine({})", self.endpoint())
    }
}

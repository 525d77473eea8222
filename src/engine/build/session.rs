//! What a build may ask of this machine while it runs: files, secrets, SSH agents, the credentials
//! of registries. BuildKit calls back over a connection that dco opens for it.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{RecvStream, server};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::task::JoinSet;

use super::agent::KeyAgent;
use super::filesync::{self, Folder};
use super::grpc::{Receiver, Sender, Status};
use super::wire::{
    AgentRequest, CredentialsRequest, CredentialsResponse, Empty, Health, Piece, SecretRequest,
    SecretResponse,
};
use crate::convert::SecretSource;
use crate::engine::error::Result;
use crate::engine::transport::Call;
use crate::engine::{Engine, Known, Login, Logins};

/// What one build may ask for.
#[derive(Clone, Default)]
pub(super) struct Offers {
    /// Folders, by the name that the builder has for them.
    pub(super) folders: BTreeMap<String, Folder>,
    /// Secrets, by id.
    pub(super) secrets: BTreeMap<String, SecretSource>,
    /// SSH agents, by id.
    pub(super) agents: BTreeMap<String, Agent>,
    /// The credentials of registries.
    pub(super) logins: Arc<Logins>,
}

/// Who answers as an SSH agent.
#[derive(Clone)]
pub(super) enum Agent {
    /// The one behind a socket.
    Socket(PathBuf),
    /// dco, with the keys of a file.
    Keys(Arc<KeyAgent>),
}

/// The calls that BuildKit may make.
const METHODS: [&str; 6] = [
    "/grpc.health.v1.Health/Check",
    "/moby.filesync.v1.Auth/Credentials",
    "/moby.filesync.v1.FileSync/DiffCopy",
    "/moby.buildkit.secrets.v1.Secrets/GetSecret",
    "/moby.sshforward.v1.SSH/CheckAgent",
    "/moby.sshforward.v1.SSH/ForwardAgent",
];

/// The connection over which BuildKit calls back.
pub(super) struct Session {
    io: TokioIo<hyper::upgrade::Upgraded>,
    offers: Offers,
}

/// What BuildKit may send before it is read: its requests for files must never wait for dco, which
/// is sending it the list.
const WINDOW: u32 = 16 << 20;

impl Session {
    /// Opens it; `id` is its name towards the engine, `key` tells contexts apart whose files the
    /// builder keeps between builds.
    pub(super) async fn open(engine: &Engine, id: &str, key: &str, offers: Offers) -> Result<Self> {
        let mut call = Call::post("/session")
            .text_header("x-docker-expose-session-uuid", id)
            .text_header("x-docker-expose-session-name", "dco")
            .text_header("x-docker-expose-session-sharedkey", key);
        for method in METHODS {
            call = call.text_header("x-docker-expose-session-grpc-method", method);
        }
        let offers = Offers {
            logins: engine.logins().clone(),
            ..offers
        };
        Ok(Self {
            io: engine.upgrade(call, "h2c").await?,
            offers,
        })
    }

    /// Answers until the engine closes the connection.
    pub(super) async fn serve(self) -> io::Result<()> {
        let mut builder = server::Builder::new();
        builder
            .initial_window_size(WINDOW)
            .initial_connection_window_size(2 * WINDOW);
        let connection = builder.handshake::<_, Bytes>(self.io).await;
        let mut connection = connection.map_err(io::Error::other)?;
        let mut calls = JoinSet::new();
        loop {
            tokio::select! {
                accepted = connection.accept() => match accepted {
                    Some(Ok((request, respond))) => {
                        calls.spawn(answer(self.offers.clone(), request, respond));
                    }
                    Some(Err(error)) => return Err(io::Error::other(error)),
                    None => return Ok(()),
                },
                Some(_) = calls.join_next() => {}
            }
        }
    }
}

/// Answers one call. What goes wrong with its stream is for BuildKit to notice.
async fn answer(offers: Offers, request: Request<RecvStream>, mut respond: SendResponse<Bytes>) {
    let headers = Response::builder().header("content-type", "application/grpc");
    let Ok(headers) = headers.body(()) else {
        return;
    };
    let Ok(stream) = respond.send_response(headers, false) else {
        return;
    };
    let mut to = Sender::new(stream);
    let (head, body) = request.into_parts();
    let from = Receiver::new(body);
    let status = match head.uri.path() {
        "/grpc.health.v1.Health/Check" => {
            to.send(&Health { status: 1 }).await.map(|()| Status::ok())
        }
        "/moby.filesync.v1.FileSync/DiffCopy" => {
            let name = head.headers.get("dir-name");
            let name = name.and_then(|name| name.to_str().ok()).unwrap_or_default();
            match offers.folders.get(name) {
                Some(folder) => filesync::serve(folder, &head.headers, from, &mut to).await,
                None => Ok(missing(&format!("no folder `{name}` is shared"))),
            }
        }
        "/moby.filesync.v1.Auth/Credentials" => credentials(&offers.logins, from, &mut to).await,
        "/moby.buildkit.secrets.v1.Secrets/GetSecret" => secret(&offers, from, &mut to).await,
        "/moby.sshforward.v1.SSH/CheckAgent" => check_agent(&offers, from, &mut to).await,
        "/moby.sshforward.v1.SSH/ForwardAgent" => {
            let id = head.headers.get("buildkit.ssh.id");
            let id = id.and_then(|id| id.to_str().ok()).unwrap_or_default();
            forward_agent(&offers, id, from, &mut to).await
        }
        other => Ok(Status::new(
            Status::UNIMPLEMENTED,
            format!("dco does not answer {other}"),
        )),
    };
    let status = status.unwrap_or_else(|error| Status::new(Status::UNKNOWN, error.to_string()));
    let _ = to.finish(&status);
}

fn missing(text: &str) -> Status {
    Status::new(Status::NOT_FOUND, text)
}

async fn secret(offers: &Offers, mut from: Receiver, to: &mut Sender) -> io::Result<Status> {
    let request: SecretRequest = from.next().await?.unwrap_or_default();
    let data = match offers.secrets.get(&request.id) {
        None => return Ok(missing(&format!("secret {}: not found", request.id))),
        Some(SecretSource::Value(value)) => value.clone().into_bytes(),
        Some(SecretSource::File(path)) => tokio::fs::read(path).await.map_err(|error| {
            io::Error::new(error.kind(), format!("{}: {error}", path.display()))
        })?,
    };
    to.send(&SecretResponse { data }).await?;
    Ok(Status::ok())
}

async fn credentials(
    logins: &Arc<Logins>,
    mut from: Receiver,
    to: &mut Sender,
) -> io::Result<Status> {
    let request: CredentialsRequest = from.next().await?.unwrap_or_default();
    let answer = match logins.of_registry(&request.host).await {
        Known::Login(Login::Password { user, secret }) => CredentialsResponse { user, secret },
        Known::Login(Login::Token(secret)) => CredentialsResponse {
            user: String::new(),
            secret,
        },
        // The registry decides what that is good for.
        Known::Nobody | Known::Trouble(_) => CredentialsResponse::default(),
    };
    to.send(&answer).await?;
    Ok(Status::ok())
}

/// A call without an id means the agent.
fn agent<'a>(offers: &'a Offers, id: &str) -> Option<&'a Agent> {
    offers.agents.get(match id {
        "" => "default",
        id => id,
    })
}

async fn check_agent(offers: &Offers, mut from: Receiver, to: &mut Sender) -> io::Result<Status> {
    let request: AgentRequest = from.next().await?.unwrap_or_default();
    if agent(offers, &request.id).is_none() {
        return Ok(missing(&format!("unset ssh forward key {}", request.id)));
    }
    to.send(&Empty {}).await?;
    Ok(Status::ok())
}

/// Passes bytes between the agent and the builder until either is done.
async fn forward_agent(
    offers: &Offers,
    id: &str,
    from: Receiver,
    to: &mut Sender,
) -> io::Result<Status> {
    match agent(offers, id) {
        None => return Ok(missing(&format!("unset ssh forward key {id}"))),
        Some(Agent::Socket(socket)) => {
            forward(UnixStream::connect(socket).await?, from, to).await?
        }
        Some(Agent::Keys(keys)) => {
            let (ours, theirs) = tokio::io::duplex(PIECE);
            tokio::try_join!(keys.serve(theirs), forward(ours, from, to))?;
        }
    }
    Ok(Status::ok())
}

/// As much as goes from an agent to the builder at once.
const PIECE: usize = 4096;

async fn forward(
    agent: impl AsyncRead + AsyncWrite,
    mut from: Receiver,
    to: &mut Sender,
) -> io::Result<()> {
    let (mut answers, mut questions) = tokio::io::split(agent);
    let asking = async {
        while let Some(piece) = from.next::<Piece>().await? {
            questions.write_all(&piece.data).await?;
        }
        questions.shutdown().await
    };
    let answering = async {
        loop {
            let mut piece = bytes::BytesMut::with_capacity(PIECE);
            if answers.read_buf(&mut piece).await? == 0 {
                return Ok::<_, io::Error>(());
            }
            let data = piece.freeze();
            to.send(&Piece { data }).await?;
        }
    };
    tokio::try_join!(asking, answering).map(drop)
}

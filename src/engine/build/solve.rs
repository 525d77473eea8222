//! A build by BuildKit, over its own interface in the engine: named contexts, secrets, agents,
//! caches, and files that are sent only where the builder lacks them.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use h2::client::SendRequest;
use hyper::{Method, Request};
use prost::Message;

use super::agent::KeyAgent;
use super::filesync::Folder;
use super::grpc::{Receiver, Sender, Status};
use super::session::{Agent, Offers, Session};
use super::transcript::Transcript;
use super::wire::{
    CacheEntry, CacheOptions, ErrorSource, SolveRequest, SolveResponse, StatusRequest,
    StatusResponse,
};
use super::{Failure, Form, Job, NAMED_CONTEXTS, Spot, raw};
use crate::convert::{Cache, Dockerfile, ImageBuild, Pull, Source};
use crate::engine::Engine;
use crate::engine::error::Error;
use crate::engine::transport::{Call, broken};
use crate::name::ImageId;
use crate::project::SshKey;

/// What the folder of the Dockerfile is called towards BuildKit, and that of the context.
const DOCKERFILE: &str = "dockerfile";
const CONTEXT: &str = "context";

/// Builds an image and returns its id.
pub(super) async fn build(engine: &Engine, job: &Job<'_>) -> Result<ImageId, Failure> {
    let id = unique();
    let (offers, frontend) = plan(job.build)?;
    let session = Session::open(engine, &id, &shared_key(job.build), offers).await?;
    let io = engine.upgrade(Call::post("/grpc"), "h2c").await?;
    let handshake = h2::client::handshake(io).await;
    let (control, connection) = handshake.map_err(|cause| broken("POST /grpc", cause))?;
    let request = request(job.build, &id, frontend);
    let mut transcript = Transcript::new(job.build.service.clone(), job.numbers.clone());
    let work = async {
        let solving = solve(control.clone(), request);
        let watching = watch(control.clone(), &id, &mut transcript, job);
        let (solved, watched) = tokio::join!(solving, watching);
        // What broke the progress broke the build too, or does not matter.
        drop(watched);
        solved.map_err(|cause| broken("POST /grpc", cause))
    };
    // Either connection may end early; that ends the work, which then says why.
    let connections = async {
        let (session, control) = tokio::join!(session.serve(), connection);
        tracing::debug!(target: "dco::engine", ?session, ?control, "the builder hung up");
        std::future::pending::<()>().await;
    };
    let (status, answer) = tokio::select! {
        solved = work => solved?,
        () = connections => unreachable!("it waits for ever"),
    };
    if status.code != 0 {
        if job.form == Form::Plain {
            for line in transcript.failure(&status.message) {
                (job.say)(line);
            }
        }
        return Err(failure(job.build, &status));
    }
    let digest = answer.and_then(|mut answer| answer.exporter.remove("containerimage.digest"));
    digest.map(ImageId::new).ok_or_else(|| {
        Failure::Engine(Error::Failed(
            "the builder did not say which image it made".to_owned(),
        ))
    })
}

/// A name that no other build has.
fn unique() -> String {
    use std::time::{SystemTime, UNIX_EPOCH};
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let nanos = now.map_or(0, |now| now.as_nanos());
    let mut hasher = std::hash::BuildHasher::build_hasher(&std::hash::RandomState::new());
    (nanos, std::process::id()).hash(&mut hasher);
    // BuildKit takes 25 characters of base 36 itself; any text without blanks does.
    format!("{:016x}{:09x}", hasher.finish(), nanos & 0xf_ffff_ffff)
}

/// Tells contexts apart: the builder keeps their files between builds.
fn shared_key(build: &ImageBuild) -> String {
    let machine = std::fs::read_to_string("/etc/machine-id").unwrap_or_default();
    let mut hasher = DefaultHasher::new();
    machine.hash(&mut hasher);
    format!("{:?}", build.context).hash(&mut hasher);
    format!("dco:{:016x}", hasher.finish())
}

/// What this machine offers the build, and what the frontend is told.
fn plan(build: &ImageBuild) -> Result<(Offers, HashMap<String, String>), Failure> {
    let mut offers = Offers {
        secrets: build.secrets.clone(),
        agents: agents(build)?,
        ..Offers::default()
    };
    let mut told = attributes(build);
    match &build.context {
        Source::Folder(folder) => {
            require_folder(folder)?;
            offers
                .folders
                .insert(CONTEXT.into(), Folder::Disk(folder.clone()));
        }
        Source::Remote(url) => {
            told.insert("context".into(), url.clone());
        }
    }
    for (name, source) in &build.contexts {
        let value = match source {
            Source::Remote(url) => url.clone(),
            Source::Folder(folder) => {
                require_folder(folder)?;
                offers
                    .folders
                    .insert(name.clone(), Folder::Disk(folder.clone()));
                format!("local:{name}")
            }
        };
        told.insert(format!("context:{name}"), value);
    }
    if !build.contexts.is_empty() {
        // A frontend that does not know them says so; else it would build without.
        told.insert("frontend.caps".into(), format!("{NAMED_CONTEXTS}+forward"));
    }
    match &build.dockerfile {
        Dockerfile::InContext(name) => {
            told.insert("filename".into(), name.clone());
        }
        Dockerfile::Inline(text) => {
            let name = "Dockerfile".to_owned();
            let text = text.clone();
            offers
                .folders
                .insert(DOCKERFILE.into(), Folder::Single { name, text });
        }
        Dockerfile::File(path) => {
            let (folder, name) = dockerfile(path)?;
            told.insert("filename".into(), name);
            offers
                .folders
                .insert(DOCKERFILE.into(), Folder::Disk(folder));
        }
    }
    Ok((offers, told))
}

fn require_folder(folder: &Path) -> Result<(), Failure> {
    match folder.is_dir() {
        true => Ok(()),
        false => Err(Failure::NoContext(folder.to_owned())),
    }
}

/// The folder and the name of a Dockerfile.
fn dockerfile(path: &Path) -> Result<(PathBuf, String), Failure> {
    let missing = || Failure::NoDockerfile(path.to_owned());
    // BuildKit itself takes `dockerfile` for a missing `Dockerfile`.
    let lower = path.with_file_name("dockerfile");
    let there = match path.is_file() {
        true => path,
        false if path.ends_with("Dockerfile") && lower.is_file() => &lower,
        false => return Err(missing()),
    };
    let folder = there.parent().ok_or_else(missing)?;
    let name = there.file_name().and_then(|name| name.to_str());
    Ok((folder.to_owned(), name.ok_or_else(missing)?.to_owned()))
}

/// The SSH agents of a build, by id: those behind sockets, and dco itself for a file of keys.
fn agents(build: &ImageBuild) -> Result<BTreeMap<String, Agent>, Failure> {
    use std::os::unix::fs::FileTypeExt;
    let agent = |key: &SshKey| {
        let usual = || std::env::var_os("SSH_AUTH_SOCK").filter(|path| !path.is_empty());
        let path = match key.path.as_str() {
            "" => usual().map(PathBuf::from),
            path => Some(PathBuf::from(path)),
        };
        let path = path.ok_or_else(|| Failure::NoAgent(key.id.clone()))?;
        let kind = std::fs::metadata(&path).map(|found| found.file_type());
        let agent = match kind.is_ok_and(|kind| kind.is_socket()) {
            true => Agent::Socket(path),
            false => match KeyAgent::read(&path) {
                Ok(keys) => Agent::Keys(Arc::new(keys)),
                Err(trouble) => return Err(Failure::NoKey(path, trouble)),
            },
        };
        Ok((key.id.clone(), agent))
    };
    build.ssh.iter().map(agent).collect()
}

/// The attributes that BuildKit's Dockerfile frontend knows.
fn attributes(build: &ImageBuild) -> HashMap<String, String> {
    let mut told = HashMap::new();
    let mut tell = |key: &str, value: String| {
        if !value.is_empty() {
            told.insert(key.to_owned(), value);
        }
    };
    tell("target", build.target.clone());
    tell("platform", build.platforms.join(","));
    tell("add-hosts", hosts(&build.extra_hosts));
    tell("ulimit", build.ulimits.join(","));
    if build.shm_size > 0 {
        tell("shm-size", build.shm_size.to_string());
    }
    // Other networks exist only where containers run: the builder says so itself.
    if !matches!(build.network.as_str(), "" | "default") {
        tell("force-network-mode", build.network.clone());
    }
    if build.pull == Pull::Always {
        tell("image-resolve-mode", "pull".to_owned());
    }
    if !build.cache_from.is_empty() {
        let imports: Vec<serde_json::Value> = build
            .cache_from
            .iter()
            .map(|text| {
                let entry = cache_entry(text);
                serde_json::json!({"Type": entry.r#type, "Attrs": entry.attrs})
            })
            .collect();
        tell(
            "cache-imports",
            serde_json::Value::from(imports).to_string(),
        );
    }
    match &build.cache {
        Cache::Use => {}
        // Present and empty: every stage.
        Cache::Ignore => {
            told.insert("no-cache".to_owned(), String::new());
        }
        Cache::IgnoreStages(stages) => {
            told.insert("no-cache".to_owned(), stages.join(","));
        }
    }
    let args = build.args.iter();
    told.extend(args.map(|(key, value)| (format!("build-arg:{key}"), value.clone())));
    let labels = build.labels.iter();
    told.extend(labels.map(|(key, value)| (format!("label:{key}"), value.clone())));
    told
}

/// `host:address` → `host=address`, as the frontend reads them.
fn hosts(entries: &[String]) -> String {
    let pairs = entries.iter().map(|entry| entry.replacen(':', "=", 1));
    pairs.collect::<Vec<_>>().join(",")
}

/// `type=registry,ref=x`, or an image's name alone.
fn cache_entry(text: &str) -> CacheEntry {
    let mut attrs: HashMap<String, String> = match text.contains('=') {
        false => [("ref".to_owned(), text.to_owned())].into(),
        true => text
            .split(',')
            .filter_map(|pair| pair.split_once('='))
            .map(|(key, value)| (key.trim().to_owned(), value.to_owned()))
            .collect(),
    };
    let r#type = attrs
        .remove("type")
        .unwrap_or_else(|| "registry".to_owned());
    CacheEntry { r#type, attrs }
}

fn request(build: &ImageBuild, id: &str, frontend: HashMap<String, String>) -> SolveRequest {
    let exports: Vec<_> = build
        .cache_to
        .iter()
        .map(|text| cache_entry(text))
        .collect();
    SolveRequest {
        r#ref: id.to_owned(),
        exporter: "moby".into(),
        exporter_attrs: [("name".to_owned(), build.tags.join(","))].into(),
        session: id.to_owned(),
        frontend: "dockerfile.v0".into(),
        frontend_attrs: frontend,
        cache: Some(CacheOptions { exports }),
        entitlements: build.entitlements.clone(),
    }
}

/// Makes a call with one message.
async fn call(
    control: SendRequest<Bytes>,
    path: &str,
    message: &impl Message,
) -> io::Result<(hyper::HeaderMap, Receiver)> {
    let request = Request::builder()
        .method(Method::POST)
        .uri(format!("http://localhost{path}"))
        .header("te", "trailers")
        .header("content-type", "application/grpc")
        .body(())
        .map_err(io::Error::other)?;
    let mut control = control.ready().await.map_err(io::Error::other)?;
    let (response, stream) = control
        .send_request(request, false)
        .map_err(io::Error::other)?;
    let mut sender = Sender::new(stream);
    sender.send(message).await?;
    sender.close()?;
    let (head, body) = response.await.map_err(io::Error::other)?.into_parts();
    Ok((head.headers, Receiver::new(body)))
}

async fn solve(
    control: SendRequest<Bytes>,
    request: SolveRequest,
) -> io::Result<(Status, Option<SolveResponse>)> {
    let path = "/moby.buildkit.v1.Control/Solve";
    let (headers, mut receiver) = call(control, path, &request).await?;
    // An answer without messages carries its status in the headers.
    if headers.contains_key("grpc-status") {
        return Ok((Status::read(&headers), None));
    }
    let answer = receiver.next().await?;
    Ok((receiver.status().await?, answer))
}

/// Says what happens until the build is over.
async fn watch(
    control: SendRequest<Bytes>,
    id: &str,
    transcript: &mut Transcript,
    job: &Job<'_>,
) -> io::Result<()> {
    let request = StatusRequest {
        r#ref: id.to_owned(),
    };
    let path = "/moby.buildkit.v1.Control/Status";
    let (_, mut receiver) = call(control, path, &request).await?;
    while let Some(status) = receiver.next::<StatusResponse>().await? {
        let lines = match job.form {
            Form::Plain => transcript.take(status),
            Form::Raw => Vec::from_iter(raw::line(&job.build.service, &status)),
        };
        lines.into_iter().for_each(job.say);
    }
    Ok(())
}

/// The failure of a build, with the lines of the Dockerfile that BuildKit names.
fn failure(build: &ImageBuild, status: &Status) -> Failure {
    let spot = status.details.details.iter().find_map(|detail| {
        let source = match detail.type_url.contains("errdefs.Source") {
            true => ErrorSource::decode(detail.value.as_slice()).ok()?,
            false => return None,
        };
        let info = source.info?;
        let range = source.ranges.first()?;
        let line = |at: Option<super::wire::SourcePosition>| usize::try_from(at?.line).ok();
        let first = line(range.start)?;
        Some(Spot {
            file: shown(build, &info.filename),
            text: String::from_utf8(info.data).ok()?,
            lines: first..=line(range.end).unwrap_or(first),
        })
    });
    Failure::Build {
        service: build.service.clone(),
        message: format!("failed to solve: {}", status.message),
        code: 1,
        spot: spot.map(Box::new),
        output: Vec::new(),
    }
}

/// How the Dockerfile is called towards the user.
fn shown(build: &ImageBuild, name: &str) -> String {
    match &build.dockerfile {
        Dockerfile::File(path) => path.display().to_string(),
        Dockerfile::Inline(_) => "dockerfile_inline".to_owned(),
        Dockerfile::InContext(_) => name.to_owned(),
    }
}

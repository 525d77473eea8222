//! A build by the engine's first builder, for engines and users without BuildKit: the whole context
//! goes up as one tar.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use tokio::sync::mpsc;

use super::context::{Found, Selection, list};
use super::{Failure, Job};
use crate::convert::{Cache, Dockerfile, ImageBuild, Pull, Source};
use crate::engine::images::Progress;
use crate::engine::streams::{Message, Messages};
use crate::engine::transport::Call;
use crate::engine::{Engine, error::Error};
use crate::name::ImageId;
use crate::text::dockerignore::Patterns;

/// The name under which a Dockerfile travels that is no file of the context.
const TRAVELLING: &str = ".dco.Dockerfile";

/// A message of the builder; a failure comes with its exit code, so it is read here.
#[derive(serde::Deserialize)]
#[serde(transparent)]
struct Said(Progress);

impl Message for Said {
    fn failure(&self) -> Option<&str> {
        None
    }
}

/// Builds an image and returns its id.
pub(super) async fn build(engine: &Engine, job: &Job<'_>) -> Result<ImageId, Failure> {
    let build = job.build;
    let (call, context) = match &build.context {
        Source::Remote(url) => {
            let name = match &build.dockerfile {
                Dockerfile::InContext(name) => name.as_str(),
                Dockerfile::File(_) | Dockerfile::Inline(_) => "Dockerfile",
            };
            (call(build, name).query("remote", url), None)
        }
        Source::Folder(folder) => {
            let context = Context::prepare(build, folder)?;
            (call(build, &context.dockerfile), Some(context))
        }
    };
    let call = call.registries(&engine.logins().all().await);
    let call = match context {
        Some(context) => call.tar(context.stream()),
        None => call,
    };
    follow(engine, job, call).await
}

/// Reads what the builder says until it is done.
async fn follow(engine: &Engine, job: &Job<'_>, call: Call) -> Result<ImageId, Failure> {
    let mut messages: Messages<Said> = engine.messages(call).await?;
    let mut image = None;
    let mut partial = String::new();
    while let Some(message) = messages.next().await {
        let Said(message) = message?;
        if let Some(text) = message.stream {
            partial.push_str(&text);
            while let Some(end) = partial.find('\n') {
                let line: String = partial.drain(..=end).collect();
                (job.say)(line.trim_end_matches(['\n', '\r']).to_owned());
            }
        } else if let (Some(status), None) = (&message.status, &message.transfer) {
            let line = match &message.id {
                Some(id) => format!("{id}: {status}"),
                None => status.clone(),
            };
            (job.say)(line);
        }
        if let Some(error) = message.error_detail {
            let text = error.message.or(message.error).unwrap_or_default();
            return Err(Failure::Build {
                service: job.build.service.clone(),
                // Podman's ends with lines of nothing.
                message: text.trim_end().to_owned(),
                code: error.code.filter(|code| *code != 0).unwrap_or(1),
                spot: None,
                output: Vec::new(),
            });
        }
        if let Some(aux) = message.aux {
            image = aux["ID"].as_str().map(ImageId::from).or(image);
        }
    }
    image.ok_or_else(|| {
        Failure::Engine(Error::Failed(
            "the builder did not say which image it made".to_owned(),
        ))
    })
}

/// The call, without its body.
fn call(build: &ImageBuild, dockerfile: &str) -> Call {
    let json = |value: &crate::project::Mapping| serde_json::json!(value).to_string();
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let number = |number: i64| (number > 0).then_some(number);
    let mut call = Call::post("/build")
        .query("version", 1)
        .query("dockerfile", dockerfile)
        .query("rm", 1)
        .query("forcerm", 1)
        .query("buildargs", json(&build.args))
        .query("labels", json(&build.labels))
        .query_if("target", text(&build.target))
        .query_if("networkmode", text(&build.network))
        .query_if("extrahosts", text(&build.extra_hosts.join(",")))
        .query_if("platform", build.platforms.first())
        .query_if("shmsize", number(build.shm_size))
        .query_if("memory", number(build.memory))
        .query_if("nocache", (build.cache == Cache::Ignore).then_some(1))
        .query_if("pull", (build.pull == Pull::Always).then_some(1))
        .query_if("isolation", text(&build.isolation));
    if !build.cache_from.is_empty() {
        call = call.query("cachefrom", serde_json::json!(build.cache_from));
    }
    if !build.ulimits.is_empty() {
        call = call.query("ulimits", ulimits(&build.ulimits));
    }
    // Further names come first, as Compose has it: the last one is the image's own.
    let names = build.tags.iter().skip(1).chain(build.tags.first());
    call = names.fold(call, |call, tag| call.query("t", tag));
    call
}

fn ulimits(limits: &[String]) -> serde_json::Value {
    let limits = limits.iter().filter_map(|limit| {
        let (name, values) = limit.split_once('=')?;
        let (soft, hard) = values.split_once(':')?;
        let number = |text: &str| text.parse::<i64>().ok();
        Some(serde_json::json!({"Name": name, "Soft": number(soft)?, "Hard": number(hard)?}))
    });
    limits.collect()
}

/// A context that is ready to travel.
struct Context {
    files: Vec<Found>,
    /// The Dockerfile's path in it.
    dockerfile: String,
    /// A Dockerfile that is no file of the context.
    extra: Option<Vec<u8>>,
}

impl Context {
    fn prepare(build: &ImageBuild, folder: &Path) -> Result<Self, Failure> {
        if !folder.is_dir() {
            return Err(Failure::NoContext(folder.to_owned()));
        }
        let (dockerfile, extra) = match &build.dockerfile {
            Dockerfile::Inline(text) => (TRAVELLING.to_owned(), Some(text.clone().into_bytes())),
            Dockerfile::InContext(name) => (name.clone(), None),
            Dockerfile::File(path) => {
                if !path.is_file() {
                    return Err(Failure::NoDockerfile(path.clone()));
                }
                match inside(folder, path) {
                    Some(name) => (name, None),
                    None => {
                        let text = std::fs::read(path).map_err(Failure::Context)?;
                        (TRAVELLING.to_owned(), Some(text))
                    }
                }
            }
        };
        let mut ignore = match std::fs::read_to_string(folder.join(".dockerignore")) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(Failure::Context(error)),
        };
        // The builder needs both itself; it takes them out again where they are ignored.
        ignore.push_str(&format!("\n!.dockerignore\n!{dockerfile}\n"));
        let excludes = Patterns::read(&ignore)
            .map_err(|bad| Failure::Context(io::Error::other(format!(".dockerignore: {bad}"))))?;
        let selection = Selection {
            excludes,
            includes: None,
        };
        Ok(Self {
            files: list(folder, &selection).map_err(Failure::Context)?,
            dockerfile,
            extra,
        })
    }

    /// The tar, made as it is sent.
    fn stream(self) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
        let (sender, mut receiver) = mpsc::channel(4);
        // Ends with the receiver at the latest: a write into a closed channel fails.
        tokio::task::spawn_blocking(move || {
            let mut pieces = Pieces {
                sender,
                piece: Vec::with_capacity(PIECE),
            };
            if let Err(error) = self.write(&mut pieces) {
                let _ = pieces.sender.blocking_send(Err(error));
            }
        });
        futures_util::stream::poll_fn(move |cx| receiver.poll_recv(cx))
    }

    fn write(self, to: &mut Pieces) -> io::Result<()> {
        let mut tar = tar::Builder::new(to);
        for found in &self.files {
            append(&mut tar, found)?;
        }
        if let Some(text) = self.extra {
            let mut header = tar::Header::new_gnu();
            header.set_mode(0o600);
            header.set_size(text.len() as u64);
            tar.append_data(&mut header, TRAVELLING, text.as_slice())?;
        }
        tar.into_inner()?.flush()
    }
}

/// The path of a file from a folder, where it is in it.
fn inside(folder: &Path, path: &Path) -> Option<String> {
    let real = |path: &Path| std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    // A link in the context is taken for itself: what it leads to may be outside.
    let parent = real(path.parent()?);
    let path = parent.join(path.file_name()?);
    let inside: PathBuf = path.strip_prefix(real(folder)).ok()?.to_owned();
    inside.to_str().map(str::to_owned)
}

fn append(tar: &mut tar::Builder<&mut Pieces>, found: &Found) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt;
    let metadata = &found.metadata;
    let mut header = tar::Header::new_gnu();
    header.set_mode(metadata.mode() & 0o7777);
    header.set_mtime(u64::try_from(metadata.mtime()).unwrap_or(0));
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(0);
    if metadata.is_dir() {
        header.set_entry_type(tar::EntryType::Directory);
        return tar.append_data(&mut header, &found.path, io::empty());
    }
    if metadata.is_symlink() {
        header.set_entry_type(tar::EntryType::Symlink);
        let target = std::fs::read_link(&found.on_disk)?;
        return tar.append_link(&mut header, &found.path, target);
    }
    if !metadata.is_file() {
        return Ok(());
    }
    let named = |error: io::Error| {
        io::Error::new(
            error.kind(),
            format!("{}: {error}", found.on_disk.display()),
        )
    };
    let file = std::fs::File::open(&found.on_disk).map_err(named)?;
    let size = file.metadata().map_err(named)?.len();
    header.set_size(size);
    // Exactly as many bytes as the header says, whatever happens to the file meanwhile.
    let content = io::Read::take(io::Read::chain(file, io::repeat(0)), size);
    tar.append_data(&mut header, &found.path, content)
}

/// As much as is sent at once.
const PIECE: usize = 64 * 1024;

/// Hands what is written on in pieces.
struct Pieces {
    sender: mpsc::Sender<io::Result<Bytes>>,
    piece: Vec<u8>,
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(PIECE - self.piece.len());
        self.piece.extend_from_slice(&bytes[..taken]);
        if self.piece.len() == PIECE {
            self.flush()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE));
        let sent = self.sender.blocking_send(Ok(piece.into()));
        sent.map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

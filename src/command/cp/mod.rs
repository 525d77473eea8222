//! `dco cp`: files between a container and here, by the rules of `docker cp`.

mod pack;
mod place;
mod unpack;

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use futures_util::{StreamExt, future, stream};
use tokio::sync::mpsc;

use super::Context;
use super::target::{self, Wanted};
use crate::engine::{Engine, Unpack, Which};
use crate::event::{Event, Resource, Status};
use crate::plan::observed::Container;
use crate::report;
use place::{End, Follow, Found, Route, Side};
use unpack::Renamed;

/// Copy files between a container and the local file system
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "dco cp [OPTIONS] SERVICE:SRC_PATH DEST_PATH|-\n       dco cp [OPTIONS] SRC_PATH|- SERVICE:DEST_PATH",
    after_help = "Examples:
  dco cp web:/var/log/app.log .
  dco cp ./seed.sql db:/tmp/
  dco cp web:/app - | tar tv"
)]
pub struct Args {
    /// Include containers that `run` made
    #[arg(long)]
    all: bool,

    /// Keep the owners of the files
    #[arg(short, long)]
    archive: bool,

    /// Copy what a link leads to instead of the link
    #[arg(short = 'L', long)]
    follow_link: bool,

    /// Number of the container (default: the first to copy from, all of them to copy to)
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    index: u32,

    /// `SERVICE:PATH`, a path here, or `-` for a tar on standard input
    #[arg(value_name = "SRC_PATH")]
    source: String,

    /// A path here, `-` for a tar on standard output, or `SERVICE:PATH`
    #[arg(value_name = "DEST_PATH")]
    destination: String,
}

/// How many pieces of a tar may wait between file system and engine.
const PIECES_AHEAD: usize = 4;
/// The size of a piece.
const PIECE: usize = 64 * 1024;

/// Finds the containers, and copies from the first or to all of them.
pub async fn run(args: &Args, cx: &Context) -> Result<ExitCode> {
    if args.source.is_empty() {
        bail!("source can not be empty");
    }
    if args.destination.is_empty() {
        bail!("destination can not be empty");
    }
    match (Side::parse(&args.source), Side::parse(&args.destination)) {
        (Side::Service(..), Side::Service(..)) => {
            bail!("copying between services is not supported")
        }
        (Side::Here(_), Side::Here(_)) => bail!("unknown copy direction"),
        (Side::Service(service, from), Side::Here(to)) => {
            let engine = cx.engine()?;
            let containers = containers(&engine, &service, (args, cx)).await?;
            let copy = Copy {
                args,
                cx,
                engine: &engine,
                container: &containers[0],
            };
            let line = format!("{service}:{from} to {to}");
            copy.telling(&line, copy.fetch(&from, &to)).await?;
        }
        (Side::Here(from), Side::Service(service, to)) => {
            let engine = cx.engine()?;
            let containers = containers(&engine, &service, (args, cx)).await?;
            let tar = match from.as_str() {
                "-" => Some(Input::open(containers.len()).await?),
                _ => None,
            };
            let copies = containers.iter().map(|container| {
                let copy = Copy {
                    args,
                    cx,
                    engine: &engine,
                    container,
                };
                let line = format!("{from} to {service}:{to}");
                let (from, to, tar) = (&from, &to, tar.as_ref());
                async move {
                    match tar {
                        Some(tar) => copy.telling(&line, copy.send_tar(tar, to)).await,
                        None => copy.telling(&line, copy.send(from, to)).await,
                    }
                }
            });
            for copied in future::join_all(copies).await {
                copied?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The containers that are meant, at least one.
async fn containers(
    engine: &Engine,
    service: &str,
    (args, cx): (&Args, &Context),
) -> Result<Vec<Container>> {
    let project = cx.project_name()?;
    let wanted = Wanted {
        project: &project,
        service,
        index: args.index,
        which: Which::All,
    };
    if args.index > 0 {
        return Ok(vec![target::first(engine, &wanted, cx).await?]);
    }
    let mut found = target::of_service(engine, &wanted).await?;
    found.retain(|container| args.all || !container.one_off);
    match found.is_empty() {
        true => bail!("no container found for service \"{service}\""),
        false => Ok(found),
    }
}

/// A tar on standard input.
enum Input {
    /// Read as it comes, for one container.
    Stream,
    /// Read whole: it goes to several.
    Whole(bytes::Bytes),
}

impl Input {
    async fn open(readers: usize) -> Result<Self> {
        use tokio::io::AsyncReadExt;
        if readers == 1 {
            return Ok(Self::Stream);
        }
        let mut whole = Vec::new();
        tokio::io::stdin().read_to_end(&mut whole).await?;
        Ok(Self::Whole(whole.into()))
    }
}

/// One copy from or to one container.
struct Copy<'a> {
    args: &'a Args,
    cx: &'a Context,
    engine: &'a Engine,
    container: &'a Container,
}

impl Copy<'_> {
    /// Says that a copy begins, and that it is done.
    async fn telling(&self, line: &str, copy: impl Future<Output = Result<()>>) -> Result<()> {
        let say = |status, text: &str| {
            self.cx.events().emit(Event::Progress {
                resource: Resource::Container(self.container.name.clone()),
                status,
                text: text.to_owned(),
                details: line.to_owned(),
                transfer: None,
            });
        };
        say(Status::Working, "Copying");
        let copied = copy.await;
        match &copied {
            Ok(()) => say(Status::Done, "Copied"),
            Err(_) => say(Status::Error, "Error"),
        }
        copied.with_context(|| format!("cannot copy {line}"))
    }

    /// From the container to a path here, or to standard output.
    async fn fetch(&self, from: &str, to: &str) -> Result<()> {
        let to = match to {
            "-" => None,
            to => Some(place::absolute(to, &std::env::current_dir()?)),
        };
        if let Some(to) = &to {
            check_output(to)?;
        }
        let source = self.source(from).await?;
        let Some(to) = to else {
            if self.cx.globals.dry_run {
                return Ok(());
            }
            return self.print(&source.path).await;
        };
        let destination = place::destination(&to)?;
        let route = place::route(&source, &destination)?;
        if self.cx.globals.dry_run {
            return Ok(());
        }
        let (_, mut tar) = self
            .engine
            .get_archive(&self.container.id, &source.path)
            .await?;
        let renamed = Renamed {
            from: match place::split(&source.path).1.as_str() {
                "/" => String::new(),
                name => name.to_owned(),
            },
            to: route.top,
        };
        let directory = PathBuf::from(route.directory);
        let (sender, receiver) = mpsc::channel(PIECES_AHEAD);
        let writing = tokio::task::spawn_blocking(move || {
            unpack::write(unpack::Pipe::new(receiver), &directory, &renamed)
        });
        while let Some(piece) = tar.next().await {
            let piece = piece.map_err(std::io::Error::other);
            // Who reads no more has failed, and says why.
            if sender.send(piece).await.is_err() {
                break;
            }
        }
        drop(sender);
        writing.await?
    }

    /// What lies at a path of the container; with `-L` a link leads on.
    async fn source(&self, path: &str) -> Result<End> {
        let lost = || {
            format!(
                "could not find the file {path} in container {}",
                self.container.name
            )
        };
        let stat = self.engine.stat(&self.container.id, path).await?;
        let stat = stat.with_context(lost)?;
        if !self.args.follow_link || !stat.is_symlink() {
            return Ok(End {
                path: path.to_owned(),
                found: Found::of(stat.is_directory()),
                called: None,
            });
        }
        let target = place::beside(path, &stat.link_target);
        let (path, called) = place::followed(path, &target);
        let stat = self.engine.stat(&self.container.id, &path).await?;
        let stat = stat.with_context(lost)?;
        Ok(End {
            path,
            found: Found::of(stat.is_directory()),
            called,
        })
    }

    /// The tar of a path, to standard output.
    async fn print(&self, path: &str) -> Result<()> {
        if self.cx.terminal.stdout {
            bail!("a tar is no good on a terminal: send it to a file or a program");
        }
        let (_, mut tar) = self.engine.get_archive(&self.container.id, path).await?;
        let mut out = report::stdout();
        while let Some(piece) = tar.next().await {
            out.write_all(&piece?)?;
        }
        Ok(out.flush()?)
    }

    /// From a path here to the container.
    async fn send(&self, from: &str, to: &str) -> Result<()> {
        let from = place::absolute(from, &std::env::current_dir()?);
        let destination = self.destination(to).await?;
        let follow = match self.args.follow_link {
            true => Follow::Links,
            false => Follow::Nothing,
        };
        let source = place::source(&from, follow)?;
        let Route { directory, top } = place::route(&source, &destination)?;
        if destination.found == Found::Nothing {
            self.check_directory(&directory).await?;
        }
        if self.cx.globals.dry_run {
            return Ok(());
        }
        let path = match place::split(&source.path) {
            (parent, name) if name == "." => PathBuf::from(parent),
            (parent, name) => Path::new(&parent).join(name),
        };
        let (sender, mut receiver) = mpsc::channel(PIECES_AHEAD);
        let packing = tokio::task::spawn_blocking(move || {
            let failed = sender.clone();
            let output = BufWriter::with_capacity(PIECE, pack::Pipe(sender));
            let packed = pack::write(&path, &top, output);
            if packed.is_err() {
                // Half a tar must not look like a whole one.
                let _ = failed.blocking_send(Err(std::io::ErrorKind::UnexpectedEof.into()));
            }
            packed
        });
        let pieces = stream::poll_fn(move |cx| receiver.poll_recv(cx));
        let sent = self.put(&directory, pieces).await;
        match packing.await? {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
            _ => sent,
        }
    }

    /// A tar from standard input to the container.
    async fn send_tar(&self, tar: &Input, to: &str) -> Result<()> {
        let destination = self.destination(to).await?;
        if destination.found != Found::Directory {
            bail!(
                "destination \"{}:{to}\" must be a directory",
                self.container.name
            );
        }
        if self.cx.globals.dry_run {
            return Ok(());
        }
        match tar {
            Input::Whole(bytes) => {
                let piece = stream::iter([Ok(bytes.clone())]);
                self.put(&destination.path, piece).await
            }
            Input::Stream => {
                let stdin = tokio_util::io::ReaderStream::with_capacity(tokio::io::stdin(), PIECE);
                self.put(&destination.path, stdin).await
            }
        }
    }

    async fn put(
        &self,
        directory: &str,
        tar: impl stream::Stream<Item = std::io::Result<bytes::Bytes>> + Send + 'static,
    ) -> Result<()> {
        let how = Unpack {
            keep_kinds: true,
            keep_owners: self.args.archive,
        };
        let id = &self.container.id;
        Ok(self.engine.put_archive(id, directory, tar, how).await?)
    }

    /// What lies where the copy goes in the container; a link leads on.
    async fn destination(&self, path: &str) -> Result<End> {
        let id = &self.container.id;
        let mut at = path.to_owned();
        let mut stat = self.engine.stat(id, &at).await?;
        if let Some(link) = stat.as_ref().filter(|stat| stat.is_symlink()) {
            at = place::beside(&at, &link.link_target);
            stat = self.engine.stat(id, &at).await?;
        }
        if let Some(stat) = &stat
            && stat.is_device()
        {
            bail!(
                "destination \"{}:{path}\" must be a directory or a regular file: got a device",
                self.container.name
            );
        }
        Ok(End {
            path: at,
            found: stat.map_or(Found::Nothing, |stat| Found::of(stat.is_directory())),
            called: None,
        })
    }

    /// Says early, and by name, what the engine would say late and by id.
    async fn check_directory(&self, directory: &str) -> Result<()> {
        match self.engine.stat(&self.container.id, directory).await? {
            Some(_) => Ok(()),
            None => bail!(
                "could not find the directory {directory} in container {}",
                self.container.name
            ),
        }
    }
}

/// Refuses what no copy can be written to: a directory that is not there, a device.
fn check_output(path: &str) -> Result<()> {
    use std::os::unix::fs::FileTypeExt;
    let (parent, _) = place::split(path);
    if !Path::new(&parent).exists() {
        bail!("invalid output path: directory {parent:?} does not exist");
    }
    match std::fs::metadata(path) {
        Ok(found) => {
            let kind = found.file_type();
            if kind.is_char_device() || kind.is_block_device() {
                bail!(
                    "invalid output path: {path:?} must be a directory or a regular file: got a device"
                );
            }
            Ok(())
        }
        Err(_) => Ok(()),
    }
}

//! `dco export`: a container's whole file system as a tar.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use futures_util::StreamExt;

use super::Context;
use super::target;
use crate::event::{Event, Resource, Status};
use crate::report;

/// Export a container's file system as a tar
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  dco export -o web.tar web")]
pub struct Args {
    /// Number of the container, where the service has several
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    index: u32,

    /// Write to this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// The service
    service: String,
}

/// Finds the running container and writes its files.
pub async fn run(args: &Args, cx: &Context) -> Result<ExitCode> {
    let (engine, container) = target::running(cx, &args.service, args.index).await?;
    let output = args.output.as_deref();
    let output = output.filter(|path| !path.as_os_str().is_empty());
    if output.is_none() && cx.terminal.stdout {
        bail!("output option is required when exporting to terminal");
    }
    let say = |status, text: &str| {
        cx.events().emit(Event::Progress {
            resource: Resource::Container(container.name.clone()),
            status,
            text: text.to_owned(),
            details: String::new(),
            transfer: None,
        });
    };
    say(Status::Working, "Exporting");
    if !cx.globals.dry_run {
        let mut tar = engine.export_container(&container.id).await?;
        let mut sink = Sink::open(output)?;
        while let Some(piece) = tar.next().await {
            sink.write(&piece?)?;
        }
        sink.finish()?;
    }
    say(Status::Done, "Exported");
    Ok(ExitCode::SUCCESS)
}

/// Where the tar goes.
enum Sink {
    /// To standard output.
    Out,
    /// To a file, which gets its name when it is whole.
    File {
        file: File,
        part: PathBuf,
        path: PathBuf,
        whole: bool,
    },
}

impl Sink {
    fn open(path: Option<&Path>) -> Result<Self> {
        let Some(path) = path else {
            return Ok(Self::Out);
        };
        let shown = path.display();
        let Some(name) = path.file_name().filter(|_| !path.is_dir()) else {
            bail!("cannot write `{shown}`: it is a directory");
        };
        let name = format!(".{}.{}", name.display(), std::process::id());
        let part = path.with_file_name(name);
        let file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&part)
            .with_context(|| format!("cannot write `{shown}`"))?;
        Ok(Self::File {
            file,
            part,
            path: path.to_owned(),
            whole: false,
        })
    }

    fn write(&mut self, piece: &[u8]) -> Result<()> {
        match self {
            Self::Out => report::stdout().write_all(piece)?,
            Self::File { file, path, .. } => file
                .write_all(piece)
                .with_context(|| format!("cannot write `{}`", path.display()))?,
        }
        Ok(())
    }

    fn finish(mut self) -> Result<()> {
        match &mut self {
            Self::Out => report::stdout().flush()?,
            Self::File {
                part, path, whole, ..
            } => {
                fs::rename(part, &path)
                    .with_context(|| format!("cannot write `{}`", path.display()))?;
                *whole = true;
            }
        }
        Ok(())
    }
}

impl Drop for Sink {
    /// Leaves no half of a tar behind.
    fn drop(&mut self) {
        if let Self::File {
            part, whole: false, ..
        } = self
        {
            drop(fs::remove_file(part));
        }
    }
}

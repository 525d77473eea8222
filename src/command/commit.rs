//! `dco commit`: an image of what a container has become.

use std::process::ExitCode;

use anyhow::Result;

use super::Context;
use super::target;
use crate::engine::Commit;
use crate::event::{Event, Resource, Status};

/// Create an image from what a container has become
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  dco commit -m \"with the tools\" web me/web:tools")]
pub struct Args {
    /// Author of the image
    #[arg(short, long, value_name = "NAME")]
    author: Option<String>,

    /// Apply a Dockerfile instruction to the image; may be given several times
    #[arg(short, long, value_name = "INSTRUCTION")]
    change: Vec<String>,

    /// Number of the container, where the service has several
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    index: u32,

    /// What the image is for
    #[arg(short, long, value_name = "TEXT")]
    message: Option<String>,

    /// Pause the container meanwhile
    #[arg(short, long, num_args = 0..=1, require_equals = true, default_value_t = true,
        hide_default_value = true, default_missing_value = "true", action = clap::ArgAction::Set)]
    pause: bool,

    /// The service
    service: String,

    /// What the image is called
    #[arg(value_name = "REPOSITORY[:TAG]")]
    reference: Option<String>,
}

/// Finds the running container and makes the image.
pub async fn run(args: &Args, cx: &Context) -> Result<ExitCode> {
    let (engine, container) = target::running(cx, &args.service, args.index).await?;
    let say = |status, text: &str, details: String| {
        cx.events().emit(Event::Progress {
            resource: Resource::Container(container.name.clone()),
            status,
            text: text.to_owned(),
            details,
            transfer: None,
        });
    };
    say(Status::Working, "Committing", String::new());
    if cx.globals.dry_run {
        say(Status::Done, "Committed", String::new());
        return Ok(ExitCode::SUCCESS);
    }
    let commit = Commit {
        reference: args.reference.clone(),
        author: args.author.clone(),
        message: args.message.clone(),
        changes: args.change.clone(),
        pause: args.pause,
    };
    match engine.commit_container(&container.id, &commit).await {
        Ok(id) => say(Status::Done, &format!("Committed as {id}"), String::new()),
        Err(error) => {
            say(Status::Error, "Error", error.to_string());
            return Err(error.into());
        }
    }
    Ok(ExitCode::SUCCESS)
}

//! `dco logs`: what containers printed, in the order of time, and what they go on to print.

mod follow;
mod merge;
mod print;

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::{Result, bail};
use futures_util::future::try_join_all;
use regex::bytes::Regex;

use super::Context;
use crate::diagnostic::Diagnostic;
use crate::engine::{
    Engine, Error, LogLines, LogRange, Torn, Which, container, labelled, watch_project,
};
use crate::plan::observed::Container;
use crate::project::{Along, Project, Service};
use crate::report::log::LogStyle;
use crate::text::moment;
use follow::Follower;
use merge::{Merge, Next};
use print::{Format, Printer, Subject};

/// Show what containers printed
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  dco logs -f web
  dco logs --since 10m --grep ERROR")]
pub struct Args {
    /// Go on with what containers print
    #[arg(short, long)]
    follow: bool,

    /// Only lines that match this regular expression
    #[arg(long, value_name = "PATTERN")]
    grep: Option<String>,

    /// Which of the service's containers, by number
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    index: u32,

    /// A JSON object for each line
    #[arg(long)]
    json: bool,

    /// No colours
    #[arg(long)]
    no_color: bool,

    /// No prefixes
    #[arg(long)]
    no_log_prefix: bool,

    /// Only since then: a time (2013-01-02T13:23:37Z) or so long ago (42m)
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    since: Option<String>,

    /// Only this many lines from the end, for each container
    #[arg(
        short = 'n',
        long,
        value_name = "LINES",
        default_value = "all",
        allow_hyphen_values = true
    )]
    tail: String,

    /// Show when the engine got each line
    #[arg(short, long)]
    timestamps: bool,

    /// Only until then: a time (2013-01-02T13:23:37Z) or so long ago (42m)
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    until: Option<String>,

    /// Only these services
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
}

/// Finds the containers, reads their logs side by side, and prints what comes.
pub async fn run(args: &Args, cx: &Context) -> Result<ExitCode> {
    if args.index > 0 && args.services.len() != 1 {
        bail!("--index requires one service to be selected");
    }
    let range = args.range()?;
    let pattern = args.grep.as_deref().map(Regex::new).transpose()?;
    let engine = cx.engine()?;
    let (project, services) = args.subjects(cx)?;
    // Subscribed before the list, so that no start falls between them.
    let events = match args.follow {
        true => Some(watch_project(&engine, &project).await?),
        false => None,
    };
    let chosen = Chosen {
        project: &project,
        services: &services,
        index: args.index,
    };
    let containers = chosen.list(&engine).await?;
    let mut printer = Printer::new(cx, args.format(cx), pattern);
    let opening = containers.iter().map(|container| {
        let subject = Subject::listed(container);
        let source = printer.source(&subject);
        Opened::now(&engine, subject, source, &range)
    });
    let opened = try_join_all(opening.collect::<Vec<_>>()).await?;
    let mut follower = Follower::new(&engine, chosen, range);
    let mut merge = Merge::new();
    let mut names = BTreeMap::new();
    for opened in opened {
        follower.know(&opened);
        names.insert(opened.source, opened.subject.name().to_owned());
        match opened.log {
            Log::Lines(lines) => merge.add(opened.source, *lines),
            Log::Unreadable => cx.reporter().show(&unreadable(&opened.subject)),
            Log::NotThere => {}
        }
    }
    match events {
        Some(events) => follower.run(events, merge, &mut printer).await?,
        None => {
            let mut torn = Vec::new();
            while !merge.is_empty() {
                match printer.next(&mut merge).await? {
                    Next::Line(source, line) => printer.line(source, &line)?,
                    Next::End(source, lines) => {
                        let name = names.get(&source).map_or("", String::as_str);
                        torn.extend(lines.torn().map(|torn| incomplete(name, &torn)));
                    }
                }
            }
            printer.flush()?;
            torn.iter().for_each(|torn| cx.reporter().show(torn));
        }
    }
    printer.flush()?;
    Ok(ExitCode::SUCCESS)
}

impl Args {
    /// The project, and the services that are named, each of which has to be in its files where
    /// these are read.
    fn subjects(&self, cx: &Context) -> Result<(String, Vec<String>)> {
        if self.services.is_empty() {
            return match cx.named_project() {
                Ok((Some(project), name)) => Ok((name, attached(&project))),
                Ok((None, name)) => Ok((name, Vec::new())),
                // A file that is broken keeps nobody from the logs.
                Err(_) => Ok((cx.project_name()?, Vec::new())),
            };
        }
        let (project, name) = cx.named_project()?;
        let services = match project {
            Some(project) => {
                let chosen = project.select(&self.services, Along::Nothing)?;
                chosen.services.keys().map(ToString::to_string).collect()
            }
            None => self.services.clone(),
        };
        Ok((name, services))
    }

    fn range(&self) -> Result<LogRange> {
        let now = jiff::Timestamp::now();
        let zone = jiff::tz::TimeZone::system();
        let moment = |text: &Option<String>| match text.as_deref() {
            None | Some("") => Ok(None),
            Some(text) => moment::parse(text, now, &zone)
                .map(Some)
                .map_err(anyhow::Error::msg),
        };
        Ok(LogRange {
            follow: self.follow,
            since: moment(&self.since)?,
            until: moment(&self.until)?,
            // What is no number is all, as the engine has it.
            tail: self.tail.parse().ok(),
            timestamps: true,
        })
    }

    fn format(&self, cx: &Context) -> Format {
        match self.json {
            true => Format::Json,
            false => Format::Text {
                style: LogStyle {
                    colours: !self.no_color && cx.style().stdout_colours,
                    prefixes: !self.no_log_prefix,
                },
                timestamps: self.timestamps,
            },
        }
    }
}

/// The services whose logs are shown where none is named: none of them with `attach: false`; empty
/// where that is all of them, and of orphans too.
fn attached(project: &Project) -> Vec<String> {
    let services = project.services.iter();
    let is_shown = |service: &Service| service.attach != Some(false);
    if services.clone().all(|(_, service)| is_shown(service)) {
        return Vec::new();
    }
    services
        .filter(|(_, service)| is_shown(service))
        .map(|(name, _)| name.to_string())
        .collect()
}

/// Which containers are meant.
#[derive(Clone, Copy)]
struct Chosen<'a> {
    project: &'a str,
    services: &'a [String],
    index: u32,
}

impl Chosen<'_> {
    /// Those there are, running or not.
    async fn list(&self, engine: &Engine) -> Result<Vec<Container>> {
        let mut filters = labelled(format!("com.docker.compose.project={}", self.project));
        let labels = filters.entry("label".to_owned()).or_default();
        labels.push("com.docker.compose.oneoff=False".to_owned());
        labels.push("com.docker.compose.config-hash".to_owned());
        if self.index > 0 {
            labels.push(format!(
                "com.docker.compose.container-number={}",
                self.index
            ));
        }
        let found = engine.list_containers(Which::All, &filters).await?;
        let mut found: Vec<Container> = found.into_iter().map(container).collect();
        found.retain(|one| self.takes(&one.service));
        found.sort_by(|a, b| (&a.service, a.number, &a.name).cmp(&(&b.service, b.number, &b.name)));
        if self.index > 0 && found.is_empty() {
            let service = &self.services[0];
            bail!(
                "service \"{service}\" is not running container #{}",
                self.index
            );
        }
        Ok(found)
    }

    fn takes(&self, service: &str) -> bool {
        self.services.is_empty() || self.services.iter().any(|name| name == service)
    }
}

/// A container whose log was asked for.
struct Opened {
    subject: Subject,
    source: usize,
    log: Log,
}

/// What comes of a container's log.
enum Log {
    /// Its lines.
    Lines(Box<LogLines>),
    /// Its logging driver keeps none.
    Unreadable,
    /// The container is removed meanwhile, or still being made: Docker lists it a moment before.
    NotThere,
}

impl Opened {
    async fn now(
        engine: &Engine,
        subject: Subject,
        source: usize,
        range: &LogRange,
    ) -> Result<Self> {
        let log = open(engine, &subject.id, range).await?;
        Ok(Self {
            subject,
            source,
            log,
        })
    }
}

/// Opens a container's log; where that is and how it is told depends on what the container is.
async fn open(engine: &Engine, container: &str, range: &LogRange) -> Result<Log, Error> {
    // Docker does not implement it; Podman fails with these words.
    let unreadable = |error: &Error| {
        error.status() == Some(501) || error.to_string().contains("'none' log driver")
    };
    let lines = async {
        let details = engine.inspect_container(container).await?;
        engine.log_lines(&details, range).await
    };
    match lines.await {
        Ok(lines) => Ok(Log::Lines(Box::new(lines))),
        Err(error) if unreadable(&error) => Ok(Log::Unreadable),
        Err(error) if error.is_not_found() || error.is_conflict() => Ok(Log::NotThere),
        Err(error) => Err(error),
    }
}

fn unreadable(subject: &Subject) -> Diagnostic {
    let name = subject.name();
    Diagnostic::warning(format!(
        "the log of `{name}` cannot be read: its logging driver keeps none"
    ))
}

fn incomplete(name: &str, Torn { count, path }: &Torn) -> Diagnostic {
    let (entries, are) = match count {
        1 => ("entry", "is"),
        _ => ("entries", "are"),
    };
    Diagnostic::warning(format!(
        "{count} {entries} of the log of `{name}` cannot be read and {are} left out"
    ))
    .hint(format!(
        "a full disk or a power cut leaves such: {}",
        path.display()
    ))
}

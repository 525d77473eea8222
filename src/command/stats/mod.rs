//! `dco stats`: what the project's containers use, once or live.

mod usage;

use std::collections::BTreeMap;
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use futures_util::StreamExt;
use futures_util::future::{self, Either};
use futures_util::stream::{self, LocalBoxStream, SelectAll};

use super::Context;
use super::containers::{Facts, label};
use crate::engine::{Engine, EngineEvent, EventsSince, Which, labelled};
use crate::report;
use usage::{LIST, Usage};

/// Show what containers use, live
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  dco stats\n  dco stats --no-stream --format json web")]
pub struct Args {
    /// Also containers that do not run
    #[arg(short, long)]
    all: bool,

    /// Format of the output: table, json, `table TEMPLATE` or a Go template
    #[arg(long)]
    format: Option<String>,

    /// Only what is used now
    #[arg(long)]
    no_stream: bool,

    /// Whole ids
    #[arg(long)]
    no_trunc: bool,

    /// Only containers of these services
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
}

/// How often the screen is drawn anew, as `docker stats` has it: the engine counts once a second.
const PERIOD: Duration = Duration::from_millis(500);

/// Prints once, or draws until it is ended.
pub async fn run(args: &Args, cx: &Context) -> Result<ExitCode> {
    let given = args.format.clone().filter(|format| !format.is_empty());
    let configured = || cx.docker_config().file.stats_format;
    let engine = cx.engine()?;
    let mut board = Board {
        args,
        project: cx.project_name()?,
        format: given.or_else(configured).unwrap_or_default(),
        lines: Vec::new(),
        usage: BTreeMap::new(),
    };
    if args.no_stream {
        board.list(&engine).await?;
        board.ask(&engine).await;
        report::print(&board.text()?)?;
        return Ok(ExitCode::SUCCESS);
    }
    // Subscribed before the list is taken, so that nothing between the two is lost.
    let mut events = engine
        .events(&EventsSince {
            filters: labelled(format!("{}={}", label::PROJECT, board.project)),
            ..EventsSince::default()
        })
        .await?;
    let mut streams = SelectAll::new();
    let mut ticks = tokio::time::interval(PERIOD);
    let mut screen = Screen::new(cx.terminal.stdout);
    let mut listed = false;
    loop {
        if !listed {
            for id in board.list(&engine).await? {
                streams.push(watched(&engine, id));
            }
            listed = true;
        }
        tokio::select! {
            Some((id, usage)) = streams.next() => board.take(id, usage),
            event = events.next() => match event {
                Some(event) => listed = !changes(&event?),
                None => return Ok(ExitCode::SUCCESS),
            },
            _ = ticks.tick() => {
                if board.is_complete() {
                    screen.draw(&board.text()?)?;
                }
            }
        }
    }
}

/// Whether the list of containers is another after an event.
fn changes(event: &EngineEvent) -> bool {
    event.kind == "container"
        && matches!(
            event.action.as_str(),
            "create" | "start" | "die" | "destroy" | "rename"
        )
}

/// What a container uses, as the engine counts; ends with the container.
fn watched(engine: &Engine, id: String) -> LocalBoxStream<'static, (String, Option<Usage>)> {
    let engine = engine.clone();
    let asked = id.clone();
    let answers = stream::once(async move { engine.stats(&asked, false).await });
    let answers = answers.flat_map(|opened| match opened {
        Ok(answers) => Either::Left(answers),
        Err(error) => Either::Right(stream::once(future::ready(Err(error)))),
    });
    answers
        .map(move |answer| (id.clone(), answer.ok().map(|stats| Usage::read(&stats))))
        .boxed_local()
}

/// A container that is shown.
#[derive(Debug)]
struct Line {
    id: String,
    name: String,
    runs: bool,
}

/// What is shown.
struct Board<'a> {
    args: &'a Args,
    project: String,
    format: String,
    /// The containers, the newest first.
    lines: Vec<Line>,
    /// What those that run use; none where the engine does not say.
    usage: BTreeMap<String, Option<Usage>>,
}

impl Board<'_> {
    /// Takes the containers that there are, and gives the ids of those that have begun to run.
    async fn list(&mut self, engine: &Engine) -> Result<Vec<String>> {
        let which = match self.args.all {
            true => Which::All,
            false => Which::Running,
        };
        let by = labelled(format!("{}={}", label::PROJECT, self.project));
        let mut found = engine.list_containers(which, &by).await?;
        let services = &self.args.services;
        found.retain(|one| {
            let own = one.label(label::SERVICE);
            services.is_empty() || services.iter().any(|service| service == own)
        });
        let before: Vec<String> = self.running().map(str::to_owned).collect();
        self.lines = found
            .iter()
            .map(|one| Line {
                id: one.id().to_owned(),
                name: one.canonical_name(),
                runs: matches!(one.state_word().as_str(), "running" | "paused"),
            })
            .collect();
        let running: Vec<String> = self.running().map(str::to_owned).collect();
        self.usage.retain(|id, _| running.contains(id));
        Ok(running
            .into_iter()
            .filter(|id| !before.contains(id))
            .collect())
    }

    fn running(&self) -> impl Iterator<Item = &str> {
        let running = self.lines.iter().filter(|line| line.runs);
        running.map(|line| line.id.as_str())
    }

    /// Asks the engine once for all of them.
    async fn ask(&mut self, engine: &Engine) {
        let asked = self.running().map(|id| async move {
            let mut answers = engine.stats(id, true).await.ok()?;
            let answer = answers.next().await?.ok()?;
            Some((id.to_owned(), Some(Usage::read(&answer))))
        });
        let answers = future::join_all(asked).await;
        self.usage = answers.into_iter().flatten().collect();
    }

    fn take(&mut self, id: String, usage: Option<Usage>) {
        if self.running().any(|running| running == id) {
            self.usage.insert(id, usage);
        }
    }

    /// Whether the engine has spoken of every container.
    fn is_complete(&self) -> bool {
        self.running().all(|id| self.usage.contains_key(id))
    }

    fn text(&self) -> Result<String> {
        let nothing = Usage::default();
        let rows: Vec<_> = self
            .lines
            .iter()
            .map(|line| {
                let usage = match line.runs {
                    true => self.usage.get(&line.id).and_then(Option::as_ref),
                    false => Some(&nothing),
                };
                usage::row((&line.id, &line.name), usage, self.args.no_trunc)
            })
            .collect();
        Ok(LIST.print(&self.format, &rows)?)
    }
}

/// Where the table is drawn: in place on a terminal, one after the other elsewhere.
struct Screen {
    is_terminal: bool,
    drawn: bool,
}

impl Screen {
    fn new(is_terminal: bool) -> Self {
        Self {
            is_terminal,
            drawn: false,
        }
    }

    fn draw(&mut self, text: &str) -> Result<()> {
        let mut out = report::stdout();
        if !self.is_terminal {
            out.write_all(text.as_bytes())?;
            return Ok(out.flush()?);
        }
        let clear = if self.drawn { "" } else { "\x1b[2J" };
        self.drawn = true;
        let lines = text.replace('\n', "\x1b[K\n");
        write!(out, "{clear}\x1b[H{lines}\x1b[J")?;
        Ok(out.flush()?)
    }
}

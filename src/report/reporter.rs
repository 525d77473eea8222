//! Who prints: takes events from anywhere, and says how a command ended.

use std::collections::HashSet;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Mutex;

use super::exit::Ending;
use super::progress::{Live, Stream, Wording, json, plain};
use super::{ProgressMode, Status, Style};
use crate::diagnostic::Diagnostic;
use crate::event::{Event, Events};

/// Prints events and errors in one style.
pub struct Reporter {
    style: Style,
    /// Whether progress is kept back although the style shows it.
    hushed: std::sync::atomic::AtomicBool,
    live: Option<Live>,
}

impl Reporter {
    /// A reporter that speaks in `style`; `title` heads its live tree.
    pub fn new(style: Style, title: &str) -> Self {
        let live = (style.progress == ProgressMode::Tty)
            .then(|| Live::new(title, style.stderr_colours, style.dry_run));
        for warning in &style.warnings {
            line(warning);
        }
        Self {
            style,
            hushed: false.into(),
            live,
        }
    }

    /// How it speaks.
    pub fn style(&self) -> &Style {
        &self.style
    }

    /// Shows no progress from now on, as `--quiet` asks.
    pub fn hush(&self) {
        self.hushed
            .store(true, std::sync::atomic::Ordering::Relaxed);
    }

    /// Where to send events.
    pub fn events(&self, wording: Wording) -> Events {
        let hushed = self.hushed.load(std::sync::atomic::Ordering::Relaxed);
        let voice = Voice {
            mode: match hushed {
                true => ProgressMode::Quiet,
                false => self.style.progress,
            },
            colours: self.style.stderr_colours,
            dry_run: self.style.dry_run,
            status: self.style.status,
            wording,
            live: self.live.clone(),
            said: Mutex::default(),
        };
        Events::new(move |event| voice.say(&event))
    }

    /// Shows a warning, an error or a note.
    pub fn show(&self, diagnostic: &Diagnostic) {
        let text = match self.style.progress {
            ProgressMode::Json => json(&Event::Diagnostic(diagnostic.clone()), false),
            _ => diagnostic.render(self.style.stderr_colours),
        };
        write(self.live.as_ref(), &text);
    }

    /// What heads the next live tree.
    pub fn set_title(&self, title: &str) {
        if let Some(live) = &self.live {
            live.set_title(title);
        }
    }

    /// Writes data to standard output; while a live tree is drawn it is held back.
    pub fn write_out(&self, bytes: &[u8]) -> anyhow::Result<()> {
        match &self.live {
            Some(live) => live.write(Stream::Out, bytes)?,
            None => super::stdout().write_all(bytes)?,
        }
        Ok(())
    }

    /// Writes data to standard error, in its order beside that of [`Self::write_out`].
    pub fn write_err(&self, bytes: &[u8]) -> anyhow::Result<()> {
        match &self.live {
            Some(live) => live.write(Stream::Err, bytes)?,
            None => std::io::stderr().lock().write_all(bytes)?,
        }
        Ok(())
    }

    /// Ends the live tree, where there is one; a later event begins another.
    pub fn settle(&self) -> anyhow::Result<()> {
        match &self.live {
            Some(live) => Ok(live.finish()?),
            None => Ok(()),
        }
    }

    /// Keeps a line below all that is said; whether it is shown: only where progress is a live
    /// tree, and not after [`Self::end_footer`].
    pub fn set_footer(&self, line: &str) -> bool {
        self.live.as_ref().is_some_and(|live| live.set_footer(line))
    }

    /// Takes that line away for good.
    pub fn end_footer(&self) {
        if let Some(live) = &self.live {
            live.end_footer();
        }
    }

    /// Says what failed, where the command goes on.
    pub fn fail(&self, error: &anyhow::Error) {
        for diagnostic in &Ending::of(error).says {
            self.show(diagnostic);
        }
    }

    /// Says how a command failed, and gives its exit code.
    pub fn exit_code(&self, result: anyhow::Result<ExitCode>) -> ExitCode {
        let result = self.settle().and(result);
        let error = match result {
            Ok(code) => return code,
            Err(error) => error,
        };
        let ending = Ending::of(&error);
        for diagnostic in &ending.says {
            self.show(diagnostic);
        }
        ExitCode::from(ending.code)
    }
}

/// What turns events into text.
struct Voice {
    mode: ProgressMode,
    colours: bool,
    dry_run: bool,
    status: Status,
    wording: Wording,
    live: Option<Live>,
    /// The notes that were shown: each is shown once.
    said: Mutex<HashSet<String>>,
}

impl Voice {
    fn say(&self, event: &Event) {
        if let Event::Note(text) = event {
            let mut said = self
                .said
                .lock()
                .unwrap_or_else(|poisoned| poisoned.into_inner());
            if !said.insert(text.clone()) {
                return;
            }
        }
        let text = match (self.mode, &self.live, event) {
            // Where Compose has it, beside its own lines on standard error.
            (_, _, Event::BuildStatus(line)) => {
                let _ = writeln!(super::stdout(), "{line}");
                None
            }
            (ProgressMode::Json, _, event) => Some(json(event, self.dry_run)),
            (_, _, Event::Diagnostic(diagnostic)) => Some(diagnostic.render(self.colours)),
            (ProgressMode::Quiet, ..) => None,
            (_, Some(live), Event::Progress { .. } | Event::BuildOutput { .. }) => {
                live.take(event);
                None
            }
            (_, _, Event::Note(_) | Event::StillWaiting { .. } | Event::HookOutput { .. }) => {
                plain(event, self.wording, false).map(|text| self.dim(&text))
            }
            // Where Compose has it, and where scripts look for it.
            (_, _, Event::BuildOutput { line, .. }) => {
                let _ = writeln!(super::stdout(), "{line}");
                None
            }
            (_, _, event) => plain(event, self.wording, self.dry_run),
        };
        match text {
            Some(text) if self.goes_to_stdout(event) => {
                let _ = writeln!(super::stdout(), "{text}");
            }
            Some(text) => write(self.live.as_ref(), &text),
            None => {}
        }
    }

    /// Whether the user wants it there: progress, never what went wrong.
    fn goes_to_stdout(&self, event: &Event) -> bool {
        let is_status = !matches!(event, Event::Diagnostic(_));
        is_status && self.status == Status::Stdout && self.live.is_none()
    }

    fn dim(&self, text: &str) -> String {
        match self.colours {
            true => console::style(text).dim().force_styling(true).to_string(),
            false => text.to_owned(),
        }
    }
}

fn write(live: Option<&Live>, text: &str) {
    match live {
        Some(live) => {
            // Only standard output fails.
            let _ = live.write(Stream::Err, format!("{text}\n").as_bytes());
        }
        None => line(text),
    }
}

/// Writes a line to standard error; nothing can be done where that fails.
fn line(text: &str) {
    let _ = std::io::stderr()
        .lock()
        .write_all(format!("{text}\n").as_bytes());
}

//! The live tree on a terminal: one thread draws it in place, and writes above it what else is said.

use std::io::Write;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use console::{Term, measure_text_width};

use super::{Size, Tree};
use crate::event::Event;

/// Between two pictures: the spinner's own rate, and little enough work for 200 services.
const PERIOD: Duration = Duration::from_millis(80);

/// Where a text that is not progress goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::report) enum Stream {
    Out,
    Err,
}

/// A tree on standard error, while one is shown.
///
/// Nothing is drawn before the first event, nor within the first [`PERIOD`]: what is over at once
/// shows only its end.
#[derive(Clone)]
pub(in crate::report) struct Live {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    title: String,
    dry_run: bool,
    colours: bool,
    tree: Option<Tree>,
    thread: Option<JoinHandle<()>>,
    /// The widths of the lines that the last picture left on the terminal.
    drawn: Vec<usize>,
    /// What is written to standard output when the tree is over.
    held: Vec<u8>,
    footer: Footer,
}

/// A line that stays below all that is said while no tree is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Footer {
    /// There is none.
    #[default]
    None,
    /// This one.
    Line(String),
    /// There was one, and there will be none any more.
    Over,
}

impl Live {
    pub fn new(title: &str, colours: bool, dry_run: bool) -> Self {
        let state = State {
            title: title.to_owned(),
            dry_run,
            colours,
            tree: None,
            thread: None,
            drawn: Vec::new(),
            held: Vec::new(),
            footer: Footer::None,
        };
        Self {
            shared: Arc::new(Shared {
                state: Mutex::new(state),
                changed: Condvar::new(),
            }),
        }
    }

    /// Takes progress in; the first one begins a tree.
    pub fn take(&self, event: &Event) {
        let mut state = self.lock();
        if state.tree.is_none() {
            state.take_footer_away();
            state.tree = Some(Tree::new(state.title.clone(), state.dry_run));
            let shared = Arc::clone(&self.shared);
            state.thread = Some(std::thread::spawn(move || draw_until_over(&shared)));
        }
        if let Some(tree) = &mut state.tree {
            tree.take(event, Instant::now());
        }
    }

    /// Writes above the tree to standard error; to standard output when the tree is over, so that
    /// no line of a program is drawn over. Fails only where standard output does.
    pub fn write(&self, stream: Stream, bytes: &[u8]) -> std::io::Result<()> {
        let mut state = self.lock();
        match stream {
            Stream::Out if state.tree.is_some() => state.held.extend_from_slice(bytes),
            Stream::Out => {
                state.take_footer_away();
                let mut out = crate::report::stdout();
                out.write_all(bytes)?;
                out.flush()?;
                state.draw_footer();
            }
            Stream::Err if state.tree.is_none() => {
                state.take_footer_away();
                let _ = std::io::stderr().lock().write_all(bytes);
                state.draw_footer();
            }
            Stream::Err => {
                state.erase();
                let _ = std::io::stderr().lock().write_all(bytes);
                if !state.drawn.is_empty() {
                    state.drawn.clear();
                    state.draw();
                }
            }
        }
        Ok(())
    }

    /// Draws the tree for the last time, leaves it there, and writes what was held back.
    pub fn finish(&self) -> std::io::Result<()> {
        let mut state = self.lock();
        let thread = state.thread.take();
        if let Some(tree) = state.tree.take() {
            if !tree.is_empty() {
                let lines = tree.last(size(), Instant::now());
                state.paint(&lines);
            }
            state.drawn.clear();
        }
        let held = std::mem::take(&mut state.held);
        let has_footer = matches!(state.footer, Footer::Line(_));
        drop(state);
        self.shared.changed.notify_all();
        if let Some(thread) = thread {
            // It only draws; what it may have died of has no bearing on the command.
            let _ = thread.join();
        }
        match held.is_empty() && !has_footer {
            true => Ok(()),
            false => self.write(Stream::Out, &held),
        }
    }

    /// Keeps a line below all that is said, or shows another; whether it still may.
    pub fn set_footer(&self, line: &str) -> bool {
        let mut state = self.lock();
        if state.footer == Footer::Over {
            return false;
        }
        state.take_footer_away();
        state.footer = Footer::Line(line.to_owned());
        state.draw_footer();
        true
    }

    /// Takes the footer away for good.
    pub fn end_footer(&self) {
        let mut state = self.lock();
        state.take_footer_away();
        state.footer = Footer::Over;
    }

    /// What heads the trees from now on.
    pub fn set_title(&self, title: &str) {
        title.clone_into(&mut self.lock().title);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.shared)
    }
}

fn lock(shared: &Shared) -> MutexGuard<'_, State> {
    shared
        .state
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

fn draw_until_over(shared: &Shared) {
    let mut state = lock(shared);
    loop {
        let (next, _) = shared
            .changed
            .wait_timeout_while(state, PERIOD, |state| state.tree.is_some())
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        state = next;
        if state.tree.is_none() {
            return;
        }
        state.draw();
    }
}

impl State {
    fn draw(&mut self) {
        let Some(tree) = &self.tree else { return };
        let lines = tree.live(size(), Instant::now());
        self.paint(&lines);
    }

    /// Puts lines where the last picture stands, in one write.
    fn paint(&mut self, lines: &[String]) {
        // Terminals that know it (mode 2026) show the picture at once; the others ignore it.
        let mut text = String::from("\x1b[?2026h\x1b[?25l");
        text.push_str(&self.back());
        for line in lines {
            match self.colours {
                true => text.push_str(line),
                false => text.push_str(&console::strip_ansi_codes(line)),
            }
            text.push_str("\x1b[K\n");
        }
        text.push_str("\x1b[J\x1b[?25h\x1b[?2026l");
        let _ = std::io::stderr().lock().write_all(text.as_bytes());
        self.drawn = lines.iter().map(|line| measure_text_width(line)).collect();
    }

    /// Leaves the cursor behind the footer, which is where it is while no tree is shown.
    fn draw_footer(&mut self) {
        let (None, Footer::Line(line)) = (&self.tree, &self.footer) else {
            return;
        };
        let line = console::truncate_str(line, size().width.saturating_sub(1), "");
        let line = match self.colours {
            true => line,
            false => console::strip_ansi_codes(&line).into_owned().into(),
        };
        let _ = std::io::stderr().lock().write_all(line.as_bytes());
        self.drawn = vec![measure_text_width(&line)];
    }

    fn take_footer_away(&mut self) {
        let is_drawn = self.tree.is_none() && matches!(self.footer, Footer::Line(_));
        if is_drawn && let [width] = self.drawn[..] {
            let above = width.saturating_sub(1) / size().width.max(1);
            let up = match above {
                0 => String::new(),
                rows => format!("\x1b[{rows}A"),
            };
            let text = format!("\r{up}\x1b[J");
            let _ = std::io::stderr().lock().write_all(text.as_bytes());
            self.drawn.clear();
        }
    }

    /// Takes the last picture away.
    fn erase(&mut self) {
        if !self.drawn.is_empty() {
            let text = format!("{}\x1b[J", self.back());
            let _ = std::io::stderr().lock().write_all(text.as_bytes());
        }
    }

    /// The way to the first line of the last picture: a terminal that has become narrower shows a
    /// line on several rows.
    fn back(&self) -> String {
        let width = size().width.max(1);
        let rows: usize = self
            .drawn
            .iter()
            .map(|drawn| drawn.div_ceil(width).max(1))
            .sum();
        match rows {
            0 => "\r".to_owned(),
            _ => format!("\r\x1b[{rows}A"),
        }
    }
}

fn size() -> Size {
    let (height, width) = Term::stderr().size_checked().unwrap_or((24, 80));
    let or = |given: u16, usual| {
        if given == 0 {
            usual
        } else {
            usize::from(given)
        }
    };
    Size {
        width: or(width, 80),
        height: or(height, 24),
    }
}

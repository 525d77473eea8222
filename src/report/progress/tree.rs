//! The live tree's state and its text: a line for every resource, with timers and layer bars. Pure.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use console::{Style, measure_text_width, truncate_str};
use indexmap::IndexMap;

use crate::event::{Event, Resource, Status, Transfer};
use crate::report::units::human_size;

/// How many of the last lines of a running build are shown below it.
const BUILD_LINES: usize = 5;

/// How far to the right the timers go at the most: on a wide terminal they stay near the words.
const WIDEST: usize = 110;

/// A terminal's size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

/// What is known of every resource.
pub struct Tree {
    title: String,
    dry_run: bool,
    tasks: IndexMap<String, Task>,
    layers: IndexMap<(String, String), Layer>,
}

struct Task {
    resource: Resource,
    status: Status,
    text: String,
    details: String,
    started: Instant,
    ended: Option<Instant>,
    output: VecDeque<String>,
}

struct Layer {
    status: Status,
    transfer: Transfer,
}

impl Tree {
    /// An empty tree below `[+] title`.
    pub fn new(title: impl Into<String>, dry_run: bool) -> Self {
        Self {
            title: title.into(),
            dry_run,
            tasks: IndexMap::new(),
            layers: IndexMap::new(),
        }
    }

    /// Whether there is nothing to show.
    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// Takes an event in; what is no progress is left out.
    pub fn take(&mut self, event: &Event, now: Instant) {
        match event {
            Event::Progress {
                resource: Resource::Layer { image, id },
                status,
                transfer,
                ..
            } => {
                let key = (image.clone(), id.clone());
                let layer = self.layers.entry(key).or_insert(Layer {
                    status: *status,
                    transfer: Transfer {
                        current: 0,
                        total: 0,
                    },
                });
                layer.status = *status;
                // Progress only goes up: extracting starts from 0 again.
                if let Some(transfer) = transfer {
                    layer.transfer.total = layer.transfer.total.max(transfer.total);
                    layer.transfer.current = layer.transfer.current.max(transfer.current);
                }
                if *status == Status::Done {
                    layer.transfer.current = layer.transfer.total;
                }
            }
            Event::Progress {
                resource,
                status,
                text,
                details,
                ..
            } => {
                let task = self.tasks.entry(key(resource)).or_insert_with(|| Task {
                    resource: resource.clone(),
                    status: *status,
                    text: String::new(),
                    details: String::new(),
                    started: now,
                    ended: None,
                    output: VecDeque::new(),
                });
                task.status = *status;
                task.text.clone_from(text);
                task.details.clone_from(details);
                task.ended = match status {
                    Status::Working => None,
                    _ => task.ended.or(Some(now)),
                };
            }
            Event::BuildOutput { service, line } => {
                let Some(task) = self.tasks.get_mut(service.as_str()) else {
                    return;
                };
                if task.output.len() == BUILD_LINES {
                    task.output.pop_front();
                }
                task.output
                    .push_back(console::strip_ansi_codes(line).into_owned());
            }
            Event::BuildStatus(_)
            | Event::HookOutput { .. }
            | Event::HookSaid { .. }
            | Event::Note(_)
            | Event::Diagnostic(_)
            | Event::StillWaiting { .. } => {}
        }
    }

    /// The lines while it goes on: no more than fit, those at work before those that are done.
    pub fn live(&self, size: Size, now: Instant) -> Vec<String> {
        let room = size.height.saturating_sub(2).max(1);
        let shown = self.select(room);
        let mut rows: Vec<Row> = Vec::new();
        for &index in &shown {
            rows.push(self.row(&self.tasks[index], now));
        }
        let mut lines = vec![self.head()];
        let spare = room.saturating_sub(shown.len());
        let running: Vec<&Task> = shown
            .iter()
            .map(|&index| &self.tasks[index])
            .filter(|task| task.status == Status::Working && !task.output.is_empty())
            .collect();
        let each = spare
            .checked_div(running.len())
            .unwrap_or(0)
            .min(BUILD_LINES);
        let texts = align(&rows, size.width);
        for (&index, text) in shown.iter().zip(texts) {
            lines.push(text);
            let task = &self.tasks[index];
            if task.status == Status::Working {
                let last = task.output.len().saturating_sub(each);
                lines.extend(task.output.iter().skip(last).map(|line| {
                    let line = format!("     {}", line.trim_end().replace('\t', "    "));
                    let line = truncate_str(&line, size.width.saturating_sub(1), "…").into_owned();
                    dim().apply_to(line).to_string()
                }));
            }
        }
        let left = self.tasks.len() - shown.len();
        if left > 0 {
            lines.push(dim().apply_to(format!("   … {left} more")).to_string());
        }
        lines
    }

    /// The lines that stay when it is over: all where they fit, else what is worth reading.
    pub fn last(&self, size: Size, now: Instant) -> Vec<String> {
        let fits = self.tasks.len() <= size.height.saturating_sub(2);
        let worth = |task: &&Task| fits || task.status != Status::Done;
        let rows: Vec<Row> = self
            .tasks
            .values()
            .filter(worth)
            .map(|t| self.row(t, now))
            .collect();
        let mut lines = vec![self.head()];
        lines.extend(align(&rows, size.width));
        if !fits {
            lines.extend(self.counts());
        }
        lines
    }

    /// `✔ 200 containers  Started`, for every kind and word.
    fn counts(&self) -> Vec<String> {
        let mut counts: IndexMap<(&str, &str), usize> = IndexMap::new();
        for task in self
            .tasks
            .values()
            .filter(|task| task.status == Status::Done)
        {
            let kind = match task.resource {
                Resource::Container(_) => "container",
                Resource::Network(_) => "network",
                Resource::Volume(_) => "volume",
                Resource::Image(_) | Resource::Service { .. } => "image",
                Resource::Layer { .. } => "layer",
                Resource::Gate(_) => "gate",
                Resource::Artifact(_) => "artifact",
                Resource::Model(_) => "model",
            };
            *counts.entry((kind, task.text.as_str())).or_default() += 1;
        }
        let line = |((kind, text), count): ((&str, &str), usize)| {
            let plural = if count == 1 { "" } else { "s" };
            let text = colour(Status::Done).apply_to(text);
            format!(
                " {} {count} {kind}{plural}  {text}",
                mark(Status::Done, Duration::ZERO)
            )
        };
        counts.into_iter().map(line).collect()
    }

    /// The indices of the tasks to show, in their order.
    fn select(&self, room: usize) -> Vec<usize> {
        if self.tasks.len() <= room {
            return (0..self.tasks.len()).collect();
        }
        let rank = |task: &Task| match task.status {
            Status::Error => 0,
            Status::Warning => 1,
            Status::Working => 2,
            Status::Done => 3,
        };
        let mut order: Vec<usize> = (0..self.tasks.len()).collect();
        // Of those that are done, the latest come first.
        order.sort_by_key(|&index| {
            let task = &self.tasks[index];
            let latest = std::cmp::Reverse(task.ended.filter(|_| rank(task) == 3));
            (rank(task), latest, index)
        });
        // One row is for the number of those left out.
        order.truncate(room.saturating_sub(1).max(1));
        order.sort_unstable();
        order
    }

    fn head(&self) -> String {
        let done = self
            .tasks
            .values()
            .filter(|task| task.status != Status::Working)
            .count();
        let all = self.tasks.len();
        let text = format!("[+] {} {done}/{all}", self.title);
        match done == all {
            true => forced().blue().apply_to(text).to_string(),
            false => text,
        }
    }

    fn row(&self, task: &Task, now: Instant) -> Row {
        let elapsed = task
            .ended
            .unwrap_or(now)
            .saturating_duration_since(task.started);
        let prefix = match self.dry_run {
            true => forced().cyan().apply_to(super::plain::DRY_RUN).to_string(),
            false => String::new(),
        };
        let what = format!(
            " {}{prefix} {}",
            mark(task.status, elapsed),
            label(&task.resource)
        );
        let mut says = colour(task.status).apply_to(&task.text).to_string();
        if task.status == Status::Working
            && let Resource::Service { image, .. } | Resource::Image(image) = &task.resource
        {
            says.push_str(&self.bars(image));
        }
        if !task.details.is_empty() {
            let details = task.details.lines().next().unwrap_or_default();
            says.push_str(&format!(" {}", dim().apply_to(details)));
        }
        let timer = match task.status {
            Status::Working => forced().blue(),
            _ => dim(),
        };
        Row {
            what,
            says,
            timer: timer.apply_to(seconds(elapsed)).to_string(),
        }
    }

    /// ` [⣿⣿⣤⠀]  12.1MB / 80MB`, a cell for every layer of the image.
    fn bars(&self, image: &str) -> String {
        let layers = self.layers.iter().filter(|((of, _), _)| of == image);
        let layers: Vec<&Layer> = layers.map(|(_, layer)| layer).collect();
        if layers.is_empty() {
            return String::new();
        }
        let cells: String = layers.iter().map(|layer| layer.cell()).collect();
        let current: u64 = layers.iter().map(|layer| layer.transfer.current).sum();
        let total: u64 = layers.iter().map(|layer| layer.transfer.total).sum();
        let is_known = |layer: &&Layer| layer.status != Status::Working || layer.transfer.total > 0;
        let bytes = match total > 0 && layers.iter().all(is_known) {
            true => format!(
                " {:>7} / {:<7}",
                human_size(current as f64),
                human_size(total as f64)
            ),
            false => String::new(),
        };
        format!(" [{}]{bytes}", forced().green().apply_to(cells))
    }
}

impl Layer {
    fn cell(&self) -> char {
        const CELLS: [char; 9] = ['⠀', '⡀', '⣀', '⣄', '⣤', '⣦', '⣶', '⣷', '⣿'];
        let Transfer { current, total } = self.transfer;
        match self.status {
            Status::Done => CELLS[8],
            _ => {
                let eighths = (current * 8).checked_div(total).unwrap_or(0);
                CELLS[usize::try_from(eighths).unwrap_or(8).min(8)]
            }
        }
    }
}

/// One line before its columns are aligned.
struct Row {
    what: String,
    says: String,
    timer: String,
}

/// The lines with their columns aligned, none wider than the terminal.
fn align(rows: &[Row], width: usize) -> Vec<String> {
    let width = width.saturating_sub(1).clamp(20, WIDEST);
    let widest = |column: fn(&Row) -> &str| {
        let widths = rows.iter().map(|row| measure_text_width(column(row)));
        widths.max().unwrap_or(0)
    };
    let timer = widest(|row| &row.timer);
    // A word for the state always fits; long names give way.
    let what = widest(|row| &row.what).min(width.saturating_sub(timer + 16));
    let says = widest(|row| &row.says)
        .min(width.saturating_sub(what + timer + 3))
        .max(12);
    let line = |row: &Row| {
        format!(
            "{} {} {}",
            pad(&row.what, what),
            pad(&row.says, says),
            " ".repeat(timer - measure_text_width(&row.timer)) + &row.timer,
        )
    };
    rows.iter().map(line).collect()
}

/// Cuts or fills a text to a width.
fn pad(text: &str, width: usize) -> String {
    let text = truncate_str(text, width, "…");
    let fill = width.saturating_sub(measure_text_width(&text));
    format!("{text}{}", " ".repeat(fill))
}

fn key(resource: &Resource) -> String {
    resource.to_string()
}

/// What a line calls its resource; a service's image is named beside it.
fn label(resource: &Resource) -> String {
    match resource {
        Resource::Service { name, image } => {
            format!(
                "{} {image} {}",
                dim().apply_to("Image"),
                dim().apply_to(format!("({name})"))
            )
        }
        other => match other.to_string().split_once(' ') {
            Some((kind, name)) => format!("{} {name}", dim().apply_to(kind)),
            None => other.to_string(),
        },
    }
}

fn seconds(elapsed: Duration) -> String {
    match elapsed.as_secs() {
        long @ 60.. => format!("{}m{:02}s", long / 60, long % 60),
        _ => format!("{:.1}s", elapsed.as_secs_f64()),
    }
}

fn mark(status: Status, elapsed: Duration) -> String {
    const SPINNER: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
    let sign = match status {
        Status::Done => "✔",
        Status::Warning => "!",
        Status::Error => "✘",
        Status::Working => {
            let frame = usize::try_from(elapsed.as_millis() / 80).unwrap_or_default();
            return forced()
                .yellow()
                .apply_to(SPINNER[frame % SPINNER.len()])
                .to_string();
        }
    };
    colour(status).apply_to(sign).to_string()
}

fn colour(status: Status) -> Style {
    match status {
        Status::Working => forced(),
        Status::Done => forced().green(),
        Status::Warning => forced().yellow().bold(),
        Status::Error => forced().red().bold(),
    }
}

fn dim() -> Style {
    forced().dim()
}

/// The tree is always made with colours; without them, they are taken out as it is drawn.
fn forced() -> Style {
    Style::new().force_styling(true)
}

#[cfg(test)]
mod tests {
    use super::super::plain::tests::progress;
    use super::*;

    fn container(name: &str) -> Resource {
        Resource::Container(name.into())
    }

    fn text(lines: Vec<String>) -> String {
        let plain = lines
            .iter()
            .map(|line| console::strip_ansi_codes(line).trim_end().to_owned());
        plain.collect::<Vec<_>>().join("\n")
    }

    fn tree(events: &[(u64, Event)]) -> (Tree, impl Fn(u64) -> Instant + use<>) {
        let start = Instant::now();
        let at = move |millis| start + Duration::from_millis(millis);
        let mut tree = Tree::new("up", false);
        for (millis, event) in events {
            tree.take(event, at(*millis));
        }
        (tree, at)
    }

    const WIDE: Size = Size {
        width: 80,
        height: 24,
    };

    #[test]
    fn resources_layers_and_builds_have_aligned_lines_with_timers() {
        let image = |name: &str, image: &str| Resource::Service {
            name: name.into(),
            image: image.into(),
        };
        let layer = |id: &str, current, total| Event::Progress {
            resource: Resource::Layer {
                image: "postgres:16".into(),
                id: id.into(),
            },
            status: Status::Working,
            text: "Downloading".into(),
            details: String::new(),
            transfer: Some(Transfer { current, total }),
        };
        let output = |line: &str| Event::BuildOutput {
            service: "web".into(),
            line: line.into(),
        };
        let (tree, at) = tree(&[
            (
                0,
                progress(
                    Resource::Network("app_default".into()),
                    Status::Working,
                    "Creating",
                ),
            ),
            (
                90,
                progress(
                    Resource::Network("app_default".into()),
                    Status::Done,
                    "Created",
                ),
            ),
            (
                100,
                progress(image("db", "postgres:16"), Status::Working, "Pulling"),
            ),
            (120, layer("aa", 10_000_000, 10_000_000)),
            (130, layer("bb", 5_000_000, 30_000_000)),
            (
                100,
                progress(image("web", "app-web"), Status::Working, "Building"),
            ),
            (150, output("Step 1/2 : FROM python:3")),
            (160, output("Step 2/2 : RUN pip install")),
        ]);
        assert_eq!(
            text(tree.live(WIDE, at(1100))),
            "\
[+] up 1/3
 ✔ Network app_default    Created                        0.1s
 ⠹ Image postgres:16 (db) Pulling [⣿⡀]    15MB / 40MB    1.0s
 ⠹ Image app-web (web)    Building                       1.0s
     Step 1/2 : FROM python:3
     Step 2/2 : RUN pip install"
        );
    }

    #[test]
    fn a_small_terminal_shows_what_is_at_work_and_counts_the_rest() {
        let mut events = Vec::new();
        for number in 0..200 {
            let name = format!("app-web-{number}");
            events.push((number, progress(container(&name), Status::Done, "Started")));
        }
        events.push((
            300,
            progress(container("app-db-1"), Status::Working, "Starting"),
        ));
        events.push((300, progress(container("app-x-1"), Status::Error, "Error")));
        let (tree, at) = tree(&events);
        let small = Size {
            width: 60,
            height: 7,
        };
        assert_eq!(
            text(tree.live(small, at(800))),
            "\
[+] up 201/202
 ✔ Container app-web-198 Started      0.0s
 ✔ Container app-web-199 Started      0.0s
 ⠦ Container app-db-1    Starting     0.5s
 ✘ Container app-x-1     Error        0.0s
   … 198 more"
        );
        assert_eq!(
            text(tree.last(small, at(800))),
            "\
[+] up 201/202
 ⠦ Container app-db-1 Starting     0.5s
 ✘ Container app-x-1  Error        0.0s
 ✔ 200 containers  Started"
        );
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        let long = "a".repeat(200);
        let mut event = progress(container(&long), Status::Error, "Error");
        if let Event::Progress { details, .. } = &mut event {
            *details = "x".repeat(300);
        }
        let (tree, at) = tree(&[(0, event)]);
        for width in [30, 80, 300] {
            let size = Size { width, height: 24 };
            for line in tree.live(size, at(0)) {
                assert!(measure_text_width(&line) < width, "{line:?} at {width}");
            }
        }
    }
}

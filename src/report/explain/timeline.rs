//! A run as a bar for every step, on one axis of time. Pure.

use super::{padded, span};
use crate::history::{Ending, Run, StepOutcome, StepRecord, critical_path};
use crate::plan::with_final_names;
use crate::report::Paint;
use crate::report::units::human_duration;

/// A narrower terminal gets lines as for this one.
const NARROWEST: usize = 48;

/// On a wider terminal bars go no further: the eye has to follow them.
const WIDEST: usize = 140;

/// The room of the longest span, `59 min 59 s`, with the blanks around it.
const SPAN: usize = 12;

/// How a timeline is drawn.
#[derive(Clone, Copy, Debug)]
pub struct Canvas {
    /// Columns.
    pub width: usize,
    /// Colours.
    pub paint: Paint,
    /// Milliseconds since 1970.
    pub now: i64,
}

/// A run's whole text.
pub fn timeline(project: &str, run: &Run, canvas: Canvas) -> String {
    let width = canvas.width.clamp(NARROWEST, WIDEST);
    let mut steps: Vec<&StepRecord> = run.steps.iter().filter(|step| is_shown(step)).collect();
    steps.sort_by_key(|step| (step.began, step.id));
    let path = critical_path(run);
    let names: Vec<String> = steps.iter().map(|step| name(step, project)).collect();
    let widest = names.iter().map(|name| console::measure_text_width(name));
    let column = widest.max().unwrap_or(0).min(width * 2 / 5);
    let sheet = Sheet {
        canvas,
        column,
        bars: width.saturating_sub(column + SPAN + 3),
        whole: run.took.max(1),
    };
    let mut out = head(project, run, canvas);
    out.push_str(&sheet.axis());
    for (step, name) in steps.iter().zip(&names) {
        out.push_str(&sheet.line(step, name, path.contains(&step.id)));
    }
    out.push_str(&sheet.legend(project, run, &path));
    out
}

/// What only holds the plan together took no time.
fn is_shown(step: &StepRecord) -> bool {
    step.kind != "barrier" && !(step.kind == "rename" && step.outcome == StepOutcome::Done)
}

/// What a step did, without the project's name, which stands above all of them.
fn name(step: &StepRecord, project: &str) -> String {
    let what = with_final_names(&step.what);
    let what = what
        .replace(&format!(" {project}-"), " ")
        .replace(&format!(" {project}_"), " ");
    match (step.kind.as_str(), &step.target) {
        ("await", Some(target)) => format!("wait for {target}"),
        _ => what,
    }
}

/// `up of app, 2 minutes ago: 1.91 s`.
fn head(project: &str, run: &Run, canvas: Canvas) -> String {
    let paint = canvas.paint;
    let ago = canvas.now.saturating_sub(run.at).max(0).unsigned_abs();
    let ago = human_duration(std::time::Duration::from_millis(ago)).to_lowercase();
    let ending = match run.ending {
        Ending::Done => String::new(),
        Ending::Failed => format!(", {}", paint.red("failed")),
        Ending::Interrupted => format!(", {}", paint.yellow("interrupted")),
    };
    let title = paint.bold(format!("{} of {project}", run.verb));
    format!("{title}, {ago} ago: {}{ending}\n\n", span(run.took))
}

struct Sheet {
    canvas: Canvas,
    /// The width of the names.
    column: usize,
    /// The width of the bars.
    bars: usize,
    /// What the width of the bars stands for, in microseconds.
    whole: u64,
}

impl Sheet {
    /// Half columns from the left edge.
    fn half(&self, micros: u64) -> usize {
        let halves = self.bars as u64 * 2;
        usize::try_from(micros.min(self.whole) * halves / self.whole).unwrap_or(0)
    }

    /// The marks of time above the bars.
    fn axis(&self) -> String {
        let step = tick(self.whole, self.bars / 10);
        let mut line = String::new();
        let mut at = 0;
        while at <= self.whole {
            let column = self.half(at) / 2;
            let text = match at {
                0 => "0".to_owned(),
                at => mark(at),
            };
            let free = console::measure_text_width(&line);
            if (free == 0 || column > free) && column + text.len() <= self.bars {
                line.push_str(&" ".repeat(column - free));
                line.push_str(&text);
            }
            at += step;
        }
        let line = format!(" {}  {line}", " ".repeat(self.column));
        format!("{}\n", self.canvas.paint.dim(line.trim_end()))
    }

    fn line(&self, step: &StepRecord, name: &str, critical: bool) -> String {
        let paint = self.canvas.paint;
        let short = console::truncate_str(name, self.column, "…");
        let label = padded(&short, self.column);
        let label = match (step.outcome, critical) {
            (StepOutcome::Failed, _) => paint.red(label),
            (StepOutcome::Skipped, _) => paint.dim(label),
            (_, true) => paint.bold(label),
            _ => label,
        };
        if step.outcome == StepOutcome::Skipped {
            return format!(" {label}  {}\n", paint.dim("not done"));
        }
        let (blank, bar) = self.bar(step, critical);
        let drawn = match step.kind.as_str() {
            _ if step.outcome == StepOutcome::Failed => paint.red(&bar),
            "await" | "settle" => paint.yellow(&bar),
            "pull" | "build" => paint.cyan(&bar),
            _ => paint.green(&bar),
        };
        let rest = self
            .bars
            .saturating_sub(blank + console::measure_text_width(&bar));
        let took = match step.outcome {
            StepOutcome::Failed => paint.red(format!("{} ✘", span(step.took()))),
            _ => span(step.took()),
        };
        format!(
            " {label}  {}{drawn}{}  {took}\n",
            " ".repeat(blank),
            " ".repeat(rest)
        )
    }

    /// The blanks before a bar, and the bar: heavy on the critical path.
    fn bar(&self, step: &StepRecord, critical: bool) -> (usize, String) {
        let (left, full, right) = match critical {
            true => ("╸", "━", "╺"),
            false => ("╴", "─", "╶"),
        };
        let from = self.half(step.began).min(self.bars * 2 - 1);
        let to = self.half(step.ended).max(from + 1);
        let mut bar = String::new();
        let begins_half = from % 2 == 1;
        if begins_half {
            bar.push_str(right);
        }
        let whole = (to / 2).saturating_sub(from.div_ceil(2));
        bar.push_str(&full.repeat(whole));
        if to % 2 == 1 && to / 2 >= from.div_ceil(2) {
            bar.push_str(left);
        }
        (from / 2, bar)
    }

    fn legend(&self, project: &str, run: &Run, path: &[u32]) -> String {
        let steps = run.steps.iter().filter(|step| path.contains(&step.id));
        let longest = steps.max_by_key(|step| step.took());
        let Some(longest) = longest.filter(|_| path.len() > 1) else {
            return String::new();
        };
        let text = format!(
            "━ critical path: {} steps, the longest of them {} ({})",
            path.iter()
                .filter(|id| run
                    .steps
                    .iter()
                    .any(|step| step.id == **id && is_shown(step)))
                .count(),
            name(longest, project),
            span(longest.took())
        );
        format!("\n {}\n", self.canvas.paint.dim(text))
    }
}

/// A mark's time, without the digits that say nothing: `500 ms`, `2 s`, `1.5 s`.
fn mark(micros: u64) -> String {
    match micros / 1000 {
        ms @ 0..1000 => format!("{ms} ms"),
        ms => format!("{} s", ms as f64 / 1000.0),
    }
}

/// The distance of marks: 1, 2 or 5 with zeros, so that at most `most` of them fit.
fn tick(whole: u64, most: usize) -> u64 {
    let most = most.max(1) as u64;
    let mut unit = 1000;
    loop {
        for factor in [1, 2, 5] {
            if whole / (unit * factor) <= most {
                return unit * factor;
            }
        }
        unit *= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(id: u32, what: &str, after: &[u32], (began, ended): (u64, u64)) -> StepRecord {
        StepRecord {
            id,
            what: what.into(),
            kind: what.split(' ').next().unwrap_or_default().into(),
            after: after.to_vec(),
            began: began * 1000,
            ended: ended * 1000,
            ..StepRecord::default()
        }
    }

    fn run() -> Run {
        let mut gate = step(5, "await db port 5432", &[4], (560, 2400));
        gate.target = Some("db:5432".into());
        let mut failed = step(7, "start app-worker-1", &[3], (240, 300));
        failed.outcome = StepOutcome::Failed;
        let mut skipped = step(8, "start app-mail-1", &[7], (300, 300));
        skipped.outcome = StepOutcome::Skipped;
        Run {
            verb: "up".into(),
            at: 1_000_000,
            took: 3_000_000,
            ending: Ending::Failed,
            steps: vec![
                step(1, "create network app_default", &[], (0, 200)),
                step(2, "create 0123456789ab_app-db-1", &[1], (200, 260)),
                step(
                    3,
                    "create app-a-service-with-a-long-name-1",
                    &[1],
                    (200, 240),
                ),
                step(4, "start app-db-1", &[2], (260, 560)),
                gate,
                step(6, "start app-web-1", &[3, 5], (2400, 3000)),
                failed,
                skipped,
            ],
        }
    }

    fn drawn(width: usize) -> String {
        let canvas = Canvas {
            width,
            paint: Paint::Plain,
            now: 1_125_000,
        };
        timeline("app", &run(), canvas)
    }

    #[test]
    fn a_run_is_a_bar_for_every_step_and_the_critical_path_is_heavy() {
        assert_eq!(
            drawn(80),
            "\
up of app, 2 minutes ago: 3.00 s, failed

                                   0          1 s        2 s
 create network default            ━━                                 200 ms
 create db-1                         ╸                                60 ms
 create a-service-with-a-long-na…    ╴                                40 ms
 start worker-1                      ╶                                60 ms ✘
 start db-1                          ╺━━━                             300 ms
 start mail-1                      not done
 wait for db:5432                        ━━━━━━━━━━━━━━━━━━━━         1.84 s
 start web-1                                                 ━━━━━━━  600 ms

 ━ critical path: 5 steps, the longest of them wait for db:5432 (1.84 s)
"
        );
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for width in [48, 60, 80, 100, 200] {
            let text = drawn(width);
            for line in text.lines().filter(|line| !line.contains("critical path")) {
                assert!(
                    console::measure_text_width(line) <= width,
                    "{width}: {line}"
                );
            }
        }
    }
}

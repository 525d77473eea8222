//! Why the containers of a service are what they are. Pure.

use std::time::Duration;

use serde::Serialize;

use super::{padded, span};
use crate::history::{Change, ContainerOrigin, How, ImageOrigin, StepOutcome};
use crate::report::Paint;
use crate::report::units::human_duration;

/// A service and its containers.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Why {
    /// Its name.
    pub service: String,
    /// Where it is written, as `compose.yaml:7`.
    pub place: Option<String>,
    /// Its containers.
    pub containers: Vec<Container>,
    /// What `up` would do to it, each with why; empty where it is as the file says.
    pub next: Vec<String>,
}

/// One container.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Container {
    /// Its name.
    pub name: String,
    /// Its id.
    pub id: String,
    /// `running`, `exited`.
    pub state: String,
    /// `healthy`, where it has a healthcheck.
    pub health: Option<String>,
    /// The exit code of one that ended.
    pub exit_code: Option<i64>,
    /// Since when it is in that state: milliseconds since 1970.
    pub since: Option<i64>,
    /// How often the engine restarted it.
    pub restarts: i64,
    /// When it was made: milliseconds since 1970.
    pub created: i64,
    /// Which version of Compose its label names.
    pub label: String,
    /// Why it was made, as dco remembers it.
    pub made: Option<ContainerOrigin>,
    /// What it was made from.
    pub image: Image,
}

/// The image of a container.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Image {
    /// Its reference.
    pub reference: String,
    /// Its id.
    pub id: String,
    /// When it was made, wherever that was: milliseconds since 1970.
    pub created: Option<i64>,
    /// How it got here, as dco remembers it.
    pub origin: Option<ImageOrigin>,
    /// The Dockerfile that it was built from here.
    pub dockerfile: Option<String>,
}

/// How it is told.
#[derive(Clone, Copy, Debug)]
pub struct Telling {
    /// Colours.
    pub paint: Paint,
    /// Milliseconds since 1970.
    pub now: i64,
}

/// The width of the words at the left.
const LABEL: usize = 10;

impl Telling {
    /// `3 minutes`.
    fn age(self, at: i64) -> String {
        let ago = self.now.saturating_sub(at).max(0).unsigned_abs();
        let span = human_duration(Duration::from_millis(ago));
        span[..1].to_lowercase() + &span[1..]
    }

    fn line(self, label: &str, text: &str) -> String {
        format!("  {}{text}\n", self.paint.dim(padded(label, LABEL)))
    }
}

impl Why {
    /// The whole text.
    pub fn text(&self, telling: Telling) -> String {
        let paint = telling.paint;
        let mut out = paint.bold(&self.service);
        if let Some(place) = &self.place {
            out.push_str(&paint.dim(format!("  {place}")));
        }
        out.push('\n');
        for container in &self.containers {
            out.push('\n');
            out.push_str(&container.text(telling));
        }
        out.push('\n');
        let stays = match (self.containers.is_empty(), self.next.is_empty()) {
            (true, true) => "it has no container".to_owned(),
            (false, true) => "`dco up` would leave it as it is".to_owned(),
            (_, false) => format!("`dco up` would {}", self.next.join("; ")),
        };
        out.push_str(&match self.next.is_empty() {
            true => paint.dim(stays),
            false => paint.yellow(stays),
        });
        out.push('\n');
        out
    }
}

impl Container {
    fn text(&self, telling: Telling) -> String {
        let paint = telling.paint;
        let mut out = format!("{}  {}\n", paint.cyan(&self.name), self.status(telling));
        out.push_str(&self.made(telling));
        if let Some(made) = &self.made {
            out.push_str(&waits(made, telling));
        }
        out.push_str(&telling.line("image", &self.image.text(telling)));
        out
    }

    /// `running for 3 minutes, healthy, restarted 2 times`.
    fn status(&self, telling: Telling) -> String {
        let paint = telling.paint;
        let state = match (self.state.as_str(), self.exit_code) {
            ("exited" | "dead", Some(code)) => format!("{} with {code}", self.state),
            (state, _) => state.to_owned(),
        };
        let since = match (self.state.as_str(), self.since) {
            ("running" | "paused" | "restarting", Some(at)) => format!(" for {}", telling.age(at)),
            (_, Some(at)) => format!(", {} ago", telling.age(at)),
            (_, None) => String::new(),
        };
        let well = matches!(self.state.as_str(), "running") || self.exit_code == Some(0);
        let mut parts = vec![match well {
            true => paint.green(format!("{state}{since}")),
            false => paint.yellow(format!("{state}{since}")),
        }];
        parts.extend(self.health.as_ref().map(|health| match health.as_str() {
            "unhealthy" => paint.red(health),
            health => health.to_owned(),
        }));
        match self.restarts {
            0 => {}
            1 => parts.push(paint.yellow("restarted once by the engine")),
            many => parts.push(paint.yellow(format!("restarted {many} times by the engine"))),
        }
        parts.join(", ")
    }

    fn made(&self, telling: Telling) -> String {
        let age = telling.age(self.created);
        let Some(made) = &self.made else {
            let by = match self.label.is_empty() {
                true => String::new(),
                false => format!(" (its label names Compose {})", self.label),
            };
            return telling.line("made", &format!("{age} ago; why is not remembered{by}"));
        };
        let because = match made.cause.as_str() {
            "missing" => "there was none".to_owned(),
            cause => cause.to_owned(),
        };
        let colon = if made.changes.is_empty() { "" } else { ":" };
        let text = format!("{age} ago by `dco {}`: {because}{colon}", made.verb);
        let mut out = telling.line("made", &text);
        out.push_str(&changes(&made.changes, telling.paint));
        out
    }
}

/// One line for each field, in columns.
fn changes(changes: &[Change], paint: Paint) -> String {
    let widest = changes
        .iter()
        .map(|change| console::measure_text_width(&change.field));
    let column = widest.max().unwrap_or(0) + 2;
    let mut out = String::new();
    for change in changes {
        let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".to_owned());
        let (old, new) = (shown(&change.old), shown(&change.new));
        let values = match old == new {
            true => "changed, and is not shown".to_owned(),
            false => format!("{} → {}", paint.red(old), paint.green(new)),
        };
        let place = change.place.as_ref();
        let place = place.map_or(String::new(), |place| paint.dim(format!("  {place}")));
        let field = padded(&change.field, column);
        out.push_str(&format!(
            "{}{field}{values}{place}\n",
            " ".repeat(LABEL + 4)
        ));
    }
    out
}

fn waits(made: &ContainerOrigin, telling: Telling) -> String {
    let column = |text: fn(&crate::history::Wait) -> String| {
        let widths = made.waits.iter().map(text);
        widths
            .map(|text| console::measure_text_width(&text))
            .max()
            .unwrap_or(0)
            + 2
    };
    let (targets, spans) = (
        column(|wait| wait.target.clone()),
        column(|wait| span(wait.took)),
    );
    let mut out = String::new();
    for (index, wait) in made.waits.iter().enumerate() {
        let label = if index == 0 { "waited" } else { "" };
        let took = padded(&span(wait.took), spans);
        let took = match wait.outcome {
            StepOutcome::Done => took,
            _ => telling.paint.red(took),
        };
        let target = padded(&wait.target, targets);
        let because = telling.paint.dim(&wait.because);
        out.push_str(&telling.line(label, &format!("{took}{target}{because}")));
    }
    out
}

impl Image {
    fn text(&self, telling: Telling) -> String {
        let id = self.id.strip_prefix("sha256:").unwrap_or(&self.id);
        let id = telling.paint.dim(id.get(..12).unwrap_or(id));
        let from = self.dockerfile.as_ref();
        let from = from.map_or(String::new(), |file| format!(" from {file}"));
        let how = match &self.origin {
            Some(origin) => {
                let (how, from) = match origin.how {
                    How::Built => ("built", from),
                    How::Pulled => ("pulled", String::new()),
                };
                let age = telling.age(origin.at);
                format!(
                    "{how} {age} ago{from} in {}: {}",
                    span(origin.took),
                    origin.cause
                )
            }
            None if self.dockerfile.is_some() => format!("built here{from}"),
            None => match self.created {
                Some(at) => format!("was here already, made {} ago", telling.age(at)),
                None => "was here already".to_owned(),
            },
        };
        format!("{} {id}  {how}", self.reference)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Wait;

    const MINUTE: i64 = 60_000;

    fn why() -> Why {
        let wait = |target: &str, because: &str, took| Wait {
            target: target.into(),
            because: because.into(),
            took,
            outcome: StepOutcome::Done,
        };
        let change = |field: &str, old: &str, new: &str| Change {
            field: field.into(),
            old: Some(old.into()),
            new: Some(new.into()),
            place: Some("compose.yaml:10".into()),
        };
        let made = ContainerOrigin {
            verb: "up".into(),
            at: 0,
            cause: "config changed".into(),
            changes: vec![
                change("environment.DEBUG", "0", "1"),
                change("environment.DB_PASSWORD", "********", "********"),
            ],
            waits: vec![
                wait("db:5432", "DB_HOST, compose.yaml:14", 412_000),
                wait(
                    "cache to be healthy",
                    "depends_on, compose.yaml:12",
                    2_310_000,
                ),
            ],
        };
        let built = ImageOrigin {
            how: How::Built,
            reference: "app-web".into(),
            at: 0,
            took: 12_300_000,
            cause: "requirements.txt changed".into(),
        };
        Why {
            service: "web".into(),
            place: Some("compose.yaml:7".into()),
            containers: vec![
                Container {
                    name: "app-web-1".into(),
                    state: "running".into(),
                    health: Some("healthy".into()),
                    since: Some(0),
                    restarts: 2,
                    made: Some(made),
                    image: Image {
                        reference: "app-web".into(),
                        id: "sha256:0123456789abcdef".into(),
                        origin: Some(built),
                        dockerfile: Some("Dockerfile".into()),
                        ..Image::default()
                    },
                    ..Container::default()
                },
                Container {
                    name: "app-web-2".into(),
                    state: "exited".into(),
                    exit_code: Some(1),
                    since: Some(MINUTE),
                    label: "2.40.3".into(),
                    image: Image {
                        reference: "busybox".into(),
                        id: "sha256:fedcba9876543210".into(),
                        created: Some(0),
                        ..Image::default()
                    },
                    ..Container::default()
                },
            ],
            next: vec!["start app-web-2 (not running)".into()],
        }
    }

    #[test]
    fn each_container_is_told_with_its_making_its_waits_and_its_image() {
        let telling = Telling {
            paint: Paint::Plain,
            now: 3 * MINUTE,
        };
        assert_eq!(
            why().text(telling),
            "\
web  compose.yaml:7

app-web-1  running for 3 minutes, healthy, restarted 2 times by the engine
  made      3 minutes ago by `dco up`: config changed:
              environment.DEBUG        0 → 1  compose.yaml:10
              environment.DB_PASSWORD  changed, and is not shown  compose.yaml:10
  waited    412 ms  db:5432              DB_HOST, compose.yaml:14
            2.31 s  cache to be healthy  depends_on, compose.yaml:12
  image     app-web 0123456789ab  built 3 minutes ago from Dockerfile in 12.3 s: requirements.txt changed

app-web-2  exited with 1, 2 minutes ago
  made      3 minutes ago; why is not remembered (its label names Compose 2.40.3)
  image     busybox fedcba987654  was here already, made 3 minutes ago

`dco up` would start app-web-2 (not running)
"
        );
    }
}

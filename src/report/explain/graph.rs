//! Services and what they wait for, as a tree, for Graphviz, for Mermaid. Pure.

use std::collections::BTreeSet;

use serde::Serialize;

use super::padded;
use crate::report::Paint;

/// The services of a project and their edges.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Graph {
    /// The project's name.
    pub name: String,
    /// The services, sorted by name.
    pub services: Vec<Node>,
}

/// One service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// Its image.
    pub image: String,
    /// What it comes after, sorted by name.
    pub depends_on: Vec<Arrow>,
}

/// One service comes after another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Arrow {
    /// The other.
    pub service: String,
    /// Who says so.
    pub origin: Origin,
    /// What says so: `depends_on`, or a variable.
    pub because: String,
    /// Where it is written, as `compose.yaml:14`.
    pub place: Option<String>,
    /// What is waited for: `db:5432`; none where it is enough that the other was started.
    pub waits_for: Vec<String>,
    /// Whether the dependent is started although the wait was in vain.
    pub soft: bool,
}

/// Who says that there is an edge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The file.
    #[default]
    Declared,
    /// `x-dco.wait`.
    Wished,
    /// The dependent's configuration names the other.
    Inferred,
}

impl Arrow {
    /// `waits for db:5432`.
    fn waits(&self) -> String {
        match self.waits_for.is_empty() {
            true => "starts after it".to_owned(),
            false => format!("waits for {}", self.waits_for.join(" and ")),
        }
    }

    /// `depends_on, compose.yaml:14`.
    fn reason(&self) -> String {
        match &self.place {
            Some(place) => format!("{}, {place}", self.because),
            None => self.because.clone(),
        }
    }
}

impl Graph {
    fn node(&self, name: &str) -> Option<&Node> {
        self.services.iter().find(|node| node.name == name)
    }

    /// The services that no other waits for.
    fn roots(&self) -> Vec<&Node> {
        let waited: BTreeSet<&str> = self
            .services
            .iter()
            .flat_map(|node| &node.depends_on)
            .map(|arrow| arrow.service.as_str())
            .collect();
        let roots = self.services.iter();
        roots
            .filter(|node| !waited.contains(node.name.as_str()))
            .collect()
    }

    /// The tree: who waits for nobody's sake first, below each what it waits for.
    pub fn tree(&self, paint: Paint) -> String {
        let mut rows = Vec::new();
        let mut seen = BTreeSet::new();
        let roots = self.roots();
        for (index, root) in roots.iter().enumerate() {
            let ends = index + 1 == roots.len();
            let place = (String::new(), ends);
            self.branch((root, None), place, &mut seen, &mut rows);
        }
        let width = |cell: fn(&Row) -> &str| {
            let widths = rows
                .iter()
                .map(|row| console::measure_text_width(cell(row)));
            widths.max().unwrap_or(0)
        };
        let widths = Widths {
            names: width(|row| &row.branch) + 2,
            images: width(|row| &row.image) + 2,
            waits: width(|row| &row.waits) + 2,
        };
        let mut out = format!("{}\n", paint.bold(&self.name));
        for row in &rows {
            out.push_str(row.text(&widths, paint).trim_end());
            out.push('\n');
        }
        if rows.iter().any(|row| row.soft) {
            let legend = "╌ inferred from what the service is configured with: `dco help gates`";
            out.push_str(&format!("\n{}\n", paint.dim(legend)));
        }
        out
    }

    fn branch<'g>(
        &'g self,
        (node, arrow): (&'g Node, Option<&Arrow>),
        (before, ends): (String, bool),
        seen: &mut BTreeSet<&'g str>,
        rows: &mut Vec<Row>,
    ) {
        let known = !seen.insert(&node.name);
        let inferred = arrow.is_some_and(|arrow| arrow.origin == Origin::Inferred);
        let stem = match (ends, inferred) {
            (true, false) => "└── ",
            (true, true) => "└╌╌ ",
            (false, false) => "├── ",
            (false, true) => "├╌╌ ",
        };
        let more = known && !node.depends_on.is_empty();
        rows.push(Row {
            stem: format!("{before}{stem}"),
            branch: format!(
                "{before}{stem}{}{}",
                node.name,
                if more { " ↑" } else { "" }
            ),
            name: node.name.clone(),
            image: node.image.clone(),
            waits: arrow.map_or_else(String::new, Arrow::waits),
            reason: arrow.map_or_else(String::new, Arrow::reason),
            soft: inferred,
            is_root: arrow.is_none(),
        });
        if known {
            return;
        }
        let before = format!("{before}{}", if ends { "    " } else { "│   " });
        let arrows: Vec<&Arrow> = node.depends_on.iter().collect();
        for (index, arrow) in arrows.iter().enumerate() {
            if let Some(next) = self.node(&arrow.service) {
                let place = (before.clone(), index + 1 == arrows.len());
                self.branch((next, Some(arrow)), place, seen, rows);
            }
        }
    }

    /// For Graphviz: inferred edges are dashed.
    pub fn dot(&self) -> String {
        let mut out = format!(
            "digraph {} {{\n  rankdir=LR;\n  node [shape=box];\n",
            quoted(&self.name)
        );
        for node in &self.services {
            let label = format!("{}\n{}", node.name, node.image);
            out.push_str(&format!(
                "  {} [label={}];\n",
                quoted(&node.name),
                quoted(&label)
            ));
        }
        for node in &self.services {
            for arrow in &node.depends_on {
                let style = match arrow.origin {
                    Origin::Inferred => ", style=dashed",
                    _ => "",
                };
                out.push_str(&format!(
                    "  {} -> {} [label={}, tooltip={}{style}];\n",
                    quoted(&node.name),
                    quoted(&arrow.service),
                    quoted(&arrow.waits_for.join("\n")),
                    quoted(&arrow.reason()),
                ));
            }
        }
        out.push_str("}\n");
        out
    }

    /// For Mermaid: inferred edges are dotted.
    pub fn mermaid(&self) -> String {
        let id = |name: &str| {
            let index = self.services.iter().position(|node| node.name == name);
            format!("s{}", index.unwrap_or(self.services.len()))
        };
        let text = |text: &str| text.replace('"', "#quot;");
        let mut out = String::from("graph LR\n");
        for node in &self.services {
            out.push_str(&format!(
                "  {}[\"{}<br/>{}\"]\n",
                id(&node.name),
                text(&node.name),
                text(&node.image)
            ));
        }
        for node in &self.services {
            for arrow in &node.depends_on {
                let line = match arrow.origin {
                    Origin::Inferred => "-.->",
                    _ => "-->",
                };
                let label = match arrow.waits_for.is_empty() {
                    true => String::new(),
                    false => format!("|\"{}\"|", text(&arrow.waits_for.join("<br/>"))),
                };
                out.push_str(&format!(
                    "  {} {line}{label} {}\n",
                    id(&node.name),
                    id(&arrow.service)
                ));
            }
        }
        out
    }
}

/// One line of the tree.
struct Row {
    stem: String,
    branch: String,
    name: String,
    image: String,
    waits: String,
    reason: String,
    soft: bool,
    is_root: bool,
}

/// The widths of the columns.
struct Widths {
    names: usize,
    images: usize,
    waits: usize,
}

impl Row {
    fn text(&self, widths: &Widths, paint: Paint) -> String {
        let branch = padded(&self.branch, widths.names);
        let rest = &branch[self.stem.len() + self.name.len()..];
        let name = match self.is_root {
            true => paint.bold(&self.name),
            false => self.name.clone(),
        };
        let image = padded(&self.image, widths.images);
        if self.waits.is_empty() {
            return format!(
                "{}{name}{rest}{}",
                paint.dim(&self.stem),
                paint.dim(image.trim_end())
            );
        }
        let waits = padded(&self.waits, widths.waits);
        let waits = match self.soft {
            true => paint.yellow(waits),
            false => paint.green(waits),
        };
        format!(
            "{}{name}{rest}{}{waits}{}",
            paint.dim(&self.stem),
            paint.dim(image),
            paint.dim(&self.reason)
        )
    }
}

fn quoted(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{}\"", text.replace('\n', "\\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrow(service: &str, origin: Origin, waits_for: &[&str], place: u32) -> Arrow {
        Arrow {
            service: service.into(),
            origin,
            because: match origin {
                Origin::Inferred => "DB_HOST".into(),
                _ => "depends_on".into(),
            },
            place: Some(format!("compose.yaml:{place}")),
            waits_for: waits_for.iter().map(|it| (*it).to_owned()).collect(),
            soft: true,
        }
    }

    fn node(name: &str, image: &str, depends_on: Vec<Arrow>) -> Node {
        Node {
            name: name.into(),
            image: image.into(),
            depends_on,
        }
    }

    fn graph() -> Graph {
        Graph {
            name: "app".into(),
            services: vec![
                node("cache", "redis:7", vec![]),
                node(
                    "db",
                    "postgres:15",
                    vec![arrow("init", Origin::Declared, &["init to complete"], 9)],
                ),
                node("init", "busybox", vec![]),
                node(
                    "web",
                    "app-web",
                    vec![
                        arrow("cache", Origin::Declared, &[], 20),
                        arrow("db", Origin::Inferred, &["db:5432"], 24),
                    ],
                ),
                node(
                    "worker",
                    "app-web",
                    vec![arrow("db", Origin::Inferred, &["db:5432"], 31)],
                ),
            ],
        }
    }

    #[test]
    fn the_tree_shows_each_service_below_those_that_wait_for_it() {
        assert_eq!(
            graph().tree(Paint::Plain),
            "\
app
├── web           app-web
│   ├── cache     redis:7      starts after it             depends_on, compose.yaml:20
│   └╌╌ db        postgres:15  waits for db:5432           DB_HOST, compose.yaml:24
│       └── init  busybox      waits for init to complete  depends_on, compose.yaml:9
└── worker        app-web
    └╌╌ db ↑      postgres:15  waits for db:5432           DB_HOST, compose.yaml:31

╌ inferred from what the service is configured with: `dco help gates`
"
        );
    }

    #[test]
    fn graphviz_and_mermaid_get_the_same_edges() {
        assert_eq!(
            graph().dot(),
            r#"digraph "app" {
  rankdir=LR;
  node [shape=box];
  "cache" [label="cache\nredis:7"];
  "db" [label="db\npostgres:15"];
  "init" [label="init\nbusybox"];
  "web" [label="web\napp-web"];
  "worker" [label="worker\napp-web"];
  "db" -> "init" [label="init to complete", tooltip="depends_on, compose.yaml:9"];
  "web" -> "cache" [label="", tooltip="depends_on, compose.yaml:20"];
  "web" -> "db" [label="db:5432", tooltip="DB_HOST, compose.yaml:24", style=dashed];
  "worker" -> "db" [label="db:5432", tooltip="DB_HOST, compose.yaml:31", style=dashed];
}
"#
        );
        assert_eq!(
            graph().mermaid(),
            r#"graph LR
  s0["cache<br/>redis:7"]
  s1["db<br/>postgres:15"]
  s2["init<br/>busybox"]
  s3["web<br/>app-web"]
  s4["worker<br/>app-web"]
  s1 -->|"init to complete"| s2
  s3 --> s0
  s3 -.->|"db:5432"| s1
  s4 -.->|"db:5432"| s1
"#
        );
    }
}

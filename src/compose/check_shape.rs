//! Phase 7: every key is known and holds what it may hold.

use std::collections::HashMap;

use super::context::Context;
use super::node::{Entry, Map, Node, Span, Value};
use super::shape::{self, Object, Others, Shape, Text};
use crate::diagnostic::Diagnostic;
use crate::text::nearest::nearest;

/// Notes everything in a document that the table of shapes does not allow.
pub fn check(cx: &mut Context<'_>, root: &Node) {
    Check {
        cx,
        path: Vec::new(),
    }
    .node(root, root.at, &shape::FILE);
}

struct Check<'c, 'r> {
    cx: &'c mut Context<'r>,
    path: Vec<String>,
}

impl Check<'_, '_> {
    fn node(&mut self, node: &Node, key_at: Span, shape: &'static Shape) {
        if kind_of(&node.value) & shape.kinds == 0 && !whole(&node.value, shape) {
            return self.wrong_kind(node, key_at, shape);
        }
        match &node.value {
            Value::Text(text) => self.text(text, node, shape),
            Value::Int(number) => self.range(*number, node, shape),
            Value::List(items) => self.list(items, shape),
            Value::Map(map) => {
                if let Some(object) = shape.object {
                    self.map(
                        map,
                        if node.at.file == 0 { key_at } else { node.at },
                        key_at,
                        object,
                    );
                }
            }
            _ => {}
        }
    }

    fn path(&self) -> String {
        match self.path.is_empty() {
            true => "the top level".to_owned(),
            false => format!("`{}`", self.path.join(".")),
        }
    }

    fn wrong_kind(&mut self, node: &Node, key_at: Span, shape: &Shape) {
        let at = match node.is_null() || node.at.start == node.at.end {
            true => key_at,
            false => node.at,
        };
        let wanted = kind_names(shape.kinds);
        let mut error = Diagnostic::error(format!(
            "{} must be {wanted}, not {}",
            self.path(),
            node.kind()
        ))
        .at(self.cx.place(at));
        match &node.value {
            Value::Map(_) | Value::Null => {}
            Value::Int(number) if shape.kinds & shape::S != 0 && self.is_duration() => {
                error = error.hint(format!("give it a unit: `{number}s`"));
            }
            Value::Text(text) if self.path.len() == 2 && self.path[0] == "services" => {
                error = error.hint(format!("an image is named below it: `image: {text}`"));
            }
            value @ (Value::Text(_) | Value::Int(_))
                if shape.kinds & (shape::L | shape::M | shape::S) == shape::L =>
            {
                error = error.hint(format!("a list of one: `[{}]`", self.written(node, value)));
            }
            Value::Text(_) | Value::List(_) => {}
            value if shape.kinds & shape::S != 0 => {
                error = error.hint(format!(
                    "put it in quotes: \"{}\"",
                    self.written(node, value)
                ));
            }
            _ => {}
        }
        if self.path.len() == 2 && self.path[0] == "services" && node.is_null() {
            error = error.hint("give it an `image` or a `build`, or take it out");
        }
        self.cx.errors.push(error);
    }

    /// Whether the attribute is a stretch of time.
    fn is_duration(&self) -> bool {
        let key = self.path.last().map(String::as_str).unwrap_or_default();
        let keys = [
            "stop_grace_period",
            "interval",
            "timeout",
            "start_period",
            "start_interval",
            "delay",
            "window",
            "monitor",
        ];
        keys.contains(&key)
    }

    /// A scalar as the file has it.
    fn written(&self, node: &Node, value: &Value) -> String {
        let file = self.cx.sources.file(node.at.file);
        let range = node.at.start as usize..node.at.end as usize;
        match file.and_then(|file| file.text.get(range)) {
            Some(text) if !text.is_empty() => text.to_owned(),
            _ => value.to_string(),
        }
    }

    fn text(&mut self, text: &str, node: &Node, shape: &Shape) {
        let complaint = match shape.text {
            Text::Any => return,
            Text::OneOf(words) if words.contains(&text) => return,
            Text::OneOf(words) => {
                let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
                format!("must be {}, not `{text}`", either(&words))
            }
            Text::ContainerName if is_container_name(text) => return,
            Text::ContainerName => format!(
                "must hold two characters or more, of letters, digits, `_`, `.` and `-`, not `{text}`"
            ),
            Text::PullPolicy if is_pull_policy(text) => return,
            Text::PullPolicy => format!(
                "must be `always`, `never`, `missing`, `build`, `daily`, `weekly` or `every_<duration>`, not `{text}`"
            ),
        };
        let path = self.path();
        let mut error = Diagnostic::error(format!("{path} {complaint}")).at(self.cx.place(node.at));
        if let Text::OneOf(words) = shape.text
            && let Some(word) = nearest(text, words.iter().copied())
        {
            error = error.hint(format!("did you mean `{word}`?"));
        }
        self.cx.errors.push(error);
    }

    fn range(&mut self, number: i64, node: &Node, shape: &Shape) {
        let path = self.path();
        match shape.range {
            Some((least, _)) if number < least => {
                self.cx.error(
                    format!("{path} must be {least} or more, not {number}"),
                    node.at,
                );
            }
            Some((_, greatest)) if number > greatest => {
                self.cx.error(
                    format!("{path} must be {greatest} or less, not {number}"),
                    node.at,
                );
            }
            _ => {}
        }
    }

    fn list(&mut self, items: &[Node], shape: &'static Shape) {
        for (index, item) in items.iter().enumerate() {
            if let Some(shape) = shape.items {
                self.path.push(index.to_string());
                self.node(item, item.at, shape);
                self.path.pop();
            }
        }
        if shape.unique && items.len() > 1 {
            self.twice(items);
        }
    }

    /// Looks for equal items among those that read alike, since lists can be long: a range of
    /// ports has as many items as ports.
    fn twice(&mut self, items: &[Node]) {
        let mut seen: HashMap<String, Vec<&Node>> = HashMap::new();
        for item in items {
            let alike = seen.entry(item.value.to_string()).or_default();
            match alike.iter().find(|earlier| **earlier == item) {
                None => alike.push(item),
                Some(first) => {
                    let text = format!("{} holds `{}` twice", self.path(), item.value);
                    let error = Diagnostic::error(text).at(self.cx.place(item.at));
                    let also = self.cx.place(first.at);
                    self.cx.errors.push(error.also(also, "first here"));
                }
            }
        }
    }

    fn map(&mut self, map: &Map, at: Span, key_at: Span, object: &'static Object) {
        for entry in map.iter() {
            let known = object.fields.iter().find(|(name, _)| **name == *entry.key);
            let shape = match (known, object.others) {
                (Some((_, shape)), _) => Some(*shape),
                (None, Others::Open) => None,
                (None, Others::Extensions) if entry.key.starts_with("x-") => None,
                (None, Others::Any(shape)) if !entry.key.is_empty() => Some(shape),
                (None, Others::Names(shape) | Others::LooseNames(shape)) if is_name(&entry.key) => {
                    Some(shape)
                }
                (None, Others::LooseNames(_)) => None,
                (None, Others::LooseWords(shape)) if is_word(&entry.key) => Some(shape),
                (None, Others::LooseWords(_)) => None,
                (None, _) => {
                    self.unknown(entry, object);
                    continue;
                }
            };
            if let Some(shape) = shape {
                self.path.push(entry.key.to_string());
                self.node(&entry.node, entry.at, shape);
                self.path.pop();
            }
        }
        for name in object.required {
            if !map.has(name) {
                let at = match key_at == at || key_at.file == 0 {
                    true => head(map, at),
                    false => key_at,
                };
                let error = Diagnostic::error(format!("{} lacks `{name}`", self.path()))
                    .at(self.cx.place(at));
                self.cx.errors.push(error);
            }
        }
    }

    fn unknown(&mut self, entry: &Entry, object: &Object) {
        let key = &entry.key;
        let place = self.cx.place(entry.at);
        let error = match object.others {
            Others::Names(_) => {
                Diagnostic::error(format!("`{key}` is no name for {}", self.thing()))
                    .at(place)
                    .hint("a name holds letters, digits, `.`, `_` and `-`")
            }
            _ => {
                let mut error =
                    Diagnostic::error(format!("{} has no key `{key}`", self.path())).at(place);
                if let Some(name) = nearest(key, object.fields.iter().map(|(name, _)| *name)) {
                    error = error.hint(format!("did you mean `{name}`?"));
                } else if self.path.is_empty() {
                    error = error.hint(format!(
                        "a service stands below `services:`; a key of your own begins with `x-`: `x-{key}`"
                    ));
                } else if matches!(object.others, Others::Extensions) {
                    error = error.hint(format!("a key of your own begins with `x-`: `x-{key}`"));
                }
                error
            }
        };
        self.cx.errors.push(error);
    }

    fn thing(&self) -> &'static str {
        match self.path.last().map(String::as_str) {
            Some("services" | "depends_on") => "a service",
            Some("networks") => "a network",
            Some("volumes") => "a volume",
            Some("secrets") => "a secret",
            Some("configs") => "a config",
            _ => "this",
        }
    }
}

/// The first key of a map, to point at instead of the whole of it.
fn head(map: &Map, at: Span) -> Span {
    let keys = map
        .iter()
        .map(|entry| entry.at)
        .filter(|key| key.file == at.file);
    keys.min_by_key(|key| key.start).unwrap_or(at)
}

fn kind_of(value: &Value) -> u8 {
    match value {
        Value::Null => shape::N,
        Value::Bool(_) => shape::B,
        Value::Int(_) | Value::Uint(_) => shape::I | shape::F,
        Value::Float(_) => shape::F,
        Value::Time(_) => 0,
        Value::Text(_) => shape::S,
        Value::List(_) => shape::L,
        Value::Map(_) => shape::M,
    }
}

/// A float without a fraction counts as an integer.
fn whole(value: &Value, shape: &Shape) -> bool {
    match value {
        Value::Float(number) => shape.kinds & shape::I != 0 && number.fract() == 0.0,
        Value::Time(_) => shape.kinds == shape::ANY,
        _ => false,
    }
}

fn kind_names(kinds: u8) -> String {
    let mut names = Vec::new();
    for (kind, name) in [
        (shape::S, "a string"),
        (shape::F, "a number"),
        (shape::I, "an integer"),
        (shape::B, "a boolean"),
        (shape::L, "a list"),
        (shape::M, "a mapping"),
        (shape::N, "nothing"),
    ] {
        if kinds & kind != 0 {
            names.push(name.to_owned());
        }
    }
    either(&names)
}

fn either(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [head @ .., last] => format!("{} or {last}", head.join(", ")),
    }
}

fn is_name(key: &str) -> bool {
    !key.is_empty()
        && key
            .bytes()
            .all(|c| c.is_ascii_alphanumeric() || b"._-".contains(&c))
}

fn is_word(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(|c| c.is_ascii_lowercase())
}

/// The schema's pattern is not anchored: one letter or digit with one more character after it.
fn is_container_name(text: &str) -> bool {
    text.as_bytes().windows(2).any(|pair| {
        pair[0].is_ascii_alphanumeric()
            && (pair[1].is_ascii_alphanumeric() || b"_.-".contains(&pair[1]))
    })
}

/// The schema's pattern is not anchored: the text has to hold one of the words.
fn is_pull_policy(text: &str) -> bool {
    let words = [
        "always",
        "never",
        "build",
        "if_not_present",
        "missing",
        "refresh",
        "daily",
        "weekly",
    ];
    words.iter().any(|word| text.contains(word))
        || text.split("every_").skip(1).any(|rest| {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            digits > 0 && rest[digits..].starts_with(['w', 'd', 'h', 'm', 's'])
        })
}

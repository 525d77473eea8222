//! Phase 1: text → documents of spanned nodes, with anchors shared and merge keys applied.
//!
//! Every problem is a diagnostic with its place; a file can neither exhaust the memory (aliases are
//! shared and their expanded size is bounded) nor the stack (nesting is bounded).

use std::collections::HashMap;
use std::sync::Arc;

use granit_parser::{Event, Options, Parser, ScalarStyle};

use super::node::{Entry, Map, Node, Span, Tag, Value};
use super::scalar;
use super::sources::Sources;
use crate::diagnostic::Diagnostic;

/// More nodes than this, counted with every alias written out, and ten times as many as are
/// written, is no compose file but an attack.
const MAX_EXPANDED: u64 = 1_000_000;

/// One document of a file.
#[derive(Debug)]
pub struct Document {
    /// What it holds, without what `!reset` takes away.
    pub root: Node,
    /// The paths that `!reset` and `!override` take out of what comes before.
    pub resets: Vec<Vec<Arc<str>>>,
}

/// Parses every document of a file that `sources` holds.
///
/// # Errors
/// What is wrong with the YAML, duplicate keys, aliases that are not defined, contain themselves or
/// expand beyond measure, keys that are no texts.
pub fn parse(sources: &Sources, file: u32) -> Result<Vec<Document>, Vec<Diagnostic>> {
    let source = sources.file(file).ok_or_else(Vec::new)?;
    let text = source.text.strip_prefix('\u{feff}').unwrap_or(&source.text);
    let mut options = Options::default();
    options.set_emit_comments(false);
    options.emit_unresolved_aliases = true;
    let mut reader = Reader {
        sources,
        file,
        shift: source.text.len() - text.len(),
        text,
        parser: Parser::new_from_str_with_options(text, options),
        anchors: HashMap::new(),
        tagged: false,
        written: 0,
        errors: Vec::new(),
    };
    let documents = reader.documents();
    match documents {
        Ok(documents) if reader.errors.is_empty() => Ok(documents),
        Ok(_) => Err(reader.errors),
        Err(stop) => {
            reader.errors.push(*stop);
            Err(reader.errors)
        }
    }
}

/// What a syntax error most likely comes from; `before` is its line up to it.
fn likely(message: &str, before: &str) -> Option<&'static str> {
    let has = |part: &str| message.contains(part);
    let hint = if has("mapping values are not allowed") {
        match before.contains(": ") {
            true => "a text that holds `: ` stands in quotes",
            false => "does the line above lack a `:`?",
        }
    } else if has("unexpected character") || has("cannot start any token") {
        "a text that begins with such a character stands in quotes"
    } else if has("quoted scalar") {
        "is a quote above not closed?"
    } else if has("illegal placement of ':'") || has("flow sequence") || has("flow mapping") {
        "is a `[` or a `{` above not closed?"
    } else if has("did not find expected key") || has("did not find expected '-' indicator") {
        "is the line indented exactly as those it belongs to?"
    } else {
        return None;
    };
    Some(hint)
}

/// What ends the reading of a file.
type Stop = Box<Diagnostic>;

struct Reader<'t, 's> {
    sources: &'s Sources,
    file: u32,
    shift: usize,
    text: &'t str,
    parser: Parser<'t, granit_parser::StrInput<'t>>,
    anchors: HashMap<usize, (Node, u64)>,
    tagged: bool,
    written: u64,
    errors: Vec<Diagnostic>,
}

/// A node and how many it stands for when every alias is written out.
type Weighed = (Node, u64);

impl<'t> Reader<'t, '_> {
    fn documents(&mut self) -> Result<Vec<Document>, Stop> {
        let mut documents = Vec::new();
        loop {
            match self.next()? {
                (Event::DocumentStart(..), _) => {
                    let (event, at) = self.next()?;
                    self.anchors.clear();
                    self.tagged = false;
                    let (mut root, weight) = self.node(event, at)?;
                    if weight > MAX_EXPANDED && weight > self.written.saturating_mul(10) {
                        let message = format!(
                            "the aliases of this document stand for {weight} values: more than dco takes"
                        );
                        let start = Span {
                            end: root.at.start,
                            ..root.at
                        };
                        let error = Diagnostic::error(message)
                            .at(self.sources.place(start))
                            .hint("write out what aliases of aliases stand for");
                        return Err(Box::new(error));
                    }
                    let mut resets = Vec::new();
                    if self.tagged {
                        collect_resets(&mut root, &mut Vec::new(), &mut resets);
                    }
                    documents.push(Document { root, resets });
                }
                (Event::StreamEnd, _) => return Ok(documents),
                _ => {}
            }
        }
    }

    fn next(&mut self) -> Result<(Event<'t>, Span), Stop> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => {
                let range = span.byte_range().unwrap_or_default();
                Ok((event, self.span(range.start, range.end)))
            }
            Some(Err(error)) => {
                let offset = error.marker().byte_offset().unwrap_or(self.text.len());
                Err(self.syntax(&error.info(), offset))
            }
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn span(&self, start: usize, end: usize) -> Span {
        let offset = |at: usize| u32::try_from(at + self.shift).unwrap_or(u32::MAX);
        Span {
            file: self.file,
            start: offset(start),
            end: offset(end),
        }
    }

    /// A syntax error, with the mend for the mistakes that everybody makes.
    fn syntax(&self, info: &str, offset: usize) -> Stop {
        let offset = floor(self.text, offset);
        let line_start = self.text[..offset].rfind('\n').map_or(0, |at| at + 1);
        let line = self.text[line_start..].lines().next().unwrap_or_default();
        let indent = line.len() - line.trim_start_matches([' ', '\t']).len();
        if let Some(tab) = line[..indent].find('\t') {
            let at = self.span(line_start + tab, line_start + tab + 1);
            return Box::new(
                Diagnostic::error("a tab cannot indent YAML")
                    .at(self.sources.place(at))
                    .hint("use spaces: two for each level"),
            );
        }
        let end = self.text[offset..]
            .chars()
            .next()
            .map_or(offset, |c| offset + c.len_utf8());
        let at = self.span(
            offset,
            if end > offset && !self.text[offset..end].contains('\n') {
                end
            } else {
                offset
            },
        );
        let mut chars = info.chars();
        let first = chars.next().map(|c| c.to_ascii_lowercase());
        let message: String = first.into_iter().chain(chars).collect();
        let message = message.trim_end_matches('.').replace('`', "'");
        let mut error = self.stop(format!("not valid YAML: {message}"), at);
        let before = &self.text[line_start..offset];
        error
            .hints
            .extend(likely(&message, before).map(str::to_owned));
        error
    }

    fn stop(&self, message: String, at: Span) -> Stop {
        Box::new(Diagnostic::error(message).at(self.sources.place(at)))
    }

    fn node(&mut self, event: Event<'t>, at: Span) -> Result<Weighed, Stop> {
        self.written += 1;
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let kind = tag.as_deref().map_or(Tag::None, merge_tag);
                self.tagged |= kind != Tag::None;
                let text = self.as_ended(&text, style, at);
                let value = self.scalar(text, style, tag.as_deref(), at)?;
                let node = Node {
                    value,
                    at,
                    tag: kind,
                };
                Ok(self.finish(anchor, node, 1))
            }
            Event::Alias(id) => match self.anchors.get(&id) {
                Some((node, weight)) => {
                    let node = Node { at, ..node.clone() };
                    Ok((node, *weight))
                }
                None => Err(self.stop(
                    "this alias stands inside the value it stands for".into(),
                    at,
                )),
            },
            Event::UnresolvedAlias(name) => {
                let error = Diagnostic::error(format!("unknown anchor `{name}`"))
                    .at(self.sources.place(at))
                    .hint(format!(
                        "`&{name}` has to stand before `*{name}`, in the same file"
                    ));
                Err(Box::new(error))
            }
            Event::SequenceStart(_, anchor, tag) => self.list(anchor, tag.as_deref(), at),
            Event::MappingStart(_, anchor, tag) => self.map(anchor, tag.as_deref(), at),
            _ => Ok((Node::new(Value::Null, at), 1)),
        }
    }

    fn finish(&mut self, anchor: usize, node: Node, weight: u64) -> Weighed {
        if anchor != 0 {
            self.anchors.insert(anchor, (node.clone(), weight));
        }
        (node, weight)
    }

    fn list(
        &mut self,
        anchor: usize,
        tag: Option<&granit_parser::Tag>,
        at: Span,
    ) -> Result<Weighed, Stop> {
        let mut items = Vec::new();
        let mut weight = 1_u64;
        let end = loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::SequenceEnd) {
                break span;
            }
            let (item, more) = self.node(event, span)?;
            weight = weight.saturating_add(more);
            items.push(item);
        };
        let kind = tag.map_or(Tag::None, merge_tag);
        self.tagged |= kind != Tag::None;
        let at = Span {
            end: end.end.max(at.end),
            ..at
        };
        let node = Node {
            tag: kind,
            ..Node::list(items, at)
        };
        Ok(self.finish(anchor, node, weight))
    }

    fn map(
        &mut self,
        anchor: usize,
        tag: Option<&granit_parser::Tag>,
        at: Span,
    ) -> Result<Weighed, Stop> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut merges: Vec<(Span, Node)> = Vec::new();
        let mut weight = 1_u64;
        let end = loop {
            let (event, key_at) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                break key_at;
            }
            let key = self.key(event, key_at)?;
            let (event, value_at) = self.next()?;
            let (node, more) = self.node(event, value_at)?;
            weight = weight.saturating_add(more);
            match key {
                Key::Merge => merges.push((key_at, node)),
                Key::Text(key) => entries.push(Entry {
                    key,
                    at: key_at,
                    node,
                }),
            }
        };
        if let [first, second, ..] = &merges[..] {
            self.twice("<<", first.0, second.0);
        }
        let mut map = Map::from_entries(entries).unwrap_or_else(|twice| {
            for (first, second) in twice {
                self.twice(&first.key, first.at, second.at);
            }
            Map::default()
        });
        for (at, node) in merges {
            self.merge(&mut map, &node, at)?;
        }
        let kind = tag.map_or(Tag::None, merge_tag);
        self.tagged |= kind != Tag::None;
        let at = Span {
            end: end.end.max(at.end),
            ..at
        };
        let node = Node {
            value: Value::Map(Arc::new(map)),
            at,
            tag: kind,
        };
        Ok(self.finish(anchor, node, weight))
    }

    fn twice(&mut self, key: &str, first: Span, second: Span) {
        let error = Diagnostic::error(format!("`{key}` is defined twice"))
            .at(self.sources.place(second))
            .also(self.sources.place(first), "first defined here");
        self.errors.push(error);
    }

    /// A key: a text, or `<<`.
    fn key(&mut self, event: Event<'t>, at: Span) -> Result<Key, Stop> {
        let Event::Scalar(text, style, _, tag) = &event else {
            if let Event::Alias(_) = event {
                let (node, _) = self.node(event, at)?;
                return match node.value {
                    Value::Text(text) => Ok(Key::Text(text)),
                    _ => Err(self.stop("a key must be a string".into(), at)),
                };
            }
            return Err(self.stop("a key must be a string".into(), at));
        };
        if text == "<<" && *style == ScalarStyle::Plain {
            return Ok(Key::Merge);
        }
        let value = self.scalar(text, *style, tag.as_deref(), at)?;
        let Value::Text(key) = value else {
            let error = Diagnostic::error(format!("the key `{text}` is not a string"))
                .at(self.sources.place(at))
                .hint(format!("put it in quotes: \"{text}\""));
            return Err(Box::new(error));
        };
        if let Event::Scalar(_, _, anchor, _) = event {
            self.finish(anchor, Node::text(Arc::clone(&key), at), 1);
        }
        Ok(Key::Text(key))
    }

    /// Adds the entries of a merge key that the map does not have.
    fn merge(&mut self, map: &mut Map, node: &Node, at: Span) -> Result<(), Stop> {
        match &node.value {
            Value::Map(other) => {
                for entry in other.iter() {
                    if !map.has(&entry.key) {
                        map.set(&entry.key, entry.node.clone());
                    }
                }
                Ok(())
            }
            Value::List(items) if items.iter().all(|item| item.as_map().is_some()) => {
                items.iter().try_for_each(|item| self.merge(map, item, at))
            }
            _ => Err(self.stop("`<<` takes a mapping, or a list of mappings".into(), at)),
        }
    }

    /// A block scalar without the line break that the parser supplies where the file's last line,
    /// a line of that scalar, has none of its own.
    fn as_ended<'v>(&self, text: &'v str, style: ScalarStyle, at: Span) -> &'v str {
        let is_block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
        let last = self.text.rsplit('\n').next().unwrap_or_default();
        let end = self.span(self.text.len(), self.text.len()).end;
        if !is_block || last.trim().is_empty() || at.end < end {
            return text;
        }
        text.strip_suffix('\n').unwrap_or(text)
    }

    fn scalar(
        &self,
        text: &str,
        style: ScalarStyle,
        tag: Option<&granit_parser::Tag>,
        at: Span,
    ) -> Result<Value, Stop> {
        let core = tag
            .filter(|tag| tag.handle() == "tag:yaml.org,2002:")
            .map(|tag| tag.suffix().to_owned());
        let plain = style == ScalarStyle::Plain;
        let wanted = match (core.as_deref(), tag) {
            (None, None) if plain => return Ok(scalar::resolve(text)),
            (None, Some(tag)) if plain && tag.suffix().is_empty() => {
                return Ok(scalar::resolve(text));
            }
            (None, _) | (Some("str"), _) => return Ok(Value::Text(text.into())),
            (Some("binary"), _) => {
                let bytes = base64(text).and_then(|bytes| String::from_utf8(bytes).ok());
                return match bytes {
                    Some(bytes) => Ok(Value::Text(bytes.into())),
                    None => Err(self.stop("this is not base64 of a text".into(), at)),
                };
            }
            (Some(wanted), _) => wanted.to_owned(),
        };
        let value = scalar::resolve(text);
        match (wanted.as_str(), &value) {
            ("int", Value::Int(_) | Value::Uint(_))
            | ("bool", Value::Bool(_))
            | ("float", Value::Float(_))
            | ("null", Value::Null)
            | ("timestamp", Value::Time(_)) => Ok(value),
            ("float", Value::Int(number)) => Ok(Value::Float(*number as f64)),
            _ => Err(self.stop(format!("`{text}` is not a !!{wanted}"), at)),
        }
    }
}

enum Key {
    Merge,
    Text(Arc<str>),
}

fn merge_tag(tag: &granit_parser::Tag) -> Tag {
    match (tag.handle(), tag.suffix()) {
        ("!", "reset") => Tag::Reset,
        ("!", "override") => Tag::Override,
        _ => Tag::None,
    }
}

/// Takes what `!reset` marks out of the tree and notes the paths of both tags.
fn collect_resets(node: &mut Node, path: &mut Vec<Arc<str>>, resets: &mut Vec<Vec<Arc<str>>>) {
    match &node.value {
        Value::List(items) if items.iter().any(touches_tags) => {
            if let Some(items) = node.as_list_mut() {
                items.retain(|item| item.tag != Tag::Reset);
                for item in items {
                    // An item has no path that earlier files could be matched with.
                    collect_resets(item, &mut Vec::new(), &mut Vec::new());
                }
            }
        }
        Value::Map(map) if map.iter().any(|entry| touches_tags(&entry.node)) => {
            if let Some(map) = node.as_map_mut() {
                for entry in map.iter_mut() {
                    path.push(Arc::clone(&entry.key));
                    match entry.node.tag {
                        Tag::None => collect_resets(&mut entry.node, path, resets),
                        Tag::Reset | Tag::Override => resets.push(path.clone()),
                    }
                    path.pop();
                }
                map.retain(|entry| entry.node.tag != Tag::Reset);
            }
        }
        _ => {}
    }
}

/// Whether a node or anything below it carries a tag.
fn touches_tags(node: &Node) -> bool {
    node.tag != Tag::None
        || match &node.value {
            Value::List(items) => items.iter().any(touches_tags),
            Value::Map(map) => map.iter().any(|entry| touches_tags(&entry.node)),
            _ => false,
        }
}

fn floor(text: &str, mut at: usize) -> usize {
    at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// Standard base64, blanks ignored.
fn base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let (mut bits, mut held) = (0_u32, 0);
    for c in text
        .bytes()
        .filter(|c| !c.is_ascii_whitespace() && *c != b'=')
    {
        let value = match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held & 0xff) as u8);
        }
    }
    Some(bytes)
}

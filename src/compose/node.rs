//! The tree that the loader's phases work on: values that know where they were written.

use std::fmt;
use std::sync::Arc;

/// A stretch of one of the loader's files; file 0 is nowhere, for what the loader itself adds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Which file, by its number in [`super::sources::Sources`].
    pub file: u32,
    /// Its first byte.
    pub start: u32,
    /// The byte after its last.
    pub end: u32,
}

/// What an explicit tag asks of a merge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tag {
    /// Nothing.
    #[default]
    None,
    /// `!reset`: what the earlier files say goes.
    Reset,
    /// `!override`: what the earlier files say goes, and this stands instead.
    Override,
}

/// A value and where it was written.
#[derive(Clone, Debug, Default)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Where it was written.
    pub at: Span,
    /// What its tag asks.
    pub tag: Tag,
}

/// A value; lists and maps are shared until one of their holders changes them.
#[derive(Clone, Debug, Default)]
pub enum Value {
    /// Nothing.
    #[default]
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A whole number above the range of [`Value::Int`].
    Uint(u64),
    /// A number.
    Float(f64),
    /// A date or a time, as it was written.
    Time(Arc<str>),
    /// A text.
    Text(Arc<str>),
    /// A list.
    List(Arc<Vec<Node>>),
    /// A map.
    Map(Arc<Map>),
}

/// Entries in the order of their keys.
#[derive(Clone, Debug, Default)]
pub struct Map(Vec<Entry>);

/// One entry of a map.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The key.
    pub key: Arc<str>,
    /// Where the key was written.
    pub at: Span,
    /// The value.
    pub node: Node,
}

impl Map {
    /// A map of entries in any order; the places of a key that occurs twice are returned.
    pub fn from_entries(mut entries: Vec<Entry>) -> Result<Self, Vec<(Entry, Entry)>> {
        if !entries.is_sorted_by(|a, b| a.key < b.key) {
            entries.sort_by(|a, b| a.key.cmp(&b.key));
        }
        let mut twice = Vec::new();
        for pair in entries.windows(2) {
            if pair[0].key == pair[1].key {
                twice.push((pair[0].clone(), pair[1].clone()));
            }
        }
        match twice.is_empty() {
            true => Ok(Self(entries)),
            false => Err(twice),
        }
    }

    fn find(&self, key: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|entry| (*entry.key).cmp(key))
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.node)
    }

    /// The entry of a key.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.find(key).ok().map(|at| &self.0[at])
    }

    /// The value of a key, to change.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        self.find(key).ok().map(|at| &mut self.0[at].node)
    }

    /// Whether a key is there, even with nothing in it.
    pub fn has(&self, key: &str) -> bool {
        self.find(key).is_ok()
    }

    /// Sets a key; its own place stays where it is already there.
    pub fn set(&mut self, key: &str, node: Node) {
        match self.find(key) {
            Ok(at) => self.0[at].node = node,
            Err(at) => self.0.insert(
                at,
                Entry {
                    key: key.into(),
                    at: node.at,
                    node,
                },
            ),
        }
    }

    /// Takes a key out.
    pub fn remove(&mut self, key: &str) -> Option<Node> {
        self.find(key).ok().map(|at| self.0.remove(at).node)
    }

    /// The entries, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Entry> {
        self.0.iter()
    }

    /// The entries, to change their values.
    pub fn iter_mut(&mut self) -> std::slice::IterMut<'_, Entry> {
        self.0.iter_mut()
    }

    /// The entries, taken.
    pub fn into_entries(self) -> Vec<Entry> {
        self.0
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Keeps the entries that a predicate approves of.
    pub fn retain(&mut self, keep: impl FnMut(&Entry) -> bool) {
        self.0.retain(keep);
    }
}

impl Node {
    /// A value that stands for one written at `at`.
    pub fn new(value: Value, at: Span) -> Self {
        let tag = Tag::None;
        Self { value, at, tag }
    }

    /// A text.
    pub fn text(text: impl Into<Arc<str>>, at: Span) -> Self {
        Self::new(Value::Text(text.into()), at)
    }

    /// A truth value.
    pub fn bool(value: bool, at: Span) -> Self {
        Self::new(Value::Bool(value), at)
    }

    /// A list.
    pub fn list(items: Vec<Node>, at: Span) -> Self {
        Self::new(Value::List(Arc::new(items)), at)
    }

    /// A map of keys that stand in order.
    pub fn map(entries: impl IntoIterator<Item = (Arc<str>, Node)>, at: Span) -> Self {
        let mut map = Map::default();
        for (key, node) in entries {
            map.set(&key, node);
        }
        Self::new(Value::Map(Arc::new(map)), at)
    }

    /// Whether it is nothing.
    pub fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    /// The text, where it is one.
    pub fn as_text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The map, where it is one.
    pub fn as_map(&self) -> Option<&Map> {
        match &self.value {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The map, to change; what shares it keeps what it had.
    pub fn as_map_mut(&mut self) -> Option<&mut Map> {
        match &mut self.value {
            Value::Map(map) => Some(Arc::make_mut(map)),
            _ => None,
        }
    }

    /// The items, where it is a list.
    pub fn as_list(&self) -> Option<&[Node]> {
        match &self.value {
            Value::List(items) => Some(items),
            _ => None,
        }
    }

    /// The items, to change; what shares them keeps what it had.
    pub fn as_list_mut(&mut self) -> Option<&mut Vec<Node>> {
        match &mut self.value {
            Value::List(items) => Some(Arc::make_mut(items)),
            _ => None,
        }
    }

    /// The value of a key, where it is a map that has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.as_map()?.get(key)
    }

    /// The value at the end of a chain of keys.
    pub fn at_path(&self, path: &[&str]) -> Option<&Node> {
        path.iter().try_fold(self, |node, key| node.get(key))
    }

    /// What kind of value it is, for messages.
    pub fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "a boolean",
            Value::Int(_) | Value::Uint(_) => "an integer",
            Value::Float(_) => "a number",
            Value::Time(_) => "a date",
            Value::Text(_) => "a string",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }
}

/// Equal values, wherever they were written.
impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Int(a), Self::Int(b)) => a == b,
            (Self::Uint(a), Self::Uint(b)) => a == b,
            (Self::Float(a), Self::Float(b)) => a == b,
            (Self::Time(a), Self::Time(b)) | (Self::Text(a), Self::Text(b)) => a == b,
            (Self::List(a), Self::List(b)) => Arc::ptr_eq(a, b) || a == b,
            (Self::Map(a), Self::Map(b)) => Arc::ptr_eq(a, b) || a == b,
            _ => false,
        }
    }
}

impl PartialEq for Map {
    fn eq(&self, other: &Self) -> bool {
        self.0.len() == other.0.len()
            && (self.0.iter().zip(&other.0)).all(|(a, b)| a.key == b.key && a.node == b.node)
    }
}

/// As Go's `%v` prints it.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("<nil>"),
            Self::Bool(value) => value.fmt(f),
            Self::Int(value) => value.fmt(f),
            Self::Uint(value) => value.fmt(f),
            Self::Float(value) => f.write_str(&crate::text::float::general(*value)),
            Self::Time(text) | Self::Text(text) => f.write_str(text),
            Self::List(items) => {
                f.write_str("[")?;
                for (index, item) in items.iter().enumerate() {
                    let gap = if index == 0 { "" } else { " " };
                    write!(f, "{gap}{}", item.value)?;
                }
                f.write_str("]")
            }
            Self::Map(map) => {
                f.write_str("map[")?;
                for (index, entry) in map.iter().enumerate() {
                    let gap = if index == 0 { "" } else { " " };
                    write!(f, "{gap}{}:{}", entry.key, entry.node.value)?;
                }
                f.write_str("]")
            }
        }
    }
}

//! Phase 10: the tree becomes the typed model, with the conversions that Compose's decoder makes.
//!
//! A list of `KEY=value` is a map, a scalar is a list of one, a text is a number where one is
//! wanted, `x-*` keys gather in `extensions`.

use std::fmt;
use std::sync::Arc;

use serde::de::{self, DeserializeSeed, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

use super::node::{Entry, Map, Node, Span, Value};
use crate::text::shellwords;

/// Why a value is none of its type, and where it stands.
#[derive(Debug)]
pub struct Error {
    /// What is wrong.
    pub message: String,
    /// Where.
    pub at: Option<Span>,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl de::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self {
            message: message.to_string(),
            at: None,
        }
    }
}

impl Error {
    fn at(mut self, at: Span) -> Self {
        self.at = self.at.or((at.file != 0).then_some(at));
        self
    }
}

/// Reads a value of the model out of a node.
///
/// # Errors
/// The first value that is none of its type.
pub fn decode<T: for<'de> de::Deserialize<'de>>(node: &Node) -> Result<T, Error> {
    T::deserialize(De(node)).map_err(|error| error.at(node.at))
}

#[derive(Clone, Copy)]
struct De<'n>(&'n Node);

impl De<'_> {
    fn wrong<T>(self, wanted: &str) -> Result<T, Error> {
        let message = match &self.0.value {
            Value::Text(text) => format!("`{text}` is not {wanted}"),
            _ => format!("this must be {wanted}, not {}", self.0.kind()),
        };
        Err(Error {
            message,
            at: Some(self.0.at),
        })
    }

    fn int(self) -> Result<i64, Error> {
        match &self.0.value {
            Value::Int(number) => Ok(*number),
            Value::Float(number) => Ok(*number as i64),
            Value::Null => Ok(0),
            Value::Text(text) => match text.parse() {
                Ok(number) => Ok(number),
                Err(_) => self.wrong("an integer"),
            },
            _ => self.wrong("an integer"),
        }
    }

    fn float(self) -> Result<f64, Error> {
        match &self.0.value {
            Value::Int(number) => Ok(*number as f64),
            Value::Float(number) => Ok(*number),
            Value::Null => Ok(0.0),
            Value::Text(text) => match text.parse() {
                Ok(number) => Ok(number),
                Err(_) => self.wrong("a number"),
            },
            _ => self.wrong("a number"),
        }
    }
}

macro_rules! integers {
    ($($method:ident $visit:ident $number:ty),*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            let number = self.int()?;
            match <$number>::try_from(number) {
                Ok(number) => visitor.$visit(number),
                Err(_) => self.wrong("within range"),
            }
        }
    )*};
}

impl<'de> de::Deserializer<'de> for De<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.0.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Int(value) => visitor.visit_i64(*value),
            Value::Uint(value) => visitor.visit_u64(*value),
            Value::Float(value) => visitor.visit_f64(*value),
            Value::Time(text) | Value::Text(text) => visitor.visit_str(text),
            Value::List(items) => visitor.visit_seq(Items(items.iter())),
            Value::Map(map) => visitor.visit_map(Entries::of(map)),
        }
        .map_err(|error: Error| error.at(self.0.at))
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let value = match &self.0.value {
            Value::Bool(value) => *value,
            Value::Null => false,
            Value::Text(text) => match text.to_ascii_lowercase().as_str() {
                "true" | "y" | "yes" | "on" => true,
                "false" | "n" | "no" | "off" => false,
                _ => return self.wrong("a boolean"),
            },
            _ => return self.wrong("a boolean"),
        };
        visitor.visit_bool(value)
    }

    integers!(
        deserialize_i64 visit_i64 i64,
        deserialize_u16 visit_u16 u16,
        deserialize_u32 visit_u32 u32,
        deserialize_u64 visit_u64 u64
    );

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_f32(self.float()? as f32)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.0.value {
            Value::Null => visitor.visit_str(""),
            Value::Text(text) | Value::Time(text) => visitor.visit_str(text),
            Value::List(_) | Value::Map(_) => self.wrong("a string"),
            value => visitor.visit_string(value.to_string()),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0.is_null() {
            true => visitor.visit_none(),
            false => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        match (name, &self.0.value) {
            ("ShellCommand", Value::Text(text)) => match shellwords::split(text) {
                Ok(split) => {
                    let words = split
                        .words
                        .into_iter()
                        .map(|word| Node::text(word, self.0.at));
                    visitor.visit_newtype_struct(De(&Node::list(words.collect(), self.0.at)))
                }
                Err(error) => {
                    let message = format!("`{}` is not closed in this command", error.opener);
                    Err(Error {
                        message,
                        at: Some(self.0.at),
                    })
                }
            },
            ("ExtraHosts", Value::List(_) | Value::Map(_)) => {
                visitor.visit_newtype_struct(De(&hosts(self.0)?))
            }
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.0.value {
            Value::List(items) => visitor.visit_seq(Items(items.iter())),
            Value::Null => visitor.visit_seq(Items([].iter())),
            Value::Map(_) => self.wrong("a list"),
            _ => visitor.visit_seq(Items(std::slice::from_ref(self.0).iter())),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.0.value {
            Value::Map(map) => visitor.visit_map(Entries::of(map)),
            Value::Null => visitor.visit_map(Entries::of(&Map::default())),
            Value::List(items) => visitor.visit_map(Entries::of(&pairs(items))),
            _ => self.wrong("a mapping"),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let Value::Map(map) = &self.0.value else {
            return self.deserialize_map(visitor);
        };
        if !map.iter().any(|entry| entry.key.starts_with("x-")) {
            return visitor.visit_map(Entries::of(map));
        }
        let (extras, mut own): (Vec<Entry>, Vec<Entry>) = map
            .iter()
            .cloned()
            .partition(|entry| entry.key.starts_with("x-"));
        if fields.contains(&"extensions") {
            let extras = extras.into_iter().map(|entry| (entry.key, entry.node));
            own.push(Entry {
                key: "extensions".into(),
                at: self.0.at,
                node: Node::map(extras, self.0.at),
            });
        }
        let own = Map::from_entries(own).unwrap_or_default();
        visitor.visit_map(Entries::of(&own))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.0.as_text() {
            Some(word) if variants.contains(&word) => visitor.visit_enum(word.into_deserializer()),
            _ => self.wrong(&format!("one of {}", variants.join(", "))),
        }
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i128 u8 u128 f64 char bytes byte_buf unit unit_struct tuple tuple_struct
    }
}

struct Items<'n>(std::slice::Iter<'n, Node>);

impl<'de> de::SeqAccess<'de> for Items<'_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        let Some(item) = self.0.next() else {
            return Ok(None);
        };
        seed.deserialize(De(item))
            .map(Some)
            .map_err(|error| error.at(item.at))
    }
}

struct Entries<'n> {
    entries: std::slice::Iter<'n, Entry>,
    value: Option<&'n Entry>,
}

impl<'n> Entries<'n> {
    fn of(map: &'n Map) -> Self {
        Self {
            entries: map.iter(),
            value: None,
        }
    }
}

impl<'de> de::MapAccess<'de> for Entries<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        self.value = self.entries.next();
        match self.value {
            Some(entry) => seed.deserialize((*entry.key).into_deserializer()).map(Some),
            None => Ok(None),
        }
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Error> {
        let Some(entry) = self.value.take() else {
            return Err(de::Error::custom("a value without a key"));
        };
        seed.deserialize(De(&entry.node))
            .map_err(|error| error.at(entry.node.at).at(entry.at))
    }
}

/// A list of `KEY=value` as a map; of equal keys the last stands.
fn pairs(items: &[Node]) -> Map {
    let mut map = Map::default();
    for item in items {
        let text = item.value.to_string();
        match text.split_once('=') {
            Some((key, value)) => map.set(key, Node::text(value, item.at)),
            None => map.set(&text, Node::new(Value::Null, item.at)),
        }
    }
    map
}

/// `extra_hosts` in any of its forms as a map from hosts to lists of addresses.
fn hosts(node: &Node) -> Result<Node, Error> {
    let mut map = Map::default();
    let mut add = |host: &str, ips: Vec<String>, at: Span| {
        if host.is_empty() || host.contains([':', '=']) {
            let message = format!("`{host}` is no name of a host");
            return Err(Error {
                message,
                at: Some(at),
            });
        }
        let bare = |ip: String| match ip.strip_prefix('[').and_then(|ip| ip.strip_suffix(']')) {
            Some(bare) if !bare.is_empty() => bare.to_owned(),
            _ => ip,
        };
        let ips = ips.into_iter().map(|ip| Node::text(bare(ip), at));
        match map.get_mut(host).and_then(Node::as_list_mut) {
            Some(list) => list.extend(ips),
            None => map.set(host, Node::list(ips.collect(), at)),
        }
        Ok(())
    };
    match &node.value {
        Value::Map(entries) => {
            for entry in entries.iter() {
                let ips = match &entry.node.value {
                    Value::Null => vec![String::new()],
                    Value::List(ips) => ips.iter().map(|ip| ip.value.to_string()).collect(),
                    value => vec![value.to_string()],
                };
                add(&entry.key, ips, entry.at)?;
            }
        }
        Value::List(items) => {
            for item in items.iter() {
                let text = item.value.to_string();
                let Some((host, ips)) = text.split_once('=').or_else(|| text.split_once(':'))
                else {
                    let message = format!("`{text}` has no address: write `host=address`");
                    return Err(Error {
                        message,
                        at: Some(item.at),
                    });
                };
                add(host, ips.split(',').map(str::to_owned).collect(), item.at)?;
            }
        }
        _ => {}
    }
    Ok(Node::new(Value::Map(Arc::new(map)), node.at))
}

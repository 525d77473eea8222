//! How the model is printed and hashed: which fields show, and in which form.
//!
//! Docker Compose has two forms of one project. JSON is what it hashes too: a section that is
//! a plain struct shows even when it is empty, and extensions are left out. YAML leaves out every
//! empty section and shows the extensions.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};

/// Which of the two forms is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `--format json`, and the config hash.
    Json,
    /// `--format yaml`.
    Yaml,
}

/// A value to print: what both emitters take.
#[derive(Clone, Debug, PartialEq)]
pub enum Tree {
    /// Nothing.
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A whole number above the range of [`Tree::Int`].
    Uint(u64),
    /// A number that is printed with the digits of a 32-bit float.
    Float32(f32),
    /// A number.
    Float(f64),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Tree>),
    /// Keys that Go sorts when it prints them; here they stand in the order of their bytes.
    Map(Vec<(Cow<'static, str>, Tree)>),
    /// Keys that are printed in this order.
    Fields(Vec<(Cow<'static, str>, Tree)>),
}

impl Serialize for Tree {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Int(value) => serializer.serialize_i64(*value),
            Self::Uint(value) => serializer.serialize_u64(*value),
            Self::Float32(value) => serializer.serialize_f32(*value),
            Self::Float(value) => serializer.serialize_f64(*value),
            Self::Text(value) => serializer.serialize_str(value),
            Self::List(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    list.serialize_element(item)?;
                }
                list.end()
            }
            Self::Map(entries) | Self::Fields(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (key, value) in entries {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
        }
    }
}

/// A part of the model that can be printed.
pub trait Render {
    /// Whether it is left out of the struct that holds it.
    fn hidden(&self, form: Form) -> bool;

    /// What is printed where it shows.
    fn render(&self, form: Form) -> Tree;

    /// Adds itself to the fields of the struct that holds it.
    fn put(&self, key: &'static str, form: Form, fields: &mut Vec<(Cow<'static, str>, Tree)>) {
        if !self.hidden(form) {
            let key = key.strip_prefix("r#").unwrap_or(key);
            fields.push((Cow::Borrowed(key), self.render(form)));
        }
    }
}

impl<T: Render> Render for Option<T> {
    fn hidden(&self, _form: Form) -> bool {
        self.is_none()
    }

    fn render(&self, form: Form) -> Tree {
        self.as_ref().map_or(Tree::Null, |value| value.render(form))
    }
}

impl<T: Render> Render for Box<T> {
    fn hidden(&self, form: Form) -> bool {
        (**self).hidden(form)
    }

    fn render(&self, form: Form) -> Tree {
        (**self).render(form)
    }
}

impl<T: Render> Render for Vec<T> {
    fn hidden(&self, _form: Form) -> bool {
        self.is_empty()
    }

    fn render(&self, form: Form) -> Tree {
        Tree::List(self.iter().map(|item| item.render(form)).collect())
    }
}

impl<K: ToString, V: Render> Render for BTreeMap<K, V> {
    fn hidden(&self, _form: Form) -> bool {
        self.is_empty()
    }

    fn render(&self, form: Form) -> Tree {
        Tree::Map(
            self.iter()
                .map(|(key, value)| (Cow::Owned(key.to_string()), value.render(form)))
                .collect(),
        )
    }
}

impl Render for String {
    fn hidden(&self, _form: Form) -> bool {
        self.is_empty()
    }

    fn render(&self, _form: Form) -> Tree {
        Tree::Text(self.clone())
    }
}

impl Render for bool {
    fn hidden(&self, _form: Form) -> bool {
        !self
    }

    fn render(&self, _form: Form) -> Tree {
        Tree::Bool(*self)
    }
}

impl Render for f32 {
    fn hidden(&self, _form: Form) -> bool {
        *self == 0.0
    }

    fn render(&self, _form: Form) -> Tree {
        Tree::Float32(*self)
    }
}

impl Render for i64 {
    fn hidden(&self, _form: Form) -> bool {
        *self == 0
    }

    fn render(&self, _form: Form) -> Tree {
        Tree::Int(*self)
    }
}

macro_rules! numbers {
    ($($number:ty),*) => {$(
        impl Render for $number {
            fn hidden(&self, _form: Form) -> bool {
                *self == 0
            }

            fn render(&self, _form: Form) -> Tree {
                i64::try_from(*self).map_or(Tree::Uint((*self).into()), Tree::Int)
            }
        }
    )*};
}

numbers!(u16, u32, u64);

/// A value of an extension, as it was written.
impl Render for serde_json::Value {
    fn hidden(&self, _form: Form) -> bool {
        false
    }

    fn render(&self, form: Form) -> Tree {
        match self {
            Self::Null => Tree::Null,
            Self::Bool(value) => Tree::Bool(*value),
            Self::Number(number) => number
                .as_i64()
                .map(Tree::Int)
                .or_else(|| number.as_u64().map(Tree::Uint))
                .unwrap_or_else(|| Tree::Float(number.as_f64().unwrap_or_default())),
            Self::String(text) => Tree::Text(text.clone()),
            // Go's JSON shows an empty list of an extension as `null`.
            Self::Array(items) if items.is_empty() && form == Form::Json => Tree::Null,
            Self::Array(items) => items.render(form),
            Self::Object(entries) => {
                let mut entries: Vec<(Cow<'static, str>, Tree)> = entries
                    .iter()
                    .map(|(key, value)| (Cow::Owned(key.clone()), value.render(form)))
                    .collect();
                entries.sort_by(|(a, _), (b, _)| a.cmp(b));
                Tree::Map(entries)
            }
        }
    }
}

/// Declares structs of the model: every field may be absent; a blank one is left out.
macro_rules! model {
    ($($(#[$meta:meta])* pub struct $name:ident { $($(#[$field_meta:meta])* $field:ident: $ty:ty,)* })*) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq, serde::Deserialize)]
        #[serde(default)]
        pub struct $name {$(
            $(#[$field_meta])*
            pub $field: $ty,
        )*}

        impl $crate::project::Render for $name {
            fn hidden(&self, form: $crate::project::Form) -> bool {
                form == $crate::project::Form::Yaml
                    $(&& $crate::project::Render::hidden(&self.$field, form))*
            }

            fn render(&self, form: $crate::project::Form) -> $crate::project::Tree {
                let mut fields = Vec::new();
                $($crate::project::Render::put(&self.$field, stringify!($field), form, &mut fields);)*
                $crate::project::Tree::Fields(fields)
            }
        }

        $crate::project::render::serialize_as_json!($name);
    )*};
}

/// Lets serde see a part of the model as its JSON form.
macro_rules! serialize_as_json {
    ($($name:ty),*) => {$(
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let tree = $crate::project::Render::render(self, $crate::project::Form::Json);
                serde::Serialize::serialize(&tree, serializer)
            }
        }
    )*};
}

pub(crate) use {model, serialize_as_json};

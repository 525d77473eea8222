//! Scalars with a form of their own in Compose's output: durations, byte sizes, modes, commands.

use std::fmt;
use std::time::Duration as StdDuration;

use serde::{Deserialize, Deserializer};

use super::{Form, Render, Tree, serialize_as_json};

/// A duration in nanoseconds, printed as Go prints it (`1m30s`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Duration(pub i64);

impl Duration {
    /// The duration for a timer; a negative one is zero.
    pub fn to_std(self) -> StdDuration {
        StdDuration::from_nanos(self.0.max(0).unsigned_abs())
    }
}

impl Render for Duration {
    fn hidden(&self, _form: Form) -> bool {
        self.0 == 0
    }

    fn render(&self, _form: Form) -> Tree {
        Tree::Text(crate::text::duration::Go(self.0).to_string())
    }
}

/// A number of bytes, printed as a decimal text (`"67108864"`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnitBytes(pub i64);

impl Render for UnitBytes {
    fn hidden(&self, _form: Form) -> bool {
        self.0 == 0
    }

    fn render(&self, _form: Form) -> Tree {
        Tree::Text(self.0.to_string())
    }
}

/// Permission bits of a mounted config or secret, printed in octal (`"0444"`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileMode(pub i64);

impl fmt::Display for FileMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0{:o}", self.0)
    }
}

impl Render for FileMode {
    fn hidden(&self, _form: Form) -> bool {
        false
    }

    fn render(&self, _form: Form) -> Tree {
        Tree::Text(self.to_string())
    }
}

/// `command` or `entrypoint`: absent (the image's own), empty (cleared) or words.
///
/// In JSON an absent one shows as `null`, and is hashed so.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct ShellCommand(pub Option<Vec<String>>);

impl ShellCommand {
    /// The words, where any are given.
    pub fn words(&self) -> Option<&[String]> {
        self.0.as_deref()
    }
}

impl Render for ShellCommand {
    fn hidden(&self, form: Form) -> bool {
        form == Form::Yaml && self.0.is_none()
    }

    fn render(&self, form: Form) -> Tree {
        self.0.render(form)
    }
}

/// A truth value that is printed even when it is `false`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Always(pub bool);

impl Default for Always {
    fn default() -> Self {
        Self(true)
    }
}

impl Render for Always {
    fn hidden(&self, _form: Form) -> bool {
        false
    }

    fn render(&self, _form: Form) -> Tree {
        Tree::Bool(self.0)
    }
}

/// A truth value that holds unless the file says otherwise.
///
/// Printed only where the file or a short form says `true`, as Docker Compose 2 does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct OptOut(pub Option<bool>);

impl OptOut {
    /// Whether it holds.
    pub fn holds(self) -> bool {
        self.0.unwrap_or(true)
    }
}

impl Render for OptOut {
    fn hidden(&self, _form: Form) -> bool {
        self.0 != Some(true)
    }

    fn render(&self, _form: Form) -> Tree {
        Tree::Bool(self.holds())
    }
}

/// A number of devices; −1 stands for `all`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeviceCount(pub i64);

impl Render for DeviceCount {
    fn hidden(&self, _form: Form) -> bool {
        self.0 == 0
    }

    fn render(&self, _form: Form) -> Tree {
        Tree::Int(self.0)
    }
}

serialize_as_json!(
    Duration,
    UnitBytes,
    FileMode,
    ShellCommand,
    Always,
    OptOut,
    DeviceCount
);

impl<'de> Deserialize<'de> for UnitBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::text::size::deserialize(deserializer).map(Self)
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::text::duration::deserialize(deserializer).map(Self)
    }
}

impl<'de> Deserialize<'de> for FileMode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Mode;
        impl serde::de::Visitor<'_> for Mode {
            type Value = FileMode;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("permission bits, as a number or an octal text")
            }
            fn visit_i64<E>(self, bits: i64) -> Result<FileMode, E> {
                Ok(FileMode(bits))
            }
            fn visit_u64<E: serde::de::Error>(self, bits: u64) -> Result<FileMode, E> {
                i64::try_from(bits).map(FileMode).map_err(E::custom)
            }
            fn visit_str<E: serde::de::Error>(self, octal: &str) -> Result<FileMode, E> {
                i64::from_str_radix(octal, 8)
                    .map(FileMode)
                    .map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Mode)
    }
}

impl<'de> Deserialize<'de> for DeviceCount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Count;
        impl serde::de::Visitor<'_> for Count {
            type Value = DeviceCount;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of devices or `all`")
            }
            fn visit_i64<E>(self, count: i64) -> Result<DeviceCount, E> {
                Ok(DeviceCount(count))
            }
            fn visit_u64<E: serde::de::Error>(self, count: u64) -> Result<DeviceCount, E> {
                i64::try_from(count).map(DeviceCount).map_err(E::custom)
            }
            fn visit_str<E: serde::de::Error>(self, count: &str) -> Result<DeviceCount, E> {
                if count.eq_ignore_ascii_case("all") {
                    return Ok(DeviceCount(-1));
                }
                count.parse().map(DeviceCount).map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Count)
    }
}

//! What an engine may lack. A test that needs it is left out where it is missing, and says so by
//! its name: `make test-engines` counts these, and the README's table is made of them.

use std::io::Write;
use std::sync::OnceLock;

use super::engine;

/// Something that not every engine has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capability {
    /// BuildKit, by the interface that dco speaks to it.
    BuildKit,
    /// The first builder with Docker's words and exit codes.
    ClassicBuilder,
    /// Events that can be asked for by their containers' labels.
    Events,
    /// Healthchecks that run by themselves, without systemd.
    Healthchecks,
    /// Terminals whose size can be set, and that can be left with keys.
    Terminals,
    /// Names of images without a registry, shown as they were given.
    ShortNames,
    /// Requests that are shown again as they were made, and Docker's words for refusals.
    DockersWords,
    /// Calls that do not wait for each other.
    Concurrency,
    /// Builds with contexts beside the first.
    NamedContexts,
}

impl Capability {
    /// What is missing, in the words of the table.
    pub fn words(self) -> &'static str {
        match self {
            Self::BuildKit => "no BuildKit",
            Self::ClassicBuilder => "a builder of its own instead of Docker's",
            Self::Events => "no events by label",
            Self::Healthchecks => "healthchecks only with systemd",
            Self::Terminals => "terminals without a size or detach keys",
            Self::ShortNames => "image names always with a registry",
            Self::DockersWords => "other words for what was asked and refused",
            Self::Concurrency => "calls that wait for each other",
            Self::NamedContexts => "a builder that knows no named contexts",
        }
    }
}

/// The engine that the tests run on: `Docker 28.5.2`.
pub fn engine_name() -> &'static str {
    static NAME: OnceLock<String> = OnceLock::new();
    NAME.get_or_init(|| {
        let version = engine::get("/version");
        let components = version["Components"].as_array().into_iter().flatten();
        let podman = components
            .filter_map(|one| one["Name"].as_str())
            .any(|name| name.contains("Podman"));
        let number = version["Version"].as_str().unwrap_or_default();
        let number = number.split(['+', '~']).next().unwrap_or_default();
        match podman {
            true => format!("Podman {number}"),
            false => format!("Docker {number}"),
        }
    })
}

/// Whether the engine has it.
#[must_use]
pub fn has(capability: Capability) -> bool {
    let engine = engine_name();
    match capability {
        // Later engines bring a builder of 2022 or later.
        Capability::NamedContexts => {
            !engine.starts_with("Podman") && !engine.starts_with("Docker 20.")
        }
        // Docker's have all else; of Podman's this holds up to 4.3.
        _ => !engine.starts_with("Podman"),
    }
}

/// Whether the engine has what a test needs; where not, it says so, and the test returns.
#[must_use]
pub fn needs(capability: Capability) -> bool {
    if has(capability) {
        return true;
    }
    let engine = engine_name();
    let thread = std::thread::current();
    let test = thread.name().unwrap_or_default();
    let words = capability.words();
    // Not by a macro: what those print is kept from who looks on.
    let _ = writeln!(std::io::stderr(), "left out on {engine}: {test}: {words}");
    false
}

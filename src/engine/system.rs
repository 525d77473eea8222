//! The engine itself: version, information, disk usage, events.

use std::collections::BTreeMap;

use bollard::models::{SystemInfo, SystemVersion};
use jiff::Timestamp;
use serde::Deserialize;

use super::Engine;
use super::error::{Error, Result};
use super::filters::Filters;
use super::streams::{Message, Messages};
use super::transport::Call;

/// Something that happened in the engine.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct EngineEvent {
    /// `container`, `network`, `volume`, `image` …
    #[serde(rename = "Type")]
    pub kind: String,
    /// `start`, `die`, `health_status: healthy` …
    #[serde(rename = "Action")]
    pub action: String,
    /// What it happened to.
    #[serde(rename = "Actor")]
    pub actor: EventActor,
    /// When: seconds since 1970.
    pub time: i64,
    /// When: nanoseconds since 1970.
    #[serde(rename = "timeNano")]
    pub time_nano: i64,
}

/// What an event happened to.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct EventActor {
    /// Its id (a volume's name, an image's reference).
    #[serde(rename = "ID")]
    pub id: String,
    /// Its labels, its name, its exit code.
    #[serde(rename = "Attributes")]
    pub attributes: BTreeMap<String, String>,
}

impl Message for EngineEvent {
    fn failure(&self) -> Option<&str> {
        None
    }
}

impl EngineEvent {
    /// One of its attributes: `name`, `exitCode`, `com.docker.compose.service` …
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.actor.attributes.get(name).map(String::as_str)
    }

    /// When it happened, as exactly as the engine says it.
    pub fn at(&self) -> Timestamp {
        let at = match self.time_nano {
            0 => Timestamp::from_second(self.time),
            nanos => Timestamp::from_nanosecond(i128::from(nanos)),
        };
        at.unwrap_or_default()
    }

    /// The exit code that a `die` carries.
    pub fn exit_code(&self) -> Option<i64> {
        self.attribute("exitCode")?.parse().ok()
    }
}

/// Which events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventsSince {
    /// From when: a time stamp or seconds since 1970, fractions allowed.
    pub since: Option<String>,
    /// Until when; the stream then ends.
    pub until: Option<String>,
    /// Which.
    pub filters: Filters,
}

/// Calls about the engine itself.
impl Engine {
    /// The versions of the engine and its parts; 5 ms, see [`Engine::ping`] for less.
    pub async fn version(&self) -> Result<SystemVersion> {
        Ok(self.docker.version().await?)
    }

    /// What the engine is and can do.
    pub async fn info(&self) -> Result<SystemInfo> {
        Ok(self.docker.info().await?)
    }

    /// Subscribes to events. When this returns the subscription stands: whatever a snapshot taken
    /// afterwards does not show, the stream will.
    pub async fn events(&self, which: &EventsSince) -> Result<Messages<EngineEvent>> {
        let filters =
            match which.filters.is_empty() {
                true => None,
                false => Some(serde_json::to_string(&which.filters).map_err(|cause| {
                    Error::Unexpected {
                        call: "GET /events".to_owned(),
                        cause: Box::new(cause),
                    }
                })?),
            };
        let call = Call::get("/events")
            .query_if("since", which.since.as_deref())
            .query_if("until", which.until.as_deref())
            .query_if("filters", filters);
        self.messages(call).await
    }
}

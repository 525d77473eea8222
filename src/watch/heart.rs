//! What the engine tells of the project's containers while it is watched, over its restarts.

use std::time::{Duration, Instant};

use futures_util::StreamExt;

use crate::engine::{Engine, EngineEvent, Messages, watch_project};
use crate::name::{ContainerId, ServiceName};

/// How long an engine that went away is left alone before it is asked again.
const RECONNECT: Duration = Duration::from_millis(250);

/// What was heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// A container of a service started.
    Started(ServiceName, ContainerId),
    /// A container of a service was sent a signal.
    Signalled(ServiceName),
    /// A container was removed.
    Removed,
    /// The engine does not answer any more.
    Lost,
    /// It answers again.
    Back,
}

/// The engine's events, subscribed anew whenever they end.
pub struct Heart<'a> {
    engine: &'a Engine,
    project: &'a str,
    events: Option<Messages<EngineEvent>>,
    next_try: Instant,
    is_lost: bool,
}

impl<'a> Heart<'a> {
    /// Listens from now on.
    pub async fn listen(engine: &'a Engine, project: &'a str) -> Self {
        Self {
            engine,
            project,
            events: watch_project(engine, project).await.ok(),
            next_try: Instant::now(),
            is_lost: false,
        }
    }

    /// Waits for the next thing worth knowing. Nothing is lost where this is dropped and called again.
    pub async fn next(&mut self) -> Heard {
        loop {
            match &mut self.events {
                Some(events) => match events.next().await {
                    Some(Ok(event)) => {
                        if let Some(heard) = worth_knowing(&event) {
                            return heard;
                        }
                    }
                    _ => {
                        self.events = None;
                        if !std::mem::replace(&mut self.is_lost, true) {
                            return Heard::Lost;
                        }
                    }
                },
                None => {
                    tokio::time::sleep_until(self.next_try.into()).await;
                    self.next_try = Instant::now() + RECONNECT;
                    self.events = watch_project(self.engine, self.project).await.ok();
                    if self.events.is_some() && std::mem::take(&mut self.is_lost) {
                        return Heard::Back;
                    }
                }
            }
        }
    }
}

fn worth_knowing(event: &EngineEvent) -> Option<Heard> {
    let is_one_off = event.attribute("com.docker.compose.oneoff") == Some("True");
    match event.action.as_str() {
        "start" if !is_one_off => Some(Heard::Started(
            ServiceName::from(event.attribute("com.docker.compose.service")?),
            ContainerId::from(event.actor.id.clone()),
        )),
        "kill" if !is_one_off => Some(Heard::Signalled(ServiceName::from(
            event.attribute("com.docker.compose.service")?,
        ))),
        "destroy" => Some(Heard::Removed),
        _ => None,
    }
}

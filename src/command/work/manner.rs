//! How a plan is done: what is said of it, what becomes of volumes and of what was made in vain.

use crate::event::{Event, Events, Resource};
use crate::execute::{Cleanup, OneOff};
use crate::plan::Anonymous;

/// How a plan is done.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::command) struct Manner<'m> {
    /// What becomes of anonymous volumes.
    pub(in crate::command) anonymous: Anonymous,
    /// What becomes of what was created in vain.
    pub(in crate::command) cleanup: Cleanup,
    /// What is not shown.
    pub(in crate::command) quiet: Quiet,
    /// The container of `run`, where there is one.
    pub(in crate::command) one_off: Option<&'m OneOff>,
    /// As which command it is remembered; none for the one that was called.
    pub(in crate::command) verb: Option<&'static str>,
    /// Who shows what hooks say inside containers; nobody does without.
    pub(in crate::command) hooks: Option<&'m HookSayings>,
}

/// Lines of hooks on their way to whoever shows logs: a container's name, and the line.
pub(in crate::command) type HookSayings = tokio::sync::mpsc::UnboundedSender<(String, String)>;

impl Manner<'_> {
    /// The events, without what is not shown and with hooks' words to who shows those.
    pub(super) fn events(&self, events: Events) -> Events {
        let events = self.quiet.hush(events);
        let hooks = self.hooks.cloned();
        Events::new(move |event| match (event, &hooks) {
            (Event::HookSaid { container, line }, Some(hooks)) => {
                // Whoever listened is gone, and nobody reads it any more.
                let _ = hooks.send((container, line));
            }
            (Event::HookSaid { .. }, None) => {}
            (event, _) => events.emit(event),
        })
    }
}

/// What of the engine's progress is not shown.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::command) struct Quiet {
    /// The layers of pulls.
    pub(in crate::command) pulls: bool,
    /// What builders say.
    pub(in crate::command) builds: bool,
}

impl Quiet {
    /// The events, without those.
    pub(in crate::command) fn hush(self, events: Events) -> Events {
        Events::new(move |event| {
            let hushed = match &event {
                Event::Progress { resource, .. } => {
                    self.pulls && matches!(resource, Resource::Layer { .. })
                }
                Event::BuildOutput { .. } | Event::BuildStatus(_) => self.builds,
                _ => false,
            };
            if !hushed {
                events.emit(event);
            }
        })
    }
}

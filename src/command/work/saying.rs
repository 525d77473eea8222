//! What is said of a plan before it is done: what stays as it is, and why the rest does not.

use super::{Work, is_strict};
use crate::event::{Event, Resource, Status};
use crate::gate::Origin;
use crate::plan::{self, Plan};

impl Work<'_> {
    pub(super) fn say_unchanged(&self, name: &str, state: &str) {
        self.cx.events().emit(Event::Progress {
            resource: Resource::Container(name.to_owned()),
            status: Status::Done,
            text: state.to_owned(),
            details: String::new(),
            transfer: None,
        });
    }

    /// Says once why what is there is built or made anew, and what waits for what, as far as the
    /// command line and the file do not say it themselves.
    pub(in crate::command) fn say_reasons(&self, plan: &Plan) {
        if !is_strict(self.cx) {
            for reason in plan.reasons() {
                self.cx.events().emit(Event::Note(reason));
            }
        }
        self.say_edges(plan);
        self.say_left_out(plan);
    }

    fn say_edges(&self, plan: &Plan) {
        for edge in &self.edges.list {
            let waits = plan.steps.iter().any(|step| match &step.action {
                plan::Action::Await(gate) => edge.gates.contains(gate),
                _ => false,
            });
            if edge.origin == Origin::Inferred && waits {
                let targets: Vec<String> = edge.gates.iter().map(|gate| gate.target()).collect();
                self.cx.events().emit(Event::Note(format!(
                    "{} waits for {}, from {}",
                    edge.dependent,
                    targets.join(", "),
                    edge.because
                )));
            }
        }
    }
}

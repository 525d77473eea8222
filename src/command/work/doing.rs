//! A plan is done, and what became of it is said and remembered.

use std::collections::BTreeSet;

use anyhow::Result;
use futures_util::future::LocalBoxFuture;

use super::super::builds::Builds;
use super::super::readiness::{self, Readiness};
use super::machine::proxies;
use super::manner::Manner;
use super::rest::Sign;
use super::switches::{is_strict, soft_limit};
use super::{Work, identity};
use crate::convert::{BuildOptions, Surroundings, proxy_variables};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::event::Event;
use crate::execute::{Checks, Interrupts, Report, Site, Tools, execute};
use crate::history::Run;
use crate::plan::{self, Plan};
use crate::project::Mapping;

impl Work<'_> {
    /// Keeps a project that only has its directory's name from taking over another's containers.
    fn guard(&self) -> Result<()> {
        let adopts = self.cx.globals.adopt || self.cx.env.is_on("DCO_ADOPT");
        match identity::home(&self.project, &self.observed) {
            _ if is_strict(self.cx) => {}
            identity::Home::Here => {}
            identity::Home::Elsewhere(there) if !adopts => {
                return Err(identity::refusal(&self.project, &there).into());
            }
            identity::Home::Elsewhere(there) | identity::Home::Moved(there) => {
                self.cx.events().emit(Event::Note(format!(
                    "project `{}` was made in `{}`, and is taken over here",
                    self.project.name,
                    there.display()
                )));
            }
        }
        Ok(())
    }

    /// Does a plan, says how it went, and fails where it did.
    pub(in crate::command) async fn execute(
        &self,
        plan: &Plan,
        manner: Manner<'_>,
    ) -> Result<Report> {
        self.guard()?;
        let mut interrupts = Interrupts::listen()?;
        for (name, state) in &plan.unchanged {
            self.say_unchanged(name, state);
        }
        let proxy = self.proxy();
        let builds = Builds::open(
            self.cx,
            &self.engine,
            &self.project,
            BuildOptions::default(),
        );
        let builds = match manner.quiet.builds {
            true => builds.await?.quietly(),
            false => builds.await?,
        };
        let builds = &builds;
        let build = |service| -> LocalBoxFuture<'_, _> {
            Box::pin(async move {
                let built = builds.build(&service).await;
                built.map(drop).map_err(|failure| failure.diagnostic())
            })
        };
        let site = Site::new(
            Tools {
                engine: &self.engine,
                project: &self.project,
                edges: &self.edges,
                observed: &self.observed,
                checks: match is_strict(self.cx) {
                    true => Checks::Off,
                    false => Checks::Before,
                },
                events: manner.events(self.cx.events()),
                stamps: &self.prints,
                surroundings: self.surroundings(&proxy),
                anonymous: manner.anonymous,
                cleanup: manner.cleanup,
                build: &build,
                one_off: manner.one_off,
                prober: self.prober.as_ref(),
                at_once: self.cx.at_once()?,
                soft_limit: soft_limit(self.cx),
            },
            plan::peers(&self.project, &self.observed),
        );
        let began = jiff::Timestamp::now().as_millisecond();
        let sign = match plan.is_empty() && self.left_behind.is_none() {
            true => None,
            false => Sign::raise(self.cx, &self.project.name),
        };
        let report = execute(plan, &site, &mut interrupts).await;
        let verb = manner.verb.unwrap_or(&self.cx.verb);
        self.remember(Run::of(verb, began, plan, &report), plan, &report);
        self.conclude(plan, report, sign).await
    }

    /// Keeps what is asked for later, takes the sign down, and fails where something failed.
    async fn conclude(&self, plan: &Plan, report: Report, sign: Option<Sign>) -> Result<Report> {
        let ready = readiness::of_plan(plan, &report);
        Readiness::of(self.cx, &self.project.name).remember(ready);
        if report.interrupts > 0 {
            if let Some(sign) = sign.filter(|_| report.interrupts == 1) {
                sign.lower();
            }
            self.cx.reporter().settle()?;
            return Err(crate::report::Exit::interrupted().into());
        }
        if report.succeeded() {
            self.check_unchanged(plan).await?;
        }
        if let Some(sign) = sign.filter(|_| !report.has_lost_the_engine()) {
            sign.lower();
        }
        match report.succeeded() {
            true => Ok(report),
            false => {
                let mut diagnostics = report.diagnostics(plan);
                diagnostics.extend(self.cards(plan, &report).await);
                Err(Diagnostics(diagnostics).into())
            }
        }
    }

    /// The proxies that new containers are told of.
    pub(in crate::command) fn proxy(&self) -> Mapping {
        proxy_variables(&proxies(self.cx), &self.engine.endpoint().to_string())
    }

    /// What is the same for every container.
    pub(in crate::command) fn surroundings<'p>(&self, proxy: &'p Mapping) -> Surroundings<'p> {
        Surroundings {
            api: self.observed.api,
            mounts_images: self.observed.mounts_images,
            proxy,
            read: &|path: &str| std::fs::read_to_string(path),
        }
    }

    /// What is known of the dependencies that kept others from starting.
    async fn cards(&self, plan: &Plan, report: &Report) -> Vec<Diagnostic> {
        let peers = self.peers(report);
        let autopsy = self.autopsy(&peers);
        let mut told = BTreeSet::new();
        let mut cards = Vec::new();
        for (step, _) in report.failures() {
            let plan::Action::Await(gate) = &plan.steps[step.0 as usize - 1].action else {
                continue;
            };
            for peer in peers.get(&gate.dependency).into_iter().flatten() {
                if told.insert(peer.id.clone()) {
                    cards.extend(autopsy.ended(&gate.dependency, &peer.id).await);
                }
            }
        }
        cards
    }
}

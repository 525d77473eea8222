//! Pulls and pushes whose connection is cut midway: between the engine and the registry, and between
//! dco and the engine.

use crate::support::capability::{Capability, needs};
use crate::support::cutter::{Cut, Cutter, Way};
use crate::support::project::{Finished, Project};
use crate::support::proxy::{Calls, Fault, Nth, disturb};
use crate::support::registry::{Registry, config_for};
use crate::support::{engine, proxy};

/// What a layer weighs, and where it is cut.
const WHOLE: usize = 2_000_000;
const HALF: usize = 1_000_000;

/// A project with an image of one heavy layer, which belongs to a registry behind a bad line.
struct Stage {
    project: Project,
    line: Cutter,
    image: String,
    _registry: Registry,
}

impl Stage {
    fn new() -> Self {
        let registry = Registry::start();
        let line = Cutter::before(registry.address());
        let project = Project::new("cut");
        let image = format!("{}/{}:1", line.address(), project.name());
        let service = format!("services:\n  app: {{image: '{image}', build: .}}\n");
        let dockerfile = format!(
            "FROM busybox\nLABEL {}\nRUN head -c {WHOLE} /dev/urandom > /heavy\n",
            project.label()
        );
        let project = project
            // Whose layers go with their image.
            .env("DOCKER_BUILDKIT", "0")
            .file("compose.yaml", &service)
            .file("Dockerfile", &dockerfile)
            .file("docker/config.json", &config_for(line.address()));
        let stage = Self {
            project,
            line,
            image,
            _registry: registry,
        };
        stage.dco("build").ok();
        stage
    }

    #[track_caller]
    fn dco(&self, verb: &str) -> Finished {
        self.project.dco(&["--config", "docker", verb])
    }

    /// Has dco's own line to the engine cut within the answer to the verb's first change.
    #[track_caller]
    fn dco_cut_off(&self, verb: &str) -> proxy::Disturbed {
        let first = Nth(Calls::Changes, 1);
        let args = ["--config", "docker", verb];
        let done = disturb(&self.project, &args, first, Fault::CutWithin);
        let call = done.struck.as_deref().unwrap_or_default();
        assert!(call.starts_with("POST /images/"), "{call}");
        done
    }

    /// Takes the image from the engine, where it is.
    fn forget(&self) {
        engine::call("DELETE", &format!("/images/{}", self.image));
        assert!(engine::get(&format!("/images/{}/json", self.image)).is_null());
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        engine::sweep(&self.project.label());
        engine::call("DELETE", &format!("/images/{}", self.image));
    }
}

fn once(way: Way) -> Cut {
    Cut {
        after: HALF,
        way,
        times: 1,
    }
}

#[test]
fn a_push_and_a_pull_that_are_cut_midway_go_on() {
    if !needs(Capability::ClassicBuilder) {
        return;
    }
    let stage = Stage::new();
    for (verb, way, end) in [
        ("push", Way::There, " app Pushed "),
        ("pull", Way::Back, " app Pulled "),
    ] {
        stage.line.cut(once(way));
        let done = stage.dco(verb).ok();
        assert_eq!(stage.line.cuts(), 1, "{verb}");
        assert!(done.stderr.contains(end), "{}", done.stderr);
        stage.forget();
    }
    stage.dco("pull").ok();
}

#[test]
fn a_registry_that_hangs_up_for_good_is_named() {
    if !needs(Capability::ClassicBuilder) {
        return;
    }
    let stage = Stage::new();
    stage.dco("push").ok();
    let nothing = Cut {
        after: 0,
        way: Way::Back,
        times: usize::MAX,
    };
    stage.line.cut(nothing);
    for verb in ["push", "pull"] {
        let done = stage.dco(verb).exits(1);
        let said = format!("error: cannot {verb} `{}`: ", stage.image);
        assert!(done.stderr.contains(&said), "{}", done.stderr);
        assert!(done.stderr.contains("EOF"), "{}", done.stderr);
        stage.forget();
    }
}

#[test]
fn an_engine_that_hangs_up_within_a_push_or_a_pull_is_one_error() {
    if !needs(Capability::ClassicBuilder) {
        return;
    }
    let stage = Stage::new();
    stage.dco("push").ok();
    for verb in ["push", "pull"] {
        let done = stage.dco_cut_off(verb).finished.exits(1);
        let errors = done.stderr.matches("error: ").count();
        assert_eq!(errors, 1, "{}", done.stderr);
        let broke = format!(
            "error: cannot {verb} `{}`: the engine's connection broke",
            stage.image
        );
        assert!(done.stderr.contains(&broke), "{}", done.stderr);
        // What was under way there does not stand in the way of the next.
        stage.dco(verb).ok();
        stage.forget();
    }
}

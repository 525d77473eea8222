//! Commands that are disturbed, and what has to be true afterwards: nothing hangs, one error says
//! what happened, and the next `up` makes everything what an undisturbed one makes it.

use std::fmt::Write as _;

use serde_json::Value;

use super::proxy::{Calls, Disturbed, Fault, Nth, disturb};
use super::{Project, engine};

/// What is disturbed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// `up -d` of a file in which every service changed.
    Recreate,
    /// `down`.
    Down,
    /// `scale` from one to three.
    Scale,
    /// `run` of a one-off.
    Run,
}

/// A project whose commands are disturbed.
pub struct Stage {
    project: Project,
    services: usize,
    version: usize,
    wanted: String,
}

impl Stage {
    /// A project of so many services, at most five, that runs; its volumes hold something.
    pub fn new(subject: &str, services: usize) -> Self {
        let mut stage = Self {
            project: Project::new(subject),
            services,
            version: 0,
            wanted: String::new(),
        };
        stage.up();
        stage.fill();
        // What an undisturbed replacement makes of it is what every other has to come to.
        stage.version += 1;
        stage.up();
        stage.wanted = stage.picture();
        assert!(
            stage.wanted.contains("/anonymous: kept\n"),
            "{}",
            stage.wanted
        );
        stage
    }

    fn up(&self) {
        let text = file(self.services, self.version);
        self.project.write("compose.yaml", &text);
        self.project.dco(&["up", "-d", "--no-settle"]).ok();
    }

    /// Writes into the volumes.
    fn fill(&self) {
        let script = "for at in /anonymous /named; do echo kept > $at/kept; done";
        let status = engine::docker(&["exec", &self.first(), "sh", "-c", script]).status();
        assert!(status.expect("docker").success());
    }

    /// Disturbs one command, lets the next `up` mend it, and compares; what became of the command.
    ///
    /// # Panics
    ///
    /// When anything of what this is about does not hold.
    #[track_caller]
    pub fn disturb(&mut self, verb: Verb, nth: Nth, fault: Fault) -> Disturbed {
        let last = format!("s{}", self.services - 1);
        let scale = format!("{last}=3");
        let args: &[&str] = match verb {
            Verb::Recreate => {
                self.version += 1;
                let text = file(self.services, self.version);
                self.project.write("compose.yaml", &text);
                &["up", "-d", "--no-settle"]
            }
            Verb::Down => &["down"],
            Verb::Scale => &["scale", &scale],
            Verb::Run => &["run", "--rm", "-T", &last, "true"],
        };
        let end = disturb(&self.project, args, nth, fault);
        let story = format!("{verb:?}, {fault:?} at {nth:?}: {:?}", end.struck);
        if end.struck.is_some() {
            check(&end, fault, &story);
        }
        let mended = self.project.dco(&["up", "-d", "--no-settle"]);
        assert_eq!(
            mended.code, 0,
            "{story}\n--- first\n{}\n--- then\n{}",
            end.finished.stderr, mended.stderr
        );
        if verb == Verb::Down {
            // What is in no named volume went with its container, or not.
            self.fill();
        }
        assert_eq!(
            self.picture(),
            self.wanted,
            "{story}\n--- first\n{}\n--- then\n{}",
            end.finished.stderr,
            mended.stderr
        );
        end
    }

    /// Disturbs every `step`th call of a command, from `first` on; how many were disturbed.
    #[track_caller]
    pub fn sweep(
        &mut self,
        verb: Verb,
        calls: Calls,
        (first, step): (usize, usize),
        fault: Fault,
    ) -> usize {
        for round in 0.. {
            let nth = Nth(calls, first + round * step);
            if self.disturb(verb, nth, fault).struck.is_none() {
                return round;
            }
        }
        unreachable!("a command has an end")
    }

    /// The project's containers, networks and volumes, and what is in these.
    fn picture(&self) -> String {
        let mut text = String::new();
        let mut containers = self.project.containers();
        containers.retain(|one| one["Labels"]["com.docker.compose.oneoff"] != "True");
        let mut lines: Vec<String> = containers.iter().map(|one| self.container(one)).collect();
        lines.sort();
        text.extend(lines);
        for (kind, list) in [
            ("network", self.project.networks()),
            ("volume", self.project.volumes()),
        ] {
            let mut names: Vec<&str> = list.iter().filter_map(|one| one["Name"].as_str()).collect();
            names.sort_unstable();
            let _ = writeln!(text, "{kind}s: {names:?}");
        }
        for at in ["/anonymous", "/named"] {
            let _ = write!(text, "{at}: {}", self.content(&format!("{at}/kept")));
        }
        text
    }

    fn container(&self, listed: &Value) -> String {
        let id = listed["Id"].as_str().unwrap_or_default();
        let one = engine::get(&format!("/containers/{id}/json"));
        let version = format!("VERSION={}", self.version);
        let environment = one["Config"]["Env"].as_array();
        let current = environment.is_some_and(|env| env.contains(&version.as_str().into()));
        let mut networks = String::new();
        for (name, endpoint) in one["NetworkSettings"]["Networks"]
            .as_object()
            .into_iter()
            .flatten()
        {
            let aliases = endpoint["Aliases"].as_array().into_iter().flatten();
            let mut aliases: Vec<&str> = aliases
                .filter_map(Value::as_str)
                .filter(|alias| !id.starts_with(alias))
                .collect();
            aliases.sort_unstable();
            let _ = write!(networks, " {name}{aliases:?}");
        }
        let mounts = one["Mounts"].as_array().into_iter().flatten();
        let mut mounts: Vec<String> = mounts
            .map(|mount| {
                let name = mount["Name"].as_str().unwrap_or_default();
                let own = name.starts_with(self.project.name());
                format!("{}={}", mount["Destination"], if own { name } else { "" })
            })
            .collect();
        mounts.sort();
        format!(
            "{} {} {} current={current} networks{networks} mounts{mounts:?}\n",
            one["Name"], listed["State"], listed["Labels"]["com.docker.compose.container-number"],
        )
    }

    fn first(&self) -> String {
        let inspected = self.project.inspect("s0");
        inspected["Id"].as_str().unwrap_or_default().to_owned()
    }

    /// What a file in the first service's container holds, out of the engine's archive of it.
    fn content(&self, path: &str) -> String {
        let url = format!("/containers/{}/archive?path={path}", self.first());
        let archive = engine::bytes(&url);
        let size = archive.get(124..135).map(String::from_utf8_lossy);
        let size = size.and_then(|text| usize::from_str_radix(&text, 8).ok());
        let content = size.and_then(|size| archive.get(512..512 + size));
        match content {
            Some(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            None => String::from_utf8_lossy(&archive).into_owned(),
        }
    }
}

/// What a disturbed command may end with.
#[track_caller]
fn check(end: &Disturbed, fault: Fault, story: &str) {
    let (code, stderr) = (end.finished.code, &end.finished.stderr);
    let errors = stderr
        .lines()
        .filter(|line| line.starts_with("error"))
        .count();
    assert!(!stderr.contains("panicked"), "{story}\n{stderr}");
    let fine = match (fault, code) {
        (Fault::Kill, -1) => true,
        // It may have been done with everything that can be interrupted.
        (Fault::Interrupt(_), 130) => errors == 0,
        (Fault::Delay(_) | Fault::Interrupt(_), 0) => errors == 0,
        // Some calls are made in vain without harm, and an unanswered one may be made again.
        (Fault::Refuse(..) | Fault::CutBefore | Fault::CutAfter | Fault::CutWithin, 0) => {
            errors == 0
        }
        (
            Fault::Refuse(..) | Fault::CutBefore | Fault::CutAfter | Fault::CutWithin | Fault::Die,
            1 | 125,
        ) => errors == 1,
        _ => false,
    };
    assert!(fine, "{story}: {code}\n{stderr}");
}

/// So many services, the first of which keeps data.
fn file(services: usize, version: usize) -> String {
    let kinds = [
        "    volumes: [/anonymous, named:/named]\n",
        "    depends_on: [s0]\n    networks: {default: {aliases: [site]}}\n",
        "    depends_on: {s1: {condition: service_started, restart: true}}\n",
        "    networks: [default, other]\n",
        "",
    ];
    let mut text = String::from("services:\n");
    for (index, kind) in kinds.iter().take(services).enumerate() {
        let _ = write!(
            text,
            "  s{index}:\n    image: busybox\n    init: true\n    command: sleep 600\n    environment: [VERSION={version}]\n{kind}"
        );
    }
    text.push_str("volumes: {named: }\n");
    if services > 3 {
        text.push_str("networks: {other: }\n");
    }
    text
}

//! One build by both tools: the image's config, its history and all of its files are the same.
//!
//! `images.yaml` is the list; a project is a folder of `images/`, and the image that is compared is
//! that of its service `web`. A case:
//!
//! ```yaml
//! - of: ssh                  # the project's folder
//!   env: {KEY: value}
//!   before: [touch file]     # lines of the shell that make what a repository cannot hold
//!   agent: own               # a private key of the folder that an SSH agent holds
//!   seed: other              # a service whose image the peer pushes first, named by `CACHE`
//!   needs: NamedContexts     # what an older engine's builder lacks; Buildx: what the peer's does
//! ```
//!
//! `DCO_BUILDX` is docker's plugin `buildx` for the peer, which else builds by its own older client;
//! with it, dco bakes each image too, and that is compared as well.
//!
//! Every step is built by each tool itself. Where there is a seed, its layers are the only ones
//! left: they have to come from the registry.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::normal;
use crate::place::Place;
use crate::report::{Case, Report, Verdict};
use crate::support::capability::{Capability, engine_name, has};
use crate::support::registry::Registry;
use crate::support::{PATIENCE, until};
use crate::tool::{Tool, Tools, docker, words};

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Build {
    of: String,
    #[serde(default)]
    env: BTreeMap<String, String>,
    #[serde(default)]
    before: Vec<String>,
    agent: Option<String>,
    seed: Option<String>,
    needs: Option<Needs>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
enum Needs {
    NamedContexts,
    /// The peer's own client forgets it.
    Buildx,
}

impl Needs {
    /// Why a case that needs this is left out here.
    fn missing(self) -> Option<String> {
        let named = Capability::NamedContexts;
        match self {
            Self::NamedContexts if !has(named) => {
                Some(format!("{}: {}", engine_name(), named.words()))
            }
            Self::Buildx if buildx().is_none() => {
                Some("the peer needs docker's buildx: DCO_BUILDX names none".to_owned())
            }
            _ => None,
        }
    }
}

/// The plugin that the peer builds with.
fn buildx() -> Option<PathBuf> {
    std::env::var_os("DCO_BUILDX").map(PathBuf::from)
}

pub fn run(tools: &Tools, filter: &[String]) -> Report {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parity");
    let text = std::fs::read_to_string(folder.join("images.yaml")).unwrap();
    let mut cases: Vec<Build> = serde_yaml::from_str(&text).unwrap();
    cases.retain(|case| filter.iter().all(|word| case.of.contains(word)));
    Report::of(&["files"], &cases, |case| {
        let (verdict, files) = match case.needs.and_then(Needs::missing) {
            Some(why) => (Verdict::LeftOut(why), 0),
            None => judge(tools, &folder.join("images"), case),
        };
        Case {
            name: case.of.clone(),
            cells: vec![files.to_string()],
            verdict,
        }
    })
}

/// Builds with one tool, then with the other, and compares; how many files there are.
fn judge(tools: &Tools, folder: &Path, case: &Build) -> (Verdict, usize) {
    let mut place = Place::new();
    place.env = case.env.clone();
    if let Some(plugin) = buildx() {
        let folder = place.root.join("docker/cli-plugins");
        std::fs::create_dir_all(&folder).unwrap();
        std::os::unix::fs::symlink(plugin, folder.join("docker-buildx")).expect("DCO_BUILDX");
    }
    place.copy(&folder.join(&case.of), "");
    for line in &case.before {
        shell(&place, line);
    }
    let _agent = case.agent.as_ref().map(|key| Agent::start(&mut place, key));
    let _registry = case.seed.as_ref().map(|seed| sow(tools, &mut place, seed));
    let build = |tool, by: By| image(tool, &place, (by, case.seed.is_some()));
    let peer = match build(&tools.peer, By::Default) {
        Ok(peer) => peer,
        Err(failed) => return (Verdict::Differs(vec![failed]), 0),
    };
    let mut found = Vec::new();
    for by in [By::Default, By::Bake] {
        if by == By::Bake && !offers_bake(&place) {
            continue;
        }
        match build(&tools.dco, by) {
            Ok(dco) => {
                let differ = normal::differences(&dco, &peer);
                found.extend(differ.iter().map(|it| format!("{by:?}: {it}")));
            }
            Err(failed) => found.push(failed),
        }
    }
    let files = peer["files"].as_object().map_or(0, |files| files.len());
    match found.is_empty() {
        true => (Verdict::Equal, files),
        false => (Verdict::Differs(found), files),
    }
}

/// Who builds for a tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    /// Who is there.
    Default,
    /// buildx, by a builder that has another name.
    Bake,
}

/// The name of docker's context, and of the builder that buildx has for it.
const BUILDER: &str = "baked";

/// Sets a builder of another name up for the same engine, where buildx is there.
fn offers_bake(place: &Place) -> bool {
    if buildx().is_none() {
        return false;
    }
    let config = place.root.join("docker").display().to_string();
    let host = format!("host={}", crate::support::engine::host());
    let create = ["context", "create", BUILDER, "--docker", &host];
    let made = docker(&[&["--config", &config][..], &create].concat());
    assert_eq!(made.code, 0, "{}", made.stderr);
    true
}

fn shell(place: &Place, line: &str) {
    let status = Command::new("sh")
        .args(["-ec", line])
        .current_dir(&place.dir)
        .envs(&place.env)
        .status();
    assert!(status.is_ok_and(|status| status.success()), "{line}");
}

/// The peer builds and pushes what stands in a registry before both; then the engine has nothing of
/// it any more.
fn sow(tools: &Tools, place: &mut Place, seed: &str) -> Registry {
    let registry = Registry::start();
    std::fs::write(place.root.join("docker/config.json"), registry.config()).unwrap();
    let image = format!("{}/{}:seed", registry.address(), place.id);
    place.env.insert("CACHE".to_owned(), image.clone());
    let run = tools
        .peer
        .run(place, &words(&format!("build --push {seed}")));
    assert_eq!(run.code, 0, "{}", run.stderr);
    docker(&["image", "rm", &image]);
    forget_steps(place);
    registry
}

/// Takes from the builder what it keeps of this place's steps, and nothing else.
fn forget_steps(place: &Place) {
    let kept = crate::support::engine::get("/system/df");
    let kept = kept["BuildCache"].as_array().cloned().unwrap_or_default();
    let ours = |step: &&Value| {
        let what = step["Description"].as_str();
        what.is_some_and(|what| what.contains(&place.id))
    };
    let ids: Vec<&str> = kept
        .iter()
        .filter(ours)
        .filter_map(|step| step["ID"].as_str())
        .collect();
    assert!(!ids.is_empty(), "the builder keeps no step of {}", place.id);
    for id in ids {
        let filter = format!("id={id}");
        docker(&["builder", "prune", "--all", "--force", "--filter", &filter]);
    }
}

/// Builds the service `web`, says all there is to say of its image, and removes it.
fn image(tool: &Tool, place: &Place, (by, is_cached): (By, bool)) -> Result<Value, String> {
    let mut args = match by {
        By::Default => "--progress plain build web".to_owned(),
        By::Bake => format!("--progress plain --context {BUILDER} build --builder {BUILDER} web"),
    };
    if !is_cached {
        args.push_str(" --no-cache");
    }
    let run = tool.run(place, &words(&args));
    let failed = |what: &str| format!("{}: {what}: {}{}", tool.name, run.stdout, run.stderr);
    if run.code != 0 {
        return Err(failed(&format!("`{args}` ended with {}", run.code)));
    }
    let name = format!("{}-web", place.id);
    let inspected = docker(&["image", "inspect", &name]);
    let inspected: Value = serde_json::from_str(&inspected.stdout).unwrap_or_default();
    let inspected = &inspected[0];
    if inspected.is_null() {
        return Err(failed("no image"));
    }
    let mut config = inspected["Config"].clone();
    if let Some(labels) = config["Labels"].as_object_mut() {
        labels.remove("com.docker.compose.version");
    }
    let history = docker(&[
        "image",
        "history",
        "--no-trunc",
        "--format",
        "{{.CreatedBy}} # {{.Comment}}",
        &name,
    ]);
    let said = json!({
        "config": config,
        "names": inspected["RepoTags"],
        "architecture": inspected["Architecture"],
        "os": inspected["Os"],
        "author": inspected["Author"],
        "history": history.stdout.lines().collect::<Vec<_>>(),
        "files": files(&name),
    });
    remove(inspected);
    if is_cached {
        forget_steps(place);
    }
    Ok(said)
}

/// All of its names: the image is gone with the last.
fn remove(inspected: &Value) {
    let names = inspected["RepoTags"].as_array().into_iter().flatten();
    let names: BTreeSet<&str> = names.filter_map(Value::as_str).collect();
    for name in names {
        docker(&["image", "rm", name]);
    }
}

/// What the engine puts into every container.
const INJECTED: [&str; 5] = [
    ".dockerenv",
    "etc/hosts",
    "etc/hostname",
    "etc/resolv.conf",
    "etc/mtab",
];

/// The files of an image: kind, mode, owner and content of each.
fn files(image: &str) -> BTreeMap<String, String> {
    let made = docker(&["create", "--network", "none", image, "true"]);
    let id = made.stdout.trim().to_owned();
    let export = Command::new("docker")
        .args(["export", &id])
        .env_remove("DOCKER_CONFIG")
        .output();
    docker(&["rm", "-f", "-v", &id]);
    let export = export.unwrap_or_else(|cause| panic!("parity: docker export: {cause}"));
    let mut archive = tar::Archive::new(export.stdout.as_slice());
    let mut files = BTreeMap::new();
    for entry in archive.entries().expect("an archive") {
        let mut entry = entry.expect("an entry");
        let path = entry.path().expect("a path").display().to_string();
        if INJECTED.contains(&path.as_str()) {
            continue;
        }
        let mut content = Vec::new();
        entry.read_to_end(&mut content).expect("its content");
        let header = entry.header();
        let target = entry.link_name().expect("a link");
        let said = format!(
            "{:?} {:o} {}:{} {} {}",
            header.entry_type(),
            header.mode().expect("a mode"),
            header.uid().expect("an owner"),
            header.gid().expect("a group"),
            target.map_or_else(String::new, |target| target.display().to_string()),
            hex(&Sha256::digest(&content))
        );
        files.insert(path, said);
    }
    files
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An SSH agent with one key; dropped, it ends.
struct Agent(Child);

impl Agent {
    fn start(place: &mut Place, key: &str) -> Self {
        let socket = place.root.join("agent");
        let agent = Command::new("ssh-agent")
            .args(["-D", "-a"])
            .arg(&socket)
            .stdout(Stdio::null())
            .spawn()
            .expect("ssh-agent: it comes with Debian's openssh-client");
        let agent = Self(agent);
        until(PATIENCE, "the agent listens", || {
            socket.exists().then_some(())
        });
        let at = socket.display().to_string();
        place.env.insert("SSH_AUTH_SOCK".to_owned(), at);
        shell(place, &format!("ssh-add -q {key}"));
        agent
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

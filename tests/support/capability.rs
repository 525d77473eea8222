//! What an engine may lack. Each is asked for, of the engine itself and once: no name of an engine
//! decides. A test that needs what is missing is left out, and says so by its name: `make
//! test-engines` counts these, and the README's table is made of them.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::TcpListener;
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::engine;

/// Something that not every engine has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Capability {
    /// BuildKit, by the interface that dco speaks to it.
    BuildKit,
    /// The first builder with Docker's words and exit codes.
    ClassicBuilder,
    /// Events that can be asked for when they are over.
    PastEvents,
    /// Healthchecks that run by themselves.
    Healthchecks,
    /// Names of images without a registry, shown as they were given.
    ShortNames,
    /// Requests that are shown again as they were made.
    Requests,
    /// Lines of logs that have the time to less than a second.
    FineTimes,
    /// A refusal of API versions that the engine does not speak.
    ApiVersions,
    /// Services that find each other by their names.
    Names,
    /// The same in networks without a way out.
    InternalNames,
    /// Builds with contexts beside the first.
    NamedContexts,
    /// Images that are mounted.
    ImageMounts,
    /// The old links from container to container.
    Links,
    /// A taken port, told with the container that wants it.
    Endpoints,
    /// The end of a container that ran out of memory, told as that.
    OutOfMemory,
    /// A followed log that ends with the run, and not a while later: the next may fall into that.
    RunsApart,
    /// A container's own time to end when it is restarted.
    OwnGrace,
    /// Files and processes that are this machine's, as far as dco can tell.
    Here,
    /// Logs in files of Docker's `json-file` driver that the tests can read.
    LogFiles,
}

impl Capability {
    /// What is missing, in the words of the table.
    pub fn words(self) -> &'static str {
        match self {
            Self::BuildKit => "no BuildKit",
            Self::ClassicBuilder => "a builder of its own instead of Docker's",
            Self::PastEvents => "no events of the past",
            Self::Healthchecks => "healthchecks that nobody runs",
            Self::ShortNames => "image names always with a registry",
            Self::Requests => "requests not shown as they were made",
            Self::FineTimes => "times of log lines in whole seconds",
            Self::ApiVersions => "any API version taken",
            Self::Names => "no names between containers",
            Self::InternalNames => "no names in internal networks",
            Self::NamedContexts => "a builder that knows no named contexts",
            Self::ImageMounts => "no mounts of images",
            Self::Links => "no links",
            Self::Endpoints => "taken ports told without the container",
            Self::OutOfMemory => "no word of memory that ran out",
            Self::RunsApart => "logs that go on into the next run",
            Self::OwnGrace => "restarts that kill at once",
            Self::Here => "files and processes of another machine",
            Self::LogFiles => "no files of logs that can be read",
        }
    }

    /// Asks the engine.
    fn is_there(self) -> bool {
        match self {
            Self::BuildKit => engine::upgrades("/session", "h2c"),
            Self::ClassicBuilder => {
                let mut build = engine::docker(&["build", "--force-rm", "-"]);
                build.env("DOCKER_BUILDKIT", "0").stdin(Stdio::piped());
                let build = build.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
                let mut build = build.expect("docker");
                let mut file = build.stdin.take().expect("its input");
                file.write_all(b"FROM busybox\nRUN exit 3\n")
                    .expect("a Dockerfile");
                drop(file);
                let said = build.wait_with_output().expect("its end").stderr;
                String::from_utf8_lossy(&said).contains("returned a non-zero code: 3")
            }
            Self::PastEvents => {
                let _probe = Probe::run(json!({"Cmd": ["true"]}));
                comes(|| {
                    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
                    let now = now.expect("a time after 1970").as_secs();
                    let path = format!("/events?since={}&until={now}", now - 60);
                    let past = engine::bytes(&path);
                    String::from_utf8_lossy(&past).contains("\"create\"")
                })
            }
            Self::Healthchecks => {
                let every = Duration::from_millis(100).as_nanos() as u64;
                let health = json!({"Test": ["CMD", "true"], "Interval": every});
                let probe = Probe::run(json!({"Cmd": ["sleep", "60"], "Healthcheck": health}));
                comes(|| probe.inspect()["State"]["Health"]["Status"] == "healthy")
            }
            Self::ShortNames => {
                let probe = Probe::run(json!({"Cmd": ["true"]}));
                probe.inspect()["Config"]["Image"] == "busybox"
            }
            Self::Requests => {
                let asked = json!({"CapAdd": ["CAP_NET_RAW"]});
                let probe = Probe::run(json!({"Cmd": ["true"], "HostConfig": asked}));
                probe.inspect()["HostConfig"]["CapAdd"] == asked["CapAdd"]
            }
            Self::FineTimes => {
                let probe = Probe::run(json!({"Cmd": ["echo", "said"], "Tty": true}));
                let path = format!("/containers/{}/logs?stdout=1&timestamps=1", probe.0);
                let said = super::until(LONG, "a line", || {
                    let said = engine::bytes(&path);
                    (!said.is_empty()).then(|| String::from_utf8_lossy(&said).into_owned())
                });
                said.split(' ')
                    .next()
                    .is_some_and(|time| time.contains('.'))
            }
            Self::ApiVersions => engine::call("GET", "/v1.999/info").status == 400,
            Self::Names => finds_itself(json!({})),
            Self::InternalNames => finds_itself(json!({"Internal": true})),
            Self::Links => {
                let other = Probe::run(json!({"Cmd": ["sleep", "60"]}));
                let body = json!({"Image": "busybox", "HostConfig": {"Links": [format!("{}:other", other.0)]}});
                let made = engine::send("POST", "/containers/create", &body.to_string());
                let _probe = made.body["Id"].as_str().map(|id| Probe(id.to_owned()));
                made.status == 201
            }
            Self::Endpoints => {
                let held = TcpListener::bind("0.0.0.0:0").expect("a port");
                let port = held.local_addr().expect("its number").port().to_string();
                let body = json!({
                    "Image": "busybox",
                    "ExposedPorts": {"80/tcp": {}},
                    "HostConfig": {"PortBindings": {"80/tcp": [{"HostPort": port}]}},
                });
                let made = engine::send("POST", "/containers/create", &body.to_string());
                let probe = Probe(made.body["Id"].as_str().expect("its id").to_owned());
                let started = engine::call("POST", &format!("/containers/{}/start", probe.0));
                let words = started.body["message"].as_str().unwrap_or_default();
                words.contains(" endpoint ")
            }
            Self::OutOfMemory => {
                let little = json!({"Memory": 24 << 20, "MemorySwap": 24 << 20});
                let probe = Probe::run(json!({"Cmd": ["tail", "/dev/zero"], "HostConfig": little}));
                engine::call("POST", &format!("/containers/{}/wait", probe.0));
                probe.inspect()["State"]["OOMKilled"] == true
            }
            // A busy engine is slow to answer; one that waits first is never fast.
            Self::RunsApart => (0..8).any(|_| log_ends_with_run()),
            Self::OwnGrace => {
                let ends =
                    "trap 'sleep 1; echo ended; exit' TERM; echo up; while :; do sleep 0.1; done";
                let probe = Probe::run(json!({"Cmd": ["sh", "-c", ends], "StopTimeout": 60}));
                super::until(LONG, "its first word", || {
                    probe.said().contains("up").then_some(())
                });
                engine::call("POST", &format!("/containers/{}/restart", probe.0));
                probe.said().contains("ended")
            }
            // What is not reached by a socket of this machine could be anywhere.
            Self::Here => std::env::var_os("DCO_TEST_ENGINE").is_none(),
            Self::LogFiles => {
                let probe = Probe::run(json!({"Cmd": ["true"]}));
                let path = probe.inspect()["LogPath"].clone();
                let path = path.as_str().unwrap_or_default();
                path.ends_with("-json.log") && std::fs::File::open(path).is_ok()
            }
            // No engine tells its BuildKit's version: the first with API 1.42 brought one of 2022.
            Self::NamedContexts => {
                let api = engine::get("/version")["ApiVersion"].clone();
                let minor = api.as_str().and_then(|api| api.strip_prefix("1."));
                let minor: u32 = minor.and_then(|minor| minor.parse().ok()).unwrap_or(0);
                has(Self::BuildKit) && minor >= 42
            }
            Self::ImageMounts => {
                let mount = json!({"Type": "image", "Source": "busybox", "Target": "/there"});
                let body = json!({"Image": "busybox", "HostConfig": {"Mounts": [mount]}});
                let made = engine::send("POST", "/containers/create", &body.to_string());
                let probe = made.body["Id"].as_str().map(|id| Probe(id.to_owned()));
                probe.is_some_and(|probe| probe.inspect()["Mounts"][0]["Type"] == "image")
            }
        }
    }
}

/// As long as an engine may take to show what it has.
const LONG: Duration = Duration::from_secs(10);

/// Whether it is so before [`LONG`] is over.
fn comes(is_so: impl Fn() -> bool) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < LONG {
        if is_so() {
            return true;
        }
        std::thread::sleep(super::LOOK);
    }
    false
}

/// Less than an engine waits that looks for last words, and longer than one that does not.
const AT_ONCE: Duration = Duration::from_millis(200);

/// Whether the log of a container ends with it when it is followed, both by the engine's clock.
fn log_ends_with_run() -> bool {
    let probe = Probe::run(json!({"Cmd": ["sleep", "0.3"]}));
    engine::bytes(&format!("/containers/{}/logs?stdout=1&follow=1", probe.0));
    let now = engine::get("/info")["SystemTime"].clone();
    let ended = probe.inspect()["State"]["FinishedAt"].clone();
    let [now, ended] = [now, ended].map(|time| {
        let time = time.as_str().expect("a time");
        time.parse::<jiff::Timestamp>().expect("a time")
    });
    now.duration_since(ended).unsigned_abs() < AT_ONCE
}

/// Whether a container finds itself by its name in a network of this kind.
fn finds_itself(mut network: Value) -> bool {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let number = MADE.fetch_add(1, Ordering::Relaxed);
    let name = format!("dcot-names-{}-{number}", std::process::id());
    network["Name"] = name.as_str().into();
    let made = engine::send("POST", "/networks/create", &network.to_string());
    assert_eq!(made.status, 201, "{}", made.body);
    let own = json!({"EndpointsConfig": {&name: {"Aliases": ["probe"]}}});
    let probe = Probe::run(json!({
        "Cmd": ["sh", "-c", "for i in 1 2 3 4 5; do nslookup probe && exit; sleep 0.2; done; exit 1"],
        "HostConfig": {"NetworkMode": name},
        "NetworkingConfig": own,
    }));
    let ended = engine::call("POST", &format!("/containers/{}/wait", probe.0));
    drop(probe);
    engine::call("DELETE", &format!("/networks/{name}"));
    ended.body["StatusCode"] == 0
}

/// A container that an engine is asked by; dropped, it is removed.
struct Probe(String);

impl Probe {
    /// Makes one of `busybox` and starts it.
    fn run(mut body: Value) -> Self {
        body["Image"] = "busybox".into();
        let made = engine::send("POST", "/containers/create", &body.to_string());
        let id = made.body["Id"].as_str();
        let id = id.unwrap_or_else(|| panic!("no probe: {}", made.body));
        let probe = Self(id.to_owned());
        let started = engine::call("POST", &format!("/containers/{id}/start"));
        assert!(started.status < 400, "no probe: {}", started.body);
        probe
    }

    fn inspect(&self) -> Value {
        engine::get(&format!("/containers/{}/json", self.0))
    }

    /// What it has said, framed as the engine frames it.
    fn said(&self) -> String {
        let said = engine::bytes(&format!("/containers/{}/logs?stdout=1", self.0));
        String::from_utf8_lossy(&said).into_owned()
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        engine::call("DELETE", &format!("/containers/{}?force=1&v=1", self.0));
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
    static ASKED: Mutex<BTreeMap<Capability, Arc<OnceLock<bool>>>> = Mutex::new(BTreeMap::new());
    let answer = ASKED
        .lock()
        .expect("nobody panics with it")
        .entry(capability)
        .or_default()
        .clone();
    *answer.get_or_init(|| capability.is_there())
}

/// Whether the engine has what a test needs; where not, it says so, and the test returns.
#[must_use]
pub fn needs(capability: Capability) -> bool {
    let is_there = has(capability);
    if !is_there {
        let engine = engine_name();
        let thread = std::thread::current();
        let test = thread.name().unwrap_or_default();
        let words = capability.words();
        // Not by a macro: what those print is kept from who looks on.
        let _ = writeln!(std::io::stderr(), "left out on {engine}: {test}: {words}");
    }
    is_there
}

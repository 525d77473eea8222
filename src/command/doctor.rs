//! `dco doctor`: what stands in the way on this machine, each with its mend.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use bollard::models::SystemInfo;

use super::Context;
use crate::engine::{Endpoint, Engine, Filters};
use crate::report;

/// Say what stands in the way on this machine, and how to mend it
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Ends with 1 where something is broken; warnings do not count.

Example:
  dco doctor"
)]
pub struct Args {
    /// Format of the output: pretty or json
    #[arg(long, value_name = "FORMAT", value_parser = ["pretty", "json"], default_value = "pretty")]
    format: String,
}

/// One line of the report.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
struct Finding {
    state: State,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Ok,
    Warning,
    Error,
}

impl Finding {
    fn ok(text: impl Into<String>) -> Self {
        Self {
            state: State::Ok,
            text: text.into(),
            fix: None,
        }
    }

    fn warning(text: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            state: State::Warning,
            text: text.into(),
            fix: Some(fix.into()),
        }
    }

    fn error(text: impl Into<String>, fix: Option<String>) -> Self {
        Self {
            state: State::Error,
            text: text.into(),
            fix,
        }
    }
}

/// Looks at everything and prints a line for each.
pub async fn run(args: &Args, cx: &Context) -> Result<ExitCode> {
    let mut findings = Vec::new();
    match cx.engine() {
        Ok(engine) => findings.extend(of_engine(&engine).await),
        Err(error) => findings.push(Finding::error(format!("{error:#}"), None)),
    }
    findings.extend(inotify(Path::new("/proc/sys/fs/inotify")));
    let home = cx.env.get("HOME").map(PathBuf::from);
    findings.extend(home.as_deref().and_then(shadowed));
    findings.extend(cx.state_dir().as_deref().and_then(stale_state));
    let broken = findings.iter().any(|one| one.state == State::Error);
    match args.format.as_str() {
        "json" => report::print(&format!("{}\n", serde_json::to_string_pretty(&findings)?))?,
        _ => report::print(&pretty(&findings))?,
    }
    Ok(ExitCode::from(u8::from(broken)))
}

fn pretty(findings: &[Finding]) -> String {
    let mut text = String::new();
    for one in findings {
        let mark = match one.state {
            State::Ok => "ok",
            State::Warning => "warning",
            State::Error => "error",
        };
        text.push_str(&format!("{mark:<8} {}\n", one.text));
        if let Some(fix) = &one.fix {
            text.push_str(&format!("{:<8} fix: {fix}\n", ""));
        }
    }
    text
}

/// The engine, its disk and its networks.
async fn of_engine(engine: &Engine) -> Vec<Finding> {
    let ping = match engine.ping().await {
        Ok(ping) => ping,
        Err(error) => {
            let text = error.diagnostic().message;
            return vec![Finding::error(text, error.hint())];
        }
    };
    let info = match engine.info().await {
        Ok(info) => info,
        Err(error) => return vec![Finding::error(error.diagnostic().message, error.hint())],
    };
    let version = info.server_version.as_deref().unwrap_or("?");
    let mut findings = vec![Finding::ok(format!(
        "{} {version} answers at {} (API {}.{})",
        if ping.podman { "Podman" } else { "engine" },
        engine.endpoint(),
        ping.api.major,
        ping.api.minor
    ))];
    for warning in info.warnings.iter().flatten() {
        let text = warning.trim_start_matches("WARNING: ");
        findings.push(Finding::warning(
            format!("the engine says: {text}"),
            "see the engine's documentation; most projects run without it",
        ));
    }
    let is_here = matches!(engine.endpoint(), Endpoint::Unix(_));
    if is_here {
        findings.extend(disk(&info));
    }
    if ping.podman && is_here && !Path::new(SYSTEMD).exists() {
        findings.push(Finding::warning(
            "no systemd runs here, and Podman leaves healthchecks to it: dco runs them while it waits, nobody does afterwards",
            "nothing to do for `service_healthy`; what is to notice later that a service is sick needs systemd or another engine",
        ));
    }
    if ping.podman
        && is_here
        && let Ok(backend) = engine.network_backend().await
    {
        findings.extend(names(&backend, Path::exists));
    }
    let networks = engine.list_networks(&Filters::new()).await;
    let bridges = networks.map_or(0, |all| {
        let bridge = |driver: &Option<String>| driver.as_deref() == Some("bridge");
        all.iter().filter(|one| bridge(&one.driver)).count()
    });
    findings.push(match ping.podman {
        // It takes networks of 256 addresses out of its own large pools.
        true => Finding::ok(format!("{bridges} networks are in use")),
        false => pools(bridges, &info),
    });
    findings
}

/// There where systemd is who runs everything.
const SYSTEMD: &str = "/run/systemd/system";

/// Where Podman looks for what answers names in its networks, by what makes these.
const NAME_SERVERS: [(&str, &str, &[&str], &str); 2] = [
    (
        "cni",
        "dnsname",
        &[
            "/usr/libexec/cni",
            "/usr/lib/cni",
            "/usr/local/lib/cni",
            "/opt/cni/bin",
        ],
        "`golang-github-containernetworking-plugin-dnsname` on Debian, `podman-plugins` on Fedora",
    ),
    (
        "netavark",
        "aardvark-dns",
        &[
            "/usr/libexec/podman",
            "/usr/lib/podman",
            "/usr/local/libexec/podman",
            "/usr/local/lib/podman",
        ],
        "`aardvark-dns`",
    ),
];

/// Whether containers on Podman find each other by their names.
fn names(backend: &str, exists: impl Fn(&Path) -> bool) -> Option<Finding> {
    let (_, program, folders, package) = NAME_SERVERS
        .iter()
        .find(|(made_by, ..)| *made_by == backend)?;
    let is_there = folders
        .iter()
        .any(|folder| exists(&Path::new(folder).join(program)));
    (!is_there).then(|| {
        Finding::warning(
            format!("Podman has no `{program}`: services do not find each other by their names"),
            format!("install {package}, then `dco down` and `dco up -d`"),
        )
    })
}

/// Less than this is too little for a build.
const LITTLE: u64 = 2 << 30;

fn disk(info: &SystemInfo) -> Option<Finding> {
    let root = info.docker_root_dir.as_deref()?;
    let found = rustix::fs::statvfs(root).ok()?;
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    let text = format!("{} free for images and volumes in {root}", gibibytes(free));
    Some(match free < LITTLE {
        true => Finding::warning(
            text,
            "`docker system df` shows what takes the room, `docker image prune` frees unused images",
        ),
        false => Finding::ok(text),
    })
}

fn gibibytes(bytes: u64) -> String {
    format!("{:.1} GiB", bytes as f64 / (1_u64 << 30) as f64)
}

/// The engine's own pools hold this many networks: 16 of 172.17.0.0/16 and on, 16 of 192.168.0.0/20.
const DEFAULT_POOLS: usize = 31;

fn pools(bridges: usize, info: &SystemInfo) -> Finding {
    let own: usize = info
        .default_address_pools
        .iter()
        .flatten()
        .filter_map(|pool| {
            let (_, width) = pool.base.as_deref()?.split_once('/')?;
            let bits = u32::try_from(pool.size?)
                .ok()?
                .checked_sub(width.parse().ok()?)?;
            1_usize.checked_shl(bits.min(16))
        })
        .sum();
    let room = match own {
        0 => DEFAULT_POOLS,
        own => own,
    };
    let text = format!("{bridges} of about {room} networks are in use");
    match bridges + 3 > room {
        true => Finding::warning(
            text,
            "`docker network prune` removes unused ones; `default-address-pools` in daemon.json makes room",
        ),
        false => Finding::ok(text),
    }
}

/// The kernel's limits of file watching, and what a project with its dependencies needs.
const WATCHES: (&str, u64) = ("max_user_watches", 65_536);
const INSTANCES: (&str, u64) = ("max_user_instances", 128);

fn inotify(folder: &Path) -> Vec<Finding> {
    let one = |(name, least): (&str, u64)| {
        let text = std::fs::read_to_string(folder.join(name)).ok()?;
        let limit: u64 = text.trim().parse().ok()?;
        let line = format!("fs.inotify.{name} is {limit}");
        Some(match limit < least {
            true => Finding::warning(
                format!("{line}: live reload may miss files"),
                format!("`sudo sysctl fs.inotify.{name}={}`", least * 4),
            ),
            false => Finding::ok(line),
        })
    };
    [WATCHES, INSTANCES].into_iter().filter_map(one).collect()
}

/// A shell alias named `dco`, which hides the program; oh-my-zsh's plugins define one.
fn shadowed(home: &Path) -> Option<Finding> {
    const FILES: [&str; 6] = [
        ".zshrc",
        ".bashrc",
        ".bash_aliases",
        ".profile",
        ".zprofile",
        ".config/fish/config.fish",
    ];
    FILES.iter().find_map(|name| {
        let text = std::fs::read_to_string(home.join(name)).ok()?;
        let why = shadow_in(&text)?;
        Some(Finding::warning(
            format!("~/{name} {why}, which hides this program in the shell"),
            format!("add `unalias dco` to the end of ~/{name}"),
        ))
    })
}

/// What in a shell's start-up file makes an alias `dco`.
fn shadow_in(text: &str) -> Option<&'static str> {
    let lines = || {
        text.lines()
            .map(|line| line.split('#').next().unwrap_or_default().trim())
    };
    if lines().any(|line| line == "unalias dco") {
        return None;
    }
    if lines().any(|line| line.starts_with("alias dco=") || line.starts_with("alias dco ")) {
        return Some("has an alias `dco`");
    }
    let (_, plugins) = text
        .split_once("\nplugins=(")
        .or_else(|| text.strip_prefix("plugins=(").map(|rest| ("", rest)))?;
    let (list, _) = plugins.split_once(')')?;
    list.split_whitespace()
        .any(|plugin| plugin == "docker-compose")
        .then_some("loads oh-my-zsh's docker-compose plugin with its alias `dco`")
}

/// Watchers that died without taking their mark away.
fn stale_state(state: &Path) -> Option<Finding> {
    let entries = std::fs::read_dir(state.join("watch")).ok()?;
    let dead = entries.flatten().filter(|entry| {
        let text = std::fs::read_to_string(entry.path()).unwrap_or_default();
        let pid = text
            .split_whitespace()
            .next()
            .and_then(|word| word.parse::<u32>().ok());
        pid.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists())
    });
    match dead.count() {
        0 => None,
        count => Some(Finding::warning(
            format!("{count} watchers of earlier sessions ended without a word"),
            format!(
                "nothing is lost; `rm -r {}` forgets them",
                state.join("watch").display()
            ),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_and_a_plugin_shadow_the_program() {
        assert!(shadow_in("alias dco='docker compose'\n").is_some());
        assert!(shadow_in("export A=1\nplugins=(git\n  docker-compose zsh)\n").is_some());
        assert_eq!(shadow_in("plugins=(git)\n# alias dco=x\n"), None);
        assert_eq!(shadow_in("plugins=(docker-compose)\nunalias dco\n"), None);
    }

    #[test]
    fn low_limits_are_warnings_with_their_mend() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("max_user_watches"), "8192\n").unwrap();
        std::fs::write(folder.path().join("max_user_instances"), "512\n").unwrap();
        assert_eq!(
            pretty(&inotify(folder.path())),
            "\
warning  fs.inotify.max_user_watches is 8192: live reload may miss files
         fix: `sudo sysctl fs.inotify.max_user_watches=262144`
ok       fs.inotify.max_user_instances is 512
"
        );
    }

    #[test]
    fn podman_without_a_name_server_is_a_warning_with_its_package() {
        assert!(names("cni", |path| path == Path::new("/opt/cni/bin/dnsname")).is_none());
        assert!(names("other", |_| false).is_none());
        let said: Vec<Finding> = names("netavark", |_| false).into_iter().collect();
        assert_eq!(
            pretty(&said),
            "\
warning  Podman has no `aardvark-dns`: services do not find each other by their names
         fix: install `aardvark-dns`, then `dco down` and `dco up -d`
"
        );
    }

    #[test]
    fn nearly_all_networks_in_use_is_a_warning() {
        let info = SystemInfo::default();
        assert_eq!(pools(4, &info).state, State::Ok);
        assert_eq!(pools(30, &info).state, State::Warning);
    }
}

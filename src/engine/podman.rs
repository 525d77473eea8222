//! Podman's answers in Docker's words, and requests that it takes in words of its own.

use std::time::Duration;

use bollard::models::{ContainerTopResponse, VolumeCreateRequest};
use serde_json::Value;
use tokio::time::sleep;

use super::error::{Error, Result};
use crate::text::size;

/// How often something is asked for, and how long it waits before it asks again.
const TIMES: usize = 6;
const BETWEEN: Duration = Duration::from_millis(30);

/// Asks again where Podman fails over something that went away while it looked: it reads what there
/// is one by one, containers for a list of them, the machine's interfaces for a start in a network.
pub(super) async fn again<T>(ask: impl AsyncFn() -> Result<T>) -> Result<T> {
    patiently(ask, |error| match error {
        Error::Api {
            status: 500,
            message,
        } => went_away(message),
        _ => false,
    })
    .await
}

/// Does again what was done in vain, a few times and after a moment each.
pub(super) async fn patiently<T, E>(
    ask: impl AsyncFn() -> Result<T, E>,
    in_vain: impl Fn(&E) -> bool,
) -> Result<T, E> {
    for _ in 1..TIMES {
        match ask().await {
            Err(error) if in_vain(&error) => sleep(BETWEEN).await,
            answer => return answer,
        }
    }
    ask().await
}

/// Whether a failure is over something else than what was asked for: a build looks for each step's
/// earlier result through all images.
pub(super) fn went_away(message: &str) -> bool {
    let words = [
        "no such process",
        "image not known",
        "layer not known",
        "no such container",
        "no such network interface",
    ];
    words.iter().any(|words| message.contains(words))
}

/// Mends a container of a list.
pub(super) fn listed(container: &mut Value) {
    if let Some(state) = container.get_mut("State") {
        mend_state(state);
    }
    let ports = container.get_mut("Ports").and_then(Value::as_array_mut);
    for port in ports.into_iter().flatten() {
        if !port["PublicPort"].is_null() && port["IP"].as_str().is_none_or(str::is_empty) {
            port["IP"] = ALL.into();
        }
    }
}

/// Mends what is said of one container.
pub(super) fn inspected(container: &mut Value) {
    match restart_is_due(container) {
        true => {
            let state = &mut container["State"];
            state["Status"] = "restarting".into();
            state["Restarting"] = true.into();
            state["Running"] = true.into();
        }
        false => {
            if let Some(state) = container.pointer_mut("/State/Status") {
                mend_state(state);
            }
        }
    }
    let ports = container.pointer_mut("/NetworkSettings/Ports");
    let bindings = ports.and_then(Value::as_object_mut).into_iter().flatten();
    for binding in bindings.filter_map(|(_, all)| all.as_array_mut()).flatten() {
        if binding["HostIp"] == "" {
            binding["HostIp"] = ALL.into();
        }
    }
    mend_network_mode(container);
    mend_environment(container);
}

/// Whether a container that ended is started again: until Podman has cleaned up after it, which
/// it does where nothing more is to come.
fn restart_is_due(container: &Value) -> bool {
    let policy = &container["HostConfig"]["RestartPolicy"];
    let most = policy["MaximumRetryCount"].as_i64().unwrap_or_default();
    let restarts = container["RestartCount"].as_i64().unwrap_or_default();
    container["State"]["Status"] == "stopped"
        && match policy["Name"].as_str() {
            Some("always" | "unless-stopped") => true,
            Some("on-failure") => {
                container["State"]["ExitCode"] != 0 && (most == 0 || restarts < most)
            }
            _ => false,
        }
}

/// Says in a container's request what Podman takes for another thing where it is left out.
pub(super) fn creation(body: &mut Value) {
    let grace = &mut body["StopTimeout"];
    if grace.is_null() {
        *grace = GRACE.into();
    }
}

/// Says the size of the terminal that a program is started in, in Podman's words.
pub(super) fn exec_start(body: &mut Value) {
    if let Some([rows, columns]) = body["ConsoleSize"].as_array().map(Vec::as_slice) {
        (body["h"], body["w"]) = (rows.clone(), columns.clone());
    }
}

/// The seconds that Docker waits before it kills what is to stop; Podman kills at once.
const GRACE: i64 = 10;

/// The columns of processes that Podman finds out itself; for all else it runs a `ps` in the
/// container, which images seldom have.
pub(super) const COLUMNS: &str = "user,pid,ppid,pcpu,etime,tty,time,args";

/// Gives the columns of processes Docker's titles.
pub(super) fn top(top: &mut ContainerTopResponse) {
    for title in top.titles.iter_mut().flatten() {
        match title.as_str() {
            "USER" => "UID",
            "%CPU" => "C",
            "COMMAND" => "CMD",
            _ => continue,
        }
        .clone_into(title);
    }
}

/// Says a volume in memory in Podman's words: `size` is a disk quota to it, whatever the type.
pub(super) fn volume(request: &mut VolumeCreateRequest) {
    let Some(options) = &mut request.driver_opts else {
        return;
    };
    if options.get("type").is_none_or(|kind| kind != "tmpfs") {
        return;
    }
    if let Some(text) = options.get_mut("o") {
        let words: Vec<String> = text.split(',').map(in_blocks).collect();
        *text = words.join(",");
    }
}

/// The smallest page of memory; where they are larger, there is more room, never less.
const PAGE: i64 = 4096;

/// An option of a `tmpfs`, a size as blocks.
fn in_blocks(option: &str) -> String {
    let size = option.strip_prefix("size=");
    match size.and_then(|text| size::parse(text).ok()) {
        Some(bytes) => format!("nr_blocks={}", bytes.saturating_add(PAGE - 1) / PAGE),
        None => option.to_owned(),
    }
}

/// The address of a port that is published on all of them, which Podman leaves out.
const ALL: &str = "0.0.0.0";

/// Podman has a word of its own for a container that ends and one that has ended.
fn mend_state(word: &mut Value) {
    if word == "stopped" {
        *word = "exited".into();
    }
}

/// Every network is `bridge` to Podman; Docker names the one that the container was made with.
fn mend_network_mode(container: &mut Value) {
    let networks = container.pointer("/NetworkSettings/Networks");
    let mut names = networks.and_then(Value::as_object).into_iter().flatten();
    let first = names.next().map(|(name, _)| name.clone());
    let mode = container.pointer_mut("/HostConfig/NetworkMode");
    if let (Some(mode), Some(first)) = (mode, first.filter(|name| name != "podman"))
        && mode == "bridge"
    {
        *mode = first.into();
    }
}

/// Podman adds variables of its own, which nobody asked for.
fn mend_environment(container: &mut Value) {
    let id = container["Id"].as_str().unwrap_or_default();
    let host = id.get(..12).unwrap_or_default();
    let added = [
        "container=podman".to_owned(),
        "TERM=xterm".to_owned(),
        "HOME=/root".to_owned(),
        format!("HOSTNAME={host}"),
    ];
    let environment = container.pointer_mut("/Config/Env");
    if let Some(all) = environment.and_then(Value::as_array_mut) {
        all.retain(|one| !added.iter().any(|added| one == added.as_str()));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_failed_over_something_that_went_away_is_asked_for_again() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let asked = |status, message: &str, failures: usize| {
            let calls = std::cell::Cell::new(0);
            let listed = runtime.block_on(again(async || {
                calls.set(calls.get() + 1);
                match calls.get() > failures {
                    true => Ok(()),
                    false => Err(Error::Api {
                        status,
                        message: message.to_owned(),
                    }),
                }
            }));
            (calls.get(), listed.is_ok())
        };
        let gone = "read /proc/10309/cgroup: no such process";
        assert_eq!(asked(500, gone, 0), (1, true));
        assert_eq!(asked(500, gone, 2), (3, true));
        assert_eq!(asked(500, gone, TIMES), (TIMES, false));
        let layer = "checking if cached image exists: getting top layer info: layer not known";
        assert_eq!(asked(500, layer, 1), (2, true));
        let interface = "route ip+net: no such network interface";
        assert_eq!(asked(500, interface, 2), (3, true));
        assert_eq!(asked(500, "disk full", 1), (1, false));
        assert_eq!(asked(404, "no such container", 1), (1, false));
    }

    #[test]
    fn states_and_ports_of_a_list_are_said_in_dockers_words() {
        let mended = |mut container: Value| {
            listed(&mut container);
            container
        };
        assert_eq!(
            mended(json!({"State": "stopped"})),
            json!({"State": "exited"})
        );
        assert_eq!(
            mended(json!({"State": "running", "Ports": [
                {"PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"},
                {"PrivatePort": 81},
            ]})),
            json!({"State": "running", "Ports": [
                {"PrivatePort": 80, "PublicPort": 8080, "Type": "tcp", "IP": "0.0.0.0"},
                {"PrivatePort": 81},
            ]})
        );
    }

    #[test]
    fn what_is_said_of_one_container_is_what_docker_would_say() {
        let mut container = json!({
            "Id": "0123456789abcdef",
            "State": {"Status": "stopped", "ExitCode": 3},
            "Config": {"Env": [
                "A=1", "TERM=xterm", "container=podman", "HOME=/root", "HOSTNAME=0123456789ab",
            ]},
            "HostConfig": {"NetworkMode": "bridge"},
            "NetworkSettings": {
                "Networks": {"app_default": {}},
                "Ports": {"80/tcp": [{"HostIp": "", "HostPort": "8080"}], "81/tcp": null},
            },
        });
        inspected(&mut container);
        assert_eq!(
            container,
            json!({
                "Id": "0123456789abcdef",
                "State": {"Status": "exited", "ExitCode": 3},
                "Config": {"Env": ["A=1"]},
                "HostConfig": {"NetworkMode": "app_default"},
                "NetworkSettings": {
                    "Networks": {"app_default": {}},
                    "Ports": {
                        "80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}],
                        "81/tcp": null,
                    },
                },
            })
        );
    }

    #[test]
    fn a_restart_is_due_until_the_policy_gives_up_or_all_is_cleaned_up() {
        let said = |status: &str, policy: Value, code: i64| {
            let mut container = json!({
                "State": {"Status": status, "ExitCode": code, "Running": false, "Restarting": false},
                "RestartCount": 2,
                "HostConfig": {"RestartPolicy": policy},
            });
            inspected(&mut container);
            container["State"]["Status"].as_str().unwrap().to_owned()
        };
        let always = || json!({"Name": "always", "MaximumRetryCount": 0});
        let failing = |most: i64| json!({"Name": "on-failure", "MaximumRetryCount": most});
        assert_eq!(said("stopped", always(), 0), "restarting");
        assert_eq!(said("exited", always(), 0), "exited");
        assert_eq!(said("stopped", failing(0), 1), "restarting");
        assert_eq!(said("stopped", failing(3), 1), "restarting");
        assert_eq!(said("stopped", failing(2), 1), "exited");
        assert_eq!(said("stopped", failing(0), 0), "exited");
        assert_eq!(said("stopped", json!({"Name": "no"}), 1), "exited");
    }

    #[test]
    fn the_size_of_a_volume_in_memory_is_told_in_blocks() {
        let told = |kind: &str, options: &str| {
            let options = [("type", kind), ("o", options)];
            let options = options.map(|(key, value)| (key.to_owned(), value.to_owned()));
            let mut request = VolumeCreateRequest {
                driver_opts: Some(options.into()),
                ..VolumeCreateRequest::default()
            };
            volume(&mut request);
            request.driver_opts.unwrap()["o"].clone()
        };
        assert_eq!(told("tmpfs", "size=1m,uid=1000"), "nr_blocks=256,uid=1000");
        assert_eq!(told("tmpfs", "size=5000"), "nr_blocks=2");
        assert_eq!(told("tmpfs", "size=50%"), "size=50%");
        assert_eq!(told("nfs", "size=1m"), "size=1m");
    }

    #[test]
    fn a_container_without_a_grace_of_its_own_gets_dockers() {
        let asked = |mut body: Value| {
            creation(&mut body);
            body
        };
        assert_eq!(
            asked(json!({"Image": "a"})),
            json!({"Image": "a", "StopTimeout": 10})
        );
        assert_eq!(asked(json!({"StopTimeout": 0})), json!({"StopTimeout": 0}));
    }

    #[test]
    fn the_columns_of_processes_have_dockers_titles() {
        let titles = [
            "USER", "PID", "PPID", "%CPU", "ELAPSED", "TTY", "TIME", "COMMAND",
        ];
        let mut found = ContainerTopResponse {
            titles: Some(titles.map(str::to_owned).into()),
            processes: None,
        };
        top(&mut found);
        assert_eq!(
            found.titles.unwrap().join(" "),
            "UID PID PPID C ELAPSED TTY TIME CMD"
        );
    }
}

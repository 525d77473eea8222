//! The engine's own word: a few blocking HTTP calls, so that assertions do not go through the
//! code they test.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use serde_json::Value;

/// Where the engine listens, as `DOCKER_HOST` spells it; where that is a way through something else
/// (`scripts/sshd`), `DCO_TEST_ENGINE` says it.
pub fn host() -> String {
    let set = |name| std::env::var(name).ok().filter(|host| !host.is_empty());
    set("DCO_TEST_ENGINE")
        .or_else(|| set("DOCKER_HOST"))
        .unwrap_or_else(|| "unix:///var/run/docker.sock".to_owned())
}

/// The docker CLI, on that engine.
pub fn docker(args: &[&str]) -> std::process::Command {
    let mut command = std::process::Command::new("docker");
    command.args(["-H", &host()]).args(args);
    command
}

/// An answer of the engine.
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body; null where it is empty or not JSON.
    pub body: Value,
}

/// Sends one request without a body. Panics where there is no engine: these tests need one.
#[track_caller]
pub fn call(method: &str, path: &str) -> Answer {
    send(method, path, "")
}

/// Sends one request with a JSON body.
#[track_caller]
pub fn send(method: &str, path: &str, body: &str) -> Answer {
    let asked = Instant::now();
    loop {
        let answer = send_once(method, path, body);
        // Podman's lists fail over what goes away while it looks, and so does a start in a network.
        let cause = answer.body["cause"].as_str().unwrap_or_default();
        let gone = match method {
            "GET" => ["image not known", "no such process", "no such container"].contains(&cause),
            _ => cause == "no such network interface",
        };
        if answer.status != 500 || !gone || asked.elapsed() > Duration::from_secs(5) {
            return answer;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[track_caller]
fn send_once(method: &str, path: &str, body: &str) -> Answer {
    let host = host();
    let raw = exchange(&host, method, path, body)
        .unwrap_or_else(|error| panic!("no Docker engine answers on {host}: {error}"));
    let text = String::from_utf8_lossy(&raw);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head
        .split_whitespace()
        .nth(1)
        .and_then(|code| code.parse().ok())
        .unwrap_or_else(|| panic!("{method} {path}: not HTTP: {head:?}"));
    Answer {
        status,
        body: serde_json::from_str(body).unwrap_or(Value::Null),
    }
}

/// HTTP/1.0, so that the body comes plain and ends with the connection.
fn exchange(host: &str, method: &str, path: &str, body: &str) -> std::io::Result<Vec<u8>> {
    let request = format!(
        "{method} {path} HTTP/1.0\r\nHost: engine\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let limit = Some(Duration::from_secs(60));
    let mut raw = Vec::new();
    match host.split_once("://") {
        Some(("unix", socket)) => {
            let mut stream = UnixStream::connect(socket)?;
            stream.set_read_timeout(limit)?;
            stream.write_all(request.as_bytes())?;
            stream.read_to_end(&mut raw)?;
        }
        Some(("tcp" | "http", address)) => {
            let mut stream = TcpStream::connect(address)?;
            stream.set_read_timeout(limit)?;
            stream.write_all(request.as_bytes())?;
            stream.read_to_end(&mut raw)?;
        }
        _ => {
            return Err(std::io::Error::other(format!(
                "the tests cannot use {host}"
            )));
        }
    }
    Ok(raw)
}

/// Whether the engine makes the connection of a POST another protocol's.
#[track_caller]
pub fn upgrades(path: &str, protocol: &str) -> bool {
    let host = host();
    let socket = host.strip_prefix("unix://").expect("a socket");
    let mut stream = UnixStream::connect(socket).expect("an engine");
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: engine\r\nConnection: Upgrade\r\nUpgrade: {protocol}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).expect("a request");
    let mut status = [0; 12];
    stream.read_exact(&mut status).expect("a status");
    status == *b"HTTP/1.1 101"
}

/// The bytes that the engine answers to a GET: an archive, say.
#[track_caller]
pub fn bytes(path: &str) -> Vec<u8> {
    let raw = exchange(&host(), "GET", path, "").expect("an answer");
    let end = raw.windows(4).position(|four| four == b"\r\n\r\n");
    raw[end.expect("a head") + 4..].to_vec()
}

/// What the engine answers to a GET; null where it holds no such thing.
#[track_caller]
pub fn get(path: &str) -> Value {
    let answer = call("GET", path);
    match answer.status {
        200..=299 => answer.body,
        404 => Value::Null,
        status => panic!("GET {path}: {status} {}", answer.body),
    }
}

/// The query part that selects what carries `label`.
pub fn filter(label: &str) -> String {
    percent(&format!(r#"{{"label":["{label}"]}}"#))
}

/// All containers with the label, running or not, as the list gives them.
#[track_caller]
pub fn containers(label: &str) -> Vec<Value> {
    list(
        &format!("/containers/json?all=1&filters={}", filter(label)),
        None,
    )
}

/// All networks with the label.
#[track_caller]
pub fn networks(label: &str) -> Vec<Value> {
    list(&format!("/networks?filters={}", filter(label)), None)
}

/// All volumes with the label.
#[track_caller]
pub fn volumes(label: &str) -> Vec<Value> {
    list(
        &format!("/volumes?filters={}", filter(label)),
        Some("Volumes"),
    )
}

/// All images with the label.
#[track_caller]
pub fn images(label: &str) -> Vec<Value> {
    list(&format!("/images/json?filters={}", filter(label)), None)
}

#[track_caller]
fn list(path: &str, key: Option<&str>) -> Vec<Value> {
    let mut body = get(path);
    let list = match key {
        Some(key) => body[key].take(),
        None => body,
    };
    match list {
        Value::Array(items) => items,
        _ => Vec::new(),
    }
}

/// Removes all that carries the label: containers stopped first, then networks and volumes, then
/// the images built for it. Says what it could not remove instead of panicking: it runs in `Drop`.
pub fn sweep(label: &str) {
    let remove = |container: &Value| {
        let id = container["Id"].as_str().unwrap_or_default();
        call("POST", &format!("/containers/{id}/unpause"));
        call("POST", &format!("/containers/{id}/stop?t=0"));
        let removed = call("DELETE", &format!("/containers/{id}?v=1&force=1"));
        (removed, id.to_owned())
    };
    for container in containers(label) {
        remove(&container);
    }
    // Podman keeps one whose network another shares, until that is gone.
    for container in containers(label) {
        let (removed, id) = remove(&container);
        report(removed, "container", &id);
    }
    for network in networks(label) {
        let id = network["Id"].as_str().unwrap_or_default();
        report(
            call("DELETE", &format!("/networks/{id}")),
            "network",
            &network["Name"].to_string(),
        );
    }
    for volume in volumes(label) {
        let name = volume["Name"].as_str().unwrap_or_default();
        report(
            call("DELETE", &format!("/volumes/{name}?force=1")),
            "volume",
            name,
        );
    }
    for image in built(label) {
        report(call("DELETE", &format!("/images/{image}")), "image", &image);
    }
}

/// The images that were built for a project, by its label or its name. Podman's builder takes what
/// it made for another where only the label differs: one image then has the names of both, and
/// loses those of this project alone.
fn built(label: &str) -> Vec<String> {
    let (key, project) = label.split_once('=').expect("a label");
    let own = format!("{project}-");
    let belongs = |tag: &&str, labelled: bool| {
        let name = tag.rsplit('/').next().unwrap_or_default();
        name.starts_with(&own) || labelled && !name.starts_with("dcot-")
    };
    let found = list("/images/json", None).into_iter().flat_map(|image| {
        let labelled = image["Labels"][key] == project;
        let tags = image["RepoTags"].as_array().into_iter().flatten();
        let mut names = tags.filter_map(Value::as_str).peekable();
        let nameless = names.peek().is_none() && labelled;
        let id = image["Id"].as_str().filter(|_| nameless);
        let names = names.filter(|tag| belongs(tag, labelled));
        let names: Vec<String> = id.into_iter().chain(names).map(str::to_owned).collect();
        names
    });
    found.collect()
}

#[allow(clippy::print_stderr, reason = "a test's own output")]
fn report(answer: Answer, what: &str, name: &str) {
    if answer.status >= 400 && answer.status != 404 {
        eprintln!(
            "left behind: {what} {name}: {} {}",
            answer.status, answer.body
        );
    }
}

fn percent(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' => out.push(byte.into()),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
        out
    })
}

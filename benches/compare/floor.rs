//! The engine's own limit: the API calls that a command cannot do without, sent as they can be
//! sent best, by nothing but sockets and threads.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The label that everything of the floor carries, so that it can be found and removed.
const LABEL: &str = "dco.bench.floor";

/// One keep-alive connection to the engine.
pub struct Connection(BufReader<UnixStream>);

/// A status and a body.
pub struct Answer {
    pub status: u16,
    pub body: String,
}

impl Connection {
    pub fn open() -> Self {
        let host = std::env::var("DOCKER_HOST").unwrap_or_default();
        let path = host
            .strip_prefix("unix://")
            .unwrap_or("/var/run/docker.sock");
        let stream = UnixStream::connect(path).unwrap_or_else(|error| panic!("{path}: {error}"));
        Self(BufReader::new(stream))
    }

    /// One request; a status of 400 or more ends the benchmark.
    pub fn call(&mut self, method: &str, path: &str, body: impl AsRef<[u8]>) -> Answer {
        let answer = self.send(method, path, body);
        assert!(
            answer.status < 400,
            "{method} {path}: {} {}",
            answer.status,
            answer.body
        );
        answer
    }

    fn send(&mut self, method: &str, path: &str, body: impl AsRef<[u8]>) -> Answer {
        let body = body.as_ref();
        let kind = match method {
            "PUT" => "application/x-tar",
            _ => "application/json",
        };
        let mut request = format!(
            "{method} /v1.41{path} HTTP/1.1\r\nHost: engine\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(body);
        self.0
            .get_mut()
            .write_all(&request)
            .expect("the engine takes requests");
        let status = self
            .line()
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse().ok())
            .expect("a status line");
        // A stream of a program's output has neither a length nor chunks: it ends the connection.
        let (mut length, mut chunked, mut stream) = (0, false, false);
        loop {
            let line = self.line().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(text) = line.strip_prefix("content-length:") {
                length = text.trim().parse().expect("a length");
            }
            chunked |= line.starts_with("transfer-encoding:") && line.contains("chunked");
            stream |= line.ends_with("/vnd.docker.raw-stream");
        }
        let mut body = Vec::new();
        if chunked {
            loop {
                let size = usize::from_str_radix(self.line().trim(), 16).expect("a chunk's size");
                self.read(size, &mut body);
                self.line();
                if size == 0 {
                    break;
                }
            }
        } else if stream {
            self.0
                .read_to_end(&mut body)
                .expect("the engine answers whole");
        } else {
            self.read(length, &mut body);
        }
        Answer {
            status,
            body: String::from_utf8_lossy(&body).into_owned(),
        }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).expect("the engine answers");
        line.trim_end().to_owned()
    }

    fn read(&mut self, length: usize, into: &mut Vec<u8>) {
        let start = into.len();
        into.resize(start + length, 0);
        self.0
            .read_exact(&mut into[start..])
            .expect("the engine answers whole");
    }
}

/// What a floor's containers are: those of the compose files they are compared with.
fn body(network: &str) -> String {
    format!(
        r#"{{"Image":"busybox","Cmd":["sleep","infinity"],"StopTimeout":1,"Labels":{{"{LABEL}":"1"}},
        "HostConfig":{{"Init":true,"NetworkMode":"{network}"}},"NetworkingConfig":{{"EndpointsConfig":{{"{network}":{{}}}}}}}}"#
    )
}

/// How the starts of a floor follow each other.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// All at once, from as many threads as gain something.
    Together,
    /// One after the other, as a chain of dependencies has them.
    Chain,
}

/// A network and `count` running containers, made as fast as the engine makes them.
pub struct Floor {
    network: String,
    containers: Vec<String>,
}

/// More threads gain nothing: the engine's own work is the limit.
const THREADS: usize = 16;

impl Floor {
    /// Creates the network and all containers, then starts them.
    pub fn up(count: usize, order: Order) -> Self {
        // Never the same twice: the engine keeps a network now and then.
        static ROUNDS: AtomicUsize = AtomicUsize::new(0);
        let round = ROUNDS.fetch_add(1, Ordering::Relaxed);
        let network = format!("dco-bench-{}-{round}", std::process::id());
        Connection::open().call(
            "POST",
            "/networks/create",
            format!(r#"{{"Name":"{network}","CheckDuplicate":true,"Labels":{{"{LABEL}":"1"}}}}"#),
        );
        let text = body(&network);
        let containers = parallel(count, |connection, index| {
            let name = format!("{network}-{index}");
            connection.call("POST", &format!("/containers/create?name={name}"), &text);
            name
        });
        let start = |connection: &mut Connection, index: usize| {
            connection.call(
                "POST",
                &format!("/containers/{}/start", containers[index]),
                "",
            );
        };
        match order {
            Order::Together => drop(parallel(count, start)),
            Order::Chain => {
                let mut connection = Connection::open();
                (0..count).for_each(|index| start(&mut connection, index));
            }
        }
        Self {
            network,
            containers,
        }
    }

    /// Stops and removes all containers, then removes the network.
    pub fn down(self) {
        parallel(self.containers.len(), |connection, index| {
            let name = &self.containers[index];
            connection.call("POST", &format!("/containers/{name}/stop"), "");
            connection.call("DELETE", &format!("/containers/{name}?v=0"), "");
        });
        let path = format!("/networks/{}", self.network);
        let answer = Connection::open().send("DELETE", &path, "");
        // Docker 20.10 now and then forgets an endpoint; the time is the same.
        assert!(
            answer.status < 400 || answer.body.contains("has active endpoints"),
            "DELETE {path}: {}",
            answer.body
        );
    }
}

/// Does a job for each number below `count`, over connections that last; what comes of it in order.
pub fn parallel<T: Send>(count: usize, job: impl Fn(&mut Connection, usize) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let mut done: Vec<(usize, T)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..count.min(THREADS))
            .map(|_| {
                scope.spawn(|| {
                    let mut connection = Connection::open();
                    let mut mine = Vec::new();
                    loop {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        if index >= count {
                            return mine;
                        }
                        mine.push((index, job(&mut connection, index)));
                    }
                })
            })
            .collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().expect("a worker of the floor"))
            .collect()
    });
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, value)| value).collect()
}

/// Whether the engine can start `image` without a registry.
pub fn has_image(image: &str) -> bool {
    Connection::open()
        .send("GET", &format!("/images/{image}/json"), "")
        .status
        == 200
}

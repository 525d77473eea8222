//! Replacing containers: interrupted anywhere, or failing, nothing is lost.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::{Project, engine, until};

/// A socket before the engine's that kills dco after its n-th call that changes something.
struct Guillotine {
    socket: std::path::PathBuf,
    child: Arc<Mutex<Option<Child>>>,
    fell: Arc<AtomicBool>,
}

impl Guillotine {
    fn new(project: &Project, after: usize) -> Self {
        let socket = project.path("guillotine.sock");
        drop(std::fs::remove_file(&socket));
        let listener = UnixListener::bind(&socket).unwrap();
        let this = Self {
            socket,
            child: Arc::default(),
            fell: Arc::default(),
        };
        let (child, fell) = (this.child.clone(), this.fell.clone());
        let calls = Arc::new(AtomicUsize::new(0));
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let Ok(client) = client else { return };
                let host = engine::host();
                let path = host
                    .strip_prefix("unix://")
                    .unwrap_or("/var/run/docker.sock");
                let server = UnixStream::connect(path).unwrap();
                let due = Arc::new(AtomicBool::new(false));
                let up = (client.try_clone().unwrap(), server.try_clone().unwrap());
                let (count, mark, stop) = (calls.clone(), due.clone(), fell.clone());
                std::thread::spawn(move || {
                    pump(up.0, up.1, |bytes| {
                        let changes = bytes.starts_with(b"POST ") || bytes.starts_with(b"DELETE ");
                        if changes && count.fetch_add(1, Ordering::SeqCst) + 1 == after {
                            mark.store(true, Ordering::SeqCst);
                        }
                        !stop.load(Ordering::SeqCst)
                    });
                });
                let (child, fell) = (child.clone(), fell.clone());
                std::thread::spawn(move || {
                    pump(server, client, |_| {
                        if due.load(Ordering::SeqCst) {
                            fell.store(true, Ordering::SeqCst);
                            if let Some(child) = child.lock().unwrap().as_mut() {
                                drop(child.kill());
                            }
                            return false;
                        }
                        true
                    });
                });
            }
        });
        this
    }

    /// Runs dco through the socket and says whether it was killed.
    fn run(&self, project: &Project, args: &[&str]) -> bool {
        let mut command = project.command(args);
        command
            .env("DOCKER_HOST", format!("unix://{}", self.socket.display()))
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        *self.child.lock().unwrap() = Some(command.spawn().unwrap());
        until(Duration::from_secs(120), "dco to end", || {
            let mut child = self.child.lock().unwrap();
            child.as_mut()?.try_wait().unwrap().map(drop)
        });
        self.fell.load(Ordering::SeqCst)
    }
}

fn pump(mut from: UnixStream, mut to: UnixStream, mut on: impl FnMut(&[u8]) -> bool) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count) = from.read(&mut buffer) {
        if count == 0 || !on(&buffer[..count]) || to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    drop(to.shutdown(std::net::Shutdown::Both));
}

fn file(version: usize) -> String {
    format!(
        "\
services:
  db:
    image: busybox
    init: true
    command: sleep 600
    environment: [VERSION={version}]
    volumes: [/anonymous, named:/named]
  web:
    image: busybox
    init: true
    command: sleep 600
    depends_on: [db]
    environment: [VERSION={version}]
volumes:
  named:
"
    )
}

fn shell(project: &Project, service: &str, script: &str) -> String {
    let id = project.inspect(service)["Id"].as_str().unwrap().to_owned();
    let output = std::process::Command::new("docker")
        .args(["exec", &id, "sh", "-c", script])
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The names of the containers, each with its state.
fn names(project: &Project) -> Vec<String> {
    let mut names: Vec<String> = project
        .containers()
        .iter()
        .map(|one| {
            format!(
                "{} {}",
                one["Names"][0].as_str().unwrap(),
                one["State"].as_str().unwrap()
            )
        })
        .collect();
    names.sort();
    names
}

#[test]
fn killed_after_any_call_the_next_up_finishes_it() {
    let project = Project::new("killed").file("compose.yaml", &file(0));
    project.dco(&["up", "-d", "--no-settle"]).ok();
    shell(
        &project,
        "db",
        "echo kept > /anonymous/a; echo kept > /named/b",
    );
    let wanted = [
        format!("/{}-db-1 running", project.name()),
        format!("/{}-web-1 running", project.name()),
    ];
    let mut after = 0;
    loop {
        after += 1;
        project.write("compose.yaml", &file(after));
        let killed = Guillotine::new(&project, after).run(&project, &["up", "-d", "--no-settle"]);
        project.dco(&["up", "-d", "--no-settle"]).ok();
        assert_eq!(names(&project), wanted, "killed after call {after}");
        let kept = shell(&project, "db", "cat /anonymous/a /named/b; echo $VERSION");
        assert_eq!(
            kept,
            format!("kept\nkept\n{after}\n"),
            "killed after call {after}"
        );
        if !killed {
            break;
        }
    }
    assert!(
        after > 8,
        "two replacements are ten calls; {after} were seen"
    );
}

#[test]
fn where_the_new_one_cannot_start_the_old_one_runs_again() {
    let project = Project::new("rollback").file("compose.yaml", &file(1));
    project.dco(&["up", "-d", "--no-settle"]).ok();
    let before = project.inspect("web")["Id"].clone();
    let (db, web) = {
        let text = file(1);
        let (db, web) = text.split_once("  web:").unwrap();
        (db.to_owned(), web.to_owned())
    };
    let broken = format!(
        "{db}  web:{}",
        web.replace("    init: true\n", "    entrypoint: [/no/such/program]\n")
    );
    project.write("compose.yaml", &broken);
    let failed = project.dco(&["up", "-d"]).exits(1);
    assert!(
        failed.stderr.contains("/no/such/program"),
        "{}",
        failed.stderr
    );
    let after = project.inspect("web");
    assert_eq!(after["Id"], before);
    assert_eq!(after["State"]["Running"], true);
    assert_eq!(names(&project).len(), 2);
}

#[test]
fn a_network_that_changed_keeps_its_containers_with_their_aliases_and_addresses() {
    let text = |name: &str, driver: &str| {
        format!(
            "\
name: {name}
services:
  web:
    image: busybox
    init: true
    command: sleep 600
    networks:
      back:
        aliases: [site]
        ipv4_address: 10.231.77.9
networks:
  back:
    driver_opts: {{com.docker.network.bridge.enable_icc: \"{driver}\"}}
    ipam:
      config: [{{subnet: 10.231.77.0/24}}]
"
        )
    };
    let project = Project::new("network");
    project.write("compose.yaml", &text(project.name(), "true"));
    project.dco(&["up", "-d", "--no-settle"]).ok();
    let before = project.inspect("web");
    project.write("compose.yaml", &text(project.name(), "false"));
    project.dco(&["up", "-d", "--no-settle"]).ok();
    let after = project.inspect("web");
    assert_eq!(after["Id"], before["Id"]);
    let network = format!("{}_back", project.name());
    let [old, new] = [&before, &after].map(|one| &one["NetworkSettings"]["Networks"][&network]);
    assert_ne!(old["NetworkID"], new["NetworkID"]);
    assert_eq!(new["IPAddress"], "10.231.77.9");
    assert!(
        new["Aliases"].as_array().unwrap().contains(&"site".into()),
        "{new}"
    );
    project.dco(&["plan"]).ok();
}

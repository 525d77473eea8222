//! What a watch outlives: each with a line, and right again afterwards.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

use rustix::process::{Pid, Signal, kill_process};

use super::{SYNCED, settled};
use crate::support::watching::Watching;
use crate::support::{PATIENCE, Project, engine, trees, until};

fn project(subject: &str) -> Project {
    let project = Project::new(subject).file("compose.yaml", SYNCED);
    fs::create_dir(project.path("src")).unwrap();
    project
}

#[test]
fn a_container_made_anew_gets_what_was_synced() {
    let project = project("anew");
    let watching = Watching::start(&project, &["watch"]);
    project.write("src/a.txt", "2");
    project.write("src/sub/b.txt", "2");
    settled(&project);
    let id = project.inspect("web")["Id"].as_str().unwrap().to_owned();
    engine::call("DELETE", &format!("/containers/{id}?force=1"));
    project.dco(&["up", "-d", "--scale", "web=2"]).ok();
    watching.until_says("catching up → synced");
    settled(&project);
    project.write("src/a.txt", "3");
    watching.until_says("synced to 2 containers");
    settled(&project);
}

#[test]
fn a_folder_that_goes_and_comes_back_is_synced_on() {
    let project = project("gone");
    let watching = Watching::start(&project, &["watch"]);
    project.write("src/a.txt", "2");
    settled(&project);
    fs::remove_dir_all(project.path("src")).unwrap();
    watching.until_says("src` is gone: it is watched again when it is back");
    until(PATIENCE, "an empty folder", || {
        trees::inside(&project, "web", "/app")
            .is_empty()
            .then_some(())
    });
    project.write("src/deep/c.txt", "3");
    watching.until_says("src` is back");
    settled(&project);
    project.write("src/deep/c.txt", "4");
    settled(&project);
}

#[test]
fn a_watcher_that_was_stopped_for_a_while_misses_nothing() {
    let project = project("stopped");
    let watching = Watching::start(&project, &["watch"]);
    let pid = Pid::from_raw(watching.pid()).unwrap();
    kill_process(pid, Signal::STOP).unwrap();
    // More events than the kernel's queue holds (16,384 by default).
    for number in 0..6000 {
        let path = format!("src/d{}/f{number}", number % 7);
        project.write(&path, "1");
    }
    for number in (0..6000).step_by(3) {
        let path = format!("src/d{}/f{number}", number % 7);
        fs::remove_file(project.path(&path)).unwrap();
    }
    kill_process(pid, Signal::CONT).unwrap();
    settled(&project);
}

#[test]
fn a_full_disk_in_the_container_is_said_once_and_made_up_for() {
    let compose = format!(
        "{}    volumes: [small:/app]\nvolumes:\n  small: {{driver_opts: {{type: tmpfs, device: tmpfs, o: size=1m}}}}\n",
        SYNCED.replace("mkdir -p /app && ", "")
    );
    let project = Project::new("full").file("compose.yaml", &compose);
    fs::create_dir(project.path("src")).unwrap();
    let watching = Watching::start(&project, &["watch"]);
    project.write("src/large", &"x".repeat(3 << 20));
    watching.until_says("no space left on device");
    project.write("src/large", "small now");
    settled(&project);
    let said = watching.said();
    assert!(said.matches("no space left").count() <= 2, "{said}");
}

#[test]
fn a_system_without_watches_left_is_compared() {
    let project = project("limit");
    for number in 0..30 {
        project.write(&format!("src/d{number}/f"), "1");
    }
    project.dco(&["up", "-d"]).ok();
    let dco = project.command(&["watch", "--no-up"]);
    // The limit of a user namespace of its own: the machine's stays what it is.
    let script = "echo 8 > /proc/sys/user/max_inotify_watches; exec \"$0\" watch --no-up";
    let program = dco.get_program().to_str().unwrap().to_owned();
    let args = ["-U", "-r", "sh", "-c", script, &program];
    let command = project.program(Path::new("unshare"), &args);
    let watching = Watching::spawn(&project, command);
    watching.until_says("limit of file watches is reached");
    project.write("src/d7/f", "2");
    project.write("src/new/f", "2");
    fs::remove_file(project.path("src/d8/f")).unwrap();
    until(PATIENCE, "what changed", || {
        let inside = trees::inside(&project, "web", "/app");
        (inside.contains_key("new/f") && inside.contains_key("d7/f")).then_some(())
    });
}

/// A socket in front of the engine's, whose connections can be cut.
struct Proxy {
    open: Arc<Mutex<Vec<UnixStream>>>,
    path: std::path::PathBuf,
}

impl Proxy {
    fn listen(path: &Path) -> Self {
        let listener = UnixListener::bind(path).unwrap();
        let open: Arc<Mutex<Vec<UnixStream>>> = Arc::default();
        let connections = Arc::clone(&open);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let engine = engine::host().replace("unix://", "");
                let server = UnixStream::connect(engine).unwrap();
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    std::thread::spawn(move || {
                        let mut buffer = vec![0; 65536];
                        while let Ok(count @ 1..) = from.read(&mut buffer) {
                            if to.write_all(&buffer[..count]).is_err() {
                                break;
                            }
                        }
                        drop(to.shutdown(std::net::Shutdown::Write));
                    });
                }
                let mut open = connections.lock().unwrap();
                open.extend([client, server]);
            }
        });
        Self {
            open,
            path: path.to_path_buf(),
        }
    }

    /// Cuts every connection and takes no other.
    fn cut(&self) {
        fs::rename(&self.path, self.path.with_extension("away")).unwrap();
        for stream in self.open.lock().unwrap().drain(..) {
            drop(stream.shutdown(std::net::Shutdown::Both));
        }
    }

    fn mend(&self) {
        fs::rename(self.path.with_extension("away"), &self.path).unwrap();
    }
}

#[test]
fn an_engine_that_goes_and_comes_back_is_waited_for() {
    let project = project("engine");
    let proxy = Proxy::listen(&project.path("engine.sock"));
    let host = format!("unix://{}", proxy.path.display());
    project.dco(&["up", "-d"]).ok();
    let watching = Watching::start(&project, &["--host", &host, "watch", "--no-up"]);
    project.write("src/a.txt", "2");
    settled(&project);
    proxy.cut();
    watching.until_says("the engine is gone");
    project.write("src/a.txt", "while it was away");
    fs::write(project.path("src/b.txt"), "new").unwrap();
    watching.until_says("failed");
    proxy.mend();
    watching.until_says("the engine is back");
    settled(&project);
    project.write("src/a.txt", "after");
    settled(&project);
}

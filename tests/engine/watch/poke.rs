//! Mounts that swallow events: a touch in the container makes up for them.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::Command;

use crate::support::capability::{Capability, needs};
use crate::support::watching::Watching;
use crate::support::{PATIENCE, Project, until};

/// An overlay over a folder of the project, for root alone.
struct Overlay(PathBuf);

impl Overlay {
    fn mount(project: &Project) -> Self {
        for folder in ["lower", "layers", "src"] {
            fs::create_dir_all(project.path(folder)).unwrap();
        }
        let script = "mount -t tmpfs none layers && mkdir layers/upper layers/work && \
            mount -t overlay overlay -o lowerdir=$PWD/lower,upperdir=$PWD/layers/upper,workdir=$PWD/layers/work src";
        let mounted = Command::new("sh")
            .args(["-c", script])
            .current_dir(project.dir())
            .status()
            .unwrap();
        assert!(mounted.success(), "these tests mount, and need root for it");
        Self(project.dir())
    }
}

impl Drop for Overlay {
    fn drop(&mut self) {
        drop(
            Command::new("umount")
                .args(["-l", "src", "layers"])
                .current_dir(&self.0)
                .status(),
        );
    }
}

const WATCHER: &str = "\
import ctypes, os, struct, sys
libc = ctypes.CDLL(None)
fd = libc.inotify_init()
libc.inotify_add_watch(fd, b'/app', 0x2 | 0x4 | 0x8 | 0x100)
print('ready', flush=True)
while True:
    data = os.read(fd, 65536)
    while data:
        _, mask, _, length = struct.unpack('iIII', data[:16])
        name = data[16:16 + length].rstrip(b'\\0').decode()
        print({2: 'MODIFY', 4: 'ATTRIB', 8: 'CLOSE_WRITE', 256: 'CREATE'}.get(mask, mask), name, flush=True)
        data = data[16 + length:]
";

#[test]
fn a_change_that_raises_no_event_arrives_as_one() {
    if !needs(Capability::Here) {
        return;
    }
    let project = Project::new("overlay")
        .file(
            "compose.yaml",
            "\
services:
  web:
    image: python:3
    command: [python, -u, /nodemon.py]
    init: true
    stop_grace_period: 0s
    volumes: [./src:/app]
    configs: [{source: watcher, target: /nodemon.py}]
configs: {watcher: {file: ./watcher.py}}
",
        )
        .file("watcher.py", WATCHER);
    let many = 1000;
    for number in 0..many {
        project.write(&format!("lower/f{number}.js"), "1");
    }
    let _overlay = Overlay::mount(&project);
    let heard = || project.dco(&["logs", "--no-log-prefix", "web"]).stdout;
    project.dco(&["up", "-d"]).ok();
    until(PATIENCE, "the program's own watcher", || {
        heard().contains("ready").then_some(())
    });
    let watching = Watching::start(&project, &["watch", "--no-up"]);
    fs::write(project.path("lower/f1.js"), "changed").unwrap();
    let before = fs::metadata(project.path("lower/f1.js")).unwrap();
    watching.until_says("poked: its own watcher reloads");
    until(PATIENCE, "the event in the container", || {
        heard().contains("MODIFY f1.js").then_some(())
    });
    let after = fs::metadata(project.path("src/f1.js")).unwrap();
    assert_eq!(
        (before.mtime(), before.mtime_nsec()),
        (after.mtime(), after.mtime_nsec())
    );
    assert_eq!(
        fs::read_to_string(project.path("src/f1.js")).unwrap(),
        "changed"
    );
    for number in 0..many {
        fs::write(project.path(&format!("lower/f{number}.js")), "again").unwrap();
    }
    until(PATIENCE, "the last of them", || {
        let heard = heard();
        // The first was copied up by its touch: what is below it is not seen any more.
        let all = (0..many).filter(|number| *number != 1);
        all.map(|number| format!("MODIFY f{number}.js\n"))
            .all(|line| heard.contains(&line))
            .then_some(())
    });
    let events = heard().matches("MODIFY").count();
    assert!(
        events <= many + many / 10,
        "{events} events of {many} files"
    );
}

/// What a program's own watcher says of `/app/main.js` in the container.
fn listening(subject: &str) -> Project {
    Project::new(subject)
        .file(
            "compose.yaml",
            "\
services:
  web:
    image: python:3
    command: [python, -u, /watcher.py]
    init: true
    stop_grace_period: 0s
    volumes: [./src:/app]
    configs: [{source: watcher, target: /watcher.py}]
    x-dco: {reload: poke}
configs: {watcher: {file: ./watcher.py}}
",
        )
        .file("watcher.py", WATCHER)
        .file("src/main.js", "0")
}

#[test]
fn pokes_beside_an_editor_that_writes_on_and_on_damage_nothing_and_end_with_it() {
    if !needs(Capability::Here) {
        return;
    }
    let project = listening("editor");
    project.dco(&["up", "-d"]).ok();
    let heard = || project.dco(&["logs", "--no-log-prefix", "web"]).stdout;
    until(PATIENCE, "the program's own watcher", || {
        heard().contains("ready").then_some(())
    });
    let watching = Watching::start(&project, &["watch", "--no-up"]);
    let path = project.path("src/main.js");
    let pokes = || watching.said().matches("poked").count();
    let (mut saves, mut newest) = (0, fs::metadata(&path).unwrap().modified().unwrap());
    let begun = std::time::Instant::now();
    // Until pokes have gone out between its saves for a while.
    while pokes() < 5 || saves < 500 {
        assert!(begun.elapsed() < PATIENCE, "{}", watching.said());
        saves += 1;
        let text = format!("{saves:*>width$}", width = 1 + saves % 97);
        fs::write(&path, &text).unwrap();
        let now = fs::metadata(&path).unwrap().modified().unwrap();
        assert!(now >= newest, "save {saves}: its time went back");
        newest = now;
        assert_eq!(fs::read_to_string(&path).unwrap(), text, "save {saves}");
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    project.write("src/last.js", "1");
    watching.until_says("last.js");
    // A poke heard as a save would be followed by the next, and that by another.
    let marker = |name: &str| {
        let pokes = pokes();
        project.write(name, "1");
        watching.until_says(name);
        let others = watching.said().matches("main.js").count();
        (pokes, others)
    };
    let (_, before) = marker("src/one.js");
    let (_, after) = marker("src/two.js");
    assert_eq!(before, after, "{}", watching.said());
    assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), newest);
    let pokes = pokes();
    assert!(pokes < saves, "{pokes} pokes of {saves} saves");
    let written = heard().matches("CLOSE_WRITE main.js").count();
    assert!(written <= saves, "{written} of {saves}");
}

//! A listener in front of the engine that passes everything on, and notes when each POST came.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

type Notes = Arc<Mutex<Vec<(SystemTime, String)>>>;

/// The listener; it goes on until the process ends.
pub struct Tap {
    /// Its address, for `DOCKER_HOST`.
    pub host: String,
    notes: Notes,
}

/// One end of a connection.
trait End: Read + Write + Send + 'static {
    fn twin(&self) -> Box<dyn End>;
    fn close(&self);
}

impl End for UnixStream {
    fn twin(&self) -> Box<dyn End> {
        Box::new(self.try_clone().unwrap())
    }
    fn close(&self) {
        let _ = self.shutdown(Shutdown::Write);
    }
}

impl End for TcpStream {
    fn twin(&self) -> Box<dyn End> {
        Box::new(self.try_clone().unwrap())
    }
    fn close(&self) {
        let _ = self.shutdown(Shutdown::Write);
    }
}

impl Tap {
    /// A socket at a path.
    pub fn unix(path: &Path) -> Self {
        let listener = UnixListener::bind(path).unwrap();
        let notes = Notes::default();
        let say = notes.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                pass(Box::new(stream), &say);
            }
        });
        Self {
            host: format!("unix://{}", path.display()),
            notes,
        }
    }

    /// A port of this machine.
    pub fn tcp() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = format!("tcp://{}", listener.local_addr().unwrap());
        let notes = Notes::default();
        let say = notes.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                stream.set_nodelay(true).unwrap();
                pass(Box::new(stream), &say);
            }
        });
        Self { host, notes }
    }

    /// When the engine was asked to start a container.
    pub fn start_of(&self, id: &str) -> Option<SystemTime> {
        let notes = self.notes.lock().unwrap();
        let wanted = format!("/containers/{id}/start");
        let note = notes.iter().rev().find(|(_, line)| line.contains(&wanted));
        note.map(|(at, _)| *at)
    }
}

fn engine() -> UnixStream {
    let host = std::env::var("DOCKER_HOST").unwrap_or_default();
    let path = host
        .strip_prefix("unix://")
        .unwrap_or("/var/run/docker.sock");
    UnixStream::connect(path).unwrap()
}

fn pass(client: Box<dyn End>, notes: &Notes) {
    let server: Box<dyn End> = Box::new(engine());
    let (from_server, to_client) = (server.twin(), client.twin());
    let notes = notes.clone();
    std::thread::spawn(move || copy(client, server, Some(&notes)));
    std::thread::spawn(move || copy(from_server, to_client, None));
}

fn copy(mut from: Box<dyn End>, mut to: Box<dyn End>, notes: Option<&Notes>) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        if let Some(notes) = notes.filter(|_| buffer.starts_with(b"POST ")) {
            let line = buffer[..count].split(|byte| *byte == b'\r').next();
            let line = String::from_utf8_lossy(line.unwrap_or_default()).into_owned();
            notes.lock().unwrap().push((SystemTime::now(), line));
        }
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    to.close();
}

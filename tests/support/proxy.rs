//! A socket in front of the engine's that does something to one call: refuses it, delays it, cuts
//! its connection, or strikes the program that made it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::project::Finished;
use super::{Project, engine, secrets, until};

/// No command may take longer than this, whatever becomes of its calls.
pub const NO_HANG: Duration = Duration::from_secs(60);

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The engine never hears of it, and this is the answer.
    Refuse(u16, &'static str),
    /// It is passed on this much later.
    Delay(Duration),
    /// The engine never hears of it, and the connection ends.
    CutBefore,
    /// The engine does it, and the connection ends without an answer.
    CutAfter,
    /// The engine does it, and the connection ends within the answer.
    CutWithin,
    /// The connection ends, and so does every other, now and from now on.
    Die,
    /// The engine does it, and then the program is killed.
    Kill,
    /// The program gets so many SIGINTs, and then it is passed on.
    Interrupt(u32),
}

/// Which calls are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Calls {
    /// All of them.
    All,
    /// Those that change something.
    Changes,
}

impl Calls {
    fn has(self, line: &str) -> bool {
        let change = ["POST ", "PUT ", "DELETE "];
        self == Self::All || change.iter().any(|method| line.starts_with(method))
    }
}

/// The call that something becomes of, counted from 1.
#[derive(Clone, Copy, Debug)]
pub struct Nth(pub Calls, pub usize);

/// What a disturbed command did.
#[derive(Debug)]
pub struct Disturbed {
    /// Its end; the code is -1 where it was killed, 130 where an interrupt ended it.
    pub finished: Finished,
    /// The call that it happened to; none where there were fewer calls.
    pub struck: Option<String>,
    /// All of its calls, as method and path.
    pub calls: Vec<String>,
}

struct Shared {
    nth: Nth,
    fault: Fault,
    child: Mutex<Option<Child>>,
    calls: Mutex<Vec<String>>,
    struck: Mutex<Option<String>>,
    open: Mutex<Vec<UnixStream>>,
    dead: AtomicBool,
}

/// A socket in front of the engine's that only writes down what is asked.
pub struct Recorder {
    shared: Arc<Shared>,
    socket: PathBuf,
}

impl Recorder {
    /// Listens beside a project.
    pub fn listen(project: &Project) -> Self {
        let (shared, socket) = begin(project, Nth(Calls::All, usize::MAX), Fault::CutBefore);
        Self { shared, socket }
    }

    /// What `DOCKER_HOST` has to say.
    pub fn host(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    /// The calls since the last time, as method and path.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.shared.calls.lock().expect("its lock"))
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.shared.die();
        // Wakes the listener up, so that it ends.
        drop(UnixStream::connect(&self.socket));
    }
}

/// A folder for what belongs to a project's proxies.
fn folder(project: &Project) -> PathBuf {
    let folder = project.dir().with_file_name(".proxy");
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

/// Listens on a socket of its own.
fn begin(project: &Project, nth: Nth, fault: Fault) -> (Arc<Shared>, PathBuf) {
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let socket = folder(project).join(format!("{number}.sock"));
    let shared = Arc::new(Shared {
        nth,
        fault,
        child: Mutex::default(),
        calls: Mutex::default(),
        struck: Mutex::default(),
        open: Mutex::default(),
        dead: AtomicBool::default(),
    });
    listen(&shared, &socket);
    (shared, socket)
}

/// Runs dco in a project while the nth of its calls is disturbed.
///
/// # Panics
///
/// When it does not end within [`NO_HANG`].
#[track_caller]
pub fn disturb(project: &Project, args: &[&str], nth: Nth, fault: Fault) -> Disturbed {
    let (shared, socket) = begin(project, nth, fault);
    let path = |kind: &str| socket.with_extension(kind);
    let file = |kind| std::fs::File::create(path(kind)).expect("a file");
    let mut command = project.command(args);
    command
        .env("DOCKER_HOST", format!("unix://{}", socket.display()))
        .stdin(Stdio::null())
        .stdout(file("out"))
        .stderr(file("err"));
    let mut guard = shared.child.lock().expect("its lock");
    *guard = Some(command.spawn().expect("dco"));
    drop(guard);
    let what = format!("the end of dco {args:?}, {nth:?} {fault:?}");
    let status = until(NO_HANG, &what, || {
        let mut child = shared.child.lock().expect("its lock");
        child.as_mut()?.try_wait().expect("its status")
    });
    shared.die();
    // Wakes the listener up, so that it ends.
    drop(UnixStream::connect(&socket));
    let text = |kind| {
        let text = std::fs::read_to_string(path(kind)).expect("its output");
        secrets::none_in(&what, &text);
        text
    };
    Disturbed {
        finished: Finished {
            // Before there is anything to wind down, the signal itself ends it: 130 to a shell.
            code: match status.signal() {
                Some(libc::SIGINT) => 130,
                _ => status.code().unwrap_or(-1),
            },
            stdout: text("out"),
            stderr: text("err"),
            line: format!("dco {} ({nth:?} {fault:?})", args.join(" ")),
        },
        struck: shared.struck.lock().expect("its lock").clone(),
        calls: std::mem::take(&mut *shared.calls.lock().expect("its lock")),
    }
}

fn listen(shared: &Arc<Shared>, socket: &PathBuf) {
    let listener = UnixListener::bind(socket).expect("a socket");
    let shared = shared.clone();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            if shared.dead.load(Ordering::SeqCst) {
                return;
            }
            let shared = shared.clone();
            std::thread::spawn(move || {
                // A connection that breaks is what the tests are about.
                drop(converse(&shared, client));
            });
        }
    });
}

impl Shared {
    /// Ends every connection, and takes no more.
    fn die(&self) {
        self.dead.store(true, Ordering::SeqCst);
        for stream in self.open.lock().expect("its lock").drain(..) {
            drop(stream.shutdown(Shutdown::Both));
        }
    }

    /// Counts a call; whether it is the one.
    fn is_due(&self, line: &str) -> bool {
        let mut calls = self.calls.lock().expect("its lock");
        calls.push(line.to_owned());
        let Nth(which, nth) = self.nth;
        let count = calls.iter().filter(|line| which.has(line)).count();
        let due = which.has(line) && count == nth;
        if due {
            *self.struck.lock().expect("its lock") = Some(line.to_owned());
        }
        due
    }

    /// Kills the program; what it has sent and the engine has not got is lost with it.
    fn kill(&self) {
        self.dead.store(true, Ordering::SeqCst);
        self.signal(libc::SIGKILL);
    }

    fn signal(&self, number: i32) {
        let child = self.child.lock().expect("its lock");
        let id = child.as_ref().map(Child::id);
        let pid = id.and_then(|id| libc::pid_t::try_from(id).ok());
        if let Some(pid) = pid {
            // SAFETY: kill(2) has no memory effects; the pid is that of a child not yet waited for.
            unsafe { libc::kill(pid, number) };
        }
    }
}

/// One connection: requests and their answers, one after the other.
fn converse(shared: &Shared, client: UnixStream) -> std::io::Result<()> {
    let host = engine::host();
    let engine = UnixStream::connect(host.strip_prefix("unix://").unwrap_or(&host))?;
    let mut open = shared.open.lock().expect("its lock");
    open.extend([client.try_clone()?, engine.try_clone()?]);
    drop(open);
    let mut from_client = BufReader::new(client.try_clone()?);
    let mut from_engine = BufReader::new(engine.try_clone()?);
    let (mut to_client, mut to_engine) = (client, engine);
    let done = (|| -> std::io::Result<()> {
        while let Some(request) = Head::read(&mut from_client)? {
            let line = request.call();
            let fault = shared.is_due(&line).then_some(shared.fault);
            match fault {
                Some(Fault::Refuse(status, message)) => {
                    request.body(&mut from_client, &mut std::io::sink())?;
                    let body = format!("{{\"message\":\"{message}\"}}");
                    let length = body.len();
                    write!(
                        to_client,
                        "HTTP/1.1 {status} Refused\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{}",
                        if line.starts_with("HEAD ") { "" } else { &body }
                    )?;
                    continue;
                }
                Some(Fault::CutBefore) => return Ok(()),
                Some(Fault::Die) => {
                    shared.die();
                    return Ok(());
                }
                Some(Fault::Delay(time)) => std::thread::sleep(time),
                Some(Fault::Interrupt(times)) => {
                    for _ in 0..times {
                        shared.signal(libc::SIGINT);
                        // Signals that wait together are one.
                        std::thread::sleep(Duration::from_millis(50));
                    }
                }
                _ => {}
            }
            if shared.dead.load(Ordering::SeqCst) {
                return Ok(());
            }
            to_engine.write_all(&request.bytes)?;
            request.body(&mut from_client, &mut to_engine)?;
            let Some(answer) = Head::read(&mut from_engine)? else {
                return Ok(());
            };
            let endless = answer.is_endless(&line);
            match fault {
                Some(Fault::CutAfter | Fault::CutWithin | Fault::Kill) if !endless => {
                    let mut whole = answer.bytes.clone();
                    if !line.starts_with("HEAD ") {
                        answer.body(&mut from_engine, &mut whole)?;
                    }
                    match fault {
                        Some(Fault::Kill) => shared.kill(),
                        Some(Fault::CutWithin) => to_client.write_all(&whole[..whole.len() / 2])?,
                        _ => {}
                    }
                    return Ok(());
                }
                Some(Fault::Kill) => {
                    shared.kill();
                    return Ok(());
                }
                Some(Fault::CutAfter) => return Ok(()),
                _ => {}
            }
            to_client.write_all(&answer.bytes)?;
            if fault == Some(Fault::CutWithin) {
                return Ok(());
            }
            if answer.status() == 101 {
                let (mut up, mut down) = (from_client, to_engine.try_clone()?);
                std::thread::spawn(move || {
                    drop(relay(&mut up, &mut down));
                    drop(down.shutdown(Shutdown::Write));
                });
                return relay(&mut from_engine, &mut to_client);
            }
            if !line.starts_with("HEAD ") {
                answer.body(&mut from_engine, &mut to_client)?;
            }
        }
        Ok(())
    })();
    drop(to_client.shutdown(Shutdown::Both));
    drop(to_engine.shutdown(Shutdown::Both));
    done
}

/// The lines of a request or an answer up to its body.
struct Head {
    bytes: Vec<u8>,
    lines: Vec<String>,
}

impl Head {
    /// Reads one; none at the end of the connection.
    fn read(from: &mut impl BufRead) -> std::io::Result<Option<Self>> {
        let (mut bytes, mut lines) = (Vec::new(), Vec::new());
        loop {
            let start = bytes.len();
            if from.read_until(b'\n', &mut bytes)? == 0 {
                return Ok(None);
            }
            let line = String::from_utf8_lossy(&bytes[start..])
                .trim_end()
                .to_owned();
            if line.is_empty() {
                return Ok(Some(Self { bytes, lines }));
            }
            lines.push(line);
        }
    }

    /// `POST /containers/create`.
    fn call(&self) -> String {
        let mut words = self.lines[0].split(' ');
        let (method, path) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
        let path = path.split('?').next().unwrap_or("");
        let path = match path
            .split_once("/v1.")
            .and_then(|(_, rest)| rest.split_once('/'))
        {
            Some((_, path)) => format!("/{path}"),
            None => path.to_owned(),
        };
        format!("{method} {path}")
    }

    fn status(&self) -> u16 {
        let code = self.lines[0].split(' ').nth(1);
        code.and_then(|code| code.parse().ok()).unwrap_or(0)
    }

    fn header(&self, name: &str) -> Option<String> {
        self.lines[1..].iter().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name)
                .then(|| value.trim().to_ascii_lowercase())
        })
    }

    /// Whether the answer ends only with what it tells of.
    fn is_endless(&self, call: &str) -> bool {
        let ends = ["/events", "/logs", "/attach", "/wait"];
        self.status() == 101 || ends.iter().any(|end| call.ends_with(end))
    }

    /// Passes the body on, as it comes.
    fn body(&self, from: &mut impl BufRead, to: &mut impl Write) -> std::io::Result<()> {
        if self.header("transfer-encoding").as_deref() == Some("chunked") {
            loop {
                let mut line = Vec::new();
                from.read_until(b'\n', &mut line)?;
                to.write_all(&line)?;
                let text = String::from_utf8_lossy(&line);
                let size = text.trim().split(';').next().unwrap_or("");
                let size = u64::from_str_radix(size, 16).map_err(std::io::Error::other)?;
                std::io::copy(&mut from.take(size + 2), to)?;
                if size == 0 {
                    return Ok(());
                }
            }
        }
        let length = self.header("content-length");
        let length = length.and_then(|text| text.parse().ok()).unwrap_or(0);
        std::io::copy(&mut from.take(length), to)?;
        Ok(())
    }
}

fn relay(from: &mut impl Read, to: &mut impl Write) -> std::io::Result<()> {
    let mut buffer = [0; 16 * 1024];
    loop {
        match from.read(&mut buffer)? {
            0 => return Ok(()),
            count => to.write_all(&buffer[..count])?,
        }
    }
}

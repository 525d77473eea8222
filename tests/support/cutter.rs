//! A listener on loopback in front of another that cuts connections in the middle of what they
//! carry: a bad line between an engine and its registry.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// Which way what is counted goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// To who listens behind.
    There,
    /// From there.
    Back,
}

/// What is cut.
#[derive(Clone, Copy, Debug)]
pub struct Cut {
    /// Connections that carried so many bytes …
    pub after: usize,
    /// … this way.
    pub way: Way,
    /// As many of them.
    pub times: usize,
}

#[derive(Default)]
struct State {
    cut: Option<Cut>,
    done: usize,
}

/// The listener; dropped, it takes no more connections.
pub struct Cutter {
    address: String,
    state: Arc<Mutex<State>>,
}

impl Cutter {
    /// Listens in front of an address, and cuts nothing yet.
    pub fn before(behind: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its number").to_string();
        let state = Arc::<Mutex<State>>::default();
        let (shared, behind) = (Arc::downgrade(&state), behind.to_owned());
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Some(state) = shared.upgrade() else {
                    return;
                };
                // One that nobody answers is a cut one.
                let Ok(server) = TcpStream::connect(&behind) else {
                    continue;
                };
                for (from, to, way) in [
                    (&client, &server, Way::There),
                    (&server, &client, Way::Back),
                ] {
                    let (from, to) = (from.try_clone(), to.try_clone());
                    let (from, to) = (from.expect("a socket"), to.expect("a socket"));
                    let state = Arc::clone(&state);
                    std::thread::spawn(move || {
                        // A connection that breaks is what this is for.
                        drop(relay(&state, way, (from, to)));
                    });
                }
            }
        });
        Self { address, state }
    }

    /// Its host and port.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Cuts this from now on; how often it cut anything is counted anew.
    pub fn cut(&self, cut: Cut) {
        *self.state.lock().expect("its lock") = State {
            cut: Some(cut),
            done: 0,
        };
    }

    /// How many connections it has cut.
    pub fn cuts(&self) -> usize {
        self.state.lock().expect("its lock").done
    }
}

impl Drop for Cutter {
    fn drop(&mut self) {
        // Wakes the listener up, so that it ends.
        self.state = Arc::default();
        drop(TcpStream::connect(&self.address));
    }
}

impl State {
    /// Whether a connection is cut now that so many bytes went this way.
    fn is_due(&mut self, way: Way, carried: usize) -> bool {
        let due = self
            .cut
            .is_some_and(|cut| cut.way == way && carried > cut.after && self.done < cut.times);
        self.done += usize::from(due);
        due
    }
}

fn relay(
    state: &Mutex<State>,
    way: Way,
    (mut from, mut to): (TcpStream, TcpStream),
) -> std::io::Result<()> {
    let (mut buffer, mut carried) = ([0; 16 * 1024], 0);
    loop {
        let count = from.read(&mut buffer)?;
        if count == 0 {
            return to.shutdown(Shutdown::Write);
        }
        carried += count;
        if state.lock().expect("its lock").is_due(way, carried) {
            from.shutdown(Shutdown::Both)?;
            return to.shutdown(Shutdown::Both);
        }
        to.write_all(&buffer[..count])?;
    }
}

//! What the integration tests stand on: a project of its own for each test, the real binary in a
//! clean environment, the engine's own word on what it holds, deadlines, a terminal.
//!
//! Include it with `#[path = "../support/mod.rs"] mod support;`. Everything a test made under its
//! project's name is removed when its [`Project`] is dropped, also when the test fails.

#![allow(dead_code, reason = "each test binary uses its own part")]

pub mod capability;
pub mod cutter;
pub mod debian;
pub mod engine;
pub mod faults;
pub mod git;
pub mod http;
pub mod late;
pub mod project;
pub mod proxy;
pub mod registry;
pub mod secrets;
pub mod sshd;
pub mod tcp;
pub mod terminal;
pub mod tls;
pub mod trees;
pub mod watching;

pub use project::Project;
pub use terminal::Terminal;

use std::time::{Duration, Instant};

/// How long a test waits for something before it says that it will not happen.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Time between two looks at a condition: short against what is waited for, long against a look.
const LOOK: Duration = Duration::from_millis(10);

/// Looks until `found` gives a value and returns it.
///
/// # Panics
///
/// When `deadline` passes first; the message names `what` was waited for.
#[track_caller]
pub fn until<T>(deadline: Duration, what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = found() {
            return value;
        }
        assert!(
            start.elapsed() < deadline,
            "{what}: not within {deadline:?}"
        );
        std::thread::sleep(LOOK);
    }
}

/// A port that nobody listens on.
pub fn free_port() -> u16 {
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    free.local_addr().expect("its number").port()
}

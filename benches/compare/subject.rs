//! The programs that are compared, run as whole processes and measured by the operating system.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// A program with the name that the table calls it by.
#[derive(Clone)]
pub struct Subject {
    pub name: &'static str,
    pub program: PathBuf,
}

/// One run of a process.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    /// Wall time in milliseconds.
    pub wall: f64,
    /// Peak resident memory in MiB, of the process itself.
    pub memory: f64,
}

impl Subject {
    /// Runs the program in a folder; a failure ends the benchmark, with what it said.
    pub fn run(&self, folder: &Path, args: &[&str], extra: &[&str]) -> Run {
        let mut command = Command::new(&self.program);
        command.args(args).current_dir(folder);
        if self.name == "dco" {
            command.args(extra);
        }
        command
            .env("DCO_COMPOSE_HASH", "2")
            .env_remove("RUST_BACKTRACE");
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let errors = folder.join(".stderr");
        command.stderr(std::fs::File::create(&errors).expect("a file for errors"));
        let begun = Instant::now();
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", self.program.display()));
        let (status, memory) = wait(&mut child);
        let wall = begun.elapsed().as_secs_f64() * 1e3;
        let said = std::fs::read_to_string(&errors).unwrap_or_default();
        // Docker 20.10 now and then forgets an endpoint, and keeps the network; the time is the same.
        assert!(
            status == 0 || said.contains("has active endpoints"),
            "{} {args:?} ended with {status}: {said}",
            self.name,
        );
        Run { wall, memory }
    }
}

/// Waits for a child; its exit code and peak memory in MiB.
fn wait(child: &mut std::process::Child) -> (i32, f64) {
    let pid = libc::pid_t::try_from(child.id()).expect("a pid");
    let mut status = 0;
    // SAFETY: an all-zero rusage is a valid value, and both pointers outlive the call.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        assert_eq!(libc::wait4(pid, &mut status, 0, &mut usage), pid, "wait4");
        usage
    };
    let code = if libc::WIFEXITED(status) {
        libc::WEXITSTATUS(status)
    } else {
        -1
    };
    (code, usage.ru_maxrss as f64 / 1024.0)
}

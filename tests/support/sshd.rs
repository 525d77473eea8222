//! An sshd of its own on loopback, and an `ssh` that knows it: the way to the engine that the tests
//! use, as to an engine on another machine.

use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::{PATIENCE, debian, engine, free_port, until};

/// Runs the program until standard input ends, so that it also ends with a test that is killed.
/// Root's sshd wants a user of its own: it gets one in a mount namespace, where nobody else sees it.
const KEEPER: &str = r#"
if [ "$(id -u)" = 0 ]; then
    mkdir -p /run/sshd
    { cat /etc/passwd; echo 'sshd:x:100:65534::/run/sshd:/usr/sbin/nologin'; } >"$0/passwd"
    mount --bind "$0/passwd" /etc/passwd
fi
"$@" </dev/null &
cat >/dev/null
kill $!
"#;

/// A running sshd; dropped, it ends.
pub struct Sshd {
    keeper: Child,
    files: Files,
}

/// What it and its clients read.
struct Files {
    port: u16,
    root: tempfile::TempDir,
}

impl Sshd {
    /// Starts one that lets in who has its key.
    pub fn start() -> Self {
        let program = debian::program("usr/sbin/sshd", &["openssh-server", "libwrap0"]);
        let files = Files {
            port: free_port(),
            root: tempfile::tempdir().expect("a folder"),
        };
        files.make_keys();
        files.configure();
        let sshd = Self {
            keeper: files.keep(&program),
            files,
        };
        until(PATIENCE, "sshd listens", || {
            TcpStream::connect(("127.0.0.1", sshd.files.port)).ok()
        });
        sshd
    }

    /// As `DOCKER_HOST` names it.
    pub fn host(&self) -> String {
        format!("ssh://127.0.0.1:{}", self.files.port)
    }

    /// A `PATH` whose `ssh` has a key: `key`, or `stranger`, which is not let in.
    pub fn path(&self, key: &str) -> String {
        let here = std::env::var("PATH").unwrap_or_default();
        let shims = self.files.at(&format!("{key}-bin"));
        format!("{}:{here}", shims.display())
    }

    /// How often it has let somebody in.
    pub fn accepted(&self) -> usize {
        let log = fs::read_to_string(self.files.at("log")).unwrap_or_default();
        log.matches("Accepted publickey").count()
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

impl Files {
    fn make_keys(&self) {
        for key in ["host", "key", "stranger"] {
            let mut keygen = Command::new("ssh-keygen");
            keygen.args(["-q", "-t", "ed25519", "-N", "", "-f"]);
            let made = keygen.arg(self.at(key)).status().expect("ssh-keygen");
            assert!(made.success(), "ssh-keygen: {made}");
        }
    }

    fn configure(&self) {
        let at = |name: &str| self.at(name).display().to_string();
        let public = fs::read_to_string(at("host.pub")).expect("a key");
        self.write(
            "known_hosts",
            &format!("[127.0.0.1]:{} {public}", self.port),
        );
        self.write(
            "sshd_config",
            &format!(
                "ListenAddress 127.0.0.1:{}\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\n\
                 StrictModes no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
                 PermitRootLogin yes\nMaxStartups 100\nSetEnv DOCKER_HOST={}\n",
                self.port,
                at("host"),
                at("key.pub"),
                engine::host(),
            ),
        );
        for key in ["key", "stranger"] {
            self.write(
                &format!("config-{key}"),
                &format!(
                    "Host *\n  IdentityFile {}\n  IdentitiesOnly yes\n  UserKnownHostsFile {}\n",
                    at(key),
                    at("known_hosts"),
                ),
            );
            let ssh = format!("{key}-bin/ssh");
            let config = at(&format!("config-{key}"));
            self.write(
                &ssh,
                &format!("#!/bin/sh\nexec /usr/bin/ssh -F {config} \"$@\"\n"),
            );
            fs::set_permissions(self.at(&ssh), fs::Permissions::from_mode(0o755)).expect("mode");
        }
    }

    fn keep(&self, program: &Path) -> Child {
        let mut command = Command::new("env");
        if rustix::process::geteuid().is_root() {
            command.args(["unshare", "--mount"]);
        }
        command.arg("sh");
        command.arg("-ec").arg(KEEPER).arg(self.root.path());
        command.arg(program).args(["-D", "-E"]).arg(self.at("log"));
        command.arg("-f").arg(self.at("sshd_config"));
        // Its library, which may have come with it.
        let lib = program.ancestors().nth(2).expect("usr").join("lib");
        let folders = fs::read_dir(lib).expect("a folder").flatten();
        let folders: Vec<String> = folders
            .map(|entry| entry.path().display().to_string())
            .filter(|path| path.ends_with("-linux-gnu"))
            .collect();
        command.env("LD_LIBRARY_PATH", folders.join(":"));
        command.stdin(Stdio::piped()).spawn().expect("sshd")
    }

    fn at(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.at(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }
}

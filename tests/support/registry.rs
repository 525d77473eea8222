//! A registry of its own on loopback, which asks for a name and a password.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{debian, free_port};

/// Who may come in.
pub const USER: &str = "tester";
/// In JSON and base64 this has a `/`, which is none in the alphabet of URLs.
pub const PASSWORD: &str = r#"p?>~ä"\:/+ÿ?"#;
/// The same as the registry keeps it.
const HASH: &str = "$2y$05$abcdefghijklmnopqrstuuQ7VK8v4Hm.TKPbj3kz1VKxJbgChq0yW";

/// A running registry; dropped, it ends and its images are gone.
pub struct Registry {
    child: Child,
    address: String,
    _root: tempfile::TempDir,
}

impl Registry {
    /// Starts one; fetches Debian's package where the program is missing.
    pub fn start() -> Self {
        let program = debian::program("usr/bin/docker-registry", &["docker-registry"]);
        let root = tempfile::tempdir().expect("a folder");
        let at = |name: &str| root.path().join(name).display().to_string();
        fs::write(at("htpasswd"), format!("{USER}:{HASH}\n")).expect("a file");
        let address = format!("127.0.0.1:{}", free_port());
        let config = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\n\
             http: {{addr: '{address}'}}\nauth: {{htpasswd: {{realm: tests, path: {}}}}}\n",
            at("images"),
            at("htpasswd")
        );
        fs::write(at("config.yml"), config).expect("a file");
        let child = Command::new(program)
            .args(["serve", &at("config.yml")])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("docker-registry");
        let registry = Self {
            child,
            address,
            _root: root,
        };
        let started = Instant::now();
        while TcpStream::connect(&registry.address).is_err() {
            assert!(started.elapsed() < Duration::from_secs(20), "no registry");
            std::thread::sleep(Duration::from_millis(5));
        }
        registry
    }

    /// Docker's configuration of who may come in.
    pub fn config(&self) -> String {
        config_for(&self.address)
    }

    /// What it answers to who may come in.
    #[track_caller]
    pub fn get(&self, path: &str) -> Vec<u8> {
        let auth = STANDARD.encode(format!("{USER}:{PASSWORD}"));
        let request = format!(
            "GET {path} HTTP/1.0\r\nAuthorization: Basic {auth}\r\nAccept: */*\r\n\
             Accept: application/vnd.oci.image.manifest.v1+json\r\n\
             Accept: application/vnd.docker.distribution.manifest.v2+json\r\n\r\n"
        );
        let mut stream = TcpStream::connect(&self.address).expect("the registry");
        stream.write_all(request.as_bytes()).expect("a request");
        let mut raw = Vec::new();
        stream.read_to_end(&mut raw).expect("an answer");
        assert!(
            raw.starts_with(b"HTTP/1.0 200"),
            "{}",
            String::from_utf8_lossy(&raw)
        );
        let end = raw.windows(4).position(|four| four == b"\r\n\r\n");
        raw[end.expect("a head") + 4..].to_vec()
    }

    /// Its host and port.
    pub fn address(&self) -> &str {
        &self.address
    }
}

/// Docker's configuration of who may come in at an address.
pub fn config_for(address: &str) -> String {
    let auth = STANDARD.encode(format!("{USER}:{PASSWORD}"));
    format!(r#"{{"auths": {{"{address}": {{"auth": "{auth}"}}}}}}"#)
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

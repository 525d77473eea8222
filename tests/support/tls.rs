//! An engine behind TLS that asks for certificates: what it is sent goes on to the engine of the
//! tests.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig, crypto};

use super::debian;
use super::tcp::{Tcp, pass_on};

/// A listener on loopback and the material that it takes; dropped, it ends.
pub struct Tls {
    listener: Tcp,
    root: tempfile::TempDir,
}

impl Tls {
    /// Makes the certificates and listens.
    pub fn start() -> Self {
        let root = tempfile::tempdir().expect("a folder");
        make_certificates(root.path());
        let acceptor = TlsAcceptor::from(Arc::new(server_config(root.path())));
        let listener = Tcp::serve(move |stream| {
            let acceptor = acceptor.clone();
            async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    pass_on(stream).await;
                }
            }
        });
        Self { listener, root }
    }

    /// As `DOCKER_HOST` names it.
    pub fn host(&self) -> String {
        self.listener.host()
    }

    /// A file: `ca.pem`, `client.pem`, `client-key.pem`; `other.pem` signs none of these.
    pub fn file(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }
}

/// Two authorities, and a certificate of the first for each side.
fn make_certificates(root: &Path) {
    fs::write(
        root.join("config"),
        "[req]\ndistinguished_name = dn\n[dn]\n",
    )
    .expect("a file");
    let authority = ["basicConstraints=critical,CA:TRUE"];
    let end = [
        "basicConstraints=critical,CA:FALSE",
        "subjectAltName=IP:127.0.0.1",
    ];
    for (name, extensions, signer) in [
        ("ca", &authority[..], None),
        ("other", &authority[..], None),
        ("server", &end[..], Some("ca")),
        ("client", &end[..], Some("ca")),
    ] {
        let at = |name: &str| root.join(name).display().to_string();
        let mut openssl = Command::new(debian::program("usr/bin/openssl", &["openssl"]));
        openssl.args(["req", "-x509", "-newkey", "ec", "-nodes", "-days", "2"]);
        openssl.args(["-pkeyopt", "ec_paramgen_curve:prime256v1"]);
        openssl.args(["-config", &at("config"), "-subj", &format!("/CN={name}")]);
        openssl.args(["-out", &at(&format!("{name}.pem"))]);
        openssl.args(["-keyout", &at(&format!("{name}-key.pem"))]);
        for extension in extensions {
            openssl.args(["-addext", extension]);
        }
        if let Some(signer) = signer {
            openssl.args(["-CA", &at(&format!("{signer}.pem"))]);
            openssl.args(["-CAkey", &at(&format!("{signer}-key.pem"))]);
        }
        let made = openssl.output().expect("openssl");
        let said = String::from_utf8_lossy(&made.stderr);
        assert!(made.status.success(), "{said}");
    }
}

/// Takes only who has a certificate of the authority.
fn server_config(root: &Path) -> ServerConfig {
    let certificate = |name: &str| CertificateDer::from_pem_file(root.join(name)).expect("one");
    let provider = Arc::new(crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(certificate("ca.pem")).expect("an authority");
    let clients = WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone());
    let key = PrivateKeyDer::from_pem_file(root.join("server-key.pem")).expect("a key");
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_client_cert_verifier(clients.build().expect("a verifier"))
        .with_single_cert(vec![certificate("server.pem")], key)
        .expect("a certificate and its key")
}

//! Asking again where a connection breaks before the answer: a registry whose container has just
//! started has a port before it has a listener.

use std::error::Error as StdError;
use std::io::ErrorKind;
use std::time::Duration;

use hyper_util::client::legacy::Error;

/// The pauses before a request is sent again. Each request of the protocol may be repeated: what it
/// puts is named by its own digest.
pub(super) const PAUSES: [Duration; 4] = [
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(200),
    Duration::from_millis(400),
];

/// Whether somebody took the connection and let it go without a word.
pub(super) fn broke_off(error: &Error) -> bool {
    let mut source: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref::<hyper::Error>()
            && error.is_incomplete_message()
        {
            return true;
        }
        let kind = error.downcast_ref::<std::io::Error>().map(|it| it.kind());
        if matches!(
            kind,
            Some(ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::UnexpectedEof)
        ) {
            return true;
        }
        source = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::sync::Arc;

    use super::PAUSES;
    use crate::engine::logins::Logins;
    use crate::engine::registry::{Registry, Trust};
    use crate::text::reference::Reference;

    const DIGEST: &str = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

    /// Whether a client that asks for the blob `hello` gets it from a registry that lets so many
    /// connections go without a word.
    fn gets_it_after(breaks: usize) -> bool {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let domain = listener.local_addr().unwrap().to_string();
        std::thread::spawn(move || {
            let mut left = breaks;
            while let Ok((mut stream, _)) = listener.accept() {
                let mut first = [0];
                // The first byte of TLS: it speaks none.
                if stream.read(&mut first).is_ok() && first[0] != 0x16 {
                    match left.checked_sub(1) {
                        Some(less) => left = less,
                        None => serve(stream),
                    }
                }
            }
        });
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let reference = Reference::parse(&format!("{domain}/app:1")).unwrap();
            let registry = Registry::of(reference, &Arc::new(Logins::default()), Trust::Proven);
            registry
                .blob(DIGEST)
                .await
                .is_ok_and(|bytes| bytes == "hello")
        })
    }

    fn serve(mut stream: TcpStream) {
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    }

    #[test]
    fn a_registry_that_has_just_started_is_asked_again_and_not_for_ever() {
        assert!(gets_it_after(0));
        assert!(gets_it_after(PAUSES.len()));
        assert!(!gets_it_after(PAUSES.len() + 1));
    }
}

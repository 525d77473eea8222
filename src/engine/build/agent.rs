//! An SSH agent of private keys in files: what `ssh: id=file` gives a build that asks for an agent.
//! It speaks the agent's protocol (draft-ietf-sshm-ssh-agent) as far as a client needs it to log in:
//! which keys there are, and a signature.

use std::io;
use std::path::Path;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::key::{Key, Trouble, put};

/// Messages of the protocol.
mod message {
    pub(super) const FAILURE: u8 = 5;
    pub(super) const REQUEST_IDENTITIES: u8 = 11;
    pub(super) const IDENTITIES_ANSWER: u8 = 12;
    pub(super) const SIGN_REQUEST: u8 = 13;
    pub(super) const SIGN_RESPONSE: u8 = 14;
}

/// As long as a request may be; OpenSSH's own limit.
const LONGEST: usize = 256 * 1024;

/// An agent that holds the keys of one file.
#[derive(Debug)]
pub(super) struct KeyAgent(Vec<Key>);

impl KeyAgent {
    /// Reads a file of private keys.
    ///
    /// # Errors
    /// No such file, or no key in it that an agent can use without a passphrase.
    pub(super) fn read(path: &Path) -> Result<Self, Trouble> {
        Key::all_of(&std::fs::read(path)?).map(Self)
    }

    /// Answers requests until the other end is done.
    pub(super) async fn serve(&self, io: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
        let (mut from, mut to) = tokio::io::split(io);
        loop {
            let length = match from.read_u32().await {
                Ok(length) => length as usize,
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
                Err(error) => return Err(error),
            };
            if length > LONGEST {
                return Err(io::Error::other("the request to the SSH agent is too long"));
            }
            let mut request = vec![0; length];
            from.read_exact(&mut request).await?;
            let answer = self.answer(&request).unwrap_or(vec![message::FAILURE]);
            let mut framed = Vec::with_capacity(answer.len() + 4);
            put(&mut framed, &answer);
            to.write_all(&framed).await?;
        }
    }

    /// The answer to one request; none for what this agent does not do.
    fn answer(&self, request: &[u8]) -> Option<Vec<u8>> {
        let (kind, mut rest) = request.split_first()?;
        match *kind {
            message::REQUEST_IDENTITIES => {
                let mut answer = vec![message::IDENTITIES_ANSWER];
                answer.extend(u32::try_from(self.0.len()).ok()?.to_be_bytes());
                for key in &self.0 {
                    put(&mut answer, &key.public);
                    // No comment: it often names who made the key, and where.
                    put(&mut answer, b"");
                }
                Some(answer)
            }
            message::SIGN_REQUEST => {
                let public = super::key::take(&mut rest)?;
                let data = super::key::take(&mut rest)?;
                let flags = u32::from_be_bytes(rest.get(..4)?.try_into().ok()?);
                let key = self.0.iter().find(|key| key.public == public)?;
                let mut answer = vec![message::SIGN_RESPONSE];
                put(&mut answer, &key.sign(data, flags)?);
                Some(answer)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::key::tests::{ECDSA, ED25519, RSA};
    use super::*;

    fn agent(keys: &[&str]) -> KeyAgent {
        let keys = keys
            .iter()
            .flat_map(|key| Key::all_of(key.as_bytes()).unwrap());
        KeyAgent(keys.collect())
    }

    #[test]
    fn the_keys_are_listed_without_their_comments() {
        let answer = agent(&[ED25519, RSA, ECDSA]).answer(&[11]).unwrap();
        let mut rest = &answer[5..];
        assert_eq!(answer[..5], [12, 0, 0, 0, 3]);
        let mut seen = Vec::new();
        while let Some(mut public) = super::super::key::take(&mut rest) {
            let kind = super::super::key::take(&mut public).unwrap();
            let comment = super::super::key::take(&mut rest).unwrap();
            seen.push((
                String::from_utf8_lossy(kind),
                String::from_utf8_lossy(comment),
            ));
        }
        let seen: Vec<String> = seen
            .iter()
            .map(|(kind, note)| format!("{kind} {note}"))
            .collect();
        assert_eq!(seen, ["ssh-ed25519 ", "ssh-rsa ", "ecdsa-sha2-nistp256 "]);
    }

    #[test]
    fn what_it_does_not_do_fails() {
        assert_eq!(agent(&[ED25519]).answer(&[19]), None);
        assert_eq!(agent(&[ED25519]).answer(&[]), None);
        assert_eq!(agent(&[ED25519]).answer(&[13, 0, 0]), None);
    }

    #[tokio::test]
    async fn requests_are_answered_until_the_other_end_is_done() {
        let agent = agent(&[ED25519]);
        let (mut ours, theirs) = tokio::io::duplex(64);
        let asking = async move {
            ours.write_all(&[0, 0, 0, 1, 19, 0, 0, 0, 1, 11]).await?;
            let mut failure = [0; 5];
            ours.read_exact(&mut failure).await?;
            assert_eq!(failure, [0, 0, 0, 1, 5]);
            let length = ours.read_u32().await?;
            let mut answer = vec![0; length as usize];
            ours.read_exact(&mut answer).await?;
            assert_eq!(answer[..5], [12, 0, 0, 0, 1]);
            Ok(())
        };
        tokio::try_join!(agent.serve(theirs), asking).unwrap();
    }
}

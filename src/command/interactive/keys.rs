//! The keys that leave a container's terminal: `ctrl-p,ctrl-q` unless configured otherwise.

use crate::diagnostic::Diagnostic;

/// A sequence of keys, and how much of it was just typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DetachKeys {
    keys: Vec<u8>,
    typed: usize,
}

impl DetachKeys {
    /// What docker takes where nothing is configured.
    pub const DEFAULT: &str = "ctrl-p,ctrl-q";

    /// Reads docker's form: characters and `ctrl-…` with commas between; empty for none.
    ///
    /// # Errors
    ///
    /// A key that is neither.
    pub fn parse(text: &str) -> Result<Self, Diagnostic> {
        let mut keys = Vec::new();
        for key in text.split(',').filter(|_| !text.is_empty()) {
            let byte = match (key.as_bytes(), key.strip_prefix("ctrl-").map(str::as_bytes)) {
                ([one], _) => Some(*one),
                (_, Some([control @ (b'a'..=b'z' | b'@' | b'[' | b'\\' | b']' | b'^' | b'_')])) => {
                    Some(control & 0x1f)
                }
                _ => None,
            };
            keys.push(byte.ok_or_else(|| {
                Diagnostic::error(format!("detach keys `{text}`: unknown key `{key}`"))
                    .hint("single characters and `ctrl-a` to `ctrl-z` are known, with commas between: `ctrl-p,ctrl-q`")
            })?);
        }
        Ok(Self { keys, typed: 0 })
    }

    /// Takes what was typed: what is to be passed on, and whether the sequence is complete. Keys
    /// that may become the sequence are held back until it is clear.
    pub fn typed(&mut self, bytes: &[u8]) -> (Vec<u8>, Pressed) {
        let mut out = Vec::with_capacity(bytes.len());
        for &byte in bytes {
            if self.keys.get(self.typed) == Some(&byte) {
                self.typed += 1;
                if self.typed == self.keys.len() {
                    self.typed = 0;
                    return (out, Pressed::All);
                }
                continue;
            }
            out.extend_from_slice(&self.keys[..self.typed]);
            self.typed = usize::from(self.keys.first() == Some(&byte));
            if self.typed == 0 {
                out.push(byte);
            }
        }
        (out, Pressed::NotAll)
    }
}

/// Whether the sequence was typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pressed {
    /// All of it.
    All,
    /// Not all of it.
    NotAll,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(keys: &str, pieces: &[&[u8]]) -> (Vec<u8>, Pressed) {
        let mut keys = DetachKeys::parse(keys).unwrap();
        let mut out = Vec::new();
        for piece in pieces {
            let (bytes, pressed) = keys.typed(piece);
            out.extend(bytes);
            if pressed == Pressed::All {
                return (out, pressed);
            }
        }
        (out, Pressed::NotAll)
    }

    #[test]
    fn the_sequence_is_found_across_reads_and_not_passed_on() {
        let default = DetachKeys::DEFAULT;
        assert_eq!(
            typed(default, &[b"ls\x10", b"\x11x"]),
            (b"ls".to_vec(), Pressed::All)
        );
        assert_eq!(
            typed(default, &[b"\x10\x10\x11"]),
            (b"\x10".to_vec(), Pressed::All)
        );
    }

    #[test]
    fn a_key_that_was_held_back_for_nothing_is_passed_on() {
        let passed = (b"\x10a\x11".to_vec(), Pressed::NotAll);
        assert_eq!(typed(DetachKeys::DEFAULT, &[b"\x10", b"a\x11"]), passed);
        assert_eq!(
            typed("", &[b"\x10\x11"]),
            (b"\x10\x11".to_vec(), Pressed::NotAll)
        );
    }

    #[test]
    fn dockers_forms_are_read_and_others_named() {
        assert_eq!(
            DetachKeys::parse("ctrl-@,a,ctrl-_").unwrap().keys,
            [0, b'a', 0x1f]
        );
        let error = DetachKeys::parse("ctrl-p,escape").unwrap_err();
        assert_eq!(
            error.message,
            "detach keys `ctrl-p,escape`: unknown key `escape`"
        );
    }
}

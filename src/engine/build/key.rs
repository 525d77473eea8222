//! Private keys of SSH in files: OpenSSH's own form, and RSA in PEM. What needs a passphrase is
//! refused: nobody is there to ask for it.

use std::io;

use base64::Engine as _;
use ring::rand::SystemRandom;
use ring::rsa::{KeyPairComponents, PublicKeyComponents};
use ring::signature::{self as sign, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaKeyPair};

/// Why a file gives no key.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// It cannot be read.
    #[error("{0}")]
    Unreadable(#[from] io::Error),
    /// It is no private key, or of a form that is not known.
    #[error("it is no private key in OpenSSH's form")]
    NoKey,
    /// A passphrase protects it.
    #[error("a passphrase protects it")]
    Passphrase,
    /// The algorithm is not known, or the numbers do not fit.
    #[error("an {0} key of this kind cannot be used")]
    Unfit(String),
}

/// A private key.
#[derive(Debug)]
pub(super) struct Key {
    /// The public half, as SSH writes it.
    pub(super) public: Vec<u8>,
    secret: Secret,
}

#[derive(Debug)]
enum Secret {
    Rsa(Box<RsaKeyPair>),
    Ed25519(Box<Ed25519KeyPair>),
    Ecdsa {
        name: &'static str,
        pair: Box<EcdsaKeyPair>,
    },
}

/// Flags of a request for a signature: which hash an RSA key takes.
const RSA_SHA2_256: u32 = 2;
const RSA_SHA2_512: u32 = 4;

impl Key {
    /// The keys of a file.
    ///
    /// # Errors
    /// No key that can be used.
    pub(super) fn all_of(text: &[u8]) -> Result<Vec<Self>, Trouble> {
        let text = std::str::from_utf8(text).map_err(|_| Trouble::NoKey)?;
        let (label, der) = pem(text).ok_or(Trouble::NoKey)?;
        let rsa = match label {
            "OPENSSH PRIVATE KEY" => return openssh(&der),
            _ if text.contains("ENCRYPTED") => return Err(Trouble::Passphrase),
            "RSA PRIVATE KEY" => RsaKeyPair::from_der(&der),
            "PRIVATE KEY" => RsaKeyPair::from_pkcs8(&der),
            _ => return Err(Trouble::NoKey),
        };
        let pair = rsa.map_err(|_| Trouble::Unfit("RSA".to_owned()))?;
        let parts = PublicKeyComponents::<Vec<u8>>::from(pair.public_key());
        let mut public = Vec::new();
        put(&mut public, b"ssh-rsa");
        put_number(&mut public, &parts.e);
        put_number(&mut public, &parts.n);
        Ok(vec![Self {
            public,
            secret: Secret::Rsa(Box::new(pair)),
        }])
    }

    /// Signs as SSH wants it: the algorithm's name and the signature; none where the key cannot.
    pub(super) fn sign(&self, data: &[u8], flags: u32) -> Option<Vec<u8>> {
        let random = SystemRandom::new();
        let (name, bytes) = match &self.secret {
            Secret::Ed25519(pair) => ("ssh-ed25519", pair.sign(data).as_ref().to_vec()),
            Secret::Rsa(pair) => {
                let (name, padding): (_, &dyn sign::RsaEncoding) = match flags {
                    flags if flags & RSA_SHA2_512 != 0 => ("rsa-sha2-512", &sign::RSA_PKCS1_SHA512),
                    flags if flags & RSA_SHA2_256 != 0 => ("rsa-sha2-256", &sign::RSA_PKCS1_SHA256),
                    // SHA-1, which servers refuse these days.
                    _ => return None,
                };
                let mut bytes = vec![0; pair.public().modulus_len()];
                pair.sign(padding, &random, data, &mut bytes).ok()?;
                (name, bytes)
            }
            Secret::Ecdsa { name, pair } => {
                let fixed = pair.sign(&random, data).ok()?;
                let (r, s) = fixed.as_ref().split_at(fixed.as_ref().len() / 2);
                let mut bytes = Vec::new();
                put_number(&mut bytes, r);
                put_number(&mut bytes, s);
                (*name, bytes)
            }
        };
        let mut signature = Vec::new();
        put(&mut signature, name.as_bytes());
        put(&mut signature, &bytes);
        Some(signature)
    }
}

/// The first block of a PEM file: its label and what it holds.
fn pem(text: &str) -> Option<(&str, Vec<u8>)> {
    let (_, rest) = text.split_once("-----BEGIN ")?;
    let (label, rest) = rest.split_once("-----")?;
    let (body, _) = rest.split_once("-----END ")?;
    // Old forms have headers before an empty line.
    let body: String = body
        .lines()
        .map(str::trim)
        .filter(|line| !line.contains(':'))
        .collect();
    let engine = base64::engine::general_purpose::STANDARD;
    Some((label, engine.decode(body).ok()?))
}

/// The keys of a file in OpenSSH's form (its `PROTOCOL.key`).
fn openssh(file: &[u8]) -> Result<Vec<Key>, Trouble> {
    let mut rest = file
        .strip_prefix(b"openssh-key-v1\0")
        .ok_or(Trouble::NoKey)?;
    if take(&mut rest).ok_or(Trouble::NoKey)? != b"none" {
        return Err(Trouble::Passphrase);
    }
    let (publics, mut private) = halves(rest).ok_or(Trouble::NoKey)?;
    let keys = publics.into_iter().map(|public| {
        let kind = take(&mut private).ok_or(Trouble::NoKey)?;
        let kind = String::from_utf8_lossy(kind).into_owned();
        let secret = secret(&kind, &mut private).ok_or(Trouble::Unfit(kind))?;
        let _comment = take(&mut private).ok_or(Trouble::NoKey)?;
        Ok(Key {
            public: public.to_vec(),
            secret,
        })
    });
    keys.collect()
}

/// What follows the cipher: the public halves, and the bytes of the private ones.
fn halves(mut rest: &[u8]) -> Option<(Vec<&[u8]>, &[u8])> {
    // How the cipher's key is derived says nothing where there is no cipher.
    let _kdf = take(&mut rest)?;
    let _options = take(&mut rest)?;
    let count = number(&mut rest)?;
    let publics: Option<Vec<&[u8]>> = (0..count).map(|_| take(&mut rest)).collect();
    let mut private = take(&mut rest)?;
    // Twice the same number: what shows a wrong passphrase.
    let checks = (number(&mut private)?, number(&mut private)?);
    (checks.0 == checks.1).then_some((publics?, private))
}

/// The numbers of one key.
fn secret(kind: &str, rest: &mut &[u8]) -> Option<Secret> {
    match kind {
        "ssh-ed25519" => {
            let (public, both) = (take(rest)?, take(rest)?);
            let pair = Ed25519KeyPair::from_seed_and_public_key(both.get(..32)?, public).ok()?;
            Some(Secret::Ed25519(Box::new(pair)))
        }
        "ssh-rsa" => {
            let mut next = || Some(unsigned(take(rest)?));
            let (n, e, d) = (next()?, next()?, next()?);
            let (inverse, p, q) = (next()?, next()?, next()?);
            let rests = (remainder(d, &less_one(p)), remainder(d, &less_one(q)));
            let pair = RsaKeyPair::from_components(&KeyPairComponents {
                public_key: PublicKeyComponents { n, e },
                d,
                p,
                q,
                dP: rests.0.as_slice(),
                dQ: rests.1.as_slice(),
                qInv: inverse,
            });
            Some(Secret::Rsa(Box::new(pair.ok()?)))
        }
        "ecdsa-sha2-nistp256" | "ecdsa-sha2-nistp384" => {
            let (name, algorithm, length) = match kind {
                "ecdsa-sha2-nistp256" => (
                    "ecdsa-sha2-nistp256",
                    &sign::ECDSA_P256_SHA256_FIXED_SIGNING,
                    32,
                ),
                _ => (
                    "ecdsa-sha2-nistp384",
                    &sign::ECDSA_P384_SHA384_FIXED_SIGNING,
                    48,
                ),
            };
            let (_curve, public) = (take(rest)?, take(rest)?);
            let scalar = unsigned(take(rest)?);
            let mut padded = vec![0; length];
            let start = length.checked_sub(scalar.len())?;
            padded[start..].copy_from_slice(scalar);
            let random = SystemRandom::new();
            let pair =
                EcdsaKeyPair::from_private_key_and_public_key(algorithm, &padded, public, &random);
            Some(Secret::Ecdsa {
                name,
                pair: Box::new(pair.ok()?),
            })
        }
        _ => None,
    }
}

/// Takes SSH's `string` from the front: four bytes of length, and as many bytes.
pub(super) fn take<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = number(rest)? as usize;
    let (taken, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(taken)
}

fn number(rest: &mut &[u8]) -> Option<u32> {
    let (bytes, after) = rest.split_first_chunk::<4>()?;
    *rest = after;
    Some(u32::from_be_bytes(*bytes))
}

/// Appends SSH's `string`.
pub(super) fn put(to: &mut Vec<u8>, bytes: &[u8]) {
    // Nothing here is as long as four bytes can count.
    to.extend(u32::try_from(bytes.len()).unwrap_or_default().to_be_bytes());
    to.extend(bytes);
}

/// Appends SSH's `mpint` of a number that is not negative: no zeros in front but one before a
/// leading bit that would be a sign.
fn put_number(to: &mut Vec<u8>, big_endian: &[u8]) {
    let digits = unsigned(big_endian);
    let signed = digits.first().is_some_and(|first| first & 0x80 != 0);
    let sign: &[u8] = if signed { &[0] } else { &[] };
    put(to, &[sign, digits].concat());
}

/// A number without the zeros in front of it.
fn unsigned(big_endian: &[u8]) -> &[u8] {
    let zeros = big_endian.iter().take_while(|byte| **byte == 0).count();
    &big_endian[zeros..]
}

/// One less than an odd number: a prime.
fn less_one(odd: &[u8]) -> Vec<u8> {
    let mut even = odd.to_vec();
    if let Some(last) = even.last_mut() {
        *last &= 0xfe;
    }
    even
}

/// What is left of a number divided by another: `ring` wants what OpenSSH does not keep.
fn remainder(number: &[u8], by: &[u8]) -> Vec<u8> {
    // One byte more, for the bit that doubling adds.
    let by = [&[0], by].concat();
    let mut left = vec![0u8; by.len()];
    let bits = number
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |bit| (byte >> bit) & 1));
    for bit in bits {
        let mut carry = bit;
        for byte in left.iter_mut().rev() {
            let high = *byte >> 7;
            *byte = (*byte << 1) | carry;
            carry = high;
        }
        if left >= by {
            let mut borrow = false;
            for (byte, less) in left.iter_mut().zip(&by).rev() {
                let (once, under) = byte.overflowing_sub(*less);
                let (twice, again) = once.overflowing_sub(u8::from(borrow));
                (*byte, borrow) = (twice, under || again);
            }
        }
    }
    unsigned(&left).to_vec()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) const ED25519: &str = include_str!("testdata/ed25519");
    pub(in super::super) const ECDSA: &str = include_str!("testdata/ecdsa");
    pub(in super::super) const RSA: &str = include_str!("testdata/rsa");
    const RSA_IN_PEM: &str = include_str!("testdata/pem");
    const PASSPHRASE: &str = include_str!("testdata/passphrase");

    fn key(text: &str) -> Key {
        let mut keys = Key::all_of(text.as_bytes()).unwrap();
        assert_eq!(keys.len(), 1);
        keys.remove(0)
    }

    /// The algorithm and the bytes of a signature.
    fn signed(key: &Key, flags: u32) -> (String, Vec<u8>) {
        let signature = key.sign(b"data", flags).unwrap();
        let mut rest = signature.as_slice();
        let name = String::from_utf8(take(&mut rest).unwrap().to_vec()).unwrap();
        (name, take(&mut rest).unwrap().to_vec())
    }

    /// The parts of a public key after its name.
    fn public(key: &Key) -> Vec<Vec<u8>> {
        let mut rest = key.public.as_slice();
        let parts = std::iter::from_fn(|| take(&mut rest).map(<[u8]>::to_vec));
        parts.skip(1).collect()
    }

    #[test]
    fn a_signature_of_ed25519_is_its_owners() {
        let key = key(ED25519);
        let (name, bytes) = signed(&key, 0);
        assert_eq!(name, "ssh-ed25519");
        let parts = public(&key);
        let public = sign::UnparsedPublicKey::new(&sign::ED25519, &parts[0]);
        public.verify(b"data", &bytes).unwrap();
    }

    #[test]
    fn an_rsa_key_signs_with_the_hash_that_is_asked_for() {
        for text in [RSA, RSA_IN_PEM] {
            let key = key(text);
            let parts = public(&key);
            let public = sign::RsaPublicKeyComponents {
                e: unsigned(&parts[0]),
                n: unsigned(&parts[1]),
            };
            let (name, bytes) = signed(&key, RSA_SHA2_256);
            assert_eq!(name, "rsa-sha2-256");
            let padding = &sign::RSA_PKCS1_2048_8192_SHA256;
            public.verify(padding, b"data", &bytes).unwrap();
            let (name, bytes) = signed(&key, RSA_SHA2_512);
            assert_eq!(name, "rsa-sha2-512");
            let padding = &sign::RSA_PKCS1_2048_8192_SHA512;
            public.verify(padding, b"data", &bytes).unwrap();
            assert_eq!(key.sign(b"data", 0), None);
        }
    }

    #[test]
    fn a_signature_of_ecdsa_is_its_owners() {
        let key = key(ECDSA);
        let (name, bytes) = signed(&key, 0);
        assert_eq!(name, "ecdsa-sha2-nistp256");
        let mut rest = bytes.as_slice();
        let mut fixed = Vec::new();
        for _ in 0..2 {
            let number = unsigned(take(&mut rest).unwrap());
            fixed.extend(std::iter::repeat_n(0, 32 - number.len()));
            fixed.extend(number);
        }
        let algorithm = &sign::ECDSA_P256_SHA256_FIXED;
        let parts = public(&key);
        let public = sign::UnparsedPublicKey::new(algorithm, &parts[1]);
        public.verify(b"data", &fixed).unwrap();
    }

    #[test]
    fn what_is_no_key_or_needs_a_passphrase_is_refused() {
        let trouble = |text: &str| Key::all_of(text.as_bytes()).unwrap_err().to_string();
        assert_eq!(trouble(PASSPHRASE), "a passphrase protects it");
        assert_eq!(
            trouble("ssh-rsa AAAA"),
            "it is no private key in OpenSSH's form"
        );
        let short = &ED25519[..120];
        let cut = format!("{short}\n-----END OPENSSH PRIVATE KEY-----\n");
        assert_eq!(trouble(&cut), "it is no private key in OpenSSH's form");
        let headers = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END ";
        assert_eq!(trouble(headers), "a passphrase protects it");
    }

    #[test]
    fn numbers_are_divided_as_on_paper() {
        assert_eq!(remainder(&[1, 0], &[7]), [4]);
        assert_eq!(remainder(&[0xff, 0xff, 0xff], &[0xff, 0xfe]), [1, 0xff]);
        assert_eq!(remainder(&[5], &[7]), [5]);
        assert_eq!(remainder(&[7], &[7]), [0u8; 0]);
        let mut number = Vec::new();
        put_number(&mut number, &[0, 0x80]);
        assert_eq!(number, [0, 0, 0, 2, 0, 0x80]);
    }
}

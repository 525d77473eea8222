//! What a registry wants to see: `WWW-Authenticate` (RFC 9110, section 11.6.1), and the token that
//! a login is traded for (the distribution project's token authentication).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::Method;
use hyper::header::{AUTHORIZATION, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use serde_json::Value;

use super::{Ask, Registry, Result};
use crate::engine::logins::Login;

/// What is wanted.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    /// Name and password with every call.
    Basic,
    /// A token.
    Bearer {
        /// Who gives it.
        realm: String,
        /// For whom.
        service: String,
        /// For what.
        scope: String,
    },
}

impl Challenge {
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let all = headers.get_all(WWW_AUTHENTICATE).iter();
        let texts = all.filter_map(|value| value.to_str().ok());
        texts.filter_map(Self::read).next()
    }

    fn read(text: &str) -> Option<Self> {
        let (scheme, rest) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
        if scheme.eq_ignore_ascii_case("basic") {
            return Some(Self::Basic);
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let parameters = parameters(rest);
        let value = |name: &str| {
            let found = parameters
                .iter()
                .find(|(key, _)| key.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.clone()).unwrap_or_default()
        };
        Some(Self::Bearer {
            realm: value("realm"),
            service: value("service"),
            scope: value("scope"),
        })
    }
}

/// `key="value",key=value`; a comma in quotes parts nothing.
fn parameters(mut text: &str) -> Vec<(String, String)> {
    let mut parameters = Vec::new();
    while let Some((key, rest)) = text.split_once('=') {
        let (value, rest) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => rest.split_once(',').unwrap_or((rest, "")),
        };
        parameters.push((key.trim().to_owned(), value.to_owned()));
        text = rest.trim_start_matches([',', ' ']);
    }
    parameters
}

fn basic(user: &str, secret: &str) -> Option<HeaderValue> {
    let encoded = STANDARD.encode(format!("{user}:{secret}"));
    sensitive(&format!("Basic {encoded}"))
}

fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Percent-encodes what is not plain in a query or a form.
fn escaped(text: &str) -> String {
    let escape = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(escape).collect()
}

impl Registry {
    /// The header that answers a challenge; none where nobody is logged in and that is wanted.
    pub(super) async fn answer(
        &self,
        challenge: &Challenge,
        login: Option<&Login>,
    ) -> Result<Option<HeaderValue>> {
        match (challenge, login) {
            (Challenge::Basic, Some(Login::Password { user, secret })) => Ok(basic(user, secret)),
            (Challenge::Basic, _) => Ok(None),
            (Challenge::Bearer { .. }, login) => self.token(challenge, login).await,
        }
    }

    async fn token(
        &self,
        challenge: &Challenge,
        login: Option<&Login>,
    ) -> Result<Option<HeaderValue>> {
        let Challenge::Bearer {
            realm,
            service,
            scope,
        } = challenge
        else {
            return Ok(None);
        };
        let (service, scope) = (escaped(service), escaped(scope));
        let ask = match login {
            Some(Login::Token(token)) => Ask {
                kind: Some("application/x-www-form-urlencoded".to_owned()),
                body: Some(
                    format!(
                        "grant_type=refresh_token&client_id=dco&service={service}&scope={scope}&refresh_token={}",
                        escaped(token)
                    )
                    .into(),
                ),
                ..Ask::new(Method::POST, realm.clone())
            },
            _ => {
                let mark = match realm.contains('?') {
                    true => '&',
                    false => '?',
                };
                let url = format!("{realm}{mark}service={service}&scope={scope}");
                Ask::new(Method::GET, url)
            }
        };
        let request = ask
            .build()
            .map_err(|error| self.failed("names no realm", error))?;
        let mut request = request;
        if let Some(Login::Password { user, secret }) = login
            && let Some(value) = basic(user, secret)
        {
            request.headers_mut().insert(AUTHORIZATION, value);
        }
        let answered = self.client.request(request).await;
        let answered = answered.map_err(|error| self.failed("gives no token", error))?;
        let response = self.check(answered).await?;
        let bytes = self.read(response).await?;
        let answer: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let token = answer["token"].as_str().or(answer["access_token"].as_str());
        Ok(token.and_then(|token| sensitive(&format!("Bearer {token}"))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_read_whatever_its_commas() {
        let read = |text| Challenge::read(text);
        assert_eq!(read("Basic realm=\"tests\""), Some(Challenge::Basic));
        assert_eq!(
            read(
                "Bearer realm=\"https://auth.docker.io/token\",service=\"registry.docker.io\",\
                 scope=\"repository:a/b:pull,push\""
            ),
            Some(Challenge::Bearer {
                realm: "https://auth.docker.io/token".into(),
                service: "registry.docker.io".into(),
                scope: "repository:a/b:pull,push".into(),
            })
        );
        assert_eq!(
            read("bearer service=x, realm=https://a"),
            Some(Challenge::Bearer {
                realm: "https://a".into(),
                service: "x".into(),
                scope: String::new(),
            })
        );
        assert_eq!(read("Negotiate"), None);
    }

    #[test]
    fn a_secret_is_sensitive_and_escaped() {
        assert!(basic("me", "s").is_some_and(|value| value.is_sensitive()));
        assert_eq!(escaped("a b/ä"), "a%20b%2F%C3%A4");
    }
}

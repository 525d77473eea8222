//! Where a text names a host: URLs, `name:port`, keyword lists, bare names. Strings in, strings out.

use std::sync::LazyLock;

use regex::Regex;

use super::table;

/// A host that a text names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    /// The host.
    pub(super) host: String,
    /// The port beside it.
    pub(super) port: Option<u16>,
    /// The URL's scheme.
    pub(super) scheme: Option<String>,
    /// How it is written.
    pub(super) form: Form,
}

/// How a host is written, from the surest to the least sure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `scheme://host`.
    Url,
    /// `host=name` in a list of keywords.
    Keyword,
    /// `name:port`.
    Address,
    /// A name alone.
    Bare,
}

// ASCII alone: what these cost is mostly their making, once for each command that starts something.
static KEYWORD: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i-u)(?:^|[ \t\r\n;,?&])(?:host|hostname|server|data source|address|addr)[ \t]*=[ \t]*(?:tcp:)?([A-Z0-9][A-Z0-9_.-]*)(?:[,:]([0-9]{2,5}))?",
    )
});
static KEYWORD_PORT: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?i-u)(?:^|[ \t\r\n;,?&])port[ \t]*=[ \t]*([0-9]{2,5})"));
static ADDRESS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r#"(?-u)(?:^|[ \t\r\n,;=@(|\["']|//)([A-Za-z0-9][A-Za-z0-9_.-]*):([0-9]{2,5})"#)
});

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a pattern of this file is well formed")
}

/// Every host that `text` names with a scheme, as a keyword, or with a port.
pub(super) fn addresses(text: &str) -> Vec<Named> {
    let (mut found, rest) = urls(text);
    found.extend(keywords(&rest));
    found.extend(pairs(&rest));
    found
}

/// The names of a value that is nothing but names: `kafka1,kafka2`.
pub(super) fn bare(text: &str) -> Vec<Named> {
    let pieces: Vec<&str> = text
        .split([',', ';', ' '])
        .map(str::trim)
        .filter(|piece| !piece.is_empty())
        .collect();
    let name = |piece: &&str| {
        piece
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(letter))
    };
    if !pieces.iter().all(name) {
        return Vec::new();
    }
    pieces
        .into_iter()
        .map(|host| Named {
            host: host.to_owned(),
            port: None,
            scheme: None,
            form: Form::Bare,
        })
        .collect()
}

/// A URL up to the end of its authority, by its places in a text.
struct Url {
    start: usize,
    /// Of `://`.
    colon: usize,
    authority: usize,
    end: usize,
}

impl Url {
    /// The first one from a place on.
    fn next(text: &str, from: usize) -> Option<Self> {
        let mut at = from;
        loop {
            let colon = at + text[at..].find("://")?;
            at = colon + 3;
            let is_scheme =
                |letter: char| letter.is_ascii_alphanumeric() || "+.:-".contains(letter);
            let before = &text[from..colon];
            let scheme = &before[before.trim_end_matches(is_scheme).len()..];
            let Some(letter) = scheme.find(|letter: char| letter.is_ascii_alphabetic()) else {
                continue;
            };
            let authority = at + user(&text[at..]);
            let ends =
                |letter: char| letter.is_whitespace() || "/?#\"'<>(){}]\\|;@".contains(letter);
            let rest = &text[authority..];
            return Some(Self {
                start: colon - scheme.len() + letter,
                colon,
                authority,
                end: authority + rest.find(ends).unwrap_or(rest.len()),
            });
        }
    }
}

/// How long the user, the password and the `@` are that an authority begins with.
fn user(text: &str) -> usize {
    let ends = |letter: char| letter.is_whitespace() || "/\"'<>,;".contains(letter);
    let text = &text[..text.find(ends).unwrap_or(text.len())];
    text.rfind('@').map_or(0, |at| at + 1)
}

/// The hosts of every URL, and the text with the URLs blanked out.
fn urls(text: &str) -> (Vec<Named>, String) {
    let mut found = Vec::new();
    let mut rest = String::new();
    let mut at = 0;
    while let Some(url) = Url::next(text, at) {
        let scheme = &text[url.start..url.colon];
        rest.push_str(&text[at..url.start]);
        rest.push(' ');
        let mut end = url.end;
        if !no_host(scheme) {
            let mut from = url.authority;
            for piece in text[url.authority..url.end].split(',') {
                // `http://a:1,http://b:2`: the piece is the next URL's scheme.
                if text[from + piece.len()..].starts_with("//") && piece.ends_with(':') {
                    end = from;
                    break;
                }
                from += piece.len() + 1;
                found.extend(authority_host(piece, scheme));
            }
        }
        at = end.max(url.colon + 3);
        if at < url.end {
            continue;
        }
        // A query may hold anything; its `host=` belongs to the URL.
        let stop = text[at..]
            .find(|letter: char| letter.is_whitespace() || "\"',;|".contains(letter))
            .map_or(text.len(), |offset| at + offset);
        at = stop;
    }
    rest.push_str(&text[at..]);
    (found, rest)
}

fn no_host(scheme: &str) -> bool {
    let scheme = scheme.to_ascii_lowercase();
    table::NO_HOST_SCHEMES.contains(&scheme.as_str())
}

fn authority_host(piece: &str, scheme: &str) -> Option<Named> {
    let (host, port) = piece.rsplit_once(':').unwrap_or((piece, ""));
    // `http://web:` has lost its port, most often with a variable that is not set.
    let has_lost_port = piece.ends_with(':');
    (!host.is_empty()).then(|| Named {
        host: host.to_owned(),
        port: port.parse().ok(),
        scheme: (!has_lost_port).then(|| scheme.to_owned()),
        form: Form::Url,
    })
}

/// `Server=db;Port=5432;…`, `host=db port=5432 …`.
fn keywords(text: &str) -> Vec<Named> {
    if !text.contains('=') {
        return Vec::new();
    }
    let beside = KEYWORD_PORT
        .captures(text)
        .and_then(|matched| matched[1].parse().ok());
    KEYWORD
        .captures_iter(text)
        .map(|matched| Named {
            host: matched[1].to_owned(),
            port: matched
                .get(2)
                .and_then(|port| port.as_str().parse().ok())
                .or(beside),
            scheme: None,
            form: Form::Keyword,
        })
        .collect()
}

/// `kafka1:9092,kafka2:9092`, `user:secret@tcp(db:3306)/app`, `server.1=zoo1:2888:3888`.
fn pairs(text: &str) -> Vec<Named> {
    let mut found = Vec::new();
    if !text.contains(':') {
        return found;
    }
    let mut at = 0;
    while let Some(matched) = ADDRESS.captures_at(text, at) {
        let (host, port) = (&matched[1], &matched[2]);
        let end = matched.get(0).map_or(text.len(), |whole| whole.end());
        at = end;
        let next = text[end..].chars().next();
        if next.is_some_and(|letter| letter.is_ascii_alphanumeric() || "@_.-".contains(letter)) {
            continue;
        }
        let Some(port) = port.parse().ok().filter(|port| *port >= table::LEAST_PORT) else {
            continue;
        };
        found.push(Named {
            host: host.to_owned(),
            port: Some(port),
            scheme: None,
            form: Form::Address,
        });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(found: &[Named]) -> String {
        let one = |named: &Named| {
            format!(
                "{}{}{}",
                named
                    .scheme
                    .as_deref()
                    .map_or(String::new(), |scheme| format!("{scheme}://")),
                named.host,
                named.port.map_or(String::new(), |port| format!(":{port}"))
            )
        };
        found.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn hosts_are_found_in_every_form_that_people_write() {
        for (text, found) in [
            ("postgres://u:p@db:5432/app", "postgres://db:5432"),
            (
                "postgres://u:p@ss:w@db/app?sslmode=disable",
                "postgres://db",
            ),
            ("postgres://u:p@/app?host=/run/pg", ""),
            (
                "http://es1:9200,http://es2:9200",
                "http://es1:9200 http://es2:9200",
            ),
            ("http://es1:9200;http://es2", "http://es1:9200 http://es2"),
            ("http://a/x http://b/y", "http://a http://b"),
            (
                "mongodb://u:p@m1:27017,m2/db",
                "mongodb://m1:27017 mongodb://m2",
            ),
            ("mongodb+srv://cluster/db", ""),
            ("unix:///run/x.sock", ""),
            ("jdbc:postgresql://db:5432/app", "jdbc:postgresql://db:5432"),
            (
                "jdbc:sqlserver://db:1433;databaseName=x",
                "jdbc:sqlserver://db:1433",
            ),
            ("jdbc:oracle:thin:@//db:1521/x", "db:1521"),
            ("jdbc:oracle:thin:@db:1521:x", "db:1521"),
            ("-Xmx1g -Durl=jdbc:mysql://db/x -Dp=1", "jdbc:mysql://db"),
            ("kafka1:9092,kafka2:9092", "kafka1:9092 kafka2:9092"),
            (
                "server.1=zoo1:2888:3888;2181 server.2=zoo2:2888:3888",
                "zoo1:2888 zoo2:2888",
            ),
            ("user:1234@tcp(db:3306)/app", "db:3306"),
            ("Server=db;Port=5433;Database=x;User Id=y", "db:5433"),
            ("Server=tcp:sql,1433;Database=x", "sql:1433"),
            ("Data Source=sql;Initial Catalog=x", "sql"),
            ("host=db user=x dbname=y", "db"),
            ("redis:7", ""),
            ("node:20-slim", ""),
            ("12:30", "12:30"),
            ("gitlab", ""),
            (
                "[\"http://a:1000\",\"http://b:2000\"]",
                "http://a:1000 http://b:2000",
            ),
            ("redis:6379:0", "redis:6379"),
            ("tcp://docker:2375", "tcp://docker:2375"),
            ("http://${HOST}/", "http://$"),
        ] {
            assert_eq!(shown(&addresses(text)), found, "{text}");
        }
    }

    #[test]
    fn bare_names_are_read_from_values_that_are_nothing_else() {
        assert_eq!(shown(&bare("db")), "db");
        assert_eq!(shown(&bare("es01, es02")), "es01 es02");
        assert_eq!(shown(&bare("user:pass")), "");
        assert_eq!(shown(&bare("/var/run/x")), "");
    }
}

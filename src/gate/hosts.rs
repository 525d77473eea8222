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

static URL: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r#"([A-Za-z][A-Za-z0-9+.:-]*)://(?:[^\s/"'<>,;]*@)?([^\s/?#"'<>(){}\]\\|;@]*)"#)
});
static KEYWORD: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)(?:^|[\s;,?&])(?:host|hostname|server|data source|address|addr)\s*=\s*(?:tcp:)?([A-Za-z0-9][A-Za-z0-9_.-]*)(?:[,:](\d{2,5}))?",
    )
});
static KEYWORD_PORT: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?i)(?:^|[\s;,?&])port\s*=\s*(\d{2,5})"));
static ADDRESS: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"(?:^|[\s,;=@(|\["']|//)([A-Za-z0-9][A-Za-z0-9_.-]*):(\d{2,5})"#));

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

/// The hosts of every URL, and the text with the URLs blanked out.
fn urls(text: &str) -> (Vec<Named>, String) {
    let mut found = Vec::new();
    let mut rest = String::new();
    let mut at = 0;
    while let Some(matched) = URL.captures_at(text, at) {
        let (whole, scheme, authority) = (
            matched.get(0).expect("group 0 is the whole match"),
            matched.get(1).map_or("", |group| group.as_str()),
            matched.get(2).map_or("", |group| group.as_str()),
        );
        rest.push_str(&text[at..whole.start()]);
        rest.push(' ');
        let mut end = whole.end();
        if !no_host(scheme) {
            let mut from = whole.end() - authority.len();
            for piece in authority.split(',') {
                // `http://a:1,http://b:2`: the piece is the next URL's scheme.
                if text[from + piece.len()..].starts_with("//") && piece.ends_with(':') {
                    end = from;
                    break;
                }
                from += piece.len() + 1;
                found.extend(authority_host(piece, scheme));
            }
        }
        at = end.max(whole.start() + scheme.len() + 3);
        if at < whole.end() {
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
    let (host, port) = match piece.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().ok()),
        None => (piece, None),
    };
    (!host.is_empty()).then(|| Named {
        host: host.to_owned(),
        port,
        scheme: Some(scheme.to_owned()),
        form: Form::Url,
    })
}

/// `Server=db;Port=5432;…`, `host=db port=5432 …`.
fn keywords(text: &str) -> Vec<Named> {
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

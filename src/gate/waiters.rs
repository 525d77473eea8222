//! Where a command waits by itself: `wait-for-it db:5432 -- …`, `dockerize -wait tcp://db:5432 …`.

use super::hosts::{self, Form, Named};

/// A program that waits for addresses, and how it is told them.
struct Waiter {
    /// The program's file name, without its extension.
    program: &'static str,
    /// How its words name a host.
    style: Style,
}

#[derive(Clone, Copy)]
enum Style {
    /// `db:5432` or a URL among its words.
    Addresses,
    /// `db 5432`, two words.
    TwoWords,
    /// `-h db -p 5432`, with the port it means where none is given.
    Flags(u16),
}

const WAITERS: &[Waiter] = &[
    waiter("wait-for-it", Style::Addresses),
    waiter("wait_for_it", Style::Addresses),
    waiter("wait-for", Style::Addresses),
    waiter("wait_for", Style::Addresses),
    waiter("waitforit", Style::Addresses),
    waiter("wait-for-port", Style::Addresses),
    waiter("wait-port", Style::Addresses),
    waiter("wait-on", Style::Addresses),
    waiter("wait4x", Style::Addresses),
    waiter("wait4ports", Style::Addresses),
    waiter("dockerize", Style::Addresses),
    waiter("nc", Style::TwoWords),
    waiter("ncat", Style::TwoWords),
    waiter("netcat", Style::TwoWords),
    waiter("pg_isready", Style::Flags(5432)),
    waiter("mysqladmin", Style::Flags(3306)),
    waiter("mariadb-admin", Style::Flags(3306)),
];

/// The most words that belong to one waiter: what follows is its command.
const REACH: usize = 24;

const fn waiter(program: &'static str, style: Style) -> Waiter {
    Waiter { program, style }
}

/// The hosts that a command line waits for, each with the waiter's name.
pub(super) fn awaited(words: &[String]) -> Vec<(&'static str, Named)> {
    let line = words.join(" ");
    let words: Vec<&str> = line
        .split(|letter: char| letter.is_whitespace() || "\"'`()[]".contains(letter))
        .filter(|word| !word.is_empty())
        .collect();
    let mut found = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let Some(waiter) = WAITERS
            .iter()
            .find(|waiter| waiter.program == program(word))
        else {
            continue;
        };
        let own = words[at + 1..]
            .iter()
            .take(REACH)
            .take_while(|word| !ends_waiter(word))
            .map(|word| word.trim_end_matches(';'));
        let own: Vec<&str> = own.collect();
        let named = match waiter.style {
            Style::Addresses => addresses(&own),
            Style::TwoWords => two_words(&own),
            Style::Flags(port) => flags(&own, Some(port)),
        };
        found.extend(named.into_iter().map(|named| (waiter.program, named)));
    }
    found
}

/// `/usr/local/bin/wait-for-it.sh` → `wait-for-it`.
fn program(word: &str) -> &str {
    let name = word.rsplit('/').next().unwrap_or(word);
    name.strip_suffix(".sh")
        .or_else(|| name.strip_suffix(".py"))
        .unwrap_or(name)
}

fn ends_waiter(word: &str) -> bool {
    matches!(
        word,
        "--" | "&&" | "||" | ";" | "|" | "do" | "then" | "done"
    )
}

fn addresses(words: &[&str]) -> Vec<Named> {
    let mut found: Vec<Named> = words
        .iter()
        .map(|word| word.split_once("=").map_or(*word, |(_, value)| value))
        .flat_map(hosts::addresses)
        .collect();
    if found.is_empty() {
        found = flags(words, None);
    }
    found
}

fn two_words(words: &[&str]) -> Vec<Named> {
    let plain: Vec<&str> = words
        .iter()
        .copied()
        .filter(|word| !word.starts_with('-'))
        .collect();
    plain
        .windows(2)
        .find_map(|pair| Some(named(pair[0], Some(pair[1].parse().ok()?))))
        .into_iter()
        .collect()
}

fn flags(words: &[&str], default: Option<u16>) -> Vec<Named> {
    let value = |short: &str, long: &str| {
        words.iter().enumerate().find_map(|(at, word)| {
            if *word == short || *word == long {
                return words.get(at + 1).copied();
            }
            let rest = word
                .strip_prefix(long)
                .and_then(|rest| rest.strip_prefix('='));
            rest.or_else(|| {
                word.strip_prefix(short)
                    .filter(|rest| !rest.is_empty() && !word.starts_with("--"))
            })
        })
    };
    let Some(host) = value("-h", "--host") else {
        return Vec::new();
    };
    let port = value("-p", "--port")
        .or_else(|| value("-P", "--port"))
        .and_then(|port| port.parse().ok())
        .or(default);
    vec![named(host, port)]
}

fn named(host: &str, port: Option<u16>) -> Named {
    Named {
        host: host.to_owned(),
        port,
        scheme: None,
        form: Form::Address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiters_are_found_as_words_and_inside_shell_lines() {
        for (words, found) in [
            (
                vec!["/wait-for-it.sh", "db:5432", "-t", "10", "--", "x:1000"],
                "wait-for-it db:5432",
            ),
            (
                vec![
                    "bash",
                    "-c",
                    "./wait-for-it.sh db:5432 -t 10 && python x.py y:99",
                ],
                "wait-for-it db:5432",
            ),
            (
                vec!["wait-for-it", "-h", "db", "-p", "5432"],
                "wait-for-it db:5432",
            ),
            (
                vec!["wait-for-it", "--host=db", "--port=5432"],
                "wait-for-it db:5432",
            ),
            (
                vec![
                    "dockerize",
                    "-wait",
                    "tcp://db:5432",
                    "-wait=http://es:9200/x",
                    "-timeout",
                    "60s",
                    "app",
                ],
                "dockerize db:5432, dockerize es:9200",
            ),
            (
                vec!["sh", "-c", "until nc -z -w 2 db 5432; do sleep 1; done"],
                "nc db:5432",
            ),
            (
                vec!["sh", "-c", "while ! pg_isready -h db; do sleep 1; done"],
                "pg_isready db:5432",
            ),
            (
                vec!["sh", "-c", "mysqladmin ping -hdb -P 3307 && x"],
                "mysqladmin db:3307",
            ),
            (vec!["redis-server", "--port", "6379"], ""),
        ] {
            let words: Vec<String> = words.into_iter().map(str::to_owned).collect();
            let shown: Vec<String> = awaited(&words)
                .into_iter()
                .map(|(by, named)| format!("{by} {}:{}", named.host, named.port.unwrap_or(0)))
                .collect();
            assert_eq!(shown.join(", "), found, "{words:?}");
        }
    }
}

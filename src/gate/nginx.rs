//! Where a mounted nginx configuration names its upstreams: `proxy_pass`, `upstream`, `fastcgi_pass` …

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::hosts::{Form, Named};

/// A host that a configuration passes requests to, and the bytes that name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Passed {
    pub(super) named: Named,
    pub(super) directive: String,
    pub(super) range: Range<usize>,
}

static PASS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?m)^[^#\n]*?\b(proxy_pass|fastcgi_pass|uwsgi_pass|scgi_pass|grpc_pass|memcached_pass)\s+(?:([a-z]+)://)?([A-Za-z0-9][A-Za-z0-9_.-]*)(?::(\d{1,5}))?[/;\s]",
    )
});
static UPSTREAM: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?m)^[^#\n]*?\bupstream\s+([A-Za-z0-9_.-]+)\s*\{([^}]*)\}"));
static SERVER: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"(?m)^[^#\n]*?\bserver\s+([A-Za-z0-9][A-Za-z0-9_.-]*)(?::(\d{1,5}))?[\s;]")
});

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a pattern of this file is well formed")
}

/// Every host that the configuration names by itself; variables and upstream groups are not hosts.
pub(super) fn passed(text: &str) -> Vec<Passed> {
    let mut groups = BTreeSet::new();
    let mut found = Vec::new();
    for group in UPSTREAM.captures_iter(text) {
        let (Some(name), Some(body)) = (group.get(1), group.get(2)) else {
            continue;
        };
        groups.insert(name.as_str());
        for server in SERVER.captures_iter(body.as_str()) {
            let Some(host) = server.get(1) else { continue };
            let start = body.start() + host.start();
            found.push(Passed {
                named: named(
                    host.as_str(),
                    server.get(2).map(|port| port.as_str()),
                    "http",
                ),
                directive: "upstream".to_owned(),
                range: start..start + host.len(),
            });
        }
    }
    for pass in PASS.captures_iter(text) {
        let (Some(directive), Some(host)) = (pass.get(1), pass.get(3)) else {
            continue;
        };
        if groups.contains(host.as_str()) {
            continue;
        }
        let scheme = pass.get(2).map_or("", |scheme| scheme.as_str());
        found.push(Passed {
            named: named(host.as_str(), pass.get(4).map(|port| port.as_str()), scheme),
            directive: directive.as_str().to_owned(),
            range: host.range(),
        });
    }
    found
}

fn named(host: &str, port: Option<&str>, scheme: &str) -> Named {
    Named {
        host: host.to_owned(),
        port: port.and_then(|port| port.parse().ok()),
        scheme: (!scheme.is_empty()).then(|| scheme.to_owned()),
        form: Form::Url,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upstream_servers_and_direct_passes_are_hosts_and_group_names_are_not() {
        let text = "\
upstream backend { server app1:8000 weight=5; }
upstream web {
    # server old:1;
    server app2:8001;
    server app3;
}
server {
    listen 80;
    server_name web;
    location / { proxy_pass http://web; }
    location /api { proxy_pass http://api:3000/v1; }
    location ~ \\.php$ {
        fastcgi_pass php:9000;
    }
    #proxy_pass http://gone;
    location /v { proxy_pass http://$upstream; }
}
";
        let shown: Vec<String> = passed(text)
            .iter()
            .map(|one| {
                assert_eq!(text[one.range.clone()], one.named.host);
                format!("{} {} {:?}", one.directive, one.named.host, one.named.port)
            })
            .collect();
        assert_eq!(
            shown,
            [
                "upstream app1 Some(8000)",
                "upstream app2 Some(8001)",
                "upstream app3 None",
                "proxy_pass api Some(3000)",
                "fastcgi_pass php Some(9000)",
            ]
        );
    }
}

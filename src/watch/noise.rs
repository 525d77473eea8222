//! Files whose change means nothing to a running program, and mounts that hold data. Pure.

use std::path::{Component, Path};

/// Folders of version control, and of what package managers install.
const FOREIGN: &[&str] = &[
    ".git",
    ".hg",
    ".svn",
    ".jj",
    ".bzr",
    "node_modules",
    "bower_components",
    "__pycache__",
];

/// Folders of caches and editors. A plain word (`target`, `tmp`, `logs`, `coverage`) may as well be
/// a package of the source: those are noise only where git ignores them.
const FOLDERS: &[&str] = &[
    ".venv",
    "venv",
    ".tox",
    ".nox",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    ".hypothesis",
    ".eggs",
    ".cache",
    ".parcel-cache",
    ".next",
    ".nuxt",
    ".svelte-kit",
    ".turbo",
    ".angular",
    ".vite",
    ".gradle",
    ".idea",
    ".vscode",
    ".vs",
    ".fleet",
    ".terraform",
    ".bundle",
    ".sass-cache",
    ".nyc_output",
    "htmlcov",
    ".dco",
];

/// Endings of files that programs and editors write beside the source.
const ENDINGS: &[&str] = &[
    ".pyc",
    ".pyo",
    ".pyd",
    ".class",
    ".o",
    ".swp",
    ".swo",
    ".swx",
    ".tmp",
    ".temp",
    ".bak",
    ".orig",
    ".rej",
    ".log",
    ".pid",
    ".sock",
    ".lock~",
    ".sqlite",
    ".sqlite3",
    ".db",
    "-journal",
    "-wal",
    "-shm",
    "~",
    ".crswap",
    ".part",
    ".crdownload",
    "___jb_tmp___",
    "___jb_old___",
    ".kate-swp",
];

/// Beginnings of names that editors give to their own files.
const BEGINNINGS: &[&str] = &[
    ".#",
    "#",
    ".~",
    "~$",
    ".goutputstream-",
    ".nfs",
    ".fuse_hidden",
    "sed",
];

/// Names of files that never matter to a program.
const NAMES: &[&str] = &[
    "4913",
    ".DS_Store",
    "Thumbs.db",
    "desktop.ini",
    ".coverage",
    "nohup.out",
];

/// Folders in which databases, search engines and the like keep their data, and what keeps it there.
const DATA: &[&str] = &[
    "/var/lib/postgresql",
    "/var/lib/postgres",
    "/var/lib/mysql",
    "/var/lib/mariadb",
    "/data/db",
    "/data/configdb",
    "/var/lib/mongodb",
    "/bitnami",
    "/var/lib/redis",
    "/usr/share/elasticsearch/data",
    "/usr/share/opensearch/data",
    "/var/lib/elasticsearch",
    "/var/lib/opensearch",
    "/var/lib/cassandra",
    "/var/lib/scylla",
    "/var/lib/clickhouse",
    "/var/lib/rabbitmq",
    "/var/lib/kafka",
    "/var/lib/zookeeper",
    "/kafka",
    "/bitnami/kafka",
    "/var/lib/influxdb",
    "/var/lib/influxdb2",
    "/var/lib/neo4j",
    "/var/lib/couchdb",
    "/opt/couchdb/data",
    "/opt/couchbase/var",
    "/var/lib/etcd",
    "/etcd-data",
    "/consul/data",
    "/vault/file",
    "/var/lib/grafana",
    "/prometheus",
    "/loki",
    "/var/lib/registry",
    "/var/lib/docker",
    "/var/opt/mssql",
    "/opt/oracle/oradata",
    "/var/lib/memcached",
    "/var/lib/minio",
    "/meili_data",
    "/typesense-data",
    "/qdrant/storage",
    "/var/lib/weaviate",
    "/var/lib/milvus",
    "/var/lib/ghost/content",
    "/var/jenkins_home",
    "/gitea",
    "/var/lib/gitea",
    "/var/opt/gitlab",
    "/nexus-data",
    "/var/lib/nats",
    "/pulsar/data",
    "/rethinkdb",
    "/cockroach/cockroach-data",
    "/var/lib/tarantool",
    "/var/lib/localstack",
    "/solr",
    "/var/solr",
    "/dgraph",
    "/var/lib/questdb",
    "/root/.ollama",
];

/// Whether a changed path below a mounted folder is noise: its folders, its name or its ending say so.
///
/// `path` is relative to the mounted folder.
pub fn is_noise(path: &Path) -> bool {
    let mut folders = path.components();
    let name = folders.next_back().and_then(|name| match name {
        Component::Normal(name) => name.to_str(),
        _ => None,
    });
    let inside = folders.any(|part| matches!(part, Component::Normal(part) if part.to_str().is_some_and(is_noisy_folder)));
    let Some(name) = name else {
        return inside;
    };
    inside
        || FOREIGN.contains(&name)
        || NAMES.contains(&name)
        || ENDINGS.iter().any(|ending| name.ends_with(ending))
        || BEGINNINGS
            .iter()
            .any(|start| name.starts_with(start) && (*start != "sed" || is_sed_temporary(name)))
        || (name.starts_with('#') && name.ends_with('#'))
}

/// `sed -i` writes `sedXXXXXX` beside the file before it renames it.
fn is_sed_temporary(name: &str) -> bool {
    name.len() == 9 && name[3..].bytes().all(|b| b.is_ascii_alphanumeric())
}

/// Whether a folder of a noisy name need not be watched at all.
pub fn is_noisy_folder(name: &str) -> bool {
    FOREIGN.contains(&name) || FOLDERS.contains(&name)
}

/// Whether a mount at `target` holds data rather than source: the image declares a volume there, or
/// a database or search engine is known to keep its data there.
pub fn holds_data(target: &Path, image_volumes: &[String]) -> bool {
    let at_or_below = |known: &Path| target.starts_with(known);
    let is_declared = image_volumes.iter().map(Path::new).any(|volume| {
        at_or_below(volume) || volume.starts_with(target) && volume != Path::new("/")
    });
    is_declared || DATA.iter().map(Path::new).any(at_or_below)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_editors_interpreters_and_version_control_write_is_noise() {
        for path in [
            ".git/index",
            "app/__pycache__/views.cpython-311.pyc",
            "node_modules/x/index.js",
            "app/.views.py.swp",
            "app/views.py~",
            "4913",
            "app/#views.py#",
            "app/.#views.py",
            "db.sqlite3",
            "db.sqlite3-journal",
            "app.log",
            "run/app.pid",
            "sedA1b2C3",
            "a/.DS_Store",
            "node_modules",
            ".git",
        ] {
            assert!(is_noise(Path::new(path)), "{path}");
        }
    }

    #[test]
    fn source_is_not_noise() {
        for path in [
            "app/views.py",
            "static/site.css",
            "dist/main.js",
            ".env",
            "sedative.py",
            "sedan1234.py",
            "Dockerfile",
            "logs.py",
            "tmp.rb",
            "a/target.rs",
            "target/model.py",
            "tmp/jobs.py",
            "logs/format.py",
        ] {
            assert!(!is_noise(Path::new(path)), "{path}");
        }
    }

    #[test]
    fn mounts_of_databases_and_of_declared_volumes_hold_data() {
        assert!(holds_data(Path::new("/var/lib/postgresql/data"), &[]));
        assert!(holds_data(Path::new("/usr/share/elasticsearch/data"), &[]));
        assert!(holds_data(Path::new("/srv/data"), &["/srv/data".into()]));
        assert!(holds_data(Path::new("/srv"), &["/srv/data".into()]));
        assert!(!holds_data(Path::new("/app"), &["/srv/data".into()]));
        assert!(!holds_data(Path::new("/var/lib/app"), &[]));
    }
}

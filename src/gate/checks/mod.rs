//! What is wrong with a service before anything is started: said by file, line and column.
//!
//! Pure: what an image holds and what lies on the disk are passed in.

mod data;

use std::path::Path;

use crate::diagnostic::{Diagnostic, Place};
use crate::name::ServiceName;
use crate::project::{Mount, MountType, Project, Service};
use crate::text::nearest::slips;

/// What an image says of itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct ImageFacts<'a> {
    /// Its entrypoint.
    pub entrypoint: &'a [String],
    /// Its command.
    pub command: &'a [String],
    /// The paths it declares as volumes.
    pub volumes: &'a [String],
    /// Its environment, as `KEY=value`.
    pub environment: &'a [String],
}

/// What lies on the disk of the engine's machine.
pub trait Disk {
    /// Whether there is something at this path; true where nobody can tell.
    fn exists(&self, path: &Path) -> bool;
    /// The names in a folder.
    fn names(&self, folder: &Path) -> Vec<String>;
    /// Whether the engine has a volume of this name; none asks for the unnamed one that the
    /// container before this one leaves behind.
    fn has_volume(&self, name: Option<&str>) -> bool;
}

/// One service, and what its image says.
struct Subject<'a> {
    project: &'a Project,
    name: &'a ServiceName,
    service: &'a Service,
    image: &'a ImageFacts<'a>,
}

/// Every finding about a service, the places in order; errors keep it from starting.
pub fn before_start(
    project: &Project,
    name: &ServiceName,
    image: &ImageFacts<'_>,
    disk: &dyn Disk,
) -> Vec<Diagnostic> {
    let Some(service) = project.services.get(name) else {
        return Vec::new();
    };
    let subject = Subject {
        project,
        name,
        service,
        image,
    };
    let mut found: Vec<Diagnostic> = one_string(&subject)
        .into_iter()
        .chain(data::password(&subject, disk))
        .collect();
    for (index, mount) in service.volumes.iter().enumerate() {
        let place = subject.place(&["volumes", &index.to_string()]);
        found.extend(data::beside(&subject, mount, place.clone()));
        found.extend(missing_source(&subject, mount, place, disk));
    }
    found
}

impl Subject<'_> {
    fn place(&self, path: &[&str]) -> Option<Place> {
        let mut whole = vec!["services", self.name.as_str()];
        whole.extend(path);
        self.project.place(&whole)
    }

    fn variable(&self, key: &str) -> Option<&str> {
        let own = self.service.environment.get(key);
        if let Some(value) = own.and_then(Option::as_deref) {
            return Some(value);
        }
        let prefix = |entry: &&String| {
            entry
                .strip_prefix(key)
                .is_some_and(|rest| rest.starts_with('='))
        };
        let entry = self.image.environment.iter().find(prefix)?;
        entry.get(key.len() + 1..)
    }
}

/// A whole command line in one list item: `command: ["python manage.py runserver"]`.
///
/// Only where that item is what the engine executes: behind an entrypoint it is an argument, and
/// arguments may hold blanks.
fn one_string(subject: &Subject<'_>) -> Option<Diagnostic> {
    let (own_entrypoint, own_command) = (
        subject.service.entrypoint.words(),
        subject.service.command.words(),
    );
    let (key, words) = match own_entrypoint {
        Some([]) | None if !subject.image.entrypoint.is_empty() && own_entrypoint.is_none() => {
            return None;
        }
        Some([]) | None => ("command", own_command?),
        Some(words) => ("entrypoint", words),
    };
    let line = one_word_line(words)?;
    let name = subject.name;
    let message = format!(
        "service `{name}` cannot start: its {key} is one word with blanks, `{line}` [one-string-command]"
    );
    let place = subject.place(&[key, "0"]).or_else(|| subject.place(&[key]));
    let whole = words.join(" ");
    Some(
        Diagnostic::error(message)
            .at(place)
            .hint(format!("write `{key}: {whole}`")),
    )
}

/// The first word, where it is a command line: it holds blanks, and begins like a program.
pub(super) fn one_word_line(words: &[String]) -> Option<&str> {
    let first = words.first()?.trim();
    let (program, rest) = first.split_once(char::is_whitespace)?;
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "._+-/".contains(letter);
    // `/opt/my app/run` may be a file: a blank inside a path is no command line.
    let is_path = program.starts_with('/') && rest.contains('/') && !rest.contains(' ');
    (!program.is_empty() && program.chars().all(plain) && !is_path).then_some(first)
}

/// A bind mount whose source is not there, beside something with nearly its name.
fn missing_source(
    subject: &Subject<'_>,
    mount: &Mount,
    place: Option<Place>,
    disk: &dyn Disk,
) -> Option<Diagnostic> {
    let source = Path::new(&mount.source);
    if mount.r#type != MountType::Bind || !source.is_absolute() || disk.exists(source) {
        return None;
    }
    let name = source.file_name()?.to_str()?;
    let folder = source.parent()?;
    let siblings = disk.names(folder);
    let near = siblings
        .iter()
        .map(|sibling| (slips(name, sibling), sibling))
        .filter(|(slips, _)| *slips <= 2)
        .min();
    let is_file = |path: &Path| path.extension().is_some();
    let files = is_file(source) && is_file(Path::new(&mount.target));
    let shown = source.strip_prefix(&subject.project.working_dir);
    let shown = shown.map_or_else(
        |_| source.display().to_string(),
        |below| format!("./{}", below.display()),
    );
    let service = subject.name;
    let found = match (files, near.is_some()) {
        (true, _) => Diagnostic::error(format!(
            "service `{service}` mounts the file `{shown}`, which is not there: the engine would make a folder of it [mount-source-missing]"
        )),
        (false, true) => Diagnostic::warning(format!(
            "service `{service}` mounts `{shown}`, which is not there and will be made [mount-source-missing]"
        )),
        (false, false) => return None,
    };
    let found = found.at(place);
    Some(match near {
        Some((_, sibling)) => {
            let meant = Path::new(&shown).with_file_name(sibling);
            let dot = if shown.starts_with("./") && !meant.starts_with(".") {
                "./"
            } else {
                ""
            };
            found.hint(format!("did you mean `{dot}{}`?", meant.display()))
        }
        None => found.hint("create the file, or mend the path"),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::PathBuf;

    use super::*;

    struct Names(Vec<PathBuf>);

    impl Disk for Names {
        fn exists(&self, path: &Path) -> bool {
            self.0.iter().any(|known| known.starts_with(path))
        }
        fn names(&self, folder: &Path) -> Vec<String> {
            let in_folder = self.0.iter().filter(|known| known.parent() == Some(folder));
            in_folder
                .filter_map(|known| Some(known.file_name()?.to_str()?.to_owned()))
                .collect()
        }
        fn has_volume(&self, name: Option<&str>) -> bool {
            name == Some("old")
        }
    }

    fn found(service: &str, image: &ImageFacts<'_>) -> String {
        let services: BTreeMap<ServiceName, Service> =
            serde_yaml::from_str(&format!("web: {service}")).unwrap();
        let project = Project {
            services,
            working_dir: "/p".into(),
            ..Project::default()
        };
        let disk = Names(["/p/config", "/p/app.yml"].map(PathBuf::from).into());
        let all = before_start(&project, &"web".into(), image, &disk);
        let text: Vec<String> = all.iter().map(ToString::to_string).collect();
        text.join("\n")
    }

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn a_command_line_in_one_list_item_is_named_with_the_line_to_write() {
        let none = ImageFacts::default();
        assert_eq!(
            found("{command: ['python manage.py runserver 0:8000']}", &none),
            "error: service `web` cannot start: its command is one word with blanks, `python manage.py runserver 0:8000` [one-string-command]\n\
             hint: write `command: python manage.py runserver 0:8000`"
        );
        assert_eq!(
            found("{entrypoint: ['./run it'], command: [x]}", &none),
            "error: service `web` cannot start: its entrypoint is one word with blanks, `./run it` [one-string-command]\n\
             hint: write `entrypoint: ./run it`"
        );
        let entrypoint = words(&["docker-entrypoint.sh"]);
        let redis = ImageFacts {
            entrypoint: &entrypoint,
            ..none
        };
        for right in [
            "{command: [bash, '-c', 'a b']}",
            "{command: ['--loglevel warning'], entrypoint: [redis]}",
            "{command: ['/opt/my app/run']}",
            "{command: [python, manage.py]}",
            "{}",
        ] {
            assert_eq!(found(right, &none), "", "{right}");
        }
        assert_eq!(found("{command: ['--loglevel warning']}", &redis), "");
        assert_ne!(found("{command: ['python x'], entrypoint: []}", &redis), "");
    }

    #[test]
    fn data_mounted_beside_the_images_volume_are_named() {
        let volumes = words(&["/var/lib/postgresql/data"]);
        let postgres = ImageFacts {
            volumes: &volumes,
            ..ImageFacts::default()
        };
        let at = |target: &str| {
            found(
                &format!("{{volumes: [{{type: volume, source: db, target: {target}}}]}}"),
                &postgres,
            )
        };
        assert_eq!(
            at("/var/lib/postgres/data"),
            "warning: service `web` keeps its data in `/var/lib/postgresql/data`, and nothing of yours is mounted there: `/var/lib/postgres/data` stays empty, and the data go with the container [data-beside-the-volume]\n\
             hint: mount it at `/var/lib/postgresql/data`"
        );
        assert!(at("/var/lib/postgresql").starts_with("warning: "));
        assert_eq!(at("/var/lib/postgresql/data/"), "");
        assert_eq!(at("/docker-entrypoint-initdb.d"), "");
        let modules = words(&["/app/node_modules"]);
        let node = ImageFacts {
            volumes: &modules,
            ..ImageFacts::default()
        };
        assert_eq!(
            found(
                "{volumes: [{type: bind, source: /p/config, target: /app}]}",
                &node
            ),
            ""
        );
    }

    #[test]
    fn postgresql_18_is_told_from_those_before() {
        let environment = |major: &str| {
            words(&[
                &format!("PG_MAJOR={major}"),
                "PGDATA=/var/lib/postgresql/18/docker",
            ])
        };
        let at = |major: &str, target: &str| {
            let environment = environment(major);
            let image = ImageFacts {
                environment: &environment,
                ..ImageFacts::default()
            };
            found(
                &format!("{{volumes: [{{type: volume, source: db, target: {target}}}]}}"),
                &image,
            )
        };
        assert!(at("18", "/var/lib/postgresql/data").contains("runs PostgreSQL 18"));
        assert_eq!(at("17", "/var/lib/postgresql/data"), "");
        assert_eq!(at("18", "/var/lib/postgresql"), "");
    }

    #[test]
    fn a_database_that_begins_anew_wants_a_password() {
        let entrypoint = words(&["docker-entrypoint.sh"]);
        let command = words(&["postgres"]);
        let environment = words(&["PG_MAJOR=16", "PGDATA=/var/lib/postgresql/data"]);
        let postgres = ImageFacts {
            entrypoint: &entrypoint,
            command: &command,
            environment: &environment,
            ..ImageFacts::default()
        };
        let wrong = "error: service `web` cannot start: PostgreSQL's first start wants a password, and `POSTGRES_PASSWORD` is not set [database-password]\n\
                     hint: add `POSTGRES_PASSWORD` to `environment:` of `web`";
        let volume = |name: &str| {
            format!(
                "{{volumes: [{{type: volume, source: {name}, target: /var/lib/postgresql/data}}]}}"
            )
        };
        assert_eq!(found("{}", &postgres), wrong);
        assert_eq!(found(&volume("new"), &postgres), wrong);
        assert_eq!(found("{command: [-c, fsync=off]}", &postgres), wrong);
        assert_eq!(
            found("{environment: {POSTGRES_PASSWORD: ''}}", &postgres),
            wrong
        );
        for right in [
            volume("old"),
            "{environment: {POSTGRES_PASSWORD: x}}".to_owned(),
            "{environment: {POSTGRES_PASSWORD_FILE: /run/secrets/x}}".to_owned(),
            "{environment: {POSTGRES_HOST_AUTH_METHOD: trust}}".to_owned(),
            "{command: [psql]}".to_owned(),
            "{entrypoint: [sh]}".to_owned(),
            "{volumes: [{type: bind, source: /p, target: /var/lib/postgresql/data}]}".to_owned(),
        ] {
            assert_eq!(found(&right, &postgres), "", "{right}");
        }
        assert_eq!(found("{}", &ImageFacts::default()), "");
    }

    #[test]
    fn a_missing_source_is_a_warning_beside_a_near_name_and_an_error_for_a_file() {
        let bind = |source: &str, target: &str| {
            let mount =
                format!("{{volumes: [{{type: bind, source: {source}, target: {target}}}]}}");
            found(&mount, &ImageFacts::default())
        };
        assert_eq!(
            bind("/p/confg", "/etc/app"),
            "warning: service `web` mounts `./confg`, which is not there and will be made [mount-source-missing]\n\
             hint: did you mean `./config`?"
        );
        assert_eq!(
            bind("/p/ap.yml", "/etc/app.yml"),
            "error: service `web` mounts the file `./ap.yml`, which is not there: the engine would make a folder of it [mount-source-missing]\n\
             hint: did you mean `./app.yml`?"
        );
        assert_eq!(bind("/p/data", "/data"), "");
        assert_eq!(bind("/p/config", "/etc/app"), "");
    }
}

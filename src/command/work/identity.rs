//! Two directories of one name are two projects: who only has the directory's name does not take
//! over another's containers.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::compose;
use crate::convert::label;
use crate::diagnostic::Diagnostic;
use crate::plan::Observed;
use crate::project::{NameOrigin, Project};

/// What the engine's containers say of where the project lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Home {
    /// Here, or nobody says otherwise.
    Here,
    /// It was there, and that is gone.
    Moved(PathBuf),
    /// Another directory of the same name, which still has its files.
    Elsewhere(PathBuf),
}

/// Compares the directory of the containers with the project's.
pub(super) fn home(project: &Project, observed: &Observed) -> Home {
    if project.name_origin != NameOrigin::Directory {
        return Home::Here;
    }
    let labels = observed.containers.iter().map(|one| &one.labels);
    let others: BTreeSet<(&str, &str)> = labels
        .filter_map(|labels| {
            let files = labels.get(label::CONFIG_FILES).map_or("", String::as_str);
            Some((labels.get(label::WORKING_DIR)?.as_str(), files))
        })
        .filter(|(there, _)| !is_same(Path::new(there), &project.home))
        .filter(|(there, _)| bears(Path::new(there), &project.name))
        .collect();
    let mut home = Home::Here;
    for (there, files) in others {
        let there = PathBuf::from(there);
        let alive = files.split(',').any(|file| there.join(file).is_file());
        match there.is_dir() && alive {
            true => return Home::Elsewhere(there),
            false => home = Home::Moved(there),
        }
    }
    home
}

/// Whether a directory's name is the project's. Where it is not, somebody chose the name there, and
/// means to share it.
fn bears(there: &Path, project: &str) -> bool {
    let name = there.file_name().map(|name| name.to_string_lossy());
    name.is_some_and(|name| compose::normalize_name(&name) == project)
}

/// Whether two paths are one directory: by device and inode, else by their real paths.
fn is_same(one: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    if one == other {
        return true;
    }
    match (std::fs::metadata(one), std::fs::metadata(other)) {
        (Ok(one), Ok(other)) => (one.dev(), one.ino()) == (other.dev(), other.ino()),
        _ => false,
    }
}

/// Why a command that changes something refuses.
pub(super) fn refusal(project: &Project, there: &Path) -> Diagnostic {
    Diagnostic::error(format!(
        "project `{}` belongs to another directory: its containers were made in `{}`, and this is `{}`",
        project.name,
        there.display(),
        project.home.display()
    ))
    .hint(format!(
        "name this one: `dco -p OTHER …`, or `name: other` at the top of the file, or `COMPOSE_PROJECT_NAME`; \
         to take `{}` over all the same: `--adopt`, or DCO_ADOPT=1",
        project.name
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::observed::{Container, State};

    fn observed(there: &Path) -> Observed {
        let labels = [
            (label::WORKING_DIR, there.display().to_string()),
            (
                label::CONFIG_FILES,
                there.join("compose.yaml").display().to_string(),
            ),
        ];
        let container = Container {
            id: "1".into(),
            name: "app-web-1".into(),
            service: "web".into(),
            number: Some(1),
            one_off: false,
            state: State::Running,
            exit_code: None,
            health: None,
            image: "sha256:1".into(),
            image_name: String::new(),
            labels: labels.map(|(key, value)| (key.to_owned(), value)).into(),
            network_mode: String::new(),
            networks: Vec::new(),
            mounts: Vec::new(),
            created: 0,
        };
        Observed {
            containers: vec![container],
            ..Observed::default()
        }
    }

    #[test]
    fn a_link_is_the_same_place_a_lost_one_has_moved_and_another_is_another() {
        let root = tempfile::tempdir().unwrap();
        let (here, other) = (root.path().join("a/app"), root.path().join("b/app"));
        for folder in [&here, &other] {
            std::fs::create_dir_all(folder).unwrap();
        }
        let link = root.path().join("link");
        std::os::unix::fs::symlink(&here, &link).unwrap();
        let mut project = Project {
            name: "app".into(),
            // Of fetched files that is somewhere else.
            working_dir: root.path().join("checkout"),
            home: here.clone(),
            ..Project::default()
        };
        assert_eq!(home(&project, &observed(&here)), Home::Here);
        assert_eq!(home(&project, &observed(&link)), Home::Here);
        assert_eq!(
            home(&project, &observed(&other)),
            Home::Moved(other.clone())
        );
        std::fs::write(other.join("compose.yaml"), "").unwrap();
        assert_eq!(
            home(&project, &observed(&other)),
            Home::Elsewhere(other.clone())
        );
        let named = root.path().join("b/named-app-by-hand");
        std::fs::create_dir_all(&named).unwrap();
        std::fs::write(named.join("compose.yaml"), "").unwrap();
        assert_eq!(home(&project, &observed(&named)), Home::Here);
        project.name_origin = NameOrigin::File;
        assert_eq!(home(&project, &observed(&other)), Home::Here);
    }
}

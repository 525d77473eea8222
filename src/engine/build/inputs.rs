//! What a build would read now, and what dco remembers of what it read: the reading side of
//! [`crate::plan::fresh`].

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::context::{Found, Selection, follow, list};
use crate::convert::{Dockerfile, ImageBuild, Source};
use crate::name::ImageId;
use crate::plan::fresh::{Mark, Recipe, Shadow, Take, Taking, takes};
use crate::text::dockerignore::Patterns;

/// A folder or file of this machine that a service mounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BindMount {
    /// The path on this machine.
    pub source: PathBuf,
    /// The path in the container.
    pub target: String,
}

/// The text of a build's Dockerfile; none where it is elsewhere or cannot be read.
pub fn steps(build: &ImageBuild) -> Option<String> {
    match &build.dockerfile {
        Dockerfile::InContext(_) => None,
        Dockerfile::Inline(text) => Some(text.clone()),
        Dockerfile::File(path) => std::fs::read_to_string(path).ok(),
    }
}

/// Reads what a build would take now. Files that look as they did in `known` are not opened.
///
/// None where that cannot be told: the context or the Dockerfile is elsewhere.
///
/// # Errors
/// A file or folder that is there and cannot be read.
pub fn recipe(
    build: &ImageBuild,
    mounts: &[BindMount],
    known: Option<&Recipe>,
) -> io::Result<Option<Recipe>> {
    let Source::Folder(context) = &build.context else {
        return Ok(None);
    };
    let (name, text, ignore) = match &build.dockerfile {
        Dockerfile::InContext(_) => return Ok(None),
        Dockerfile::Inline(text) => ("dockerfile_inline".to_owned(), text.clone(), None),
        Dockerfile::File(path) => {
            let mut own = path.clone().into_os_string();
            own.push(".dockerignore");
            let name = path.strip_prefix(context).unwrap_or(path);
            let text = std::fs::read_to_string(path)?;
            (name.display().to_string(), text, Some(PathBuf::from(own)))
        }
    };
    let named: BTreeSet<String> = build.contexts.keys().cloned().collect();
    let takes = takes(&text, &build.target, &build.args, &named);
    let mut files = BTreeMap::new();
    let mut read = |folder: &Path, name: Option<&str>, ignore: &Patterns| -> io::Result<()> {
        let of_it: Vec<&Take> = takes
            .iter()
            .filter(|take| take.context.as_deref() == name)
            .collect();
        let takings: Vec<Taking<'_>> = of_it.iter().map(|take| Taking::new(take)).collect();
        let shadows = shadows(folder, mounts);
        for found in taken(folder, &of_it, ignore)? {
            if found.metadata.is_dir()
                || !takings
                    .iter()
                    .any(|taking| taking.counts(&found.path, &shadows))
            {
                continue;
            }
            let path = match name {
                None => found.path.clone(),
                Some(name) => format!("{name}:{}", found.path),
            };
            let before = known.and_then(|known| known.files.get(&path));
            files.insert(path, mark(&found.on_disk, &found.metadata, before)?);
        }
        Ok(())
    };
    let excludes = ignored(context, ignore.as_deref())?;
    read(context, None, &excludes)?;
    for (name, source) in &build.contexts {
        if let Source::Folder(folder) = source {
            read(folder, Some(name), &ignored(folder, None)?)?;
        }
    }
    Ok(Some(Recipe {
        others: others(context, &name, known)?,
        dockerfile: name,
        text: digest(text.as_bytes()),
        target: build.target.clone(),
        args: build
            .args
            .iter()
            .map(|(key, value)| (key.clone(), digest(value.as_bytes())))
            .collect(),
        files,
    }))
}

/// The files that these steps take of a folder.
fn taken(folder: &Path, takes: &[&Take], excludes: &Patterns) -> io::Result<Vec<Found>> {
    if takes.is_empty() {
        return Ok(Vec::new());
    }
    let sources: Vec<String> = takes.iter().flat_map(|take| take.sources.clone()).collect();
    let selection = Selection {
        excludes: excludes.clone(),
        includes: follow(folder, &sources)?,
    };
    list(folder, &selection)
}

/// The patterns of a context: the Dockerfile's own file comes first.
fn ignored(context: &Path, own: Option<&Path>) -> io::Result<Patterns> {
    let usual = context.join(".dockerignore");
    for path in own.into_iter().chain([usual.as_path()]) {
        match std::fs::read_to_string(path) {
            Ok(text) => return Patterns::read(&text).map_err(io::Error::other),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Patterns::default())
}

/// The mounts of files of the context.
fn shadows(context: &Path, mounts: &[BindMount]) -> Vec<Shadow> {
    let relative = |path: &Path| {
        let path = path.strip_prefix(context).ok()?.to_str()?;
        Some(match path {
            "" => ".".to_owned(),
            path => path.trim_end_matches('/').to_owned(),
        })
    };
    mounts
        .iter()
        .filter_map(|mount| {
            Some(Shadow {
                source: relative(&mount.source)?,
                target: crate::text::path::clean(&mount.target),
            })
        })
        .collect()
}

/// The Dockerfiles at the context's root that are not built.
fn others(
    context: &Path,
    built: &str,
    known: Option<&Recipe>,
) -> io::Result<BTreeMap<String, Mark>> {
    let mut others = BTreeMap::new();
    for entry in std::fs::read_dir(context)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let is_one = name.starts_with("Dockerfile") || name.ends_with(".Dockerfile");
        if !is_one || name == built || name.ends_with(".dockerignore") {
            continue;
        }
        let metadata = entry.metadata()?;
        if metadata.is_file() {
            let before = known.and_then(|known| known.others.get(&name));
            others.insert(name, mark(&entry.path(), &metadata, before)?);
        }
    }
    Ok(others)
}

/// What a file is; its content is read only where it does not look as it did before.
fn mark(path: &Path, metadata: &std::fs::Metadata, before: Option<&Mark>) -> io::Result<Mark> {
    let mut mark = Mark {
        size: metadata.len(),
        modified: i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec()),
        mode: metadata.mode(),
        content: String::new(),
    };
    mark.content = match before {
        Some(before) if before.looks_like(&mark) => before.content.clone(),
        _ if metadata.is_symlink() => std::fs::read_link(path)?.display().to_string(),
        _ if metadata.is_file() => {
            let mut hash = Sha256::new();
            let mut file = std::fs::File::open(path)?;
            let mut piece = vec![0; 64 * 1024];
            loop {
                match file.read(&mut piece)? {
                    0 => break,
                    count => hash.update(&piece[..count]),
                }
            }
            hex(&hash.finalize())
        }
        _ => String::new(),
    };
    Ok(mark)
}

fn digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What dco remembers of the images that it built; losing it costs a rebuild at the most, and none
/// where the image is then taken for fresh.
#[derive(Clone, Debug)]
pub struct Recipes(PathBuf);

/// As many are kept; older ones go.
const KEPT: usize = 200;

impl Recipes {
    /// Those below dco's state folder.
    pub fn below(state: &Path) -> Self {
        Self(state.join("builds"))
    }

    fn path(&self, image: &ImageId) -> PathBuf {
        let name = image.strip_prefix("sha256:").unwrap_or(image);
        self.0.join(format!("{name}.json"))
    }

    /// What an image was built from; none where this machine's dco did not build it.
    pub fn get(&self, image: &ImageId) -> Option<Recipe> {
        let text = std::fs::read(self.path(image)).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Remembers what an image was built from.
    ///
    /// # Errors
    /// The state folder cannot be written.
    pub fn put(&self, image: &ImageId, recipe: &Recipe) -> io::Result<()> {
        std::fs::create_dir_all(&self.0)?;
        let path = self.path(image);
        // Read by others meanwhile: it is there whole or not at all.
        let part = path.with_extension(format!("part-{}", std::process::id()));
        std::fs::write(&part, serde_json::to_vec(recipe)?)?;
        std::fs::rename(&part, &path)?;
        self.thin_out()
    }

    fn thin_out(&self) -> io::Result<()> {
        let mut kept = Vec::new();
        for entry in std::fs::read_dir(&self.0)? {
            let entry = entry?;
            kept.push((entry.metadata()?.modified()?, entry.path()));
        }
        kept.sort();
        let surplus = kept.len().saturating_sub(KEPT);
        for (_, path) in &kept[..surplus] {
            std::fs::remove_file(path)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fresh::changed;

    struct Tree(tempfile::TempDir);

    impl Tree {
        fn new(files: &[(&str, &str)]) -> Self {
            let tree = Self(tempfile::tempdir().unwrap());
            for (path, text) in files {
                tree.write(path, text);
            }
            tree
        }

        fn write(&self, path: &str, text: &str) {
            let path = self.0.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }

        fn build(&self) -> ImageBuild {
            use crate::convert::{BuildOptions, BuildSurroundings, Builder, Stamp, image_build};
            use crate::project::{Mapping, Project, Service};
            let service = Service {
                build: Some(Box::default()),
                ..Service::default()
            };
            let project = Project {
                working_dir: self.0.path().to_owned(),
                services: [("web".into(), service)].into(),
                ..Project::default()
            };
            let around = BuildSurroundings {
                options: &BuildOptions::default(),
                builder: Builder::BuildKit,
                proxy: &Mapping::new(),
                stamp: &Stamp::default(),
            };
            image_build(&project, &"web".into(), &around)
                .unwrap()
                .unwrap()
        }

        fn recipe(&self, mounts: &[BindMount], known: Option<&Recipe>) -> Recipe {
            recipe(&self.build(), mounts, known).unwrap().unwrap()
        }
    }

    fn files(recipe: &Recipe) -> String {
        let paths = recipe.files.keys().map(String::as_str);
        paths.collect::<Vec<_>>().join(" ")
    }

    const DJANGO: &str = "FROM python:3\nWORKDIR /app\nCOPY requirements.txt /app/\n\
                          RUN pip install -r requirements.txt\nCOPY . /app/\n";

    #[test]
    fn a_saved_source_under_a_mount_is_no_input_and_a_requirement_is() {
        let tree = Tree::new(&[
            ("Dockerfile", DJANGO),
            ("Dockerfile.prod", "FROM x"),
            (".dockerignore", "*.log\n"),
            ("requirements.txt", "Django"),
            ("app/views.py", "1"),
            ("a.log", "noise"),
        ]);
        let mount = BindMount {
            source: tree.0.path().to_owned(),
            target: "/app/".into(),
        };
        let mounted = [mount];
        let before = tree.recipe(&mounted, None);
        assert_eq!(files(&before), "requirements.txt");
        assert_eq!(
            files(&tree.recipe(&[], None)),
            ".dockerignore Dockerfile Dockerfile.prod app/views.py requirements.txt"
        );

        tree.write("app/views.py", "22");
        tree.write("a.log", "more noise");
        assert_eq!(
            changed(&before, &tree.recipe(&mounted, Some(&before))),
            None
        );
        tree.write("requirements.txt", "Django>5");
        let after = tree.recipe(&mounted, Some(&before));
        assert_eq!(
            changed(&before, &after).as_deref(),
            Some("requirements.txt")
        );
        tree.write("Dockerfile.prod", "FROM y!");
        let after = tree.recipe(&mounted, Some(&before));
        assert_eq!(
            crate::plan::fresh::edited_in_vain(&before, &after).as_deref(),
            Some("Dockerfile.prod")
        );
    }

    #[test]
    fn a_file_that_looks_as_it_did_is_not_opened() {
        let tree = Tree::new(&[("Dockerfile", "FROM a\nCOPY big /\n"), ("big", "x")]);
        let mut before = tree.recipe(&[], None);
        before.files.get_mut("big").unwrap().content = "as remembered".into();
        let after = tree.recipe(&[], Some(&before));
        assert_eq!(after.files["big"].content, "as remembered");
    }

    #[test]
    fn recipes_are_remembered_by_image() {
        let tree = Tree::new(&[("Dockerfile", "FROM a\n")]);
        let recipes = Recipes::below(&tree.0.path().join("state"));
        let image = ImageId::from("sha256:abc");
        assert_eq!(recipes.get(&image), None);
        let recipe = tree.recipe(&[], None);
        recipes.put(&image, &recipe).unwrap();
        assert_eq!(recipes.get(&image), Some(recipe));
    }
}

//! `dco build`.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;

use anyhow::Result;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::builds::Builds;
use super::image_run::ImageRun;
use super::{Context, Globals, bake};
use crate::convert::{BuildOptions, Output, Platforms};
use crate::diagnostic::Diagnostic;
use crate::event::{Event, Resource, Status};
use crate::name::{ImageId, ServiceName};
use crate::plan::bases::Bases;
use crate::project::{Along, Project, SshKey};
use crate::report::{self, Exit, ProgressMode};

/// Build the images of services
#[derive(Debug, Default, clap::Args)]
#[command(after_help = "Examples:
  dco build
  dco build --no-cache web
  dco build --build-arg VERSION=2")]
pub struct Args {
    /// Services, all of them by default
    services: Vec<String>,

    /// Set a build argument; without a value, take it from this environment
    #[arg(long, value_name = "KEY=VALUE")]
    build_arg: Vec<String>,

    /// Builder of buildx to use; by default the engine's own
    #[arg(long, value_name = "NAME")]
    builder: Option<String>,

    /// Check the Dockerfiles and build nothing, by docker buildx
    #[arg(long)]
    check: bool,

    /// Print the bake file that says the same, and build nothing
    #[arg(long)]
    print: bool,

    /// Attest where the images come from, by docker buildx
    #[arg(long, value_name = "VALUE", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    provenance: Option<String>,

    /// Attest what the images hold, by docker buildx
    #[arg(long, value_name = "VALUE", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    sbom: Option<String>,

    /// Push the images when they are built
    #[arg(long)]
    push: bool,

    /// Memory limit of build steps, for the classic builder
    #[arg(short, long, value_name = "BYTES", value_parser = bytes)]
    memory: Option<i64>,

    /// Do not use cached steps
    #[arg(long)]
    no_cache: bool,

    /// Look for newer base images
    #[arg(long)]
    pull: bool,

    /// Show nothing of the build
    #[arg(short, long)]
    quiet: bool,

    /// SSH agent that the build may use: `default`, or `id=` and a socket or a private key
    #[arg(long, value_name = "KEY", num_args = 0..=1, default_missing_value = "default")]
    ssh: Vec<String>,

    /// Build the services that the named ones depend on too
    #[arg(long)]
    with_dependencies: bool,

    #[command(flatten)]
    ignored: Ignored,
}

/// What Compose takes for the sake of old scripts.
#[derive(Debug, Default, clap::Args)]
struct Ignored {
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    compress: Option<String>,
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    force_rm: Option<String>,
    #[arg(long, hide = true)]
    no_rm: bool,
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    parallel: Option<String>,
    /// The same as before the verb: [`with_progress`].
    #[arg(long, hide = true)]
    progress: Option<String>,
}

/// The flags before the verb, with the `--progress` that stands behind `build`.
pub(super) fn with_progress(mut globals: Globals, matches: &clap::ArgMatches) -> Globals {
    if let Some(("build", build)) = matches.subcommand()
        && let Some(progress) = build.get_one::<String>("progress")
    {
        globals.progress = Some(progress.clone());
    }
    globals
}

fn bytes(text: &str) -> Result<i64, String> {
    crate::text::size::parse(text).map_err(|error| error.to_string())
}

/// Builds the images of the services that have a `build`, side by side where none needs another.
pub async fn run(args: &Args, cx: &Context) -> Result<ExitCode> {
    let along = match args.with_dependencies {
        true => Along::Dependencies,
        false => Along::Nothing,
    };
    // Contexts may be other services' images, so the whole file is at hand.
    let all = cx.load_model()?;
    let named = cx.narrow(all.clone(), &args.services, along)?;
    let all = all.with_profiles(named.profiles.clone());
    let engine = cx.engine()?;
    let mut builds = Builds::open(cx, &engine, &all, args.options()?).await?;
    if args.quiet {
        builds = builds.quietly();
    }
    let bases = builds.bases();
    let absent = builds.absent(&bases, named.services.keys()).await?;
    let wanted = wanted(&all, &named, (&bases, &absent));
    if wanted.is_empty() {
        cx.reporter()
            .show(&Diagnostic::warning("no services to build"));
    }
    let what = args.wants_buildx(cx, &named);
    if args.print || what.is_some() {
        return args.bake(cx, &named, (&builds, &wanted, what)).await;
    }
    let say = |name: &ServiceName, status, text: &str| {
        if args.quiet {
            return;
        }
        cx.events().emit(Event::Progress {
            resource: Resource::Service {
                name: name.clone(),
                image: builds.image(name),
            },
            status,
            text: text.to_owned(),
            details: String::new(),
            transfer: None,
        });
    };
    let run = ImageRun::begin("build");
    let failed = build_all((&builds, &run), &bases, (wanted, cx.at_once()?), &say).await;
    run.remember(cx, &engine, &all.name);
    match failed {
        None if args.push => super::push::built(&named, &engine, (args.quiet, cx)).await,
        None => Ok(ExitCode::SUCCESS),
        Some(failure) => {
            cx.reporter().settle()?;
            cx.reporter().show(&failure.diagnostic());
            Err(Exit(failure.exit_code()).into())
        }
    }
}

/// Builds each service after those whose images it takes; the first failure, after what runs has
/// ended.
async fn build_all(
    (builds, run): (&Builds<'_>, &ImageRun),
    bases: &Bases,
    (mut due, at_once): (BTreeSet<ServiceName>, Option<usize>),
    say: &dyn Fn(&ServiceName, Status, &str),
) -> Option<crate::engine::BuildFailure> {
    let mut running = FuturesUnordered::new();
    let mut under_way: BTreeSet<ServiceName> = BTreeSet::new();
    let mut failed = None;
    loop {
        let is_open = |name: &ServiceName| due.contains(name) || under_way.contains(name);
        let ready: Vec<ServiceName> = due
            .iter()
            .filter(|name| !bases.get(*name).into_iter().flatten().any(is_open))
            .cloned()
            .collect();
        let room = at_once.map_or(usize::MAX, |limit| limit.saturating_sub(under_way.len()));
        for name in ready.into_iter().filter(|_| failed.is_none()).take(room) {
            due.remove(&name);
            under_way.insert(name.clone());
            say(&name, Status::Working, "Building");
            running.push(async move {
                let since = run.elapsed();
                let result: Result<ImageId, _> = builds.build(&name).await;
                run.ended(&name, since, (&builds.image(&name), result.as_ref().ok()));
                (name, result)
            });
        }
        let Some((name, result)) = running.next().await else {
            return failed;
        };
        under_way.remove(&name);
        match result {
            Ok(_) => say(&name, Status::Done, "Built"),
            Err(failure) => {
                say(&name, Status::Error, "Error");
                failed = failed.or(Some(failure));
            }
        }
    }
}

/// The named services that are built, those whose images they take as contexts, and those whose
/// images they take and that have none.
fn wanted(
    all: &Project,
    named: &Project,
    (bases, absent): (&Bases, &BTreeSet<ServiceName>),
) -> BTreeSet<ServiceName> {
    let mut wanted = BTreeSet::new();
    let mut due: Vec<ServiceName> = named.services.keys().cloned().collect();
    while let Some(name) = due.pop() {
        let service = all.any_service(&name);
        if service.is_some_and(|service| service.build.is_some()) && wanted.insert(name.clone()) {
            let taken = bases.get(&name).into_iter().flatten().cloned();
            due.extend(contexts(all, &name));
            due.extend(taken.filter(|base| absent.contains(base)));
        }
    }
    wanted
}

/// The services whose images a service's build takes as contexts.
fn contexts(project: &Project, name: &ServiceName) -> impl Iterator<Item = ServiceName> {
    let service = project.any_service(name);
    let build = service.and_then(|service| service.build.as_ref());
    let values = build
        .into_iter()
        .flat_map(|build| build.additional_contexts.values());
    values.filter_map(|value| value.strip_prefix("service:").map(ServiceName::from))
}

impl Args {
    /// What only docker buildx does, in the words of the user; none where the engine's own builder
    /// is enough.
    fn wants_buildx(&self, cx: &Context, project: &Project) -> Option<String> {
        let set = |value: &Option<String>| value.as_deref().is_some_and(|it| it != "false");
        if let Some(builder) = self.builder(cx) {
            return Some(format!("the builder `{builder}`"));
        }
        for (asked, flag) in [
            (self.check, "`build --check`"),
            (set(&self.provenance), "`build --provenance`"),
            (set(&self.sbom), "`build --sbom`"),
        ] {
            if asked {
                return Some(flag.to_owned());
            }
        }
        let attests = |value: &str| !matches!(value, "" | "false");
        let builds = project.services.iter();
        let mut builds = builds.filter_map(|(name, it)| Some((name, it.build.as_ref()?)));
        let (name, _) = builds.find(|(_, it)| attests(&it.provenance) || attests(&it.sbom))?;
        Some(format!("an attestation of service `{name}`"))
    }

    /// Another builder than the engine's own.
    fn builder(&self, cx: &Context) -> Option<String> {
        let given = self.builder.as_deref().filter(|name| !name.is_empty());
        let given = given.or(cx.env.get("BUILDX_BUILDER"));
        given.filter(|name| *name != "default").map(str::to_owned)
    }

    /// Prints the bake file, or has it baked.
    async fn bake(
        &self,
        cx: &Context,
        named: &Project,
        (builds, wanted, what): (&Builds<'_>, &BTreeSet<ServiceName>, Option<String>),
    ) -> Result<ExitCode> {
        let output = match (self.check, self.push) {
            (true, _) => Output::Check,
            (false, true) => Output::Registry,
            (false, false) => Output::Engine,
        };
        let wanted: Vec<ServiceName> = wanted.iter().cloned().collect();
        let bake = builds.bake(&wanted, output)?;
        if self.print {
            report::print(&format!("{}\n", bake.text()))?;
            return Ok(ExitCode::SUCCESS);
        }
        let flags = bake::Flags {
            builder: self.builder(cx),
            provenance: self.provenance.clone(),
            sbom: self.sbom.clone(),
            progress: match (self.quiet, cx.style().progress) {
                (true, _) | (false, ProgressMode::Quiet) => Some("quiet".to_owned()),
                (false, ProgressMode::Plain) => Some("plain".to_owned()),
                (false, ProgressMode::Json) => Some("rawjson".to_owned()),
                (false, _) => None,
            },
        };
        bake::bake(cx, named, &bake, (&flags, &what.unwrap_or_default())).await
    }

    fn options(&self) -> Result<BuildOptions> {
        let args = self.build_arg.iter().map(|arg| match arg.split_once('=') {
            Some((key, value)) => (key.to_owned(), Some(value.to_owned())),
            None => (arg.clone(), None),
        });
        let ssh = self.ssh.iter().map(|key| match key.split_once('=') {
            Some((id, path)) => Ok(SshKey {
                id: id.to_owned(),
                path: path.to_owned(),
            }),
            None if matches!(key.as_str(), "" | "default") => Ok(SshKey {
                id: "default".to_owned(),
                path: String::new(),
            }),
            None => Err(Diagnostic::error(format!("invalid ssh key `{key}`")).hint(
                "say `default`, or `id=` and the path of an agent's socket or of a private key",
            )),
        });
        Ok(BuildOptions {
            args: args.collect::<BTreeMap<_, _>>(),
            no_cache: self.no_cache,
            pull: self.pull,
            ssh: ssh.collect::<Result<_, _>>()?,
            memory: self.memory.unwrap_or_default(),
            platforms: Platforms::Every,
        })
    }
}

//! Images: what is pulled, what is built, in which order, and whom a new one replaces.

use super::stage::{stage, stage_of_built};
use crate::plan::observed::State;
use crate::plan::{BuildPolicy, PullPolicy};

#[test]
fn an_image_is_pulled_once_for_all_that_use_it() {
    let mut stage = stage(&["a", "b"]);
    stage.service("b").image = "a".into();
    stage.observed.images.clear();
    assert_eq!(
        stage.up(),
        "\
#1 pull a  (missing)
#2 create network app_default  (missing)
#3 create app-a-1  (missing)  after #1 #2
#4 create app-b-1  (missing)  after #1 #2
#5 start app-a-1  (missing)  after #3
#6 start app-b-1  (missing)  after #4
"
    );
}

#[test]
fn what_is_new_starts_while_others_build() {
    let mut stage = stage(&["db", "web"]);
    stage.service("web").build = Some(Box::default());
    stage.service("web").image.clear();
    assert_eq!(
        stage.up(),
        "\
#1 build web  (missing)
#2 create network app_default  (missing)
#3 create app-db-1  (missing)  after #2
#4 create app-web-1  (missing)  after #1 #2
#5 start app-db-1  (missing)  after #3
#6 start app-web-1  (missing)  after #1 #4
"
    );
}

#[test]
fn what_serves_by_ending_waits_for_every_build() {
    let mut stage = stage(&["migrate", "web"]);
    stage.service("web").build = Some(Box::default());
    stage.service("web").image.clear();
    stage.depends("web", "migrate").condition = crate::project::Condition::CompletedSuccessfully;
    let text = stage.up();
    assert!(
        text.contains("#5 start app-migrate-1  (missing)  after #1 #3\n"),
        "{text}"
    );
}

#[test]
fn nothing_that_exists_is_stopped_before_every_image_is_there() {
    let mut stage = stage(&["a", "b", "c"]).with(|s| s.resources());
    stage.container("c", 1, State::Running);
    stage.service("c").tty = true;
    stage.observed.images.remove("a");
    stage.observed.images.remove("b");
    assert_eq!(
        stage.up(),
        "\
#1 pull a  (missing)
#2 pull b  (missing)
#3 images ready  (requested)  after #1 #2
#4 create app-a-1  (missing)  after #1
#5 create app-b-1  (missing)  after #2
#6 create 312d632d7070_app-c-1  (config changed, fields unknown: made by Compose 2.40.3)  after #3
#7 start app-a-1  (missing)  after #4
#8 start app-b-1  (missing)  after #5
#9 stop app-c-1  (replaced)  after #3 #6
#10 start 312d632d7070_app-c-1  (replaced)  after #3 #9
#11 remove app-c-1  (replaced)  after #10
#12 rename 312d632d7070_app-c-1 to app-c-1  (replaced)  after #11
#13 remove 312d632d7070_app-c-1  (if #9 #10 fails)
#14 start app-c-1  (if #9 #10 fails)  after #13
"
    );
}

#[test]
fn a_build_replaces_only_what_it_changed() {
    let mut stage = stage(&["web"]).with(|s| s.service("web").build = Some(Box::default()));
    stage = stage.running();
    stage.policy.build = BuildPolicy::Always;
    assert_eq!(
        stage.up(),
        "\
#1 build web  (requested)
#2 create 312d6265772d_app-web-1  (if its image changed)  after #1
#3 stop app-web-1  (if #2)  after #1 #2
#4 start 312d6265772d_app-web-1  (if #2)  after #1 #2 #3
#5 remove app-web-1  (if #2)  after #2 #4
#6 rename 312d6265772d_app-web-1 to app-web-1  (if #2)  after #2 #5
#7 remove 312d6265772d_app-web-1  (if #3 #4 fails)
#8 start app-web-1  (if #3 #4 fails)  after #7
"
    );
}

#[test]
fn a_container_that_is_down_starts_whether_its_image_changed_or_not() {
    let mut stage = stage(&["web"]).with(|s| s.resources());
    stage.container("web", 1, State::Exited);
    stage.policy.pull = Some(PullPolicy::Always);
    assert_eq!(
        stage.up(),
        "\
#1 pull web  (requested)
#2 create 312d6265772d_app-web-1  (if its image changed)  after #1
#3 start 312d6265772d_app-web-1  (if #2)  after #1 #2
#4 remove app-web-1  (if #2)  after #2 #3
#5 rename 312d6265772d_app-web-1 to app-web-1  (if #2)  after #2 #4
#6 start app-web-1  (unless #2)  after #1 #2
"
    );
}

#[test]
fn an_image_that_cannot_be_pulled_is_built() {
    let mut stage = stage(&["web"]).with(|s| s.service("web").build = Some(Box::default()));
    stage.observed.images.clear();
    let text = stage.up();
    assert!(
        text.starts_with("#1 pull web  (missing)\n#2 build web  (if #1 fails)\n"),
        "{text}"
    );
}

#[test]
fn a_build_that_takes_another_as_context_comes_after_it() {
    let mut stage = stage_of_built(&["app", "base"]);
    stage.takes_as_context("app", "base");
    let text = stage.up();
    assert!(
        text.starts_with(
            "#1 build base  (missing)\n#2 build app  (missing)  after #1\n#3 images ready"
        ),
        "{text}"
    );
}

#[test]
fn a_build_comes_after_that_of_the_image_it_stands_on() {
    let mut stage = stage_of_built(&["app", "base"]);
    stage.policy.bases = [("app".into(), ["base".into()].into())].into();
    let text = stage.up();
    assert!(
        text.starts_with(
            "#1 build base  (missing)\n#2 build app  (missing)  after #1\n#3 images ready"
        ),
        "{text}"
    );
}

#[test]
fn a_mounted_image_that_is_another_replaces_the_container() {
    let mut stage = stage(&["web"]).with(|stage| {
        let mount = crate::project::Mount {
            r#type: crate::project::MountType::Image,
            source: "data".into(),
            target: "/data".into(),
            ..Default::default()
        };
        stage.service("web").volumes.push(mount);
        stage.image("data");
    });
    stage = stage.running();
    let made_with = |stage: &mut super::stage::Stage, digest: &str| {
        let labels = &mut stage.observed.containers[0].labels;
        let key = crate::convert::label::IMAGE_VOLUMES;
        labels.insert(key.to_owned(), format!("/data={digest}"));
    };
    assert_eq!(stage.up(), "");
    made_with(&mut stage, "sha256:data");
    assert_eq!(stage.up(), "");
    made_with(&mut stage, "sha256:older");
    assert!(stage.up().contains("(image changed)\n"), "{}", stage.up());
}

#[test]
fn a_mounted_image_that_is_built_anew_replaces_the_container_in_the_same_up() {
    let mut stage = stage(&["data", "web"]).with(|stage| {
        stage.service("data").image = "made:here".into();
        let mount = crate::project::Mount {
            r#type: crate::project::MountType::Image,
            source: "made:here".into(),
            target: "/data".into(),
            ..Default::default()
        };
        stage.service("web").volumes.push(mount);
        stage.image("made:here");
    });
    stage = stage.running();
    stage.service("data").build = Some(Box::default());
    stage.policy.build = BuildPolicy::Always;
    stage.policy.targets = ["web".into()].into();
    let text = stage.up();
    assert!(text.starts_with("#1 build data  (requested)\n"), "{text}");
    let made = "#3 create 312d6265772d_app-web-1  (if its image changed)  after #1\n";
    assert!(text.contains(made), "{text}");
}

#[test]
fn who_uses_what_another_builds_waits_for_the_build() {
    let mut stage = stage(&["bar", "foo"]);
    for name in ["bar", "foo"] {
        stage.service(name).image = "made:here".into();
    }
    stage.service("foo").build = Some(Box::default());
    stage.depends("bar", "foo");
    let text = stage.up();
    assert!(
        text.starts_with(
            "\
#1 pull made:here  (missing)
#2 build foo  (if #1 fails)
#3 create network app_default  (missing)
#4 create app-foo-1  (missing)  after #2 #3
#5 create app-bar-1  (missing)  after #2 #3
"
        ),
        "{text}"
    );
}

#[test]
fn bases_beyond_the_services_that_go_up_are_built_where_they_are_missing_or_contexts() {
    let with = |build, is_context: bool, is_absent: bool| {
        let mut stage = stage_of_built(&["app", "base"]);
        if is_context {
            stage.takes_as_context("app", "base");
        }
        let base = stage.project.services.remove("base").unwrap();
        stage.project.disabled_services.insert("base".into(), base);
        stage.policy.build = build;
        stage.policy.bases = [("app".into(), ["base".into()].into())].into();
        if is_absent {
            stage.policy.absent_bases.insert("base".into());
        }
        let text = stage.up();
        let builds = text.lines().take_while(|line| line.contains(" build "));
        builds.map(|line| format!("{line}\n")).collect::<String>()
    };
    assert_eq!(
        with(BuildPolicy::IfNeeded, false, true),
        "#1 build base  (missing)\n#2 build app  (missing)  after #1\n"
    );
    assert_eq!(
        with(BuildPolicy::Always, true, false),
        "#1 build base  (requested)\n#2 build app  (requested)  after #1\n"
    );
    assert_eq!(
        with(BuildPolicy::Always, false, false),
        "#1 build app  (requested)\n"
    );
}

#[test]
fn without_building_what_is_missing_is_pulled() {
    let mut stage = stage(&["web"]).with(|s| s.service("web").build = Some(Box::default()));
    stage.observed.images.clear();
    stage.policy.build = BuildPolicy::Never;
    let text = stage.up();
    assert!(
        text.starts_with("#1 pull web  (missing)\n#2 create network"),
        "{text}"
    );
}

#[test]
fn refresh_policies_look_at_the_age_of_the_tag() {
    let mut stage = stage(&["web"]);
    stage.service("web").pull_policy = "daily".into();
    let tagged = |stage: &mut super::stage::Stage, at| {
        stage.observed.images.get_mut("web").unwrap().last_tagged = Some(at);
    };
    tagged(&mut stage, 1_000_000 - 3600);
    assert!(!stage.up().contains("pull"));
    tagged(&mut stage, 1_000_000 - 25 * 3600);
    assert!(stage.up().starts_with("#1 pull web  (pull_policy daily)\n"));
}

#[test]
fn a_policy_that_is_none_is_refused() {
    let mut stage = stage(&["web"]);
    stage.service("web").pull_policy = "sometimes".into();
    assert_eq!(
        stage.up(),
        "\
error: service `web` has the pull policy `sometimes`, which is none
hint: use `always`, `missing`, `never`, `build`, `daily`, `weekly` or `every_<duration>`"
    );
}

#[test]
fn build_input_that_changed_is_named() {
    let mut stage = stage(&["web"]).with(|s| s.service("web").build = Some(Box::default()));
    stage = stage.running();
    stage.policy.stale = [("web".into(), "web/Dockerfile".into())].into();
    assert!(
        stage
            .up()
            .starts_with("#1 build web  (web/Dockerfile changed)\n")
    );
}

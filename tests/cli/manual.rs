//! The manual: every command and topic has its page, and every flag stands in it.

#[path = "../../scripts/man/pages.rs"]
mod pages;

use std::collections::BTreeMap;

use crate::support::Project;

#[test]
fn every_command_has_a_page_with_its_flags_and_examples() {
    let pages: BTreeMap<String, String> = pages::pages()
        .into_iter()
        .map(|page| (page.path, page.text))
        .collect();
    let help = Project::offline("manual").dco(&["--help"]).ok().stdout;
    let (_, commands) = help.split_once("Commands:\n").unwrap();
    let is_verb =
        |line: &&str| line.starts_with("  ") && line[2..].starts_with(char::is_alphabetic);
    let lines = commands.lines().filter(is_verb);
    let mut wanted: Vec<String> = lines
        .filter_map(|line| line.split_whitespace().next())
        .map(|verb| format!("man1/dco-{verb}.1"))
        .chain(["env", "gates", "reload", "volumes"].map(|topic| format!("man7/dco-{topic}.7")))
        .chain(["man1/dco.1".to_owned()])
        .collect();
    wanted.sort();
    assert!(wanted.len() > 40, "{wanted:?}");
    assert_eq!(pages.keys().cloned().collect::<Vec<_>>(), wanted);
    let up = &pages["man1/dco-up.1"];
    for part in [
        ".TH dco-up 1 ",
        "dco\\-up \\- Create and start containers",
        "\\fB\\-d\\fR, \\fB\\-\\-detach\\fR",
        ".SH READINESS",
        ".SH EXAMPLES\n.nf\n  dco up \\-d\n",
    ] {
        assert!(up.contains(part), "{part} in {up}");
    }
    for (path, page) in &pages {
        let has_examples = page.contains(".SH EXAMPLES\n");
        let needs_none = path.starts_with("man7/") || path == "man1/dco.1";
        assert!(has_examples || needs_none, "{path}");
    }
    assert!(pages["man1/dco.1"].contains("dco\\-gates(7)"));
    assert!(pages["man1/dco.1"].contains("come up ready"));
    assert!(!pages["man1/dco.1"].contains("said before the verb"));
    assert!(pages["man7/dco-gates.7"].contains("x\\-dco: {infer: false}"));
}

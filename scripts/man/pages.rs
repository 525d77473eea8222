//! The manual: a page for dco, one for every command, one for every topic of `dco help`.

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

/// One page of the manual.
pub struct Page {
    /// The file below a directory of manuals, such as `man1/dco-up.1`.
    pub path: String,
    /// Its text, for roff.
    pub text: String,
}

/// The name of the manual, in every page's head.
const MANUAL: &str = "dco manual";

/// Who wrote it, in every page's foot.
const SOURCE: &str = concat!("dco ", env!("CARGO_PKG_VERSION"));

/// Every page.
pub fn pages() -> Vec<Page> {
    let program = dco::command::manual();
    let topics = dco::command::TOPICS;
    let commands = program.get_subcommands().cloned().map(|command| {
        let name = command.get_name().to_owned();
        of_command(
            command
                .display_name(format!("dco-{name}"))
                .bin_name(format!("dco {name}")),
            "dco(1)",
        )
    });
    let topic_pages = topics.map(|(name, ..)| format!("dco-{name}(7)"));
    let first = of_command(program.clone(), &topic_pages.join(", "));
    std::iter::once(first)
        .chain(commands)
        .chain(topics.map(|(name, about, text)| of_topic(name, about, text)))
        .collect()
}

/// What `--help` says, its examples as they are.
fn of_command(command: Command, see_also: &str) -> Page {
    let has_commands = command.has_subcommands();
    let examples = command.get_after_help().map(ToString::to_string);
    let man = Man::new(command).source(SOURCE).manual(MANUAL);
    let mut text = Vec::new();
    let mut render = || {
        man.render_title(&mut text)?;
        man.render_name_section(&mut text)?;
        man.render_synopsis_section(&mut text)?;
        man.render_description_section(&mut text)?;
        man.render_options_section(&mut text)?;
        match has_commands {
            true => man.render_subcommands_section(&mut text),
            false => Ok(()),
        }
    };
    render().expect("memory takes it");
    let mut rest = Roff::new();
    if let Some((_, examples)) = examples.as_deref().and_then(|text| text.split_once('\n')) {
        rest.control("SH", ["EXAMPLES"]);
        verbatim(&mut rest, examples);
    }
    rest.control("SH", ["SEE ALSO"]);
    rest.text([roman(see_also)]);
    Page {
        path: format!("man1/{}", man.get_filename()),
        text: String::from_utf8_lossy(&text).into_owned() + &rest.render(),
    }
}

/// What `dco help TOPIC` says.
fn of_topic(name: &str, about: &str, text: &str) -> Page {
    let mut page = Roff::new();
    let title = format!("dco-{name}");
    page.control("TH", [title.as_str(), "7", "", SOURCE, MANUAL]);
    page.control("SH", ["NAME"]);
    page.text([roman(format!("{title} - {about}"))]);
    page.control("SH", ["DESCRIPTION"]);
    // The first line is the title.
    let (_, body) = text.split_once("\n\n").unwrap_or(("", text));
    verbatim(&mut page, body);
    page.control("SH", ["SEE ALSO"]);
    page.text([roman("dco(1)")]);
    Page {
        path: format!("man7/{title}.7"),
        text: page.render(),
    }
}

/// Lines as they are.
fn verbatim(page: &mut Roff, text: &str) {
    page.control("nf", []);
    for line in text.lines() {
        page.text([roman(line)]);
    }
    page.control("fi", []);
}

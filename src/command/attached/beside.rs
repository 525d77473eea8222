//! What runs beside the logs of an attached `up`: a watch over files, and the keys that turn it on
//! and off.

use std::process::ExitCode;

use anyhow::Result;
use futures_util::future::LocalBoxFuture;

use super::Company;
use super::menu::{Key, Menu};
use crate::command::{Context, watch};
use crate::event::Event;
use crate::report::Exit;

/// Who turned the watch on, and so whom its failure ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// `--watch`.
    Flag,
    /// A key.
    Key,
}

/// Follows the logs to their end, which is the end of all of it, or until the user leaves.
///
/// With `--watch` the logs begin once no change is missed any more: who sees them may edit.
pub(in crate::command) async fn beside(
    args: &watch::Args,
    cx: &Context,
    (company, menu): (Company, Option<bool>),
    logs: impl Future<Output = Result<ExitCode>>,
) -> Result<ExitCode> {
    let mut menu = Menu::open(cx, menu)?;
    let start = || -> LocalBoxFuture<'_, Result<ExitCode>> { Box::pin(watch::run(args, cx)) };
    let mut watching = match company {
        Company::Watch => Some((Asked::Flag, start())),
        Company::Alone => None,
    };
    let enabled = match company {
        Company::Watch => Some(args.tells_when_enabled()),
        Company::Alone => None,
    };
    let mut logs = std::pin::pin!(async {
        if let Some(enabled) = enabled {
            // A watch that ended before it saw anything keeps nobody from the logs.
            let _ = enabled.await;
        }
        logs.await
    });
    if let Some(menu) = &menu {
        menu.show(watching.is_some());
    }
    loop {
        tokio::select! {
            biased;
            ended = &mut logs => return ended,
            (asked, ended) = async {
                let (asked, watch) = watching.as_mut().expect("guarded");
                (*asked, watch.await)
            }, if watching.is_some() => {
                watching = None;
                args.company.set(Company::Alone);
                args.forget_who_waits();
                if let Some(menu) = &menu {
                    menu.show(false);
                }
                match (ended, asked) {
                    (Err(error), _) if error.is::<Exit>() => {}
                    (Err(error), Asked::Flag) => return Err(error),
                    (Err(error), Asked::Key) => cx.reporter().fail(&error),
                    (Ok(_), _) => {}
                }
            }
            key = async { menu.as_mut().expect("guarded").key().await }, if menu.is_some() => {
                let menu = menu.as_ref().expect("guarded");
                match (key, &watching) {
                    (Key::Watch, Some(_)) => args.off.notify_one(),
                    (Key::Watch, None) => {
                        if menu.show(true) {
                            args.company.set(Company::Watch);
                            watching = Some((Asked::Key, start()));
                        }
                    }
                    (Key::Enter, _) => cx.reporter().write_out(b"\n")?,
                    (Key::Detach, _) => {
                        cx.reporter().end_footer();
                        let note = "detached: the containers run on; `dco logs -f` follows them";
                        cx.events().emit(Event::Note(note.to_owned()));
                        return Ok(ExitCode::SUCCESS);
                    }
                }
            }
        }
    }
}

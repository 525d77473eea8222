//! The platform's watcher: how its events come here, and what its errors mean.

use notify::ErrorKind;
use tokio::sync::mpsc::UnboundedSender;

/// What the watcher's thread does with an event.
pub(super) fn forward(
    sender: UnboundedSender<notify::Result<notify::Event>>,
) -> impl FnMut(notify::Result<notify::Event>) + Send + 'static {
    move |event| {
        // The receiver is gone only when the watch ends.
        let _ = sender.send(event);
    }
}

/// The setting that raises the limit which was reached, where it was one.
pub(super) fn is_limit(error: &notify::Error) -> Option<&'static str> {
    const WATCHES: &str = "fs.inotify.max_user_watches=524288";
    match &error.kind {
        ErrorKind::MaxFilesWatch => Some(WATCHES),
        // inotify_init: EMFILE; inotify_add_watch: ENOSPC
        ErrorKind::Io(io) => match io.raw_os_error() {
            Some(24) => Some("fs.inotify.max_user_instances=1024"),
            Some(28) => Some(WATCHES),
            _ => None,
        },
        _ => None,
    }
}

/// Whether a folder could not be watched because it is not there any more.
pub(super) fn is_gone(error: &notify::Error) -> bool {
    match &error.kind {
        ErrorKind::PathNotFound => true,
        ErrorKind::Io(io) => io.kind() == std::io::ErrorKind::NotFound,
        _ => false,
    }
}

//! Commands that listen on no port, whatever ports their service declares: `sleep infinity`,
//! `tail -f /dev/null`, a bare shell, a queue's worker.

use crate::project::Service;

/// Shells: alone they wait for a terminal, with `-c` they run a script.
const SHELLS: &[&str] = &["sh", "bash", "ash", "dash", "zsh", "fish"];

/// Programs that run another one in their place.
const WRAPPERS: &[&str] = &[
    "--",
    "catatonit",
    "docker-entrypoint.sh",
    "dumb-init",
    "entrypoint",
    "entrypoint.sh",
    "exec",
    "tini",
];

/// Words of a script that stand before a command.
const KEYWORDS: &[&str] = &[
    "while", "until", "for", "do", "done", "if", "then", "else", "fi", "exec", "!", "{", "}", "(",
    ")",
];

/// Programs that listen on nothing, and leave nothing behind that does.
const QUIET: &[&str] = &[
    ":", "[", "cat", "cd", "chmod", "chown", "date", "echo", "exit", "export", "false", "ls",
    "mkdir", "printf", "read", "set", "sleep", "tail", "test", "touch", "trap", "true", "wait",
];

/// What installs packages, as in `npm install && sleep infinity`.
const INSTALLERS: &[&str] = &[
    "npm", "yarn", "pnpm", "pip", "pip3", "composer", "bundle", "poetry", "uv",
];

/// Workers: a program and a word behind it; an empty word stands for the program alone.
const WORKERS: &[(&str, &str)] = &[
    ("artisan", "horizon"),
    ("artisan", "queue:listen"),
    ("artisan", "queue:work"),
    ("artisan", "schedule:work"),
    ("celery", "beat"),
    ("celery", "worker"),
    ("console", "messenger:consume"),
    ("manage.py", "process_tasks"),
    ("manage.py", "qcluster"),
    ("manage.py", "rqworker"),
    ("rq", "worker"),
    ("sidekiq", ""),
];

/// Whether the service's command says that it listens on no port.
///
/// An image's entrypoint, or a script of that name, is taken to run the command that it is given. A command that is not
/// known says nothing.
pub(super) fn listens_nowhere(service: &Service) -> bool {
    let words: Vec<&str> = [&service.entrypoint, &service.command]
        .into_iter()
        .flat_map(|part| part.words().unwrap_or_default())
        .map(String::as_str)
        .skip_while(|word| WRAPPERS.contains(&program(word)))
        .collect();
    match words.as_slice() {
        [] => false,
        [shell, flags @ ..] if SHELLS.contains(&program(shell)) => {
            match flags.iter().position(|word| !word.starts_with('-')) {
                None => true,
                Some(0) => is_worker(flags),
                Some(at) => runs_script(flags[at - 1]) && is_idle_script(flags[at]),
            }
        }
        words => is_quiet(words) || is_worker(words),
    }
}

/// `-c`, `-lc`, `-exc`.
fn runs_script(flag: &str) -> bool {
    !flag.starts_with("--") && flag.contains('c')
}

/// Whether every command of a script is quiet, or its last one a worker with none beside it.
fn is_idle_script(script: &str) -> bool {
    // A redirection's `&` parts no commands.
    let script = script.replace(">&", ">").replace("&>", ">");
    let is_alone = !script.replace("&&", "").contains('&');
    let commands: Vec<Vec<&str>> = script
        .split(['&', '|', ';', '\n'])
        .map(|command| {
            let words = command.split_whitespace();
            words.skip_while(|word| KEYWORDS.contains(word)).collect()
        })
        .filter(|words: &Vec<&str>| !words.is_empty())
        .collect();
    let is_worker = || commands.last().is_some_and(|last| is_worker(last));
    commands.iter().all(|words| is_quiet(words)) || is_alone && is_worker()
}

fn is_quiet(words: &[&str]) -> bool {
    match words {
        [first, "install" | "ci" | "sync", ..] if INSTALLERS.contains(&program(first)) => true,
        [first, ..] => QUIET.contains(&program(first)),
        [] => true,
    }
}

fn is_worker(words: &[&str]) -> bool {
    // `/start-celeryworker`: its name says what the script runs.
    let is_named = |first: &&str| {
        let name = program(first);
        name.contains("celery") && (name.contains("worker") || name.contains("beat"))
    };
    words.first().is_some_and(is_named)
        || WORKERS.iter().any(|(name, task)| {
            let mut rest = words.iter().skip_while(|word| program(word) != *name);
            rest.next().is_some()
                && (task.is_empty() || rest.clone().any(|word| word == task))
                && rest.all(|word| *word != "flower")
        })
}

/// `/usr/bin/sleep` → `sleep`.
fn program(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or(word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::ShellCommand;

    fn of(entrypoint: Option<&[&str]>, command: &[&str]) -> bool {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        listens_nowhere(&Service {
            entrypoint: ShellCommand(entrypoint.map(words)),
            command: ShellCommand(Some(words(command))),
            ..Service::default()
        })
    }

    #[test]
    fn what_only_keeps_a_container_alive_listens_nowhere() {
        for words in [
            &["sleep", "infinity"][..],
            &["/usr/bin/tail", "-f", "/dev/null"],
            &["tini", "--", "sleep", "3600"],
            &["bash"],
            &["/bin/bash", "-l"],
            &["cat"],
            &["sh", "-c", "sleep infinity"],
            &["sh", "-c", "exec sleep infinity"],
            &["/bin/sh", "-c", "while sleep 1000; do :; done"],
            &["sh", "-ec", "trap 'exit 0' TERM; sleep 1d & wait"],
            &[
                "bash",
                "-c",
                "npm install && sleep infinity >/dev/null 2>&1",
            ],
        ] {
            assert!(of(None, words), "{words:?}");
        }
        assert!(of(Some(&["tail", "-f"]), &["/dev/null"]));
        assert!(of(Some(&["sh", "-c"]), &["sleep 9"]));
        assert!(of(Some(&[]), &["sleep", "9"]));
        assert!(of(Some(&["/app/entrypoint.sh"]), &["sleep", "9"]));
    }

    #[test]
    fn workers_of_queues_listen_nowhere() {
        for words in [
            &["celery", "-A", "shop", "worker", "-l", "info"][..],
            &["python", "-m", "celery", "-A", "shop", "beat"],
            &[
                "watchmedo",
                "auto-restart",
                "--",
                "celery",
                "-A",
                "shop",
                "worker",
            ],
            &[
                "bash",
                "-c",
                "cd /app && celery -A registrar worker -l debug",
            ],
            &["python", "manage.py", "rqworker", "default"],
            &["/start-celeryworker"],
            &["bash", "scripts/start_celery_beat.sh"],
            &["php", "/app/artisan", "queue:work"],
            &["bundle", "exec", "sidekiq", "-C", "config/sidekiq.yml"],
        ] {
            assert!(of(None, words), "{words:?}");
        }
    }

    #[test]
    fn of_what_may_listen_nothing_is_said() {
        for words in [
            &["python", "manage.py", "runserver", "0:8000"][..],
            &["celery", "-A", "worker", "flower"],
            &[
                "celery",
                "-A",
                "shop",
                "--broker=x",
                "flower",
                "--port=5555",
            ],
            &["sh", "start.sh"],
            &["bash", "-e", "start.sh"],
            &["sh", "-c", "sleep 5; ./server"],
            &["sh", "-c", "./server & sleep infinity"],
            &["sh", "-c", "service ssh start && tail -f /dev/null"],
            &["sh", "-c", "./server & celery -A shop worker"],
            &["redis-server"],
            &[],
        ] {
            assert!(!of(None, words), "{words:?}");
        }
        assert!(!of(Some(&["/app/run"]), &["sleep", "9"]));
        assert!(!listens_nowhere(&Service::default()));
    }
}

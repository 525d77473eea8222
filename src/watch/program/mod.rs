//! What a running program does when its source changes: a table over command lines. Pure.
//!
//! A compose file hides what runs (`dev.sh`, `npm run dev`), so the command lines are those of the
//! container's processes, first the main one, then its descendants.

mod table;

use std::path::Path;

use table::{RULES, TAKES_A_WORD, WRAPPERS};

/// What a changed source file means to a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reloading {
    /// It notices by itself; the name of what does.
    Itself(String),
    /// It read its source once, at its start; the name of what did.
    Once(String),
    /// Neither is known.
    Unknown,
}

/// One process of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its pid, as the container's list gives it.
    pub pid: i64,
    /// Its parent's.
    pub parent: i64,
    /// Its command line.
    pub argv: Vec<String>,
}

/// What a saved source file means to the container whose processes these are.
///
/// `mounts` are the container's paths where source is mounted: a program that lies below one and
/// is no script was read once.
pub fn reloading(processes: &[Process], mounts: &[&Path]) -> Reloading {
    let mut once = None;
    for process in outermost_first(processes) {
        match of_command_line(&process.argv, mounts) {
            Reloading::Itself(name) => return Reloading::Itself(name),
            Reloading::Once(name) => once = once.or(Some(name)),
            Reloading::Unknown => {}
        }
    }
    once.map_or(Reloading::Unknown, Reloading::Once)
}

/// The main process and its descendants, generation by generation; not what `exec` brought in.
fn outermost_first(processes: &[Process]) -> Vec<&Process> {
    let known = |pid| processes.iter().any(|process| process.pid == pid);
    // The first in the list is the main process; others without a parent here came by exec.
    let Some(main) = processes.iter().find(|process| !known(process.parent)) else {
        return Vec::new();
    };
    let mut order = vec![main];
    let mut at = 0;
    while at < order.len() {
        let parent = order[at].pid;
        order.extend(
            processes
                .iter()
                .filter(|process| process.parent == parent && process.pid != parent),
        );
        at += 1;
        if order.len() > processes.len() {
            break; // a list with a cycle in it is no process tree
        }
    }
    order
}

/// What one command line says.
pub fn of_command_line(argv: &[String], mounts: &[&Path]) -> Reloading {
    let Some(first) = argv.first() else {
        return Reloading::Unknown;
    };
    let rest = || argv[1..].iter().map(String::as_str);
    for candidate in candidates(argv) {
        let found = RULES.iter().find(|rule| {
            rule.program == candidate
                && (rule.any.is_empty()
                    || rest().any(|word| rule.any.iter().any(|any| says(word, any))))
                && !rest().any(|word| rule.none.iter().any(|none| says(word, none)))
        });
        match found {
            Some(rule) if rule.reloads => return Reloading::Itself(name_of(argv, rule.program)),
            Some(rule) => return Reloading::Once(name_of(argv, rule.program)),
            None => {}
        }
    }
    let path = Path::new(first);
    let program = base(first);
    if !WRAPPERS.contains(&program.as_str())
        && path.is_absolute()
        && mounts.iter().any(|mount| path.starts_with(mount))
    {
        return Reloading::Once(program);
    }
    Reloading::Unknown
}

/// `python manage.py runserver` for messages: the program with the script it runs.
fn name_of(argv: &[String], program: &str) -> String {
    let first = base(&argv[0]);
    match first == program || first.starts_with(program) {
        true => match argv.get(1) {
            Some(word) if !word.starts_with('-') => format!("{first} {word}"),
            _ => first,
        },
        false => program.to_owned(),
    }
}

fn says(word: &str, wanted: &str) -> bool {
    match wanted.strip_suffix('=') {
        Some(prefix) => word
            .strip_prefix(prefix)
            .is_some_and(|rest| rest.starts_with('=')),
        None => word == wanted,
    }
}

/// The programs that a command line may be looked up by: the script or module, its package where
/// it lies in `node_modules`, then the interpreter.
fn candidates(argv: &[String]) -> Vec<String> {
    let program = base(&argv[0]);
    let mut found = Vec::new();
    if let Some(word) = script(argv) {
        found.push(base(word));
        if let Some(inside) = word.split("node_modules/").nth(1) {
            let mut parts = inside.split('/').filter(|part| *part != ".bin");
            let package = match parts.next() {
                Some(scope) if scope.starts_with('@') => parts.next(),
                other => other,
            };
            found.extend(package.map(base));
        }
    }
    if !WRAPPERS.contains(&program.as_str()) {
        found.push(program);
    }
    found
}

/// The script or module that an interpreter runs, or a program that a wrapper names.
fn script(argv: &[String]) -> Option<&str> {
    let program = base(&argv[0]);
    let interpreter =
        ["python", "node", "nodejs", "ruby", "php", "perl", "bun"].contains(&program.as_str());
    if !interpreter {
        return None;
    }
    let mut words = argv[1..].iter();
    while let Some(word) = words.next() {
        if word == "-m" {
            return words.next().map(String::as_str);
        }
        if TAKES_A_WORD.contains(&word.as_str()) {
            words.next();
        } else if !word.starts_with('-') {
            return Some(word);
        }
    }
    None
}

/// The name of a program: without its folder, its version (`python3.11`) and a script's ending.
fn base(word: &str) -> String {
    let name = word.rsplit('/').next().unwrap_or(word);
    let name = name.trim_end_matches(':'); // `nginx: master process`, `php-fpm: master`
    let stem = ["mjs", "cjs", "js", "py", "rb", "pl", "php"]
        .iter()
        .find_map(|ending| name.strip_suffix(ending)?.strip_suffix('.'))
        .unwrap_or(name);
    let versionless = stem.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    match versionless {
        "python" | "pypy" | "ruby" | "php" | "node" | "php-fpm" | "perl" | "lua" => {
            versionless.to_owned()
        }
        _ => stem.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(command: &str) -> Vec<String> {
        command.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn programs_that_watch_their_own_source_are_left_alone() {
        for command in [
            "python manage.py runserver 0:8000",
            "/usr/local/bin/python3.11 ./manage.py runserver",
            "python -m django runserver",
            "python -m uvicorn app:app --reload",
            "/usr/bin/python3 /usr/local/bin/uvicorn app:app --host 0.0.0.0 --reload",
            "/usr/local/bin/python /usr/local/bin/gunicorn --reload app.wsgi",
            "flask run --debug",
            "node /app/node_modules/.bin/nodemon server.js",
            "node /app/node_modules/nodemon/bin/nodemon.js server.js",
            "node /app/node_modules/vite/bin/vite.js --host",
            "node /app/node_modules/next/dist/bin/next dev",
            "node --watch server.js",
            "/usr/local/bin/ruby bin/rails server -b 0.0.0.0",
            "/root/go/bin/air",
            "cargo watch -x run",
            "nginx: master process nginx -g daemon off;",
            "php -S 0.0.0.0:80",
            "php artisan serve",
            "deno run --watch=src main.ts",
        ] {
            let got = of_command_line(&line(command), &[]);
            assert!(matches!(got, Reloading::Itself(_)), "{command}: {got:?}");
        }
    }

    #[test]
    fn programs_that_read_their_source_once_are_named() {
        for (command, name) in [
            ("python app.py", "python app.py"),
            ("python3 -u app.py", "python"),
            ("python manage.py runserver --noreload", "manage"),
            ("gunicorn app.wsgi", "gunicorn app.wsgi"),
            ("node server.js", "node server.js"),
            ("java -jar app.jar", "java"),
            ("celery -A app worker", "celery"),
            ("python -m celery -A app worker", "celery"),
            ("ruby app.rb", "ruby app.rb"),
            ("node /app/node_modules/next/dist/bin/next start", "next"),
            ("/app/bin/server --port 80", "server"),
        ] {
            assert_eq!(
                of_command_line(&line(command), &[Path::new("/app")]),
                Reloading::Once(name.to_owned()),
                "{command}"
            );
        }
    }

    #[test]
    fn what_is_not_known_is_not_guessed() {
        for command in [
            "sleep infinity",
            "sh -c foo",
            "/usr/sbin/mysqld",
            "postgres",
            "/opt/server",
            "bash",
        ] {
            assert_eq!(
                of_command_line(&line(command), &[Path::new("/app")]),
                Reloading::Unknown,
                "{command}"
            );
        }
    }

    #[test]
    fn wrappers_are_looked_through_down_the_process_tree() {
        let process = |pid, parent, command: &str| Process {
            pid,
            parent,
            argv: line(command),
        };
        let tree = [
            process(100, 50, "docker-init -- npm run dev"),
            process(101, 100, "npm run dev"),
            process(102, 101, "sh -c nodemon server.js"),
            process(103, 102, "node /app/node_modules/.bin/nodemon server.js"),
            process(104, 103, "node server.js"),
        ];
        assert_eq!(reloading(&tree, &[]), Reloading::Itself("nodemon".into()));
        let podman = [
            process(100, 50, "/run/podman-init -- python -u /app/main.py"),
            process(101, 100, "python -u /app/main.py"),
        ];
        assert_eq!(
            reloading(&podman, &[Path::new("/app")]),
            Reloading::Once("python".into())
        );
        let executed = [
            process(100, 50, "sleep infinity"),
            process(200, 51, "node debug.js"),
        ];
        assert_eq!(reloading(&executed, &[]), Reloading::Unknown);
    }
}

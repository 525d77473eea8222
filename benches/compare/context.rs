//! What looking for changes of a large build context costs an `up` that has nothing to do.

use std::path::Path;

use crate::figures::{Figures, within};
use crate::{Bench, Row};

/// As many files are in the context.
const FILES: usize = 2000;

impl Bench {
    /// `up -d` of a service that is built from [`FILES`] files and runs, beside the same without a
    /// look at them.
    pub fn context(&self, name: &str) -> Row {
        let [looks, leaves] = ["", "    x-dco: {fresh: false}\n"].map(|more| {
            let text = format!(
                "services:\n  web:\n    build: .\n    init: true\n    stop_grace_period: 1s\n{more}"
            );
            let project = self.project(&text);
            write_context(project.path());
            self.dco
                .run(project.path(), &["up", "-d"], &["--no-settle"]);
            project
        });
        let mut figures = Figures::default();
        let mut differences = Vec::new();
        for round in 0..=self.runs * 3 {
            let mut wall = [0.0; 2];
            let mut pair = [(0, &looks), (1, &leaves)];
            // By turns first and second.
            pair.rotate_left(round % 2);
            for (index, project) in pair {
                let run = self.dco.run(project.path(), &["up", "-d"], &[]);
                wall[index] = run.wall;
                if round > 0 && index == 0 {
                    figures.add(0, run);
                }
            }
            if round > 0 {
                differences.push(wall[0] - wall[1]);
            }
        }
        let mut row = figures.time(name, None);
        row.target = Some(within("≤ 10 ms above `fresh: false`", differences, 10.0));
        for project in [&looks, &leaves] {
            self.dco
                .run(project.path(), &["down", "-t", "1", "--rmi", "local"], &[]);
        }
        row
    }
}

fn write_context(folder: &Path) {
    let dockerfile = "FROM busybox\nCOPY src /src\nCMD [\"sleep\", \"infinity\"]\n";
    std::fs::write(folder.join("Dockerfile"), dockerfile).expect("a Dockerfile");
    for number in 0..FILES {
        let below = folder.join(format!("src/{}", number % 50));
        std::fs::create_dir_all(&below).expect("a folder");
        std::fs::write(below.join(format!("{number}.py")), number.to_string()).expect("a file");
    }
}

//! What is measured: each scenario sets its project up, runs all subjects in turn, and cleans up.

use std::fmt::Write as _;
use std::time::Instant;

use crate::figures::{Figures, within};
use crate::floor::{Floor, Order};
use crate::{Bench, Row};

/// Runs every wanted scenario and hands its row over as it is done.
pub fn all(bench: &Bench, row: &mut dyn FnMut(Row)) {
    let mut run = |name: &str, scenario: &dyn Fn(&str) -> Vec<Row>| {
        if bench.wanted.is_empty() || bench.wanted.iter().any(|text| name.contains(text.as_str())) {
            scenario(name).into_iter().for_each(&mut *row);
        }
    };
    run("size of the program", &|name| bench.size(name));
    run("`version`", &|name| bench.version(name, TUTORIAL));
    run("`config -q`, a Django project", &|name| {
        bench.config(name, TUTORIAL)
    });
    let large = thousand();
    run("`config -q`, 1,000 services", &|name| {
        bench.config(name, &large)
    });
    run("planning 1,000 services", &|name| {
        crate::planning::rows(name, &large, bench.runs)
    });
    run("`ps` of 20 containers", &|name| bench.ps(name, 20));
    run("`exec -T web true`", &|name| bench.exec(name, 20));
    run("`logs --tail 10000` of 5 services", &|name| {
        bench.logs(name)
    });
    run("`up -d` again, 60 services that run", &|name| {
        bench.up_again(name, 60)
    });
    run("`up -d` again, 2,000 files of context", &|name| {
        vec![bench.context(name)]
    });
    run("`up -d` of 1 from nothing", &|name| vec![bench.one(name)]);
    for count in [20, 60] {
        run(&format!("`up -d` of {count} from nothing"), &|name| {
            bench.up(name, count, Order::Together)
        });
    }
    run("`up -d` of a chain of 20", &|name| {
        bench.up(name, 20, Order::Chain)
    });
    run("settling after a chain of 5", &|name| {
        vec![bench.settling(name)]
    });
    run("a save until it is live", &|name| bench.reload(name));
    run("watching 20,000 folders, 19,900 of them ignored", &|name| {
        bench.tree(name)
    });
}

const TUTORIAL: &str = "\
version: '3'
volumes:
  django_sample_db_dev: {}
services:
  db:
    image: postgres
    volumes: ['django_sample_db_dev:/var/lib/postgresql/data']
    environment: [POSTGRES_DB=sampledb, POSTGRES_USER=sampleuser, POSTGRES_PASSWORD=samplesecret]
  django:
    build: {context: ., dockerfile: ./compose/django/Dockerfile-dev}
    environment: [DJANGO_DEBUG=True, DJANGO_DB_HOST=db, DJANGO_DB_PORT=5432, DJANGO_DB_NAME=sampledb]
    ports: ['8000:8000']
    command: python manage.py runserver 0:8000
    volumes: ['./:/app/']
";

/// 1,000 services on two networks with environment, ports, chains of dependencies and merge keys.
fn thousand() -> String {
    let mut text = String::from(
        "x-base: &base\n  image: busybox\n  restart: unless-stopped\n  environment: &env\n    LEVEL: ${LEVEL:-info}\n    REGION: eu\n\
         networks: {front: {}, back: {}}\nservices:\n",
    );
    for n in 0..1000 {
        let _ = write!(
            text,
            "  s{n}:\n    <<: *base\n    environment:\n      <<: *env\n      NAME: s{n}\n      URL: http://s{}:80${{SUFFIX:-}}\n    ports: ['{}:80']\n    networks: [front, back]\n",
            n / 2,
            10_000 + n
        );
        if n % 10 > 0 {
            let _ = writeln!(text, "    depends_on: [s{}]", n - 1);
        }
    }
    text
}

/// `count` services that sleep, independent or in a chain.
pub fn sleepers(count: usize, order: Order) -> String {
    let mut text = String::from("services:\n");
    for n in 0..count {
        let _ = writeln!(
            text,
            "  s{n}:\n    image: busybox\n    command: sleep infinity\n    init: true\n    stop_grace_period: 1s"
        );
        if order == Order::Chain && n > 0 {
            let _ = writeln!(text, "    depends_on: [s{}]", n - 1);
        }
    }
    text
}

impl Bench {
    /// One container from nothing: the paired differences to the floor, over three times the runs.
    fn one(&self, name: &str) -> Row {
        let mut figures = Figures::default();
        let mut differences = Vec::new();
        for round in 0..=self.runs * 3 {
            let begun = Instant::now();
            let floor = Floor::up(1, Order::Together);
            let floor_wall = begun.elapsed().as_secs_f64() * 1e3;
            floor.down();
            for (index, subject) in self.subjects() {
                let project = self.project(&sleepers(1, Order::Together));
                let run = subject.run(project.path(), &["up", "-d"], &["--no-settle"]);
                if round > 0 {
                    figures.add(index, run);
                    if index == 0 {
                        figures.wall[3].push(floor_wall);
                        differences.push(run.wall - floor_wall);
                    }
                }
            }
        }
        let mut row = figures.time(name, None);
        row.target = Some(within("≤ 20 ms above the floor", differences, 20.0));
        row
    }

    /// What the wait for what was started costs where nobody publishes a port: `up -d` beside
    /// `up -d --no-settle`.
    fn settling(&self, name: &str) -> Row {
        let text = sleepers(5, Order::Chain);
        let mut figures = Figures::default();
        let mut differences = Vec::new();
        for round in 0..=self.runs {
            let [plain, settled] = [&["--no-settle"][..], &[]].map(|extra| {
                let project = self.project(&text);
                self.dco.run(project.path(), &["up", "-d"], extra)
            });
            if round > 0 {
                figures.add(0, settled);
                differences.push(settled.wall - plain.wall);
            }
        }
        let mut row = figures.time(name, None);
        row.target = Some(within("≤ 200 ms above --no-settle", differences, 200.0));
        row
    }

    /// `up` from nothing and `down` of so many services, beside the floor.
    fn up(&self, name: &str, count: usize, order: Order) -> Vec<Row> {
        let (mut up, mut down) = (Figures::default(), Figures::default());
        // Minutes a round: fewer of them for the larger sizes.
        let rounds = (self.runs * 8 / count).clamp(4, self.runs);
        for round in 0..=rounds {
            let begun = Instant::now();
            let floor = Floor::up(count, order);
            let floor_up = begun.elapsed().as_secs_f64() * 1e3;
            let begun = Instant::now();
            floor.down();
            let floor_down = begun.elapsed().as_secs_f64() * 1e3;
            if round > 0 {
                up.wall[3].push(floor_up);
                down.wall[3].push(floor_down);
            }
            for (index, subject) in self
                .subjects()
                .filter(|(index, _)| *index < 2 || count < 60)
            {
                let project = self.project(&sleepers(count, order));
                let run = subject.run(project.path(), &["up", "-d"], &["--no-settle"]);
                let ended = subject.run(project.path(), &["down"], &[]);
                if round > 0 {
                    up.add(index, run);
                    down.add(index, ended);
                }
            }
        }
        let most = match order {
            Order::Together => ("≤ 1.10 of the floor", 1.10),
            Order::Chain => ("≤ 1.15 of the floor", 1.15),
        };
        let mut rows = vec![up.time(name, Some(most))];
        if order == Order::Together {
            rows.push(down.time(
                &format!("`down` of {count}"),
                Some(("≤ 1.10 of the floor", 1.10)),
            ));
        }
        if count >= 60 {
            rows.push(up.peak(name));
        }
        rows
    }
}

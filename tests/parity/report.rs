//! What the cases found: said as they end, summed up at the end, kept as a table.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// How one case ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// No difference.
    Equal,
    /// Another, and meant: why.
    Meant(String),
    /// Not compared: what is missing here.
    LeftOut(String),
    /// Another: what differs.
    Differs(Vec<String>),
}

/// One case.
#[derive(Clone, Debug)]
pub struct Case {
    pub name: String,
    pub verdict: Verdict,
    /// Further cells of the table.
    pub cells: Vec<String>,
}

/// All cases of a suite, in their order.
#[derive(Debug, Default)]
pub struct Report {
    pub columns: &'static [&'static str],
    pub cases: Vec<Case>,
}

impl Report {
    /// Runs cases side by side and says of each how it ended.
    pub fn of<T: Sync>(
        columns: &'static [&'static str],
        cases: &[T],
        run: impl Fn(&T) -> Case + Sync,
    ) -> Self {
        let jobs = std::env::var("PARITY_JOBS")
            .ok()
            .and_then(|jobs| jobs.parse().ok())
            .unwrap_or(3);
        let next = AtomicUsize::new(0);
        let done: Mutex<Vec<(usize, Case)>> = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..jobs {
                scope.spawn(|| {
                    loop {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        let Some(case) = cases.get(index) else { break };
                        let started = Instant::now();
                        let case = run(case);
                        say(&case, started.elapsed());
                        done.lock().unwrap().push((index, case));
                    }
                });
            }
        });
        let mut cases = done.into_inner().unwrap();
        cases.sort_by_key(|(index, _)| *index);
        Self {
            columns,
            cases: cases.into_iter().map(|(_, case)| case).collect(),
        }
    }

    /// Writes the table, says the sum, and returns how many cases differ.
    pub fn finish(&self, suite: &str) -> usize {
        let path = format!("{}/{suite}.md", env!("CARGO_TARGET_TMPDIR"));
        std::fs::write(&path, self.table()).unwrap();
        let count = |wanted: fn(&Verdict) -> bool| {
            self.cases
                .iter()
                .filter(|case| wanted(&case.verdict))
                .count()
        };
        let differ = count(|verdict| matches!(verdict, Verdict::Differs(_)));
        println!(
            "{suite}: {} cases: {} equal, {} other and meant, {} left out, {differ} differ; table: {path}",
            self.cases.len(),
            count(|verdict| *verdict == Verdict::Equal),
            count(|verdict| matches!(verdict, Verdict::Meant(_))),
            count(|verdict| matches!(verdict, Verdict::LeftOut(_))),
        );
        differ
    }

    fn table(&self) -> String {
        let row = |cells: Vec<String>| {
            let cells: Vec<_> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
            format!("| {} |\n", cells.join(" | "))
        };
        let heads = ["case"].iter().chain(self.columns).chain(&["verdict"]);
        let heads: Vec<String> = heads.map(|head| (*head).to_owned()).collect();
        let mut table = row(heads.clone());
        table.push_str(&row(vec!["---".to_owned(); heads.len()]));
        for case in &self.cases {
            let verdict = match &case.verdict {
                Verdict::Equal => "equal".to_owned(),
                Verdict::Meant(why) => format!("other, and meant: {why}"),
                Verdict::LeftOut(why) => format!("left out: {why}"),
                Verdict::Differs(what) => format!("**differs**: {}", what.join("; ")),
            };
            let mut cells = vec![case.name.clone()];
            cells.extend(case.cells.clone());
            cells.push(verdict.replace('\n', "⏎"));
            table.push_str(&row(cells));
        }
        table
    }
}

/// A case that takes longer than this says how long it took.
const LONG: Duration = Duration::from_secs(8);

fn say(case: &Case, took: Duration) {
    if took > LONG {
        println!("  {:.0} s for {}", took.as_secs_f64(), case.name);
    }
    match &case.verdict {
        Verdict::Equal => println!("  equal    {}", case.name),
        Verdict::Meant(why) => println!("  meant    {}: {why}", case.name),
        Verdict::LeftOut(why) => println!("  left out {}: {why}", case.name),
        Verdict::Differs(what) => {
            println!(
                "  DIFFERS  {}\n           {}",
                case.name,
                what.join("\n           ")
            );
        }
    }
}

//! What many runs come to: medians, ratios pair by pair, and differences with their interval.

use crate::subject::Run;
use crate::{Row, Unit};

/// The middle one.
pub fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        n if n % 2 == 1 => Some(values[middle]),
        _ => Some(f64::midpoint(values[middle - 1], values[middle])),
    }
}

fn ratio(over: &[f64], under: &[f64]) -> Option<f64> {
    median(over.iter().zip(under).map(|(a, b)| a / b).collect())
}

/// The differences of two columns, pair by pair.
pub fn differences(over: &[f64], under: &[f64]) -> Vec<f64> {
    over.iter().zip(under).map(|(a, b)| a - b).collect()
}

/// Whether the median of paired differences is at most `most` milliseconds, in words with the
/// interval that holds it with 95 %.
pub fn within(words: &str, mut differences: Vec<f64>, most: f64) -> (String, bool) {
    differences.sort_by(f64::total_cmp);
    // The order statistics that hold the median, by the normal approximation.
    let n = differences.len() as f64;
    let reach = (1.96 * n.sqrt() / 2.0).ceil() as usize;
    let middle = differences.len() / 2;
    let low = differences[middle.saturating_sub(reach)];
    let high = differences[(middle + reach).min(differences.len() - 1)];
    let difference = median(differences).unwrap_or(f64::NAN);
    (
        format!("{words}: {difference:.0} [{low:.0}, {high:.0}]"),
        difference <= most,
    )
}

/// Runs of the subjects, and of the floor, in turn.
#[derive(Default)]
pub struct Figures {
    /// Milliseconds of dco, Compose 2.40, Compose 1.29 and the floor.
    pub wall: [Vec<f64>; 4],
    memory: [Vec<f64>; 3],
}

impl Figures {
    pub fn add(&mut self, subject: usize, run: Run) {
        self.wall[subject].push(run.wall);
        self.memory[subject].push(run.memory);
    }

    pub fn time(&self, name: &str, target: Option<(&str, f64)>) -> Row {
        let ratios = [
            ratio(&self.wall[0], &self.wall[1]),
            ratio(&self.wall[0], &self.wall[3]),
        ];
        Row {
            name: name.to_owned(),
            unit: Unit::Time,
            rounds: self.wall[0].len(),
            medians: [0, 1, 2, 3].map(|subject| median(self.wall[subject].clone())),
            ratios,
            target: target.map(|(text, most)| {
                let against = if text.contains("floor") {
                    ratios[1]
                } else {
                    ratios[0]
                };
                (text.to_owned(), against.is_some_and(|ratio| ratio <= most))
            }),
        }
    }

    pub fn peak(&self, name: &str) -> Row {
        let ratio = ratio(&self.memory[0], &self.memory[1]);
        Row {
            name: format!("{name}, peak memory"),
            unit: Unit::Memory,
            rounds: self.memory[0].len(),
            medians: [
                median(self.memory[0].clone()),
                median(self.memory[1].clone()),
                median(self.memory[2].clone()),
                None,
            ],
            ratios: [ratio, None],
            target: Some((
                "≤ 0.25 of 2.40".into(),
                ratio.is_some_and(|ratio| ratio <= 0.25),
            )),
        }
    }
}

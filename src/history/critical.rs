//! The steps of a run that decided how long it took.

use super::record::Run;

/// The ids of the longest chain: from the step that ended last back to one that began first, each
/// the last of those that the next had to wait for.
pub fn critical_path(run: &Run) -> Vec<u32> {
    let by_id = |id: u32| run.steps.iter().find(|step| step.id == id);
    let mut path = Vec::new();
    let mut next = run
        .steps
        .iter()
        .max_by_key(|step| (step.ended, std::cmp::Reverse(step.id)));
    while let Some(step) = next {
        path.push(step.id);
        next = step
            .after
            .iter()
            .filter(|id| **id < step.id)
            .filter_map(|id| by_id(*id))
            .max_by_key(|earlier| (earlier.ended, std::cmp::Reverse(earlier.id)));
    }
    path.reverse();
    path
}

#[cfg(test)]
mod tests {
    use super::super::record::StepRecord;
    use super::*;

    #[test]
    fn the_chain_goes_back_over_the_latest_of_those_waited_for() {
        let step = |id, after: &[u32], began, ended| StepRecord {
            id,
            after: after.to_vec(),
            began,
            ended,
            ..StepRecord::default()
        };
        let run = Run {
            steps: vec![
                step(1, &[], 0, 10),
                step(2, &[1], 10, 20),
                step(3, &[1], 10, 40),
                step(4, &[2, 3], 40, 90),
                step(5, &[2], 20, 30),
            ],
            ..Run::default()
        };
        assert_eq!(critical_path(&run), [1, 3, 4]);
        assert!(critical_path(&Run::default()).is_empty());
    }
}

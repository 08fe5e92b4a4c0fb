//! Cases over processors.

use super::case::Case;
use std::num::NonZero;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// Does `work` for every case on up to `jobs` threads, until `enough` says of a result that it is. Results are in the cases'
/// order; a case that was begun is always ended.
pub fn for_each<T: Send>(
    cases: &[Case],
    jobs: NonZero<usize>,
    work: impl Fn(&Case) -> T + Sync,
    enough: impl Fn(&T) -> bool + Sync,
) -> Vec<T> {
    let (next, stop, results) = (AtomicUsize::new(0), AtomicBool::new(false), Mutex::new(Vec::new()));
    let worker = || {
        while !stop.load(Ordering::Relaxed) {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(case) = cases.get(index) else { break };
            let result = work(case);
            if enough(&result) {
                stop.store(true, Ordering::Relaxed);
            }
            results.lock().unwrap_or_else(PoisonError::into_inner).push((index, result));
        }
    };
    thread::scope(|scope| {
        let threads = jobs.get().min(cases.len().max(1));
        (1..threads).for_each(|_| drop(scope.spawn(worker)));
        worker();
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::{Shard, Sweep};

    #[test]
    fn results_are_in_order_and_a_failure_may_end_it() {
        let sweep = Sweep { seeds: "0..50".parse().expect("seeds"), fixed: vec![], ranges: vec![] };
        let cases: Vec<Case> = sweep.cases(Shard::WHOLE).collect();
        for jobs in 1..=4 {
            let jobs = NonZero::new(jobs).expect("at least one");
            let seeds = for_each(&cases, jobs, |case| case.seed, |_| false);
            assert_eq!(seeds, (0..50).collect::<Vec<_>>());
            let few = for_each(&cases, jobs, |case| case.seed, |&seed| seed == 3);
            assert!(few.contains(&3) && few.len() <= 50 && few.is_sorted());
        }
        let one = NonZero::new(1).expect("one");
        assert_eq!(for_each(&cases, one, |case| case.seed, |&seed| seed == 3), [0, 1, 2, 3]);
    }
}

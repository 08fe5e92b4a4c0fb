//! A subset of the points against stored tolerances: simulated results are the same everywhere. [`between`]: the curves
//! at places that nobody published. [`knees`]: caches that are too small.

mod between;
mod knees;

use super::*;

/// The largest error that an experiment's quick points may have, in tenths of a percent.
const TOLERANCES: [(u8, u64); 8] = [(1, 50), (2, 100), (3, 160), (5, 0), (6, 100), (7, 100), (8, 20), (14, 50)];

#[test]
fn curves_stay_where_they_were_fitted() {
    for (number, tolerance) in TOLERANCES {
        let experiment = EXPERIMENTS.iter().find(|experiment| experiment.number == number).expect("it is in the list");
        let points = run(experiment, None, Extent::Quick, &mut |_| {});
        assert!(!points.is_empty(), "experiment {number} has published points");
        for row in quality(&points) {
            assert!(
                row.worst <= tolerance,
                "experiment {number}: {row:?} is worse than {tolerance} tenths of a percent"
            );
        }
    }
}

#[test]
fn what_was_published_is_met_by_name() {
    for experiment in &EXPERIMENTS {
        let mut unknown = experiment.profiles.iter().filter(|name| load(name).is_err());
        assert_eq!(unknown.next(), None, "experiment {}", experiment.number);
    }
}

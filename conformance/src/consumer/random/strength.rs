//! How many broken providers random programs find by themselves.

use super::{Program, run_with};
use crate::bench::{Lab, LabError};
use crate::mutant::Defect;
use provider::check::Side;

/// What random programs saw of a broken provider.
#[derive(Clone, Copy, Debug)]
pub struct Sight {
    /// The broken provider.
    pub defect: &'static Defect,
    /// The number of the first program, counted from zero, that went wrong on it.
    pub seen: Option<u64>,
    /// The same of the first with the rule that the defect names, or none where that was not looked for long enough.
    pub named: Option<u64>,
    /// Whether the model, without the checker, said so too, in one of these.
    pub modelled: bool,
}

/// Runs the programs of a seed on a broken provider, until its rule fires or `most` have run.
///
/// # Errors
/// If the lab has no bench.
pub fn look<L: Lab>(lab: &L, defect: &'static Defect, seed: u64, most: u64) -> Result<Sight, LabError> {
    let mut sight = Sight { defect, seen: None, named: None, modelled: false };
    for number in 0..most {
        let outcome = run_with(lab, &Program::random(seed, number), Some(defect))?;
        if !outcome.is_clean() {
            sight.seen = sight.seen.or(Some(number));
        }
        sight.modelled |= !outcome.breaches.is_empty();
        let by = |found: &crate::Found| found.side == Side::Provider && found.rule == Some(defect.entry.rule);
        if outcome.found.iter().any(by) {
            sight.named = Some(number);
            break;
        }
    }
    Ok(sight)
}

//! Of a program that goes wrong: the parts that it goes wrong by.

use super::{Outcome, Program};
use crate::bench::LabError;

/// Leaves parts of a program out as long as what is left goes wrong; `outcome` is what it came to. Parts are halves,
/// quarters and so on down to single steps, so a long program needs some hundreds of runs.
///
/// # Errors
/// As `run`.
pub fn shrink(
    mut program: Program,
    mut outcome: Outcome,
    mut run: impl FnMut(&Program) -> Result<Outcome, LabError>,
) -> Result<(Program, Outcome), LabError> {
    let mut smaller = true;
    while smaller {
        smaller = false;
        let mut length = program.nodes.iter().map(Vec::len).max().unwrap_or(0).max(program.faults.len());
        while length > 0 {
            let mut cut = 0;
            while let Some(less) = without(&program, cut, length) {
                let tried = run(&less)?;
                if tried.is_clean() {
                    cut += 1;
                } else {
                    (program, outcome, smaller) = (less, tried, true);
                }
            }
            length /= 2;
        }
    }
    Ok((program, outcome))
}

/// The program without its `cut`-th part of `length`; parts of the first node come first, then those of the second, then
/// the faults. `None`: there is no such part.
fn without(program: &Program, mut cut: usize, length: usize) -> Option<Program> {
    let mut less = program.clone();
    for steps in &mut less.nodes {
        let parts = steps.len().div_ceil(length);
        if cut < parts {
            steps.drain(cut * length..steps.len().min((cut + 1) * length));
            return Some(less);
        }
        cut -= parts;
    }
    let parts = less.faults.len().div_ceil(length);
    if cut < parts {
        less.faults.drain(cut * length..less.faults.len().min((cut + 1) * length));
        return Some(less);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consumer::random::Verb;

    /// What goes wrong if the first node polls, and later the second node closes: nothing else is left of it.
    #[test]
    fn only_the_steps_that_matter_are_left() {
        let program = Program::random(5, 1);
        let has = |steps: &[super::super::Step], verb| steps.iter().any(|step| step.verb == verb);
        let run = |program: &Program| {
            let wrong = has(&program.nodes[0], Verb::Poll) && has(&program.nodes[1], Verb::Arm);
            let breaches = if wrong { vec!["wrong".to_owned()] } else { Vec::new() };
            Ok(Outcome { breaches, ..Outcome::default() })
        };
        let outcome = run(&program).expect("it runs");
        assert!(!outcome.is_clean(), "the program is one to be shrunk");
        let (left, outcome) = shrink(program, outcome, run).expect("it runs");
        let verbs = left.nodes.map(|steps| steps.iter().map(|step| step.verb).collect::<Vec<_>>());
        assert_eq!(verbs, [vec![Verb::Poll], vec![Verb::Arm]]);
        assert!(left.faults.is_empty() && !outcome.is_clean());
    }
}

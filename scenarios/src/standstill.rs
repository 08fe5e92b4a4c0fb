//! Switches that flow control has stopped for ever, as a finding.

use crate::report::{Finding, Severity};
use des::Time;
use fabric::PortRef;
use fabric::topology::Standstill;

/// Says which switches wait for each other at the end of a run.
pub(crate) fn finding(found: &Standstill, end: Time) -> Finding {
    let text = format!(
        "flow control has stopped these switches for ever, each with a buffer full of what is for the next: {}\n  = priority \
         {} is lossless, and ways close a ring: add [fabric.pfc_watchdog], or write pfc = [] in [fabric], or choose a \
         topology without such rings, as leaf-spine or fat-tree",
        ring_text(&found.ports),
        found.priority,
    );
    Finding {
        rule: "deadlock".into(),
        severity: Severity::Error,
        side: "wire".into(),
        node: found.ports[0].node.to_string(),
        object: String::new(),
        time_ps: end.as_ps(),
        text,
    }
}

/// A ring of switch ports as text.
pub(crate) fn ring_text(ring: &[PortRef]) -> String {
    const SHOWN: usize = 12;
    let mut names: Vec<String> = ring.iter().take(SHOWN).map(PortRef::to_string).collect();
    if ring.len() > SHOWN {
        names.push(format!("{} more", ring.len() - SHOWN));
    }
    names.extend(ring.first().map(PortRef::to_string));
    names.join(" -> ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use fabric::NodeId;

    #[test]
    fn long_rings_are_cut_short() {
        let ring: Vec<PortRef> = (0..20).map(|switch| PortRef { node: NodeId::Switch(switch), port: 0 }).collect();
        assert_eq!(ring_text(&ring[..2]), "switch 0 port 0 -> switch 1 port 0 -> switch 0 port 0");
        assert!(ring_text(&ring).ends_with(" -> switch 11 port 0 -> 8 more -> switch 0 port 0"));
    }
}

//! Switches that flow control can stop for ever.

use fabric::PortRef;

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

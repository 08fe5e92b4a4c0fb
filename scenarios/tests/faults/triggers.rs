//! Which events a row strikes: every way to say so, for every kind of row.

use super::{CONNECTIONS, first_us, report, row};
use scenarios::report::RunReport;

/// A kind of row that changes little, and when its first event is.
struct Kind {
    list: &'static str,
    row: &'static str,
    /// Says "all of them" for this kind.
    all: &'static str,
    /// A row leaves the event to others when it has struck; frames are everybody's.
    exclusive: bool,
}

const KINDS: [Kind; 5] = [
    Kind {
        list: "create",
        row: "node = 1\nkind = \"qp\"\neffect = \"processor\"\nprocessor = 0\n",
        all: "every = 1\n",
        exclusive: true,
    },
    Kind {
        list: "request",
        row: "node = 1\nfunction = \"NdkConnect\"\neffect = \"processor\"\nprocessor = 0\n",
        all: "every = 1\n",
        exclusive: true,
    },
    Kind {
        list: "wire",
        row: "link = \"node1->switch\"\neffect = \"ecn-mark\"\n",
        all: "every = 1\n",
        exclusive: false,
    },
    Kind {
        list: "device",
        row: "node = 1\neffect = \"firmware-slow\"\ndelay_us = 1\n",
        all: "every = 1\n",
        exclusive: true,
    },
    Kind {
        list: "host",
        row: "node = 1\neffect = \"slow-callback\"\ndelay_us = 1\n",
        all: "every = 1\n",
        exclusive: true,
    },
];

/// Runs a row with these keys and a second one that strikes all that it leaves; returns how often it struck and all events.
fn strikes(kind: &Kind, keys: &str) -> (RunReport, u64, u64) {
    let Kind { list, row: text, all, exclusive } = kind;
    let when = "[[fault.request]]\nid = \"second-connect\"\nnode = 1\nfunction = \"NdkCompleteConnect\"\nnth = 2\neffect = \"processor\"\nprocessor = 0\n";
    let it = format!("[[fault.{list}]]\nid = \"it\"\n{text}{keys}");
    let rest = format!("[[fault.{list}]]\nid = \"rest\"\n{text}{all}");
    let report = report(&format!("{CONNECTIONS}{when}{it}{rest}"));
    let (it, rest) = (row(&report, "it").fired, row(&report, "rest").fired);
    let total = if *exclusive { it + rest } else { rest };
    assert!(total >= 6, "{list} has {total} events, too few to choose from");
    (report, it, total)
}

#[test]
fn a_row_strikes_the_events_that_it_names() {
    for kind in &KINDS {
        let list = kind.list;
        let fired = |keys: &str| {
            let (_, fired, total) = strikes(kind, keys);
            (fired, total)
        };
        assert_eq!(fired("nth = 3\n").0, 1, "{list}: nth");
        assert_eq!(fired("nth = 2\ntimes = 3\n").0, 3, "{list}: times");
        let (every, total) = fired("every = 3\n");
        assert_eq!(every, total / 3, "{list}: every");
        let (drawn, total) = fired("probability = \"1/2\"\n");
        assert!((1..total).contains(&drawn), "{list}: probability: {drawn} of {total}");
    }
}

#[test]
fn a_row_holds_in_its_time() {
    for kind in &KINDS {
        let (whole, _, total) = strikes(kind, kind.all);
        let begin = first_us(&whole, "it");
        let from = begin + 1;
        let (run, fired, _) = strikes(kind, &format!("{}from_us = {from}\n", kind.all));
        assert!((1..total).contains(&fired) && first_us(&run, "it") >= from, "{}: {fired} of {total}", kind.list);
        let (_, fired, _) = strikes(kind, &format!("{}until_us = {from}\n", kind.all));
        assert!((1..total).contains(&fired), "{}: {fired} of {total}", kind.list);
    }
}

#[test]
fn a_row_waits_for_what_opens_it() {
    for kind in &KINDS {
        for (when, after_us) in
            [("row second-connect", 0), ("row second-connect", 40), ("node1: NdkCompleteConnect 2", 40)]
        {
            let keys = format!("{}when = \"{when}\"\nafter_us = {after_us}\n", kind.all);
            let (run, fired, total) = strikes(kind, &keys);
            let opened = first_us(&run, "second-connect");
            assert!((1..total).contains(&fired), "{}, {when}: {fired} of {total}", kind.list);
            assert!(first_us(&run, "it") >= opened + after_us, "{}, {when}", kind.list);
        }
    }
}

#[test]
fn a_row_opened_by_a_creation_can_open_another() {
    let rows = "[[fault.create]]\nid = \"a\"\nkind = \"cq\"\nnode = 1\neffect = \"late\"\ndelay_us = 5\nwhen = \"node1: qp create 2\"\n\
        [[fault.wire]]\nid = \"b\"\nlink = \"node1->switch\"\neffect = \"ecn-mark\"\nnth = 1\nwhen = \"row a\"\n\
        [[fault.wire]]\nid = \"c\"\nlink = \"switch->node1\"\neffect = \"pause-storm\"\nuntil_us = 60000\nwhen = \"row b\"\nafter_us = 10\n\
        [[fault.device]]\nid = \"d\"\nnode = 0\neffect = \"interrupt-late\"\ndelay_us = 5\nwhen = \"row c\"\n\
        [[fault.host]]\nid = \"e\"\nnode = 0\neffect = \"slow-callback\"\ndelay_us = 5\nwhen = \"row d\"\n";
    let run = report(&format!("{CONNECTIONS}[expect]\nall_faults_fire = true\n{rows}"));
    // A frame counts when it leaves, a little after it was sent.
    let moments: Vec<u64> =
        ["a", "b", "c", "d", "e"].iter().map(|id| row(&run, id).first_ps.expect("it struck")).collect();
    assert!(moments.is_sorted() && moments[2] >= moments[1] + 9_000_000, "{moments:?}");
}

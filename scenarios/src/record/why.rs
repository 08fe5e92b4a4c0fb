//! From a request's way to sentences: where its time went, and what is to blame.

use super::event::{Kind, Record};
use super::recorder::Recording;
use super::slow::{Slow, Step};
use des::Dur;
use std::collections::BTreeMap;

/// Reasons that are given.
const REASONS_MAX: usize = 3;
/// Steps of a kind are worth a sentence from this part of the whole on, in thousandths.
const SHARE_MIN: u64 = 100;
/// Records that are named for a reason.
const NAMED_MAX: usize = 3;
/// What receivers count when they drop what was damaged on its way.
const DAMAGE: [&str; 2] = ["rx_icrc_errors", "rx_malformed"];

/// A part of a request's time, and why it passed: all steps of one kind at one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason<'a> {
    /// How many steps.
    pub steps: usize,
    /// Their time.
    pub took_ps: u64,
    /// Their part of the request's time, in thousandths.
    pub permille: u64,
    /// What was waited for, in the longest of them.
    pub text: String,
    /// What is to blame: losses, pauses, cache misses and the like during the longest.
    pub evidence: Vec<&'a Record>,
}

/// A packet of the request's connection that was lost, and came later: the request had to wait for that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resent<'a> {
    /// The loss.
    pub lost: &'a Record,
    /// The first arrival of the packet at its receiver after that.
    pub arrived: &'a Record,
}

/// Packets of the request's connection that were lost, and arrived before its result.
#[must_use]
pub fn resent<'a>(recording: &'a Recording, slow: &Slow<'a>) -> Vec<Resent<'a>> {
    let end = slow.request.result.as_ref().map_or(u64::MAX, |(end, _)| *end);
    let again = |&lost: &&'a Record| {
        let packet = packet(&lost.kind)?;
        let after = recording.records.partition_point(|record| record.number <= lost.number);
        let until_end = recording.records[after..].iter().take_while(|record| record.time_ps <= end);
        let mut arrivals = until_end.filter(|record| recording.place(record.place).starts_with("node"));
        let is_it =
            |record: &&Record| matches!(record.kind, Kind::Frame { .. }) && self::packet(&record.kind) == Some(packet);
        is_of(slow, lost).then(|| arrivals.find(is_it)).flatten().map(|arrived| Resent { lost, arrived })
    };
    slow.meanwhile
        .iter()
        .filter(|record| matches!(record.kind, Kind::Lost { .. }))
        .filter_map(again)
        .take(NAMED_MAX)
        .collect()
}

/// What tells a packet from all others: what it is, from where to where, for which queue pair, and its number.
type Packet<'a> = (&'a str, [u32; 2], u32, u32);

/// The packet that a record is about.
fn packet(kind: &Kind) -> Option<Packet<'_>> {
    match kind {
        Kind::Frame { what, ends, queue_pair, sequence, .. } | Kind::Lost { what, ends, queue_pair, sequence, .. } => {
            Some((what, (*ends)?, *queue_pair, *sequence))
        }
        _ => None,
    }
}

/// Whether a packet is one of the request's connection: its way goes over others of the same direction. Results come in
/// order, so what is lost and arrives before the request's result held it up.
fn is_of(slow: &Slow<'_>, lost: &Record) -> bool {
    let Some((_, ends, pair, _)) = packet(&lost.kind) else { return false };
    let mut way = slow.way.iter().filter_map(|step| packet(&step.record.kind));
    way.any(|(_, of, to, _)| (of, to) == (ends, pair))
}

/// Where most of a request's time went, the longest first.
#[must_use]
pub fn reasons<'a>(recording: &'a Recording, slow: &Slow<'a>) -> Vec<Reason<'a>> {
    let whole = slow.request.latency_ps().unwrap_or(0).max(1);
    let mut kinds: BTreeMap<(u32, &str), (usize, u64, &Step<'a>)> = BTreeMap::new();
    for step in &slow.way {
        let (count, sum, longest) = kinds.entry((step.record.place, step.record.kind.name())).or_insert((0, 0, step));
        (*count, *sum) = (*count + 1, *sum + step.took_ps);
        if step.took_ps > longest.took_ps {
            *longest = step;
        }
    }
    let mut kinds: Vec<_> = kinds.into_values().collect();
    kinds.sort_by_key(|&(_, sum, step)| (std::cmp::Reverse(sum), step.record.number));
    let reasons = kinds.into_iter().take(REASONS_MAX).map(|(steps, took_ps, longest)| {
        let evidence = evidence(recording, slow, longest);
        let text = text(recording, slow, longest, &evidence);
        Reason { steps, took_ps, permille: took_ps.saturating_mul(1_000) / whole, text, evidence }
    });
    reasons.filter(|reason| reason.permille >= SHARE_MIN).collect()
}

/// What happened while the step lasted that can have made it long.
fn evidence<'a>(recording: &'a Recording, slow: &Slow<'_>, step: &Step<'_>) -> Vec<&'a Record> {
    let (end, place) = (step.record.time_ps, step.record.place);
    let begin = end.saturating_sub(step.took_ps);
    // What is lost has the time of its first bit, which may be later than that of the records behind it.
    let during = recording.records.iter().filter(|record| begin < record.time_ps && record.time_ps <= end);
    let for_wire = matches!(step.record.kind, Kind::NicWake | Kind::SwitchWake | Kind::Frame { .. });
    let blames = |record: &&Record| match &record.kind {
        Kind::Lost { .. } => matches!(step.record.kind, Kind::NicWake) && is_of(slow, record),
        Kind::Pause { length_ps, .. } => for_wire && record.place == place && *length_ps > 0,
        Kind::Counter { name, .. } if name.contains("miss") => record.place == place,
        Kind::Counter { name, .. } => matches!(step.record.kind, Kind::NicWake) && DAMAGE.contains(&&**name),
        _ => false,
    };
    during.filter(blames).take(NAMED_MAX).collect()
}

/// What was waited for, in a sentence.
fn text(recording: &Recording, slow: &Slow<'_>, step: &Step<'_>, evidence: &[&Record]) -> String {
    let Record { place: number, kind, .. } = step.record;
    let place = recording.place(*number);
    let missed =
        evidence.iter().any(|record| matches!(&record.kind, Kind::Counter { name, .. } if name.contains("miss")));
    let rang = slow.meanwhile.iter().any(|record| {
        record.place == *number && matches!(&record.kind, Kind::Counter { name, .. } if name == "ack_timeouts")
    });
    let paused = evidence.iter().find_map(|record| match record.kind {
        Kind::Pause { length_ps, .. } => Some(Dur::from_ps(length_ps)),
        _ => None,
    });
    match kind {
        Kind::NicWake if rang => format!("{place}'s NIC waited for an acknowledgement until its timer rang"),
        Kind::NicWake | Kind::SwitchWake | Kind::Frame { .. } if paused.is_some() => {
            format!("{place} was paused (PFC) for up to {}", paused.unwrap_or(Dur::ZERO))
        }
        Kind::NicWake | Kind::DmaDone if missed => {
            format!("{place}'s NIC read a context or translation that was not in its cache")
        }
        Kind::NicWake => format!("{place}'s NIC worked, or waited for its turn on the line"),
        Kind::DmaDone => format!("{place}'s NIC read host memory over PCIe"),
        Kind::Frame { .. } => format!("a frame was on its cable to {place}, behind others perhaps"),
        Kind::SwitchWake => format!("a frame waited in {place} for its port"),
        Kind::Doorbell => format!("{place}'s processor made other calls before the register write reached the NIC"),
        Kind::Interrupt { .. } => format!("{place}'s NIC wrote the completion and raised an interrupt"),
        Kind::Tasks => format!("{place}'s processor was busy, or switched to the consumer"),
        Kind::Return => format!("{place}'s callback ran"),
        Kind::ProviderWake => format!("{place}'s provider waited: for firmware, or as a row of the plan says"),
        _ => format!("{place}'s consumer made other calls before it took the result"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::slow::slow;
    use super::*;

    /// A write whose only packet is lost, and sent again when the timer rings.
    fn recording() -> Recording {
        let packet = || ("Rc Write Only".to_owned(), Some([0, 1]), 4, 9);
        let frame = || {
            let (what, ends, queue_pair, sequence) = packet();
            Kind::Frame { what, ends, queue_pair, sequence, bytes: 100, marked: false }
        };
        let (what, ends, queue_pair, sequence) = packet();
        let (operation, status) = ("write", "STATUS_SUCCESS".to_owned());
        let result = Kind::Result { operation: operation.into(), request: 1, status, latency_ps: 990 };
        let rows = [
            (10, 0, None, Kind::Post { operation: operation.into(), request: 1, object: "qp 1".to_owned() }),
            (
                20,
                0,
                Some(0),
                Kind::Lost {
                    at: "port 0 -> switch0".to_owned(),
                    why: "row wire-1".to_owned(),
                    what,
                    ends,
                    queue_pair,
                    sequence,
                },
            ),
            (900, 0, Some(0), Kind::NicWake),
            (900, 0, Some(2), Kind::Counter { name: "ack_timeouts".into(), by: 1 }),
            (950, 1, Some(2), frame()),
            (1_000, 0, Some(4), Kind::Tasks),
            (1_000, 0, Some(5), result),
        ];
        let records = (0..).zip(rows).map(|(number, (time_ps, place, cause, kind))| Record {
            number,
            cause,
            time_ps,
            place,
            kind,
        });
        Recording { places: vec!["node0".to_owned(), "node1".to_owned()], records: records.collect(), left_out: 0 }
    }

    #[test]
    fn a_lost_packet_is_named_and_its_time_explained() {
        let recording = recording();
        let slow = slow(&recording, 100, None, None).expect("it was under way");
        let [resent] = resent(&recording, &slow)[..] else { panic!("one packet was lost") };
        assert_eq!((resent.lost.number, resent.arrived.number), (1, 4));
        let [reason] = &reasons(&recording, &slow)[..] else { panic!("nothing else took long") };
        assert_eq!((reason.steps, reason.took_ps, reason.permille), (1, 890, 898));
        assert_eq!(reason.text, "node0's NIC waited for an acknowledgement until its timer rang");
        assert_eq!(reason.evidence.iter().map(|record| record.number).collect::<Vec<_>>(), [1]);
    }

    /// Queue pairs and sequence numbers of different nodes coincide.
    #[test]
    fn losses_of_others_are_not_blamed() {
        for (other_ends, other_pair) in [(Some([0, 2]), 4), (Some([1, 0]), 4), (Some([0, 1]), 5), (None, 4)] {
            let mut recording = recording();
            let Kind::Lost { ends, queue_pair, .. } = &mut recording.records[1].kind else { unreachable!() };
            (*ends, *queue_pair) = (other_ends, other_pair);
            let slow = slow(&recording, 100, None, None).expect("it was under way");
            assert_eq!(resent(&recording, &slow), [], "{:?}", recording.records[1]);
            assert_eq!(reasons(&recording, &slow)[0].evidence, Vec::<&Record>::new());
        }
    }

    #[test]
    fn a_packet_has_arrived_when_its_receiver_has_it() {
        let mut recording = recording();
        recording.places.push("switch0".to_owned());
        let [.., arrival, tasks, _] = &mut recording.records[..] else { unreachable!() };
        // On the way, the same frame reaches the switch.
        let mut passing = arrival.clone();
        (passing.number, passing.place, passing.time_ps) = (arrival.number, 2, 920);
        (arrival.number, arrival.cause) = (tasks.number, Some(passing.number));
        (tasks.number, tasks.cause) = (tasks.number + 1, Some(tasks.number));
        let mut result = recording.records.pop().expect("the result");
        (result.number, result.cause) = (result.number + 1, Some(result.number));
        recording.records.insert(4, passing);
        recording.records.push(result);
        let slow = slow(&recording, 100, None, None).expect("it was under way");
        let [resent] = resent(&recording, &slow)[..] else { panic!("one packet was lost") };
        assert_eq!((resent.arrived.place, resent.arrived.time_ps), (1, 950));
    }

    #[test]
    fn a_pause_and_a_cache_miss_are_blamed() {
        for (kind, word) in [
            (Kind::Pause { priorities: 1, length_ps: 700 }, "paused (PFC) for up to 700 ps"),
            (Kind::Counter { name: "qp_cache_misses".into(), by: 1 }, "not in its cache"),
        ] {
            let mut recording = recording();
            recording.records[1].kind = kind;
            recording.records[3].kind = Kind::Tasks;
            let slow = slow(&recording, 100, None, None).expect("it was under way");
            let reasons = reasons(&recording, &slow);
            assert!(reasons[0].text.contains(word), "{}", reasons[0].text);
            assert_eq!(reasons[0].evidence.len(), 1);
        }
    }
}

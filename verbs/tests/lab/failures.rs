//! What breaks: the peer, the link, a queue, a receive that is too short.

use crate::side::{Connected, Side, connect};
use crate::{Case, Devices};
use provider::backend::{Command, CommandOutput, Event, Execution, Resource, SendOperation};
use provider::ndk::{MrFlags, Status};
use std::io::{BufRead, BufReader};
use std::net::IpAddr;
use std::process::{Command as Process, Stdio};
use std::time::Duration;

pub(crate) const CASES: &[Case] = &[
    ("a_flush_cancels_what_is_posted", a_flush_cancels_what_is_posted),
    ("a_receive_that_is_too_short", a_receive_that_is_too_short),
    ("no_receive_is_posted", no_receive_is_posted),
    ("a_full_send_queue_refuses", a_full_send_queue_refuses),
    ("a_full_completion_queue_dies", a_full_completion_queue_dies),
    ("a_backend_goes_with_everything_alive", a_backend_goes_with_everything_alive),
    ("entries_of_a_closed_pair_are_not_those_of_the_next", entries_of_a_closed_pair_are_not_those_of_the_next),
    ("the_peer_is_killed", the_peer_is_killed),
    ("the_link_is_unplugged", the_link_is_unplugged),
];

fn a_flush_cancels_what_is_posted(devices: &Devices) {
    let mut both = Connected::new(devices);
    let region = both.b.region(Execution::Inline, both.at_b.pd, 100, MrFlags::ALLOW_LOCAL_WRITE);
    for id in 0..5 {
        both.b.receive(both.at_b.qp, id, &[region.sge(0, 10)]).expect("posted");
    }
    assert_eq!(both.b.run(Execution::Queued, Command::FlushQp(both.at_b.qp)), Ok(CommandOutput::Done));
    for id in 0..5 {
        let flushed = both.b.completion(both.at_b.cq);
        assert_eq!((flushed.id, flushed.status, flushed.receive), (id, Status::CANCELLED, true));
    }
    assert_eq!(both.b.unwaited(), [], "a flush of one's own is no error");
}

fn a_receive_that_is_too_short(devices: &Devices) {
    let mut both = Connected::new(devices);
    let from = both.a.region(Execution::Inline, both.at_a.pd, 100, MrFlags::ALLOW_LOCAL_WRITE);
    let to = both.b.region(Execution::Inline, both.at_b.pd, 100, MrFlags::ALLOW_LOCAL_WRITE);
    both.b.receive(both.at_b.qp, 1, &[to.sge(0, 50)]).expect("posted");
    both.a.send(both.at_a.qp, 2, SendOperation::Send, &[from.sge(0, 51)]).expect("posted");
    let received = both.b.completion(both.at_b.cq);
    assert_eq!((received.id, received.status), (1, Status::BUFFER_OVERFLOW));
    assert_eq!(both.a.completion(both.at_a.cq).status, Status::REMOTE_RESOURCES);
    both.a.wait(|event| (*event == Event::QpError(both.at_a.qp)).then_some(()));
    both.b.wait(|event| (*event == Event::QpError(both.at_b.qp)).then_some(()));
}

fn no_receive_is_posted(devices: &Devices) {
    let mut both = Connected::new(devices);
    let from = both.a.region(Execution::Inline, both.at_a.pd, 100, MrFlags::ALLOW_LOCAL_WRITE);
    both.a.send(both.at_a.qp, 1, SendOperation::Send, &[from.sge(0, 1)]).expect("posted");
    let failed = both.a.completion(both.at_a.cq);
    assert_eq!((failed.status, failed.receive), (Status::IO_TIMEOUT, false), "the receiver was never ready");
}

fn a_full_send_queue_refuses(devices: &Devices) {
    let mut both = Connected::new(devices);
    let from = both.a.region(Execution::Inline, both.at_a.pd, 100, MrFlags::ALLOW_LOCAL_WRITE);
    // Nobody receives, so nothing ends soon; devices round depths up.
    let mut posted = 0;
    let refused = loop {
        match both.a.send(both.at_a.qp, posted, SendOperation::Send, &[from.sge(0, 1)]) {
            Ok(()) => posted += 1,
            Err(status) => break status,
        }
        assert!(posted < 10_000, "no queue is that deep");
    };
    assert_eq!(refused, Status::NO_MORE_ENTRIES);
    assert!(posted >= 16, "{posted} fitted");
}

fn a_full_completion_queue_dies(devices: &Devices) {
    let mut both = Connected::new(devices);
    let cq = both.a.cq(Execution::Inline, 1);
    let create = Command::CreateQp {
        pd: both.at_a.pd,
        send_cq: cq,
        receive_cq: cq,
        srq: None,
        send_depth: 64,
        receive_depth: 1,
        max_send_sge: 1,
        max_receive_sge: 1,
        max_inline_bytes: 0,
    };
    let Resource::Qp(qp) = both.a.create(Execution::Queued, create) else { panic!("no queue pair") };
    let (at_a, at_b) = (crate::side::Ends { cq, qp, ..both.at_a }, both.b.ends());
    connect(&mut both.a, at_a, &mut both.b, at_b);
    let own = both.a.region(Execution::Inline, at_a.pd, 100, MrFlags::ALLOW_LOCAL_WRITE);
    let peers = both.b.region(Execution::Inline, at_b.pd, 100, MrFlags::ALLOW_REMOTE_WRITE);
    let write = SendOperation::Write { remote_address: peers.mdl.virtual_address, key: peers.remote };
    for id in 0..32 {
        both.a.send(qp, id, write, &[own.sge(0, 1)]).expect("posted");
    }
    both.a.wait(|event| (*event == Event::CqError { cq, overrun: true }).then_some(()));
}

fn a_backend_goes_with_everything_alive(devices: &Devices) {
    let mut both = Connected::new(devices);
    let region = both.a.region(Execution::Inline, both.at_a.pd, 100, MrFlags::ALLOW_LOCAL_WRITE);
    both.a.receive(both.at_a.qp, 1, &[region.sge(0, 100)]).expect("posted");
    let (_, address) = both.a.listen(0);
    let ends = both.b.ends();
    let connecting = both.b.start(both.b.connect_command(ends.qp, address, &[]));
    both.a.arm(both.at_a.cq, false);
    let Connected { a, mut b, from_b, .. } = both;
    b.look_until(|| a.backend.signal().wait(Duration::ZERO));
    drop(a);
    b.wait(|event| (*event == Event::Disconnected { connection: from_b, graceful: true }).then_some(()));
    assert_eq!(b.result(connecting), Err(Status::CONNECTION_REFUSED));
}

fn entries_of_a_closed_pair_are_not_those_of_the_next(devices: &Devices) {
    let mut side = Side::open(devices, 0);
    let (pd, cq) = (side.pd(Execution::Inline), side.cq(Execution::Inline, 64));
    let region = side.region(Execution::Inline, pd, 100, MrFlags::ALLOW_LOCAL_WRITE);
    for round in 0..4 {
        let how = if round % 2 == 0 { Execution::Inline } else { Execution::Queued };
        let qp = side.qp(how, pd, cq);
        side.receive(qp, round, &[region.sge(0, 1)]).expect("posted");
        side.run(how, Command::FlushQp(qp)).expect("flushed");
        let ended = side.start(Command::Destroy(Resource::Qp(qp)));
        let next = side.qp(Execution::Inline, pd, cq);
        assert_eq!(side.result(ended), Ok(CommandOutput::Done));
        let entry = side.poll(cq).expect("the flushed receive");
        assert_eq!((entry.qp, entry.id, entry.status), (qp, round, Status::CANCELLED), "never of {next:?}");
        side.destroy(how, Resource::Qp(next));
        assert_eq!(side.poll(cq), None);
    }
}

/// The environment variable that makes this program the victim of [`the_peer_is_killed`].
pub(crate) const VICTIM: &str = "VERBS_LAB_VICTIM";

/// Listens, accepts, says so, and waits to be killed.
pub(crate) fn be_killed(devices: &Devices) {
    let mut side = Side::open(devices, 1);
    let ends = side.ends();
    let (_, address) = side.listen(0);
    crate::say(&address.to_string());
    let (connection, limits) = side.wait(|event| match event {
        Event::ConnectionRequest { connection, limits, .. } => Some((*connection, *limits)),
        _ => None,
    });
    let accept = Command::Accept { connection, qp: ends.qp, limits, private_data: &[] };
    side.run(Execution::Queued, accept).expect("the peer connects");
    crate::say("connected");
    // Whoever kills it closes the pipe too.
    let _ = std::io::stdin().read_line(&mut String::new());
}

fn the_peer_is_killed(devices: &Devices) {
    let mut side = Side::open(devices, 0);
    let ends = side.ends();
    let program = std::env::current_exe().expect("the program runs");
    let mut victim = Process::new(program);
    victim.env(VICTIM, "1").env("VERBS_DEVICES", devices.names.join(","));
    let mut victim = victim.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it runs a second time");
    let mut lines = BufReader::new(victim.stdout.take().expect("piped")).lines().map(|line| line.expect("text"));
    let address = lines.next().expect("an address").parse().expect("an address");
    let connecting = side.start(side.connect_command(ends.qp, address, &[]));
    let Ok(CommandOutput::Connected(established)) = side.result(connecting) else { panic!("not connected") };
    side.run(Execution::Queued, Command::CompleteConnect(established.connection)).expect("the victim waits");
    assert_eq!(lines.next().as_deref(), Some("connected"));
    let region = side.region(Execution::Inline, ends.pd, 100, MrFlags::ALLOW_LOCAL_WRITE);
    side.receive(ends.qp, 1, &[region.sge(0, 100)]).expect("posted");
    victim.kill().expect("it runs");
    victim.wait().expect("it ran");
    // Its kernel says goodbye for it.
    let connection = established.connection;
    side.wait(|event| (*event == Event::Disconnected { connection, graceful: true }).then_some(()));
    side.send(ends.qp, 2, SendOperation::Send, &[region.sge(0, 1)]).expect("nobody told the queue pair");
    assert_eq!(side.completion(ends.cq).status, Status::IO_TIMEOUT, "nobody answers");
    side.wait(|event| (*event == Event::QpError(ends.qp)).then_some(()));
    let flushed = side.completion(ends.cq);
    assert_eq!((flushed.id, flushed.status, flushed.receive), (1, Status::CANCELLED, true));
}

/// A cable that is pulled out beyond the first device's own, until this is dropped: frames leave for an address that nobody
/// has. To take the NIC itself down would not do: soft RoCE sends a frame that its NIC refuses again and again, and counts
/// no retry.
struct Unplugged {
    nic: String,
    peer: String,
    /// Where the peer really is.
    ethernet: String,
}

impl Unplugged {
    fn new(device: &str, peer: IpAddr) -> Self {
        let read = |path: &str| std::fs::read_to_string(path).expect("a device of the lab").trim().to_owned();
        let nic = read(&format!("/sys/class/infiniband/{device}/ports/1/gid_attrs/ndevs/0"));
        let other_end = if nic == "va" { "vb" } else { "va" };
        let ethernet = read(&format!("/sys/class/net/{other_end}/address"));
        let cable = Self { nic, peer: peer.to_string(), ethernet };
        assert!(cable.lead_to("02:00:00:00:00:99"), "the lab's cable can be pulled out");
        cable
    }

    fn lead_to(&self, ethernet: &str) -> bool {
        let neighbour = ["neigh", "replace", &self.peer, "lladdr", ethernet, "dev", &self.nic];
        Process::new("/bin/ip").args(neighbour).status().is_ok_and(|status| status.success())
    }
}

impl Drop for Unplugged {
    fn drop(&mut self) {
        self.lead_to(&self.ethernet);
    }
}

fn the_link_is_unplugged(devices: &Devices) {
    let mut both = Connected::new(devices);
    let from = both.a.region(Execution::Inline, both.at_a.pd, 100, MrFlags::ALLOW_LOCAL_WRITE);
    let to = both.b.region(Execution::Inline, both.at_b.pd, 100, MrFlags::ALLOW_LOCAL_WRITE);
    both.b.receive(both.at_b.qp, 1, &[to.sge(0, 100)]).expect("posted");
    let _unplugged = Unplugged::new(&devices.names[0], both.b.address(0).ip());
    both.a.send(both.at_a.qp, 1, SendOperation::Send, &[from.sge(0, 1)]).expect("posted");
    let failed = both.a.completion(both.at_a.cq);
    assert_eq!((failed.id, failed.status), (1, Status::IO_TIMEOUT));
    both.a.wait(|event| (*event == Event::QpError(both.at_a.qp)).then_some(()));
    // Linux takes a neighbour that has moved for one that is gone.
    let broken = Event::Disconnected { connection: both.from_a, graceful: false };
    both.a.wait(|event| (*event == broken).then_some(()));
    assert_eq!(both.a.run(Execution::Queued, Command::Disconnect(both.from_a)), Err(Status::CONNECTION_ABORTED));
    assert_eq!(both.b.poll(both.at_b.cq), None, "nothing has arrived");
}

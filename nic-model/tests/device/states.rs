//! Every pair of state and event of a queue pair, by commands, doorbells and packets.

use crate::support::driver::{ip, pattern};
use crate::support::{Connection, Qp, Registered, World};
use nic_model::regs::bar;
use nic_model::regs::block::Gid;
use nic_model::regs::cmd::qp::TRANSITIONS;
use nic_model::regs::cmd::{Command, CommandStatus, QpAttributes, QpMask, QpState, QpStatus, QpType, Rights};
use nic_model::regs::cqe::Syndrome;
use nic_model::regs::doorbell::ReceiveDoorbell;
use nic_model::regs::wqe::{Body, Data, DataList, Opcode, RemoteAddress};
use wire::Qpn;

use QpState as S;

const STATES: [QpState; 7] = [S::RESET, S::INIT, S::RTR, S::RTS, S::SQD, S::SQE, S::ERROR];

/// Rows: from. Columns: MODIFY_QP to each state in the order of `STATES` (the new state, or `-` if refused); a send that is
/// posted and rung (`-` ignored, `k` kept, `x` executed, `f` flushed); a receive that is posted and rung (`k`, `f`); a
/// request of the peer (`x`, `-` dropped).
const TABLE: [(QpState, &str); 7] = [
    (S::RESET, "RI----- - k -"),
    (S::INIT, "RIr---E k k -"),
    (S::RTR, "R--s--E k k x"),
    (S::RTS, "R--sd-E x k x"),
    (S::SQD, "R--sd-E k k x"),
    (S::SQE, "R--s--E f k x"),
    (S::ERROR, "R-----E f f -"),
];

const fn letter(state: QpState) -> char {
    match state {
        S::RESET => 'R',
        S::INIT => 'I',
        S::RTR => 'r',
        S::RTS => 's',
        S::SQD => 'd',
        S::SQE => 'q',
        _ => 'E',
    }
}

/// A connected pair of which the first end is in one state; the peer is ready.
struct Stand {
    world: World,
    a: Qp,
    b: Qp,
    near: Registered,
    far: Registered,
    reliable: bool,
}

impl Stand {
    fn new(qp_type: QpType, state: QpState) -> Self {
        let mut world = World::new(true);
        let (a, b) = (world.create_qp(0, qp_type), world.create_qp(1, qp_type));
        let (near, far) = (world.buffer(0, 100, 1), world.buffer(1, 100, 2));
        let mut stand = Self { world, a, b, near, far, reliable: qp_type == QpType::RC };
        for target in [S::INIT, S::RTR, S::RTS] {
            stand.modify(1, target);
        }
        let way: &[QpState] = match state {
            S::RESET => &[],
            S::INIT => &[S::INIT],
            S::RTR => &[S::INIT, S::RTR],
            S::SQD => &[S::INIT, S::RTR, S::RTS, S::SQD],
            S::ERROR => &[S::INIT, S::ERROR],
            _ => &[S::INIT, S::RTR, S::RTS],
        };
        for target in way {
            assert_eq!(stand.modify(0, *target), CommandStatus::OK, "on the way to {state:?}");
        }
        if state == S::SQE {
            stand.send(Data { key: 0x77, ..stand.near.at(0, 8) });
            stand.world.run();
            let ends = stand.world.completions(&mut stand.a);
            assert_eq!(ends[0].syndrome, Syndrome::LOCAL_PROTECTION);
        }
        stand.world.run();
        stand.world.completions(&mut stand.a);
        assert_eq!(stand.state(), state);
        stand
    }

    /// MODIFY_QP with what the transition needs.
    fn modify(&mut self, side: usize, target: QpState) -> CommandStatus {
        let (own, peer) = if side == 0 { (self.a, self.b) } else { (self.b, self.a) };
        let from = if side == 0 { self.state() } else { self.state_of(own) };
        let row = TRANSITIONS.iter().find(|row| row.from == from && row.to == target);
        let needed = row.map(|row| if self.reliable { row.required_rc } else { row.required_uc });
        let mask = needed.unwrap_or(QpMask::empty());
        let attributes = QpAttributes {
            state: target,
            mask,
            access: Rights::REMOTE_WRITE,
            pkey: 0xffff,
            dest_qpn: Qpn::new(peer.number),
            dest_gid: Gid::from(ip(1 - side)),
            dest_mac: self.world.nodes[1 - side].nic.config().ports[0].mac.0,
            path_mtu: 3,
            max_inbound_reads: 1,
            max_outbound_reads: 1,
            ack_timeout: 1,
            retry_count: 1,
            ..QpAttributes::default()
        };
        self.world.try_command(side, &Command::ModifyQp(own.number, attributes)).status
    }

    fn state(&mut self) -> QpState {
        self.state_of(self.a)
    }

    fn state_of(&mut self, qp: Qp) -> QpState {
        self.world.command(qp.node, &Command::QueryQp(qp.number));
        QpStatus::decode(&self.world.output(qp.node)).state
    }

    fn send(&mut self, data: Data) {
        let remote = RemoteAddress { address: self.far.address(), key: self.far.key };
        let list = DataList::Segments(std::iter::once(data).collect());
        self.world.send(&mut self.a, Opcode::WRITE, Body::Remote(remote, list));
    }

    fn modified(mut self, target: QpState) -> char {
        let before = self.state();
        match self.modify(0, target) {
            CommandStatus::OK => letter(self.state()),
            CommandStatus::BAD_STATE | CommandStatus::BAD_PARAMETER => {
                assert_eq!(self.state(), before, "a refused command changes nothing");
                '-'
            }
            other => panic!("{before:?} to {target:?}: {other:?}"),
        }
    }

    fn sent(mut self) -> char {
        let ignored = self.world.nodes[0].nic.counters().bad_mmio;
        self.send(self.near.at(0, 8));
        self.world.run();
        match self.world.completions(&mut self.a).first().map(|cqe| cqe.syndrome) {
            Some(Syndrome::NONE) => 'x',
            Some(Syndrome::FLUSHED) => 'f',
            Some(other) => panic!("{other:?}"),
            None if self.world.nodes[0].nic.counters().bad_mmio > ignored => '-',
            None => 'k',
        }
    }

    fn received(mut self) -> char {
        let data = self.near.at(0, 8);
        self.world.post_receive(&mut self.a, &[data]);
        let doorbell = ReceiveDoorbell { qpn: Qpn::new(self.a.number) };
        self.world.mmio_write(0, bar::uar(0, bar::UAR_RQ), &doorbell.to_value().to_le_bytes());
        self.world.run();
        if self.world.completions(&mut self.a).is_empty() { 'k' } else { 'f' }
    }

    fn asked(mut self) -> char {
        let remote = RemoteAddress { address: self.near.address(), key: self.near.key };
        let list = DataList::Segments(std::iter::once(self.far.at(0, 100)).collect());
        self.world.send(&mut self.b, Opcode::WRITE, Body::Remote(remote, list));
        self.world.run();
        if self.world.bytes(0, &self.near, 0, 100) == pattern(100, 2) { 'x' } else { '-' }
    }
}

fn table(qp_type: QpType, states: &[(QpState, &str)]) {
    for (state, row) in states {
        let stand = || Stand::new(qp_type, *state);
        let mut got: Vec<char> = STATES.iter().map(|target| stand().modified(*target)).collect();
        got.extend([stand().sent(), stand().received(), stand().asked()]);
        let expected: Vec<char> = row.chars().filter(|c| *c != ' ').collect();
        assert_eq!(got, expected, "{qp_type:?} from {state:?}");
    }
}

#[test]
fn every_pair_of_state_and_event() {
    table(QpType::UC, &TABLE);
    // A reliable connection has no SQE.
    let reliable: Vec<_> = TABLE.into_iter().filter(|(state, _)| *state != S::SQE).collect();
    table(QpType::RC, &reliable);
}

/// Time that passes until a request without an answer, or without a receive, is given up.
fn patience(reliable_wait: bool, change: impl Fn(&mut World, &Qp)) -> u64 {
    let mut world = World::new(true);
    let how = Connection { ack_timeout: 1, retry_count: 0, rnr_retry_count: 1, ..Connection::default() };
    let [mut a, b] = world.reliable_pair(how);
    change(&mut world, if reliable_wait { &a } else { &b });
    if reliable_wait {
        world.fate = Box::new(|_, _| Vec::new());
    }
    let source = world.buffer(0, 10, 1);
    let list = DataList::Segments(std::iter::once(source.at(0, 10)).collect());
    let begun = world.now;
    world.send(&mut a, Opcode::SEND, Body::Send(list));
    world.run();
    assert!(world.completions(&mut a)[0].is_error());
    world.now.since(begun).as_ps() / 1_000_000
}

#[test]
fn attributes_changed_later_count() {
    let longer_ack = |world: &mut World, qp: &Qp| {
        let drained = QpAttributes { state: S::SQD, ..QpAttributes::default() };
        world.modify(qp, drained);
        world.modify(qp, QpAttributes { mask: QpMask::ACK_TIMEOUT, ack_timeout: 10, ..drained });
        world.modify(qp, QpAttributes { state: S::RTS, ..QpAttributes::default() });
    };
    assert!(patience(true, |_, _| {}) < 20, "4.096 us x 2");
    assert!((4_000..9_000).contains(&patience(true, longer_ack)), "4.096 us x 1024");
    let longer_rnr = |world: &mut World, qp: &Qp| {
        let mask = QpMask::MIN_RNR_TIMER;
        world.modify(qp, QpAttributes { state: S::RTS, mask, min_rnr_timer: 20, ..QpAttributes::default() });
    };
    assert!(patience(false, |_, _| {}) < 100, "10 us");
    assert!((10_240..11_000).contains(&patience(false, longer_rnr)), "10.24 ms");
}

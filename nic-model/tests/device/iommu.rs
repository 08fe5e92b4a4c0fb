//! Devices behind IOMMUs: what is mapped they reach, and nothing else, whatever caches know.

use crate::support::{Connection, Qp, Registered, World};
use host::iommu::{self, Access, Fault, Reason};
use nic_model::regs::bar::{self, Health};
use nic_model::regs::cmd::{Command, MkeyContext, QpState, QpStatus, Rights};
use nic_model::regs::cqe::{Cqe, Syndrome, VendorSyndrome};
use nic_model::regs::wqe::{Body, Data, DataList, Opcode, RemoteAddress};
use smallvec::smallvec;

const BYTES: u32 = 64;

/// Two queue pairs, connected, and a buffer at each.
struct Pair {
    world: World,
    ends: [Qp; 2],
    buffers: [Registered; 2],
}

impl Pair {
    fn new() -> Self {
        let mut world = World::behind_iommus(|config| config.profile.host.iotlb_entries.value = 64);
        let how = Connection { ack_timeout: 1, retry_count: 1, rnr_retry_count: 1, ..Connection::default() };
        let ends = world.reliable_pair(how);
        let buffers = [world.buffer(0, 5_000, 1), world.buffer(1, 5_000, 2)];
        Self { world, ends, buffers }
    }

    /// Asks for `length` bytes of the peer's buffer, or gives them to it; what it comes to.
    fn one_sided(&mut self, opcode: Opcode) -> Cqe {
        let [own, peer] = &self.buffers;
        let remote = RemoteAddress { address: peer.address(), key: peer.key };
        let list = list(own.at(0, BYTES));
        self.world.send(&mut self.ends[0], opcode, Body::Remote(remote, list));
        self.end()
    }

    /// What the last request comes to.
    fn end(&mut self) -> Cqe {
        self.world.run();
        let ends = self.world.completions(&mut self.ends[0]);
        *ends.last().expect("a request ends")
    }

    fn unmap(&mut self, node: usize, address: u64) {
        let bus = self.world.nodes[node].bus(address);
        self.world.nodes[node].memory.unmap(bus);
    }

    fn faults(&self, node: usize) -> &[Fault] {
        let memory = &self.world.nodes[node].memory;
        let iommu = memory.iommu().expect("the host has an IOMMU");
        assert_eq!(iommu.faults(), self.world.nodes[node].nic.counters().iommu_faults, "both sides count the same");
        iommu.records()
    }

    fn state(&mut self, node: usize) -> QpState {
        self.world.command(node, &Command::QueryQp(self.ends[node].number));
        QpStatus::decode(&self.world.output(node)).state
    }

    fn health(&mut self, node: usize) -> u64 {
        self.world.mmio_read(node, bar::HEALTH)
    }
}

fn list(data: Data) -> DataList {
    DataList::Segments(smallvec![data])
}

#[test]
fn what_is_unmapped_is_out_of_reach_though_keys_and_caches_know_it() {
    let mut pair = Pair::new();
    assert_eq!(pair.one_sided(Opcode::WRITE).syndrome, Syndrome::NONE);
    assert_eq!(pair.one_sided(Opcode::WRITE).syndrome, Syndrome::NONE);
    let before = pair.world.nodes[0].nic.counters();
    assert!(before.iotlb_hits > 0 && before.iotlb_misses > 0, "the second found what the first had brought");
    let address = pair.buffers[0].pages[0];
    pair.unmap(0, address);
    let end = pair.one_sided(Opcode::WRITE);
    assert_eq!(end.vendor_syndrome, VendorSyndrome::DMA);
    assert_eq!((pair.state(0), pair.health(0)), (QpState::ERROR, 0), "nothing else is concerned");
    let expected = Fault {
        address: address + pair.buffers[0].mdl.first_byte_offset(),
        access: Access::Read,
        reason: Reason::NotPresent,
    };
    assert_eq!(pair.faults(0), [expected]);
    assert_eq!(pair.faults(1), []);
}

#[test]
fn an_invalidation_is_a_miss() {
    let mut pair = Pair::new();
    let misses = |pair: &Pair| pair.world.nodes[0].nic.counters().iotlb_misses;
    pair.one_sided(Opcode::WRITE);
    pair.one_sided(Opcode::WRITE);
    let warm = misses(&pair);
    pair.one_sided(Opcode::WRITE);
    assert_eq!(misses(&pair), warm, "all is at hand");
    // Another mapping of the same page, whose unmapping concerns nobody, and one that the device uses.
    let (ring, own) = (pair.ends[0].sq, pair.world.nodes[0].bus(pair.ends[0].sq));
    let memory = &mut pair.world.nodes[0].memory;
    let other = memory.map(&[ring], iommu::Rights::Read);
    memory.unmap(other[0]);
    pair.one_sided(Opcode::WRITE);
    assert_eq!(misses(&pair), warm);
    let input = nic_model::port::Input::Invalidate { address: own, pages: 1 };
    pair.world.tell(0, input);
    pair.one_sided(Opcode::WRITE);
    assert_eq!(misses(&pair), warm + 1, "the page of the send queue");
}

#[test]
fn a_read_whose_responder_has_nothing_mapped_is_refused() {
    let mut pair = Pair::new();
    let address = pair.buffers[1].pages[0];
    pair.unmap(1, address);
    assert_eq!(pair.one_sided(Opcode::READ).syndrome, Syndrome::REMOTE_OPERATION);
    assert_eq!((pair.faults(1).len(), pair.health(1)), (1, 0));
}

#[test]
fn writes_that_are_refused_change_nothing_and_the_device_fails() {
    let mut pair = Pair::new();
    let address = pair.buffers[1].pages[0];
    let buffer = pair.buffers[1].clone();
    let before = pair.world.bytes(1, &buffer, 0, 5_000);
    pair.unmap(1, address);
    pair.one_sided(Opcode::WRITE);
    assert_eq!(pair.faults(1)[0].access, Access::Write);
    assert_eq!(pair.health(1), Health::DMA_FAILED.0);
    assert_eq!(pair.world.bytes(1, &buffer, 0, 5_000), before);
}

#[test]
fn a_mapping_without_the_right_to_write_protects_against_a_key_that_has_it() {
    let mut pair = Pair::new();
    let mdl = pair.world.nodes[1].memory.allocate(u64::from(BYTES), 0);
    let pages = pair.world.nodes[1].memory.map(&mdl.pages, iommu::Rights::Read);
    let context = MkeyContext {
        page_shift: 12,
        pd: pair.world.nodes[1].driver.pd,
        rights: Rights::LOCAL_WRITE | Rights::REMOTE_WRITE | Rights::REMOTE_READ,
        page_count: 1,
        start: mdl.virtual_address,
        length_bytes: BYTES.into(),
        ..MkeyContext::default()
    };
    let key = pair.world.command(1, &Command::CreateMkey(context, pages.clone())).result;
    pair.buffers[1] = Registered { mdl, pages, key };
    assert_eq!(pair.one_sided(Opcode::READ).syndrome, Syndrome::NONE, "reads are allowed");
    pair.one_sided(Opcode::WRITE);
    assert_eq!(pair.faults(1)[0].reason, Reason::NoRight);
    assert_eq!(pair.health(1), Health::DMA_FAILED.0);
}

#[test]
fn queues_that_are_unmapped_fail_as_any_refused_dma_does() {
    // The send queue: its queue pair goes into error.
    let mut pair = Pair::new();
    pair.unmap(0, pair.ends[0].sq);
    assert_eq!(pair.one_sided(Opcode::WRITE).vendor_syndrome, VendorSyndrome::DMA);
    assert_eq!((pair.state(0), pair.health(0)), (QpState::ERROR, 0));
    // The receive queue of the peer: likewise.
    let mut pair = Pair::new();
    pair.unmap(1, pair.ends[1].rq);
    let data = pair.buffers[1].at(0, BYTES);
    pair.world.post_receive(&mut pair.ends[1], &[data]);
    let body = Body::Send(list(pair.buffers[0].at(0, BYTES)));
    pair.world.send(&mut pair.ends[0], Opcode::SEND, body);
    assert_ne!(pair.end().syndrome, Syndrome::NONE);
    assert_eq!((pair.state(1), pair.health(1)), (QpState::ERROR, 0));
    // A completion queue: the device cannot tell any more.
    let mut pair = Pair::new();
    pair.unmap(0, pair.ends[0].cq.ring);
    let body = Body::Send(DataList::default());
    pair.world.send(&mut pair.ends[0], Opcode::SEND, body);
    pair.world.run();
    assert_eq!(pair.world.completions(&mut pair.ends[0]), []);
    assert_eq!(pair.health(0), Health::DMA_FAILED.0);
}

//! A driver written from docs/PRM.md alone: every number is one that the manual prints. It uses nothing of `nic_model::regs`.

use super::lab::Lab;

/// A block of host memory under construction: big-endian words at offsets.
#[derive(Clone)]
pub(crate) struct Block(Vec<u8>);

impl Block {
    pub(crate) fn new(bytes: usize) -> Self {
        Self(vec![0; bytes])
    }

    pub(crate) fn put<const N: usize>(mut self, at: usize, bytes: [u8; N]) -> Self {
        self.0[at..at + N].copy_from_slice(&bytes);
        self
    }

    pub(crate) fn byte(self, at: usize, value: u8) -> Self {
        self.put(at, [value])
    }

    pub(crate) fn word(self, at: usize, value: u32) -> Self {
        self.put(at, value.to_be_bytes())
    }

    pub(crate) fn long(self, at: usize, value: u64) -> Self {
        self.put(at, value.to_be_bytes())
    }
}

fn word_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

/// Chapter 1: the owner bit of an entry.
const fn owner(index: u32, log_entries: u32) -> u8 {
    1 ^ (index >> log_entries & 1) as u8
}

/// 64 entries in every ring.
const LOG: u32 = 6;

/// A device that has been brought up, with one PD, CQ, QP and region.
pub(crate) struct Device {
    who: usize,
    slots: u64,
    mailbox: u64,
    eq: (u32, u64),
    events: u32,
    pub(crate) cq: (u32, u64, u64),
    completions: u32,
    seen: u8,
    pub(crate) qp: u32,
    pd: u32,
    send_ring: u64,
    blocks: u32,
    receive_ring: u64,
    receive_record: u64,
    receives: u32,
    /// Key and bus address of the region, which is named by its bus address.
    pub(crate) region: (u32, u64),
}

impl Device {
    /// Chapter 3.
    pub(crate) fn bring_up(lab: &mut Lab, who: usize) -> Self {
        assert_eq!(lab.read_register(who, 0x000).to_le_bytes(), *b"RDMANIC1");
        assert_eq!(lab.read_register(who, 0x008) >> 16, 1, "the major version");
        lab.write_register(who, 0x400, &1_u64.to_le_bytes());
        let [slots, mailbox, eq_ring, cq_ring, cq_record] = [(); 5].map(|()| lab.allocate(who, 1));
        let [send_ring, receive_ring, receive_record] = [(); 3].map(|()| lab.allocate(who, 1));
        lab.write_register(who, 0x410, &slots.to_le_bytes());
        let mut device = Self {
            who,
            slots,
            mailbox,
            eq: (0, eq_ring),
            events: 0,
            cq: (0, cq_ring, cq_record),
            completions: 0,
            seen: 0,
            qp: 0,
            pd: 0,
            send_ring,
            blocks: 0,
            receive_ring,
            receive_record,
            receives: 0,
            region: (0, lab.allocate(who, 4)),
        };
        device.command(lab, 0x102, 0, &[]);
        let address = Block::new(64).put(0x0a, [0xff, 0xff, 192, 168, 0, who as u8 + 1]);
        device.command(lab, 0x761, 0, &address.0);
        // EQ: ring, 64 entries, vector 0, both classes.
        let context = Block::new(64).long(0x00, eq_ring).byte(0x08, LOG as u8).word(0x0c, 3);
        device.eq.0 = device.command(lab, 0x301, 0, &context.0);
        device.arm_events(lab);
        device.pd = device.command(lab, 0x800, 0, &[]);
        let context = Block::new(64).long(0x00, cq_ring).long(0x08, cq_record).byte(0x10, LOG as u8);
        device.cq.0 = device.command(lab, 0x400, 0, &context.word(0x14, device.eq.0).0);
        device.register(lab);
        device.create_qp(lab);
        device
    }

    /// Four pages that anybody may use, by their bus address: chapter 6.1.
    fn register(&mut self, lab: &mut Lab) {
        let (pages, start) = (4, self.region.1);
        let context = Block::new(64 + 8 * pages).byte(0x01, 0x5a).byte(0x02, 12).word(0x04, self.pd).word(0x08, 0x0f);
        let mut context = context.word(0x0c, pages as u32).long(0x10, start).long(0x18, 4096 * pages as u64);
        for page in 0..pages {
            context = context.long(64 + 8 * page, start + 4096 * page as u64);
        }
        self.region.0 = self.command(lab, 0x200, 0, &context.0);
        assert_eq!(self.region.0 & 0xff, 0x5a, "the variant is the driver's");
    }

    fn create_qp(&mut self, lab: &mut Lab) {
        let context = Block::new(64).long(0x00, self.send_ring).long(0x08, self.receive_ring);
        let context = context.long(0x10, self.receive_record).byte(0x19, LOG as u8).byte(0x1a, LOG as u8).byte(0x1b, 6);
        let context = context.word(0x20, self.pd).word(0x24, self.cq.0).word(0x28, self.cq.0);
        self.qp = self.command(lab, 0x500, 0, &context.0);
    }

    /// Chapter 4.2, polled: gives the result.
    fn command(&self, lab: &mut Lab, code: u16, operand: u32, input: &[u8]) -> u32 {
        lab.store(self.who, self.mailbox, input);
        let slot = Block::new(64).put(0x00, code.to_be_bytes()).long(0x08, self.mailbox);
        let slot = slot.word(0x18, input.len() as u32).word(0x20, operand).byte(0x3f, 1);
        lab.store(self.who, self.slots, &slot.0);
        lab.write_register(self.who, 0x420, &0_u64.to_le_bytes());
        let status = lab.read_register(self.who, 0x428);
        assert_eq!(status, 0, "status of command {code:#x}");
        let slot = lab.load(self.who, self.slots, 64);
        assert_eq!((slot[0x3e], slot[0x3f]), (0, 0), "the reply says the same, and gives the slot back");
        word_at(&slot, 0x28)
    }

    /// Chapter 8.2: to INIT, RTR and RTS.
    pub(crate) fn connect(&self, lab: &mut Lab, peer: &Self) {
        let peer_mac = lab.read_register(peer.who, 0x800 + 0x08).to_be_bytes();
        let mac: [u8; 6] = peer_mac[2..].try_into().expect("six bytes");
        let base =
            Block::new(128).word(0x08, 0x0e).put(0x0c, [0xff, 0xff]).word(0x14, peer.qp).word(0x18, 77).word(0x1c, 77);
        let base = base.put(0x2a, [0xff, 0xff, 192, 168, 0, peer.who as u8 + 1]).put(0x30, mac);
        let base =
            base.byte(0x39, 3).byte(0x3a, 4).byte(0x3b, 4).byte(0x3c, 1).byte(0x3d, 10).byte(0x3e, 7).byte(0x3f, 7);
        let (access, pkey, port, path, mtu, dest, rq_psn) = (0x1, 0x2, 0x4, 0x10, 0x20, 0x40, 0x80);
        let (inbound, rnr, sq_psn, timeout, retry, rnr_retry, outbound) =
            (0x100, 0x200, 0x400, 0x800, 0x1000, 0x2000, 0x4000);
        let steps = [
            (1, access | pkey | port),
            (2, path | mtu | dest | rq_psn | inbound | rnr),
            (3, sq_psn | timeout | retry | rnr_retry | outbound),
        ];
        for (state, mask) in steps {
            self.command(lab, 0x502, self.qp, &base.clone().byte(0, state).word(4, mask).0);
        }
    }

    /// Chapter 10: a receive into the region.
    pub(crate) fn post_receive(&mut self, lab: &mut Lab, offset: u64, length: u32) {
        let data = Block::new(64).word(0x00, length).word(0x04, self.region.0).long(0x08, self.region.1 + offset);
        lab.store(self.who, self.receive_ring + u64::from(self.receives % 64) * 64, &data.word(0x14, 0x100).0);
        self.receives += 1;
        lab.store(self.who, self.receive_record, &self.receives.to_be_bytes());
    }

    /// Chapter 9: a signalled request of one block. `remote` is for operations that name the peer's memory.
    pub(crate) fn post(&mut self, lab: &mut Lab, opcode: u8, remote: Option<(u32, u64)>, offset: u64, length: u32) {
        let units = if remote.is_some() { 3 } else { 2 };
        let wqe = Block::new(64).put(0x00, (self.blocks as u16).to_be_bytes()).byte(0x03, opcode).word(0x04, self.qp);
        let mut wqe = wqe.byte(0x08, units).byte(0x0b, 0x08);
        if let Some((key, address)) = remote {
            wqe = wqe.long(0x10, address).word(0x18, key);
        }
        let data = 16 * (usize::from(units) - 1);
        wqe = wqe.word(data, length).word(data + 4, self.region.0).long(data + 8, self.region.1 + offset);
        lab.store(self.who, self.send_ring + u64::from(self.blocks % 64) * 64, &wqe.0);
        self.blocks += 1;
        let doorbell = u64::from(self.qp) << 32 | u64::from(self.blocks);
        lab.write_register(self.who, 0x10_0000, &doorbell.to_le_bytes());
    }

    /// Chapter 7.1: the next completion, as opcode, syndrome, byte count and index.
    pub(crate) fn poll(&mut self, lab: &mut Lab) -> Option<(u8, u8, u32, u32)> {
        let cqe = lab.load(self.who, self.cq.1 + u64::from(self.completions % 64) * 64, 64);
        if cqe[0x3f] & 1 != owner(self.completions, LOG) {
            return None;
        }
        self.completions += 1;
        lab.store(self.who, self.cq.2, &self.completions.to_be_bytes());
        Some((cqe[0x3e], cqe[0x17], word_at(&cqe, 0x20), word_at(&cqe, 0x28)))
    }

    /// Chapter 7.2.
    pub(crate) fn arm(&self, lab: &mut Lab) {
        let doorbell = u64::from(self.seen) << 62 | u64::from(self.cq.0) << 32 | u64::from(self.completions);
        lab.write_register(self.who, 0x10_0020, &doorbell.to_le_bytes());
    }

    /// Chapter 5: the events since the last call, as type, number and detail; arms again.
    pub(crate) fn events(&mut self, lab: &mut Lab) -> Vec<(u8, u32, u32)> {
        let mut events = Vec::new();
        loop {
            let eqe = lab.load(self.who, self.eq.1 + u64::from(self.events % 64) * 64, 64);
            if eqe[0x3f] & 1 != owner(self.events, LOG) {
                break;
            }
            self.events += 1;
            self.seen = (self.seen + u8::from(eqe[1] == 0)) % 4;
            events.push((eqe[1], word_at(&eqe, 0x20), word_at(&eqe, 0x24)));
        }
        self.arm_events(lab);
        events
    }

    fn arm_events(&self, lab: &mut Lab) {
        let doorbell = 1 << 63 | u64::from(self.eq.0) << 32 | u64::from(self.events);
        lab.write_register(self.who, 0x10_0040, &doorbell.to_le_bytes());
    }

    /// Chapter 4.3: state of the QP.
    pub(crate) fn state(&self, lab: &mut Lab) -> u8 {
        let slot = Block::new(64).put(0x00, 0x50b_u16.to_be_bytes()).long(0x10, self.mailbox);
        lab.store(self.who, self.slots, &slot.word(0x1c, 64).word(0x20, self.qp).byte(0x3f, 1).0);
        lab.write_register(self.who, 0x420, &0_u64.to_le_bytes());
        assert_eq!(lab.read_register(self.who, 0x428), 0);
        lab.load(self.who, self.mailbox, 1)[0]
    }

    /// Chapter 3: in the opposite order of creation.
    pub(crate) fn take_down(self, lab: &mut Lab) {
        self.command(lab, 0x501, self.qp, &[]);
        self.command(lab, 0x202, self.region.0, &[]);
        self.command(lab, 0x401, self.cq.0, &[]);
        self.command(lab, 0x801, self.pd, &[]);
        self.command(lab, 0x302, self.eq.0, &[]);
    }
}

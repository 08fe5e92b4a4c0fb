//! Two machines with a device each and a cable: all that the manual's driver stands on.

use des::{Dur, Time};
use host::HostMemory;
use nic_model::port::{DmaError, DmaTag, Input, Outbox, Output, Segments};
use nic_model::{Config, Nic};
use std::collections::BTreeMap;
use wire::Payload;

const CABLE: Dur = Dur::from_ns(500);

struct Machine {
    nic: Nic,
    memory: HostMemory,
    interrupts: u32,
}

enum Due {
    Tell(Input),
    Read(DmaTag, Segments),
    Interrupt,
}

/// Two machines.
pub(crate) struct Lab {
    machines: [Machine; 2],
    now: Time,
    due: BTreeMap<(Time, u64), (usize, Due)>,
    count: u64,
}

impl Lab {
    pub(crate) fn new() -> Self {
        let machine =
            |index| Machine { nic: Nic::new(Config::generic(index)), memory: HostMemory::new(), interrupts: 0 };
        Self { machines: [machine(1), machine(2)], now: Time::ZERO, due: BTreeMap::new(), count: 0 }
    }

    /// Zeroed pages that are contiguous on the bus.
    pub(crate) fn allocate(&mut self, who: usize, pages: usize) -> u64 {
        self.machines[who].memory.allocate_contiguous(pages)
    }

    pub(crate) fn store(&mut self, who: usize, address: u64, bytes: &[u8]) {
        self.machines[who].memory.write(address, bytes).expect("the driver has allocated it");
    }

    pub(crate) fn load(&self, who: usize, address: u64, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.machines[who].memory.read(address, &mut bytes).expect("the driver has allocated it");
        bytes
    }

    /// Interrupts since the last call.
    pub(crate) fn interrupts(&mut self, who: usize) -> u32 {
        std::mem::take(&mut self.machines[who].interrupts)
    }

    pub(crate) fn write_register(&mut self, who: usize, offset: u64, bytes: &[u8]) {
        self.tell(who, Input::MmioWrite { offset, data: bytes.into() });
    }

    /// A register read: what the device reads meanwhile is answered at once.
    pub(crate) fn read_register(&mut self, who: usize, offset: u64) -> u64 {
        let mut outbox = Outbox::new();
        self.machines[who].nic.handle(self.now, Input::MmioRead { offset }, &mut outbox);
        let mut answer = None;
        while !outbox.is_empty() {
            for (delay, output) in std::mem::take(&mut outbox) {
                match output {
                    Output::MmioReadDone { value } => answer = Some(value),
                    Output::DmaRead { tag, segments, .. } if answer.is_none() => {
                        let data = self.fetch(who, &segments);
                        self.machines[who].nic.handle(self.now, Input::DmaReadDone { tag, data }, &mut outbox);
                    }
                    other => self.take(who, delay, other),
                }
            }
        }
        self.rearm(who);
        self.machines[who].memory.settle(Time::MAX).expect("the device writes to memory");
        answer.expect("a register read is answered")
    }

    /// Runs until nothing is left to happen.
    pub(crate) fn run(&mut self) {
        for _ in 0..100_000 {
            let Some(((at, _), (who, due))) = self.due.pop_first() else {
                self.machines.iter_mut().for_each(|machine| machine.memory.settle(Time::MAX).expect("memory"));
                return;
            };
            self.now = self.now.max(at);
            match due {
                Due::Tell(input) => self.tell(who, input),
                Due::Read(tag, segments) => {
                    let data = self.fetch(who, &segments);
                    self.tell(who, Input::DmaReadDone { tag, data });
                }
                Due::Interrupt => self.machines[who].interrupts += 1,
            }
        }
        panic!("the devices do not come to rest");
    }

    fn tell(&mut self, who: usize, input: Input) {
        let mut outbox = Outbox::new();
        self.machines[who].nic.handle(self.now, input, &mut outbox);
        for (delay, output) in outbox {
            self.take(who, delay, output);
        }
        self.rearm(who);
    }

    fn rearm(&mut self, who: usize) {
        if let Some(at) = self.machines[who].nic.next_wakeup() {
            self.push(at, who, Due::Tell(Input::Wake));
        }
    }

    fn push(&mut self, at: Time, who: usize, due: Due) {
        self.count += 1;
        self.due.insert((at, self.count), (who, due));
    }

    fn take(&mut self, who: usize, delay: Dur, output: Output) {
        let at = self.now + delay;
        match output {
            Output::DmaRead { tag, segments, .. } => self.push(at, who, Due::Read(tag, segments)),
            Output::DmaWrite { segments, data: Payload::Bytes(data) } => {
                let mut done = 0;
                for segment in segments {
                    let end = done + segment.length_bytes as usize;
                    self.machines[who].memory.post_write(at, segment.address, data.slice(done..end));
                    done = end;
                }
            }
            Output::Msix { .. } => self.push(at, who, Due::Interrupt),
            Output::Tx { frame, .. } => self.push(at + CABLE, 1 - who, Due::Tell(Input::Frame { port: 0, frame })),
            Output::DmaWrite { .. } | Output::Pause { .. } | Output::MmioReadDone { .. } => {}
        }
    }

    fn fetch(&mut self, who: usize, segments: &Segments) -> Result<Payload, DmaError> {
        self.machines[who].memory.settle(self.now).expect("the device writes to memory");
        let pieces = segments.iter().map(|segment| {
            let mut bytes = vec![0; segment.length_bytes as usize];
            let refused = |_| DmaError::NotMemory { address: segment.address };
            self.machines[who].memory.read(segment.address, &mut bytes).map(|()| bytes).map_err(refused)
        });
        Ok(Payload::Bytes(pieces.collect::<Result<Vec<_>, _>>()?.concat().into()))
    }
}

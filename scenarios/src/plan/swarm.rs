//! A seed draws a plan from a swarm.

use crate::spec::fault::machine::{Dma, MachineEffect, MachineFault};
use crate::spec::fault::{
    CallEffect, CreateFault, DeviceEffect, DeviceFault, FaultPlan, HostEffect, HostFault, RequestFault, WireEffect,
    WireFault,
};
use crate::spec::{Scenario, Swarm};
use des::{Ratio, Rng};
use nic_model::fault::Access;
use nic_model::regs::cmd::CommandStatus;
use provider::ndk::{CallKind, ObjectKind, Status};

/// What creations fail with: what ndkpi.md lists for every create function, section 6.
const STATUSES: [Status; 3] = [Status::INSUFFICIENT_RESOURCES, Status::NO_MEMORY, Status::DEVICE_BUSY];

/// Kinds that the library's consumers create.
const KINDS: [ObjectKind; 6] =
    [ObjectKind::Qp, ObjectKind::Cq, ObjectKind::Mr, ObjectKind::Pd, ObjectKind::Connector, ObjectKind::Listener];

/// What completes later and every consumer waits for. Connecting is left to frames: a connect that never was refuses nobody.
const FUNCTIONS: [CallKind; 2] = [CallKind::RegisterMr, CallKind::DeregisterMr];

/// Draws the rows of `swarm` for the seed of `scenario`.
pub(super) fn draw(scenario: &Scenario, swarm: &Swarm) -> FaultPlan {
    let mut dice = Dice { rng: Rng::stream(scenario.about.seed, "swarm"), swarm, nodes: scenario.cluster.nodes };
    let links: Vec<String> = scenario.cluster.cables().iter().flat_map(|cable| cable.links()).collect();
    let mut plan = FaultPlan::default();
    let number = dice.up_to(swarm.creations_max);
    plan.create.extend((1..=number).map(|index| dice.creation(format!("swarm-create-{index}"))));
    let number = dice.up_to(swarm.requests_max);
    plan.request.extend((1..=number).map(|index| dice.request(format!("swarm-request-{index}"))));
    if !links.is_empty() {
        let number = dice.up_to(swarm.frames_max);
        plan.wire.extend((1..=number).map(|index| dice.frame(format!("swarm-frame-{index}"), &links)));
        let number = dice.up_to(swarm.outages_max);
        plan.wire.extend((1..=number).map(|index| dice.outage(format!("swarm-outage-{index}"), &links)));
    }
    let number = dice.up_to(swarm.devices_max);
    plan.device.extend((1..=number).map(|index| dice.device(format!("swarm-device-{index}"))));
    let number = dice.up_to(swarm.hosts_max);
    plan.host.extend((1..=number).map(|index| dice.host(format!("swarm-host-{index}"))));
    plan
}

/// What DMA is for in what the library's consumers do, writes left out of the common ones: each costs the adapter.
const DMA: [Dma; 4] = [
    Dma::Read(Access::Command),
    Dma::Read(Access::SendWqes),
    Dma::Read(Access::ReceiveWqes),
    Dma::Read(Access::Payload),
];

struct Dice<'a> {
    rng: Rng,
    swarm: &'a Swarm,
    nodes: u16,
}

/// How a call is struck.
struct Stroke {
    node: Option<u16>,
    nth: u64,
    effect: CallEffect,
    status: Option<Status>,
    delay_us: Option<u64>,
    behind: Option<u32>,
    processor: Option<u8>,
}

impl Dice<'_> {
    fn up_to(&mut self, most: u32) -> u64 {
        self.rng.below(u64::from(most) + 1)
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.rng.below(choices.len() as u64) as usize]
    }

    /// Small numbers are likelier: the first few of a kind are those that exist.
    fn nth(&mut self) -> u64 {
        let most = 1 + self.rng.below(self.swarm.nth_max.max(1));
        1 + self.rng.below(most)
    }

    fn stroke(&mut self) -> Stroke {
        use CallEffect::{Fail, InsideCall, Late, Pend, PendFail, Processor, Reorder};
        let effect = self.of(&[Fail, Fail, PendFail, PendFail, Pend, InsideCall, Late, Late, Reorder, Processor]);
        let node = self.rng.below(u64::from(self.nodes)) as u16;
        let delay = 1 + self.rng.below(self.swarm.delay_us_max.max(1));
        Stroke {
            node: Some(node),
            nth: self.nth(),
            effect,
            status: effect.needs_status().then(|| self.of(&STATUSES)),
            delay_us: effect.takes_delay().then_some(delay),
            behind: (effect == Reorder).then(|| 1 + self.rng.below(3) as u32),
            processor: (effect == Processor).then_some(1),
        }
    }

    fn creation(&mut self, id: String) -> CreateFault {
        let kind = self.of(&KINDS);
        let Stroke { node, nth, effect, status, delay_us, behind, processor } = self.stroke();
        CreateFault {
            id,
            kind,
            node,
            nth: Some(nth),
            times: None,
            every: None,
            probability: None,
            context: None,
            from_us: None,
            until_us: Some(self.swarm.until_us),
            effect,
            status,
            delay_us,
            behind,
            processor,
            when: None,
            after_us: None,
            must_fire: false,
        }
    }

    fn request(&mut self, id: String) -> RequestFault {
        let function = self.of(&FUNCTIONS);
        let mut stroke = self.stroke();
        // Memory that cannot be deregistered has no way out; only its completion may be late.
        if function == CallKind::DeregisterMr && stroke.effect.needs_status() {
            stroke = Stroke { effect: CallEffect::Late, status: None, delay_us: Some(5), ..stroke };
        }
        let Stroke { node, nth, effect, status, delay_us, behind, processor } = stroke;
        RequestFault {
            id,
            function,
            node,
            nth: Some(nth),
            times: None,
            every: None,
            probability: None,
            context: None,
            from_us: None,
            until_us: Some(self.swarm.until_us),
            effect,
            status,
            delay_us,
            behind,
            processor,
            when: None,
            after_us: None,
            must_fire: false,
        }
    }

    fn frame(&mut self, id: String, links: &[String]) -> WireFault {
        use WireEffect::{Corrupt, Delay, Drop, Duplicate, EcnMark, Reorder};
        let effect = self.of(&[Drop, Drop, Corrupt, Duplicate, Delay, Reorder, EcnMark]);
        let many = self.rng.below(4) == 0;
        let nth = (1 + self.nth()) * 4;
        let probability = if many { Ratio::new(1, 50 + self.rng.below(200) as u32) } else { None };
        let delay = 100 + self.rng.below(20_000);
        WireFault {
            effect,
            nth: probability.is_none().then_some(nth),
            probability,
            delay_ns: matches!(effect, Delay | Reorder).then_some(delay),
            until_us: Some(self.swarm.until_us),
            ..self.wire(id, links, effect)
        }
    }

    fn outage(&mut self, id: String, links: &[String]) -> WireFault {
        let from = self.rng.below(self.swarm.until_us.max(1));
        let until = from + 1 + self.rng.below(self.swarm.outage_us_max.max(1));
        let (from_us, until_us) = (Some(from), Some(until));
        WireFault { from_us, until_us, ..self.wire(id, links, WireEffect::Down) }
    }

    fn machine<E: MachineEffect>(&mut self, id: String, effect: E) -> MachineFault<E> {
        let node = self.rng.below(u64::from(self.nodes)) as u16;
        MachineFault { node: Some(node), until_us: Some(self.swarm.until_us), ..MachineFault::new(id, effect) }
    }

    fn device(&mut self, id: String) -> DeviceFault {
        use DeviceEffect as D;
        let common =
            [D::FirmwareSlow, D::CommandFail, D::ContextParity, D::InterruptLost, D::InterruptLate, D::DmaError];
        let rare = [D::FirmwareStuck, D::Reset, D::Removal];
        let effect = if self.rng.below(4) == 0 { self.of(&rare) } else { self.of(&common) };
        let row = self.machine(id, effect);
        let (nth, times) = (self.nth() * 4, 1 + self.rng.below(3));
        let delay = 1 + self.rng.below(self.swarm.delay_us_max.max(1));
        let status = self.of(&[CommandStatus::NO_RESOURCES, CommandStatus::INTERNAL_ERROR]);
        let access = self.of(&DMA);
        let moment = self.rng.below(self.swarm.until_us.max(1));
        match effect {
            D::Reset | D::Removal => DeviceFault { from_us: Some(moment), until_us: None, ..row },
            D::FirmwareStuck | D::ContextParity => DeviceFault { nth: Some(nth), ..row },
            D::FirmwareSlow | D::InterruptLate => {
                DeviceFault { nth: Some(nth), times: Some(times), delay_us: Some(delay), ..row }
            }
            D::InterruptLost => DeviceFault { nth: Some(nth), times: Some(times), ..row },
            D::CommandFail => DeviceFault { nth: Some(nth), status: Some(status), ..row },
            D::DmaError => DeviceFault { nth: Some(nth), access: Some(access), ..row },
        }
    }

    fn host(&mut self, id: String) -> HostFault {
        let effect = self.of(&HostEffect::ALL);
        let row = self.machine(id, effect);
        let (nth, times) = (self.nth(), 1 + self.rng.below(3));
        let delay = 1 + self.rng.below(self.swarm.delay_us_max.max(1));
        let access = if self.rng.below(8) == 0 { Dma::Write } else { self.of(&DMA) };
        match effect {
            HostEffect::SlowCallback => {
                HostFault { nth: Some(nth * 4), times: Some(times), delay_us: Some(delay), ..row }
            }
            HostEffect::Iommu => HostFault { nth: Some(nth * 8), access: Some(access), ..row },
            HostEffect::NoMemory => HostFault { nth: Some(nth), times: Some(times), ..row },
        }
    }

    fn wire(&mut self, id: String, links: &[String], effect: WireEffect) -> WireFault {
        let link = links[self.rng.below(links.len() as u64) as usize].clone();
        WireFault {
            id,
            link,
            effect,
            nth: None,
            times: None,
            every: None,
            probability: None,
            packet: None,
            psn: None,
            dest_qp: None,
            from_node: None,
            to_node: None,
            from_us: None,
            until_us: None,
            delay_ns: None,
            when: None,
            after_us: None,
            must_fire: false,
        }
    }
}

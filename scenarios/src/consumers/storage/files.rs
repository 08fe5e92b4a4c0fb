//! A client of a file server, as SMB Direct: a buffer is registered for one request, and its token ended with the answer.

use super::PORT;
use super::protocol::{COMMAND_BYTES, Command, Direction, Hello, decode_answer};
use crate::consumers::common::{Crew, Event, Peer, SERVER, Sizes, dial, pattern};
use crate::spec::FileTransfer;
use des::Time;
use provider::consumer::{Adapter, Buffer, Mr};
use provider::ndk::{LogicalAddressMapping, OpFlags, Status};
use std::collections::VecDeque;

/// Writes the file to the server and reads it back.
pub(super) async fn transfer(crew: &Crew, adapter: &Adapter, transfer: &FileTransfer) -> Result<(), Status> {
    let requests = transfer.file_bytes.div_ceil(u64::from(transfer.request_bytes));
    let depth = u64::from(transfer.credits).min(requests) as u32;
    let sizes = Sizes { message_bytes: COMMAND_BYTES, receives: depth, sends: depth, requests: depth, cq_depth: None };
    let hello = Hello { part_bytes: transfer.file_bytes, depth, invalidate: true }.encode();
    let peer = dial(crew, adapter, sizes, 1, crew.address(SERVER, PORT), &hello).await?;
    peer.use_for(async |peer: &Peer| {
        let mut slots = Vec::new();
        let mut outcome = make_slots(crew, adapter, peer, transfer, depth, &mut slots).await;
        if outcome.is_ok() {
            let file = pattern::bytes(crew.seed, crew.node as u64, 0, transfer.file_bytes as usize);
            if transfer.together {
                crew.gather().await;
            }
            let work = Work { crew, peer, transfer, slots: &slots, file: &file };
            outcome = work.run(Direction::Store).await;
            if outcome.is_ok() {
                outcome = work.run(Direction::Load).await;
            }
        }
        for slot in slots {
            slot.close(adapter).await;
        }
        outcome
    })
    .await
}

/// A buffer, its pages as the adapter names them, and the region that they are registered with again and again.
#[derive(Debug)]
struct Slot {
    buffer: Buffer,
    mr: Mr,
    mapping: Option<LogicalAddressMapping>,
}

impl Slot {
    async fn close(self, adapter: &Adapter) {
        self.mr.close().await;
        self.mapping.iter().for_each(|mapping| adapter.release(mapping));
    }
}

/// Makes one slot for each credit. On an error, what has been made stays in `slots`.
async fn make_slots(
    crew: &Crew,
    adapter: &Adapter,
    peer: &Peer,
    transfer: &FileTransfer,
    depth: u32,
    slots: &mut Vec<Slot>,
) -> Result<(), Status> {
    for _ in 0..depth {
        let buffer = crew.session.allocate(u64::from(transfer.request_bytes));
        let mr = crew.retrying(|| peer.link.pd().create_fast_register_mr()).await?;
        slots.push(Slot { buffer, mr, mapping: None });
        let slot = slots.last_mut().expect("one was just pushed");
        let pages = slot.buffer.mdl().pages.len() as u32;
        crew.retrying(|| slot.mr.prepare(pages, true)).await?;
        slot.mapping = Some(crew.retrying(|| adapter.map(&slot.buffer)).await?);
    }
    Ok(())
}

struct Work<'a> {
    crew: &'a Crew,
    peer: &'a Peer,
    transfer: &'a FileTransfer,
    slots: &'a [Slot],
    file: &'a [u8],
}

impl Work<'_> {
    /// Moves the whole file.
    async fn run(&self, direction: Direction) -> Result<(), Status> {
        let requests = self.file.len().div_ceil(self.transfer.request_bytes as usize);
        let mut free: VecDeque<usize> = (0..self.slots.len()).collect();
        let mut under_way: Vec<Option<(usize, Time)>> = vec![None; self.slots.len()];
        let (mut begun, mut done) = (0, 0);
        while done < requests {
            while begun < requests
                && let Some(slot) = free.pop_front()
            {
                under_way[slot] = Some((begun, self.crew.session.now()));
                self.begin(direction, slot, begun).await?;
                begun += 1;
            }
            // What remains are registrations; they come before the answer that needs them.
            let Event::Message(message) = self.peer.event().await?.ok_or(Status::CONNECTION_ABORTED)? else { continue };
            let slot = decode_answer(&message).ok_or(Status::DATA_ERROR)? as usize;
            let (request, since) = under_way.get_mut(slot).and_then(Option::take).ok_or(Status::DATA_ERROR)?;
            self.end(direction, slot, request, since)?;
            free.push_back(slot);
            done += 1;
        }
        Ok(())
    }

    /// The part of the file that a request moves.
    fn part(&self, request: usize) -> &[u8] {
        let length = self.transfer.request_bytes as usize;
        let from = request * length;
        &self.file[from..self.file.len().min(from + length)]
    }

    /// Registers the slot's buffer and asks; the two are posted together, and the QP keeps their order.
    async fn begin(&self, direction: Direction, slot: usize, request: usize) -> Result<(), Status> {
        let Slot { buffer, mr, mapping } = &self.slots[slot];
        let (part, mapping) = (self.part(request), mapping.as_ref().ok_or(Status::INVALID_DEVICE_STATE)?);
        let rights = match direction {
            Direction::Store => {
                buffer.write(0, part).map_err(|_| Status::UNSUCCESSFUL)?;
                OpFlags::ALLOW_REMOTE_READ
            }
            Direction::Load => OpFlags::ALLOW_REMOTE_WRITE,
        };
        // One doorbell for both.
        let flags = rights | OpFlags::DEFER;
        let address = buffer.address();
        self.peer.link.qp().fast_register(slot as u64, mr, mapping, part.len() as u64, address, flags)?;
        let command = Command {
            direction,
            id: slot as u32,
            offset: request as u64 * u64::from(self.transfer.request_bytes),
            length_bytes: part.len() as u32,
            address,
            token: mr.remote_token().await,
        };
        self.peer.link.say(&command.encode()).await
    }

    fn end(&self, direction: Direction, slot: usize, request: usize, since: Time) -> Result<(), Status> {
        let part = self.part(request);
        let name = match direction {
            Direction::Store => "upload",
            Direction::Load => {
                let bytes = self.slots[slot].buffer.read(0, part.len()).map_err(|_| Status::UNSUCCESSFUL)?;
                self.crew.compared(bytes == part);
                "download"
            }
        };
        self.crew.done(name, part.len() as u64, since);
        Ok(())
    }
}

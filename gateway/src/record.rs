//! The capture: what was put on the Ethernet and what came from it, with a remark about each fault.

use fabric::capture::Captured;
use fabric::rule::{Fate, Loss};
use std::fmt;
use std::io::{self, Write};
use wire::pcapng::{InterfaceId, Writer};

/// A capture being written, with one interface for each direction.
pub(crate) struct Record {
    writer: Writer<Box<dyn Write>>,
    directions: [InterfaceId; 2],
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record").finish_non_exhaustive()
    }
}

impl Record {
    pub(crate) fn new(sink: Box<dyn Write>) -> io::Result<Self> {
        let mut writer = Writer::new(sink)?;
        let directions = [writer.add_interface("sent")?, writer.add_interface("received")?];
        Ok(Self { writer, directions })
    }

    /// Writes what a link's tap has seen; direction 0 is "sent".
    pub(crate) fn write(&mut self, direction: usize, captured: Vec<Captured>) -> io::Result<()> {
        for seen in captured {
            let (time_ns, bytes) = (seen.at.as_ps() / 1_000, seen.frame.encode());
            self.writer.write_frame(self.directions[direction], time_ns, &bytes, &remark(seen.fate))?;
        }
        Ok(())
    }

    pub(crate) fn finish(self) -> io::Result<()> {
        self.writer.finish().map(drop)
    }
}

fn remark(fate: Fate) -> String {
    match fate {
        Fate::Lost { loss: Loss::Rule, .. } => "lost on purpose".to_owned(),
        Fate::Lost { loss: Loss::LinkDown, .. } => "lost: the link is down".to_owned(),
        Fate::Delivered { duplicated: true, .. } => "sent twice on purpose".to_owned(),
        Fate::Delivered { delay, .. } if delay.as_ps() > 0 => {
            format!("late by {} us on purpose", delay.as_ns() / 1_000)
        }
        Fate::Delivered { .. } => String::new(),
    }
}

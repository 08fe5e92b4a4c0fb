//! The thread that waits for the device and for connection management, and takes and acknowledges their events.

use super::inbox::{Inbox, News};
use crate::error::Errno;
use crate::sys::{AsyncEvent, Channel, CmChannel, Device, Waker, file_of, wait_readable};
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::thread::JoinHandle;

/// The thread, and what ends it.
#[derive(Debug)]
pub(super) struct Reactor {
    waker: Waker,
    thread: Option<JoinHandle<()>>,
}

/// What it waits for.
pub(super) struct Sources {
    pub(super) device: Arc<Device>,
    pub(super) channel: Arc<Channel>,
    pub(super) cm: Arc<CmChannel>,
    /// For connections that peers begin.
    pub(super) connection_numbers: Arc<AtomicU32>,
}

impl Reactor {
    pub(super) fn new(sources: Sources, inbox: &Arc<Inbox>) -> Result<Self, Errno> {
        let (waker, woken) = Waker::new()?;
        let inbox = Arc::clone(inbox);
        let run = move || {
            let files = [file_of(&woken), sources.device.event_file(), sources.channel.file(), sources.cm.file()];
            loop {
                let [stopped, device, channel, cm] = wait_readable(files);
                if stopped {
                    return;
                }
                if device {
                    let events = std::iter::from_fn(|| sources.device.next_event());
                    events.filter(|event| *event != AsyncEvent::Other).for_each(|event| inbox.put(News::Async(event)));
                }
                if channel {
                    std::iter::from_fn(|| sources.channel.next_event()).for_each(|cq| inbox.put(News::CqEvent(cq)));
                }
                if cm {
                    let events = std::iter::from_fn(|| sources.cm.next_event(&sources.connection_numbers));
                    events.for_each(|event| inbox.put(News::Cm(event)));
                }
            }
        };
        let spawned = std::thread::Builder::new().name("verbs-events".to_owned()).spawn(run);
        let thread = spawned.map_err(|error| Errno(error.raw_os_error().unwrap_or(libc::EAGAIN)))?;
        Ok(Self { waker, thread: Some(thread) })
    }

    /// Ends the thread. Events that nobody took go with their objects.
    pub(super) fn stop(&mut self) {
        if let Some(thread) = self.thread.take() {
            self.waker.wake();
            thread.join().expect("taking events does not panic");
        }
    }
}

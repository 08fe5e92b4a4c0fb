//! The thread that runs queued commands, one after the other.

use super::inbox::{Inbox, News};
use super::objects::Job;
use provider::backend::CommandId;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

/// The thread and its queue.
#[derive(Debug)]
pub(super) struct Worker {
    jobs: Option<Sender<(CommandId, Job)>>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    pub(super) fn new(inbox: &Arc<Inbox>) -> std::io::Result<Self> {
        let (jobs, queue) = channel::<(CommandId, Job)>();
        let inbox = Arc::clone(inbox);
        let thread = std::thread::Builder::new().name("verbs-commands".to_owned()).spawn(move || {
            for (command, job) in queue {
                inbox.put(News::Done { command, made: job() });
            }
        })?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Queues a command.
    pub(super) fn start(&self, command: CommandId, job: Job) {
        let jobs = self.jobs.as_ref().expect("a worker is stopped when its backend goes, and not before");
        jobs.send((command, job)).expect("the worker takes jobs until its queue is closed");
    }

    /// Runs what is queued to its end, and ends.
    pub(super) fn stop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            thread.join().expect("jobs report errors and do not panic");
        }
    }
}

//! A bar on the terminal for runs that take longer than a moment.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use scenarios::{Milestone, Progress, report::units};
use std::io::{self, IsTerminal};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// A run quicker than this shows no bar.
const PATIENCE: Duration = Duration::from_millis(500);
const REFRESH: Duration = Duration::from_millis(100);

/// Does `work`, showing on a terminal how far `progress` says it is.
pub(crate) fn watch<T: Send>(progress: &Progress, work: impl FnOnce() -> T + Send) -> T {
    let simulated = |milestone: Milestone| {
        let now = des::Time::from_ps(milestone.simulated_ps);
        format!("{now} simulated, {} events", units::count(milestone.events))
    };
    watch_as(progress, simulated, work)
}

/// The same, with other words beside the bar.
pub(crate) fn watch_as<T: Send>(
    progress: &Progress,
    words: impl Fn(Milestone) -> String,
    work: impl FnOnce() -> T + Send,
) -> T {
    if !io::stderr().is_terminal() {
        return work();
    }
    thread::scope(|scope| {
        let (done, waiting) = channel::<()>();
        let worker = scope.spawn(move || {
            // Dropped at the end of the work, also by a panic.
            let _done = done;
            work()
        });
        if waiting.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
            let bar = bar();
            while waiting.recv_timeout(REFRESH) == Err(RecvTimeoutError::Timeout) {
                let milestone = progress.get();
                bar.set_position(milestone.permille);
                bar.set_message(words(milestone));
            }
            bar.finish_and_clear();
        }
        worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {percent:>3} %  {elapsed}  {msg}");
    let bar = ProgressBar::with_draw_target(Some(1_000), ProgressDrawTarget::stderr());
    bar.with_style(style.expect("the template's keys are indicatif's"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_work_is_done_and_a_bar_can_be_drawn() {
        assert_eq!(watch(&Progress::default(), || 7), 7);
        assert_eq!(bar().length(), Some(1_000));
    }
}

//! The orderly end: everything is closed, in any order that loses nothing, and the adapter last.

use super::actor::Actor;
use super::thing::{Detail, Life, Mapping, Thing};
use des::Dur;
use provider::consumer::Adapter;
use provider::ndk::{Call, Object, ObjectKind};

/// Looks at what is left, each after a longer while than the last.
const ROUNDS: u64 = 300;
const ROUND: Dur = Dur::from_us(20);

impl Actor {
    pub(super) async fn end(&self, adapter: Adapter) {
        for round in 1..=ROUNDS {
            self.live(ObjectKind::Cq, |_| true).into_iter().for_each(|cq| self.drain(cq));
            self.due().into_iter().for_each(|object| self.close(object));
            if self.model().under_way().is_empty() {
                break;
            }
            self.session.sleep(ROUND * round).await;
        }
        self.release_maps(adapter.object());
        let left = self.model().under_way();
        if !left.is_empty() {
            // The adapter's close would never return.
            self.model().breach(format!("it does not come to an end: {}", left.join(", ")));
            return;
        }
        self.model().adapter_closing = true;
        if let Err(status) = adapter.close().await {
            self.model().breach(format!("closing the adapter ended with {status}"));
        }
        let left = self.model().pending();
        if left > 0 {
            self.model().breach(format!("the adapter is closed, and {left} requests have not ended"));
        }
    }

    fn release_maps(&self, adapter: Object) {
        let maps = std::mem::take(&mut self.model().maps);
        for Mapping { lam, .. } in &maps {
            self.call(Call::ReleaseLam { adapter, lam });
        }
    }

    /// What may be closed now: queues of completions and buffers once no queue pair is left that uses them.
    fn due(&self) -> Vec<Object> {
        let model = self.model();
        let busy =
            model.things.values().any(|thing| matches!(thing.detail, Detail::Qp(_)) && thing.life != Life::Closed);
        let may = |thing: &&Thing| !(busy && matches!(thing.detail, Detail::Cq(_) | Detail::Mr(_)));
        model.things.values().filter(|thing| thing.life == Life::Live).filter(may).map(|thing| thing.object).collect()
    }
}

//! Logical address mappings, and getters with a buffer: R30, R31, R77, R79, R80.

use super::checker::Checker;
use super::fact::{Args, CallFact};
use super::model::Detail;
use crate::ndk::{LogicalAddressMapping, Object, Out, Status};
use host::PAGE_SIZE;

impl Checker {
    pub(super) fn lam_built(&mut self, fact: &CallFact, status: Status, out: &Out) {
        let (Some(object), &Args::BuildLam { length_bytes, buffer_bytes }) = (fact.object, &fact.args) else { return };
        match (status, out) {
            (Status::SUCCESS, Out::Lam(lam)) => {
                let covered = lam.adapter_pages.len() as u64 * PAGE_SIZE;
                let aligned = lam.adapter_pages.iter().all(|page| page.is_multiple_of(PAGE_SIZE));
                if !aligned || covered < u64::from(lam.first_byte_offset) + length_bytes {
                    let what = format!("a mapping of {length_bytes} bytes has {} pages", lam.adapter_pages.len());
                    self.report(79, Some(object), what);
                }
                if let Some(adapter) = self.model.adapter_mut(object.id) {
                    adapter.mappings_built += 1;
                    adapter.mappings.insert(adapter.mappings_built, lam.clone());
                }
            }
            (Status::SUCCESS, _) => self.report(79, Some(object), "NdkBuildLAM succeeded without a mapping".into()),
            (_, Out::Lam(_)) => {
                self.report(77, Some(object), format!("NdkBuildLAM failed with {status} and a mapping"))
            }
            _ => self.needed(fact, length_bytes, Some(buffer_bytes), status, out),
        }
    }

    pub(super) fn lam_released(&mut self, adapter: Object, lam: &LogicalAddressMapping) {
        let Some(state) = self.model.adapter_mut(adapter.id) else { return };
        let Some(number) = state.mappings.iter().find(|(_, built)| *built == lam).map(|(number, _)| *number) else {
            self.report(31, Some(adapter), "NdkReleaseLAM was given a mapping that was not built, or not so".into());
            return;
        };
        state.mappings.remove(&number);
        let user = self.model.objects.values().filter(|entry| !entry.is_closed()).find_map(|entry| {
            let (first, second) = match &entry.detail {
                Detail::Qp(qp) => (&qp.initiator.posts, Some(&qp.receive.posts)),
                Detail::Srq(srq) => (&srq.queue.posts, None),
                _ => return None,
            };
            let mut posts = first.iter().chain(second.into_iter().flatten());
            posts.find(|post| post.mappings.contains(&number)).map(|post| (entry.object, post.call))
        });
        if let Some((object, call)) = user {
            let what = format!("a mapping was released while call {call} on {object:?} uses it");
            self.report(30, Some(adapter), what);
        }
    }

    /// R80: what a getter says about its buffer.
    pub(super) fn needed(&mut self, fact: &CallFact, of: u64, buffer: Option<u32>, status: Status, out: &Out) {
        let (Some(object), Some(buffer)) = (fact.object, buffer) else { return };
        if status != Status::BUFFER_TOO_SMALL {
            return;
        }
        let function = fact.kind.name();
        let Some(entry) = self.model.entry_mut(object.id) else { return };
        let told =
            entry.needed.filter(|&(kind, argument, bytes)| (kind, argument) == (fact.kind, of) && buffer >= bytes);
        match *out {
            Out::NeededBytes(bytes) if bytes > buffer => {
                entry.needed = Some((fact.kind, of, bytes));
                if let Some((_, _, before)) = told {
                    let what = format!("{function} failed with {status} at {buffer} bytes, having asked for {before}");
                    self.report(80, Some(object), what);
                }
            }
            Out::NeededBytes(bytes) => {
                let what = format!("{function} failed with {status} at {buffer} bytes, and says that it needs {bytes}");
                self.report(80, Some(object), what);
            }
            _ => {
                self.report(
                    80,
                    Some(object),
                    format!("{function} failed with {status} and does not say what it needs"),
                );
            }
        }
    }
}

//! What a defect does to results.

use super::Mutant;
use super::how::Skew;
use provider::ndk::{
    Answer, Call, CallSite, NdkProvider, NdkResult, NdkResultEx, Object, OperationType, Out, Return, Status,
};

/// Results beside those asked for that a failure may hide.
const LEAST: usize = 1;

/// Where results are to be written.
enum Array<'a> {
    Plain(&'a mut [NdkResult]),
    Extended(&'a mut [NdkResultEx]),
}

impl Array<'_> {
    fn len(&self) -> usize {
        match self {
            Self::Plain(results) => results.len(),
            Self::Extended(results) => results.len(),
        }
    }

    fn write(&mut self, index: usize, result: NdkResultEx) {
        match self {
            Self::Plain(results) => results.iter_mut().skip(index).take(LEAST).for_each(|slot| *slot = result.base),
            Self::Extended(results) => results.iter_mut().skip(index).take(LEAST).for_each(|slot| *slot = result),
        }
    }
}

impl<P: NdkProvider> Mutant<P> {
    /// A results getter, its results skewed.
    pub(super) fn skewed(&mut self, host: &mut P::Host, site: &CallSite, skew: Skew, call: Call<'_>) -> Answer {
        let (cq, mut array) = match call {
            Call::GetCqResults { cq, results } => (cq, Array::Plain(results)),
            Call::GetCqResultsEx { cq, results } => (cq, Array::Extended(results)),
            call => return self.inner.call(host, site, call),
        };
        let room = array.len();
        let mut results = match self.memory.result.take() {
            Some(again) => vec![again],
            None => Vec::new(),
        };
        let more = self.fetch(host, site, cq, room - results.len().min(room), &array);
        if let (Skew::Twice, Some(&first), false) = (skew, more.first(), self.memory.done) {
            (self.memory.result, self.memory.done) = (Some(first), true);
        }
        results.extend(more);
        match skew {
            Skew::Each(change) => results.iter_mut().for_each(change),
            Skew::Reversed => results.reverse(),
            Skew::FailuresLost => results.retain(|result| result.base.status == Status::SUCCESS),
            Skew::Twice | Skew::CountTooHigh | Skew::RestTouched => {}
        }
        for (index, result) in results.iter().enumerate() {
            array.write(index, *result);
        }
        let mut count = results.len() as u32;
        match skew {
            Skew::CountTooHigh => count = room as u32 + 1,
            Skew::RestTouched => {
                let junk = NdkResult { request_context: u64::MAX, ..NdkResult::EMPTY };
                array.write(results.len(), NdkResultEx { base: junk, ..NdkResultEx::EMPTY });
            }
            _ => {}
        }
        Answer::Returned(Return::with(Out::Count(count)))
    }

    fn fetch(
        &mut self,
        host: &mut P::Host,
        site: &CallSite,
        cq: Object,
        room: usize,
        like: &Array<'_>,
    ) -> Vec<NdkResultEx> {
        let mut plain = vec![NdkResult::EMPTY; room];
        let mut extended = vec![NdkResultEx::EMPTY; room];
        let answer = match like {
            Array::Plain(_) => self.inner.call(host, site, Call::GetCqResults { cq, results: &mut plain }),
            Array::Extended(_) => self.inner.call(host, site, Call::GetCqResultsEx { cq, results: &mut extended }),
        };
        if let Array::Plain(_) = like {
            let operation = OperationType::Receive;
            let lift = |base| NdkResultEx { base, operation, provider_error_code: 0, type_specific: 0 };
            extended = plain.into_iter().map(lift).collect();
        }
        let count = match answer {
            Answer::Returned(Return { out: Out::Count(count), .. }) => count as usize,
            _ => 0,
        };
        extended.truncate(count);
        extended
    }
}

//! Posts and results.

use super::row;
use crate::mutant::how::{Defect, How, Skew, Which};
use provider::ndk::{Call, CallKind, OpFlags, OperationType, Status};

pub(super) const DEFECTS: &[Defect] = &[
    row("count-too-high", 104, "messages", How::Results(Skew::CountTooHigh), "tells more results than were asked for"),
    row(
        "array-overrun",
        104,
        "plain-results",
        How::Results(Skew::RestTouched),
        "writes into the array beyond the results that it tells",
    ),
    row(
        "wrong-qp-context",
        105,
        "messages",
        How::Results(Skew::Each(|result| result.base.qp_context ^= 1)),
        "gives results the context of another queue pair",
    ),
    row(
        "wrong-request-context",
        105,
        "messages",
        How::Results(Skew::Each(|result| result.base.request_context ^= 0x100_0000)),
        "gives results a context that no request has",
    ),
    row("result-twice", 106, "messages", How::Results(Skew::Twice), "gives a result twice"),
    row(
        "post-without-result",
        106,
        "messages",
        How::Refuse(|call| match call {
            Call::Send { context: 103, .. } => Some(Status::SUCCESS),
            _ => None,
        }),
        "accepts a request and never gives its result",
    ),
    row(
        "result-of-a-failed-post",
        106,
        "messages",
        How::Answer(CallKind::Send, |returned| returned.status = Status::INSUFFICIENT_RESOURCES),
        "fails a post, and gives a result all the same",
    ),
    row(
        "silent-success-speaks",
        106,
        "silent-success",
        How::Ask(|call| {
            if let Call::Send { flags, .. } = call {
                flags.remove(OpFlags::SILENT_SUCCESS);
            }
        }),
        "gives results for requests that were to be silent",
    ),
    row(
        "silent-failure-is-silent",
        106,
        "silent-failure",
        How::Results(Skew::FailuresLost),
        "gives no result for a silent request that failed",
    ),
    row("results-reordered", 107, "messages", How::Results(Skew::Reversed), "gives results in another order"),
    row(
        "wrong-operation-type",
        108,
        "messages",
        How::Results(Skew::Each(|result| {
            if result.operation == OperationType::Send {
                result.operation = OperationType::Write;
            }
        })),
        "gives the result of a send the type of a write",
    ),
    row(
        "wrong-type-for-invalidating-send",
        108,
        "remote-invalidation",
        How::Results(Skew::Each(|result| {
            if result.operation == OperationType::Send {
                result.operation = OperationType::Invalidate;
            }
        })),
        "gives the result of a send-and-invalidate a type of its own",
    ),
    row(
        "error-code-on-success",
        108,
        "messages",
        How::Results(Skew::Each(|result| result.provider_error_code = 7)),
        "gives a success an error code",
    ),
    row(
        "invalidation-not-told",
        108,
        "remote-invalidation",
        How::Results(Skew::Each(|result| {
            if result.operation == OperationType::ReceiveAndInvalidate {
                result.operation = OperationType::Receive;
            }
        })),
        "reports a receive that invalidated a token as a plain one",
    ),
    row(
        "flush-lost",
        112,
        "flush",
        How::Refuse(|call| match call {
            Call::Flush { .. } => Some(Status::SUCCESS),
            _ => None,
        }),
        "a flush leaves requests without their results",
    ),
    row("flushed-result-lost", 112, "unconnected", How::Results(Skew::FailuresLost), "loses the results of a flush"),
    row(
        "failed-post-does-not-kick",
        113,
        "deferred-then-failed",
        How::Refuse(|call| match call {
            Call::Send { sgl, .. } if sgl.len() > 2 => Some(Status::DATA_OVERRUN),
            _ => None,
        }),
        "leaves a deferred request where it is when the next post fails",
    ),
    row(
        "chain-never-kicked",
        114,
        "deferred",
        How::Ask(|call| {
            if let Call::Send { flags, .. } = call {
                flags.insert(OpFlags::DEFER);
            }
        }),
        "leaves a deferred chain where it is when its last request comes",
    ),
    row(
        "post-without-connection",
        115,
        "unconnected",
        How::Answer(CallKind::Send, |returned| returned.status = Status::SUCCESS),
        "accepts a send on a queue pair that was never connected",
    ),
    row(
        "receive-wants-connection",
        115,
        "unconnected",
        How::Refuse(|call| match call {
            Call::Receive { .. } => Some(Status::CONNECTION_INVALID),
            _ => None,
        }),
        "refuses a receive on a queue pair that is not connected",
    ),
    row(
        "inline-list-limited",
        116,
        "inline",
        How::Refuse(|call| match call {
            Call::Send { sgl, flags, .. } if flags.contains(OpFlags::INLINE) && sgl.len() > 1 => {
                Some(Status::DATA_OVERRUN)
            }
            _ => None,
        }),
        "applies the limit of list entries to an inline request",
    ),
    row(
        "fenced-data-taken-early",
        122,
        "fence",
        How::Ask(|call| {
            if let Call::Send { flags, .. } | Call::Write { flags, .. } = call
                && flags.contains(OpFlags::READ_FENCE)
            {
                flags.insert(OpFlags::INLINE);
            }
        }),
        "takes the bytes of a fenced request when it is posted",
    ),
    row(
        "post-beside-close-lost",
        96,
        "posts-beside-close",
        How::Refuse(|call| match call {
            Call::Write { context: 4.., .. } => Some(Status::SUCCESS),
            _ => None,
        }),
        "accepts a request while its connector closes, and forgets it",
    ),
    row(
        "low-water-twice",
        141,
        "shared-receives",
        How::Twice(Which::LowWater),
        "notifies twice that a shared queue runs low",
    ),
    row(
        "low-water-lost",
        141,
        "shared-receives",
        How::Never(Which::LowWater),
        "does not notify that a shared queue runs low",
    ),
    row(
        "low-water-wrong-context",
        141,
        "shared-receives",
        How::Change(Which::LowWater, |upcall| upcall.context ^= 0x1000),
        "notifies of a shared queue with another context",
    ),
    row(
        "low-water-status",
        142,
        "shared-receives",
        How::Change(Which::LowWater, |upcall| {
            upcall.body = provider::ndk::UpcallBody::SrqNotification { status: Status::BUFFER_OVERFLOW };
        }),
        "notifies of a shared queue with a status that it cannot have",
    ),
    row(
        "low-water-after-close",
        143,
        "shared-receives",
        How::AfterClose(Which::LowWater),
        "notifies of a shared queue whose close has completed",
    ),
];

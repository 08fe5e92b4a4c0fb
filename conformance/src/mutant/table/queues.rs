//! Arms, notifications, moderation.

use super::row;
use crate::mutant::how::{Defect, How, Which};
use provider::ndk::{Call, CallKind, CqNotify, Status, UpcallBody};

/// Makes every arm of this type one for ANY.
fn widen(call: &mut Call<'_>, narrow: CqNotify) {
    if let Call::ArmCq { notify, .. } = call
        && *notify == narrow
    {
        *notify = CqNotify::ANY;
    }
}

pub(super) const DEFECTS: &[Defect] = &[
    row("notification-unarmed", 97, "arm-any", How::NotifyUnarmed, "notifies of a queue that is not armed"),
    row("notification-twice", 97, "arm-any", How::Twice(Which::Notification), "notifies twice for one arm"),
    row(
        "notification-wrong-context",
        97,
        "arm-any",
        How::Change(Which::Notification, |upcall| upcall.context ^= 0x1000),
        "notifies with another context",
    ),
    row(
        "notification-before-entry",
        97,
        "arm-twice",
        How::NotifyAtArm,
        "notifies before the entry can be taken, and again when it can",
    ),
    row(
        "errors-arm-too-wide",
        97,
        "arm-errors",
        How::Ask(|call| widen(call, CqNotify::ERRORS)),
        "lets a success satisfy an arm for errors",
    ),
    row("notification-lost", 98, "arm-any", How::Never(Which::Notification), "does not notify of a new entry"),
    row(
        "old-entries-not-seen",
        98,
        "arm-late",
        How::Refuse(|call| match call {
            Call::ArmCq { .. } => Some(Status::SUCCESS),
            _ => None,
        }),
        "does not notify of entries that came before the arm",
    ),
    row(
        "notification-inside-another",
        99,
        "arm-inside",
        How::NotifyInside,
        "notifies again before the first notification has returned",
    ),
    row("weaker-arm-wins", 100, "arm-twice", How::MergedArmLost, "forgets an arm for ANY when one for errors follows"),
    row(
        "solicited-arm-too-wide",
        101,
        "arm-solicited",
        How::Ask(|call| widen(call, CqNotify::SOLICITED)),
        "lets any success satisfy a solicited arm",
    ),
    row(
        "notification-status",
        103,
        "arm-any",
        How::Change(Which::Notification, |upcall| {
            upcall.body = UpcallBody::CqNotification { status: Status::UNSUCCESSFUL };
        }),
        "notifies with a status that it cannot have",
    ),
    row(
        "results-after-failure",
        103,
        "arm-late",
        How::Change(Which::Notification, |upcall| {
            upcall.body = UpcallBody::CqNotification { status: Status::INTERNAL_ERROR };
        }),
        "reports that a queue has failed, and goes on yielding results",
    ),
    row(
        "moderation-pends",
        110,
        "moderation",
        How::Answer(CallKind::ControlCqInterruptModeration, |returned| returned.status = Status::PENDING),
        "returns PENDING from moderation",
    ),
    row(
        "moderation-without-bound",
        110,
        "moderation",
        How::Answer(CallKind::ControlCqInterruptModeration, |returned| returned.status = Status::SUCCESS),
        "grants a moderation that may delay for ever",
    ),
];

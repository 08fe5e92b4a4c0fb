//! Opening, create completions, request completions.

use super::{inline, row};
use crate::mutant::how::{Defect, How, Which};
use provider::ndk::{Call, CallKind, NdkVersion, Object, ObjectKind, Out, Status, Upcall, UpcallBody};

const CREATE_PD: Which = Which::Completion(CallKind::CreatePd);
const CREATE_MR: Which = Which::Completion(CallKind::CreateMr);
const REGISTER: Which = Which::Completion(CallKind::RegisterMr);
const DEREGISTER: Which = Which::Completion(CallKind::DeregisterMr);
const LISTEN: Which = Which::Completion(CallKind::Listen);

/// An object that the provider never made.
const PHANTOM: Object = Object { kind: ObjectKind::Pd, id: 0x00ff_ffff, version: NdkVersion::V2_1 };

/// The object of a create completion, to be changed.
fn created(upcall: &mut Upcall, change: fn(&mut Object)) {
    if let UpcallBody::CreateCompletion { object: Some(object), .. } = &mut upcall.body {
        change(object);
    }
}

fn with_status(upcall: &mut Upcall, new: Status) {
    if let UpcallBody::CreateCompletion { status, .. } | UpcallBody::RequestCompletion { status, .. } = &mut upcall.body
    {
        *status = new;
    }
}

pub(super) const DEFECTS: &[Defect] = &[
    row(
        "open-lower-minor",
        144,
        "adapter",
        How::Answer(CallKind::OpenAdapter, |returned| {
            if let Out::Object(adapter) = &mut returned.out {
                adapter.version = NdkVersion { major: 1, minor: 2 };
            }
        }),
        "answers an open for 2.0 with a 1.2 adapter",
    ),
    row(
        "refuses-lower-minors",
        144,
        "versions",
        How::Refuse(|call| match call {
            Call::OpenAdapter { version: NdkVersion { minor: 0, .. } } => Some(Status::NOT_SUPPORTED),
            _ => None,
        }),
        "refuses a minor below its own, and does not say that it is for the version",
    ),
    row(
        "extension-granted",
        66,
        "adapter",
        How::Answer(CallKind::QueryExtension, |returned| returned.status = Status::SUCCESS),
        "grants an extension interface that nobody defined",
    ),
    row(
        "info-needs-more",
        80,
        "adapter",
        How::Answer(CallKind::QueryAdapterInfo, |returned| {
            if let Out::NeededBytes(bytes) = &mut returned.out {
                *bytes = 16;
            }
        }),
        "tells a length for the limits that is not enough",
    ),
    row(
        "too-small-without-length",
        80,
        "adapter",
        How::Answer(CallKind::QueryAdapterInfo, |returned| {
            if returned.status == Status::BUFFER_TOO_SMALL {
                returned.out = Out::Untouched;
            }
        }),
        "returns BUFFER_TOO_SMALL and does not tell the length",
    ),
    inline(
        "header-of-another-type",
        62,
        "every-object",
        How::Answer(CallKind::CreateListener, |returned| {
            if let Out::Object(object) = &mut returned.out {
                object.kind = ObjectKind::Connector;
            }
        }),
        "hands a listener over with the header of a connector",
    ),
    row(
        "header-of-another-version",
        62,
        "every-object",
        How::Change(CREATE_PD, |upcall| created(upcall, |object| object.version = NdkVersion::V1_1)),
        "hands an object over with a version that its adapter does not have",
    ),
    row("create-completed-twice", 68, "every-object", How::Twice(CREATE_PD), "calls a create completion twice"),
    row(
        "create-never-completed",
        68,
        "every-object",
        How::Never(Which::Completion(CallKind::CreateCq)),
        "pends a create and forgets its completion",
    ),
    row(
        "create-written-after-pending",
        69,
        "every-object",
        How::Answer(CallKind::CreatePd, |returned| returned.out = Out::Object(PHANTOM)),
        "returns PENDING and writes the out-parameter",
    ),
    inline(
        "create-completed-after-success",
        67,
        "every-object",
        How::CompletesToo(CallKind::CreatePd),
        "returns the object, and calls the completion too",
    ),
    inline(
        "create-success-without-object",
        67,
        "every-object",
        How::Answer(CallKind::CreateMr, |returned| returned.out = Out::Untouched),
        "returns SUCCESS and writes no object",
    ),
    row(
        "create-completed-after-failure",
        70,
        "refused-create",
        How::CompletesToo(CallKind::CreateCq),
        "fails inline, and calls the completion too",
    ),
    inline(
        "failed-create-leaves-object",
        85,
        "refused-create",
        How::Answer(CallKind::CreatePd, |returned| returned.status = Status::INSUFFICIENT_RESOURCES),
        "fails a create and keeps the object, which then holds the adapter open",
    ),
    row(
        "create-wrong-context",
        71,
        "every-object",
        How::Change(CREATE_MR, |upcall| upcall.context ^= 0x1000),
        "calls a create completion with another context",
    ),
    row(
        "create-wrong-parent",
        68,
        "every-object",
        How::Change(CREATE_MR, |upcall| upcall.object.id = 1),
        "completes a create on the adapter that was made on the protection domain",
    ),
    row(
        "create-completes-without-object",
        71,
        "every-object",
        How::Change(CREATE_PD, |upcall| {
            if let UpcallBody::CreateCompletion { object, .. } = &mut upcall.body {
                *object = None;
            }
        }),
        "completes a create with SUCCESS and no object",
    ),
    row(
        "create-completes-other-type",
        71,
        "every-object",
        How::Change(CREATE_MR, |upcall| created(upcall, |object| object.kind = ObjectKind::Mw)),
        "completes the creation of a region with a window",
    ),
    row(
        "create-completes-old-object",
        71,
        "every-object",
        How::OldObject(CallKind::CreateCq),
        "completes a create with an object that exists already",
    ),
    row(
        "create-completes-pending",
        73,
        "every-object",
        How::Change(CREATE_PD, |upcall| with_status(upcall, Status::PENDING)),
        "completes a create with PENDING",
    ),
    row("request-completed-twice", 72, "requests", How::Twice(REGISTER), "calls a request completion twice"),
    row(
        "request-never-completed",
        72,
        "requests",
        How::Never(DEREGISTER),
        "pends a deregistration and forgets its completion",
    ),
    inline(
        "request-completed-after-success",
        72,
        "requests",
        How::CompletesToo(CallKind::RegisterMr),
        "returns SUCCESS from a request, and calls the completion too",
    ),
    row(
        "request-wrong-context",
        72,
        "requests",
        How::Change(LISTEN, |upcall| upcall.context ^= 0x1000),
        "calls a request completion with another context",
    ),
    row(
        "request-wrong-object",
        72,
        "requests",
        How::Change(LISTEN, |upcall| upcall.object.id = 1),
        "completes a request on another object",
    ),
    row(
        "request-completes-pending",
        73,
        "requests",
        How::Change(REGISTER, |upcall| with_status(upcall, Status::PENDING)),
        "completes a request with PENDING",
    ),
    row(
        "flush-pends",
        74,
        "flush",
        How::Answer(CallKind::Flush, |returned| returned.status = Status::PENDING),
        "returns PENDING from a function that never pends",
    ),
    row(
        "success-of-another-kind",
        74,
        "requests",
        How::Answer(CallKind::GetLocalTokenFromMr, |returned| returned.status = Status::TIMEOUT),
        "returns a success code that consumers do not know",
    ),
    row(
        "limit-not-enforced",
        81,
        "limits",
        How::Ask(|call| {
            if let Call::CreateCq { depth, .. } = call {
                *depth = (*depth).min(256);
            }
        }),
        "grants a completion queue deeper than the reported limit",
    ),
    row(
        "limit-not-granted",
        81,
        "limits",
        How::Refuse(|call| match call {
            Call::CreateCq { depth: 1000.., .. } => Some(Status::INVALID_PARAMETER),
            _ => None,
        }),
        "refuses a completion queue that its limits allow",
    ),
];

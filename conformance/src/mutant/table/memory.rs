//! Regions, windows, mappings, tokens.

use super::row;
use crate::mutant::how::{Defect, How, Which};
use provider::ndk::{Call, CallKind, OpFlags, Out, Status, Upcall, UpcallBody};

const BUILT: Which = Which::Completion(CallKind::BuildLam);

/// The pages of a mapping, to be changed.
fn mapped(upcall: &mut Upcall, change: fn(&mut Vec<u64>)) {
    if let UpcallBody::RequestCompletion { out: Out::Lam(lam), .. } = &mut upcall.body {
        change(&mut lam.adapter_pages);
    }
}

/// Makes a send that invalidates a plain one.
fn forget_token(call: &mut Call<'_>) {
    if let Call::SendAndInvalidate { qp, context, sgl, flags, .. } = *call {
        *call = Call::Send { qp, context, sgl, flags };
    }
}

pub(super) const DEFECTS: &[Defect] = &[
    row(
        "mapping-of-a-failure",
        77,
        "mapping",
        How::Change(BUILT, |upcall| {
            if let UpcallBody::RequestCompletion { status, out: Out::Lam(_) } = &mut upcall.body {
                *status = Status::INSUFFICIENT_RESOURCES;
            }
        }),
        "fails a mapping and leaves one",
    ),
    row(
        "mapping-unaligned",
        79,
        "mapping",
        How::Change(BUILT, |upcall| mapped(upcall, |pages| pages.iter_mut().for_each(|page| *page += 8))),
        "gives page addresses that are not aligned",
    ),
    row(
        "mapping-too-short",
        79,
        "mapping",
        How::Change(BUILT, |upcall| mapped(upcall, |pages| pages.truncate(1))),
        "gives a page too few",
    ),
    row(
        "mapping-needs-more",
        80,
        "mapping",
        How::Refuse(|call| match call {
            Call::BuildLam { lam_bytes: 1.., .. } => Some(Status::BUFFER_TOO_SMALL),
            _ => None,
        }),
        "refuses a mapping buffer of the length that it told",
    ),
    row(
        "page-count-refused",
        82,
        "page-counts",
        How::Refuse(|call| match call {
            Call::InitializeFastRegisterMr { .. } => Some(Status::IMPLEMENTATION_LIMIT),
            _ => None,
        }),
        "refuses the page count that it reports",
    ),
    row(
        "privileged-token-for-peers",
        117,
        "registration",
        How::PrivilegedRemote,
        "gives the privileged token out as a remote one",
    ),
    row(
        "rights-not-checked",
        118,
        "window",
        How::Answer(CallKind::Bind, |returned| returned.status = Status::SUCCESS),
        "binds a window with rights that its region lacks",
    ),
    row(
        "window-token-late",
        119,
        "window",
        How::Answer(CallKind::GetRemoteTokenFromMw, |returned| {
            if let Out::Token(token) = &mut returned.out {
                *token ^= 0x00f0_0000;
            }
        }),
        "tells a window's token that does not count yet when the bind returns",
    ),
    row(
        "registered-token-late",
        119,
        "fast-registration",
        How::Ask(|call| {
            if let Call::FastRegister { flags, .. } = call {
                flags.remove(OpFlags::ALLOW_REMOTE_WRITE.difference(OpFlags::ALLOW_LOCAL_WRITE));
            }
        }),
        "fast-registers without the remote rights that were asked for",
    ),
    row(
        "bad-invalidation-ignored",
        120,
        "bad-invalidation",
        How::Ask(forget_token),
        "delivers a send that invalidates what is no token",
    ),
    row(
        "remote-invalidation-forgotten",
        109,
        "invalidation-untold",
        How::Ask(forget_token),
        "receives a send that invalidates, and leaves the token valid",
    ),
    row(
        "token-after-deregistration",
        125,
        "stale-token",
        How::Fake(CallKind::DeregisterMr, Status::SUCCESS),
        "says that a region is deregistered, and leaves its token valid",
    ),
    row(
        "token-after-invalidation",
        125,
        "fast-registration",
        How::Ask(|call| {
            if let Call::Invalidate { qp, context, flags, .. } = *call {
                *call = Call::Send { qp, context, sgl: &[], flags: flags | OpFlags::INLINE };
            }
        }),
        "completes an invalidation and leaves the token valid",
    ),
];

//! Everything unsafe: the C libraries behind types that free themselves, in the right order.
//!
//! Reading order: [`abi`] and [`cm_abi`] (declarations), [`library`] (opened at run time); then the objects: [`device`],
//! [`memory`] (buffers, regions, windows), [`queues`], [`pair`] with [`post`], [`cm`] (connections), [`net`] (addresses),
//! [`wait`] (many files at once).
//!
//! Invariants:
//! * an object holds what it was made from, so whatever order they are dropped in, children go first;
//! * a region holds the buffer that it registers: the device never reaches memory that was given back;
//! * the user contexts of C objects are numbers, never pointers; they are read between getting and acknowledging an event
//!   only, while the library keeps the object from going.
#![expect(unsafe_code, reason = "C libraries are called, and buffers are shared with a device")]

mod abi;
mod cm;
mod cm_abi;
mod device;
mod library;
mod memory;
mod net;
mod pair;
mod post;
mod queues;
mod wait;

pub(crate) use cm::{CmChannel, CmEvent, CmId, CmKind, Offer, Subject};
pub(crate) use device::{AsyncEvent, Device, Limits, Pd, device_names};
pub(crate) use memory::{Block, Mr, Mw, Rights};
pub(crate) use net::local_addresses;
pub(crate) use pair::{Qp, QpSize};
pub(crate) use post::{MAX_SGE, Operation, SendFlags};
pub(crate) use queues::{Channel, Completion, Cq, Srq};
pub(crate) use wait::{Waker, file_of, wait_readable};

use crate::error::Errno;
use std::ffi::c_int;
use std::ptr::NonNull;

/// The result of a function that returns zero, an error number, or -1 with `errno` set.
fn check(code: c_int) -> Result<(), Errno> {
    match code {
        0 => Ok(()),
        -1 => Err(Errno::last()),
        code => Err(Errno(code.abs())),
    }
}

/// The result of a function that returns NULL with `errno` set.
fn created<T>(pointer: *mut T) -> Result<NonNull<T>, Errno> {
    NonNull::new(pointer).ok_or_else(Errno::last)
}

//! Everything that a driver may know: registers, doorbells, rings, commands. Driver and device share these layouts.
//!
//! Reading order: [`bar`] (registers, limits and doorbell pages), [`doorbell`] (values of doorbells, records in host memory,
//! owner bits), [`cmd`] (commands), [`wqe`] (work), [`cqe`] (completions), [`eqe`] (events), [`counters`]; below them all
//! [`block`] (how a layout is declared).
//!
//! How a driver brings the device up:
//! 1. check [`bar::SIGNATURE`] and [`bar::VERSION`], read the limits;
//! 2. allocate the command queue and write its address to [`bar::COMMAND_BASE`];
//! 3. INIT, SET_ADDRESS and CREATE_EQ as polled commands, then arm the event queue; from here on commands may be queued;
//! 4. ALLOC_PD, CREATE_CQ, CREATE_MKEY, CREATE_QP, and MODIFY_QP to INIT, RTR, RTS by [`cmd::qp::TRANSITIONS`];
//! 5. write WQEs into the rings, ring [`doorbell::SqDoorbell`], store [`doorbell::ReceiveRecord`], poll CQEs, store
//!    [`doorbell::CqRecord`], arm with [`doorbell::CqDoorbell`].
//!
//! Invariants:
//! * words in host memory are big-endian, registers and doorbells are little-endian 64-bit values;
//! * indices are free-running 32-bit counts; the slot of an entry is its index modulo the ring's size;
//! * every pattern of bits decodes to a value; what is not allowed is judged by the device and answered, never a panic.

pub mod bar;
pub mod block;
pub mod cmd;
pub mod counters;
pub mod cqe;
pub mod doorbell;
pub mod eqe;
pub mod wqe;

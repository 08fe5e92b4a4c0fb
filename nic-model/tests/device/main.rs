//! The device as a driver and a peer see it: two of them back to back.

mod messages;
mod support;

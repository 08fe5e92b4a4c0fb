//! The crate from outside: golden bytes, real captures, arbitrary packets, and another dissector's opinion.

mod captures;
mod golden;
mod packets;
mod properties;
mod tshark;

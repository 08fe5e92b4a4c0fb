//! The engine over a scripted backend.

mod adapter;
mod close;
mod connections;
mod creates;
mod memory;
mod notification;
mod posting;
mod random;
mod shared;

//! The checker, judged: providers and consumers that break one rule each, and runs that break none.

mod broken_consumers;
mod broken_providers;
mod freedoms;
mod legal;
mod queues;
mod tables;
mod world;

//! Creation and request faults: rows of a plan, carried out between consumer and provider.
//!
//! Reading order: [`plan`] (rows: which call, what becomes of it), [`report`] (which rows fired), [`layer`] (the provider
//! that carries them out). Inside: `held` (completions on their way), `gate` (closes that must wait for them).
//!
//! Invariants:
//! * whatever a row does, the consumer sees a provider that keeps the contract;
//! * a request that is to fail is never made below;
//! * every completion that the layer holds is delivered, at the latest when the object or its adapter is closed.

mod gate;
mod held;

pub mod layer;
pub mod plan;
pub mod report;

pub use layer::FaultLayer;
pub use plan::{Effect, Outcome, Row, Selector, When};
pub use report::{Hit, RowReport};

//! The NDK contract as data.
//!
//! Reading order: [`object`], [`status`], [`flags`], [`info`], [`result`](mod@result), [`kind`] and [`call`] (consumer to provider),
//! [`answer`] (what a call returned), [`upcall`] (provider to consumer), [`contract`] (the trait that all of it goes through),
//! [`extension`] (what goes beyond the contract).

pub mod answer;
pub mod call;
pub mod contract;
pub mod extension;
pub mod flags;
pub mod info;
pub mod kind;
pub mod object;
pub mod result;
pub mod status;
pub mod upcall;

pub use answer::{Answer, BlockedCall, LogicalAddressMapping, Out, Return};
pub use call::{Affinity, Call, Completion, ConnectParams, DisconnectEvent, Guid};
pub use contract::{CallSite, Irql, NdkProvider};
pub use extension::AtomicOperation;
pub use flags::{AdapterFlags, CqNotify, MrFlags, OpFlags};
pub use info::{AdapterInfo, NdkVersion, RdmaTechnology};
pub use kind::CallKind;
pub use object::{Object, ObjectKind};
pub use result::{NdkResult, NdkResultEx, OperationType, Sge};
pub use status::Status;
pub use upcall::{Callback, Upcall, UpcallBody, UpcallToken};

//! The device as a driver and a peer see it: two of them back to back.

mod completion;
mod congestion;
mod control;
mod dissection;
mod doorbells;
mod hostile;
mod iommu;
mod keys;
mod messages;
mod programs;
mod recovery;
mod states;
mod support;
mod timing;
mod translation;

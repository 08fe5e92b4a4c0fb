//! The driver.

pub mod cm;

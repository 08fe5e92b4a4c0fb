//! The fault layer over a small correct provider, and both under the checker.

mod fake;
mod random;
mod rows;
mod stand;

//! The table as a whole, the dialogue of two sides, and what strangers say.

mod dialogue;
mod pair;
mod strangers;
mod table;

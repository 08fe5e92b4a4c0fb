//! House checks: rules of this workspace that neither the compiler nor clippy knows.
//!
//! Reading order: [`arrows`] (who may use whom), [`tidy`] (lengths, banned words), [`files`] (what they read);
//! [`lab`] (a machine with soft RoCE, for the tests of real devices).
//!
//! Run as tests (`cargo test -p xtask`), or by name (`cargo xtask arrows`, `cargo xtask tidy`). A check returns its
//! complaints, one line each; none is good.

pub mod arrows;
pub mod files;
pub mod lab;
pub mod tidy;

use std::path::{Path, PathBuf};

/// The folder of the workspace.
///
/// # Panics
/// If this crate has left it.
#[must_use]
pub fn workspace() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().expect("xtask lies in the workspace's folder").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arrows_are_those_of_the_architecture() {
        assert_eq!(arrows::complaints(&workspace()), Vec::<String>::new());
    }

    #[test]
    fn the_house_is_tidy() {
        assert_eq!(tidy::complaints(&workspace()), Vec::<String>::new());
    }
}

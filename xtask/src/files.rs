//! The text files of the workspace.

use std::fs;
use std::path::{Path, PathBuf};

/// A text file.
#[derive(Clone, Debug)]
pub struct TextFile {
    /// Its path in the workspace, with forward slashes.
    pub path: String,
    /// What it holds.
    pub text: String,
}

/// Folders that hold nothing of ours.
const FOREIGN: [&str; 4] = ["target", "runs", "tmp", ".git"];

/// The files below `folder` with one of these extensions, in the order of their paths.
///
/// # Panics
/// If the workspace cannot be read.
#[must_use]
pub fn with_extension(folder: &Path, extensions: &[&str]) -> Vec<TextFile> {
    let mut paths = Vec::new();
    collect(folder, &mut paths);
    paths.sort();
    let wanted = |path: &PathBuf| {
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or("");
        extensions.contains(&extension)
    };
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let path = path.strip_prefix(folder).expect("found below this folder").to_string_lossy().replace('\\', "/");
        TextFile { path, text }
    };
    paths.into_iter().filter(wanted).map(read).collect()
}

fn collect(folder: &Path, into: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries {
        let path = entry.expect("an entry of a readable folder").path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("");
        if path.is_dir() {
            if !FOREIGN.contains(&name) {
                collect(&path, into);
            }
        } else {
            into.push(path);
        }
    }
}

//! The archive that Linux takes as its first file system: cpio, "newc" form (initramfs buffer format, kernel documentation).

use super::LabError;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

const REGULAR: u32 = 0o100_000;
const FOLDER: u32 = 0o040_000;
const LINK: u32 = 0o120_000;
const CHARACTER_DEVICE: u32 = 0o020_000;

/// An archive being written.
#[derive(Debug)]
pub(super) struct Archive<W: Write> {
    to: W,
    entries: u32,
    written: usize,
}

impl<W: Write> Archive<W> {
    pub(super) fn new(to: W) -> Self {
        Self { to, entries: 0, written: 0 }
    }

    pub(super) fn folder(&mut self, name: &str) -> std::io::Result<()> {
        self.entry(name, FOLDER | 0o755, (0, 0), &[])
    }

    pub(super) fn file(&mut self, name: &str, permissions: u32, data: &[u8]) -> std::io::Result<()> {
        self.entry(name, REGULAR | permissions, (0, 0), data)
    }

    pub(super) fn link(&mut self, name: &str, target: &str) -> std::io::Result<()> {
        self.entry(name, LINK | 0o777, (0, 0), target.as_bytes())
    }

    pub(super) fn character_device(&mut self, name: &str, major: u32, minor: u32) -> std::io::Result<()> {
        self.entry(name, CHARACTER_DEVICE | 0o600, (major, minor), &[])
    }

    /// Adds what lies in a folder, but for the paths that `skip` names.
    pub(super) fn tree(&mut self, root: &Path, skip: &impl Fn(&str) -> bool) -> Result<(), LabError> {
        self.subtree(root, "", skip)
    }

    fn subtree(&mut self, folder: &Path, prefix: &str, skip: &impl Fn(&str) -> bool) -> Result<(), LabError> {
        let listed = fs::read_dir(folder).map_err(LabError::io(folder))?;
        let mut paths: Vec<_> = listed.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
        paths.sort();
        for path in paths {
            let own = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let name = format!("{prefix}{own}");
            if skip(&name) {
                continue;
            }
            let metadata = fs::symlink_metadata(&path).map_err(LabError::io(&path))?;
            let done = if metadata.is_dir() {
                self.folder(&name).map_err(LabError::io(&path))?;
                self.subtree(&path, &format!("{name}/"), skip)?;
                Ok(())
            } else if metadata.is_symlink() {
                fs::read_link(&path).and_then(|target| self.link(&name, &target.to_string_lossy()))
            } else {
                let permissions = metadata.permissions().mode() & 0o777;
                fs::read(&path).and_then(|data| self.file(&name, permissions, &data))
            };
            done.map_err(LabError::io(&path))?;
        }
        Ok(())
    }

    /// Ends the archive.
    pub(super) fn finish(mut self) -> std::io::Result<W> {
        self.entry("TRAILER!!!", 0, (0, 0), &[])?;
        // The next archive, if one follows, begins at a multiple of four.
        self.pad()?;
        self.to.flush()?;
        Ok(self.to)
    }

    /// Thirteen numbers in hexadecimal, the name, the data; name and data are padded to four bytes.
    fn entry(&mut self, name: &str, mode: u32, device: (u32, u32), data: &[u8]) -> std::io::Result<()> {
        self.entries += 1;
        let links = if mode & FOLDER == FOLDER { 2 } else { 1 };
        let (size, name_size) = (data.len() as u32, name.len() as u32 + 1);
        let numbers = [self.entries, mode, 0, 0, links, 0, size, 0, 0, device.0, device.1, name_size, 0];
        let header: String = numbers.iter().map(|number| format!("{number:08X}")).collect();
        self.put(b"070701")?;
        self.put(header.as_bytes())?;
        self.put(name.as_bytes())?;
        self.put(&[0])?;
        self.pad()?;
        self.put(data)?;
        self.pad()
    }

    fn put(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.written += bytes.len();
        self.to.write_all(bytes)
    }

    fn pad(&mut self) -> std::io::Result<()> {
        let missing = self.written.next_multiple_of(4) - self.written;
        self.put(&[0; 3][..missing])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_has_the_form_that_the_kernel_reads() {
        let mut archive = Archive::new(Vec::new());
        archive.folder("lab").expect("a vector takes all");
        archive.file("lab/a", 0o644, b"hello").expect("a vector takes all");
        archive.character_device("console", 5, 1).expect("a vector takes all");
        let bytes = archive.finish().expect("a vector takes all");
        assert_eq!(bytes.len() % 4, 0);
        let text = String::from_utf8_lossy(&bytes);
        let headers: Vec<usize> = text.match_indices("070701").map(|(at, _)| at).collect();
        assert_eq!(headers.len(), 4, "three entries and the trailer");
        assert!(headers.iter().all(|at| at % 4 == 0), "every header is aligned");
        let field = |header: usize, index: usize| &text[headers[header] + 6 + index * 8..][..8];
        assert_eq!((field(1, 1), field(1, 6), field(1, 11)), ("000081A4", "00000005", "00000006"));
        assert_eq!((field(2, 9), field(2, 10)), ("00000005", "00000001"));
        assert_eq!(&text[headers[1] + 110..][..5], "lab/a");
    }
}

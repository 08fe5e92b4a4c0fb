//! The machine: boots the image, runs one command in it, and tells its exit code.

use super::LabError;
use super::cpio::Archive;
use super::image::Image;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The longest run. A machine that hangs is ended.
const TIME_SECONDS: u32 = 900;

const MEMORY_MIB: u32 = 512;

/// What the guest writes behind the output, before the exit code.
const EXIT_MARK: &str = "lab-exit ";

/// What the machine's RDMA devices are made over.
#[derive(Clone, Debug)]
pub(super) enum Network {
    /// rxe0 (10.7.0.1) and rxe1 (10.7.0.2) on the two ends of a cable inside.
    Cable,
    /// rxe0 over a NIC whose Ethernet frames travel as datagrams between two UNIX sockets, one frame each.
    Datagrams { own: String, peer: String, address: String },
}

impl Network {
    /// `OWN,PEER,ADDRESS/LENGTH`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(',').map(str::to_owned);
        let parsed = Self::Datagrams { own: parts.next()?, peer: parts.next()?, address: parts.next()? };
        if parts.next().is_none() { Some(parsed) } else { None }
    }
}

/// A machine to be booted once.
#[derive(Clone, Debug)]
pub(super) struct Machine {
    image: Image,
    pub(super) network: Network,
    added: Vec<PathBuf>,
}

impl Machine {
    pub(super) fn new(image: &Image) -> Self {
        Self { image: image.clone(), network: Network::Cable, added: Vec::new() }
    }

    /// Puts a file into the machine's folder `/lab`.
    pub(super) fn add(&mut self, file: &Path) {
        self.added.push(file.to_owned());
    }

    /// A word of a command: if it names a program here, the program is taken along.
    pub(super) fn carry(&mut self, word: &str) -> String {
        let path = Path::new(word);
        match path.file_name() {
            Some(name) if word.contains('/') && path.is_file() => {
                self.add(path);
                format!("/lab/{}", name.to_string_lossy())
            }
            _ => word.to_owned(),
        }
    }

    /// Boots, runs the command, prints what it prints.
    pub(super) fn run(&self, command: &[String]) -> Result<u8, LabError> {
        let run = self.image.folder.join(format!("run-{}", std::process::id()));
        fs::create_dir_all(&run).map_err(LabError::io(&run))?;
        let outcome = self.write_files(&run, command).and_then(|files| self.boot(&run, &files));
        if outcome.is_ok() {
            let _ = fs::remove_dir_all(&run);
        }
        outcome
    }

    /// The image's archive with a second one behind it; the kernel unpacks both.
    fn write_files(&self, run: &Path, command: &[String]) -> Result<PathBuf, LabError> {
        let path = run.join("files.cpio");
        fs::copy(self.image.files(), &path).map_err(LabError::io(&path))?;
        let file = fs::OpenOptions::new().append(true).open(&path).map_err(LabError::io(&path))?;
        let mut archive = Archive::new(file);
        for added in &self.added {
            let name = added.file_name().unwrap_or_default().to_string_lossy();
            let data = fs::read(added).map_err(LabError::io(added))?;
            archive.file(&format!("lab/{name}"), 0o755, &data).map_err(LabError::io(&path))?;
        }
        let quoted: Vec<String> = command.iter().map(|word| quoted(word)).collect();
        let script = format!("{}\n", quoted.join(" "));
        archive.file("lab/command", 0o755, script.as_bytes()).map_err(LabError::io(&path))?;
        archive.finish().map_err(LabError::io(&path))?;
        Ok(path)
    }

    fn boot(&self, run: &Path, files: &Path) -> Result<u8, LabError> {
        let console = run.join("console");
        // `timeout`, so that no clock is read here. One processor: emulated kernels with more fail now and then.
        let mut qemu = Command::new("timeout");
        qemu.args(["--kill-after=5", &TIME_SECONDS.to_string(), "qemu-system-x86_64"]);
        qemu.args(["-machine", "q35", "-accel", "tcg", "-cpu", "max", "-m", &MEMORY_MIB.to_string()]);
        qemu.args(["-nodefaults", "-no-reboot", "-display", "none"]);
        qemu.arg("-kernel").arg(self.image.kernel()).arg("-initrd").arg(files);
        qemu.arg("-serial").arg(format!("file:{}", console.display())).args(["-serial", "stdio"]);
        let mut line = "console=ttyS0 panic=-1 mitigations=off cryptomgr.notests quiet".to_owned();
        if let Network::Datagrams { own, peer, address } = &self.network {
            let paths = format!("local.type=unix,local.path={own},remote.type=unix,remote.path={peer}");
            qemu.args(["-netdev", &format!("dgram,id=net,{paths}")]).args(["-device", "virtio-net-pci,netdev=net"]);
            line.push_str(&format!(" lab.eth={address}"));
        }
        qemu.args(["-append", &line]);
        // The guest's port closes with its input, so that stays open.
        let mut child = qemu.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(LabError::io("timeout"))?;
        let from = child.stdout.take().expect("the output is a pipe");
        let told = forward(from, &mut std::io::stdout()).map_err(LabError::io("the machine's output"))?;
        let ended = child.wait().map_err(LabError::io("qemu"))?;
        told.ok_or_else(|| {
            let console = fs::read_to_string(&console).unwrap_or_default();
            let last: Vec<&str> = console.lines().rev().take(15).collect();
            let last: Vec<&str> = last.into_iter().rev().collect();
            LabError::Failed(format!("the machine ended ({ended}) without a result:\n{}", last.join("\n")))
        })
    }
}

/// Passes output on, line by line, and takes the exit code out of it.
fn forward(from: impl std::io::Read, to: &mut impl Write) -> std::io::Result<Option<u8>> {
    let mut code = None;
    let mut reader = BufReader::new(from);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line)? > 0 {
        let text = String::from_utf8_lossy(&line);
        match text.find(EXIT_MARK).map(|at| (at, text[at + EXIT_MARK.len()..].trim().parse())) {
            Some((at, Ok(exit))) => {
                // A last line without an end stands before the mark.
                to.write_all(text[..at].as_bytes())?;
                code = Some(exit);
            }
            _ => to.write_all(&line)?,
        }
        to.flush()?;
        line.clear();
    }
    Ok(code)
}

/// A word as a shell takes it unchanged.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_code_is_taken_out_of_the_output() {
        let cases: [(&str, &str, Option<u8>); 4] = [
            ("a\nb\nlab-exit 3\n", "a\nb\n", Some(3)),
            ("no end of linelab-exit 0\n", "no end of line", Some(0)),
            ("died\n", "died\n", None),
            ("lab-exit soon\n", "lab-exit soon\n", None),
        ];
        for (output, passed, expected) in cases {
            let mut to = Vec::new();
            let code = forward(output.as_bytes(), &mut to).expect("vectors do not fail");
            assert_eq!((String::from_utf8_lossy(&to).as_ref(), code), (passed, expected), "{output:?}");
        }
    }

    #[test]
    fn words_reach_the_shell_unchanged() {
        assert_eq!(quoted("it's $x"), r"'it'\''s $x'");
    }

    #[test]
    fn networks_are_read() {
        let parsed = Network::parse("a.sock,b.sock,10.8.0.2/24");
        assert!(matches!(parsed, Some(Network::Datagrams { peer, .. }) if peer == "b.sock"));
        assert!(Network::parse("a,b").is_none() && Network::parse("a,b,c,d").is_none());
    }
}

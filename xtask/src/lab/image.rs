//! Debian packages become a kernel and a file system for the machine. Nothing of them is installed here.

use super::cpio::Archive;
use super::{LabError, is_installed, modules, output, say};
use std::fs;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What the machine has beside the kernel: the stack under test, tools to set it up, and programs to talk to.
const PACKAGES: [&str; 9] = [
    "busybox-static",
    "ibverbs-providers",
    "ibverbs-utils",
    "iproute2",
    "libibverbs1",
    "librdmacm1",
    "perftest",
    "rdmacm-utils",
    "tcpdump",
];

/// Told apart by what goes into an image: one made by another version of this code is made again.
const VERSION: &str = "1";

/// A kernel and its file system.
#[derive(Clone, Debug)]
pub(super) struct Image {
    pub(super) folder: PathBuf,
}

impl Image {
    pub(super) fn kernel(&self) -> PathBuf {
        self.folder.join("vmlinux")
    }

    pub(super) fn files(&self) -> PathBuf {
        self.folder.join("files.cpio")
    }
}

/// Makes the image, unless it is there.
pub(super) fn build(folder: &Path) -> Result<Image, LabError> {
    let image = Image { folder: folder.to_owned() };
    need_qemu()?;
    let stamp = folder.join("version");
    if fs::read_to_string(&stamp).is_ok_and(|version| version == VERSION) {
        return Ok(image);
    }
    for tool in ["apt-get", "apt-cache", "dpkg-deb", "xz"] {
        if !is_installed(tool) {
            return Err(LabError::Unavailable(format!("the image is made of Debian packages, and there is no {tool}")));
        }
    }
    let apt = Apt::new(folder)?;
    let (system, kernel) = (folder.join("system"), folder.join("kernel"));
    for unpacked in [&system, &kernel] {
        // It is not there the first time.
        let _ = fs::remove_dir_all(unpacked);
        fs::create_dir_all(unpacked).map_err(LabError::io(unpacked))?;
    }
    say("lab: packages");
    apt.update_if_needed()?;
    for package in apt.fetch(&PACKAGES)? {
        unpack(&package, &system)?;
    }
    say("lab: kernel");
    unpack(&apt.fetch_kernel()?, &kernel)?;
    let elf = modules::vmlinux(&kernel, folder)?;
    fs::write(image.kernel(), elf).map_err(LabError::io(image.kernel()))?;
    write_files(&image, &system, &kernel)?;
    let _ = fs::remove_dir_all(&kernel);
    fs::write(&stamp, VERSION).map_err(LabError::io(&stamp))?;
    say("lab: built");
    Ok(image)
}

fn need_qemu() -> Result<(), LabError> {
    if is_installed("qemu-system-x86_64") {
        return Ok(());
    }
    if !is_installed("apt-get") {
        return Err(LabError::Unavailable("no qemu-system-x86_64, and no apt-get to install it with".to_owned()));
    }
    say("lab: installing qemu");
    let install = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command.arg("-qq").args(["-o", "DPkg::Lock::Timeout=300"]).args(arguments);
        let done = command.env("DEBIAN_FRONTEND", "noninteractive").stdout(Stdio::null()).status();
        done.is_ok_and(|status| status.success())
    };
    let packages = ["install", "--yes", "--no-install-recommends", "qemu-system-x86"];
    if install(&packages) || (install(&["update"]) && install(&packages)) {
        return Ok(());
    }
    Err(LabError::Unavailable("qemu-system-x86 could not be installed (apt-get wants root and a mirror)".to_owned()))
}

/// Debian's package tool with a state of its own: it believes that nothing is installed, so that it fetches a whole
/// system, and it needs neither root nor the lock.
struct Apt {
    options: Vec<String>,
    archives: PathBuf,
}

impl Apt {
    fn new(folder: &Path) -> Result<Self, LabError> {
        let (archives, status) = (folder.join("packages"), folder.join("nothing-installed"));
        let partial = archives.join("partial");
        fs::create_dir_all(&partial).map_err(LabError::io(&partial))?;
        fs::write(&status, "").map_err(LabError::io(&status))?;
        let options = [
            format!("Dir::State::status={}", status.display()),
            format!("Dir::Cache::archives={}", archives.display()),
            "Debug::NoLocking=1".to_owned(),
            "APT::Sandbox::User=root".to_owned(),
        ];
        Ok(Self { options: options.into_iter().flat_map(|option| ["-o".to_owned(), option]).collect(), archives })
    }

    fn command(&self, tool: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(tool);
        command.arg("-q").args(&self.options).args(arguments).current_dir(&self.archives);
        command
    }

    fn update_if_needed(&self) -> Result<(), LabError> {
        let known =
            self.command("apt-cache", &["show", "librdmacm1"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
        if known.is_ok_and(|status| status.success()) {
            return Ok(());
        }
        let updated = Command::new("apt-get").args(["-qq", "update"]).status();
        match updated {
            Ok(status) if status.success() => Ok(()),
            _ => Err(LabError::Unavailable("apt-get update failed (it wants root and a mirror)".to_owned())),
        }
    }

    /// Fetches packages with all that they depend on.
    fn fetch(&self, packages: &[&str]) -> Result<Vec<PathBuf>, LabError> {
        let install = ["install", "--yes", "--no-install-recommends"];
        output(self.command("apt-get", &install).arg("--download-only").args(packages))?;
        let plan = output(self.command("apt-get", &install).arg("--simulate").args(packages))?;
        plan.lines().filter_map(named).map(|start| self.archive(&start)).collect()
    }

    /// The fetched package whose file name begins so.
    fn archive(&self, start: &str) -> Result<PathBuf, LabError> {
        let listed = fs::read_dir(&self.archives).map_err(LabError::io(&self.archives))?;
        let begins = |path: &PathBuf| path.file_name().is_some_and(|file| file.to_string_lossy().starts_with(start));
        let found = listed.flatten().map(|entry| entry.path()).filter(begins).max();
        found.ok_or_else(|| LabError::Failed(format!("apt-get left no package file {start}*")))
    }

    /// Fetches the kernel that the distribution has today.
    fn fetch_kernel(&self) -> Result<PathBuf, LabError> {
        let depends = output(&mut self.command("apt-cache", &["depends", "linux-image-amd64"]))?;
        let name = depends.lines().find_map(|line| line.trim().strip_prefix("Depends: linux-image-"));
        let name = name.ok_or(LabError::Unavailable("no kernel package linux-image-amd64".to_owned()))?;
        let package = format!("linux-image-{}", name.trim());
        output(&mut self.command("apt-get", &["download", &package]))?;
        self.archive(&format!("{package}_"))
    }
}

/// How the file name of a package begins, from a line `Inst NAME (VERSION ...` of a simulated installation.
fn named(line: &str) -> Option<String> {
    let mut words = line.strip_prefix("Inst ")?.split(' ');
    let (name, version) = (words.next()?, words.find_map(|word| word.strip_prefix('('))?);
    Some(format!("{name}_{}_", version.replace(':', "%3a")))
}

fn unpack(package: &Path, into: &Path) -> Result<(), LabError> {
    output(Command::new("dpkg-deb").arg("--extract").arg(package).arg(into)).map(drop)
}

/// Parts of packages that nothing in the machine reads.
const LEFT_OUT: [&str; 8] = [
    "usr/share",
    "usr/lib/x86_64-linux-gnu/gconv",
    "usr/lib/systemd",
    "lib/systemd",
    "var",
    "etc/pam.d",
    "etc/security",
    "etc/init.d",
];

fn write_files(image: &Image, system: &Path, kernel: &Path) -> Result<(), LabError> {
    let path = image.files();
    let file = fs::File::create(&path).map_err(LabError::io(&path))?;
    let mut archive = Archive::new(BufWriter::new(file));
    archive.tree(system, &|name| LEFT_OUT.contains(&name))?;
    let modules = modules::load_order(kernel)?;
    let mut write = || {
        for folder in ["dev", "proc", "sys", "run", "tmp", "root", "lab", "modules"] {
            archive.folder(folder)?;
        }
        archive.character_device("dev/console", 5, 1)?;
        archive.file("init", 0o755, include_bytes!("guest-init.sh"))?;
        archive.file("lab/devices", 0o755, include_bytes!("guest-devices.sh"))?;
        for (index, (name, content)) in modules.iter().enumerate() {
            archive.file(&format!("modules/{index:02}-{name}.ko"), 0o644, content)?;
        }
        Ok(())
    };
    write().map_err(LabError::io(&path))?;
    archive.finish().map_err(LabError::io(&path)).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_planned_package_is_found_by_its_file_name() {
        let line = "Inst libcap2 (1:2.66-4+b1 Debian:12.1/stable, Debian-Security:12/stable [amd64])";
        assert_eq!(named(line).as_deref(), Some("libcap2_1%3a2.66-4+b1_"));
        assert_eq!(named("Conf libcap2 (1:2.66-4+b1 Debian:12.1/stable [amd64])"), None);
    }
}

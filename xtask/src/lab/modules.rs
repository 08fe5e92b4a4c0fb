//! Kernel modules: which are needed, in which order they load, and the kernel itself without its wrapping.

use super::LabError;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Without these there is no lab.
const REQUIRED: [&str; 5] = ["ib_uverbs", "rdma_ucm", "crc32_generic", "rdma_rxe", "veth"];

/// Loaded where the kernel has them: NICs of the machine, packet capture, loss and delay, soft iWARP.
const WELCOME: [&str; 8] =
    ["virtio_pci", "virtio_net", "af_packet", "dummy", "sch_netem", "ib_umad", "crc32c_generic", "siw"];

/// The wanted modules with all that they need, each after what it needs: name and content.
pub(super) fn load_order(kernel: &Path) -> Result<Vec<(String, Vec<u8>)>, LabError> {
    let mut found = BTreeMap::new();
    collect(&kernel.join("lib/modules"), &mut found);
    let mut order = Vec::new();
    for (name, required) in REQUIRED.iter().map(|name| (name, true)).chain(WELCOME.iter().map(|name| (name, false))) {
        if found.contains_key(*name) {
            visit(name, &found, &mut order)?;
        } else if required {
            return Err(LabError::Failed(format!("the kernel package has no module {name}")));
        }
    }
    Ok(order)
}

fn collect(folder: &Path, into: &mut BTreeMap<String, PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            collect(&path, into);
        } else if let Some((stem, "ko" | "ko.xz")) = file.split_once('.') {
            into.insert(stem.replace('-', "_"), path);
        }
    }
}

fn visit(name: &str, found: &BTreeMap<String, PathBuf>, order: &mut Vec<(String, Vec<u8>)>) -> Result<(), LabError> {
    // What is not found is built into the kernel.
    let Some(path) = found.get(name).filter(|_| order.iter().all(|(done, _)| done != name)) else { return Ok(()) };
    let content = if path.extension().is_some_and(|extension| extension == "xz") {
        unpacked("xz", path)?
    } else {
        fs::read(path).map_err(LabError::io(path))?
    };
    for needed in needs(&content) {
        visit(&needed, found, order)?;
    }
    order.push((name.to_owned(), content));
    Ok(())
}

/// The names after `depends=` in a module's information section.
fn needs(module: &[u8]) -> Vec<String> {
    const KEY: &[u8] = b"\0depends=";
    let Some(at) = module.windows(KEY.len()).position(|window| window == KEY) else { return Vec::new() };
    let value = module[at + KEY.len()..].split(|&byte| byte == 0).next().unwrap_or_default();
    let names = String::from_utf8_lossy(value);
    names.split(',').filter(|name| !name.is_empty()).map(|name| name.replace('-', "_")).collect()
}

/// The kernel as an ELF file, which qemu boots directly (PVH): the slow machine then need not unpack it at every boot.
///
/// The offset of the packed kernel stands at 0x248 of the setup header, its length behind it (x86 boot protocol 2.08).
pub(super) fn vmlinux(kernel: &Path, scratch: &Path) -> Result<Vec<u8>, LabError> {
    let boot = kernel.join("boot");
    let listed = fs::read_dir(&boot).map_err(LabError::io(&boot))?;
    let is_kernel = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("vmlinuz"));
    let path = listed.flatten().map(|entry| entry.path()).find(is_kernel);
    let path = path.ok_or(LabError::Failed("the kernel package has no vmlinuz".to_owned()))?;
    let image = fs::read(&path).map_err(LabError::io(&path))?;
    let packed = packed_kernel(&image).ok_or(LabError::Failed(format!("{}: no x86 kernel", path.display())))?;
    let tool = match packed {
        [0xfd, b'7', b'z', b'X', ..] => "xz",
        [0x28, 0xb5, 0x2f, 0xfd, ..] => "zstd",
        [0x1f, 0x8b, ..] => "gzip",
        _ => return Err(LabError::Failed(format!("{}: packed in an unknown way", path.display()))),
    };
    let file = scratch.join("vmlinux.packed");
    fs::write(&file, packed).map_err(LabError::io(&file))?;
    let elf = unpacked(tool, &file)?;
    if elf.starts_with(b"\x7fELF") {
        Ok(elf)
    } else {
        Err(LabError::Failed(format!("{}: holds no ELF file", path.display())))
    }
}

fn packed_kernel(image: &[u8]) -> Option<&[u8]> {
    let word = |at: usize| Some(u32::from_le_bytes(image.get(at..at + 4)?.try_into().ok()?) as usize);
    let setup_sectors = match *image.get(0x1f1)? {
        0 => 4,
        sectors => usize::from(sectors),
    };
    let start = (setup_sectors + 1) * 512 + word(0x248)?;
    image.get(start..start.checked_add(word(0x24c)?)?)
}

/// Tools complain of what follows the packed data (the kernel's length field) and have written all the same.
fn unpacked(tool: &str, file: &Path) -> Result<Vec<u8>, LabError> {
    let mut command = Command::new(tool);
    let done = command.args(["--decompress", "--stdout", "--quiet"]).arg(file).output().map_err(LabError::io(tool))?;
    Ok(done.stdout)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_are_read_from_the_module() {
        assert_eq!(needs(b"\x7fELF..license=GPL\0depends=ib-core,udp_tunnel\0name=x\0"), ["ib_core", "udp_tunnel"]);
        assert_eq!(needs(b"\0depends=\0"), Vec::<String>::new());
        assert_eq!(needs(b"no module"), Vec::<String>::new());
    }

    #[test]
    fn the_packed_kernel_lies_where_the_setup_header_says() {
        let mut image = vec![0; 4096];
        image[0x1f1] = 1;
        image[0x248..0x24c].copy_from_slice(&16_u32.to_le_bytes());
        image[0x24c..0x250].copy_from_slice(&3_u32.to_le_bytes());
        image[1040..1043].copy_from_slice(b"abc");
        assert_eq!(packed_kernel(&image), Some(b"abc".as_slice()));
        image[0x24f] = 0xff;
        assert_eq!(packed_kernel(&image), None, "a length beyond the file");
        assert_eq!(packed_kernel(&[]), None);
    }
}

//! A gateway, and a machine with Linux on the other end of its cable.

use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// What is to run on both ends.
pub(crate) struct Setup<'a> {
    /// More options of the gateway (10.8.0.1, fd00::1).
    pub(crate) options: &'a str,
    /// Commands in the machine (10.8.0.2, fd00::2), one after the other: name and command.
    pub(crate) steps: &'a [(&'a str, &'a str)],
    /// Commands that run from the beginning and end when the gateway has been there.
    pub(crate) servers: &'a [(&'a str, &'a str)],
}

/// What both ends said.
pub(crate) struct Outcome {
    /// Exit codes of the commands.
    codes: BTreeMap<String, i32>,
    /// What rxe counted.
    counters: BTreeMap<String, u64>,
    /// The gateway's.
    report: Value,
    /// All that the machine printed.
    printed: String,
    /// Commands that should have run.
    commands: usize,
}

/// Seconds for a command in the machine, and for a gateway: nothing waits for their end unless something hangs.
const STEP_SECONDS: u32 = 240;
const GATEWAY_SECONDS: u32 = 900;

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the workspace").to_owned()
}

/// The workspace's own tool, as who runs these tests says or as cargo has it.
pub(crate) fn xtask() -> Command {
    let mut command = match std::env::var_os("LAB_XTASK") {
        Some(program) => Command::new(program),
        None => {
            let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
            cargo.args(["run", "--quiet", "--package", "xtask", "--"]);
            cargo
        }
    };
    command.current_dir(workspace());
    command
}

/// Whether the machine can be booted, or why not.
pub(crate) fn is_there() -> Result<(), String> {
    if !workspace().join("target/lab/version").is_file() {
        return Err("there is no machine, `cargo xtask lab build` makes it".to_owned());
    }
    let found = Command::new("qemu-system-x86_64").arg("--version").stdout(Stdio::null()).status();
    found.is_ok_and(|status| status.success()).then_some(()).ok_or_else(|| "no qemu-system-x86_64".to_owned())
}

impl fmt::Debug for Outcome {
    /// For who looks for what went wrong.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{:?}\n{:?}\n{:#}", self.printed, self.codes, self.counters, self.report)
    }
}

impl Setup<'_> {
    /// Boots, runs everything, and waits for both ends.
    pub(crate) fn run(&self) -> Outcome {
        let folder = tempfile::tempdir().expect("a folder");
        let (own, peer) = (folder.path().join("g"), folder.path().join("m"));
        let gateway = self.gateway(&own, &peer);
        let cable = format!("{},{},10.8.0.2/24", peer.display(), own.display());
        let mut machine = xtask();
        machine.args(["lab", "run", "--dgram", &cable, "--", "sh", "-c", &self.script()]);
        let machine = machine.output().expect("cargo starts");
        // Not before: what the machine repeats until its end is still answered. One that has ended is not there any more.
        let _ = Command::new("kill").args(["-INT", &gateway.id().to_string()]).stderr(Stdio::null()).status();
        let gateway = gateway.wait_with_output().expect("the gateway ends");
        Outcome::read(&machine, &gateway, self.steps.len() + self.servers.len())
    }

    fn gateway(&self, own: &Path, peer: &Path) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rnic"));
        command.args(["gateway", "--json", "--qemu", &format!("{},{}", own.display(), peer.display())]);
        command.args(["--address", "10.8.0.1/24", "--address", "fd00::1/64", "--time", &GATEWAY_SECONDS.to_string()]);
        command.args(self.options.split(' '));
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the gateway starts")
    }

    /// What the machine's shell does. Lines that begin with a mark are read again by [`Outcome::read`].
    fn script(&self) -> String {
        // The machine asks for neighbours from its link's address, once nobody else is found to have it. The device needs a
        // moment to take the address into its table.
        let mut script = "/bin/ip -6 address add fd00::2/64 dev eth0 nodad\n".to_owned();
        script.push_str(
            "until /bin/ip -6 address show dev eth0 scope link -tentative | grep -q inet6; do usleep 100000; done\n",
        );
        script.push_str("usleep 500000\n");
        let run = |name: &str, command: &str| format!("timeout {STEP_SECONDS} {command}; echo \"@code $? {name}\"");
        for (name, command) in self.servers {
            let _ = writeln!(script, "({}) &", run(name, command));
        }
        for (name, command) in self.steps {
            let _ = writeln!(script, "{}", run(name, command));
        }
        script.push_str("wait\n");
        // The last acknowledgements are on their way.
        script.push_str("sleep 1\n");
        script.push_str("cd /sys/class/infiniband/rxe0/ports/1/hw_counters\n");
        script.push_str("for file in *; do echo \"@count $(cat $file) $file\"; done\n");
        script
    }
}

impl Outcome {
    fn read(machine: &Output, gateway: &Output, commands: usize) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (printed, said) = (text(&machine.stdout), text(&gateway.stdout));
        let complaints = format!("{printed}\n{}\n{}", text(&machine.stderr), text(&gateway.stderr));
        let report = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}\n{complaints}"));
        // The end of a line of two programs may be mixed, its mark is found all the same.
        let marked = |mark: &'static str| {
            printed.lines().filter_map(move |line| line[line.find(mark)? + mark.len()..].split_once(' '))
        };
        let codes = marked("@code ").filter_map(|(code, name)| Some((name.to_owned(), code.parse().ok()?)));
        let counters = marked("@count ").filter_map(|(count, name)| Some((name.to_owned(), count.parse().ok()?)));
        Self { codes: codes.collect(), counters: counters.collect(), report, printed: complaints.clone(), commands }
    }

    /// Every command ended with 0, and so many sessions of the gateway without an error.
    pub(crate) fn all_went_well(&self, sessions: usize) {
        assert!(self.codes.values().all(|&code| code == 0) && self.codes.len() == self.commands, "{self:#?}");
        let ended = self.report["sessions"].as_array().expect("a list");
        let good = ended.iter().filter(|session| session["error"].is_null()).count();
        assert_eq!((ended.len(), good), (sessions, sessions), "{self:#?}");
        assert_eq!(self.report["findings"].as_array().map(Vec::len), Some(0), "{self:#?}");
    }

    /// A counter of rxe.
    pub(crate) fn linux(&self, name: &str) -> u64 {
        *self.counters.get(name).unwrap_or_else(|| panic!("rxe has no counter {name}: {self:#?}"))
    }

    /// A number of the gateway's report; zeros are left out there.
    pub(crate) fn own(&self, group: &str, name: &str) -> u64 {
        self.report[group][name].as_u64().unwrap_or(0)
    }

    /// How often a fault fired.
    pub(crate) fn fired(&self, direction: &str, kind: &str) -> u64 {
        let rows = self.report["faults"].as_array().expect("a list");
        let row = rows.iter().find(|row| row["direction"] == direction && row["kind"] == kind);
        row.and_then(|row| row["fired"].as_u64()).unwrap_or(0)
    }

    /// Bytes that a session moved in and out.
    pub(crate) fn session(&self, index: usize) -> [u64; 2] {
        let session = &self.report["sessions"][index];
        ["bytes_in", "bytes_out"].map(|name| session[name].as_u64().unwrap_or(0))
    }
}

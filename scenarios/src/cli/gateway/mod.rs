//! `gateway`: a simulated NIC as a RoCEv2 peer on a real Ethernet.

mod words;

use super::answer::{Answer, CommandError, colour};
use super::clock::Stopwatch;
use clap::Args;
use des::{Dur, Ratio};
use gateway::ether::{datagrams::Datagrams, tap::Tap};
use gateway::port::ADDRESSES_MAX;
use gateway::{Ether, Faults, Identity};
use scenarios::gateway::{Call, Options, Sizes, Surroundings, Tool, report};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use wire::Mac;

/// Options of `rnic gateway`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("ethernet").required(true))]
pub(super) struct GatewayArguments {
    /// Own and qemu's UNIX socket: qemu runs with -netdev dgram,local.path=PEER,remote.path=OWN (both type=unix)
    #[arg(long, value_name = "OWN,PEER", group = "ethernet", value_parser = words::sockets)]
    qemu: Option<(PathBuf, PathBuf)>,
    /// A TAP device, up and on a bridge or with an address of the host's
    #[arg(long, value_name = "NAME", group = "ethernet")]
    tap: Option<String>,
    /// An address of the simulated host with its prefix, IPv4 or IPv6; may be repeated
    #[arg(long, value_name = "ADDRESS/LENGTH", required = true, value_parser = words::address)]
    address: Vec<(IpAddr, u8)>,
    /// Its Ethernet address
    #[arg(long, default_value = "02:72:6e:69:63:01", value_parser = words::mac)]
    mac: Mac,
    /// Largest path MTU in bytes: 1024 fits an Ethernet of 1500
    #[arg(long, value_name = "BYTES", default_value = "1024", value_parser = words::path_mtu)]
    mtu: u32,
    /// A tool that may connect: rping, ucmatose or perftest; may be repeated [default: all, if nothing is connected to]
    #[arg(long, value_name = "TOOL", value_parser = words::served)]
    listen: Vec<Tool>,
    /// Connect to a tool that listens: rping, ucmatose or ib_atomic_bw; may be repeated
    #[arg(long, value_name = "TOOL@ADDRESS[:PORT]", value_parser = words::call)]
    connect: Vec<Call>,
    /// Rounds of rping, messages of ucmatose [default: 10], atomics [default: 100]
    #[arg(long, value_name = "NUMBER")]
    count: Option<u32>,
    /// Bytes of a round or message [default: those of the tools]
    #[arg(long, value_name = "BYTES")]
    size: Option<u32>,
    /// End after so many sessions that others began
    #[arg(long, value_name = "NUMBER")]
    sessions: Option<u64>,
    /// End after so long
    #[arg(long, value_name = "SECONDS")]
    time: Option<u64>,
    #[command(flatten)]
    faults: FaultArguments,
    /// Write RoCE packets of both directions as pcapng, those lost on purpose too
    #[arg(long, value_name = "FILE")]
    capture: Option<PathBuf>,
    /// Print one JSON object at the end and nothing else on standard output
    #[arg(long)]
    json: bool,
}

/// Rates are written 0.1%, 0.001 or 1/1000.
#[derive(Debug, Args)]
#[command(next_help_heading = "Faults (rates as 0.1%, 0.001 or 1/1000, of RoCE packets in each direction)")]
struct FaultArguments {
    /// Lose packets
    #[arg(long, value_name = "RATE", default_value = "0", value_parser = words::rate)]
    drop: Ratio,
    /// Flip a bit
    #[arg(long, value_name = "RATE", default_value = "0", value_parser = words::rate)]
    corrupt: Ratio,
    /// Send twice
    #[arg(long, value_name = "RATE", default_value = "0", value_parser = words::rate)]
    duplicate: Ratio,
    /// Let later packets overtake
    #[arg(long, value_name = "RATE", default_value = "0", value_parser = words::rate)]
    reorder: Ratio,
    /// Hold back
    #[arg(long, value_name = "RATE", default_value = "0", value_parser = words::rate)]
    delay: Ratio,
    /// How long packets are held back
    #[arg(long, value_name = "MS", default_value = "10")]
    delay_by: u32,
    /// Of the draws: the same packets in the same order meet the same faults
    #[arg(long, default_value = "1")]
    seed: u64,
}

/// A session failed.
const FAILED: u8 = 1;
/// A checker found a breach.
const BREACH: u8 = 3;

/// Runs the gateway until it is over.
pub(super) fn gateway(arguments: &GatewayArguments) -> Result<Answer, CommandError> {
    let options = options(arguments)?;
    let capture = match &arguments.capture {
        Some(path) => {
            let file = File::create(path).map_err(CommandError::writing(path))?;
            Some(Box::new(BufWriter::new(file)) as Box<dyn Write>)
        }
        None => None,
    };
    let interrupted = on_interrupt();
    let stopwatch = Stopwatch::start();
    let surroundings = Surroundings {
        ether: ether(arguments)?,
        capture,
        clock: &|| stopwatch.elapsed(),
        stop: &|| interrupted.load(Ordering::Relaxed),
        say: &mut |line| {
            // Nobody listens if this fails.
            let _ = writeln!(io::stderr(), "gateway: {line}");
        },
    };
    let report = scenarios::gateway::run(&options, surroundings).map_err(|error| CommandError::Option {
        message: format!("the gateway stopped: {error}"),
        remedy: "look at the Ethernet that it stands on".to_owned(),
    })?;
    let out = if arguments.json {
        serde_json::to_string(&report).expect("a report has string keys") + "\n"
    } else {
        report::render(&report, colour(&io::stdout()))
    };
    let status = match (report.findings.is_empty(), report.passed()) {
        (false, _) => BREACH,
        (true, false) => FAILED,
        (true, true) => 0,
    };
    Ok(Answer { out, status, ..Answer::default() })
}

/// Set when the user presses Ctrl-C: the report is still wanted then.
fn on_interrupt() -> Arc<AtomicBool> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let noted = Arc::clone(&interrupted);
    // Without a handler, the process just ends.
    let _ = ctrlc::set_handler(move || noted.store(true, Ordering::Relaxed));
    interrupted
}

fn options(arguments: &GatewayArguments) -> Result<Options, CommandError> {
    if arguments.address.len() > ADDRESSES_MAX {
        return Err(CommandError::Option {
            message: format!("{} addresses, the gateway has room for {ADDRESSES_MAX}", arguments.address.len()),
            remedy: "leave some out".to_owned(),
        });
    }
    let FaultArguments { drop, corrupt, duplicate, reorder, delay, delay_by, seed } = arguments.faults;
    let all = arguments.listen.is_empty() && arguments.connect.is_empty();
    Ok(Options {
        identity: Identity { mac: arguments.mac, addresses: arguments.address.clone() },
        path_mtu_bytes: arguments.mtu,
        faults: Faults { drop, corrupt, duplicate, reorder, delay, delay_by: Dur::from_ms(delay_by.into()), seed },
        serve: if all { Tool::SERVED.to_vec() } else { arguments.listen.clone() },
        calls: arguments.connect.clone(),
        sizes: Sizes { count: arguments.count, bytes: arguments.size },
        sessions: arguments.sessions,
        time_limit: arguments.time.map(Duration::from_secs),
        // Processes of one machine that follow each other differ in it.
        life: std::process::id() << 8 | 1,
    })
}

fn ether(arguments: &GatewayArguments) -> Result<Box<dyn Ether>, CommandError> {
    let option = |what: &str, remedy: &str, error: io::Error| CommandError::Option {
        message: format!("{what}: {error}"),
        remedy: remedy.to_owned(),
    };
    if let Some((own, peer)) = &arguments.qemu {
        let bound = Datagrams::bind(own, peer);
        let remedy = "name a socket in a folder that can be written, with at most 107 bytes";
        return Ok(Box::new(bound.map_err(|error| option(&own.display().to_string(), remedy, error))?));
    }
    let name = arguments.tap.as_deref().unwrap_or_default();
    let remedy = format!("as root: ip tuntap add dev {name} mode tap user USER; ip link set {name} up");
    Ok(Box::new(Tap::open(name).map_err(|error| option(name, &remedy, error))?))
}

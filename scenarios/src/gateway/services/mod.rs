//! What a gateway can talk with: the tools of rdma-core and perftest, each in the part of the other side.
//!
//! Reading order: [`Tool`] here, `endpoint` (a queue pair with what it needs), then each tool: `rping`, `ucmatose`,
//! `perftest`, `atomics`.

mod atomics;
mod endpoint;
mod perftest;
mod rping;
mod ucmatose;

use super::Options;
use super::ledger::Ledger;
use super::report::SessionReport;
use provider::consumer::{Adapter, Connector, Listener, Session};
use provider::ndk::{NdkVersion, Status};
use std::fmt;
use std::future::{Future, poll_fn};
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::task::Poll;

/// A tool that the gateway knows the other side of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// rdma-core's `rping`: SEND, READ and WRITE.
    Rping,
    /// rdma-core's `ucmatose`: SEND in both directions.
    Ucmatose,
    /// perftest with connections by `rdma_cm`: `ib_send_bw -R`, `ib_write_bw -R`, `ib_read_bw -R`.
    Perftest,
    /// perftest's `ib_atomic_bw -R` as server, to connect to.
    AtomicBw,
}

impl Tool {
    /// Those that may connect.
    pub const SERVED: [Self; 3] = [Self::Rping, Self::Ucmatose, Self::Perftest];
    /// Those that may be connected to.
    pub const CALLED: [Self; 3] = [Self::Rping, Self::Ucmatose, Self::AtomicBw];

    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rping => "rping",
            Self::Ucmatose => "ucmatose",
            Self::Perftest => "perftest",
            Self::AtomicBw => "ib_atomic_bw",
        }
    }

    /// The port that the tool uses if it is not told another one.
    #[must_use]
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Rping => 7174,
            Self::Ucmatose => 7471,
            Self::Perftest | Self::AtomicBw => 18515,
        }
    }
}

impl fmt::Display for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A session that the gateway begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// The tool that listens there.
    pub tool: Tool,
    /// Where it listens.
    pub address: SocketAddr,
}

/// Messages and their size, where a tool does not say them; the tools' own defaults if not said here either.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    /// Messages or rounds.
    pub count: Option<u32>,
    /// Bytes of a message.
    pub bytes: Option<u32>,
}

/// What a session has moved.
#[derive(Clone, Copy, Debug, Default)]
struct Moved {
    /// Messages, or rounds of them.
    messages: u64,
    bytes_in: u64,
    bytes_out: u64,
}

/// Why a session ended before its end.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    /// A call or request failed.
    #[error("{0}")]
    Status(#[from] Status),
    /// The peer's message makes no sense, or its data is wrong.
    #[error("{0}")]
    Peer(String),
}

/// Does its work, unless the connection ends before.
async fn while_connected(
    connector: &Connector,
    work: impl Future<Output = Result<(), Trouble>>,
) -> Result<(), Trouble> {
    let (mut work, mut gone) = (pin!(work), pin!(connector.disconnected()));
    poll_fn(|context| match work.as_mut().poll(context) {
        Poll::Pending => {
            let early = || Err(Trouble::Peer("the peer ended the connection".to_owned()));
            gone.as_mut().poll(context).map(|()| early())
        }
        done => done,
    })
    .await
}

/// Starts everything: a task for each tool at each address, and one for each call.
pub(super) fn start(session: &Session, options: &Options, ledger: &Ledger) {
    let (node, options, ledger) = (session.clone(), options.clone(), ledger.clone());
    session.spawn(async move {
        let adapter = match node.open_adapter(NdkVersion::V2_0).await {
            Ok(adapter) => adapter,
            Err(status) => return node.fail(format!("the adapter does not open: {status}")),
        };
        let own: Vec<IpAddr> = options.identity.addresses.iter().map(|&(address, _)| address).collect();
        for &tool in &options.serve {
            for &address in &own {
                let host = Host { node: node.clone(), adapter: adapter.clone(), ledger: ledger.clone() };
                let listening = host.clone().listen(tool, address, options.sizes);
                host.node.spawn(listening);
            }
        }
        for &call in &options.calls {
            let from = own.iter().copied().find(|own| own.is_ipv4() == call.address.is_ipv4());
            let host = Host { node: node.clone(), adapter: adapter.clone(), ledger: ledger.clone() };
            let calling = host.clone().call(call, from, options.sizes);
            host.node.spawn(calling);
        }
    });
}

/// What sessions stand on.
#[derive(Clone, Debug)]
struct Host {
    node: Session,
    adapter: Adapter,
    ledger: Ledger,
}

impl Host {
    /// Serves a tool at one address, for ever.
    async fn listen(self, tool: Tool, address: IpAddr, sizes: Sizes) {
        let at = SocketAddr::new(address, tool.default_port());
        let listener = match self.adapter.create_listener().await {
            Ok(listener) => listener,
            Err(status) => return self.node.fail(format!("no listener: {status}")),
        };
        if let Err(status) = listener.listen(at).await {
            return self.node.fail(format!("{tool} cannot listen at {at}: {status}"));
        }
        self.ledger.say(format!("listening for {tool} at {at}"));
        loop {
            let connector = listener.request().await;
            if tool == Tool::Perftest {
                // Its second connection comes by the same listener.
                self.serve(connector, tool, sizes, Some(&listener)).await;
            } else {
                let host = self.clone();
                self.node.spawn(async move { host.serve(connector, tool, sizes, None).await });
            }
        }
    }

    /// Serves one session.
    async fn serve(&self, connector: Connector, tool: Tool, sizes: Sizes, listener: Option<&Listener>) {
        let (peer, begun) = (connector.peer_address(), self.node.now());
        let mut moved = Moved::default();
        let end = match (tool, listener) {
            (Tool::Rping, _) => rping::serve(self, connector, &mut moved).await,
            (Tool::Perftest, Some(listener)) => perftest::serve(self, connector, listener, &mut moved).await,
            _ => ucmatose::serve(self, connector, sizes, &mut moved).await,
        };
        let peer = peer.map_or_else(|status| status.to_string(), |peer| peer.to_string());
        self.note(tool, false, peer, begun, moved, end);
    }

    /// Begins one session.
    async fn call(self, call: Call, from: Option<IpAddr>, sizes: Sizes) {
        let Call { tool, address } = call;
        let (begun, mut moved) = (self.node.now(), Moved::default());
        let end = match from.map(|own| SocketAddr::new(own, 0)) {
            None => Err(Trouble::Peer("the gateway has no address of that family".to_owned())),
            Some(own) => match tool {
                Tool::Rping => rping::call(&self, own, address, sizes, &mut moved).await,
                Tool::Ucmatose => ucmatose::call(&self, own, address, sizes, &mut moved).await,
                Tool::AtomicBw => atomics::call(&self, own, address, sizes, &mut moved).await,
                Tool::Perftest => Err(Trouble::Peer("perftest can only be served".to_owned())),
            },
        };
        self.note(tool, true, address.to_string(), begun, moved, end);
    }

    fn note(&self, tool: Tool, called: bool, peer: String, begun: des::Time, moved: Moved, end: Result<(), Trouble>) {
        self.ledger.end(SessionReport {
            tool: tool.name().to_owned(),
            called,
            peer,
            messages: moved.messages,
            bytes_in: moved.bytes_in,
            bytes_out: moved.bytes_out,
            milliseconds: self.node.now().since(begun).as_ns() / 1_000_000,
            error: end.err().map(|trouble| trouble.to_string()),
        });
    }

    /// When the peer disconnects, so does this side: what is posted is flushed, which tells the session.
    fn follow(&self, connector: Connector) {
        self.node.spawn(async move {
            connector.disconnected().await;
            // It may have broken rather than ended.
            let _ = connector.disconnect().await;
            connector.close().await;
        });
    }
}

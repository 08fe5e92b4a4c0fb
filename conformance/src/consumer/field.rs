//! Failures that consumers had in the field (section 7.4 of the NDKPI reference, rows 1 to 13), each as a consumer that does
//! the same, and what the checker makes of it.
//!
//! Those that stand in the tables of broken consumers already are made anew here, as they happened: with the plan of faults
//! or the defect of the provider that brought them to light.

use super::{Outcome, against_server};
use crate::bench::Setup;
use crate::mutant::{self, Defect};
use crate::suite::local::{PORT, Sizes, params};
use crate::suite::{Pair, Probe};
use des::Dur;
use provider::check::RuleId;
use provider::fault::{Effect, Row, Selector};
use provider::ndk::{Call, CallKind, Completion, MrFlags, NdkVersion, Object, Out, Status, UpcallBody};

/// A failure.
#[derive(Clone, Copy, Debug)]
pub struct Failure {
    /// The row of section 7.4.
    pub row: u8,
    /// Short name, words joined by hyphens.
    pub name: &'static str,
    /// What happened.
    pub what: &'static str,
    /// The rule that the checker must name.
    pub rule: RuleId,
    /// What was special about the provider.
    pub provider: Special,
    /// Starts the consumers.
    pub start: fn(&Pair),
}

/// What was special about a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Special {
    /// Nothing: it pends, as any may.
    Nothing,
    /// The second call of this function takes a millisecond longer than the first.
    SecondIsLate(CallKind),
    /// It has this defect.
    Defect(&'static str),
}

impl Failure {
    /// The bench that it shows on.
    #[must_use]
    pub fn setup(&self) -> Setup {
        match self.provider {
            Special::Nothing => Setup::default(),
            Special::SecondIsLate(kind) => {
                let row = Row::new(Selector::calls(&[kind]).nth(2), Effect::Late(Dur::from_ms(1)));
                Setup { faults: vec![(0, row)], ..Setup::default() }
            }
            Special::Defect(name) => {
                let named = |defect: &&'static Defect| defect.entry.name == name;
                Setup { defect: mutant::defects().find(named), ..Setup::default() }
            }
        }
    }
}

const fn failure(row: u8, name: &'static str, what: &'static str, rule: u8, start: fn(&Pair)) -> Failure {
    Failure { row, name, what, rule: RuleId(rule), provider: Special::Nothing, start }
}

/// Every failure, in the order of the rows.
pub const FAILURES: &[Failure] = &[
    failure(
        1,
        "context-on-the-stack",
        "leaves a function whose create pends; the next one has the same context",
        2,
        |p| {
            p.on(0, context_on_the_stack);
        },
    ),
    failure(2, "pending-taken-for-failure", "takes PENDING for a failure, and closes the adapter", 12, |p| {
        p.on(0, pending_for_failure);
    }),
    failure(3, "null-close-completion", "closes with NULL for the completion", 3, |p| p.on(0, null_close)),
    failure(
        4,
        "close-completion-with-a-status",
        "reads a status that close completions do not have, and retries",
        10,
        |p| {
            p.on(0, close_with_status);
        },
    ),
    Failure {
        provider: Special::SecondIsLate(CallKind::RegisterMr),
        ..failure(
            5,
            "one-event-for-two",
            "waits for two requests with one event, and uses both at the first signal",
            8,
            |p| {
                p.on(0, one_event_for_two);
            },
        )
    },
    failure(
        6,
        "accept-after-connect",
        "accepts only once the client's connect has returned, which waits for the accept",
        72,
        |p| {
            p.on(0, waits_for_the_client);
            p.on(1, connects_and_waits);
        },
    ),
    failure(
        7,
        "own-timeout",
        "takes its own timeout for the end of the connect, and asks for connection data",
        27,
        |p| {
            p.on(0, accepts_late);
            p.on(1, gives_up_waiting);
        },
    ),
    Failure {
        provider: Special::Defect("private-data-not-copied"),
        ..failure(
            8,
            "more-room-than-announced",
            "asks for connection data with more room than was announced",
            127,
            |p| {
                against_server(p, asks_with_more_room);
            },
        )
    },
    failure(9, "length-not-initialised", "connects with the length of its private data not initialised", 24, |p| {
        against_server(p, length_not_initialised);
    }),
    failure(
        10,
        "flags-as-enumeration",
        "registers with flags 0, then 0xF, as if flags were an enumeration, and receives there",
        39,
        |p| {
            p.on(0, flags_as_enumeration);
        },
    ),
    failure(11, "listener-left-open", "never closes its listener, and waits for the adapter's close", 12, |p| {
        p.on(0, listener_left_open);
    }),
    failure(12, "failed-connect-left-open", "leaves the connector of a failed connect open", 12, |p| {
        p.on(0, failed_connect_left_open);
    }),
    failure(13, "killed", "is killed with everything outstanding: the adapter is closed, and nothing else", 12, |p| {
        against_server(p, killed);
    }),
];

const NULL: Completion = Completion { callback: None, context: 0 };

/// Two functions use one place of the stack, one after the other: what completes first is taken for what was asked last.
async fn context_on_the_stack(probe: Probe) -> Outcome {
    let adapter = probe.open(NdkVersion::V2_0).await?;
    let (object, completion, notification) = (adapter.object(), probe.completion(), probe.completion());
    probe.call(Call::CreateCq { adapter: object, depth: 16, notification, affinity: None, completion });
    probe.call(Call::CreatePd { adapter: object, completion });
    let mut created = Vec::new();
    for _ in 0..2 {
        if let UpcallBody::CreateCompletion { object: Some(object), .. } = probe.upcall(completion.context).await.body {
            created.push(object);
        }
        if let [first] = created[..] {
            probe.call(Call::CreateMr { pd: first, fast_register: false, completion: probe.completion() });
        }
    }
    probe.close_all(&created).await?;
    Ok(adapter.close().await?)
}

async fn pending_for_failure(probe: Probe) -> Outcome {
    let adapter = probe.open(NdkVersion::V2_0).await?.object();
    if probe.status(Call::CreatePd { adapter, completion: probe.completion() }) != Status::SUCCESS {
        probe.call(Call::CloseAdapter { adapter });
    }
    Ok(())
}

async fn null_close(probe: Probe) -> Outcome {
    let adapter = probe.open(NdkVersion::V2_0).await?;
    let cq = probe.cq(adapter.object(), 16).await?;
    probe.call(Call::Close { object: cq.object, completion: NULL });
    probe.sleep(Dur::from_ms(1)).await;
    Ok(adapter.close().await?)
}

/// What stands in the register of a second parameter is no success.
async fn close_with_status(probe: Probe) -> Outcome {
    let adapter = probe.open(NdkVersion::V2_0).await?;
    let cq = probe.cq(adapter.object(), 16).await?.object;
    probe.close(cq).await?;
    let garbage = Status::INVALID_PARAMETER;
    if garbage != Status::SUCCESS {
        probe.call(Call::Close { object: cq, completion: probe.completion() });
    }
    Ok(adapter.close().await?)
}

async fn one_event_for_two(probe: Probe) -> Outcome {
    let adapter = probe.open(NdkVersion::V2_0).await?;
    let (pd, event) = (probe.pd(adapter.object()).await?, probe.completion());
    let (buffer, flags) = (probe.allocate(4_096), MrFlags::empty());
    let (mdl, length_bytes) = (buffer.mdl(), buffer.len());
    let mut regions = Vec::new();
    for _ in 0..2 {
        let create = |completion| Call::CreateMr { pd, fast_register: false, completion };
        regions.push(probe.create("NdkCreateMr", create).await?);
    }
    for &mr in &regions {
        probe.call(Call::RegisterMr { mr, mdl, length_bytes, flags, completion: event });
    }
    probe.upcall(event.context).await;
    for &mr in &regions {
        probe.call(Call::GetLocalTokenFromMr { mr });
    }
    probe.upcall(event.context).await;
    probe.close_all(&regions).await?;
    probe.close(pd).await?;
    Ok(adapter.close().await?)
}

async fn waits_for_the_client(probe: Probe) -> Outcome {
    let local = probe.local(Sizes::default()).await?;
    let (_, events) = probe.listen(local.adapter.object()).await?;
    let connector = probe.offered(events).await?;
    // The client says so by a call of its own, once its connect has returned: it never does.
    probe.upcall(probe.completion().context).await;
    probe.accept(&local, connector).await.map(drop)
}

async fn connects_and_waits(probe: Probe) -> Outcome {
    let local = probe.local(Sizes::default()).await?;
    probe.head_start().await;
    probe.reach(&local).await.map(drop)
}

async fn accepts_late(probe: Probe) -> Outcome {
    let local = probe.local(Sizes::default()).await?;
    let (listener, events) = probe.listen(local.adapter.object()).await?;
    let connector = probe.offered(events).await?;
    probe.sleep(Dur::from_ms(20)).await;
    let link = probe.accept(&local, connector).await?;
    probe.upcall(link.disconnected).await;
    probe.close_all(&[connector, listener]).await?;
    probe.end_local(local).await
}

async fn gives_up_waiting(probe: Probe) -> Outcome {
    let local = probe.local(Sizes::default()).await?;
    probe.head_start().await;
    let connector = probe.connector(local.adapter.object()).await?;
    let (source, destination, params) = (probe.own(0), probe.peer(PORT), params(local.qp, &[0; 12]));
    let completion = probe.completion();
    probe.call(Call::Connect { connector, source, destination, params, completion });
    probe.sleep(Dur::from_ms(10)).await;
    // Its own 0xC00000B5, and not the provider's.
    let status = Status::IO_TIMEOUT;
    if status == Status::IO_TIMEOUT {
        probe.call(Call::GetConnectionData { connector, buffer_bytes: None });
    }
    probe.upcall(completion.context).await;
    let (disconnect_event, own) = (probe.disconnect_event(), connector);
    let complete = |completion| Call::CompleteConnect { connector: own, disconnect_event, completion };
    probe.request("NdkCompleteConnect", complete).await?;
    probe.request("NdkDisconnect", |completion| Call::Disconnect { connector, completion }).await?;
    probe.close(connector).await?;
    probe.end_local(local).await
}

async fn asks_with_more_room(probe: Probe) -> Outcome {
    let local = probe.local(Sizes::default()).await?;
    probe.head_start().await;
    let connector = probe.connector(local.adapter.object()).await?;
    let (source, destination) = (probe.own(0), probe.peer(PORT));
    let (card, qp) = (local.card(&probe)?.encode(), local.qp);
    let connect = |completion| Call::Connect { connector, source, destination, params: params(qp, &card), completion };
    probe.request("NdkConnect", connect).await?;
    if let Out::ConnectionData { required_bytes, .. } =
        probe.ok(Call::GetConnectionData { connector, buffer_bytes: None })?
    {
        probe.call(Call::GetConnectionData { connector, buffer_bytes: Some(required_bytes + 64) });
    }
    leave(&probe, connector).await?;
    probe.end_local(local).await
}

/// Completes a connection, ends it, and closes its connector.
async fn leave(probe: &Probe, connector: Object) -> Outcome {
    let disconnect_event = probe.disconnect_event();
    let complete = |completion| Call::CompleteConnect { connector, disconnect_event, completion };
    probe.request("NdkCompleteConnect", complete).await?;
    probe.request("NdkDisconnect", |completion| Call::Disconnect { connector, completion }).await?;
    probe.close(connector).await
}

async fn length_not_initialised(probe: Probe) -> Outcome {
    let local = probe.local(Sizes::default()).await?;
    probe.head_start().await;
    let connector = probe.connector(local.adapter.object()).await?;
    let (source, destination) = (probe.own(0), probe.peer(PORT));
    // What stood on the stack.
    let garbage = vec![0xCC; 0xCCC];
    let params = params(local.qp, &garbage);
    probe.settle(|completion| Call::Connect { connector, source, destination, params, completion }).await;
    probe.close(connector).await?;
    // The server still waits for its client.
    let (connector, _) = probe.reach(&local).await?;
    leave(&probe, connector).await?;
    probe.end_local(local).await
}

async fn flags_as_enumeration(probe: Probe) -> Outcome {
    let local = probe.local(Sizes::default()).await?;
    let (pd, buffer) = (local.pd, probe.allocate(4_096));
    for (context, bits) in [(1, 0), (2, 0xF)] {
        let create = |completion| Call::CreateMr { pd, fast_register: false, completion };
        let mr = probe.create("NdkCreateMr", create).await?;
        let (mdl, length_bytes, flags) = (buffer.mdl(), buffer.len(), MrFlags::from_bits_retain(bits));
        let register = |completion| Call::RegisterMr { mr, mdl, length_bytes, flags, completion };
        if probe.settle(register).await.status == Status::SUCCESS {
            let token = crate::suite::local::token(&probe.returned(Call::GetLocalTokenFromMr { mr }).out);
            probe.call(Call::Receive { qp: local.qp, context, sgl: &[buffer.sge(0, 64, token)] });
        }
        probe.close(mr).await?;
    }
    probe.end_local(local).await
}

async fn listener_left_open(probe: Probe) -> Outcome {
    let adapter = probe.open(NdkVersion::V2_0).await?;
    probe.listen(adapter.object()).await?;
    Ok(adapter.close().await?)
}

async fn failed_connect_left_open(probe: Probe) -> Outcome {
    let local = probe.local(Sizes::default()).await?;
    let connector = probe.connector(local.adapter.object()).await?;
    let (source, destination, params) = (probe.own(0), probe.peer(PORT), params(local.qp, &[]));
    probe.settle(|completion| Call::Connect { connector, source, destination, params, completion }).await;
    probe.end_local(local).await
}

async fn killed(probe: Probe) -> Outcome {
    let (local, link) = probe.join(Sizes::default()).await?;
    probe.call(Call::Receive { qp: local.qp, context: 1, sgl: &[local.sge(0, 64)] });
    probe.call(Call::Disconnect { connector: link.connector, completion: probe.completion() });
    probe.call(Call::CloseAdapter { adapter: local.adapter.object() });
    Ok(())
}

//! Connections: R27, R53, R56, R57, R93, R126 to R130, R133, R134 (in part), R136, R138, R140.

use super::checker::Checker;
use super::fact::{Args, CallFact, ConnectArgs};
use super::model::connection::Phase;
use super::model::{Detail, Life, fits};
use crate::ndk::{AdapterFlags, CallKind, DisconnectEvent, Object, ObjectKind, Out, Status, Upcall};
use std::net::SocketAddr;

/// Ports that stand for zero: the dynamic range.
const EPHEMERAL: std::ops::RangeInclusive<u16> = 49_152..=65_535;

/// The phase of a connector while a request pends.
const fn pending_phase(kind: CallKind) -> Phase {
    match kind {
        CallKind::CompleteConnect => Phase::Completing,
        CallKind::Accept => Phase::Accepting,
        CallKind::Disconnect => Phase::Disconnecting,
        _ => Phase::Connecting,
    }
}

impl Checker {
    pub(super) fn connection_called(&mut self, fact: &CallFact) {
        let Some(object) = fact.object else { return };
        let Some(phase) = self.model.connector(object.id).map(|connector| connector.phase) else { return };
        match (fact.kind, &fact.args) {
            (_, Args::Connect(connect) | Args::Accept { connect, .. }) => self.reused(object, phase, connect.qp),
            (CallKind::CompleteConnect, _) if phase != Phase::Connected => {
                self.report(53, Some(object), format!("CompleteConnect was called on {object:?}, which is {phase:?}"));
            }
            (CallKind::GetConnectionData, _) if !matches!(phase, Phase::Offered | Phase::Connected | Phase::Failed) => {
                self.report(27, Some(object), format!("connection data of {object:?} were asked for; it is {phase:?}"));
            }
            (CallKind::Disconnect, _) => self.disconnecting(object),
            _ => {}
        }
    }

    /// R56: a connection that ended is begun again.
    fn reused(&mut self, connector: Object, phase: Phase, qp: Object) {
        if phase.is_over() {
            self.report(56, Some(connector), format!("{connector:?} is used for a connection after a disconnect"));
        } else if self.model.qp(qp.id).is_some_and(|qp| qp.used_up) {
            self.report(56, Some(qp), format!("{qp:?} is used for a connection after a disconnect"));
        }
    }

    /// R57, R48: what the consumer leaves behind when it disconnects.
    fn disconnecting(&mut self, connector: Object) {
        self.chain_left_deferred(connector);
        let qp = self.model.connector(connector.id).and_then(|state| state.connect).map(|connect| connect.qp);
        let Some((qp, state)) = qp.and_then(|qp| Some((qp, self.model.qp(qp.id)?))) else { return };
        let left = state.initiator.posts.iter().filter(|post| !post.is_silent()).count();
        if left > 0 && !state.failed && state.flushed.is_none() {
            self.warn(
                57,
                Some(qp),
                format!("{connector:?} is disconnected with {left} requests of {qp:?} not collected"),
            );
        }
    }

    pub(super) fn connection_pends(&mut self, fact: &CallFact) {
        let Some(object) = fact.object else { return };
        if let Some(connector) = self.model.connector_mut(object.id) {
            connector.phase = pending_phase(fact.kind);
        }
        self.attach(fact, object);
    }

    /// The connector holds its QP and endpoint, and knows whom to tell.
    fn attach(&mut self, fact: &CallFact, object: Object) {
        let (connect, event) = match &fact.args {
            Args::Connect(connect) => (Some(*connect), None),
            Args::Accept { connect, event } => (Some(*connect), Some(*event)),
            Args::CompleteConnect(event) => (None, Some(*event)),
            _ => (None, None),
        };
        let Some(connector) = self.model.connector_mut(object.id) else { return };
        connector.connect = connect.or(connector.connect);
        connector.event = event.or(connector.event);
        if let Some(connect) = connect {
            for antecedent in [Some(connect.qp), connect.endpoint].into_iter().flatten() {
                self.model.relate(antecedent.id, object.id);
            }
            if let Some(qp) = self.model.qp_mut(connect.qp.id) {
                qp.connector = Some(object.id);
            }
        }
        if fact.kind == CallKind::Disconnect {
            self.use_up(object);
        }
    }

    fn use_up(&mut self, connector: Object) {
        let qp = self.model.connector(connector.id).and_then(|state| state.connect).map(|connect| connect.qp);
        if let Some(qp) = qp.and_then(|qp| self.model.qp_mut(qp.id)) {
            qp.used_up = true;
        }
    }

    /// A connection request ended, inline or by completion.
    pub(super) fn connection_done(&mut self, fact: &CallFact, status: Status) {
        let Some(object) = fact.object else { return };
        let success = status == Status::SUCCESS;
        let Some(before) = self.model.connector(object.id).map(|connector| connector.phase) else { return };
        if success {
            self.attach(fact, object);
        }
        let (number, now) = (fact.number, self.now);
        let pended = self
            .model
            .entry(object.id)
            .is_some_and(|entry| entry.requests.iter().any(|request| request.fact.number == number));
        let Some(connector) = self.model.connector_mut(object.id) else { return };
        match fact.kind {
            CallKind::Disconnect => {
                // A refused second call says nothing of the first.
                if success || pended && before == Phase::Disconnecting {
                    connector.phase = Phase::Disconnected;
                    // One that failed otherwise, or that a close has cancelled, waited for nothing.
                    if success || status == Status::IO_TIMEOUT {
                        self.disconnect_done(object, number, now);
                    }
                }
                return;
            }
            CallKind::CompleteConnect | CallKind::Accept if success => {
                connector.established = true;
                // Disconnect may have been called meanwhile.
                if !connector.phase.is_over() {
                    connector.phase = Phase::Established;
                }
            }
            _ if success => connector.phase = Phase::Connected,
            // Another request of the connector may pend; only the end of its own ends its phase.
            _ if pended && before == pending_phase(fact.kind) || before == Phase::Idle => {
                connector.phase = Phase::Failed;
            }
            _ => return,
        }
        match &fact.args {
            Args::CompleteConnect(_) if success && !matches!(before, Phase::Connected | Phase::Completing) => {
                let what = format!("CompleteConnect succeeded on {object:?}, which is {before:?}");
                self.report(133, Some(object), what);
            }
            Args::Connect(connect) if success => self.connected_to(object, connect),
            Args::Connect(connect) | Args::Accept { connect, .. } if !success => self.detach(object, connect),
            _ => {}
        }
    }

    /// A failed attempt holds its QP no more, as far as anybody says.
    fn detach(&mut self, object: Object, connect: &ConnectArgs) {
        for antecedent in [Some(connect.qp), connect.endpoint].into_iter().flatten() {
            self.model.unrelate(antecedent.id, object.id);
        }
    }

    fn disconnect_done(&mut self, connector: Object, call: u64, now: des::Time) {
        let call = self.latest_call().max(call);
        let qp = self.model.connector(connector.id).and_then(|state| state.connect).map(|connect| connect.qp);
        if let Some(qp) = qp.and_then(|qp| self.model.qp_mut(qp.id)) {
            qp.disconnected = Some((call, now));
        }
    }

    /// R128, R140: a connection to itself, and an address that is in use.
    fn connected_to(&mut self, object: Object, connect: &ConnectArgs) {
        let Some(source) = connect.source else { return };
        let loopback =
            self.model.info(object.id).is_none_or(|i| i.flags.contains(AdapterFlags::LOOPBACK_CONNECTIONS_SUPPORTED));
        if !loopback && connect.destination.is_some_and(|destination| destination.ip() == source.ip()) {
            self.report(
                140,
                Some(object),
                format!("{object:?} connected {source} to itself; the adapter does not loop"),
            );
        }
        self.hold_address(object, source);
    }

    /// R128: two hold one address.
    pub(super) fn hold_address(&mut self, object: Object, address: SocketAddr) {
        if address.port() == 0 {
            return;
        }
        let holders = self.model.addresses.entry(address).or_default();
        let other = holders.iter().copied().find(|id| *id != object.id);
        if holders.insert(object.id)
            && let Some(entry) = self.model.entry_mut(object.id)
        {
            entry.addresses.push(address);
        }
        if let Some(other) = other.and_then(|id| self.model.object(id)) {
            self.report(128, Some(object), format!("{object:?} was given {address}, which {other:?} holds"));
        }
    }

    pub(super) fn listening(&mut self, fact: &CallFact, status: Status) {
        let (&Args::Listen(address), Some(object)) = (&fact.args, fact.object) else { return };
        if status == Status::SUCCESS {
            if let Some(listener) = self.model.listener_mut(object.id) {
                listener.address = Some(address);
            }
            self.hold_address(object, address);
        }
    }

    pub(super) fn rejected(&mut self, fact: &CallFact, status: Status) {
        let connector = fact.object.and_then(|object| self.model.connector_mut(object.id));
        if let Some(connector) = connector.filter(|_| status == Status::SUCCESS) {
            connector.phase = Phase::Rejected;
        }
    }

    pub(super) fn events_controlled(&mut self, fact: &CallFact) {
        let (&Args::Pause(pause), Some(object)) = (&fact.args, fact.object) else { return };
        if let Some(listener) = self.model.listener_mut(object.id) {
            listener.paused = pause;
        }
    }

    pub(super) fn connect_event(&mut self, upcall: &Upcall, connector: Object) {
        let object = upcall.object;
        if self.event_allowed(upcall) {
            let Some(listener) = self.model.listener(object.id).copied() else { return };
            let closing = self.model.entry(object.id).is_some_and(|entry| matches!(entry.life, Life::Closing { .. }));
            if closing {
                self.report(93, Some(object), format!("{object:?}, which is being closed, offered {connector:?}"));
            } else if listener.paused {
                self.report(130, Some(object), format!("{object:?}, which is paused, offered {connector:?}"));
            }
            if !fits(listener.event, upcall.callback, upcall.context) {
                let what = format!("the connect event of {object:?} was called with another callback or context");
                self.report(71, Some(object), what);
            }
        }
        self.connector_offered(object, connector);
    }

    pub(super) fn disconnect_event(&mut self, upcall: &Upcall, reason: Option<u32>) {
        if !self.event_allowed(upcall) {
            return;
        }
        let object = upcall.object;
        let Some(connector) = self.model.connector_mut(object.id) else {
            self.report(136, Some(object), format!("a disconnect event was called for {object:?}"));
            return;
        };
        connector.events_seen += 1;
        let (seen, given, established) = (connector.events_seen, connector.event, connector.established);
        let wrong = match given {
            _ if seen > 1 => Some(format!("the disconnect event of {object:?} was called {seen} times")),
            Some(DisconnectEvent { callback: Some(callback), context, extended })
                if callback == upcall.callback && context == upcall.context =>
            {
                (extended != reason.is_some())
                    .then(|| format!("the disconnect event of {object:?} was called as if it were of the other kind"))
            }
            Some(DisconnectEvent { callback: Some(_), .. }) => {
                Some(format!("the disconnect event of {object:?} was called with another callback or context"))
            }
            _ => Some(format!("a disconnect event was called for {object:?}, which has none")),
        };
        if let Some(what) = wrong {
            self.report(136, Some(object), what);
        } else if !established {
            self.report(138, Some(object), format!("{object:?} had a disconnect event before it was connected"));
        }
    }

    /// R126, R127: the table of the getter, and what is known of the limits.
    pub(super) fn connection_data(&mut self, fact: &CallFact, status: Status, out: &Out) {
        let (&Args::Buffer(buffer), Some(object)) = (&fact.args, fact.object) else { return };
        if !matches!(status, Status::SUCCESS | Status::BUFFER_TOO_SMALL) {
            return;
        }
        let Out::ConnectionData { inbound_read_limit, outbound_read_limit, ref private_data, required_bytes } = *out
        else {
            self.report(127, Some(object), format!("connection data answered {status} and did not say what is needed"));
            return;
        };
        let fits = buffer.is_none_or(|buffer| buffer >= required_bytes);
        let copied = buffer.map_or(0, |buffer| buffer.min(required_bytes));
        let expected = if fits { Status::SUCCESS } else { Status::BUFFER_TOO_SMALL };
        if status != expected || private_data.len() != copied as usize {
            let given = buffer.map_or_else(|| "no buffer".to_owned(), |buffer| format!("{buffer} bytes"));
            let what = format!(
                "connection data of {required_bytes} bytes, given {given}: {} copied and {status}",
                private_data.len()
            );
            self.report(127, Some(object), what);
        }
        let own = self.model.connector(object.id).and_then(|connector| connector.connect);
        let info = self.model.info(object.id);
        let most = |own: Option<u32>, adapter: Option<u32>| own.unwrap_or(u32::MAX).min(adapter.unwrap_or(u32::MAX));
        let inbound = most(own.map(|own| own.inbound_read_limit), info.map(|info| info.max_inbound_read_limit));
        let outbound = most(own.map(|own| own.outbound_read_limit), info.map(|info| info.max_outbound_read_limit));
        if inbound_read_limit > inbound || outbound_read_limit > outbound {
            let what = format!(
                "{object:?} has read limits {inbound_read_limit} in and {outbound_read_limit} out; \
                 this side allows {inbound} and {outbound}"
            );
            self.report(126, Some(object), what);
        }
    }

    /// R80, R129: an address, or how long it is.
    pub(super) fn address_told(&mut self, fact: &CallFact, status: Status, out: &Out) {
        let (&Args::Buffer(buffer), Some(object)) = (&fact.args, fact.object) else { return };
        self.needed(fact, 0, buffer, status, out);
        let (Out::Address(address), CallKind::GetLocalAddress) = (out, fact.kind) else { return };
        let asked = match object.kind {
            ObjectKind::Listener => self.model.listener(object.id).and_then(|listener| listener.address),
            ObjectKind::Connector => {
                self.model.connector(object.id).and_then(|state| state.connect).and_then(|connect| connect.source)
            }
            _ => match self.model.entry(object.id).map(|entry| &entry.detail) {
                Some(Detail::Endpoint(address)) => Some(*address),
                _ => None,
            },
        };
        if asked.is_some_and(|asked| asked.port() == 0) {
            if !EPHEMERAL.contains(&address.port()) {
                let what = format!("{object:?} asked for any port and has {address}");
                self.report(129, Some(object), what);
            }
            self.hold_address(object, *address);
        }
    }
}

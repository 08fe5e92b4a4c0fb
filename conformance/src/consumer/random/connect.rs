//! Connections.

use super::actor::{Actor, pick};
use super::model::What;
use super::program::Step;
use super::thing::{Detail, Stage, Thing};
use super::verb::Verb;
use crate::suite::local::{Card, PORT, params, token};
use provider::ndk::{Call, DisconnectEvent, Object, ObjectKind, Out};
use std::net::SocketAddr;

impl Actor {
    /// A connector at one of `stages` with nothing pending on it.
    pub(super) fn connector_at(&self, stages: &[Stage], number: u8) -> Option<Object> {
        let at = |thing: &Thing| matches!(&thing.detail, Detail::Connector(c) if stages.contains(&c.stage));
        pick(&self.live(ObjectKind::Connector, |thing| thing.pending == 0 && at(thing)), number)
    }

    fn set_stage(&self, connector: Object, stage: Stage) {
        if let Some(connector) = self.model().connector_mut(connector.id) {
            connector.stage = stage;
        }
    }

    /// Takes an idle queue pair for a connector.
    fn take_qp(&self, connector: Object, number: u8) -> Option<Object> {
        let idle = |thing: &Thing| matches!(&thing.detail, Detail::Qp(qp) if qp.stage == Stage::Idle);
        let qp = pick(&self.live(ObjectKind::Qp, idle), number)?;
        let mut model = self.model();
        model.qp_mut(qp.id)?.stage = Stage::Busy;
        let state = model.connector_mut(connector.id)?;
        (state.qp, state.stage) = (Some(qp.id), Stage::Busy);
        Some(qp)
    }

    /// Where the peer may read and write: a registered region, if there is one.
    fn own_card(&self, number: u8) -> Vec<u8> {
        let registered = |thing: &Thing| matches!(&thing.detail, Detail::Mr(mr) if mr.registered);
        let Some(mr) = pick(&self.live(ObjectKind::Mr, registered), number) else { return Vec::new() };
        let token = token(&self.call(Call::GetRemoteTokenFromMr { mr }).out);
        let address = self.model().mr_mut(mr.id).map_or(0, |mr| mr.buffer.address());
        Card { address, token }.encode()
    }

    /// Keeps what the peer says of its region, while it may be asked for.
    fn keep_card(&self, connector: Object) {
        let sized = self.call(Call::GetConnectionData { connector, buffer_bytes: None });
        let Out::ConnectionData { required_bytes, .. } = sized.out else { return };
        let full = self.call(Call::GetConnectionData { connector, buffer_bytes: Some(required_bytes) });
        let Out::ConnectionData { private_data, .. } = full.out else { return };
        if let Some(connector) = self.model().connector_mut(connector.id) {
            // Private data are padded with zeros; no region has token zero.
            connector.card = Card::decode(&private_data).filter(|card| card.token != 0);
        }
    }

    fn disconnect_event(&self, how: u8) -> DisconnectEvent {
        let event = self.event();
        let callback = event.callback.filter(|_| how & 1 == 0);
        DisconnectEvent { callback, context: event.context, extended: how & 2 == 0 }
    }

    pub(super) fn connection(&self, step: Step) {
        let Step { verb, pick: number, how } = step;
        match verb {
            Verb::Connect => {
                let Some(connector) = self.connector_at(&[Stage::Idle], number) else { return };
                let Some(qp) = self.take_qp(connector, how) else { return };
                self.connect(connector, qp, how);
            }
            Verb::Complete => {
                let Some(connector) = self.connector_at(&[Stage::Connected], number) else { return };
                self.keep_card(connector);
                self.set_stage(connector, Stage::Busy);
                let (disconnect_event, what) = (self.disconnect_event(how), What::Request(connector.id));
                self.begin(what, connector, |completion| Call::CompleteConnect {
                    connector,
                    disconnect_event,
                    completion,
                });
            }
            Verb::Accept => {
                let Some(connector) = self.connector_at(&[Stage::Offered], number) else { return };
                let Some(qp) = self.take_qp(connector, how) else { return };
                self.keep_card(connector);
                let (card, disconnect_event) = (self.own_card(number), self.disconnect_event(how));
                let params = params(qp, &card);
                let what = What::Request(connector.id);
                self.begin(what, connector, |completion| Call::Accept {
                    connector,
                    params,
                    disconnect_event,
                    completion,
                });
            }
            Verb::Reject => {
                let Some(connector) = self.connector_at(&[Stage::Offered, Stage::Connected], number) else { return };
                self.set_stage(connector, Stage::Over);
                self.call(Call::Reject { connector, private_data: &[how] });
            }
            _ => self.disconnect(number),
        }
    }

    fn connect(&self, connector: Object, qp: Object, how: u8) {
        let (own, destination) = (SocketAddr::new(self.addresses[0], 0), SocketAddr::new(self.addresses[1], PORT));
        let card = self.own_card(how);
        let (params, what) = (params(qp, &card), What::Request(connector.id));
        match pick(&self.live(ObjectKind::SharedEndpoint, |_| true), how).filter(|_| how & 1 == 0) {
            Some(endpoint) => self.begin(what, connector, |completion| Call::ConnectWithSharedEndpoint {
                connector,
                endpoint,
                destination,
                params,
                completion,
            }),
            None => self.begin(what, connector, |completion| Call::Connect {
                connector,
                source: own,
                destination,
                params,
                completion,
            }),
        }
    }

    /// Disconnects, once the results of what was sent have been taken.
    fn disconnect(&self, number: u8) {
        let Some(connector) = self.connector_at(&[Stage::Established], number) else { return };
        let qp = self.model().connector_mut(connector.id).and_then(|connector| connector.qp);
        let cq = qp.and_then(|qp| self.model().qp_mut(qp).map(|qp| qp.cqs[1]));
        self.live(ObjectKind::Cq, |thing| Some(thing.object.id) == cq).into_iter().for_each(|cq| self.drain(cq));
        {
            let mut model = self.model();
            let Some(qp) = qp.and_then(|qp| model.qp_mut(qp)).filter(|qp| !qp.initiator.owes()) else { return };
            qp.stage = Stage::Over;
        }
        self.set_stage(connector, Stage::Over);
        self.begin(What::Request(connector.id), connector, |completion| Call::Disconnect { connector, completion });
    }
}

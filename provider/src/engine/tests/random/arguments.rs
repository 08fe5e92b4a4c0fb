//! Calls with arguments that random numbers choose.

use super::Chaos;
use crate::engine::testing::{Rig, adapter_address, done, peer_address};
use crate::ndk::{
    Call, CallKind, ConnectParams, CqNotify, DisconnectEvent, Guid, LogicalAddressMapping, MrFlags, NdkVersion, Object,
    ObjectKind, OpFlags, Sge,
};
use host::Mdl;

/// One object of each kind, for calls to choose from.
pub(super) struct Handles {
    adapter: Object,
    pd: Object,
    pub(super) cq: Object,
    other_cq: Object,
    mr: Object,
    mw: Object,
    srq: Object,
    qp: Object,
    connector: Object,
    listener: Object,
    endpoint: Object,
    any: Object,
}

impl Handles {
    pub(super) fn choose(chaos: &Chaos, (a, b, c): (u8, u8, u8)) -> Self {
        Self {
            adapter: chaos.object(ObjectKind::Adapter, a),
            pd: chaos.object(ObjectKind::Pd, a),
            cq: chaos.object(ObjectKind::Cq, b),
            other_cq: chaos.object(ObjectKind::Cq, c),
            mr: chaos.object(ObjectKind::Mr, b),
            mw: chaos.object(ObjectKind::Mw, c),
            srq: chaos.object(ObjectKind::Srq, c),
            qp: chaos.object(ObjectKind::Qp, a),
            connector: chaos.object(ObjectKind::Connector, c),
            listener: chaos.object(ObjectKind::Listener, b),
            endpoint: chaos.object(ObjectKind::SharedEndpoint, b),
            any: chaos.object(ObjectKind::ALL[usize::from(a % 10)], b),
        }
    }
}

/// Arguments that a random number chooses, and what the calls borrow.
pub(super) struct Arguments {
    d: u16,
    pub(super) mdl: Mdl,
    lam: LogicalAddressMapping,
    sgl: [Sge; 5],
    pages: [u64; 3],
}

impl Arguments {
    pub(super) fn new(d: u16) -> Self {
        Self {
            d,
            mdl: Mdl { virtual_address: 0x1000, length_bytes: 8192, pages: vec![0x1000, 0x3000] },
            lam: LogicalAddressMapping {
                adapter_context: u64::from(d % 4),
                adapter_pages: vec![],
                first_byte_offset: 0,
            },
            sgl: [Sge { address: u64::from(d % 64), length_bytes: u32::from(d % 40), token: 1 }; 5],
            pages: [0x1000, 0x2000, u64::from(d)],
        }
    }

    fn sgl(&self) -> &[Sge] {
        &self.sgl[..usize::from(self.d % 6)]
    }

    fn flags(&self) -> OpFlags {
        let mask = if self.d % 8 == 7 { 0xffff } else { 0x201 };
        OpFlags::from_bits_retain(u32::from(self.d) & mask)
    }

    fn size(&self) -> u32 {
        [0, 1, 2, 4, 64, 65, 300, u32::MAX][usize::from(self.d >> 3) % 8]
    }

    pub(super) fn post(&self, kind: CallKind, handles: &Handles, context: u64) -> Call<'_> {
        let Handles { mr, mw, srq, qp, any, .. } = *handles;
        let (sgl, flags, remote_address, remote_token) = (self.sgl(), self.flags(), 0x1000, u32::from(self.d));
        match kind {
            CallKind::SrqReceive => Call::SrqReceive { srq, context, sgl },
            CallKind::Send => Call::Send { qp, context, sgl, flags },
            CallKind::SendAndInvalidate => Call::SendAndInvalidate { qp, context, sgl, flags, remote_token },
            CallKind::Receive => Call::Receive { qp, context, sgl },
            CallKind::Bind => {
                let virtual_address = 0x1000 + u64::from(self.d % 3);
                Call::Bind {
                    qp,
                    context,
                    mr,
                    mw,
                    virtual_address,
                    length_bytes: 4096,
                    flags: OpFlags::ALLOW_REMOTE_READ,
                }
            }
            CallKind::FastRegister => Call::FastRegister {
                qp,
                context,
                mr,
                adapter_pages: &self.pages[..usize::from(self.d % 4)],
                first_byte_offset: 0,
                length_bytes: 4096,
                base_virtual_address: 0x1000,
                flags,
            },
            CallKind::Invalidate => {
                Call::Invalidate { qp, context, target: [mr, mw, any][usize::from(self.d % 3)], flags }
            }
            CallKind::Read => Call::Read { qp, context, sgl, remote_address, remote_token, flags },
            _ => Call::Write { qp, context, sgl, remote_address, remote_token, flags },
        }
    }

    pub(super) fn call(&self, kind: CallKind, handles: &Handles, context: u64) -> Call<'_> {
        let Handles { adapter, pd, cq, mr, mw, srq, qp, connector, listener, endpoint, any, .. } = *handles;
        let (completion, depth) = (done(context), self.size());
        let address = adapter_address(self.d % 3 * 5000);
        let params = ConnectParams { qp, inbound_read_limit: 3, outbound_read_limit: 300, private_data: b"x" };
        let extended = self.d.is_multiple_of(8);
        let disconnect_event = DisconnectEvent { extended, ..Rig::event(1) };
        let destination = peer_address(self.d % 3);
        match kind {
            CallKind::OpenAdapter => Call::OpenAdapter { version: NdkVersion { major: self.d % 3, minor: self.d % 4 } },
            CallKind::CloseAdapter => {
                Call::CloseAdapter { adapter: if self.d.is_multiple_of(16) { adapter } else { any } }
            }
            CallKind::QueryExtension => {
                Call::QueryExtension { object: any, interface: Guid([0; 16]), version: NdkVersion::V1_1 }
            }
            CallKind::QueryAdapterInfo => Call::QueryAdapterInfo { adapter, buffer_bytes: u32::from(self.d % 128) },
            CallKind::BuildLam => {
                let length_bytes = u64::from(self.d);
                Call::BuildLam { adapter, mdl: &self.mdl, length_bytes, lam_bytes: 32, completion }
            }
            CallKind::ReleaseLam => Call::ReleaseLam { adapter, lam: &self.lam },
            CallKind::GetPrivilegedToken => Call::GetPrivilegedToken { pd },
            CallKind::ResizeCq => Call::ResizeCq { cq, depth, completion },
            CallKind::ArmCq => Call::ArmCq { cq, notify: CqNotify(u32::from(self.d % 4)) },
            CallKind::ControlCqInterruptModeration => {
                Call::ControlCqInterruptModeration { cq, interval_us: depth, count: u32::from(self.d) }
            }
            CallKind::RegisterMr => {
                let (flags, length_bytes) = (MrFlags::from_bits_retain(u32::from(self.d % 9)), 8192);
                Call::RegisterMr { mr, mdl: &self.mdl, length_bytes, flags, completion }
            }
            CallKind::DeregisterMr => Call::DeregisterMr { mr, completion },
            CallKind::InitializeFastRegisterMr => {
                Call::InitializeFastRegisterMr { mr, adapter_page_count: depth, remote_access: extended, completion }
            }
            CallKind::GetRemoteTokenFromMr => Call::GetRemoteTokenFromMr { mr },
            CallKind::GetLocalTokenFromMr => Call::GetLocalTokenFromMr { mr },
            CallKind::GetRemoteTokenFromMw => Call::GetRemoteTokenFromMw { mw },
            CallKind::ModifySrq => Call::ModifySrq { srq, depth, notify_threshold: self.size() % 4, completion },
            CallKind::Flush => Call::Flush { qp },
            CallKind::Connect => Call::Connect { connector, source: address, destination, params, completion },
            CallKind::ConnectWithSharedEndpoint => {
                Call::ConnectWithSharedEndpoint { connector, endpoint, destination, params, completion }
            }
            CallKind::CompleteConnect => Call::CompleteConnect { connector, disconnect_event, completion },
            CallKind::Accept => Call::Accept { connector, params, disconnect_event, completion },
            CallKind::Reject => Call::Reject { connector, private_data: b"no" },
            CallKind::GetConnectionData => Call::GetConnectionData { connector, buffer_bytes: Some(4) },
            CallKind::GetLocalAddress => Call::GetLocalAddress { object: any, buffer_bytes: depth },
            CallKind::GetPeerAddress => Call::GetPeerAddress { connector, buffer_bytes: depth },
            CallKind::Disconnect => Call::Disconnect { connector, completion },
            CallKind::Listen => Call::Listen { listener, address, completion },
            CallKind::ControlConnectEvents => Call::ControlConnectEvents { listener, pause: extended },
            CallKind::Close => Call::GetLocalAddress { object: any, buffer_bytes: 0 },
            _ => self.create(kind, handles, context),
        }
    }

    fn create(&self, kind: CallKind, handles: &Handles, context: u64) -> Call<'_> {
        let Handles { adapter, pd, cq, other_cq, srq, .. } = *handles;
        let (completion, size, notification, affinity) = (done(context), self.size(), done(0), None);
        let (receive_cq, initiator_cq, qp_context) = (cq, other_cq, 0);
        let (initiator_depth, max_initiator_sge, inline_data_bytes) = (size.max(4), size % 5, 64);
        match kind {
            CallKind::CreateCq => Call::CreateCq { adapter, depth: size.max(4), notification, affinity, completion },
            CallKind::CreatePd => Call::CreatePd { adapter, completion },
            CallKind::CreateSharedEndpoint => {
                Call::CreateSharedEndpoint { adapter, address: adapter_address(self.d % 2 * 7000), completion }
            }
            CallKind::CreateConnector => Call::CreateConnector { adapter, completion },
            CallKind::CreateListener => Call::CreateListener { adapter, connect_event: notification, completion },
            CallKind::CreateMr => Call::CreateMr { pd, fast_register: self.d.is_multiple_of(2), completion },
            CallKind::CreateMw => Call::CreateMw { pd, completion },
            CallKind::CreateSrq => {
                let (max_receive_sge, notify_threshold) = (size % 6, size % 4);
                Call::CreateSrq { pd, depth: 4, max_receive_sge, notify_threshold, notification, affinity, completion }
            }
            CallKind::CreateQp => Call::CreateQp {
                pd,
                receive_cq,
                initiator_cq,
                qp_context,
                receive_depth: size,
                initiator_depth,
                max_receive_sge: 1,
                max_initiator_sge,
                inline_data_bytes,
                completion,
            },
            _ => Call::CreateQpWithSrq {
                pd,
                receive_cq,
                initiator_cq,
                srq,
                qp_context,
                initiator_depth,
                max_initiator_sge,
                inline_data_bytes,
                completion,
            },
        }
    }
}

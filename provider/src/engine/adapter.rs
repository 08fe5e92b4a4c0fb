//! The adapter: opening, limits, protection domains, shared endpoints; addresses that are ours.

use super::Engine;
use super::create::{Creation, Draft};
use super::dispatch::Returned;
use super::lifetime::ObjectId;
use super::objects::{Body, Entry};
use crate::backend::{Backend, Command};
use crate::ndk::extension::{ATOMICS, ATOMICS_VERSION};
use crate::ndk::{
    AdapterFlags, AdapterInfo, CallKind, CallSite, Completion, Guid, LogicalAddressMapping, NdkVersion, Object,
    ObjectKind, Out, RdmaTechnology, Return, Status,
};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// An open adapter.
#[derive(Clone, Debug, Default)]
pub(super) struct Adapter {
    /// Mappings built and not released, by the context that names them.
    pub(super) lams: BTreeMap<u64, LogicalAddressMapping>,
}

impl<B: Backend> Engine<B> {
    /// `OPEN_NDK_ADAPTER_HANDLER`. A device that failed is started again for the first who opens it after all have closed.
    pub(super) fn open_adapter(&mut self, host: &mut B::Host, asked: NdkVersion) -> Returned {
        if !self.enabled || self.device_lost && self.objects.iter().next().is_some() {
            return Err(Status::ADAPTER_NOT_READY);
        }
        if self.device_lost {
            self.backend.restart(host)?;
            self.device_lost = false;
        }
        let version = self.config.negotiate(asked).ok_or(Status::BAD_VERSION)?;
        let id = self.lifetimes.create(Vec::new());
        self.objects.insert(id, Entry { version, adapter: id, body: Body::Adapter(Adapter::default()) });
        self.lifetimes.made(id);
        Ok(Return::with(Out::Object(self.objects.handle(id))))
    }

    /// Adapters and queue pairs may have atomics, nothing has anything else.
    pub(super) fn query_extension(&self, object: Object, interface: Guid, version: NdkVersion) -> Returned {
        self.live(object, object.kind)?;
        let offered =
            self.backend.capabilities().atomics && matches!(object.kind, ObjectKind::Adapter | ObjectKind::Qp);
        if offered && interface == ATOMICS && version == ATOMICS_VERSION {
            Ok(Return::status(Status::SUCCESS))
        } else {
            Err(Status::NOT_SUPPORTED)
        }
    }

    /// Consumers with the oldest header pass the size without the last member, which they then do not get.
    pub(super) fn query_adapter_info(&self, adapter: Object, buffer_bytes: u32) -> Returned {
        let id = self.live(adapter, ObjectKind::Adapter)?;
        if buffer_bytes < AdapterInfo::SIZE_BYTES_1_1 {
            let out = Out::NeededBytes(AdapterInfo::SIZE_BYTES);
            return Ok(Return { status: Status::BUFFER_TOO_SMALL, out });
        }
        let mut info = self.info(id);
        if buffer_bytes < AdapterInfo::SIZE_BYTES {
            info.technology = RdmaTechnology::Undefined;
        }
        Ok(Return::with(Out::Info(Box::new(info))))
    }

    /// Whether the device can moderate interrupts, and may.
    pub(super) fn moderates(&self) -> bool {
        let wanted = self.config.flags.contains(AdapterFlags::CQ_INTERRUPT_MODERATION_SUPPORTED);
        wanted && self.backend.capabilities().moderate_cq
    }

    fn info(&self, id: ObjectId) -> AdapterInfo {
        let device = self.backend.capabilities();
        let mut flags = self.config.flags;
        flags.set(AdapterFlags::IN_ORDER_DMA_SUPPORTED, device.in_order_dma);
        flags.set(AdapterFlags::CQ_RESIZE_SUPPORTED, device.resize_cq);
        flags.set(AdapterFlags::CQ_INTERRUPT_MODERATION_SUPPORTED, self.moderates());
        flags.set(AdapterFlags::LOOPBACK_CONNECTIONS_SUPPORTED, device.loopback);
        // No backend can tie an invalidation to a read; the flag of such a read is ignored.
        flags.remove(AdapterFlags::RDMA_READ_LOCAL_INVALIDATE_SUPPORTED);
        AdapterInfo {
            version: self.version(id),
            vendor_id: device.vendor_id,
            device_id: device.device_id,
            max_registration_bytes: device.max_registration_bytes,
            max_window_bytes: if device.memory_windows { device.max_registration_bytes } else { 0 },
            frmr_page_count: self.config.frmr_page_count.min(device.max_fast_register_pages),
            max_initiator_request_sge: device.max_send_sge,
            max_receive_request_sge: device.max_receive_sge,
            max_read_request_sge: device.max_read_sge,
            max_transfer_bytes: device.max_message_bytes,
            max_inline_data_bytes: device.max_inline_bytes,
            max_inbound_read_limit: device.max_inbound_reads,
            max_outbound_read_limit: device.max_outbound_reads,
            max_receive_queue_depth: device.max_receive_depth,
            max_initiator_queue_depth: device.max_send_depth,
            max_srq_depth: device.max_srq_depth,
            max_cq_depth: device.max_cq_depth,
            large_request_threshold_bytes: self.config.large_request_threshold_bytes,
            max_caller_data_bytes: device.max_request_private_bytes,
            max_callee_data_bytes: device.max_reply_private_bytes,
            flags,
            technology: self.config.technology,
        }
    }

    /// The version that an object's adapter was opened with.
    pub(super) fn version(&self, id: ObjectId) -> NdkVersion {
        self.objects.get(id).expect("the version of an object that is there").version
    }

    pub(super) fn create_pd(
        &mut self,
        host: &mut B::Host,
        site: &CallSite,
        adapter: Object,
        completion: Completion,
    ) -> Returned {
        let parent = self.live(adapter, ObjectKind::Adapter)?;
        let kind = CallKind::CreatePd;
        let creation = Creation { kind, parent, others: Vec::new(), draft: Draft::Pd, completion };
        self.create(host, site, creation, Some(Command::CreatePd))
    }

    pub(super) fn create_shared_endpoint(
        &mut self,
        host: &mut B::Host,
        site: &CallSite,
        adapter: Object,
        address: SocketAddr,
        completion: Completion,
    ) -> Returned {
        let parent = self.live(adapter, ObjectKind::Adapter)?;
        self.check_own_address(address)?;
        let used = self.endpoints.reserve(address, &self.config.ephemeral_ports)?;
        let draft = Draft::SharedEndpoint(used);
        let kind = CallKind::CreateSharedEndpoint;
        self.create(host, site, Creation { kind, parent, others: Vec::new(), draft, completion }, None)
    }

    /// The device cannot give this token remote rights: it never leaves this side. Zero where it has none.
    pub(super) fn privileged_token(&self, pd: Object) -> u32 {
        let known = self.live(pd, ObjectKind::Pd).ok().and(self.backend.capabilities().privileged_key);
        known.unwrap_or(self.config.policy.token_of_nothing)
    }

    pub(super) fn check_own_address(&self, address: SocketAddr) -> Result<(), Status> {
        let own = self.backend.capabilities().addresses.contains(&address.ip());
        if own { Ok(()) } else { Err(Status::INVALID_ADDRESS) }
    }
}

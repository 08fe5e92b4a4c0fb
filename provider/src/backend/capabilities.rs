//! What a device can do.

/// What a device can do and how much of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// IEEE OUI.
    pub vendor_id: u32,
    /// The vendor's number for the device.
    pub device_id: u32,
    /// Largest registration.
    pub max_registration_bytes: u64,
    /// Pages of a fast registration; zero: fast registration must be emulated or refused.
    pub max_fast_register_pages: u32,
    /// Scatter/gather entries of a send or write.
    pub max_send_sge: u32,
    /// Scatter/gather entries of a receive.
    pub max_receive_sge: u32,
    /// Scatter/gather entries of a read.
    pub max_read_sge: u32,
    /// Bytes of one message.
    pub max_message_bytes: u32,
    /// Bytes of an inline message.
    pub max_inline_bytes: u32,
    /// Reads and atomics of a QP under way, as responder.
    pub max_inbound_reads: u32,
    /// Reads and atomics of a QP under way, as requester.
    pub max_outbound_reads: u32,
    /// Entries of a send queue.
    pub max_send_depth: u32,
    /// Entries of a receive queue.
    pub max_receive_depth: u32,
    /// Entries of a shared receive queue; zero: none.
    pub max_srq_depth: u32,
    /// Entries of a completion queue.
    pub max_cq_depth: u32,
    /// Private data of a connection request.
    pub max_request_private_bytes: u32,
    /// Private data of a reply or a rejection.
    pub max_reply_private_bytes: u32,
    /// Type 2 memory windows.
    pub memory_windows: bool,
    /// Atomics on the peer's memory, and by the peer on this one.
    pub atomics: bool,
    /// Local invalidation and send with invalidate.
    pub invalidate: bool,
    /// Resizing of completion queues.
    pub resize_cq: bool,
    /// Growing of shared receive queues.
    pub resize_srq: bool,
    /// Interrupt moderation of completion queues.
    pub moderate_cq: bool,
    /// The device writes the bytes of a message in ascending order.
    pub in_order_dma: bool,
    /// A key for bus addresses, local access only.
    pub privileged_key: Option<u32>,
    /// The device can connect to itself.
    pub loopback: bool,
    /// Addresses of the device's ports.
    pub addresses: Vec<std::net::IpAddr>,
}

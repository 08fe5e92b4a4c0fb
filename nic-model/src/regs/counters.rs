//! What the device counts.

/// A counter, for the manual.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CounterAt {
    /// Its name.
    pub name: &'static str,
    /// What it counts.
    pub about: &'static str,
}

macro_rules! counters {
    ($($(#[doc = $doc:literal])* $name:ident,)*) => {
        /// Everything that the device counts, since power-on or reset. QUERY_COUNTERS writes them in this order.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Counters {
            $($(#[doc = $doc])* pub $name: u64,)*
        }

        impl Counters {
            /// The counters in order, for the manual.
            pub const TABLE: &'static [CounterAt] =
                &[$(CounterAt { name: stringify!($name), about: concat!($($doc),*) },)*];
            /// Bytes of QUERY_COUNTERS' output.
            pub const BYTES: usize = Self::TABLE.len() * size_of::<u64>();

            /// The values in order.
            #[must_use]
            pub fn values(&self) -> Vec<u64> {
                vec![$(self.$name,)*]
            }

            /// The counters from their values; missing ones are zero.
            #[must_use]
            pub fn from_values(values: &[u64]) -> Self {
                let mut values = values.iter().copied();
                Self { $($name: values.next().unwrap_or(0),)* }
            }
        }
    };
}

counters! {
    /// RoCE packets sent.
    tx_packets,
    /// Bytes of these frames.
    tx_bytes,
    /// RoCE packets received and taken.
    rx_packets,
    /// Bytes of these frames.
    rx_bytes,
    /// Packets sent again.
    retransmitted_packets,
    /// Packets dropped because their invariant CRC was wrong (mlx5: `rx_icrc_encapsulated`).
    rx_icrc_errors,
    /// Frames dropped because they are no RoCE packets or malformed.
    rx_malformed,
    /// Packets dropped because their queue pair does not exist, is in another state, or is of another kind.
    rx_no_qp,
    /// Packets dropped because their addresses are not those of the queue pair or port.
    rx_wrong_address,
    /// Packets dropped because of partition or queue key.
    rx_key_violations,
    /// Datagrams dropped because there was no receive or it was too short.
    rx_no_receive,
    /// Packets dropped because a queue in front of a queue pair was full.
    rx_overflows,
    /// Messages, or their beginnings, that peers wanted written (mlx5: `rx_write_requests`, SENDs included).
    rx_write_requests,
    /// READ requests (mlx5: `rx_read_requests`).
    rx_read_requests,
    /// Atomic requests (mlx5: `rx_atomic_requests`).
    rx_atomic_requests,
    /// Requests that came again (mlx5: `duplicate_request`).
    duplicate_requests,
    /// Gaps that the responder saw (mlx5: `out_of_sequence`).
    out_of_sequence,
    /// Acknowledgements of a gap that the requester got (mlx5: `packet_seq_err`).
    packet_sequence_naks,
    /// Missing answers that the requester noticed by itself (mlx5: `implied_nak_seq_err`).
    implied_naks,
    /// Acknowledge time-outs (mlx5: `local_ack_timeout_err`).
    ack_timeouts,
    /// Requests given up after all acknowledge time-outs.
    ack_retries_exceeded,
    /// Requests given up after all "receiver not ready" (mlx5: `rnr_nak_retry_err`).
    rnr_retries_exceeded,
    /// "Receiver not ready" sent (mlx5: `out_of_buffer`).
    rnr_naks_sent,
    /// "Receiver not ready" received.
    rnr_naks_received,
    /// "Remote access error" sent (mlx5: `resp_remote_access_errors`).
    access_naks_sent,
    /// "Invalid request" sent.
    invalid_naks_sent,
    /// Requests that completed with an error, flushed ones left out (mlx5: `req_cqe_error`).
    request_errors,
    /// Requests flushed (mlx5: `req_cqe_flush_error`).
    requests_flushed,
    /// Requests that the peer refused for key, range or right (mlx5: `req_remote_access_errors`).
    request_remote_access,
    /// Requests that the peer called invalid (mlx5: `req_remote_invalid_request`).
    request_remote_invalid,
    /// Receives that completed with an error, flushed ones left out (mlx5: `resp_cqe_error`).
    receive_errors,
    /// Receives flushed (mlx5: `resp_cqe_flush_error`).
    receives_flushed,
    /// Receives that were too short (mlx5: `resp_local_length_error`).
    receive_length_errors,
    /// Completion queue entries written.
    cqes,
    /// Event queue entries written.
    eqes,
    /// Interrupts raised.
    interrupts,
    /// Events lost because their queue was full.
    events_lost,
    /// Completion queues that overflowed.
    cq_overruns,
    /// Commands run.
    commands,
    /// Register accesses that no register answers, and doorbells of queues that do not exist.
    bad_mmio,
    /// Doorbells refused because the object belongs to another UAR page.
    doorbells_refused,
    /// Doorbells of send queues.
    sq_doorbells,
    /// WQEs taken from a BlueFlame push.
    blueflame_wqes,
    /// DMA reads.
    dma_reads,
    /// Bytes that they asked for.
    dma_read_bytes,
    /// DMA writes.
    dma_writes,
    /// Bytes that they carried.
    dma_write_bytes,
    /// DMA accesses that the host refused.
    dma_errors,
    /// Contexts of queue pairs whose parity was wrong.
    context_parity_errors,
    /// Congestion notifications that slowed a queue pair (mlx5: the same name).
    rp_cnp_handled,
    /// Congestion notifications sent.
    np_cnp_sent,
    /// Pauses received from the cable's other end.
    pauses_received,
    /// Congestion notifications that nobody reacts to.
    rp_cnp_ignored,
    /// Packets with data that a switch had marked (mlx5: `np_ecn_marked_roce_packets`).
    np_ecn_marked,
    /// Pauses sent to the cables' other ends because the receive buffer filled.
    pauses_sent,
    /// Nanoseconds for which classes were paused by the cables' other ends, classes added up; pauses that have ended or been
    /// repeated.
    pause_ns,
    /// Bytes on PCIe towards the host, headers of transactions included.
    pcie_up_bytes,
    /// Bytes on PCIe from the host, headers of transactions included.
    pcie_down_bytes,
    /// Accesses to contexts of queue pairs that were at hand; 0 if the cache is unlimited.
    qp_cache_hits,
    /// Accesses to contexts of queue pairs that had to be read from host memory.
    qp_cache_misses,
    /// Accesses to contexts of completion queues that were at hand; 0 if the cache is unlimited.
    cq_cache_hits,
    /// Accesses to contexts of completion queues that had to be read from host memory.
    cq_cache_misses,
    /// Accesses to contexts of shared receive queues that were at hand; 0 if the cache is unlimited.
    srq_cache_hits,
    /// Accesses to contexts of shared receive queues that had to be read from host memory.
    srq_cache_misses,
    /// Accesses to entries of the key table that were at hand; 0 if the cache is unlimited.
    mpt_cache_hits,
    /// Accesses to entries of the key table that had to be read from host memory.
    mpt_cache_misses,
    /// Accesses to lines of the translation table that were at hand; 0 if the cache is unlimited.
    mtt_cache_hits,
    /// Accesses to lines of the translation table that had to be read from host memory.
    mtt_cache_misses,
    /// Accesses to send WQEs under way that were at hand; 0 if the cache is unlimited.
    wqe_cache_hits,
    /// Accesses to send WQEs under way that had to be read from host memory.
    wqe_cache_misses,
    /// Pages of DMA whose translation the IOMMU had at hand; 0 without an IOMMU.
    iotlb_hits,
    /// Pages of DMA that the IOMMU had to look up.
    iotlb_misses,
    /// Lines read from host memory to translate, directories included: a miss reads one of each level of its region's tables that
    /// is not at hand.
    mtt_levels_read,
    /// DMA that the IOMMU has refused.
    iommu_faults,
    /// Picoseconds that DMA reads have taken, until their last byte was there; divided by `dma_reads` it is their mean.
    dma_read_ps,
    /// The shortest of them, in picoseconds.
    dma_read_min_ps,
    /// The longest of them, in picoseconds.
    dma_read_max_ps,
}

//! From the text of a profile and its base to numbers, and the profiles that come with the model.

use super::text::{ProfileError, Text, Value};
use super::{
    CacheProfile, CachesProfile, FirmwareProfile, HostProfile, PcieProfile, Profile, RecoveryProfile, Replacement,
    Sourced, StageProfile, Turn,
};
use crate::regs::cmd::CommandCode;
use crate::transport::requester::{Recovery, TimeoutPolicy};
use des::{Dur, Rate};
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// The files, by the names that scenarios use.
const FILES: [(&str, &str); 8] = [
    ("generic-100g", include_str!("../../profiles/generic-100g.toml")),
    ("connect-ib", include_str!("../../profiles/connect-ib.toml")),
    ("connectx", include_str!("../../profiles/connectx.toml")),
    ("connectx-3", include_str!("../../profiles/connectx-3.toml")),
    ("connectx-5", include_str!("../../profiles/connectx-5.toml")),
    ("connectx-6", include_str!("../../profiles/connectx-6.toml")),
    ("nfp6000-haswell", include_str!("../../profiles/nfp6000-haswell.toml")),
    ("nfp6000-broadwell", include_str!("../../profiles/nfp6000-broadwell.toml")),
];
/// Most profiles that one may be based on in a row.
const BASES_MAX: usize = 4;

/// Names of all profiles.
pub fn names() -> impl Iterator<Item = &'static str> {
    FILES.iter().map(|(name, _)| *name)
}

/// The profile of this name. Each is read once: a fabric has many adapters of one kind.
///
/// # Errors
/// If there is none, or its text is wrong; the latter is a mistake in this crate, which its tests find.
pub fn load(name: &str) -> Result<Profile, ProfileError> {
    static KNOWN: [OnceLock<Profile>; FILES.len()] = [const { OnceLock::new() }; FILES.len()];
    let known = FILES.iter().position(|(file, _)| *file == name).map(|number| &KNOWN[number]);
    match known {
        Some(known) => match known.get() {
            Some(profile) => Ok(*profile),
            None => read(name).map(|profile| *known.get_or_init(|| profile)),
        },
        None => Err(ProfileError::NoProfile(name.to_owned())),
    }
}

fn read(name: &str) -> Result<Profile, ProfileError> {
    let mut entries = BTreeMap::new();
    let (mut next, mut own) = (Some(name), None);
    for _ in 0..BASES_MAX {
        let Some(wanted) = next else { break };
        let &(file, text) =
            FILES.iter().find(|(file, _)| *file == wanted).ok_or_else(|| ProfileError::NoProfile(wanted.to_owned()))?;
        let text = Text::parse(file, text)?;
        own.get_or_insert(text.name);
        // What a profile says itself goes before what its base says.
        for (key, value) in text.entries {
            entries.entry(key).or_insert(value);
        }
        next = text.base;
    }
    let name = own.filter(|_| next.is_none()).ok_or_else(|| ProfileError::NoProfile(name.to_owned()))?;
    let mut reader = Reader { name, entries };
    let profile = reader.profile()?;
    match reader.entries.into_keys().next() {
        None => Ok(profile),
        Some(key) => Err(ProfileError::Unknown { profile: name.to_owned(), key }),
    }
}

/// Takes numbers out by name.
struct Reader {
    name: &'static str,
    entries: BTreeMap<String, Sourced<Value>>,
}

impl Reader {
    fn take<T>(
        &mut self,
        key: &str,
        expected: &'static str,
        make: impl FnOnce(Value) -> Option<T>,
    ) -> Result<Sourced<T>, ProfileError> {
        let found = self.entries.remove(key).and_then(|Sourced { value, origin }| {
            let value = make(value)?;
            Some(Sourced { value, origin })
        });
        found.ok_or_else(|| ProfileError::Missing { profile: self.name.to_owned(), key: key.to_owned(), expected })
    }

    fn number<T: TryFrom<u64>>(&mut self, key: &str) -> Result<Sourced<T>, ProfileError> {
        self.take(key, "a number in range", |value| match value {
            Value::Number(number) => T::try_from(number).ok(),
            Value::Word(_) => None,
        })
    }

    fn positive(&mut self, key: &str) -> Result<Sourced<u32>, ProfileError> {
        self.take(key, "a number above zero", |value| match value {
            Value::Number(number) => u32::try_from(number).ok().filter(|number| *number > 0),
            Value::Word(_) => None,
        })
    }

    fn time(&mut self, key: &str) -> Result<Sourced<Dur>, ProfileError> {
        let Sourced { value, origin } = self.number(key)?;
        Ok(Sourced { value: Dur::from_ps(value), origin })
    }

    fn word<T: Copy>(
        &mut self,
        key: &str,
        words: &[(&str, T)],
        expected: &'static str,
    ) -> Result<Sourced<T>, ProfileError> {
        self.take(key, expected, |value| match value {
            Value::Word(word) => words.iter().find(|(known, _)| *known == word).map(|(_, meaning)| *meaning),
            Value::Number(_) => None,
        })
    }

    fn stage(&mut self, section: &str) -> Result<StageProfile, ProfileError> {
        Ok(StageProfile {
            latency: self.time(&format!("{section}.latency_ps"))?,
            interval: self.time(&format!("{section}.interval_ps"))?,
        })
    }

    fn profile(&mut self) -> Result<Profile, ProfileError> {
        let rate: Sourced<u32> = self.positive("port.rate_mbps")?;
        let turns = [("packet", Turn::Packet), ("message", Turn::Message)];
        Ok(Profile {
            name: self.name,
            port_rate: Sourced { value: Rate::from_bps(u64::from(rate.value) * 1_000_000), origin: rate.origin },
            port_bytes_not_sent: self.number("port.bytes_not_sent")?,
            pcie: self.pcie()?,
            host: self.host()?,
            doorbell: self.stage("doorbell")?,
            requester: self.stage("requester")?,
            engines: self.positive("requester.engines")?,
            engine_interval: self.time("requester.engine_interval_ps")?,
            responder: self.stage("responder")?,
            transmit_latency: self.time("latency.transmit_ps")?,
            interrupt_latency: self.time("latency.interrupt_ps")?,
            transmit_buffer_bytes: self.positive("buffer.transmit_bytes")?,
            transmit_buffer_packets: self.positive("buffer.transmit_packets")?,
            receive_buffer_bytes: self.positive("buffer.receive_bytes")?,
            turn: self.word("transport.turn", &turns, "\"packet\" or \"message\"")?,
            window_packets: self.positive("transport.window_packets")?,
            ack_every_packets: self.positive("transport.ack_every_packets")?,
            send_wqes_held: self.positive("transport.send_wqes_held")?,
            receive_wqes_prefetched: self.positive("transport.receive_wqes_prefetched")?,
            atomic_buckets: self.positive("responder.atomic_buckets")?,
            atomic_contexts: self.number("responder.atomic_contexts")?,
            recovery: self.recovery()?,
            caches: CachesProfile {
                qp: self.cache("cache-qp")?,
                cq: self.cache("cache-cq")?,
                srq: self.cache("cache-srq")?,
                mpt: self.cache("cache-mpt")?,
                mtt: self.cache("cache-mtt")?,
                wqe: self.cache("cache-wqe")?,
                table_entries: self.positive("translation.table_entries")?,
            },
            firmware: self.firmware()?,
        })
    }

    fn pcie(&mut self) -> Result<PcieProfile, ProfileError> {
        Ok(PcieProfile {
            generation: self.number("pcie.generation")?,
            lanes: self.number("pcie.lanes")?,
            max_payload_bytes: self.positive("pcie.max_payload_bytes")?,
            max_read_request_bytes: self.positive("pcie.max_read_request_bytes")?,
            read_completion_bytes: self.positive("pcie.read_completion_bytes")?,
            request_header_bytes: self.number("pcie.request_header_bytes")?,
            completion_header_bytes: self.number("pcie.completion_header_bytes")?,
            reads_outstanding: self.positive("pcie.reads_outstanding")?,
            read_latency: self.time("pcie.read_latency_ps")?,
            write_latency: self.time("pcie.write_latency_ps")?,
            write_interval: self.time("pcie.write_interval_ps")?,
            posted_writes: self.number("pcie.posted_writes")?,
            staging_ps_per_byte: self.number("pcie.staging_ps_per_byte")?,
            register_read: self.time("pcie.register_read_ps")?,
            mmio_line_interval: self.time("pcie.mmio_line_interval_ps")?,
        })
    }

    fn host(&mut self) -> Result<HostProfile, ProfileError> {
        Ok(HostProfile {
            llc_miss: self.time("host.llc_miss_ps")?,
            remote_numa: self.time("host.remote_numa_ps")?,
            cold_permille: self.number("host.cold_permille")?,
            remote_permille: self.number("host.remote_permille")?,
            iotlb_entries: self.number("host.iotlb_entries")?,
            iotlb_ways: self.positive("host.iotlb_ways")?,
            iotlb_miss: self.time("host.iotlb_miss_ps")?,
            iotlb_walks: self.positive("host.iotlb_walks")?,
        })
    }

    fn recovery(&mut self) -> Result<RecoveryProfile, ProfileError> {
        let recoveries = [("go-back-n", Recovery::GoBackN), ("selective-repeat", Recovery::SelectiveRepeat)];
        let timeouts =
            [("nominal", TimeoutPolicy::Nominal), ("adaptive", TimeoutPolicy::Adaptive), ("irn", TimeoutPolicy::IRN)];
        Ok(RecoveryProfile {
            recovery: self.word("recovery.repeat", &recoveries, "\"go-back-n\" or \"selective-repeat\"")?,
            reorder_packets: self.positive("recovery.reorder_packets")?,
            timeout: self.word("recovery.timeout", &timeouts, "\"nominal\", \"adaptive\" or \"irn\"")?,
            end_to_end_credits: self.word(
                "recovery.end_to_end_credits",
                &[("yes", true), ("no", false)],
                "\"yes\" or \"no\"",
            )?,
            xoff_bytes: self.positive("recovery.xoff_bytes")?,
            xon_bytes: self.positive("recovery.xon_bytes")?,
        })
    }

    fn cache(&mut self, section: &str) -> Result<CacheProfile, ProfileError> {
        let replacements = [("lru", Replacement::Lru), ("random", Replacement::Random)];
        Ok(CacheProfile {
            entries: self.number(&format!("{section}.entries"))?,
            ways: self.positive(&format!("{section}.ways"))?,
            replacement: self.word(&format!("{section}.replacement"), &replacements, "\"lru\" or \"random\"")?,
            entry_bytes: self.positive(&format!("{section}.entry_bytes"))?,
            hit: self.time(&format!("{section}.hit_ps"))?,
            misses_outstanding: self.positive(&format!("{section}.misses_outstanding"))?,
        })
    }

    fn firmware(&mut self) -> Result<FirmwareProfile, ProfileError> {
        Ok(FirmwareProfile {
            other: self.time("firmware.other_ps")?,
            by_command: [
                (CommandCode::QUERY_DEVICE, self.time("firmware.query_device_ps")?),
                (CommandCode::QUERY_COUNTERS, self.time("firmware.query_counters_ps")?),
                (CommandCode::CREATE_QP, self.time("firmware.create_qp_ps")?),
                (CommandCode::DESTROY_QP, self.time("firmware.destroy_qp_ps")?),
                (CommandCode::CREATE_CQ, self.time("firmware.create_cq_ps")?),
                (CommandCode::CREATE_MKEY, self.time("firmware.create_mkey_ps")?),
            ],
            reset_to_init: self.time("firmware.reset_to_init_ps")?,
            init_to_rtr: self.time("firmware.init_to_rtr_ps")?,
            rtr_to_rts: self.time("firmware.rtr_to_rts_ps")?,
            error_to_reset: self.time("firmware.error_to_reset_ps")?,
            per_page: self.time("firmware.per_page_ps")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_profile_is_well_written_and_named_as_its_file() {
        for name in names() {
            let profile = load(name).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(profile.name, name);
            assert!(profile.transmit_buffer_bytes.value >= 2 * 4096, "{name}: a buffer holds packets");
            assert!(profile.window_packets.value >= profile.ack_every_packets.value, "{name}: a window holds a batch");
            let RecoveryProfile { xoff_bytes, xon_bytes, .. } = profile.recovery;
            assert!(
                xon_bytes.value < xoff_bytes.value && xoff_bytes.value < profile.receive_buffer_bytes.value,
                "{name}"
            );
            let pcie = &profile.pcie;
            assert!(pcie.max_read_request_bytes.value >= pcie.read_completion_bytes.value, "{name}: completions fit");
        }
    }

    #[test]
    fn other_names_are_refused() {
        assert_eq!(load("none"), Err(ProfileError::NoProfile("none".to_owned())));
    }
}

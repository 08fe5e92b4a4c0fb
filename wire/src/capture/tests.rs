//! What our writer writes is read back, classic pcap in all its forms is read, and damage is named.

use super::*;
use crate::pcapng::Writer;
use proptest::collection::vec;
use proptest::prelude::*;

fn classic(magic: u32, little_endian: bool) -> Bytes {
    let word = |number: u32| if little_endian { number.to_le_bytes() } else { number.to_be_bytes() };
    let words = [magic, 0x0002_0004, 0, 0, 0xffff, 1, 3, 7, 2, 1000].map(word);
    Bytes::from([words.as_flattened(), &[0xab, 0xcd]].concat())
}

#[test]
fn classic_captures_in_every_form() {
    for (magic, time_ns) in [(PCAP_MICROSECONDS, 3_000_007_000), (PCAP_NANOSECONDS, 3_000_000_007)] {
        for little_endian in [false, true] {
            let capture = Capture::read(&classic(magic, little_endian)).expect("a good file");
            let frame = Bytes::from_static(&[0xab, 0xcd]);
            let record = Record { interface: 0, time_ns, original_len: 1000, frame };
            assert_eq!(capture.records, [record]);
        }
    }
}

#[test]
fn every_section_counts_its_own_interfaces() {
    let section = |name, byte| {
        let mut writer = Writer::new(Vec::new()).expect("a vector takes all");
        let port = writer.add_interface(name).expect("a short name");
        writer.write_frame(port, 1, &[byte], "").expect("a good frame");
        writer.finish().expect("a vector takes all")
    };
    let file = [section("a", 1), section("b", 2)].concat();
    let capture = Capture::read(&file.into()).expect("two good sections");
    assert_eq!(capture.interfaces, ["a", "b"]);
    let frames: Vec<_> = capture.records.iter().map(|record| (record.interface, record.frame[0])).collect();
    assert_eq!(frames, [(0, 1), (1, 2)]);
}

#[test]
fn damage_is_named() {
    let refusal = |file: &[u8]| Capture::read(&Bytes::copy_from_slice(file)).map_err(|error| error.to_string());
    assert_eq!(refusal(&[0; 4]), Err("magic number at byte 0 is 0x0, not 0xa0d0d0a".into()));
    let file = classic(PCAP_MICROSECONDS, true);
    assert_eq!(refusal(&file[..41]), Err("frame at byte 40 needs 2 bytes, 1 are there".into()));
    let mut wireless = file.to_vec();
    wireless[20] = 105;
    assert_eq!(refusal(&wireless), Err("link type at byte 20 is 0x69, not 0x1".into()));

    let mut writer = Writer::new(Vec::new()).expect("a vector takes all");
    let port = writer.add_interface("p").expect("a short name");
    writer.write_frame(port, 5, &[1; 8], "").expect("a good frame");
    let mut file = writer.finish().expect("a vector takes all");
    let packet_at = file.len() - 40;
    file[packet_at + 8] = 1;
    let number = format!("interface number at byte {} is 0x1 where the bytes make 0x1", packet_at + 8);
    assert_eq!(refusal(&file), Err(number), "one interface, number 1 is past it");
    file[packet_at + 4] = 39;
    let length = format!("block length at byte {} is 0x27 where the bytes make 0xc", packet_at + 4);
    assert_eq!(refusal(&file), Err(length));
}

#[test]
fn units_of_time() {
    assert_eq!(nanoseconds(7, 6), 7_000);
    assert_eq!(nanoseconds(7, 9), 7);
    assert_eq!(nanoseconds(7_999, 12), 7, "picoseconds are cut");
    assert_eq!(nanoseconds(3, 0x81), 1_500_000_000, "halves of a second");
    assert_eq!((nanoseconds(u64::MAX, 0), nanoseconds(u64::MAX, 0x7f)), (u64::MAX, 0));
}

proptest! {
    #[test]
    fn written_is_read(
        names in vec("[a-z0-9 .]{0,9}", 1..4),
        frames in vec((any::<prop::sample::Index>(), any::<u64>(), vec(any::<u8>(), 0..70), "[a-z ]{0,5}"), 0..6),
    ) {
        let mut writer = Writer::new(Vec::new())?;
        let ids = names.iter().map(|name| writer.add_interface(name)).collect::<Result<Vec<_>, _>>()?;
        let mut records = Vec::new();
        for (index, time_ns, frame, comment) in frames {
            let interface = index.index(ids.len());
            writer.write_frame(ids[interface], time_ns, &frame, &comment)?;
            records.push(Record { interface, time_ns, original_len: frame.len(), frame: frame.into() });
        }
        let read = Capture::read(&writer.finish()?.into())?;
        prop_assert_eq!(read, Capture { interfaces: names, records });
    }

    #[test]
    fn damaged_captures_never_panic(
        at in any::<prop::sample::Index>(), value in any::<u8>(), len in any::<prop::sample::Index>(),
    ) {
        let mut writer = Writer::new(Vec::new())?;
        let port = writer.add_interface("port")?;
        writer.write_frame(port, 1, &[1, 2, 3], "remark")?;
        for mut file in [writer.finish()?, classic(PCAP_NANOSECONDS, true).to_vec()] {
            let at = at.index(file.len());
            file[at] = value;
            file.truncate(len.index(file.len()) + 1);
            let records = Capture::read(&file.into()).map_or(0, |capture| capture.records.len());
            prop_assert!(records <= 1);
        }
    }
}

use super::*;
use proptest::prelude::*;
use wire::Qpn;

fn data_segment() -> impl Strategy<Value = Data> {
    (0..INLINE, any::<u32>(), any::<u64>()).prop_map(|(length_bytes, key, address)| Data { length_bytes, key, address })
}

fn data_lists() -> impl Strategy<Value = DataList> {
    prop_oneof![
        prop::collection::vec(data_segment(), 0..20).prop_map(|list| DataList::Segments(list.into())),
        prop::collection::vec(any::<u8>(), 0..256).prop_map(|bytes| DataList::Inline(bytes.into())),
    ]
}

fn control(opcode: Opcode) -> Control {
    Control {
        index: 0xfffe,
        opcode,
        qpn: Qpn::new(0x12_3456),
        units: 0,
        flags: WqeFlags::SIGNALLED | WqeFlags::FENCE,
        immediate: 0xdead_beef,
    }
}

fn assert_survives(opcode: Opcode, body: Body, datagram: bool) {
    let wqe = SendWqe { control: control(opcode), body };
    let bytes = wqe.encode();
    assert_eq!(bytes.len() % BLOCK_BYTES, 0);
    let back = SendWqe::decode(&bytes, datagram).expect("what was encoded is a WQE");
    assert_eq!(blocks(back.control.units) as usize * BLOCK_BYTES, bytes.len());
    let units = back.control.units;
    assert_eq!(back, SendWqe { control: Control { units, ..wqe.control }, body: wqe.body });
}

proptest! {
    #[test]
    fn every_operation_survives_its_bytes(list in data_lists(), address: u64, key: u32) {
        let remote = RemoteAddress { address, key };
        let vector = AddressVector { qkey: key, dest_mac: [1; 6], ..AddressVector::default() };
        assert_survives(Opcode::NOP, Body::Empty, false);
        assert_survives(Opcode::SEND, Body::Send(list.clone()), false);
        assert_survives(Opcode::SEND_IMMEDIATE, Body::Datagram(vector, list.clone()), true);
        assert_survives(Opcode::WRITE, Body::Remote(remote, list), false);
        let atomic = Atomic { swap_or_add: address, compare: 1 };
        assert_survives(Opcode::COMPARE_SWAP, Body::Atomic(remote, atomic, Data { length_bytes: 8, key, address }), false);
        assert_survives(Opcode::BIND_WINDOW, Body::Bind(Bind { window_key: key, ..Bind::default() }), false);
        assert_survives(Opcode::FAST_REGISTER, Body::FastRegister(FastRegister { key, ..FastRegister::default() }), false);
    }

    #[test]
    fn arbitrary_bytes_are_a_wqe_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..600), datagram: bool) {
        if let Ok(wqe) = SendWqe::decode(&bytes, datagram) {
            prop_assert!(usize::from(wqe.control.units) <= UNITS_MAX);
        }
        prop_assert!(decode_receive(&bytes).len() <= bytes.len() / Data::BYTES);
    }

    #[test]
    fn receive_wqes_survive(list in prop::collection::vec(data_segment(), 0..8)) {
        prop_assume!(list.iter().all(|segment| segment.key != END_KEY));
        let bytes = encode_receive(&list, 128);
        prop_assert_eq!(bytes.len(), 128);
        prop_assert_eq!(decode_receive(&bytes).to_vec(), list);
    }
}

#[test]
fn operations_that_a_datagram_cannot_do_are_refused() {
    let write =
        SendWqe { control: control(Opcode::WRITE), body: Body::Remote(RemoteAddress::default(), DataList::default()) };
    assert_eq!(SendWqe::decode(&write.encode(), true), Err(WqeError::Opcode(Opcode::WRITE)));
    let unknown = SendWqe { control: control(Opcode(0x7f)), body: Body::Empty };
    assert_eq!(SendWqe::decode(&unknown.encode(), false), Err(WqeError::Opcode(Opcode(0x7f))));
}

#[test]
fn a_read_has_no_inline_data() {
    let data = DataList::Inline(Bytes::from_static(b"no"));
    let read = SendWqe { control: control(Opcode::READ), body: Body::Remote(RemoteAddress::default(), data) };
    assert_eq!(SendWqe::decode(&read.encode(), false), Err(WqeError::Inline));
}

//! Opening, limits, extensions.

use crate::engine::Config;
use crate::engine::testing::Rig;
use crate::ndk::{AdapterFlags, Call, Guid, NdkVersion, Object, ObjectKind, Out, RdmaTechnology, Return, Status};

#[test]
fn opening_negotiates_and_fails_while_disabled() {
    let mut rig = Rig::new(Config { versions: vec![NdkVersion::V1_2], ..Config::default() });
    let adapter = rig.open(NdkVersion { major: 1, minor: 0 });
    assert_eq!((adapter.kind, adapter.version), (ObjectKind::Adapter, NdkVersion::V1_2));
    assert_eq!(rig.status(Call::OpenAdapter { version: NdkVersion::V2_0 }), Status::BAD_VERSION);
    rig.engine_mut().set_enabled(false);
    assert_eq!(rig.status(Call::OpenAdapter { version: NdkVersion::V1_1 }), Status::ADAPTER_NOT_READY);
    assert_eq!(rig.engine().open_adapters(), 1, "the disable waits for this one");
    rig.ok(Call::CloseAdapter { adapter });
    assert_eq!(rig.engine().open_adapters(), 0);
}

#[test]
fn the_limits_are_those_of_the_device_in_both_sizes() {
    let mut rig = Rig::new(Config::default());
    let adapter = rig.open(NdkVersion::V2_1);
    for buffer_bytes in [0, 95] {
        let returned = rig.call(Call::QueryAdapterInfo { adapter, buffer_bytes });
        assert_eq!(returned, Return { status: Status::BUFFER_TOO_SMALL, out: Out::NeededBytes(104) });
    }
    for (buffer_bytes, technology) in
        [(96, RdmaTechnology::Undefined), (103, RdmaTechnology::Undefined), (104, RdmaTechnology::RoceV2)]
    {
        let Out::Info(info) = rig.call(Call::QueryAdapterInfo { adapter, buffer_bytes }).out else {
            panic!("no limits");
        };
        assert_eq!((info.version, info.technology), (NdkVersion::V2_1, technology));
        assert_eq!((info.max_cq_depth, info.frmr_page_count, info.max_read_request_sge), (256, 64, 2));
        assert_eq!(info.max_window_bytes, info.max_registration_bytes);
        assert!(info.flags.contains(AdapterFlags::IN_ORDER_DMA_SUPPORTED | AdapterFlags::CQ_RESIZE_SUPPORTED));
        assert!(!info.flags.contains(AdapterFlags::LOOPBACK_CONNECTIONS_SUPPORTED));
    }
}

#[test]
fn no_extension_exists_on_any_object() {
    let mut rig = Rig::new(Config::default());
    let adapter = rig.open(NdkVersion::V1_2);
    let pd = rig.pd(adapter);
    let query = |object| Call::QueryExtension { object, interface: Guid([7; 16]), version: NdkVersion::V1_1 };
    for object in [adapter, pd] {
        assert_eq!(rig.status(query(object)), Status::NOT_SUPPORTED);
    }
    assert_eq!(rig.status(query(Object { id: 77, ..pd })), Status::INVALID_PARAMETER);
}

//! Regions, windows, tokens, mappings.

use crate::backend::WorkCompletion;
use crate::engine::testing::{MAPPED, Rig, done};
use crate::engine::{Config, Policy};
use crate::ndk::{
    Call, Completion, LogicalAddressMapping, MrFlags, NdkVersion, Object, OpFlags, Out, Return, Sge, Status,
};
use host::Mdl;

const OK: Status = Status::SUCCESS;

struct Memory {
    rig: Rig,
    adapter: Object,
    pd: Object,
    cq: Object,
    qp: Object,
    posted: u64,
}

fn memory_with(policy: Policy) -> Memory {
    let mut rig = Rig::new(Config { policy, ..Config::default() });
    let adapter = rig.open(NdkVersion::V1_2);
    let (pd, cq) = (rig.pd(adapter), rig.cq(adapter));
    let qp = rig.qp(pd, cq);
    rig.connected(adapter, qp, Rig::no_event());
    Memory { rig, adapter, pd, cq, qp, posted: 0 }
}

fn memory() -> Memory {
    memory_with(Policy::default())
}

/// Starts 0x123 bytes into its first page.
fn mdl() -> Mdl {
    Mdl { virtual_address: 0x1123, length_bytes: 7000, pages: vec![0x10_000, 0x20_000] }
}

impl Memory {
    fn mr(&mut self, fast_register: bool) -> Object {
        self.rig.create(Call::CreateMr { pd: self.pd, fast_register, completion: done(1) })
    }

    fn registered(&mut self, flags: MrFlags) -> Object {
        let mr = self.mr(false);
        self.rig.ok(Call::RegisterMr { mr, mdl: &mdl(), length_bytes: 7000, flags, completion: done(1) });
        mr
    }

    fn fast(&mut self, remote_access: bool) -> Object {
        let mr = self.mr(true);
        let adapter_page_count = 2;
        self.rig.ok(Call::InitializeFastRegisterMr { mr, adapter_page_count, remote_access, completion: done(1) });
        mr
    }

    fn window(&mut self) -> Object {
        self.rig.create(Call::CreateMw { pd: self.pd, completion: done(1) })
    }

    /// Posts, and lets the device end it so.
    fn post(&mut self, call: Call<'_>, end: Status) -> Status {
        let status = self.rig.status(call);
        if status == OK {
            let completion = self.rig.completion(self.qp, self.posted, end);
            self.rig.complete(self.cq, completion);
            assert_eq!(self.rig.contexts(self.cq).len(), 1);
            self.posted += 1;
        }
        status
    }

    fn bind(&mut self, mr: Object, mw: Object, range: (u64, u64), flags: OpFlags) -> Status {
        let (virtual_address, length_bytes) = range;
        self.post(Call::Bind { qp: self.qp, context: 0, mr, mw, virtual_address, length_bytes, flags }, OK)
    }

    fn register(&mut self, mr: Object, flags: OpFlags) -> Status {
        let pages = [0x10_000, 0x30_000];
        self.post(fast_register(self.qp, mr, &pages, (0x10, 8176, 0x7010), flags), OK)
    }

    fn token(&mut self, mr: Object) -> u32 {
        token(self.rig.call(Call::GetRemoteTokenFromMr { mr }))
    }

    fn window_token(&mut self, mw: Object) -> u32 {
        token(self.rig.call(Call::GetRemoteTokenFromMw { mw }))
    }
}

fn token(returned: Return) -> u32 {
    match returned.out {
        Out::Token(token) => token,
        other => panic!("no token: {other:?}"),
    }
}

fn fast_register(qp: Object, mr: Object, pages: &[u64], layout: (u32, u64, u64), flags: OpFlags) -> Call<'_> {
    let (first_byte_offset, length_bytes, base_virtual_address) = layout;
    let (context, adapter_pages) = (0, pages);
    Call::FastRegister { qp, context, mr, adapter_pages, first_byte_offset, length_bytes, base_virtual_address, flags }
}

#[test]
fn a_region_is_registered_deregistered_and_registered_again() {
    let mut memory = memory();
    let mr = memory.mr(false);
    assert_eq!(memory.token(mr), 0, "nothing is registered");
    let flags = MrFlags::ALLOW_REMOTE_WRITE;
    for _ in 0..2 {
        let buffer = mdl();
        let call = Call::RegisterMr { mr, mdl: &buffer, length_bytes: 7000, flags, completion: done(1) };
        memory.rig.ok(call);
        assert_ne!(memory.token(mr), 0);
        assert_ne!(token(memory.rig.call(Call::GetLocalTokenFromMr { mr })), 0);
        let again = Call::RegisterMr { mr, mdl: &buffer, length_bytes: 7000, flags, completion: done(1) };
        assert_eq!(memory.rig.status(again), Status::INVALID_DEVICE_STATE, "it is registered");
        memory.rig.ok(Call::DeregisterMr { mr, completion: done(1) });
        assert_eq!(memory.token(mr), 0);
        let again = Call::DeregisterMr { mr, completion: done(1) };
        assert_eq!(memory.rig.status(again), Status::INVALID_DEVICE_STATE);
    }
}

#[test]
fn bad_registrations_are_refused() {
    let mut memory = memory();
    let (mr, fast) = (memory.mr(false), memory.mr(true));
    let short = Mdl { pages: vec![0x10_000], ..mdl() };
    let huge = Mdl { virtual_address: 0, length_bytes: 1 << 21, pages: (0..512).map(|page| page << 12).collect() };
    let flags = MrFlags::ALLOW_LOCAL_WRITE;
    for (mr, buffer, length_bytes, flags, expected) in [
        (mr, &mdl(), 0, flags, Status::INVALID_PARAMETER),
        (mr, &mdl(), 7001, flags, Status::INVALID_PARAMETER),
        (mr, &mdl(), u64::MAX, flags, Status::INVALID_PARAMETER),
        (mr, &short, 7000, flags, Status::INVALID_PARAMETER),
        (mr, &huge, 1 << 21, flags, Status::INVALID_BUFFER_SIZE),
        (mr, &mdl(), 7000, MrFlags::from_bits_retain(0x4), Status::INVALID_PARAMETER),
        (mr, &mdl(), 7000, MrFlags::from_bits_retain(0x10), Status::INVALID_PARAMETER),
        (fast, &mdl(), 7000, flags, Status::INVALID_DEVICE_STATE),
        (mr, &mdl(), 7000, MrFlags::RDMA_READ_SINK, OK),
    ] {
        let call = Call::RegisterMr { mr, mdl: buffer, length_bytes, flags, completion: done(1) };
        assert_eq!(memory.rig.run(call).status, expected, "{length_bytes} bytes, {flags:?}");
    }
    let initialise = |mr, adapter_page_count| Call::InitializeFastRegisterMr {
        mr,
        adapter_page_count,
        remote_access: false,
        completion: done(1),
    };
    assert_eq!(memory.rig.status(initialise(fast, 65)), Status::IMPLEMENTATION_LIMIT);
    assert_eq!(memory.rig.status(initialise(mr, 2)), Status::INVALID_DEVICE_STATE);
    memory.rig.device().results.push_back(Err(Status::INSUFFICIENT_RESOURCES));
    assert_eq!(memory.rig.run(initialise(fast, 64)).status, Status::INSUFFICIENT_RESOURCES);
    memory.rig.ok(initialise(fast, 64));
}

#[test]
fn a_fast_registration_is_sound_or_refused() {
    let mut memory = memory();
    let mr = memory.fast(true);
    let (qp, none) = (memory.qp, OpFlags::empty());
    let pages = [0x10_000, 0x30_000, 0x50_000];
    for (count, layout, sound) in [
        (2, (0x10, 8176, 0x7010), true),
        (2, (0x10, 8177, 0x7010), false),
        (3, (0, 8192, 0x7000), false),
        (1, (0, 4097, 0x7000), false),
        (2, (0x10, 8176, 0x7000), false),
        (2, (4096, 4096, 0x7000), false),
        (2, (0, 0, 0x7000), false),
        (0, (0, 1, 0x7000), false),
        (2, (0, 8192, 0), true),
    ] {
        let status = memory.post(fast_register(qp, mr, &pages[..count], layout, none), OK);
        assert_eq!(status, if sound { OK } else { Status::INVALID_PARAMETER }, "{count} pages, {layout:?}");
    }
    let crooked = [0x10_001];
    let status = memory.post(fast_register(qp, mr, &crooked, (0, 1, 0x7000), none), OK);
    assert_eq!(status, Status::INVALID_PARAMETER);
    let plain = memory.registered(MrFlags::ALLOW_LOCAL_WRITE);
    let status = memory.post(fast_register(qp, plain, &pages[..1], (0, 1, 0x7000), none), OK);
    assert_eq!(status, Status::INVALID_DEVICE_STATE);
}

#[test]
fn remote_rights_need_remote_access() {
    for (flags, local_only) in [
        (OpFlags::ALLOW_LOCAL_WRITE, OK),
        (OpFlags::RDMA_READ_SINK, OK),
        (OpFlags::ALLOW_REMOTE_READ, Status::ACCESS_VIOLATION),
        (OpFlags::ALLOW_REMOTE_WRITE, Status::ACCESS_VIOLATION),
    ] {
        let mut memory = memory();
        let (local, remote) = (memory.fast(false), memory.fast(true));
        assert_eq!(memory.register(local, flags), local_only, "{flags:?}");
        assert_eq!(memory.register(remote, flags), OK);
    }
}

#[test]
fn tokens_change_with_each_use_or_not() {
    for new_token_per_use in [true, false] {
        let mut memory = memory_with(Policy { new_token_per_use, ..Policy::default() });
        let mr = memory.fast(true);
        let mut tokens = vec![memory.token(mr)];
        for _ in 0..300 {
            assert_eq!(memory.register(mr, OpFlags::ALLOW_REMOTE_READ), OK);
            tokens.push(memory.token(mr));
        }
        assert!(tokens.windows(2).all(|pair| (pair[0] != pair[1]) == new_token_per_use));
        assert!(tokens.iter().all(|token| token >> 8 == tokens[0] >> 8), "the low byte alone changes");
    }
}

#[test]
fn a_bind_must_lie_in_the_region_and_have_its_rights() {
    let mut memory = memory();
    let read_only = memory.registered(MrFlags::empty());
    let writable = memory.registered(MrFlags::ALLOW_LOCAL_WRITE);
    let unregistered = memory.mr(false);
    let mw = memory.window();
    let (read, write) = (OpFlags::ALLOW_REMOTE_READ, OpFlags::ALLOW_REMOTE_WRITE);
    let all = (0x1123, 7000);
    for (mr, range, flags, expected) in [
        (writable, all, write, OK),
        (writable, (0x1122, 10), read, Status::INVALID_PARAMETER),
        (writable, (0x1124, 7000), read, Status::INVALID_PARAMETER),
        (writable, (0x1124, u64::MAX), read, Status::INVALID_PARAMETER),
        (writable, all, OpFlags::ALLOW_LOCAL_WRITE, Status::INVALID_PARAMETER),
        (read_only, all, write, Status::ACCESS_VIOLATION),
        (read_only, all, read, OK),
        (unregistered, all, read, Status::INVALID_DEVICE_STATE),
    ] {
        assert_eq!(memory.bind(mr, mw, range, flags), expected, "{range:?}, {flags:?}");
    }
}

#[test]
fn a_bound_window_holds_its_region_until_it_is_let_go() {
    // How the window is let go: invalidated, bound elsewhere, invalidated by the peer, the bind failed.
    for case in 0..4 {
        let mut memory = memory();
        let (mr, other) =
            (memory.registered(MrFlags::ALLOW_LOCAL_WRITE), memory.registered(MrFlags::ALLOW_LOCAL_WRITE));
        let mw = memory.window();
        let before = memory.window_token(mw);
        let flags = OpFlags::ALLOW_REMOTE_WRITE;
        let (qp, virtual_address) = (memory.qp, 0x1123);
        let bind = Call::Bind { qp, context: 0, mr, mw, virtual_address, length_bytes: 10, flags };
        let end = if case == 3 { Status::ACCESS_VIOLATION } else { OK };
        if case != 3 {
            assert_eq!(memory.post(bind, end), OK);
            assert_ne!(memory.window_token(mw), before, "valid when the post returns");
            let deregister = Call::DeregisterMr { mr, completion: done(1) };
            assert_eq!(memory.rig.status(deregister), Status::DEVICE_BUSY);
        } else {
            assert_eq!(memory.post(bind, end), OK);
        }
        match case {
            0 => {
                let call = Call::Invalidate { qp, context: 0, target: mw, flags: OpFlags::empty() };
                assert_eq!(memory.post(call, OK), OK);
            }
            1 => assert_eq!(memory.bind(other, mw, (0x1123, 10), flags), OK),
            2 => {
                let sgl = [Sge { address: 1, length_bytes: 1, token: 1 }];
                assert_eq!(memory.rig.status(Call::Receive { qp, context: 0, sgl: &sgl }), OK);
                let token = memory.window_token(mw);
                let completion = memory.rig.completion(qp, 0, OK);
                let cq = memory.cq;
                memory.rig.complete(cq, WorkCompletion { receive: true, invalidated: Some(token), ..completion });
                assert_eq!(memory.rig.contexts(cq).len(), 1);
            }
            _ => {}
        }
        memory.rig.ok(Call::DeregisterMr { mr, completion: done(1) });
        memory.rig.close(mr);
    }
}

#[test]
fn invalidation_is_for_windows_and_fast_regions() {
    let mut memory = memory();
    let (plain, fast) = (memory.registered(MrFlags::ALLOW_LOCAL_WRITE), memory.fast(true));
    let (qp, cq) = (memory.qp, memory.cq);
    let invalidate = |target| Call::Invalidate { qp, context: 0, target, flags: OpFlags::empty() };
    assert_eq!(memory.rig.status(invalidate(plain)), Status::INVALID_PARAMETER);
    assert_eq!(memory.rig.status(invalidate(cq)), Status::INVALID_PARAMETER);
    assert_eq!(memory.register(fast, OpFlags::ALLOW_REMOTE_READ), OK);
    assert_eq!(memory.post(invalidate(fast), OK), OK);
    let mw = memory.window();
    let (flags, length_bytes) = (OpFlags::ALLOW_REMOTE_READ, 1);
    let bind = Call::Bind { qp, context: 0, mr: fast, mw, virtual_address: 0x7010, length_bytes, flags };
    assert_eq!(memory.rig.status(bind), Status::INVALID_DEVICE_STATE, "it is not registered any more");
    assert_eq!(memory.register(fast, OpFlags::ALLOW_REMOTE_READ), OK, "it can be registered again");
    memory.rig.device().capabilities.invalidate = false;
    assert_eq!(memory.rig.status(invalidate(fast)), Status::NOT_SUPPORTED);
}

#[test]
fn windows_are_made_where_there_are_any() {
    let mut memory = memory();
    memory.rig.device().capabilities.memory_windows = false;
    let pd = memory.pd;
    assert_eq!(memory.rig.status(Call::CreateMw { pd, completion: done(1) }), Status::NOT_SUPPORTED);
}

#[test]
fn a_mapping_lists_the_pages_and_is_given_back() {
    let mut memory = memory();
    let adapter = memory.adapter;
    let (buffer, completion) = (mdl(), done(1));
    let build = |lam_bytes, length_bytes| Call::BuildLam { adapter, mdl: &buffer, length_bytes, lam_bytes, completion };
    let short = memory.rig.call(build(31, 7000));
    assert_eq!(short, Return { status: Status::BUFFER_TOO_SMALL, out: Out::NeededBytes(32) });
    let Out::Lam(lam) = memory.rig.run(build(32, 7000)).out else { panic!("no mapping") };
    let pages: Vec<u64> = mdl().pages.iter().map(|page| page + MAPPED).collect();
    assert_eq!((lam.first_byte_offset, &lam.adapter_pages), (0x123, &pages));
    let Out::Lam(first) = memory.rig.run(build(24, 4096 - 0x123)).out else { panic!("no mapping") };
    assert_eq!(first.adapter_pages, [0x10_000 + MAPPED], "only the pages that are used");
    assert_eq!(memory.rig.status(build(64, 7001)), Status::INVALID_PARAMETER);
    let kept = |memory: &mut Memory| memory.rig.engine_mut().objects.adapter_mut(adapter.id).lams.len();
    let changed = LogicalAddressMapping { adapter_pages: vec![], ..lam.clone() };
    assert_eq!(memory.rig.status(Call::ReleaseLam { adapter, lam: &changed }), OK, "a void function");
    assert_eq!(kept(&mut memory), 2);
    memory.rig.call(Call::ReleaseLam { adapter, lam: &lam });
    memory.rig.call(Call::ReleaseLam { adapter, lam: &lam });
    assert_eq!(kept(&mut memory), 1);
    // Without a completion the result is inline, whatever the style.
    let completion = Completion { callback: None, context: 0 };
    let call = Call::BuildLam { adapter, mdl: &buffer, length_bytes: 7000, lam_bytes: 64, completion };
    assert!(matches!(memory.rig.call(call), Return { status: OK, out: Out::Lam(_) }));
    assert_eq!(memory.rig.device().mapped, 2, "one was given back");
}

#[test]
fn what_nobody_gives_back_is_unmapped_with_the_adapter() {
    let mut rig = Rig::new(Config::default());
    let adapter = rig.open(NdkVersion::V1_2);
    let (buffer, length_bytes, lam_bytes) = (mdl(), 7000, 64);
    for _ in 0..3 {
        let build = Call::BuildLam { adapter, mdl: &buffer, length_bytes, lam_bytes, completion: done(1) };
        assert!(matches!(rig.run(build).out, Out::Lam(_)));
    }
    assert_eq!(rig.device().mapped, 3);
    assert_eq!(rig.status(Call::CloseAdapter { adapter }), OK);
    assert_eq!(rig.device().mapped, 0);
}

#[test]
fn the_privileged_token_is_the_device_s() {
    let mut memory = memory();
    let pd = memory.pd;
    assert_eq!(token(memory.rig.call(Call::GetPrivilegedToken { pd })), 0x77);
    memory.rig.device().capabilities.privileged_key = None;
    assert_eq!(token(memory.rig.call(Call::GetPrivilegedToken { pd })), 0);
}

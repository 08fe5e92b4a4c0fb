//! Checker over faults over the fake, and the hands of a consumer.

use crate::fake::{Fake, Style};
use des::Time;
use host::Mdl;
use provider::check::{Checked, Settings};
use provider::fault::{FaultLayer, Row, RowReport};
use provider::ndk::{
    Answer, Call, CallSite, Callback, Completion, Irql, NdkProvider, NdkVersion, Object, Out, Return, Status, Upcall,
    UpcallBody,
};

pub(crate) struct Stand {
    provider: Checked<FaultLayer<Fake>>,
    pub(crate) site: CallSite,
}

pub(crate) fn done(context: u64) -> Completion {
    Completion { callback: Some(Callback(1)), context }
}

pub(crate) fn mdl() -> Mdl {
    Mdl { virtual_address: 0x10_0000, length_bytes: 8192, pages: vec![0x4000, 0x9000] }
}

impl Stand {
    pub(crate) fn new(style: Style, rows: Vec<Row>, seed: u64) -> Self {
        let layer = FaultLayer::new(Fake::new(style), rows, seed, "test");
        let site = CallSite { now: Time::ZERO, processor: 0, level: Irql::Passive, inside: None, inline: false };
        Self { provider: Checked::new(layer, Settings::default()), site }
    }

    pub(crate) fn fake(&self) -> &Fake {
        self.provider.inner().inner()
    }

    pub(crate) fn reports(&self) -> Vec<RowReport> {
        self.provider.inner().reports()
    }

    pub(crate) fn call(&mut self, call: Call<'_>) -> Answer {
        self.provider.call(&mut (), &self.site, call)
    }

    pub(crate) fn returned(&mut self, call: Call<'_>) -> Return {
        match self.call(call) {
            Answer::Returned(returned) => returned,
            Answer::Blocks(call) => panic!("{call:?} blocks"),
        }
    }

    pub(crate) fn status(&mut self, call: Call<'_>) -> Status {
        self.returned(call).status
    }

    pub(crate) fn take(&mut self) -> Option<Upcall> {
        self.provider.next_upcall()
    }

    pub(crate) fn leave(&mut self, upcall: &Upcall) {
        self.provider.upcall_returned(&mut (), self.site.now, upcall.token);
    }

    /// All callbacks that are due; they return at once, in order.
    pub(crate) fn run(&mut self) -> Vec<Upcall> {
        let mut seen = Vec::new();
        while let Some(upcall) = self.take() {
            self.leave(&upcall);
            seen.push(upcall);
        }
        seen
    }

    /// Goes on to the next deadline, if there is one.
    pub(crate) fn wake(&mut self) -> bool {
        let Some(at) = self.provider.next_deadline() else { return false };
        self.site.now = self.site.now.max(at);
        self.provider.wake(&mut (), self.site.now);
        true
    }

    pub(crate) fn deadline(&self) -> Option<Time> {
        self.provider.next_deadline()
    }

    /// Opens the adapter, again and again if the plan will not have it.
    pub(crate) fn open(&mut self) -> Object {
        loop {
            if let Out::Object(adapter) = self.returned(Call::OpenAdapter { version: NdkVersion::V1_2 }).out {
                return adapter;
            }
        }
    }

    pub(crate) fn pd_call(adapter: Object, context: u64) -> Call<'static> {
        Call::CreatePd { adapter, completion: done(context) }
    }

    /// Ends the run and wants it without findings, and the fake empty and never confused.
    pub(crate) fn assert_sound(&mut self, what: &str) {
        let now = self.site.now;
        let findings: Vec<String> =
            self.provider.finish_quiescent(&mut (), now).iter().map(ToString::to_string).collect();
        assert!(findings.is_empty(), "{what}: {}", findings.join("\n"));
        assert_eq!(self.fake().confused, Vec::<String>::new(), "{what}");
        assert_eq!(self.fake().live(), 0, "{what}: something was left below");
    }
}

/// The object and status of a create completion.
pub(crate) fn created(upcall: &Upcall) -> (Status, Option<Object>) {
    match upcall.body {
        UpcallBody::CreateCompletion { status, object } => (status, object),
        ref other => panic!("no create completion: {other:?}"),
    }
}

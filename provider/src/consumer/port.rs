//! What a consumer needs of its node.

use crate::ndk::{Answer, Call};
use des::Time;
use host::HostMemory;

/// The node under a consumer: the provider to call, memory to keep data in, and a clock.
pub trait Port: Send + Sync {
    /// Calls the provider. Callbacks that run inside the call have run when it returns.
    fn call(&self, call: Call<'_>) -> Answer;

    /// The moment at the processor that runs the consumer.
    fn now(&self) -> Time;

    /// Lends the node's memory, settled up to now.
    fn with_memory(&self, access: &mut dyn FnMut(&mut HostMemory));

    /// Asks for the runtime to be run at `at`, for its timers.
    fn wake_at(&self, at: Time);
}

//! `[planted]`: a bug on purpose, to see that it is found.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[planted]`: every node's provider, every consumer or the network has this bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Planted {
    /// Which.
    pub bug: Bug,
}

/// A mistake that shows only when something else goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Bug {
    /// A creation that pends and fails completes twice.
    FailureCompletesTwice,
    /// A creation that fails at once completes as well.
    InlineFailureCompletes,
    /// A creation that pends and fails never completes.
    FailureNeverCompletes,
    /// A creation that pends and fails completes with SUCCESS, and without an object.
    FailureSaysSuccess,
    /// The creation that completes after a failed one completes with another context.
    ContextLostAfterFailure,
    /// After two failed creations the next one never completes.
    WedgedAfterTwoFailures,
    /// A completion later than 100 us after the call is lost.
    LateCompletionLost,
    /// A completion later than 100 us after the call comes twice.
    LateCompletionRepeated,
    /// A request that fails at once pends for ever.
    RequestFailurePends,
    /// A completion on another processor than the first comes twice.
    OtherProcessorRepeats,
    /// After a call of the consumer's has failed, it never closes the next object that is to be closed.
    ObjectForgottenAfterFailure,
    /// After a call of the consumer's has failed, it closes the next object twice.
    ClosedTwiceAfterFailure,
    /// After a call of the consumer's has failed, it forgets the next result that it takes from a CQ.
    ResultForgottenAfterFailure,
    /// After a call of the consumer's has failed, it posts the buffer of the next receive twice.
    BufferPostedTwiceAfterFailure,
    /// After a frame was lost, the next one from a node vanishes.
    FrameVanishesAfterLoss,
    /// After a frame was lost, the next one from a node has a wrong pad count.
    FrameGarbledAfterLoss,
}

impl Bug {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::FailureCompletesTwice,
        Self::InlineFailureCompletes,
        Self::FailureNeverCompletes,
        Self::FailureSaysSuccess,
        Self::ContextLostAfterFailure,
        Self::WedgedAfterTwoFailures,
        Self::LateCompletionLost,
        Self::LateCompletionRepeated,
        Self::RequestFailurePends,
        Self::OtherProcessorRepeats,
        Self::ObjectForgottenAfterFailure,
        Self::ClosedTwiceAfterFailure,
        Self::ResultForgottenAfterFailure,
        Self::BufferPostedTwiceAfterFailure,
        Self::FrameVanishesAfterLoss,
        Self::FrameGarbledAfterLoss,
    ];

    /// The name in a scenario file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::FailureCompletesTwice => "failure-completes-twice",
            Self::InlineFailureCompletes => "inline-failure-completes",
            Self::FailureNeverCompletes => "failure-never-completes",
            Self::FailureSaysSuccess => "failure-says-success",
            Self::ContextLostAfterFailure => "context-lost-after-failure",
            Self::WedgedAfterTwoFailures => "wedged-after-two-failures",
            Self::LateCompletionLost => "late-completion-lost",
            Self::LateCompletionRepeated => "late-completion-repeated",
            Self::RequestFailurePends => "request-failure-pends",
            Self::OtherProcessorRepeats => "other-processor-repeats",
            Self::ObjectForgottenAfterFailure => "object-forgotten-after-failure",
            Self::ClosedTwiceAfterFailure => "closed-twice-after-failure",
            Self::ResultForgottenAfterFailure => "result-forgotten-after-failure",
            Self::BufferPostedTwiceAfterFailure => "buffer-posted-twice-after-failure",
            Self::FrameVanishesAfterLoss => "frame-vanishes-after-loss",
            Self::FrameGarbledAfterLoss => "frame-garbled-after-loss",
        }
    }

    /// Who has it: `consumer`, `provider` or `wire`.
    #[must_use]
    pub const fn side(self) -> &'static str {
        if self.is_consumers() {
            "consumer"
        } else if self.is_wires() {
            "wire"
        } else {
            "provider"
        }
    }

    pub(crate) const fn is_consumers(self) -> bool {
        matches!(
            self,
            Self::ObjectForgottenAfterFailure
                | Self::ClosedTwiceAfterFailure
                | Self::ResultForgottenAfterFailure
                | Self::BufferPostedTwiceAfterFailure
        )
    }

    pub(crate) const fn is_wires(self) -> bool {
        matches!(self, Self::FrameVanishesAfterLoss | Self::FrameGarbledAfterLoss)
    }

    pub(crate) const fn is_providers(self) -> bool {
        !self.is_consumers() && !self.is_wires()
    }
}

//! `[planted]`: a bug on purpose, to see that it is found.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[planted]`: every node's provider has this bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Planted {
    /// Which.
    pub bug: Bug,
}

/// A mistake in a provider that shows only when something else goes wrong.
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
}

impl Bug {
    /// All of them.
    pub const ALL: [Self; 10] = [
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
        }
    }
}

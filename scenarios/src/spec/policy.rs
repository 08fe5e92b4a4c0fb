//! `[provider.policy]`: what the provider does where the contract leaves it open. Every key is a field of
//! [`provider::engine::Policy`], which explains it; what is absent is as there by default.

use super::text;
use provider::engine;
use provider::ndk::Status;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// See [`engine::PostAfterEnd`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PostAfterEnd {
    /// It is accepted, and completes CANCELLED.
    Flushed,
    /// CONNECTION_INVALID.
    Refused,
}

/// See [`engine::SrqStart`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SrqStart {
    /// Notifies once it was filled to the threshold and fell below.
    WhenFilled,
    /// Notifies at once.
    AtOnce,
    /// Does nothing until a modify arms it.
    NeedsModify,
}

/// See [`engine::CloseConnected`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CloseConnected {
    /// As by a disconnect, then a flush.
    Disconnect,
    /// By a flush alone.
    Abort,
}

impl From<PostAfterEnd> for engine::PostAfterEnd {
    fn from(choice: PostAfterEnd) -> Self {
        match choice {
            PostAfterEnd::Flushed => Self::Flushed,
            PostAfterEnd::Refused => Self::Refused,
        }
    }
}

impl From<SrqStart> for engine::SrqStart {
    fn from(choice: SrqStart) -> Self {
        match choice {
            SrqStart::WhenFilled => Self::WhenFilled,
            SrqStart::AtOnce => Self::AtOnce,
            SrqStart::NeedsModify => Self::NeedsModify,
        }
    }
}

impl From<CloseConnected> for engine::CloseConnected {
    fn from(choice: CloseConnected) -> Self {
        match choice {
            CloseConnected::Disconnect => Self::Disconnect,
            CloseConnected::Abort => Self::Abort,
        }
    }
}

macro_rules! policy {
    (statuses: $($status:ident)*; ignorable: $($ignorable:ident)*; others: $($other:ident: $type:ty)*;) => {
        /// `[provider.policy]`.
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields, default)]
        pub struct Policy {
            $(
                /// A status: see the field of that name.
                #[serde(with = "text::option", skip_serializing_if = "Option::is_none")]
                #[schemars(with = "Option<text::Spelled<Status>>")]
                pub $status: Option<Status>,
            )*
            $(
                /// A status; STATUS_SUCCESS lets it pass. See the field of that name.
                #[serde(with = "text::option", skip_serializing_if = "Option::is_none")]
                #[schemars(with = "Option<text::Spelled<Status>>")]
                pub $ignorable: Option<Status>,
            )*
            $(
                /// See the field of that name.
                #[serde(skip_serializing_if = "Option::is_none")]
                pub $other: Option<$type>,
            )*
        }

        impl Policy {
            /// The engine's policy with these choices.
            #[must_use]
            pub fn chosen(&self) -> engine::Policy {
                let mut policy = engine::Policy::default();
                $(if let Some(status) = self.$status { policy.$status = status; })*
                $(if let Some(status) = self.$ignorable {
                    policy.$ignorable = (!status.is_success_class()).then_some(status);
                })*
                $(if let Some(choice) = self.$other { policy.$other = choice.into(); })*
                policy
            }

            /// These choices, and where there is none those of `general`.
            #[must_use]
            pub fn over(&self, general: &Self) -> Self {
                Self {
                    $($status: self.$status.or(general.$status),)*
                    $($ignorable: self.$ignorable.or(general.$ignorable),)*
                    $($other: self.$other.or(general.$other),)*
                }
            }

            /// The keys, in the order of the file.
            pub const KEYS: &'static [&'static str] =
                &[$(stringify!($status),)* $(stringify!($ignorable),)* $(stringify!($other),)*];
        }
    };
}

policy! {
    statuses: no_such_object later_version cancelled queue_full too_many_sges too_many_bytes receive_beside_srq does_not_fit
        not_connected already_associated qp_in_use wrong_state private_data_too_long no_loopback registration_too_long;
    ignorable: unknown_flags window_is_bound;
    others: older_major_opens: bool inline_write: bool zero_based_registration: bool post_after_end: PostAfterEnd
        post_after_disconnect: PostAfterEnd results_after_qp_close: bool old_entries_satisfy_arm: bool
        error_entries_satisfy_errors: bool bytes_of_non_receives: u32 srq_start: SrqStart serialise_connect_events: bool
        retry_connect: bool connection_data_any_time: bool close_connected: CloseConnected new_token_per_use: bool
        token_of_nothing: u32;
}

impl Policy {
    /// Whether everything is as by default.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_chosen_is_the_default_and_every_choice_arrives() {
        assert_eq!(Policy::default().chosen(), engine::Policy::default());
        let text = "queue_full = \"STATUS_INSUFFICIENT_RESOURCES\"\nunknown_flags = \"STATUS_SUCCESS\"\n\
                    srq_start = \"at-once\"\ninline_write = false\ntoken_of_nothing = 7\n";
        let policy: Policy = toml::from_str(text).expect("five choices");
        let expected = engine::Policy {
            queue_full: Status::INSUFFICIENT_RESOURCES,
            unknown_flags: None,
            srq_start: engine::SrqStart::AtOnce,
            inline_write: false,
            token_of_nothing: 7,
            ..engine::Policy::default()
        };
        assert_eq!(policy.chosen(), expected);
        assert_eq!(toml::from_str(&toml::to_string(&policy).expect("a table")), Ok(policy));
    }

    /// A field added to the engine's policy is to be added here.
    #[test]
    fn every_open_point_can_be_chosen() {
        let all = format!("{:#?}", engine::Policy::default());
        let fields: Vec<&str> = all
            .lines()
            .filter(|line| line.starts_with("    ") && !line.starts_with("     "))
            .filter_map(|line| line.trim().split_once(':'))
            .map(|(field, _)| field)
            .collect();
        assert!(fields.len() >= 32, "{fields:?}");
        assert!(fields.iter().all(|field| Policy::KEYS.contains(field)), "{fields:?}");
        for page in [include_str!("../../../docs/FAULTS.md"), include_str!("../../../docs/CONFORMANCE.md")] {
            assert!(Policy::KEYS.iter().all(|key| page.contains(&format!("`{key}`"))), "both pages list every key");
        }
    }
}

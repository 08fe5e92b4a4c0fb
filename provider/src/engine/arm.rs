//! The arm of a completion queue as a state machine (section 3.8 of the NDKPI reference; NDKPI completion handling
//! requirements, `NdkArmCq` page).

use crate::ndk::{CqNotify, Status};

/// What an arm waits for. The order is the table of merged arms: the stronger of two wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Strength {
    Errors,
    Solicited,
    Any,
}

impl From<CqNotify> for Strength {
    /// A type that the contract does not know is taken as ANY, so that the consumer hears of it.
    fn from(notify: CqNotify) -> Self {
        match notify {
            CqNotify::ERRORS => Self::Errors,
            CqNotify::SOLICITED => Self::Solicited,
            _ => Self::Any,
        }
    }
}

/// What is to be done after an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Nothing,
    /// Ask the device for an event.
    AskDevice(Strength),
    /// Call the consumer back.
    Notify(Status),
}

/// The arm, the notification that runs, and the queue's death.
#[derive(Clone, Debug, Default)]
pub(super) struct Arm {
    armed: Option<Strength>,
    /// The arm is satisfied, but a notification runs.
    satisfied: bool,
    running: bool,
    failure: Option<Status>,
    failure_told: bool,
}

impl Arm {
    /// The arm in force.
    pub(super) fn armed(&self) -> Option<Strength> {
        self.armed
    }

    /// What the arm in force would be after one more.
    pub(super) fn merged(&self, with: Strength) -> Strength {
        self.armed.map_or(with, |armed| armed.max(with))
    }

    pub(super) fn failed(&self) -> bool {
        self.failure.is_some()
    }

    /// Whether the consumer has been told that the queue is dead: nothing comes out of it any more.
    pub(super) fn failure_told(&self) -> bool {
        self.failure_told
    }

    /// The consumer arms. `present`: an entry is there that satisfies the merged arm.
    pub(super) fn arm(&mut self, strength: Strength, present: bool) -> Action {
        if self.failure_told {
            return Action::Nothing;
        }
        let before = self.armed.replace(self.merged(strength));
        if present || self.failed() {
            self.satisfy()
        } else if self.armed > before && !self.satisfied {
            Action::AskDevice(self.merged(strength))
        } else {
            Action::Nothing
        }
    }

    /// What the arm waits for has come. Without an arm it is a late event of the device.
    pub(super) fn satisfy(&mut self) -> Action {
        if self.armed.is_none() {
            return Action::Nothing;
        }
        self.satisfied = true;
        if self.running { Action::Nothing } else { self.notify() }
    }

    /// The notification has returned.
    pub(super) fn returned(&mut self) -> Action {
        self.running = false;
        if self.satisfied { self.notify() } else { Action::Nothing }
    }

    /// The queue is dead. The consumer hears of it as soon as it is armed, once.
    pub(super) fn fail(&mut self, status: Status) -> Action {
        self.failure.get_or_insert(status);
        self.satisfy()
    }

    fn notify(&mut self) -> Action {
        self.armed = None;
        self.satisfied = false;
        self.running = true;
        self.failure_told = self.failed();
        Action::Notify(self.failure.unwrap_or(Status::SUCCESS))
    }
}

#[cfg(test)]
mod tests {
    use super::Strength::{Any, Errors, Solicited};
    use super::*;

    const NOTIFY: Action = Action::Notify(Status::SUCCESS);

    #[test]
    fn a_second_arm_merges_by_the_table() {
        for (first, second, merged) in [
            (Any, Any, Any),
            (Any, Errors, Any),
            (Any, Solicited, Any),
            (Errors, Any, Any),
            (Errors, Errors, Errors),
            (Errors, Solicited, Solicited),
            (Solicited, Any, Any),
            (Solicited, Errors, Solicited),
            (Solicited, Solicited, Solicited),
        ] {
            let mut arm = Arm::default();
            assert_eq!(arm.arm(first, false), Action::AskDevice(first));
            let asked = if merged > first { Action::AskDevice(merged) } else { Action::Nothing };
            assert_eq!(arm.arm(second, false), asked, "{first:?} then {second:?}");
            assert_eq!(arm.armed(), Some(merged));
            assert_eq!(arm.satisfy(), NOTIFY);
            assert_eq!(arm.satisfy(), Action::Nothing, "one notification for both");
            assert_eq!(arm.returned(), Action::Nothing);
        }
    }

    #[test]
    fn without_an_arm_nothing_is_told() {
        let mut arm = Arm::default();
        assert_eq!(arm.satisfy(), Action::Nothing);
        assert_eq!(arm.fail(Status::BUFFER_OVERFLOW), Action::Nothing);
        assert_eq!(arm.arm(Errors, false), Action::Notify(Status::BUFFER_OVERFLOW), "the failure waited for the arm");
        assert_eq!(arm.returned(), Action::Nothing);
        assert_eq!(arm.arm(Any, true), Action::Nothing, "a failure is told once");
    }

    #[test]
    fn arming_inside_the_callback_waits_for_its_return() {
        let mut arm = Arm::default();
        assert_eq!(arm.arm(Any, true), NOTIFY, "an entry is there: at once");
        assert_eq!(arm.arm(Any, true), Action::Nothing, "the callback runs");
        assert_eq!(arm.arm(Solicited, true), Action::Nothing);
        assert_eq!(arm.returned(), NOTIFY, "right after it, once");
        assert_eq!(arm.arm(Solicited, false), Action::AskDevice(Solicited));
        assert_eq!(arm.satisfy(), Action::Nothing, "the device was fast, the callback still runs");
        assert_eq!(arm.returned(), NOTIFY);
        assert_eq!(arm.returned(), Action::Nothing);
    }

    #[test]
    fn a_failure_takes_the_place_of_what_waits() {
        let mut arm = Arm::default();
        assert_eq!(arm.arm(Any, true), NOTIFY);
        assert_eq!(arm.arm(Any, true), Action::Nothing);
        assert_eq!(arm.fail(Status::INTERNAL_ERROR), Action::Nothing);
        assert_eq!(arm.returned(), Action::Notify(Status::INTERNAL_ERROR));
    }
}

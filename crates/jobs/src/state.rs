//! States of a job and the one table of its transitions.

use std::fmt;
use std::str::FromStr;

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    /// Waits to be claimed, not before its time.
    Pending,
    /// Waits for people.
    AwaitingApproval,
    /// Waits for a certificate signing request; an agent may hold a lease on it meanwhile.
    AwaitingCsr,
    /// Leased; work has not begun.
    Claimed,
    /// Leased and worked on.
    Running,
    /// Ordered; the issuer is asked again at the job's time. Leased while it is asked.
    AwaitingIssuer,
    /// Done.
    Succeeded,
    /// Ended without success; its error says why.
    Failed,
    /// Nobody answered in time.
    Expired,
    /// Called off.
    Cancelled,
}

impl State {
    /// All states.
    pub const ALL: [Self; 10] = [
        Self::Pending,
        Self::AwaitingApproval,
        Self::AwaitingCsr,
        Self::Claimed,
        Self::Running,
        Self::AwaitingIssuer,
        Self::Succeeded,
        Self::Failed,
        Self::Expired,
        Self::Cancelled,
    ];

    /// Those of a job that has not ended.
    pub const OPEN: [Self; 6] =
        [Self::Pending, Self::AwaitingApproval, Self::AwaitingCsr, Self::Claimed, Self::Running, Self::AwaitingIssuer];

    /// Whether a job may go from this state to `next`. A state does not become itself.
    pub fn may_become(self, next: Self) -> bool {
        self.successors().contains(&next)
    }

    /// The transition table.
    pub fn successors(self) -> &'static [Self] {
        use State::{
            AwaitingApproval, AwaitingCsr, AwaitingIssuer, Cancelled, Claimed, Expired, Failed, Pending, Running,
            Succeeded,
        };
        match self {
            Pending => &[Claimed, Failed, Expired, Cancelled],
            AwaitingApproval => &[Pending, AwaitingCsr, Failed, Expired, Cancelled],
            AwaitingCsr => &[Running, Pending, Failed, Expired, Cancelled],
            Claimed => &[Running, Pending, AwaitingApproval, AwaitingCsr, AwaitingIssuer, Succeeded, Failed, Cancelled],
            Running => &[Pending, AwaitingApproval, AwaitingCsr, AwaitingIssuer, Succeeded, Failed, Cancelled],
            AwaitingIssuer => &[Running, Pending, Succeeded, Failed, Cancelled],
            Succeeded | Failed | Expired | Cancelled => &[],
        }
    }

    /// Whether the job has ended for good.
    pub fn is_terminal(self) -> bool {
        self.successors().is_empty()
    }

    /// The word in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::AwaitingApproval => "awaiting_approval",
            Self::AwaitingCsr => "awaiting_csr",
            Self::Claimed => "claimed",
            Self::Running => "running",
            Self::AwaitingIssuer => "awaiting_issuer",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

impl FromStr for State {
    type Err = UnknownState;

    fn from_str(word: &str) -> Result<Self, UnknownState> {
        Self::ALL.into_iter().find(|state| state.as_str() == word).ok_or_else(|| UnknownState(word.to_owned()))
    }
}

/// A word that is no state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no state of a job")]
pub struct UnknownState(String);

/// States that each kind of change may leave, as SQL names them. The test below holds them against the table.
pub(crate) mod from {
    /// A lease that has ended with a result.
    pub(crate) const WORKED_ON: &[&str] = &["claimed", "running", "awaiting_issuer"];
    /// A lease that has failed, including one that only waited for a request.
    pub(crate) const LEASED: &[&str] = &["claimed", "running", "awaiting_issuer", "awaiting_csr"];
    pub(crate) const TO_RUNNING: &[&str] = &["claimed", "awaiting_csr", "awaiting_issuer"];
    pub(crate) const TO_AWAITING: &[&str] = &["claimed", "running"];
    pub(crate) const TO_RELEASED: &[&str] = &["claimed", "running"];
    pub(crate) const AWAITING_APPROVAL: &[&str] = &["awaiting_approval"];
    pub(crate) const AWAITING_CSR: &[&str] = &["awaiting_csr"];
    pub(crate) const AWAITING_ISSUER: &[&str] = &["awaiting_issuer"];
    /// Nobody works on it.
    pub(crate) const IDLE: &[&str] = &["pending", "awaiting_approval", "awaiting_csr", "awaiting_issuer"];
    /// It has not ended.
    pub(crate) const OPEN: &[&str] =
        &["pending", "awaiting_approval", "awaiting_csr", "claimed", "running", "awaiting_issuer"];
    pub(crate) const TO_EXPIRED: &[&str] = &["pending", "awaiting_approval", "awaiting_csr"];
}

#[cfg(test)]
mod tests {
    use super::{State, from};

    #[track_caller]
    fn check(words: &[&str], next: State) {
        for word in words {
            let state: State = word.parse().expect("a state");
            assert!(state.may_become(next), "{state} must not become {next}");
        }
    }

    #[test]
    fn sql_names_only_states_that_the_table_lets_go() {
        check(from::WORKED_ON, State::Succeeded);
        check(from::LEASED, State::Failed);
        check(from::LEASED, State::Pending);
        check(from::TO_RUNNING, State::Running);
        check(from::TO_AWAITING, State::AwaitingApproval);
        check(from::TO_AWAITING, State::AwaitingCsr);
        check(from::TO_AWAITING, State::AwaitingIssuer);
        check(from::TO_RELEASED, State::Pending);
        check(from::AWAITING_APPROVAL, State::Pending);
        check(from::AWAITING_APPROVAL, State::AwaitingCsr);
        check(from::AWAITING_CSR, State::Running);
        check(from::IDLE, State::Failed);
        check(from::IDLE, State::Cancelled);
        check(from::TO_EXPIRED, State::Expired);
    }

    #[test]
    fn what_is_open_is_what_has_not_ended() {
        let open: Vec<State> = State::ALL.into_iter().filter(|state| !state.is_terminal()).collect();
        assert_eq!(open, State::OPEN);
        assert_eq!(from::OPEN, State::OPEN.map(State::as_str));
    }

    #[test]
    fn words_read_back() {
        for state in State::ALL {
            assert_eq!(state.as_str().parse(), Ok(state));
        }
        assert!("Pending".parse::<State>().is_err());
    }

    #[test]
    fn only_ends_have_no_way_on() {
        let ends: Vec<State> = State::ALL.into_iter().filter(|state| state.is_terminal()).collect();
        assert_eq!(ends, [State::Succeeded, State::Failed, State::Expired, State::Cancelled]);
    }
}

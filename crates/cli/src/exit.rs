//! Exit codes: what a script reads.

use std::fmt::Write as _;

macro_rules! exits {
    ($($name:ident $code:literal $meaning:literal,)*) => {
        /// How the program ended. The numbers are a contract.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Exit { $(#[doc = $meaning] $name,)* }

        impl Exit {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The number.
            #[must_use]
            pub fn code(self) -> u8 {
                match self { $(Self::$name => $code,)* }
            }

            /// What it means.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$name => $meaning,)* }
            }
        }
    };
}

exits! {
    Ok 0 "all went well",
    Failure 1 "it failed, for none of the reasons below",
    Usage 2 "the command line, a setting or a file it names cannot be used",
    NotAuthenticated 3 "no credential, or one that is not valid",
    Forbidden 4 "the credential is valid and not enough",
    NotFound 5 "there is no such thing",
    Unconfirmed 6 "a confirmation was needed and not given",
    Conflict 7 "state, version or dependencies do not allow it",
    Invalid 8 "the server understood the request and rejected it",
    Partial 9 "some of what was asked for was done",
    TimedOut 10 "waiting took too long; the work goes on",
    Unavailable 11 "the server, or the way to it, is down",
    RateLimited 12 "too many requests",
    Finding 20 "a check found something",
    Interrupted 130 "interrupted",
}

/// The table that `certctl help exit-codes` prints.
pub(crate) fn table() -> String {
    let mut text = "Exit codes\n".to_owned();
    for exit in Exit::ALL {
        // Writing to a string does not fail.
        let _ = writeln!(text, "  {:>3}  {}", exit.code(), exit.meaning());
    }
    text
}

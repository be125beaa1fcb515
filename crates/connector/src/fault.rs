//! Failpoints: named instants at which a crash test ends the process as a power cut would.
//!
//! A room that promises to survive `kill -9` lists its steps in an enum ([`instants!`](crate::instants)) and calls [`point`]
//! with the name of each. Without the cargo feature `faults` the call compiles to nothing, so no shipped binary can be told to
//! kill itself.

/// Declares the enum of a room's instants from one list, so that `ALL`, at each of which a crash test kills, leaves none out.
#[macro_export]
macro_rules! instants {
    ($(#[$about:meta])* pub enum $name:ident { $($(#[$instant:meta])* $variant:ident = $point:literal,)+ }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$instant])* $variant,)+
        }

        impl $name {
            /// Every one, in order.
            pub const ALL: [Self; [$($point),+].len()] = [$(Self::$variant),+];

            /// Name of the failpoint ([`certctl_connector::fault::point`]).
            #[must_use]
            pub fn point(self) -> &'static str {
                match self {
                    $(Self::$variant => $point,)+
                }
            }
        }
    };
}

/// Marks the instant `name`. With the feature `faults` and `CERTCTL_FAULT=<name>` the process kills itself here with
/// SIGKILL; `CERTCTL_FAULT=<name>@3` does so the third time the point is passed. Several names are separated by commas.
#[cfg(not(feature = "faults"))]
#[inline(always)]
pub fn point(_name: &str) {}

/// Marks the instant `name`. With the feature `faults` and `CERTCTL_FAULT=<name>` the process kills itself here with
/// SIGKILL; `CERTCTL_FAULT=<name>@3` does so the third time the point is passed. Several names are separated by commas.
#[cfg(feature = "faults")]
pub fn point(name: &str) {
    use std::{
        collections::HashMap,
        sync::{LazyLock, Mutex, PoisonError},
    };
    static ARMED: LazyLock<Mutex<HashMap<String, u32>>> = LazyLock::new(|| {
        #[expect(
            clippy::disallowed_methods,
            reason = "a failpoint is armed by the crash test from outside the process"
        )]
        let armed = std::env::var("CERTCTL_FAULT").unwrap_or_default();
        Mutex::new(armed.split(',').filter_map(parse).collect())
    });
    let mut armed = ARMED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(left) = armed.get_mut(name) {
        *left = left.saturating_sub(1);
        if *left == 0 {
            kill_self();
        }
    }
}

#[cfg(feature = "faults")]
fn parse(armed: &str) -> Option<(String, u32)> {
    let armed = armed.trim();
    match armed.split_once('@') {
        Some((name, nth)) => Some((name.to_owned(), nth.parse().ok()?)),
        None if armed.is_empty() => None,
        None => Some((armed.to_owned(), 1)),
    }
}

#[cfg(feature = "faults")]
fn kill_self() -> ! {
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    // SIGKILL cannot be caught; this line only satisfies the return type.
    std::process::abort()
}

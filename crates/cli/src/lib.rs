//! The command line program `certctl`: a person's words into calls, answers into tables, failures into cause, hint and exit
//! code.
//!
//! Start at [`run`]. `args/` holds the grammar, one file per noun; `verbs/` what each does, under the same names. Data goes
//! to stdout and nothing else does; everything for the eye goes to stderr. All of the outside (environment, streams, clock)
//! comes in through [`Console`], so that tests run the very program.

mod args;
mod config;
mod confirm;
mod console;
mod exit;
mod failure;
mod files;
mod output;
mod reference;
mod run;
mod session;
mod settings;
mod verbs;
mod wait;

pub use console::{Console, Tty};
pub use exit::Exit;
pub use reference::reference_markdown;
pub use run::run;

#[cfg(test)]
mod tests;

//! The command line program certctl.

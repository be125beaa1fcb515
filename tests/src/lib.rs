//! Whole-stack tests against real peers.

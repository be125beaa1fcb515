//! Connects and returns what is really served.

//! The control plane: configuration, wiring, start-up, shutdown.

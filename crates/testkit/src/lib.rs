//! Fixtures, real peers and private database instances for tests.

//! What every door shares: caller, problems, limits.

//! The agent: keys, work, deployment, reports.

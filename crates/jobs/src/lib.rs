//! Durable queue: lease, epoch, back-off, schedule.

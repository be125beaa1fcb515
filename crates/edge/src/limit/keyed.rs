//! A bounded table of keys, in shards. Each shard has a young and an old half: what is used moves to the young one, and when
//! that is full the old one is dropped whole. So the least recently used keys go first, in constant time.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::Mutex;
use std::time::Duration;

use super::Count;
use super::gcra::{Budget, Quota};

/// Keys and their theoretical arrival times.
pub(crate) struct Keyed {
    shards: Vec<Mutex<Halves>>,
    half_max: usize,
    /// A key idle for one to two of these is forgotten; nanoseconds.
    idle: u64,
    hasher: RandomState,
}

#[derive(Default)]
struct Halves {
    young: HashMap<(Count, u64), u64>,
    old: HashMap<(Count, u64), u64>,
    turned_at: u64,
}

impl Keyed {
    /// A table of at most `keys_max` keys, each forgotten some time after `idle`.
    pub(crate) fn new(keys_max: usize, idle: Duration) -> Self {
        let idle = u64::try_from(idle.as_nanos()).unwrap_or(u64::MAX);
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Self { shards, half_max: (keys_max / SHARDS / 2).max(1), idle, hasher: RandomState::new() }
    }

    /// The key of a subject; secret per process, so that nobody can aim at a shard or at another's key.
    pub(crate) fn hash(&self, subject: &(impl Hash + ?Sized)) -> u64 {
        self.hasher.hash_one(subject)
    }

    /// Takes one from the budget of a key at `now` nanoseconds.
    pub(crate) fn take(&self, count: Count, subject: u64, quota: &Quota, now: u64) -> Budget {
        let shard = &self.shards[usize::try_from(subject).unwrap_or_default() % SHARDS];
        let mut halves = shard.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let key = (count, subject);
        let kept = match halves.young.get(&key) {
            Some(arrival) => Some(*arrival),
            None => halves.old.remove(&key),
        };
        let (next, budget) = quota.take(kept, now);
        if halves.young.len() >= self.half_max
            || now > halves.turned_at.saturating_add(self.idle.max(quota.window_ns()))
        {
            let full = std::mem::take(&mut halves.young);
            halves.old = full;
            halves.turned_at = now;
        }
        halves.young.insert(key, next);
        budget
    }

    #[cfg(test)]
    fn knows(&self, subject: u64) -> bool {
        let halves = self.shards[usize::try_from(subject).unwrap() % SHARDS].lock().unwrap();
        let key = (Count::Address, subject);
        halves.young.contains_key(&key) || halves.old.contains_key(&key)
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().map_or(0, |halves| halves.young.len() + halves.old.len())).sum()
    }
}

const SHARDS: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    #[test]
    fn an_idle_key_is_forgotten() {
        let keyed = Keyed::new(6_400, HOUR);
        let quota = Quota::per_minute(5).unwrap();
        let hour = 3_600 * 1_000_000_000;
        // The same shard, so that the second key's requests are what passes the time.
        let (idle, busy) = (0, 32);
        keyed.take(Count::Address, idle, &quota, 0);
        keyed.take(Count::Address, busy, &quota, hour / 2);
        assert!(keyed.knows(idle) && keyed.knows(busy));
        for hours in 1..=3 {
            keyed.take(Count::Address, busy, &quota, hours * (hour + 1));
        }
        assert!(!keyed.knows(idle) && keyed.knows(busy));
    }

    #[test]
    fn the_table_stays_within_its_size_and_keeps_the_busy() {
        let keyed = Keyed::new(6_400, HOUR);
        let quota = Quota::per_minute(5).unwrap();
        let busy = keyed.hash("busy");
        for now in 0..100_000u64 {
            keyed.take(Count::Address, keyed.hash(&now), &quota, now);
            let budget = keyed.take(Count::Address, busy, &quota, now);
            assert_eq!(budget.retry_after_secs.is_none(), now < 5, "request {now}");
        }
        assert!(keyed.len() <= 6_400, "{}", keyed.len());
    }

    #[test]
    fn one_surface_does_not_use_up_another() {
        let keyed = Keyed::new(100, HOUR);
        let quota = Quota::per_minute(1).unwrap();
        let key = keyed.hash("192.0.2.1");
        assert_eq!(keyed.take(Count::Bootstrap, key, &quota, 0).retry_after_secs, None);
        assert_eq!(keyed.take(Count::Register, key, &quota, 0).retry_after_secs, None);
        assert!(keyed.take(Count::Register, key, &quota, 0).retry_after_secs.is_some());
    }
}

//! When to renew, and when to try again (rulings §4). Pure: the planner, the forecast and the tests run this very code.

use std::time::Duration;

use certctl_pki::Timestamp;

use crate::certificate::Identity;
use crate::ids::CertificateId;
use crate::policy::RenewalPolicy;

const DAY: Duration = Duration::from_secs(86_400);
const HOUR: Duration = Duration::from_secs(3_600);
/// Longest pause between two attempts of one job.
pub const BACKOFF_MAX: Duration = Duration::from_secs(6 * 3_600);
/// Longest time by which a start of validity is moved into the past.
pub const BACKDATE_MAX: Duration = Duration::from_secs(300);

/// How long before its end a certificate is renewed: the policy's window or a third of the lifetime, the shorter one; half
/// the lifetime where that is below an hour.
#[must_use]
pub fn lead(lifetime: Duration, policy: &RenewalPolicy) -> Duration {
    if lifetime < HOUR {
        return lifetime / 2;
    }
    (DAY * policy.renewal_window_days).min(lifetime / 3)
}

/// When an identity is renewed: its lead before the end, and earlier by a share of the lead that depends on the certificate,
/// so that a fleet issued together does not renew together.
#[must_use]
pub fn renew_at(id: &CertificateId, not_before: Timestamp, not_after: Timestamp, policy: &RenewalPolicy) -> Timestamp {
    // Its last second belongs to the validity (RFC 5280 §4.1.2.5): a certificate of an hour is not one of less than an hour.
    let lead = lead(not_after.duration_since(not_before) + Duration::from_secs(1), policy);
    not_after - lead - jitter(id.as_str(), lead / 10)
}

/// The instant stored for the planner: absent when the policy leaves renewal to a person.
#[must_use]
pub fn planned(
    id: &CertificateId,
    not_before: Timestamp,
    not_after: Timestamp,
    policy: &RenewalPolicy,
) -> Option<Timestamp> {
    policy.auto_renew.then(|| renew_at(id, not_before, not_after, policy))
}

/// How far the start of validity is moved into the past, for clients whose clock is slow.
#[must_use]
pub fn backdate(lifetime: Duration) -> Duration {
    BACKDATE_MAX.min(lifetime / 20)
}

/// The pause before attempt `attempt + 1`: doubles from `interval`, at most [`BACKOFF_MAX`] and a quarter of the remaining
/// life (absent when nothing was issued yet), and up to a fifth more or less by `spread` (0 to 1).
#[must_use]
pub fn backoff(attempt: u32, interval: Duration, remaining: Option<Duration>, spread: f64) -> Duration {
    let doubled = interval.saturating_mul(1u32.checked_shl(attempt.saturating_sub(1)).unwrap_or(u32::MAX));
    let mut pause = doubled.min(BACKOFF_MAX);
    if let Some(life) = remaining {
        pause = pause.min(life / 4);
    }
    pause.max(Duration::from_secs(1)).mul_f64(0.8 + 0.4 * spread.clamp(0.0, 1.0))
}

/// When a renewal whose attempts are used up starts anew: every day, and every hour in the last fifth of the life (or when
/// nothing valid is left), but never more than a quarter of the remaining life later.
#[must_use]
pub fn slow_retry(identity: &Identity, now: Timestamp) -> Duration {
    let (Some(start), Some(end)) = (identity.not_before, identity.not_after) else { return HOUR };
    let left = end.duration_since(now);
    if left.is_zero() || left < end.duration_since(start) / 5 {
        return if left.is_zero() { HOUR } else { HOUR.min((left / 4).max(Duration::from_secs(1))) };
    }
    DAY.min(left / 4)
}

/// A share of `most`, the same for the same text: spread, not secrecy. FNV-1a, and the finaliser of MurmurHash3 behind it, without
/// which texts that differ in their last characters only would get nearly the same share.
fn jitter(text: &str, most: Duration) -> Duration {
    let mut hash = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    for factor in [0xff51_afd7_ed55_8ccd, 0xc4ce_b9fe_1a85_ec53] {
        hash = (hash ^ (hash >> 33)).wrapping_mul(factor);
    }
    let share = ((hash ^ (hash >> 33)) >> 32) as u32;
    most.mul_f64(f64::from(share) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificate::tests::{identity, policy};

    fn id() -> CertificateId {
        CertificateId::fixed("cert-a")
    }

    #[test]
    fn lead_follows_the_ruling_for_every_ruled_lifetime() {
        let policy = policy();
        let rows: [(u64, u64); 7] = [
            (600, 300),
            (3_600, 1_200),
            (86_400, 28_800),
            (6 * 86_400, 2 * 86_400),
            (47 * 86_400, 47 * 86_400 / 3),
            (90 * 86_400, 30 * 86_400),
            (398 * 86_400, 30 * 86_400),
        ];
        for (lifetime, expected) in rows {
            assert_eq!(lead(Duration::from_secs(lifetime), &policy), Duration::from_secs(expected), "{lifetime}");
            let start = Timestamp::from_unix_secs(1_000_000);
            let end = start + Duration::from_secs(lifetime - 1);
            let at = renew_at(&id(), start, end, &policy);
            let slack = end.duration_since(at);
            assert!(slack >= Duration::from_secs(expected), "{lifetime}: renewed too late");
            assert!(slack <= Duration::from_secs(expected) * 11 / 10, "{lifetime}: jitter beyond a tenth of the lead");
        }
    }

    #[test]
    fn jitter_differs_between_certificates_and_is_stable() {
        let policy = policy();
        let (start, end) = (Timestamp::from_unix_secs(0), Timestamp::from_unix_secs(90 * 86_400));
        let (earliest, jitter) = (end - Duration::from_secs(33 * 86_400), Duration::from_secs(3 * 86_400));
        let mut tenths = [0; 10];
        for n in 0..1_000 {
            let at = renew_at(&CertificateId::parse(&format!("cert-{n}")).expect("id"), start, end, &policy);
            let tenth = at.duration_since(earliest).as_micros() * 10 / jitter.as_micros();
            tenths[usize::try_from(tenth).expect("small").min(9)] += 1;
        }
        assert!(tenths.iter().all(|count| (60..140).contains(count)), "1,000 spread over the jitter: {tenths:?}");
        assert_eq!(renew_at(&id(), start, end, &policy), renew_at(&id(), start, end, &policy));
    }

    #[test]
    fn manual_policies_plan_nothing() {
        let mut policy = policy();
        policy.auto_renew = false;
        assert_eq!(planned(&id(), Timestamp::from_unix_secs(0), Timestamp::from_unix_secs(600), &policy), None);
    }

    #[test]
    fn backoff_doubles_within_its_bounds() {
        let minute = Duration::from_secs(60);
        assert_eq!(backoff(1, minute, None, 0.5), minute);
        assert_eq!(backoff(3, minute, None, 0.5), minute * 4);
        assert_eq!(backoff(60, minute, None, 0.5), BACKOFF_MAX);
        assert_eq!(backoff(3, minute, Some(Duration::from_secs(40)), 0.5), Duration::from_secs(10));
        assert_eq!(backoff(1, minute, None, 0.0), minute.mul_f64(0.8));
        assert_eq!(backoff(1, minute, None, 1.0), minute.mul_f64(1.2));
    }

    #[test]
    fn exhausted_renewals_slow_down_and_hurry_near_the_end() {
        let mut identity = identity();
        identity.not_before = Some(Timestamp::from_unix_secs(0));
        identity.not_after = Some(Timestamp::from_unix_secs(100 * 86_400));
        assert_eq!(slow_retry(&identity, Timestamp::from_unix_secs(50 * 86_400)), DAY);
        assert_eq!(slow_retry(&identity, Timestamp::from_unix_secs(90 * 86_400)), HOUR);
        assert_eq!(slow_retry(&identity, Timestamp::from_unix_secs(200 * 86_400)), HOUR);
    }

    #[test]
    fn backdating_is_bounded() {
        assert_eq!(backdate(Duration::from_secs(600)), Duration::from_secs(30));
        assert_eq!(backdate(DAY), BACKDATE_MAX);
    }
}

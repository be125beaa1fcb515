//! What somebody may be given: names and key judged against a profile, every refusal at once.

use std::time::Duration;

use certctl_pki::key::KeyAlgorithm;
use certctl_pki::{Csr, San, Timestamp};

use crate::certificate::Certificate;
use crate::profile::{Cidr, NameRules, Profile};
use crate::refusal::{Refusal, Refusals};
use crate::renewal::backdate;

/// A certificate that may be signed: names canonical and allowed, key allowed, lifetime within the profile. Only
/// [`CertificateSpec::judge`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateSpec {
    common_name: String,
    sans: Vec<San>,
    key_algorithm: KeyAlgorithm,
    key_size: u32,
    not_before: Timestamp,
    not_after: Timestamp,
}

/// Most names in one certificate.
pub const NAMES_MAX: usize = 100;
/// Longest common name (RFC 5280 upper bound `ub-common-name`), in characters.
pub const COMMON_NAME_MAX: usize = 64;

impl CertificateSpec {
    /// Judges a request for `certificate` under `profile`. The key comes from the request; names come from the record, and a
    /// request that names anything else is refused. `issuer_ttl` is the issuer's own longest lifetime, `issuer_end` the end
    /// of the signing CA's certificate.
    ///
    /// # Errors
    /// All refusals.
    pub fn judge(
        certificate: &Certificate,
        profile: &Profile,
        csr: &Csr,
        issuer_ttl: Duration,
        issuer_end: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Self, Refusals> {
        let mut refusals = Refusals::new();
        if !profile.rules.enabled {
            let message = format!("profile {} is switched off; enable it or choose another", profile.rules.name);
            refusals.push(Refusal::denied("certificate_profile_id", message));
        }
        check_names(&certificate.common_name, &certificate.sans, profile, &mut refusals);
        check_request_names(certificate, csr, &mut refusals);
        let (key_algorithm, key_size) = (csr.key_kind().algorithm(), u32::from(csr.key_kind().size()));
        if !profile.rules.admits_key(key_algorithm, key_size) {
            let message = format!(
                "a key of {} {key_size} bits is not allowed by profile {}; use one of: {}",
                key_algorithm.as_str(),
                profile.rules.name,
                describe_keys(profile)
            );
            refusals.push(Refusal::denied("csr_pem", message));
        }
        let validity = validity(profile, issuer_ttl, issuer_end, now);
        if validity.is_none() {
            refusals.push(Refusal::denied(
                "issuer_id",
                "the issuer's own certificate ends too soon for this profile; renew the CA",
            ));
        }
        refusals.into_result()?;
        let (not_before, not_after) = validity.expect("refused above when absent");
        let (common_name, sans) = (certificate.common_name.clone(), certificate.sans.clone());
        Ok(Self { common_name, sans, key_algorithm, key_size, not_before, not_after })
    }

    /// Subject common name.
    #[must_use]
    pub fn common_name(&self) -> &str {
        &self.common_name
    }

    /// Subject alternative names, sorted.
    #[must_use]
    pub fn sans(&self) -> &[San] {
        &self.sans
    }

    /// Algorithm of the key.
    #[must_use]
    pub fn key_algorithm(&self) -> KeyAlgorithm {
        self.key_algorithm
    }

    /// Size of the key in bits.
    #[must_use]
    pub fn key_size(&self) -> u32 {
        self.key_size
    }

    /// Start of validity.
    #[must_use]
    pub fn not_before(&self) -> Timestamp {
        self.not_before
    }

    /// End of validity.
    #[must_use]
    pub fn not_after(&self) -> Timestamp {
        self.not_after
    }
}

/// The lifetime a profile gives: its default, else its maximum, else the issuer's; never beyond the issuing CA. Absent when
/// less than a minute or less than the profile's minimum would be left.
#[must_use]
pub fn validity(
    profile: &Profile,
    issuer_ttl: Duration,
    issuer_end: Option<Timestamp>,
    now: Timestamp,
) -> Option<(Timestamp, Timestamp)> {
    let rules = &profile.rules;
    let cap = if rules.max_ttl_seconds == 0 {
        issuer_ttl
    } else {
        issuer_ttl.min(Duration::from_secs(rules.max_ttl_seconds))
    };
    let wanted =
        if rules.default_ttl_seconds == 0 { cap } else { cap.min(Duration::from_secs(rules.default_ttl_seconds)) };
    // Dates in certificates have whole seconds, and both ends count (RFC 5280 §4.1.2.5).
    let now = Timestamp::from_unix_secs(now.unix_secs());
    let not_before = now - backdate(wanted);
    let end = not_before + wanted - Duration::from_secs(1);
    let not_after = issuer_end.map_or(end, |limit| limit.min(end));
    let left = not_after.duration_since(now);
    let least = Duration::from_secs(rules.min_ttl_seconds.max(60).min(wanted.as_secs()));
    let life = not_after.duration_since(not_before) + Duration::from_secs(1);
    (life >= least && left > Duration::ZERO).then_some((not_before, not_after))
}

/// Judges names against a profile. Used when a record is created or edited, and again before signing. Refusals name a SAN by its
/// place in `sans`: give them in the order in which a person sent them.
pub fn check_names(common_name: &str, sans: &[San], profile: &Profile, refusals: &mut Refusals) {
    let rules = &profile.rules.names;
    let name = &profile.rules.name;
    match San::parse(common_name) {
        Ok(san) => check_name("common_name", &san, rules, name, refusals),
        Err(error) => refusals.push(Refusal::invalid("common_name", error.to_string())),
    }
    if sans.len() > NAMES_MAX {
        refusals.push(Refusal::invalid(
            "sans",
            format!("{} names are more than {NAMES_MAX}; split the certificate", sans.len()),
        ));
    }
    for (index, san) in sans.iter().enumerate() {
        check_name(&format!("sans[{index}]"), san, rules, name, refusals);
    }
    for pattern in &rules.required_san_patterns {
        let all = sans.iter().map(ToString::to_string).chain([common_name.to_owned()]);
        let matches = regex::Regex::new(pattern).is_ok_and(|regex| all.into_iter().any(|name| regex.is_match(&name)));
        if !matches {
            let message = format!("profile {name} requires a name that matches {pattern}; add one");
            refusals.push(Refusal::denied("sans", message));
        }
    }
}

fn check_name(field: &str, san: &San, rules: &NameRules, profile: &str, refusals: &mut Refusals) {
    let problem = match san {
        San::Dns(name) => dns_problem(name, rules),
        San::Ip(address) => {
            let allowed = rules.permitted_ips.is_empty()
                || rules
                    .permitted_ips
                    .iter()
                    .filter_map(|range| Cidr::parse(range))
                    .any(|range| range.contains(*address));
            (!allowed).then(|| format!("address {address} lies outside the ranges"))
        }
        San::Email(address) => {
            let domain = address.rsplit_once('@').map_or("", |(_, domain)| domain);
            let allowed = rules.permitted_email_domains.is_empty() || covered(domain, &rules.permitted_email_domains);
            (!allowed).then(|| format!("mail domain {domain} is not among those"))
        }
        San::Uri(uri) => {
            let pattern = format!("^(?:{})$", rules.spiffe_uri_pattern);
            let allowed =
                !rules.spiffe_uri_pattern.is_empty() && regex::Regex::new(&pattern).is_ok_and(|r| r.is_match(uri));
            (!allowed).then(|| format!("URI {uri} does not match the pattern"))
        }
    };
    if let Some(problem) = problem {
        refusals.push(Refusal::denied(
            field,
            format!("{problem} allowed by profile {profile}; ask for another name or profile"),
        ));
    }
}

fn dns_problem(name: &str, rules: &NameRules) -> Option<String> {
    let base = name.strip_prefix("*.").unwrap_or(name);
    if base != name && !rules.allow_wildcards {
        return Some(format!("wildcard {name} is not"));
    }
    if covered(base, &rules.forbidden_dns) {
        return Some(format!("name {name} is not"));
    }
    let permitted = rules.permitted_dns.is_empty() || covered(base, &rules.permitted_dns);
    (!permitted).then(|| format!("name {name} is not among those"))
}

/// Whether a name equals one of the suffixes or lies below it.
fn covered(name: &str, suffixes: &[String]) -> bool {
    suffixes.iter().any(|suffix| {
        let suffix = suffix.trim_start_matches('.').to_ascii_lowercase();
        name == suffix || name.strip_suffix(&suffix).is_some_and(|rest| rest.ends_with('.'))
    })
}

/// A request may leave names out, since the record has them; it may not bring others.
fn check_request_names(certificate: &Certificate, csr: &Csr, refusals: &mut Refusals) {
    if let Some(name) = csr.common_name().filter(|name| !name.eq_ignore_ascii_case(&certificate.common_name)) {
        let message = format!(
            "the request's common name {name} is not {}; make a request for the record's names",
            certificate.common_name
        );
        refusals.push(Refusal::denied("csr_pem", message));
    }
    for san in csr.sans() {
        let is_common_name = San::parse(&certificate.common_name).is_ok_and(|name| name == *san);
        if !certificate.sans.contains(san) && !is_common_name {
            refusals.push(Refusal::denied(
                "csr_pem",
                format!("the request names {san}, which the certificate does not; edit either"),
            ));
        }
    }
}

fn describe_keys(profile: &Profile) -> String {
    let rules = profile.rules.allowed_key_algorithms.iter();
    let texts: Vec<String> =
        rules.map(|rule| format!("{} from {} bits", rule.algorithm.as_str(), rule.min_size)).collect();
    texts.join(", ")
}

//! What a person says about a profile, and how it becomes rules.

use certctl_domain::profile::{AcmeAuthMode, Eku, KeyRule, ProfileRules};
use certctl_domain::refusal::{Refusal, Refusals};
use certctl_pki::key::KeyAlgorithm;

/// What a person says about a profile; what is left out keeps its value, or gets its default. Words are read here, so that
/// every unknown one is reported with the rest.
#[derive(Debug, Clone, Default)]
pub struct ProfileInput {
    /// Unique name.
    pub name: Option<String>,
    /// Free text.
    pub description: Option<String>,
    /// A profile that is switched off issues nothing.
    pub enabled: Option<bool>,
    /// Algorithm and smallest size in bits.
    pub allowed_key_algorithms: Option<Vec<(String, u32)>>,
    /// Longest lifetime in seconds; 0 leaves it to the issuer.
    pub max_ttl_seconds: Option<u64>,
    /// Shortest lifetime in seconds.
    pub min_ttl_seconds: Option<u64>,
    /// Lifetime asked for when nobody names one, in seconds.
    pub default_ttl_seconds: Option<u64>,
    /// Extended key usages.
    pub allowed_ekus: Option<Vec<String>>,
    /// Regular expressions; each must match at least one name.
    pub required_san_patterns: Option<Vec<String>>,
    /// DNS suffixes that are allowed.
    pub permitted_dns: Option<Vec<String>>,
    /// DNS suffixes that are not.
    pub forbidden_dns: Option<Vec<String>>,
    /// Address ranges that are allowed.
    pub permitted_ips: Option<Vec<String>>,
    /// Mail domains that are allowed.
    pub permitted_email_domains: Option<Vec<String>>,
    /// Regular expression of allowed URIs.
    pub spiffe_uri_pattern: Option<String>,
    /// Whether `*.` names may be asked for.
    pub allow_wildcards: Option<bool>,
    /// Lifetimes below an hour are meant.
    pub allow_short_lived: Option<bool>,
    /// Whether an external certificate may be renewed with its old request.
    pub allow_key_reuse: Option<bool>,
    /// Writes the TLS feature extension.
    pub must_staple: Option<bool>,
    /// Names of EST CSR attributes.
    pub required_csr_attributes: Option<Vec<String>>,
    /// How ACME orders are authorised.
    pub acme_auth_mode: Option<String>,
    /// Two persons for every issuance.
    pub requires_approval: Option<bool>,
}

impl ProfileInput {
    /// Writes what the input names over `rules` and reports every word that is unknown.
    pub(super) fn apply(self, rules: &mut ProfileRules, refusals: &mut Refusals) {
        set(&mut rules.name, self.name);
        set(&mut rules.description, self.description);
        set(&mut rules.enabled, self.enabled);
        if let Some(keys) = self.allowed_key_algorithms {
            rules.allowed_key_algorithms = key_rules(&keys, refusals);
        }
        set(&mut rules.max_ttl_seconds, self.max_ttl_seconds);
        set(&mut rules.min_ttl_seconds, self.min_ttl_seconds);
        set(&mut rules.default_ttl_seconds, self.default_ttl_seconds);
        if let Some(words) = self.allowed_ekus {
            rules.allowed_ekus = usages(&words, refusals);
        }
        let names = &mut rules.names;
        set(&mut names.required_san_patterns, self.required_san_patterns);
        set(&mut names.permitted_dns, self.permitted_dns);
        set(&mut names.forbidden_dns, self.forbidden_dns);
        set(&mut names.permitted_ips, self.permitted_ips);
        set(&mut names.permitted_email_domains, self.permitted_email_domains);
        set(&mut names.spiffe_uri_pattern, self.spiffe_uri_pattern);
        set(&mut names.allow_wildcards, self.allow_wildcards);
        set(&mut rules.allow_short_lived, self.allow_short_lived);
        set(&mut rules.allow_key_reuse, self.allow_key_reuse);
        set(&mut rules.must_staple, self.must_staple);
        set(&mut rules.required_csr_attributes, self.required_csr_attributes);
        if let Some(word) = self.acme_auth_mode {
            match AcmeAuthMode::parse(&word) {
                Some(mode) => rules.acme_auth_mode = mode,
                None => refusals.push(unknown("acme_auth_mode", &word, &["challenge", "trust_authenticated"])),
            }
        }
        set(&mut rules.requires_approval, self.requires_approval);
    }
}

fn key_rules(keys: &[(String, u32)], refusals: &mut Refusals) -> Vec<KeyRule> {
    let mut rules = Vec::with_capacity(keys.len());
    for (index, (word, min_size)) in keys.iter().enumerate() {
        match KeyAlgorithm::parse(word) {
            Some(algorithm) => rules.push(KeyRule { algorithm, min_size: *min_size }),
            None => {
                let known = KeyAlgorithm::ALL.map(KeyAlgorithm::as_str);
                refusals.push(unknown(&format!("allowed_key_algorithms[{index}].algorithm"), word, &known));
            }
        }
    }
    rules
}

fn usages(words: &[String], refusals: &mut Refusals) -> Vec<Eku> {
    let mut usages = Vec::with_capacity(words.len());
    for (index, word) in words.iter().enumerate() {
        match Eku::parse(word) {
            Some(eku) if usages.contains(&eku) => {
                refusals.push(Refusal::invalid(format!("allowed_ekus[{index}]"), format!("{word} is named twice")));
            }
            Some(eku) => usages.push(eku),
            None => refusals.push(unknown(&format!("allowed_ekus[{index}]"), word, &Eku::ALL.map(Eku::as_str))),
        }
    }
    usages
}

fn unknown(field: &str, word: &str, known: &[&str]) -> Refusal {
    Refusal::invalid(field, format!("{word:?} is unknown; use one of {}", known.join(", ")))
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

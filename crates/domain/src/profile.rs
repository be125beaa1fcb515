//! Certificate profiles: what may be issued. A change makes a new revision; each issued version is stamped with its own.

use certctl_pki::Timestamp;
use certctl_pki::key::KeyAlgorithm;

use crate::ids::ProfileId;
use crate::ownership::check_name;
use crate::refusal::{Refusal, Refusals};

/// What may be issued under a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Its id.
    pub id: ProfileId,
    /// Its rules.
    pub rules: ProfileRules,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Counts its changes; stamped on every version issued under it.
    pub revision: i64,
}

/// The rules of a profile: everything a person may edit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileRules {
    /// Unique name.
    pub name: String,
    /// Free text.
    pub description: String,
    /// A profile that is switched off issues nothing.
    pub enabled: bool,
    /// Keys that may be certified; one rule that fits is enough.
    pub allowed_key_algorithms: Vec<KeyRule>,
    /// Longest lifetime in seconds; 0 leaves it to the issuer.
    pub max_ttl_seconds: u64,
    /// Shortest lifetime in seconds; 0 for none.
    pub min_ttl_seconds: u64,
    /// Lifetime asked for when nobody names one, in seconds; 0 asks for the longest allowed.
    pub default_ttl_seconds: u64,
    /// Extended key usages written into the certificate.
    pub allowed_ekus: Vec<Eku>,
    /// Which names may be asked for.
    pub names: NameRules,
    /// Lifetimes below an hour are meant.
    pub allow_short_lived: bool,
    /// Whether a certificate whose key somebody else holds may be renewed with the request it was issued for.
    pub allow_key_reuse: bool,
    /// Writes the TLS feature extension (RFC 7633).
    pub must_staple: bool,
    /// Names of EST CSR attributes to ask for.
    pub required_csr_attributes: Vec<String>,
    /// How ACME orders are authorised.
    pub acme_auth_mode: AcmeAuthMode,
    /// Two persons for every issuance.
    pub requires_approval: bool,
}

/// How ACME orders under a profile are authorised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AcmeAuthMode {
    /// The account is trusted.
    TrustAuthenticated,
    /// Each name is challenged.
    Challenge,
}

impl AcmeAuthMode {
    /// The wire spelling.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TrustAuthenticated => "trust_authenticated",
            Self::Challenge => "challenge",
        }
    }

    /// Reads the wire spelling.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::TrustAuthenticated, Self::Challenge].into_iter().find(|mode| mode.as_str() == text)
    }
}

/// Keys of one algorithm from a size upward. Ed25519 counts as 256 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyRule {
    /// The algorithm.
    pub algorithm: KeyAlgorithm,
    /// Smallest size in bits.
    pub min_size: u32,
}

/// Extended key usages a profile may write (RFC 5280 §4.2.1.12).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Eku {
    /// TLS server.
    ServerAuth,
    /// TLS client.
    ClientAuth,
    /// Code signing.
    CodeSigning,
    /// S/MIME.
    EmailProtection,
    /// RFC 3161 time stamps.
    TimeStamping,
}

impl Eku {
    /// All that a profile may name.
    pub const ALL: [Self; 5] =
        [Self::ServerAuth, Self::ClientAuth, Self::CodeSigning, Self::EmailProtection, Self::TimeStamping];

    /// The wire spelling.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ServerAuth => "serverAuth",
            Self::ClientAuth => "clientAuth",
            Self::CodeSigning => "codeSigning",
            Self::EmailProtection => "emailProtection",
            Self::TimeStamping => "timeStamping",
        }
    }

    /// Reads the wire spelling.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|eku| eku.as_str() == text)
    }
}

/// Which names may be asked for. Every requested name must pass; a type that is not allowed is refused, never dropped.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NameRules {
    /// Regular expressions; each must match at least one name.
    pub required_san_patterns: Vec<String>,
    /// DNS suffixes (`example.org` covers itself and everything below); empty allows every DNS name.
    pub permitted_dns: Vec<String>,
    /// DNS suffixes that are never allowed.
    pub forbidden_dns: Vec<String>,
    /// Address ranges in CIDR form; empty allows every address.
    pub permitted_ips: Vec<String>,
    /// Mail domains; empty allows every domain.
    pub permitted_email_domains: Vec<String>,
    /// Regular expression that every URI must match whole; empty allows no URI.
    pub spiffe_uri_pattern: String,
    /// Whether `*.` names may be asked for.
    pub allow_wildcards: bool,
}

impl ProfileRules {
    /// What a new profile has where its creator says nothing.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            description: String::new(),
            enabled: true,
            allowed_key_algorithms: vec![
                KeyRule { algorithm: KeyAlgorithm::Ecdsa, min_size: 256 },
                KeyRule { algorithm: KeyAlgorithm::Rsa, min_size: 2048 },
            ],
            max_ttl_seconds: 0,
            min_ttl_seconds: 0,
            default_ttl_seconds: 0,
            allowed_ekus: vec![Eku::ServerAuth],
            names: NameRules { allow_wildcards: true, ..NameRules::default() },
            allow_short_lived: false,
            allow_key_reuse: false,
            must_staple: false,
            required_csr_attributes: Vec::new(),
            acme_auth_mode: AcmeAuthMode::Challenge,
            requires_approval: false,
        }
    }

    /// Checks every rule against its bounds.
    ///
    /// # Errors
    /// All fields that cannot be rules.
    pub fn check(&self) -> Result<(), Refusals> {
        let mut refusals = Refusals::new();
        check_name("name", &self.name, &mut refusals);
        self.check_keys(&mut refusals);
        self.check_lifetimes(&mut refusals);
        if self.allowed_ekus.is_empty() {
            refusals.push(Refusal::invalid("allowed_ekus", "name at least one extended key usage, such as serverAuth"));
        }
        if self.allowed_ekus.contains(&Eku::TimeStamping) && self.allowed_ekus.len() > 1 {
            refusals.push(Refusal::invalid("allowed_ekus", "timeStamping must be the only usage (RFC 3161 §2.3)"));
        }
        self.names.check(&mut refusals);
        refusals.into_result()
    }

    fn check_keys(&self, refusals: &mut Refusals) {
        if self.allowed_key_algorithms.is_empty() {
            refusals
                .push(Refusal::invalid("allowed_key_algorithms", "name at least one algorithm: ECDSA, RSA or Ed25519"));
        }
        for (index, rule) in self.allowed_key_algorithms.iter().enumerate() {
            let least = match rule.algorithm {
                KeyAlgorithm::Rsa => 2048,
                KeyAlgorithm::Ecdsa => 256,
                KeyAlgorithm::Ed25519 => 0,
            };
            if rule.min_size < least {
                let field = format!("allowed_key_algorithms[{index}].min_size");
                refusals.push(Refusal::invalid(field, format!("{} is below {least}", rule.min_size)));
            }
        }
    }

    fn check_lifetimes(&self, refusals: &mut Refusals) {
        if self.allow_short_lived && !(1..3600).contains(&self.max_ttl_seconds) {
            refusals.push(Refusal::invalid("max_ttl_seconds", "allow_short_lived needs a value between 1 and 3599"));
        }
        let longest = if self.max_ttl_seconds == 0 { u64::MAX } else { self.max_ttl_seconds };
        if self.min_ttl_seconds > longest {
            refusals.push(Refusal::invalid("min_ttl_seconds", "is above max_ttl_seconds"));
        }
        let default = self.default_ttl_seconds;
        if default != 0 && (default > longest || default < self.min_ttl_seconds) {
            refusals.push(Refusal::invalid("default_ttl_seconds", "is outside min_ttl_seconds and max_ttl_seconds"));
        }
    }

    /// Whether its certificates live less than an hour.
    #[must_use]
    pub fn is_short_lived(&self) -> bool {
        self.allow_short_lived && (1..3600).contains(&self.max_ttl_seconds)
    }

    /// Whether some rule admits a key of this algorithm and size in bits.
    #[must_use]
    pub fn admits_key(&self, algorithm: KeyAlgorithm, size: u32) -> bool {
        self.allowed_key_algorithms.iter().any(|rule| rule.algorithm == algorithm && size >= rule.min_size)
    }
}

impl NameRules {
    fn check(&self, refusals: &mut Refusals) {
        for (index, pattern) in self.required_san_patterns.iter().enumerate() {
            if let Err(error) = regex::Regex::new(pattern) {
                let field = format!("required_san_patterns[{index}]");
                refusals.push(Refusal::invalid(field, format!("is not a regular expression: {error}")));
            }
        }
        if let Err(error) = regex::Regex::new(&self.spiffe_uri_pattern) {
            refusals.push(Refusal::invalid("spiffe_uri_pattern", format!("is not a regular expression: {error}")));
        }
        for (index, range) in self.permitted_ips.iter().enumerate() {
            if Cidr::parse(range).is_none() {
                let field = format!("permitted_ips[{index}]");
                refusals.push(Refusal::invalid(field, "is not an address range such as 10.0.0.0/8"));
            }
        }
    }
}

/// An address range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cidr {
    address: std::net::IpAddr,
    prefix: u8,
}

impl Cidr {
    /// Reads `address/prefix`; a bare address is a range of one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address.parse().ok()?, Some(prefix.parse::<u8>().ok()?)),
            None => (text.parse::<std::net::IpAddr>().ok()?, None),
        };
        let widest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.unwrap_or(widest);
        (prefix <= widest).then_some(Self { address, prefix })
    }

    /// Whether an address lies in the range.
    #[must_use]
    pub fn contains(&self, address: std::net::IpAddr) -> bool {
        use std::net::IpAddr::{V4, V6};
        match (self.address, address) {
            (V4(net), V4(ip)) => {
                let mask = u32::MAX.checked_shl(u32::from(32 - self.prefix)).unwrap_or(0);
                net.to_bits() & mask == ip.to_bits() & mask
            }
            (V6(net), V6(ip)) => {
                let mask = u128::MAX.checked_shl(u32::from(128 - self.prefix)).unwrap_or(0);
                net.to_bits() & mask == ip.to_bits() & mask
            }
            (V4(_), V6(_)) | (V6(_), V4(_)) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid() {
        assert_eq!(ProfileRules::named("web").check(), Ok(()));
    }

    #[test]
    fn every_violation_is_reported_at_once() {
        let mut rules = ProfileRules::named("");
        rules.allowed_key_algorithms = vec![KeyRule { algorithm: KeyAlgorithm::Rsa, min_size: 1024 }];
        rules.allow_short_lived = true;
        rules.names.required_san_patterns = vec!["(".to_owned()];
        rules.names.permitted_ips = vec!["10.0.0.0/33".to_owned()];
        let refusals = rules.check().expect_err("four fields are wrong");
        let fields: Vec<&str> = refusals.0.iter().map(|refusal| refusal.field.as_str()).collect();
        assert_eq!(
            fields,
            [
                "name",
                "allowed_key_algorithms[0].min_size",
                "max_ttl_seconds",
                "required_san_patterns[0]",
                "permitted_ips[0]"
            ]
        );
    }

    #[test]
    fn ranges_contain_what_they_should() {
        let range = Cidr::parse("10.1.0.0/16").expect("a range");
        assert!(range.contains("10.1.255.1".parse().expect("ip")));
        assert!(!range.contains("10.2.0.1".parse().expect("ip")));
        assert!(Cidr::parse("::/0").expect("a range").contains("2001:db8::1".parse().expect("ip")));
        assert!(Cidr::parse("0.0.0.0/0").expect("a range").contains("1.2.3.4".parse().expect("ip")));
    }
}

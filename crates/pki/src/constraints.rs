//! Name constraints of CAs (RFC 5280 §4.2.1.10), applied before a name is signed rather than when a client refuses it.
//!
//! They narrow: a certificate must satisfy those of every CA above it.

use std::net::IpAddr;

use der::Decode;
use x509_cert::ext::pkix::constraints::NameConstraints;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::name::RdnSequence;

use crate::cert::Contents;
use crate::oid;
use crate::san::{self, San};

/// The constraints of one CA.
#[derive(Debug)]
pub(crate) struct Constraints {
    permitted: Vec<GeneralName>,
    excluded: Vec<GeneralName>,
}

/// How a subtree relates to a name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Relation {
    /// It is about names of another kind.
    Irrelevant,
    Outside,
    Inside,
}

impl Constraints {
    /// The constraints that a CA certificate carries, if it does.
    pub(crate) fn of(ca: &Contents) -> der::Result<Option<Self>> {
        let Some(extension) = ca.extensions.get(oid::NAME_CONSTRAINTS) else { return Ok(None) };
        let constraints = NameConstraints::from_der(&extension.value)?;
        let bases = |subtrees: Option<Vec<_>>| -> Vec<GeneralName> {
            let subtrees: Vec<x509_cert::ext::pkix::constraints::name::GeneralSubtree> = subtrees.unwrap_or_default();
            subtrees.into_iter().map(|subtree| subtree.base).collect()
        };
        Ok(Some(Self {
            permitted: bases(constraints.permitted_subtrees),
            excluded: bases(constraints.excluded_subtrees),
        }))
    }

    /// The first name of `contents` that these constraints forbid, as text.
    pub(crate) fn violation(&self, contents: &Contents) -> Option<String> {
        if !contents.subject_names().is_empty() && !self.allow(|base| relate_subject(base, contents.subject_names())) {
            return Some(contents.subject());
        }
        let forbidden = contents.sans().iter().find(|name| {
            !self.allow(|base| relate(base, name, Side::Permitted))
                || self.excluded.iter().any(|base| relate(base, name, Side::Excluded) == Relation::Inside)
        });
        forbidden.map(ToString::to_string)
    }

    /// Whether no permitted subtree is of the name's kind, or one holds it; and no excluded one holds it.
    fn allow(&self, relation: impl Fn(&GeneralName) -> Relation) -> bool {
        let mut relations =
            self.permitted.iter().map(&relation).filter(|found| *found != Relation::Irrelevant).peekable();
        let permitted = relations.peek().is_none() || relations.any(|found| found == Relation::Inside);
        permitted && !self.excluded.iter().any(|base| relation(base) == Relation::Inside)
    }
}

/// Which list a subtree is in: a wildcard must lie wholly inside a permitted one, and not touch an excluded one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Permitted,
    Excluded,
}

fn relate(base: &GeneralName, name: &San, side: Side) -> Relation {
    let inside = match (base, name) {
        (GeneralName::DnsName(base), San::Dns(name)) => dns_inside(&base.as_str().to_ascii_lowercase(), name, side),
        (GeneralName::IpAddress(base), San::Ip(address)) => ip_inside(base.as_bytes(), *address),
        (GeneralName::Rfc822Name(base), San::Email(address)) => email_inside(base.as_str(), address),
        (GeneralName::UniformResourceIdentifier(base), San::Uri(uri)) => {
            // A URI without a host name cannot be judged: outside of what is permitted, inside of what is excluded.
            let host = san::uri_host(uri).filter(|host| host.parse::<IpAddr>().is_err());
            host.map_or(side == Side::Excluded, |host| host_inside(&base.as_str().to_ascii_lowercase(), &host))
        }
        _ => return Relation::Irrelevant,
    };
    if inside { Relation::Inside } else { Relation::Outside }
}

fn relate_subject(base: &GeneralName, subject: &RdnSequence) -> Relation {
    match base {
        GeneralName::DirectoryName(base) if subject.0.starts_with(&base.0) => Relation::Inside,
        GeneralName::DirectoryName(_) => Relation::Outside,
        GeneralName::OtherName(_)
        | GeneralName::Rfc822Name(_)
        | GeneralName::DnsName(_)
        | GeneralName::EdiPartyName(_)
        | GeneralName::UniformResourceIdentifier(_)
        | GeneralName::IpAddress(_)
        | GeneralName::RegisteredId(_) => Relation::Irrelevant,
    }
}

/// A base holds itself and everything below; with a leading dot only what is below.
fn dns_inside(base: &str, name: &str, side: Side) -> bool {
    if base.is_empty() {
        return true;
    }
    match name.strip_prefix("*.") {
        // `*.a` stands for every host directly below `a`, so a base below `a` is touched but does not hold it.
        Some(parent) if side == Side::Excluded => {
            is_below(parent, base) || is_below(base.trim_start_matches('.'), parent)
        }
        Some(parent) => is_below(parent, base) || base.strip_prefix('.') == Some(parent),
        None => is_below(name, base),
    }
}

fn is_below(name: &str, base: &str) -> bool {
    let parent = base.strip_prefix('.').unwrap_or(base);
    let below = name.strip_suffix(parent).is_some_and(|rest| rest.ends_with('.'));
    below || (name == base)
}

/// Hosts of URIs: a base is one host, with a leading dot every host below.
fn host_inside(base: &str, host: &str) -> bool {
    if base.starts_with('.') { host.ends_with(base) } else { host == base }
}

fn email_inside(base: &str, address: &str) -> bool {
    let Some((local, host)) = address.split_once('@') else { return false };
    match base.split_once('@') {
        Some((base_local, base_host)) => base_local == local && base_host.eq_ignore_ascii_case(host),
        None => host_inside(&base.to_ascii_lowercase(), host),
    }
}

/// Address and mask, of 4 octets each or of 16.
fn ip_inside(base: &[u8], address: IpAddr) -> bool {
    let within = |octets: &[u8]| {
        let (network, mask) = base.split_at(base.len() / 2);
        network.len() == octets.len()
            && octets.iter().zip(network).zip(mask).all(|((octet, network), mask)| octet & mask == network & mask)
    };
    match address {
        IpAddr::V4(address) => within(&address.octets()),
        IpAddr::V6(address) => within(&address.octets()),
    }
}

#[cfg(test)]
mod tests;

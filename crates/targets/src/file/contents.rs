//! From configuration and material to the bytes of each file and the name to look for.

use std::path::Path;

use certctl_connector::{Material, schema::Mode};
use certctl_pki::{Certificate, San, pem};
use secrecy::ExposeSecret;
use zeroize::Zeroizing;

use super::{CertContent, FileConfig, owner};
use crate::{
    deploy::{
        plan::{Destination, PlannedFile},
        verify::Verify,
    },
    trouble::Trouble,
};

/// The files, the certificate first.
pub(super) fn files(config: &FileConfig, material: &Material) -> Result<Vec<PlannedFile>, Trouble> {
    let bytes = [
        Some(certificate(config.cert_content, material)),
        config.key_path.as_ref().map(|_| key(material)),
        config.chain_path.as_ref().map(|_| Zeroizing::new(pem::to_pem_chain(&material.chain).into_bytes())),
    ];
    let destinations = destinations(config).into_iter();
    destinations.zip(bytes.into_iter().flatten()).map(|(to, bytes)| Ok(PlannedFile { to: to?, bytes })).collect()
}

/// Where the files go, the certificate first; for each what is wrong with its owner.
pub(super) fn destinations(config: &FileConfig) -> Vec<Result<Destination, Trouble>> {
    let with_key = config.cert_content == CertContent::KeyFullchain;
    let certificate = destination(
        &config.cert_path,
        with_key,
        config.cert_mode,
        ("cert_owner", config.cert_owner.as_deref()),
        ("cert_group", config.cert_group.as_deref()),
    );
    let key = config.key_path.as_ref().map(|path| {
        let owner = ("key_owner", config.key_owner.as_deref());
        destination(path, true, config.key_mode, owner, ("key_group", config.key_group.as_deref()))
    });
    let chain = config.chain_path.as_ref().map(|path| {
        let owner = ("chain_owner", config.chain_owner.as_deref());
        destination(path, false, config.chain_mode, owner, ("chain_group", config.chain_group.as_deref()))
    });
    [Some(certificate), key, chain].into_iter().flatten().collect()
}

fn destination(
    path: &Path,
    private: bool,
    mode: Option<Mode>,
    owner: (&str, Option<&str>),
    group: (&str, Option<&str>),
) -> Result<Destination, Trouble> {
    Ok(Destination {
        path: path.to_owned(),
        private,
        mode: octal(mode),
        owner: owner::user(owner.0, owner.1)?,
        group: owner::group(group.0, group.1)?,
    })
}

/// Where to look; `None` when the configuration says not to.
pub(super) fn verify(config: &FileConfig, leaf: Option<&Certificate>) -> Option<Verify> {
    let verify = config.post_deploy_verify.as_ref().filter(|verify| verify.enabled)?;
    let endpoint = verify.endpoint.clone()?;
    let host = endpoint.rsplit_once(':').map_or(endpoint.as_str(), |(host, _)| host).to_owned();
    Some(Verify {
        server_name: verify.server_name.clone().or_else(|| leaf.and_then(first_name)).unwrap_or(host),
        endpoint,
        timeout: verify.timeout.0,
        attempts: verify.attempts,
        backoff: verify.backoff.0,
        backoff_max: verify.max_backoff.0,
        required_successes: verify.required_successes,
    })
}

/// A wildcard is no name one can ask for; any label in its place is covered by it.
fn first_name(leaf: &Certificate) -> Option<String> {
    let names = || {
        leaf.sans().iter().filter_map(|san| match san {
            San::Dns(name) => Some(name.as_str()),
            San::Ip(_) | San::Email(_) | San::Uri(_) => None,
        })
    };
    let plain = names().find(|name| !name.starts_with('*')).map(str::to_owned);
    plain.or_else(|| names().next().map(|name| name.replacen('*', "www", 1)))
}

fn certificate(content: CertContent, material: &Material) -> Zeroizing<Vec<u8>> {
    let leaf = material.leaf.to_pem();
    let mut bytes = match content {
        CertContent::Fullchain | CertContent::Leaf => Zeroizing::new(Vec::new()),
        CertContent::KeyFullchain => key(material),
    };
    bytes.extend_from_slice(leaf.as_bytes());
    match content {
        CertContent::Leaf => {}
        CertContent::Fullchain | CertContent::KeyFullchain => {
            bytes.extend_from_slice(pem::to_pem_chain(&material.chain).as_bytes());
        }
    }
    bytes
}

fn key(material: &Material) -> Zeroizing<Vec<u8>> {
    let text = material.key_pem.expose_secret();
    // Room for the certificates too, so that growing leaves no copy of the key behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(64 * 1024));
    bytes.extend_from_slice(text.trim_end().as_bytes());
    bytes.push(b'\n');
    bytes
}

fn octal(mode: Option<Mode>) -> Option<u32> {
    mode.map(|mode| mode.0)
}

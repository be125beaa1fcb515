//! From configuration and material to the bytes of each file and the name to look for.

use certctl_connector::{Material, schema::Mode};
use certctl_pki::{Certificate, San, pem};
use secrecy::ExposeSecret;
use zeroize::Zeroizing;

use super::{CertContent, FileConfig, owner};
use crate::{
    deploy::{plan::PlannedFile, verify::Verify},
    trouble::Trouble,
};

/// The files, the certificate first.
pub(super) fn files(config: &FileConfig, material: &Material) -> Result<Vec<PlannedFile>, Trouble> {
    let mut files = vec![PlannedFile {
        path: config.cert_path.clone(),
        bytes: certificate(config.cert_content, material),
        private: config.cert_content == CertContent::KeyFullchain,
        mode: octal(config.cert_mode),
        owner: owner::user("cert_owner", config.cert_owner.as_deref())?,
        group: owner::group("cert_group", config.cert_group.as_deref())?,
    }];
    if let Some(path) = &config.key_path {
        files.push(PlannedFile {
            path: path.clone(),
            bytes: key(material),
            private: true,
            mode: octal(config.key_mode),
            owner: owner::user("key_owner", config.key_owner.as_deref())?,
            group: owner::group("key_group", config.key_group.as_deref())?,
        });
    }
    if let Some(path) = &config.chain_path {
        files.push(PlannedFile {
            path: path.clone(),
            bytes: Zeroizing::new(pem::to_pem_chain(&material.chain).into_bytes()),
            private: false,
            mode: octal(config.chain_mode),
            owner: owner::user("chain_owner", config.chain_owner.as_deref())?,
            group: owner::group("chain_group", config.chain_group.as_deref())?,
        });
    }
    Ok(files)
}

/// Where to look; `None` when the configuration says not to.
pub(super) fn verify(config: &FileConfig, leaf: &Certificate) -> Option<Verify> {
    let verify = config.post_deploy_verify.as_ref().filter(|verify| verify.enabled)?;
    let endpoint = verify.endpoint.clone()?;
    let host = endpoint.rsplit_once(':').map_or(endpoint.as_str(), |(host, _)| host).to_owned();
    Some(Verify {
        server_name: verify.server_name.clone().or_else(|| first_name(leaf)).unwrap_or(host),
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

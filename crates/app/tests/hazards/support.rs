//! What every test asks of the application.

use certctl_pki::{Csr, KeyKind, PrivateKey, San};

pub(crate) fn csr(name: &str) -> String {
    let key = PrivateKey::generate(KeyKind::EcdsaP256).expect("a key");
    Csr::build(&key, Some(name), &[San::parse(name).expect("a name")]).expect("a request").to_pem()
}

use certctl_pki::{
    ExtendedKeyUsage, KeyKind, PrivateKey, San, Serial, Template, Timestamp,
    build::{Kind, Validity},
    name::Subject,
};
use rustls::{
    ServerConfig,
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::{io::AsyncReadExt, net::TcpListener};
use tokio_rustls::TlsAcceptor;

use super::*;

const SOON: Duration = Duration::from_secs(5);

struct Pair {
    certificate: Certificate,
    key: PrivateKey,
}

fn pair(name: &str) -> Pair {
    let key = PrivateKey::generate(KeyKind::EcdsaP256).expect("key");
    let template = Template {
        kind: Kind::Leaf,
        serial: Serial::from_hex("2a").expect("serial"),
        subject: Subject::default(),
        sans: vec![San::parse(name).expect("name")],
        public_key: key.public_key().clone(),
        validity: Validity::lasting(Timestamp::UNIX_EPOCH, Duration::from_secs(3600)).expect("validity"),
        extended_key_usages: vec![ExtendedKeyUsage::ServerAuth],
        must_staple: false,
    };
    let tbs = template.self_signed().expect("template");
    let signature = key.sign(tbs.der()).expect("signature");
    Pair { certificate: tbs.finish(&signature).expect("certificate"), key }
}

impl Pair {
    fn certified(&self) -> Arc<CertifiedKey> {
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.to_pkcs8_der().to_vec()));
        let key = rustls::crypto::aws_lc_rs::sign::any_supported_type(&key).expect("key type");
        Arc::new(CertifiedKey::new(vec![CertificateDer::from(self.certificate.der().to_vec())], key))
    }
}

/// Answers by name, as a server with several virtual hosts does.
#[derive(Debug)]
struct ByName(Vec<(&'static str, Arc<CertifiedKey>)>);

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name().unwrap_or("no name");
        self.0.iter().find(|(known, _)| *known == name).map(|(_, key)| key.clone())
    }
}

async fn serve(pairs: Vec<(&'static str, &Pair)>, versions: &[&'static rustls::SupportedProtocolVersion]) -> String {
    let keys = pairs.into_iter().map(|(name, pair)| (name, pair.certified())).collect();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_protocol_versions(versions)
        .expect("versions")
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(ByName(keys)));
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let endpoint = listener.local_addr().expect("address").to_string();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                if let Ok(mut stream) = acceptor.accept(stream).await {
                    let mut sent = Vec::new();
                    let _ = stream.read_to_end(&mut sent).await;
                    assert!(sent.is_empty(), "a probe sends no data");
                }
            });
        }
    });
    endpoint
}

#[tokio::test]
async fn the_certificate_of_the_name_asked_for_is_returned() {
    let (a, b) = (pair("a.example"), pair("b.example"));
    let endpoint = serve(vec![("a.example", &a), ("b.example", &b)], rustls::ALL_VERSIONS).await;
    for (name, pair) in [("a.example", &a), ("b.example", &b)] {
        let presented = handshake(&endpoint, name, SOON).await.expect("handshake");
        assert_eq!(presented.leaf, pair.certificate);
        assert_eq!(presented.fingerprint_sha256(), pair.certificate.fingerprint_sha256());
        assert_eq!(presented.leaf.serial().to_hex(), "2a");
        assert_eq!(presented.protocol, "TLSv1.3");
        assert_eq!(presented.chain, Vec::<Vec<u8>>::new());
    }
}

#[tokio::test]
async fn a_name_that_is_not_served_is_a_failed_handshake() {
    let a = pair("a.example");
    let endpoint = serve(vec![("a.example", &a)], rustls::ALL_VERSIONS).await;
    let error = handshake(&endpoint, "c.example", SOON).await.expect_err("refused");
    assert!(matches!(error, ProbeError::Handshake { .. }), "{error:?}");
}

#[tokio::test]
async fn an_address_is_asked_for_without_a_name() {
    let a = pair("127.0.0.1");
    let endpoint = serve(vec![("no name", &a)], rustls::ALL_VERSIONS).await;
    assert_eq!(handshake(&endpoint, "127.0.0.1", SOON).await.expect("handshake").leaf, a.certificate);
}

#[tokio::test]
async fn older_servers_are_seen_too() {
    let a = pair("a.example");
    let endpoint = serve(vec![("a.example", &a)], &[&rustls::version::TLS12]).await;
    let presented = handshake(&endpoint, "a.example", SOON).await.expect("handshake");
    assert_eq!((presented.protocol, &presented.leaf), ("TLSv1.2", &a.certificate));
}

#[tokio::test]
async fn a_certificate_served_with_another_key_proves_nothing() {
    let (a, b) = (pair("a.example"), pair("a.example"));
    let mixed = Pair { certificate: a.certificate, key: b.key };
    let endpoint = serve(vec![("a.example", &mixed)], rustls::ALL_VERSIONS).await;
    let error = handshake(&endpoint, "a.example", SOON).await.expect_err("refused");
    assert!(matches!(error, ProbeError::Handshake { .. }), "{error:?}");
}

#[tokio::test]
async fn nobody_there_is_told_apart_from_silence_and_from_noise() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let endpoint = listener.local_addr().expect("address").to_string();
    drop(listener);
    let error = handshake(&endpoint, "a.example", SOON).await.expect_err("refused");
    assert!(matches!(error, ProbeError::Refused { .. }), "{error:?}");

    let silent = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let endpoint = silent.local_addr().expect("address").to_string();
    let error = handshake(&endpoint, "a.example", Duration::from_millis(50)).await.expect_err("silent");
    assert!(matches!(error, ProbeError::Timeout { phase: Phase::Handshaking, .. }), "{error:?}");

    let noisy = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let endpoint = noisy.local_addr().expect("address").to_string();
    tokio::spawn(async move {
        let (mut stream, _) = noisy.accept().await.expect("accept");
        let _ = stream.write_all(b"220 mail.example ESMTP\r\n").await;
        let _ = stream.read_to_end(&mut Vec::new()).await;
    });
    let error = handshake(&endpoint, "a.example", SOON).await.expect_err("noise");
    assert!(matches!(error, ProbeError::Handshake { .. }), "{error:?}");
}

#[tokio::test]
async fn what_cannot_be_asked_is_said_before_dialling() {
    let error = handshake("127.0.0.1:1", "not a name", SOON).await.expect_err("name");
    assert!(matches!(error, ProbeError::Name { .. }), "{error:?}");
    let error = handshake("127.0.0.1", "a.example", SOON).await.expect_err("endpoint");
    assert!(matches!(error, ProbeError::Resolve { .. }), "{error:?}");
}

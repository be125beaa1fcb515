//! OpenSSL as a second opinion: what certctl makes it must accept, what it makes certctl must read or refuse for the
//! right reason. Without the `openssl` program each test says so and passes.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use certctl_pki::build::{Kind, Validity};
use certctl_pki::chain;
use certctl_pki::key::Weakness;
use certctl_pki::name::Subject;
use certctl_pki::pem::to_pem_chain;
use certctl_pki::{
    Certificate, Csr, CsrError, ExtendedKeyUsage, IssuerRef, KeyError, KeyKind, PrivateKey, San, Serial, Template,
    Timestamp, lint,
};

const NOW: Timestamp = Timestamp::from_unix_secs(1_800_000_000);
const DAY: Duration = Duration::from_secs(86_400);

/// A temporary directory in which `openssl` runs.
struct OpenSsl(tempfile::TempDir);

impl OpenSsl {
    /// `None` when the program is not there.
    #[expect(clippy::print_stderr, reason = "a skipped test says so")]
    fn find(test: &str) -> Option<Self> {
        if Command::new("openssl").arg("version").output().is_err() {
            eprintln!("SKIP {test}: the openssl program is not installed (package openssl)");
            return None;
        }
        Some(Self(tempfile::tempdir().expect("temporary directory")))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("write");
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).expect("read")
    }

    fn run(&self, arguments: &str) -> Output {
        let mut command = Command::new("openssl");
        command.args(arguments.split_whitespace()).current_dir(self.0.path());
        command.output().expect("openssl runs")
    }

    #[track_caller]
    fn succeed(&self, arguments: &str) -> String {
        let output = self.run(arguments);
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "openssl {arguments}\n{text}");
        text
    }

    #[track_caller]
    fn fail(&self, arguments: &str) -> String {
        let output = self.run(arguments);
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "openssl {arguments}\n{text}");
        text
    }
}

struct Authority {
    key: PrivateKey,
    certificate: Certificate,
}

impl Authority {
    fn root(kind: KeyKind, path_len: u8) -> Self {
        let key = PrivateKey::generate(kind).expect("key");
        let tbs = ca(&key, "Root", path_len).self_signed().expect("template");
        let signature = key.sign(tbs.der()).expect("sign");
        Self { certificate: tbs.finish(&signature).expect("finish"), key }
    }

    fn below(&self, kind: KeyKind, name: &str, path_len: u8) -> Self {
        let key = PrivateKey::generate(kind).expect("key");
        let certificate = self.issue(&ca(&key, name, path_len));
        Self { key, certificate }
    }

    fn issue(&self, template: &Template) -> Certificate {
        let tbs = template.issued_by(&IssuerRef::new(self.certificate.clone()).expect("a CA")).expect("template");
        assert_eq!(lint::check(&tbs, NOW), []);
        let signature = self.key.sign(tbs.der()).expect("sign");
        tbs.finish(&signature).expect("finish")
    }
}

fn ca(key: &PrivateKey, name: &str, path_len: u8) -> Template {
    Template {
        kind: Kind::Ca { path_len: Some(path_len) },
        subject: Subject::common_name(name).expect("name").with_organization("Example").expect("name"),
        sans: vec![],
        validity: Validity::lasting(NOW - DAY, 3650 * DAY).expect("validity"),
        extended_key_usages: vec![],
        ..leaf(key, &[])
    }
}

fn leaf(key: &PrivateKey, names: &[&str]) -> Template {
    Template {
        kind: Kind::Leaf,
        serial: Serial::from_random([names.len() as u8 ^ 0x5a; 16]),
        subject: Subject::empty(),
        sans: names.iter().map(|name| San::parse(name).expect(name)).collect(),
        public_key: key.public_key().clone(),
        validity: Validity::lasting(NOW, 90 * DAY).expect("validity"),
        extended_key_usages: vec![ExtendedKeyUsage::ServerAuth],
        must_staple: false,
    }
}

fn verify(openssl: &OpenSsl, purpose: &str) -> String {
    let at = NOW.unix_secs() + 1;
    let arguments =
        format!("verify -x509_strict -attime {at} -CAfile root.pem -untrusted chain.pem -purpose {purpose} leaf.pem");
    openssl.succeed(&arguments)
}

#[test]
fn chains_of_every_algorithm_verify_strictly() {
    let Some(openssl) = OpenSsl::find("chains_of_every_algorithm_verify_strictly") else { return };
    for kind in KeyKind::ALL {
        let root = Authority::root(kind, 1);
        let issuing = root.below(if kind == KeyKind::EcdsaP384 { KeyKind::EcdsaP256 } else { kind }, "Issuing", 0);
        openssl.write("root.pem", &root.certificate.to_pem());
        openssl.write("chain.pem", &issuing.certificate.to_pem());
        let key = PrivateKey::generate(kind).expect("key");
        let names = ["a.example", "*.b.example", "192.0.2.1", "2001:db8::1", "x@a.example", "spiffe://a/b"];
        let mut template = leaf(&key, &names);
        template.must_staple = true;
        let certificate = issuing.issue(&template);
        openssl.write("leaf.pem", &certificate.to_pem());
        assert!(verify(&openssl, "sslserver").contains("leaf.pem: OK"), "{kind}");
        let text = openssl.succeed("x509 -in leaf.pem -noout -text");
        for expected in
            ["DNS:*.b.example", "IP Address:192.0.2.1", "URI:spiffe://a/b", "email:x@a.example", "status_request"]
        {
            assert!(text.contains(expected), "{kind}: {expected} in\n{text}");
        }
        let serial = openssl.succeed("x509 -in leaf.pem -noout -serial");
        assert_eq!(Serial::from_hex(serial.trim().trim_start_matches("serial=")).as_ref(), Ok(certificate.serial()));
        let fingerprint =
            openssl.succeed("x509 -in leaf.pem -noout -fingerprint -sha256").to_lowercase().replace(':', "");
        assert!(fingerprint.contains(&certificate.fingerprint_sha256()));
    }
}

#[test]
fn four_levels_verify_here_and_there() {
    let Some(openssl) = OpenSsl::find("four_levels_verify_here_and_there") else { return };
    let root = Authority::root(KeyKind::EcdsaP384, 2);
    let policy = root.below(KeyKind::Rsa2048, "Policy", 1);
    let issuing = policy.below(KeyKind::EcdsaP256, "Issuing", 0);
    let key = PrivateKey::generate(KeyKind::Ed25519).expect("key");
    let certificate = issuing.issue(&leaf(&key, &["a.example"]));
    let between = [issuing.certificate, policy.certificate];
    openssl.write("root.pem", &root.certificate.to_pem());
    openssl.write("chain.pem", &to_pem_chain(&between));
    openssl.write("leaf.pem", &certificate.to_pem());
    verify(&openssl, "sslserver");
    let result = chain::validate(&certificate, &between, &[root.certificate], NOW, ExtendedKeyUsage::ServerAuth);
    assert_eq!(result, Ok(()));
}

#[test]
fn purposes_are_accepted_by_their_checks() {
    let Some(openssl) = OpenSsl::find("purposes_are_accepted_by_their_checks") else { return };
    let root = Authority::root(KeyKind::EcdsaP256, 0);
    openssl.write("root.pem", &root.certificate.to_pem());
    openssl.write("chain.pem", "");
    for kind in [KeyKind::EcdsaP256, KeyKind::Rsa2048] {
        let key = PrivateKey::generate(kind).expect("key");
        for (usage, purpose) in [
            (ExtendedKeyUsage::ServerAuth, "sslserver"),
            (ExtendedKeyUsage::ClientAuth, "sslclient"),
            (ExtendedKeyUsage::EmailProtection, "smimesign"),
            (ExtendedKeyUsage::TimeStamping, "timestampsign"),
        ] {
            let template = Template { extended_key_usages: vec![usage], ..leaf(&key, &["x@a.example"]) };
            openssl.write("leaf.pem", &root.issue(&template).to_pem());
            let at = NOW.unix_secs() + 1;
            openssl.succeed(&format!("verify -x509_strict -attime {at} -CAfile root.pem -purpose {purpose} leaf.pem"));
        }
    }
}

#[test]
fn altered_expired_and_foreign_leaves_are_refused_here_and_there() {
    let Some(openssl) = OpenSsl::find("altered_expired_and_foreign_leaves_are_refused_here_and_there") else { return };
    let root = Authority::root(KeyKind::EcdsaP256, 0);
    let key = PrivateKey::generate(KeyKind::EcdsaP256).expect("key");
    let good = root.issue(&leaf(&key, &["a.example"]));
    let mut der = good.der().to_vec();
    let at = der.windows(9).position(|window| window == b"a.example").expect("the name is there");
    der[at] = b'b';
    let altered = Certificate::parse_der(&der).expect("still a certificate");
    let foreign = Authority::root(KeyKind::EcdsaP256, 0).issue(&leaf(&key, &["a.example"]));
    openssl.write("root.pem", &root.certificate.to_pem());
    let mut ours = Vec::new();
    for (certificate, now, expected) in [
        (altered, NOW, "certificate signature failure"),
        (good, NOW + 91 * DAY, "certificate has expired"),
        (foreign, NOW, "unable to get local issuer certificate"),
    ] {
        openssl.write("leaf.pem", &certificate.to_pem());
        let said = openssl.fail(&format!("verify -attime {} -CAfile root.pem leaf.pem", now.unix_secs() + 1));
        assert!(said.contains(expected), "{said}");
        let anchors = std::slice::from_ref(&root.certificate);
        ours.push(chain::validate(&certificate, &[], anchors, now, ExtendedKeyUsage::ServerAuth).expect_err("refused"));
    }
    assert!(matches!(
        &ours[..],
        [
            chain::ChainError::BadSignature { .. },
            chain::ChainError::Expired { .. },
            chain::ChainError::UnknownIssuer { .. }
        ]
    ));
}

#[test]
fn requests_of_ours_verify() {
    let Some(openssl) = OpenSsl::find("requests_of_ours_verify") else { return };
    for kind in KeyKind::ALL {
        let key = PrivateKey::generate(kind).expect("key");
        let names = ["a.example", "192.0.2.1"].map(|name| San::parse(name).expect(name));
        let csr = Csr::build(&key, Some("a.example"), &names).expect("build");
        openssl.write("csr.pem", &csr.to_pem());
        let text = openssl.succeed("req -in csr.pem -verify -noout -text");
        assert!(text.contains("verify OK") && text.contains("DNS:a.example, IP Address:192.0.2.1"), "{kind}: {text}");
        openssl.write("key.pem", &key.to_pkcs8_pem());
        let public = openssl.succeed("pkey -in key.pem -pubout");
        assert_eq!(public, openssl.succeed("req -in csr.pem -pubkey -noout"));
    }
}

/// Options of `openssl genpkey` and what certctl makes of the key.
const KEYS: [(&str, KeyKind); 6] = [
    ("-algorithm EC -pkeyopt ec_paramgen_curve:P-256", KeyKind::EcdsaP256),
    ("-algorithm EC -pkeyopt ec_paramgen_curve:P-384", KeyKind::EcdsaP384),
    ("-algorithm RSA -pkeyopt rsa_keygen_bits:2048", KeyKind::Rsa2048),
    ("-algorithm RSA -pkeyopt rsa_keygen_bits:3072", KeyKind::Rsa3072),
    ("-algorithm RSA -pkeyopt rsa_keygen_bits:4096", KeyKind::Rsa4096),
    ("-algorithm ED25519", KeyKind::Ed25519),
];

#[test]
fn keys_and_requests_of_theirs_are_read() {
    let Some(openssl) = OpenSsl::find("keys_and_requests_of_theirs_are_read") else { return };
    for (options, kind) in KEYS {
        openssl.succeed(&format!("genpkey {options} -out key.pem"));
        let key = PrivateKey::from_pem(&openssl.read("key.pem")).expect(options);
        assert_eq!(key.kind(), kind);
        if kind != KeyKind::Ed25519 {
            openssl.succeed("pkey -in key.pem -traditional -out old.pem");
            let old = PrivateKey::from_pem(&openssl.read("old.pem")).expect("traditional");
            assert_eq!(old.public_key(), key.public_key());
        }
        let names = "subjectAltName=DNS:a.example,IP:192.0.2.1,email:x@a.example,URI:urn:a:b";
        openssl.succeed(&format!("req -new -key key.pem -subj /CN=a.example/O=Ignored -addext {names} -out csr.pem"));
        let csr = Csr::parse_pem(&openssl.read("csr.pem")).expect(options);
        assert_eq!((csr.key_kind(), csr.sans().len(), csr.common_name()), (kind, 4, Some("a.example")));
        assert_eq!(csr.public_key(), key.public_key());
    }
}

#[test]
fn old_ec_files_with_parameters_and_encrypted_keys() {
    let Some(openssl) = OpenSsl::find("old_ec_files_with_parameters_and_encrypted_keys") else { return };
    openssl.succeed("ecparam -name prime256v1 -genkey -out key.pem");
    assert!(openssl.read("key.pem").contains("BEGIN EC PARAMETERS"));
    let key = PrivateKey::from_pem(&openssl.read("key.pem")).expect("with parameters");
    assert_eq!(key.kind(), KeyKind::EcdsaP256);
    openssl.succeed("pkey -in key.pem -aes-128-cbc -passout pass:secret -out sealed.pem");
    openssl.succeed("ec -in key.pem -aes-128-cbc -passout pass:secret -out old.pem");
    for file in ["sealed.pem", "old.pem"] {
        assert_eq!(PrivateKey::from_pem(&openssl.read(file)).map(|_| ()), Err(KeyError::Encrypted), "{file}");
    }
    openssl.succeed("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-521 -out p521.pem");
    assert!(matches!(PrivateKey::from_pem(&openssl.read("p521.pem")), Err(KeyError::Unsupported { .. })));
}

#[test]
fn weak_requests_of_theirs_are_refused_for_their_reason() {
    let Some(openssl) = OpenSsl::find("weak_requests_of_theirs_are_refused_for_their_reason") else { return };
    let refuse = |key: &str, options: &str| {
        openssl.succeed(&format!("genpkey {key} -out key.pem"));
        openssl.succeed(&format!("req -new -key key.pem -subj /CN=a.example {options} -out csr.pem"));
        Csr::parse_pem(&openssl.read("csr.pem")).expect_err("refused")
    };
    let rsa = |bits: u32| format!("-algorithm RSA -pkeyopt rsa_keygen_bits:{bits}");
    let weak = |weakness| CsrError::WeakKey(weakness);
    assert_eq!(refuse(&rsa(1024), ""), weak(Weakness::RsaTooSmall { bits: 1024 }));
    assert_eq!(refuse(&rsa(2560), ""), weak(Weakness::RsaOddSize { bits: 2560 }));
    assert_eq!(refuse(&format!("{} -pkeyopt rsa_keygen_pubexp:3", rsa(2048)), ""), weak(Weakness::RsaExponent));
    let curve = |name: &str| format!("-algorithm EC -pkeyopt ec_paramgen_curve:{name}");
    assert!(matches!(refuse(&curve("P-521"), ""), CsrError::WeakKey(Weakness::Curve { .. })));
    assert!(matches!(refuse(&curve("secp256k1"), ""), CsrError::WeakKey(Weakness::Curve { .. })));
    assert!(matches!(refuse("-algorithm ED448", ""), CsrError::SignatureAlgorithm { .. }));
    let sha1 = CsrError::BrokenSignatureAlgorithm { algorithm: "SHA-1 with RSA" };
    assert_eq!(refuse(&rsa(2048), "-sha1"), sha1);
    let md5 = CsrError::BrokenSignatureAlgorithm { algorithm: "MD5 with RSA" };
    assert_eq!(refuse(&rsa(2048), "-md5"), md5);
    let pss = refuse(&rsa(2048), "-sigopt rsa_padding_mode:pss");
    assert!(matches!(pss, CsrError::SignatureAlgorithm { .. }));
    let upn = refuse(&curve("P-256"), "-addext subjectAltName=DNS:a.example,otherName:1.3.6.1.4.1.311.20.2.3;UTF8:u");
    assert_eq!(upn, CsrError::UnsupportedName { index: 1, kind: "otherName" });
}

#[test]
fn signatures_verify_both_ways() {
    let Some(openssl) = OpenSsl::find("signatures_verify_both_ways") else { return };
    for (options, kind) in KEYS {
        openssl.succeed(&format!("genpkey {options} -out key.pem"));
        openssl.succeed("pkey -in key.pem -pubout -out public.pem");
        openssl.write("message", "message");
        let key = PrivateKey::from_pem(&openssl.read("key.pem")).expect(options);
        std::fs::write(openssl.path("signature"), key.sign(b"message").expect("sign")).expect("write");
        let digest = match kind {
            KeyKind::Ed25519 => "",
            KeyKind::EcdsaP384 => "-digest sha384",
            KeyKind::EcdsaP256 | KeyKind::Rsa2048 | KeyKind::Rsa3072 | KeyKind::Rsa4096 => "-digest sha256",
        };
        let common = format!("-rawin {digest} -in message");
        openssl.succeed(&format!("pkeyutl -verify -pubin -inkey public.pem -sigfile signature {common}"));
        openssl.succeed(&format!("pkeyutl -sign -inkey key.pem -out signature {common}"));
        let theirs = read(&openssl.path("signature"));
        assert_eq!(key.public_key().verify(key.signature_algorithm(), b"message", &theirs), Ok(()));
    }
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).expect("read")
}

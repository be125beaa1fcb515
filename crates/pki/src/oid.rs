//! Object identifiers, each named once.

use const_oid::ObjectIdentifier;

macro_rules! oids {
    ($($(#[$doc:meta])* $name:ident $text:literal;)*) => {
        $($(#[$doc])* pub(crate) const $name: ObjectIdentifier = ObjectIdentifier::new_unwrap($text);)*
    };
}

oids! {
    // Keys
    EC_PUBLIC_KEY "1.2.840.10045.2.1";
    P256 "1.2.840.10045.3.1.7";
    P384 "1.3.132.0.34";
    P521 "1.3.132.0.35";
    RSA "1.2.840.113549.1.1.1";
    ED25519 "1.3.101.112";
    // Signatures
    ECDSA_SHA1 "1.2.840.10045.4.1";
    ECDSA_SHA256 "1.2.840.10045.4.3.2";
    ECDSA_SHA384 "1.2.840.10045.4.3.3";
    ECDSA_SHA512 "1.2.840.10045.4.3.4";
    RSA_MD2 "1.2.840.113549.1.1.2";
    RSA_MD5 "1.2.840.113549.1.1.4";
    RSA_SHA1 "1.2.840.113549.1.1.5";
    RSA_SHA256 "1.2.840.113549.1.1.11";
    RSA_SHA384 "1.2.840.113549.1.1.12";
    RSA_SHA512 "1.2.840.113549.1.1.13";
    // Attributes of a name
    COMMON_NAME "2.5.4.3";
    ORGANIZATION "2.5.4.10";
    // Requests
    EXTENSION_REQUEST "1.2.840.113549.1.9.14";
    MS_EXTENSION_REQUEST "1.3.6.1.4.1.311.2.1.14";
    // Extensions
    SUBJECT_KEY_ID "2.5.29.14";
    KEY_USAGE "2.5.29.15";
    SUBJECT_ALT_NAME "2.5.29.17";
    BASIC_CONSTRAINTS "2.5.29.19";
    NAME_CONSTRAINTS "2.5.29.30";
    AUTHORITY_KEY_ID "2.5.29.35";
    EXTENDED_KEY_USAGE "2.5.29.37";
    NO_REV_AVAIL "2.5.29.56";
    CRL_DISTRIBUTION_POINTS "2.5.29.31";
    FRESHEST_CRL "2.5.29.46";
    AUTHORITY_INFO_ACCESS "1.3.6.1.5.5.7.1.1";
    TLS_FEATURE "1.3.6.1.5.5.7.1.24";
    // Purposes
    SERVER_AUTH "1.3.6.1.5.5.7.3.1";
    CLIENT_AUTH "1.3.6.1.5.5.7.3.2";
    CODE_SIGNING "1.3.6.1.5.5.7.3.3";
    EMAIL_PROTECTION "1.3.6.1.5.5.7.3.4";
    TIME_STAMPING "1.3.6.1.5.5.7.3.8";
    OCSP_SIGNING "1.3.6.1.5.5.7.3.9";
}

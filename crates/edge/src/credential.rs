//! Reads what a request presents. The scheme is compared without regard to case (RFC 9110 §11.1).

use certctl_app::auth::{ClientCertificate, Presented};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use std::sync::Arc;

use crate::problem::Problem;

/// The credential of a request, unchecked.
///
/// # Errors
/// 401 when the header is there and is no bearer key.
pub(crate) fn presented(
    headers: &HeaderMap,
    certificate: Option<&Arc<ClientCertificate>>,
) -> Result<Presented, Problem> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let key = match (values.next(), values.next()) {
        (None, _) => None,
        (Some(value), None) => Some(value.to_str().ok().and_then(bearer).ok_or_else(malformed)?),
        (Some(_), Some(_)) => return Err(malformed()),
    };
    Ok(Presented::new(key, certificate.cloned()))
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, key) = value.split_once(' ')?;
    let key = key.trim();
    let fits =
        scheme.eq_ignore_ascii_case("bearer") && !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_graphic());
    fits.then_some(key)
}

fn malformed() -> Problem {
    Problem::unauthenticated("credential_malformed", "Invalid Authorization header format, expected: Bearer <token>")
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn only_one_bearer_key_is_read() {
        for (value, fits) in [
            ("Bearer abc", true),
            ("bearer abc", true),
            ("BEARER  abc ", true),
            ("Bearer", false),
            ("Bearer ", false),
            ("Basic abc", false),
            ("Bearer a b", false),
            ("Bearer\tabc", false),
        ] {
            let headers = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static(value))]);
            assert_eq!(presented(&headers, None).is_ok(), fits, "{value:?}");
        }
        let mut twice = HeaderMap::new();
        twice.append(AUTHORIZATION, HeaderValue::from_static("Bearer a"));
        twice.append(AUTHORIZATION, HeaderValue::from_static("Bearer b"));
        assert!(presented(&twice, None).is_err());
        assert!(presented(&HeaderMap::new(), None).is_ok_and(|presented| presented.is_nothing()));
    }
}

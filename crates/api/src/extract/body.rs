//! Request bodies: JSON, read strictly, with every unknown field named.

use bytes::Bytes;
use certctl_edge::doc::Doc;
use certctl_edge::query::unknown;
use certctl_edge::{Call, FromCall, Problem, ProblemDetail};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::strict;

/// A request body of at most `MAX` bytes, and never more than the site allows.
#[derive(Debug)]
pub struct Strict<B, const MAX: usize = { usize::MAX }> {
    /// What the client may write.
    pub value: B,
    /// Fields that only the server writes, as the client sent them; hand them to [`crate::check_server_owned`].
    pub server_owned: Map<String, Value>,
    /// Fields that the client wrote as `null`, which a patch takes for "put it back to its default" (RFC 7396).
    pub cleared: Vec<String>,
}

/// A request body that may be absent, which reads as one without fields.
#[derive(Debug)]
pub struct StrictOrEmpty<B>(pub B);

impl<B: certctl_wire::Body + ToSchema + Send + 'static, const MAX: usize> FromCall for Strict<B, MAX> {
    async fn from_call(call: &mut Call) -> Result<Self, Problem> {
        let bytes = call.read_body(MAX).await?;
        check_media_type(&call.parts.headers)?;
        let Strict { value, server_owned, cleared } = read::<B>(&bytes)?;
        Ok(Self { value, server_owned, cleared })
    }

    fn describe(doc: &mut Doc) {
        describe::<B>(doc);
    }
}

impl<B: certctl_wire::Body + Default + ToSchema + Send + 'static> FromCall for StrictOrEmpty<B> {
    async fn from_call(call: &mut Call) -> Result<Self, Problem> {
        let bytes = call.read_body(usize::MAX).await?;
        if bytes.trim_ascii().is_empty() {
            return Ok(Self(B::default()));
        }
        check_media_type(&call.parts.headers)?;
        read(&bytes).map(|body: Strict<B>| Self(body.value))
    }

    fn describe(doc: &mut Doc) {
        describe::<B>(doc);
        doc.body_optional = true;
    }
}

fn describe<B: ToSchema>(doc: &mut Doc) {
    let schema = doc.schema::<B>();
    doc.body = Some(("application/json", schema));
    doc.fails.extend([400, 408, 413, 415]);
}

/// `application/json` or a `+json` type with any parameters; a body without a type is taken for JSON.
fn check_media_type(headers: &HeaderMap) -> Result<(), Problem> {
    let Some(value) = headers.get(CONTENT_TYPE) else { return Ok(()) };
    let essence = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json")) {
        return Ok(());
    }
    let message = format!("the body is {essence:?}; send application/json");
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media_type", message))
}

fn read<B: certctl_wire::Body>(bytes: &Bytes) -> Result<Strict<B>, Problem> {
    let value = strict::parse(bytes).map_err(|error| malformed(&error))?;
    let Value::Object(mut fields) = value else {
        return Err(Problem::new(StatusCode::BAD_REQUEST, "invalid_json", "the body is a JSON object"));
    };
    let mut wrong = unknown_fields::<B>(&fields);
    let mut server_owned = Map::new();
    for name in B::SERVER_OWNED {
        if let Some(value) = fields.remove(*name) {
            server_owned.insert((*name).to_owned(), value);
        }
    }
    fields.retain(|name, _| B::FIELDS.contains(&name.as_str()));
    let cleared = fields.iter().filter(|(_, value)| value.is_null()).map(|(name, _)| name.clone()).collect();
    let mut passed_over = Vec::new();
    let mut track = serde_path_to_error::Track::new();
    let input = Value::Object(fields);
    let tracked = serde_path_to_error::Deserializer::new(input, &mut track);
    let outcome: Result<B, _> = serde_ignored::deserialize(tracked, |path| passed_over.push(path.to_string()));
    wrong.extend(passed_over.into_iter().map(|field| ProblemDetail { field, message: "is not known".to_owned() }));
    match outcome {
        Ok(value) if wrong.is_empty() => Ok(Strict { value, server_owned, cleared }),
        Ok(_) => Err(Problem::invalid_fields(wrong)),
        Err(error) => {
            wrong.push(ProblemDetail {
                field: track.path().to_string(),
                message: format!("has the wrong type: {error}"),
            });
            Err(Problem::invalid_fields(wrong))
        }
    }
}

fn unknown_fields<B: certctl_wire::Body>(fields: &Map<String, Value>) -> Vec<ProblemDetail> {
    let strangers = fields.keys().filter(|name| !certctl_wire::is_known::<B>(name));
    strangers.map(|name| ProblemDetail { field: name.clone(), message: unknown(name, B::FIELDS) }).collect()
}

fn malformed(error: &serde_json::Error) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "invalid_json", format!("the body is not acceptable JSON: {error}"))
}

#[cfg(test)]
mod tests {
    use certctl_wire::{ApiKeyCreate, Body, CertificateCreate};

    use super::*;

    fn details<B: certctl_wire::Body + std::fmt::Debug>(body: &str) -> Vec<(String, String)> {
        let problem = read::<B>(&Bytes::copy_from_slice(body.as_bytes())).expect_err("refused");
        problem.details.iter().map(|detail| (detail.field.clone(), detail.message.clone())).collect()
    }

    #[test]
    fn every_mistake_is_named_with_its_field() {
        let wrong = details::<ApiKeyCreate>(r#"{"nam":"x","role_ids":["r-admin"],"expires":1}"#);
        assert_eq!(wrong[1], ("nam".to_owned(), "is not known; did you mean name?".to_owned()));
        assert_eq!(wrong[0], ("expires".to_owned(), "is not known; did you mean expires_at?".to_owned()));
        let wrong = details::<ApiKeyCreate>(r#"{"name":"x","role_ids":["r-admin",5]}"#);
        assert_eq!(wrong[0].0, "role_ids[1]");
        let wrong = details::<ApiKeyCreate>(r#"{"name":7}"#);
        assert_eq!(wrong[0].0, "name");
    }

    #[test]
    fn fields_of_the_server_are_kept_apart_and_those_of_reference_clients_passed_over() {
        for name in CertificateCreate::IGNORED {
            let body = format!(r#"{{"name":"a","{name}":"x"}}"#);
            assert!(read::<CertificateCreate>(&Bytes::from(body)).is_ok(), "{name}");
        }
        for name in CertificateCreate::SERVER_OWNED {
            let body = format!(r#"{{"name":"a","{name}":"x"}}"#);
            let body = read::<CertificateCreate>(&Bytes::from(body)).expect("read");
            assert_eq!(body.server_owned[*name], "x");
        }
    }
}

//! The OpenAPI document, made of the route table.

use std::sync::LazyLock;

use bytes::Bytes;
use certctl_edge::doc::Doc;
use certctl_edge::{Access, Problem, RenderedJson, RouteInfo, Routes, get};
use utoipa::openapi::path::{HttpMethod, OperationBuilder, PathItem, PathsBuilder};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::schema::Schema;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, ContentBuilder, InfoBuilder, OpenApi, OpenApiBuilder, RefOr, Required};

pub(crate) fn routes() -> Routes {
    Routes::new("system").with(get("/api/v1/openapi.json", openapi_get).about("This document.").authenticated())
}

async fn openapi_get() -> Result<RenderedJson, Problem> {
    static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| json().into());
    Ok(RenderedJson(DOCUMENT.clone()))
}

/// The document of all routes of this door, indented and newline-terminated.
#[must_use]
pub fn json() -> String {
    let mut text = document(&crate::routes()).to_pretty_json().expect("the document serialises");
    text.push('\n');
    text
}

/// The document of these routes.
#[must_use]
pub fn document(routes: &Routes) -> OpenApi {
    let mut common = Doc::default();
    let problem = common.schema::<certctl_wire::Problem>();
    let mut components = ComponentsBuilder::new().schemas_from_iter(common.schemas);
    let mut paths = PathsBuilder::new();
    for info in routes.infos() {
        components = components.schemas_from_iter(info.doc.schemas.clone());
        paths = paths.path(info.path, PathItem::new(method(info), operation(info, &problem)));
    }
    let key =
        HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("An API key, or an agent's key.")).build();
    let components = components.security_scheme(KEY, SecurityScheme::Http(key)).build();
    let info = InfoBuilder::new().title("certctl API").version("1").description(Some(ABOUT)).build();
    OpenApiBuilder::new().info(info).paths(paths.build()).components(Some(components)).build()
}

fn method(info: &RouteInfo) -> HttpMethod {
    match info.method.as_str() {
        "GET" => HttpMethod::Get,
        "POST" => HttpMethod::Post,
        "PUT" => HttpMethod::Put,
        "PATCH" => HttpMethod::Patch,
        _ => HttpMethod::Delete,
    }
}

fn operation(info: &RouteInfo, problem: &RefOr<Schema>) -> utoipa::openapi::path::Operation {
    let mut operation = OperationBuilder::new()
        .tag(info.group)
        .operation_id(Some(info.name))
        .summary(Some(info.about))
        .description(Some(format!("Access: {}.", info.access.as_text())));
    for parameter in &info.doc.parameters {
        operation = operation.parameter(parameter.clone());
    }
    if let Some((media_type, schema)) = &info.doc.body {
        let content = ContentBuilder::new().schema(Some(schema.clone())).build();
        let required = if info.doc.body_optional { Required::False } else { Required::True };
        let body = RequestBodyBuilder::new().content(*media_type, content).required(Some(required)).build();
        operation = operation.request_body(Some(body));
    }
    for status in &info.statuses {
        operation = operation.response(status.to_string(), response(info, *status, problem));
    }
    if info.access != Access::Public {
        operation = operation.security(SecurityRequirement::new(KEY, Vec::<String>::new()));
    }
    operation.build()
}

fn response(info: &RouteInfo, status: u16, problem: &RefOr<Schema>) -> utoipa::openapi::Response {
    let Some(answer) = info.doc.answers.get(&status) else {
        let content = ContentBuilder::new().schema(Some(problem.clone())).build();
        return ResponseBuilder::new().description(meaning(status)).content("application/json", content).build();
    };
    let mut response = ResponseBuilder::new().description(answer.about);
    if let Some((media_type, schema)) = &answer.body {
        response = response.content(*media_type, ContentBuilder::new().schema(Some(schema.clone())).build());
    }
    for name in &answer.headers {
        response = response.header(*name, utoipa::openapi::Header::default());
    }
    response.build()
}

/// What a failure means, in one line.
fn meaning(status: u16) -> &'static str {
    match status {
        400 => "Malformed, or a reference to something that does not exist.",
        401 => "No credential, or one that is not accepted.",
        403 => "The credential does not permit this.",
        404 => "No such thing, or none that the caller may know of.",
        408 => "The body did not arrive in time.",
        409 => "In the way of something that exists.",
        410 => "It was there and is gone for good.",
        412 => "If-Match names another revision than the stored one.",
        413 => "The body is too large.",
        415 => "The body is not plain JSON.",
        422 => "Understood, and refused by profile, policy or state.",
        429 => "Too many requests; see Retry-After.",
        502 => "An issuer or target did not do its part.",
        503 => "The database is not available; see Retry-After.",
        _ => "The server failed.",
    }
}

const KEY: &str = "key";
const ABOUT: &str = "Times are RFC 3339, ids are opaque. Lists take page and per_page, or cursor and page_size. \
    Every answer carries X-Request-ID; every failure has one body.";

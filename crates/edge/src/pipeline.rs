//! The way of every request, outermost first: id, client address, limit by address, route; then, at the route, credential,
//! rule, limit by actor, query, handler; and on the way back headers, log and counters. One way for all doors and all answers.

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use certctl_app::Caller;
use certctl_app::auth::{ClientCertificate, Presented};
use futures::FutureExt;
use http::header::{ALLOW, ORIGIN};
use http::{HeaderMap, Method, StatusCode, Uri};
use tower::ServiceExt;

use crate::call::{Call, Trail};
use crate::credential;
use crate::handler::Run;
use crate::headers;
use crate::limit::{self, Budget};
use crate::problem::Problem;
use crate::query;
use crate::repeat;
use crate::route::{Access, RouteInfo};
use crate::site::Site;

/// The connection that a request came over.
#[derive(Clone)]
pub struct Connection {
    /// Address of the other end.
    pub peer: IpAddr,
    /// The client certificate, if one was presented; the handshake has proved its possession and nothing more.
    pub certificate: Option<Arc<ClientCertificate>>,
}

/// A request at its route.
pub(crate) struct Arrival {
    context: Context,
    request: Request,
}

/// What goes along with a request to its route.
#[derive(Clone)]
struct Context {
    site: Site,
    trail: Trail,
    presented: Result<Presented, Problem>,
}

/// What the route tells the pipeline, along with its answer.
#[derive(Clone)]
struct Served {
    route: Arc<RouteInfo>,
    index: usize,
    budget: Option<Budget>,
    actor: Option<String>,
}

impl Site {
    /// Answers a request.
    pub async fn handle(&self, connection: &Connection, request: Request) -> Response {
        let started = Instant::now();
        let trail = self.trail(connection, request.headers());
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let inbound = headers::client_request_id(request.headers());
        let none_match = headers::none_match(&method, request.headers());
        let origin = request.headers().get(ORIGIN).cloned();
        let answer = AssertUnwindSafe(self.routed(connection, &trail, request)).catch_unwind().await;
        let mut response = answer.unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
            tracing::error!(request_id = %trail.request_id, "request {} panicked: {text}", trail.request_id);
            Problem::bug().into_response()
        });
        let served = response.extensions_mut().remove::<Served>();
        if let Some(problem) = response.extensions_mut().remove::<Problem>() {
            let allow = response.headers_mut().remove(ALLOW);
            response = problem.render(&trail.request_id);
            if let Some(allow) = allow {
                response.headers_mut().insert(ALLOW, allow);
            }
        }
        let mut response = headers::unless_known(response, none_match.as_ref());
        headers::finish(&mut response, &uri, &trail.request_id, served.as_ref().and_then(|served| served.budget));
        self.config().cors.finish(origin.as_ref(), &uri, &mut response);
        let took = started.elapsed();
        self.metrics().count(served.as_ref().map(|served| served.index), response.status().as_u16(), took);
        tracing::info!(
            target: "certctl::access",
            request_id = %trail.request_id,
            client_request_id = inbound,
            client = %trail.client,
            peer = %connection.peer,
            actor = served.as_ref().and_then(|served| served.actor.as_deref()),
            route = served.as_ref().map(|served| served.route.path),
            status = response.status().as_u16(),
            took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            "{method} {} {} in {:.1} ms",
            uri.path(),
            response.status().as_u16(),
            took.as_secs_f64() * 1000.0,
        );
        response
    }

    fn trail(&self, connection: &Connection, headers: &HeaderMap) -> Trail {
        let client = crate::client_ip::client_address(connection.peer, headers, &self.config().trusted_proxies);
        Trail { request_id: request_id(self.app().random()).into(), client }
    }

    /// Everything in front of the router.
    async fn routed(&self, connection: &Connection, trail: &Trail, mut request: Request) -> Response {
        if request.uri().path_and_query().is_some_and(|target| target.as_str().len() > URI_MAX) {
            return Problem::new(
                StatusCode::URI_TOO_LONG,
                "uri_too_long",
                format!("the target is longer than {URI_MAX} bytes"),
            )
            .into_response();
        }
        if request.method() == Method::HEAD {
            return Problem::no_method("GET").into_response();
        }
        let presented = credential::presented(request.headers(), connection.certificate.as_ref());
        let known = presented.as_ref().is_ok_and(|presented| self.auth().knows(presented));
        let budget = if known { None } else { self.limits().address(trail.client) };
        if let Some(problem) = limit::refusal(budget) {
            return problem.into_response();
        }
        if let Some(response) = self.config().cors.preflight(request.method(), request.headers()) {
            return response;
        }
        let context = Context { site: self.clone(), trail: trail.clone(), presented };
        request.extensions_mut().insert(context);
        match self.router().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}

/// Answers what no route takes.
pub(crate) async fn fallback() -> Problem {
    Problem::no_route()
}

/// Answers a method that the path does not have; the router adds `Allow`.
pub(crate) async fn method_fallback() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "this path has other methods; see Allow")
}

impl<S: Sync> FromRequest<S> for Arrival {
    type Rejection = Problem;

    async fn from_request(mut request: Request, _state: &S) -> Result<Self, Problem> {
        let context = request.extensions_mut().remove().ok_or_else(Problem::bug)?;
        Ok(Self { context, request })
    }
}

impl Arrival {
    /// Everything between router and handler. A refusal comes before the body is read.
    pub(crate) async fn serve(self, route: Arc<RouteInfo>, index: usize, run: Run) -> Response {
        let Self { context, request } = self;
        let (parts, body) = request.into_parts();
        let mut served = Served { route: Arc::clone(&route), index, budget: None, actor: None };
        let mut call = Call { site: context.site, route, parts, body, caller: None, trail: context.trail };
        let answer = match admit(&mut call, context.presented, &mut served).await {
            Ok(()) if call.route.keeps_answers => repeat::run(call, run).await,
            Ok(()) => run(call).await,
            Err(problem) => Err(problem),
        };
        let mut response = answer.unwrap_or_else(IntoResponse::into_response);
        response.extensions_mut().insert(served);
        response
    }
}

/// Lets the request through to its handler, or says why not.
async fn admit(call: &mut Call, presented: Result<Presented, Problem>, served: &mut Served) -> Result<(), Problem> {
    served.budget = call.site.limits().surface(call.route.surface, call.trail.client);
    if let Some(problem) = limit::refusal(served.budget) {
        return Err(problem);
    }
    if call.route.access != Access::Public {
        let caller = identify(call, presented).await?;
        served.actor = Some(caller.actor.id.clone());
        let limits = call.site.limits();
        let budget =
            if caller.agent_id.is_some() { limits.agent(&caller.actor.id) } else { limits.actor(&caller.actor.id) };
        served.budget = budget.or(served.budget);
        if let Some(problem) = limit::refusal(budget) {
            return Err(problem);
        }
        check_rule(call, &caller).await?;
        call.caller = Some(caller);
    }
    query::check_names(&call.parts.uri, &call.route)
}

async fn identify(call: &mut Call, presented: Result<Presented, Problem>) -> Result<Caller, Problem> {
    let outcome = match presented {
        Ok(presented) if presented.is_nothing() => {
            return Err(Problem::unauthenticated("credential_missing", "Authorization header required"));
        }
        Ok(presented) => {
            let origin = call.trail.origin(None);
            call.site
                .auth()
                .authenticate(&presented, origin, call.route.admits_expired_identity)
                .await
                .map_err(Problem::from)
        }
        Err(problem) => Err(problem),
    };
    let problem = match outcome {
        Ok(caller) => return Ok(caller),
        Err(problem) => problem,
    };
    if problem.status == StatusCode::UNAUTHORIZED {
        if let Some(refusal) = limit::refusal(call.site.limits().failed_bearer(call.trail.client)) {
            return Err(refusal);
        }
        call.site.auth().note_failed(call.trail.origin(None), &problem.code).await;
    }
    Err(problem)
}

/// Whether the caller may use the route.
async fn check_rule(call: &mut Call, caller: &Caller) -> Result<(), Problem> {
    let access = call.route.access;
    let route = call.route.path;
    if let Some(own) = &caller.agent_id {
        if !access.admits_agents() {
            call.site.auth().note_denied(caller, access.permission(), route).await;
            let message = "an agent's credential opens only the agent's own routes; use an API key";
            return Err(Problem::new(StatusCode::FORBIDDEN, "agent_credential", message));
        }
        if let Access::Agent(_) = access {
            let named = call.path_values().await?.into_iter().next().map(|(_, value)| value).unwrap_or_default();
            if named != own.as_str() {
                call.site.auth().note_mismatch(caller, &named, route).await;
                return Err(Problem::new(StatusCode::NOT_FOUND, "not_found", format!("agent {named} does not exist")));
            }
        }
    } else if let Access::Agent(_) = access {
        call.site.auth().note_denied(caller, access.permission(), route).await;
        return Err(Problem::from(certctl_app::Error::AgentOnly));
    }
    match access.permission() {
        Some(permission) if !caller.holds(permission) => {
            call.site.auth().note_denied(caller, Some(permission), route).await;
            Err(Problem::from(certctl_app::Error::Denied(permission)))
        }
        Some(_) | None => Ok(()),
    }
}

/// A version 4 UUID (RFC 9562 §5.4).
fn request_id(mut bytes: [u8; 16]) -> String {
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut text = String::with_capacity(36);
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push(char::from(HEX[usize::from(byte >> 4)]));
        text.push(char::from(HEX[usize::from(byte & 15)]));
    }
    text
}

/// Builds a request without a network, for tests and for doors that call each other.
#[must_use]
pub fn local_request(method: Method, uri: Uri, headers: HeaderMap, body: Body) -> Request {
    let mut request = Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    request
}

const HEX: &[u8; 16] = b"0123456789abcdef";
/// Longest path and query, bytes.
const URI_MAX: usize = 8 << 10;

//! What every door shares: routes that declare who may use them, the way of a request, problems, limits, the listener.
//!
//! Start at [`route`], then [`Site`] and `pipeline.rs`. **Invariant:** a request reaches a handler only through a route whose
//! access rule is part of its type. **Invariant:** the address of a client is decided by [`client_address`] alone.

pub mod answer;
pub mod call;
mod client_ip;
mod cors;
mod credential;
pub mod doc;
mod handler;
mod headers;
pub mod limit;
mod metrics;
mod pipeline;
pub mod problem;
pub mod query;
mod readiness;
mod repeat;
pub mod route;
mod site;

pub use answer::{Accepted, Answer, Created, Either, Entity, Json, Listing, MetricsText, NoContent, RenderedJson};
pub use call::{Call, FromCall, IfMatch, Path, PathPair, Trail};
pub use client_ip::{ProxyError, TrustedProxies, client_address};
pub use cors::Origins;
pub use handler::Handler;
pub use metrics::HttpMetrics;
pub use pipeline::{Connection, local_request};
pub use problem::{Problem, ProblemDetail};
pub use readiness::{Phase, Readiness};
pub use route::{Access, RouteInfo, Routes, delete, get, patch, post, put};
pub use site::{Build, Config, Recorded, Site};

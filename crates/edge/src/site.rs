//! The site: application, limits and routes put together, ready to answer requests from a listener or from a test.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::{MethodFilter, on};
use certctl_app::App;
use certctl_app::auth::Auth;
use http::Method;

use crate::client_ip::TrustedProxies;
use crate::cors::Origins;
use crate::limit::{Limits, RateConfig};
use crate::metrics::HttpMetrics;
use crate::pipeline::{Arrival, fallback, method_fallback};
use crate::problem::Problem;
use crate::readiness::Readiness;
use crate::route::{RouteInfo, Routes};

/// What the operator sets for all doors.
#[derive(Debug, Clone)]
pub struct Config {
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: TrustedProxies,
    /// Origins whose pages may call.
    pub cors: Origins,
    /// How often somebody may ask.
    pub rate: RateConfig,
    /// Largest request body, bytes.
    pub body_max: usize,
    /// Which program this is.
    pub build: Build,
    /// Writes out what the process recorded of itself, in Prometheus' form.
    pub recorded: Recorded,
}

/// Writes out what a process recorded of itself.
#[derive(Clone)]
pub struct Recorded(pub Arc<dyn Fn() -> String + Send + Sync>);

impl Default for Recorded {
    fn default() -> Self {
        Self(Arc::new(String::new))
    }
}

impl std::fmt::Debug for Recorded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Recorded")
    }
}

/// Which program this is.
#[derive(Debug, Clone, Default)]
pub struct Build {
    /// Release, else commit, else `dev`.
    pub version: String,
    /// Commit it was built from.
    pub commit: String,
    /// Whether the tree differed from it.
    pub modified: bool,
    /// When it was built.
    pub build_time: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            trusted_proxies: TrustedProxies::default(),
            cors: Origins::default(),
            rate: RateConfig::default(),
            body_max: 1 << 20,
            build: Build::default(),
            recorded: Recorded::default(),
        }
    }
}

/// Answers requests. Cheap to clone.
#[derive(Clone)]
pub struct Site {
    inner: Arc<Inner>,
}

struct Inner {
    auth: Auth,
    config: Config,
    limits: Limits,
    metrics: HttpMetrics,
    readiness: Readiness,
    started: Instant,
    routes: Vec<Arc<RouteInfo>>,
    router: Router,
}

impl Site {
    /// Puts the routes of all doors together.
    ///
    /// # Panics
    /// When two routes have one method and path: a mistake of the program that every test of it meets.
    #[must_use]
    pub fn new(auth: Auth, config: Config, routes: Routes) -> Self {
        let infos: Vec<Arc<RouteInfo>> = routes.routes.iter().map(|(info, _)| Arc::clone(info)).collect();
        let mut router = Router::new();
        for (index, (info, run)) in routes.routes.into_iter().enumerate() {
            let path = info.path;
            let filter = filter(&info.method);
            let handler = move |arrival: Arrival| {
                let (info, run) = (Arc::clone(&info), Arc::clone(&run));
                async move { arrival.serve(info, index, run).await }
            };
            router = router.route(path, on(filter, handler));
        }
        let router = router.fallback(fallback).method_not_allowed_fallback(method_fallback);
        let limits = Limits::new(&config.rate);
        let metrics = HttpMetrics::new(infos.len());
        Self {
            inner: Arc::new(Inner {
                auth,
                config,
                limits,
                metrics,
                readiness: Readiness::default(),
                started: Instant::now(),
                routes: infos,
                router,
            }),
        }
    }

    /// The application.
    #[must_use]
    pub fn app(&self) -> &App {
        self.inner.auth.app()
    }

    /// What decides who may call.
    #[must_use]
    pub fn auth(&self) -> &Auth {
        &self.inner.auth
    }

    /// What the operator set.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.inner.config
    }

    /// The table of all routes.
    #[must_use]
    pub fn routes(&self) -> &[Arc<RouteInfo>] {
        &self.inner.routes
    }

    /// What was counted of the requests.
    #[must_use]
    pub fn metrics(&self) -> &HttpMetrics {
        &self.inner.metrics
    }

    /// Whether the process wants requests.
    #[must_use]
    pub fn readiness(&self) -> &Readiness {
        &self.inner.readiness
    }

    /// How long the site has been there.
    #[must_use]
    pub fn uptime(&self) -> Duration {
        self.inner.started.elapsed()
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.inner.limits
    }

    pub(crate) fn router(&self) -> Router {
        self.inner.router.clone()
    }
}

impl crate::call::FromCall for Auth {
    async fn from_call(call: &mut crate::call::Call) -> Result<Self, Problem> {
        Ok(call.site.auth().clone())
    }

    fn describe(_doc: &mut crate::doc::Doc) {}
}

fn filter(method: &Method) -> MethodFilter {
    MethodFilter::try_from(method.clone()).expect("routes have ordinary methods")
}

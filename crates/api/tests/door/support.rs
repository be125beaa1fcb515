//! A site over a world of its own, and a client that needs no network.

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Body;
use certctl_app::auth::{Auth, ClientCertificate};
use certctl_db::{Backend, Unit};
use certctl_domain::permission::Role;
use certctl_edge::{Config, Connection, Site, local_request};
use certctl_testkit::world::TestWorld;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

/// The bootstrap token of every test site.
pub(crate) const TOKEN: &str = "a-bootstrap-token-of-the-tests";
const KEK: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/// A site, ready to be asked.
pub(crate) struct Door {
    pub(crate) world: TestWorld,
    pub(crate) auth: Auth,
    pub(crate) site: Site,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

/// A request that is being put together.
pub(crate) struct Ask<'a> {
    door: &'a Door,
    method: Method,
    path: String,
    headers: HeaderMap,
    peer: IpAddr,
    certificate: Option<Arc<ClientCertificate>>,
    body: Body,
}

impl Door {
    pub(crate) async fn open(backend: Backend) -> Option<Self> {
        let config = Config {
            rate: certctl_edge::limit::RateConfig { enabled: false, ..Default::default() },
            ..Config::default()
        };
        Self::open_with(backend, config).await
    }

    pub(crate) async fn open_with(backend: Backend, config: Config) -> Option<Self> {
        let world = TestWorld::open(backend).await?;
        let now = world.app.now();
        certctl_app::sealing::open(&world.db.db, &KEK.into(), now).await.expect("the installation begins");
        let auth = Auth::new(world.app.clone());
        auth.start(&[], Some(TOKEN.into())).await.expect("started");
        let site = Site::new(auth.clone(), config, certctl_api::routes());
        site.readiness().open();
        Some(Self { world, auth, site })
    }

    /// A key that holds one role, made by the product itself.
    pub(crate) async fn key(&self, name: &str, role: Role) -> SecretString {
        let ask = certctl_app::auth::NewKey {
            name: name.to_owned(),
            role_ids: vec![role.id().to_owned()],
            ..certctl_app::auth::NewKey::default()
        };
        let made = self.auth.api_key_create(&certctl_app::Caller::system("test"), &ask).await.expect("a key");
        made.value
    }

    pub(crate) fn get(&self, path: &str) -> Ask<'_> {
        self.ask(Method::GET, path)
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Ask<'_> {
        self.ask(Method::POST, path).json(body)
    }

    pub(crate) fn delete(&self, path: &str) -> Ask<'_> {
        self.ask(Method::DELETE, path)
    }

    pub(crate) fn ask(&self, method: Method, path: &str) -> Ask<'_> {
        Ask {
            door: self,
            method,
            path: path.to_owned(),
            headers: HeaderMap::new(),
            peer: [192, 0, 2, 1].into(),
            certificate: None,
            body: Body::empty(),
        }
    }

    /// How many audit events have this action.
    pub(crate) async fn events(&self, action: &str) -> usize {
        let window = certctl_store::list::Window {
            start: certctl_store::list::Start::Offset(0),
            limit: 500,
            count: certctl_store::list::Count::Exact,
        };
        let events =
            certctl_store::audit::list(&self.world.db.db, &certctl_store::audit::Filter::default(), &window).await;
        events.expect("the log is read").items.iter().filter(|event| event.action == action).count()
    }

    pub(crate) async fn commit(&self, unit: Unit) {
        self.world.db.db.commit(unit).await.expect("committed");
    }
}

impl Ask<'_> {
    pub(crate) fn key(self, key: &SecretString) -> Self {
        self.header("authorization", &format!("Bearer {}", key.expose_secret()))
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        let name: HeaderName = name.parse().expect("a header name");
        self.headers.append(name, HeaderValue::from_str(value).expect("a header value"));
        self
    }

    pub(crate) fn json(mut self, body: &Value) -> Self {
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.body = Body::from(body.to_string());
        self
    }

    pub(crate) fn text(mut self, body: impl Into<Body>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) fn from(mut self, peer: [u8; 4]) -> Self {
        self.peer = peer.into();
        self
    }

    pub(crate) fn certificate(mut self, chain: Vec<Vec<u8>>) -> Self {
        self.certificate = ClientCertificate::new(chain).map(Arc::new);
        self
    }

    pub(crate) async fn send(self) -> Answer {
        let uri = self.path.parse().expect("a target");
        let request = local_request(self.method, uri, self.headers, self.body);
        let connection = Connection { peer: self.peer, certificate: self.certificate };
        let response = self.door.site.handle(&connection, request).await;
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.expect("a body");
        let text = String::from_utf8(bytes.to_vec()).expect("text");
        Answer { status: parts.status.as_u16(), headers: parts.headers, text }
    }
}

impl Answer {
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        self.json()
    }

    /// An error of this status and code.
    #[track_caller]
    pub(crate) fn refused(self, status: u16, code: &str) -> Value {
        let body = self.expect(status);
        assert_eq!(body["code"], code, "{body}");
        body
    }

    pub(crate) fn json(&self) -> Value {
        if self.text.is_empty() { json!(null) } else { serde_json::from_str(&self.text).expect("JSON") }
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

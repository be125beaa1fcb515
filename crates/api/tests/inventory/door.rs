//! The door on a world of its own, asked without a network.

use std::net::{IpAddr, Ipv4Addr};

use axum::body::Body;
use certctl_app::auth::{Auth, NewSecret};
use certctl_db::{Backend, Unit};
use certctl_domain::actor::{Actor, ActorType, Person};
use certctl_domain::ids::{GrantId, KeyId, RoleId};
use certctl_domain::permission::Role;
use certctl_edge::{Config, Connection, Site, local_request};
use certctl_store::keys::{ApiKey, KeySource};
use certctl_store::roles::Grant;
use certctl_testkit::world::TestWorld;
use http::{HeaderMap, HeaderValue, Method};
use secrecy::ExposeSecret;
use serde_json::Value;

/// The door, and keys for it.
pub(crate) struct Door {
    pub(crate) world: TestWorld,
    site: Site,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

/// Somebody with a key.
#[derive(Clone)]
pub(crate) struct Client<'a> {
    door: &'a Door,
    key: String,
}

impl Door {
    pub(crate) async fn open(backend: Backend) -> Option<Self> {
        let world = TestWorld::open(backend).await?;
        let unit = certctl_store::roles::seed(&world.db.db).await.expect("read");
        world.db.db.commit(unit).await.expect("roles");
        world.app.seed().await.expect("the first rows");
        let site = Site::new(Auth::new(world.app.clone()), Config::default(), certctl_api::routes());
        Some(Self { world, site })
    }

    /// A client whose key has one role and stands for the person `name`.
    pub(crate) async fn client(&self, name: &str, role: Role) -> Client<'_> {
        let app = &self.world.app;
        let secret = NewSecret::generate(app, "cck");
        let mut unit = Unit::new();
        let key = ApiKey {
            id: KeyId::new(app.ids().ulid()),
            name: format!("{name}-key"),
            key_hash: secret.digest.to_hex(),
            source: KeySource::Database,
            person: Person(name.to_owned()),
            owner_id: None,
            created_by: "test".to_owned(),
            created_at: app.now(),
            expires_at: None,
            last_used_at: None,
            revoked_at: None,
            rotated_to: None,
        };
        certctl_store::keys::insert(&mut unit, &key);
        let grant = Grant {
            id: GrantId::new(app.ids().ulid()),
            actor: Actor { id: key.name.clone(), kind: ActorType::ApiKey },
            role_id: RoleId::fixed(role.id()),
            granted_by: "test".to_owned(),
            granted_at: app.now(),
            expires_at: None,
        };
        certctl_store::roles::grant_insert(&mut unit, &grant);
        self.world.db.db.commit(unit).await.expect("a key");
        Client { door: self, key: secret.value.expose_secret().to_owned() }
    }
}

impl Client<'_> {
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None, None).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, None, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, Some(body), None).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PUT, path, Some(body), None).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PATCH, path, Some(body), None).await
    }

    pub(crate) async fn send(&self, method: Method, path: &str, body: Option<Value>, if_match: Option<&str>) -> Answer {
        let mut headers = HeaderMap::new();
        let bearer = format!("Bearer {}", self.key);
        headers.insert("authorization", HeaderValue::try_from(bearer).expect("header text"));
        if let Some(tag) = if_match {
            headers.insert("if-match", HeaderValue::try_from(tag).expect("header text"));
        }
        let body = match body {
            Some(body) => {
                headers.insert("content-type", HeaderValue::from_static("application/json"));
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        let uri = format!("/api/v1{path}").parse().expect("a path");
        let connection = Connection { peer: IpAddr::V4(Ipv4Addr::LOCALHOST), certificate: None };
        let response = self.door.site.handle(&connection, local_request(method, uri, headers, body)).await;
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, 1 << 20).await.expect("a body");
        let body = if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).expect("JSON") };
        Answer { status: parts.status.as_u16(), headers: parts.headers, body }
    }
}

impl Answer {
    /// The answer, which must have this status.
    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.body);
        self
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    pub(crate) fn text(&self, field: &str) -> &str {
        self.body[field].as_str().unwrap_or_default()
    }

    pub(crate) fn code(&self) -> &str {
        self.text("code")
    }

    /// The fields at fault.
    pub(crate) fn fields(&self) -> Vec<&str> {
        let details = self.body["details"].as_array().map(Vec::as_slice).unwrap_or_default();
        details.iter().filter_map(|detail| detail["field"].as_str()).collect()
    }

    /// How many rows a list has here, and in all.
    pub(crate) fn counts(&self) -> (usize, u64) {
        (self.body["data"].as_array().map_or(0, Vec::len), self.body["total"].as_u64().unwrap_or_default())
    }
}

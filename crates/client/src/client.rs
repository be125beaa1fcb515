//! The client: where it calls, as whom, and how it is told that its credentials changed.

use std::sync::{Arc, PoisonError, RwLock};

use reqwest::Url;
use reqwest::header::{HeaderValue, InvalidHeaderValue};
use secrecy::{ExposeSecret, SecretString};

use crate::options::{Credentials, Options};
use crate::transport::Resolver;
use crate::{Error, tls};

/// Calls one server. Cheap to clone: clones share connections and credentials.
#[derive(Clone)]
pub struct Client {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) options: Options,
    /// The address as given, for messages.
    pub(crate) server: Url,
    /// The address requests are made for: the name is the one the certificate must carry.
    pub(crate) base: Url,
    caller: RwLock<Caller>,
}

/// A connection pool and the header that goes with it.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) http: reqwest::Client,
    pub(crate) authorization: Option<HeaderValue>,
}

impl Client {
    /// Makes a client; nothing is sent.
    ///
    /// # Errors
    /// [`Error::Option`] for anything that cannot be used: an address that is not https, an empty CA bundle, a key that does
    /// not go with its certificate.
    pub fn new(options: Options) -> Result<Self, Error> {
        let server = server_url(&options.server)?;
        let base = match &options.server_name {
            None => server.clone(),
            Some(name) => named(&server, name)?,
        };
        let caller = RwLock::new(caller(&options, &options.credentials, &server)?);
        Ok(Self { shared: Arc::new(Shared { options, server, base, caller }) })
    }

    /// Calls as somebody else from now on, over new connections. Requests under way end as they began.
    ///
    /// # Errors
    /// [`Error::Option`] when the new credentials cannot be used; the old ones stay.
    pub fn credentials_replace(&self, credentials: &Credentials) -> Result<(), Error> {
        let new = caller(&self.shared.options, credentials, &self.shared.server)?;
        *self.shared.caller.write().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(())
    }

    /// The address of the server, as given.
    #[must_use]
    pub fn server(&self) -> &str {
        self.shared.server.as_str().trim_end_matches('/')
    }

    pub(crate) fn caller(&self) -> Caller {
        self.shared.caller.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("server", &self.server()).finish_non_exhaustive()
    }
}

fn caller(options: &Options, credentials: &Credentials, server: &Url) -> Result<Caller, Error> {
    let mut builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls::config(options, credentials)?)
        .https_only(true)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(&options.user_agent)
        .connect_timeout(options.timeout.min(CONNECT_MAX))
        .pool_max_idle_per_host(CONNECTIONS_KEPT)
        .pool_idle_timeout(IDLE_MAX)
        .dns_resolver(Resolver::new(server, options.server_name.is_some()));
    if is_loopback(server) || options.server_name.is_some() {
        builder = builder.no_proxy();
    }
    let http = builder.build().map_err(|error| Error::option("client", error.to_string()))?;
    let authorization = credentials.api_key.as_ref().map(bearer).transpose();
    let authorization = authorization.map_err(|_| Error::option("api_key", "holds characters that no key has"))?;
    Ok(Caller { http, authorization })
}

const CONNECT_MAX: std::time::Duration = std::time::Duration::from_secs(10);
const CONNECTIONS_KEPT: usize = 2;
/// Shorter than the server's 60 s, so that a request does not meet a connection that is just being closed.
const IDLE_MAX: std::time::Duration = std::time::Duration::from_secs(45);

fn bearer(key: &SecretString) -> Result<HeaderValue, InvalidHeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", key.expose_secret()))?;
    value.set_sensitive(true);
    Ok(value)
}

fn server_url(text: &str) -> Result<Url, Error> {
    let url = Url::parse(text).map_err(|error| {
        Error::option("server", format!("{text:?} is not an address ({error}); write https://host:port"))
    })?;
    if url.scheme() != "https" {
        return Err(Error::option("server", format!("{text:?} is not https; write https://host:port")));
    }
    if url.host_str().is_none_or(str::is_empty) || !url.username().is_empty() || url.password().is_some() {
        return Err(Error::option("server", format!("{} must be https://host:port", redacted(&url))));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(Error::option("server", format!("{text:?} must end after host, port and path")));
    }
    Ok(url)
}

fn redacted(url: &Url) -> String {
    format!("{}://{}", url.scheme(), url.host_str().unwrap_or_default())
}

fn named(server: &Url, name: &str) -> Result<Url, Error> {
    let wrong = || Error::option("tls_server_name", format!("{name:?} is not a host name"));
    let mut url = server.clone();
    url.set_host(Some(name)).map_err(|_| wrong())?;
    if url.domain().is_none() {
        return Err(wrong());
    }
    Ok(url)
}

fn is_loopback(url: &Url) -> bool {
    match url.host_str().map(|host| host.trim_matches(['[', ']'])) {
        Some("localhost") => true,
        Some(host) => host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback()),
        None => false,
    }
}

//! An outside issuer that answers after a number of polls.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use certctl_connector::{
    ConnectorError, Cx, ErrorClass, IssueRequest, Issued, Issuer, IssuerCapabilities, NameKinds, OrderRef, Outcome,
    ProbeReport,
};
use certctl_pki::build::{IssuerRef, Kind, Template, Validity};
use certctl_pki::name::Subject;
use certctl_pki::{Certificate, ExtendedKeyUsage, KeyAlgorithm, KeyKind, PrivateKey, San, Serial, Timestamp};
use tokio::sync::watch;

/// The issuer.
pub struct SlowIssuer {
    key: PrivateKey,
    ca: IssuerRef,
    polls_needed: u32,
    orders: Mutex<HashMap<String, Order>>,
    failing: Mutex<Option<ErrorClass>>,
    serial: Mutex<u64>,
    held: watch::Sender<bool>,
    extra: Mutex<Vec<San>>,
}

struct Order {
    request: IssueRequest,
    polls: u32,
    placed: u32,
}

impl SlowIssuer {
    /// An issuer that needs so many polls; 0 answers at once. Its CA is valid from `now`.
    ///
    /// # Panics
    /// When its CA cannot be made.
    #[must_use]
    pub fn new(polls_needed: u32, now: Timestamp) -> Self {
        let key = PrivateKey::generate(KeyKind::EcdsaP256).expect("a key");
        let template = Template {
            kind: Kind::Ca { path_len: Some(0) },
            serial: Serial::from_random([9; 20]),
            subject: Subject::common_name("Slow CA").expect("a name"),
            sans: Vec::new(),
            public_key: key.public_key().clone(),
            validity: Validity::new(now - Duration::from_secs(60), now + Duration::from_secs(400 * 86_400))
                .expect("dates"),
            extended_key_usages: Vec::new(),
            must_staple: false,
        };
        let tbs = template.self_signed().expect("a CA");
        let signature = key.sign(tbs.der()).expect("a signature");
        let ca = IssuerRef::new(tbs.finish(&signature).expect("a CA")).expect("a CA");
        Self {
            key,
            ca,
            polls_needed,
            orders: Mutex::default(),
            failing: Mutex::default(),
            serial: Mutex::new(1),
            held: watch::Sender::new(false),
            extra: Mutex::default(),
        }
    }

    /// Orders that reached it, each with how often it was placed.
    #[must_use]
    pub fn orders(&self) -> Vec<u32> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner).values().map(|order| order.placed).collect()
    }

    /// From now on every call fails like this; `None` ends that.
    pub fn fail(&self, class: Option<ErrorClass>) {
        *self.failing.lock().unwrap_or_else(PoisonError::into_inner) = class;
    }

    /// While held, every call waits before it does anything.
    pub fn hold(&self, held: bool) {
        self.held.send_replace(held);
    }

    /// From now on it adds these names to what it signs.
    pub fn add_names(&self, names: Vec<San>) {
        *self.extra.lock().unwrap_or_else(PoisonError::into_inner) = names;
    }

    async fn let_go(&self) {
        // The sender lives as long as this issuer.
        let _ = self.held.subscribe().wait_for(|held| !held).await;
    }

    fn failure(&self) -> Result<(), ConnectorError> {
        match *self.failing.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(class) => Err(ConnectorError::new(class, "Test", "issue", "told to fail")),
            None => Ok(()),
        }
    }

    fn sign(&self, request: &IssueRequest) -> Certificate {
        let mut next = self.serial.lock().unwrap_or_else(PoisonError::into_inner);
        *next += 1;
        let mut serial = [0x11; 20];
        serial[12..].copy_from_slice(&next.to_be_bytes());
        let template = Template {
            kind: Kind::Leaf,
            serial: Serial::from_random(serial),
            subject: Subject::common_name(&request.common_name).expect("a name"),
            sans: [request.sans.as_slice(), self.extra.lock().unwrap_or_else(PoisonError::into_inner).as_slice()]
                .concat(),
            public_key: request.csr.public_key().clone(),
            validity: Validity::new(request.not_before, request.not_after).expect("dates"),
            extended_key_usages: vec![ExtendedKeyUsage::ServerAuth],
            must_staple: false,
        };
        let tbs = template.issued_by(&self.ca).expect("a leaf");
        let signature = self.key.sign(tbs.der()).expect("a signature");
        tbs.finish(&signature).expect("a leaf")
    }

    fn answer(&self, key: &str, order: &Order) -> Outcome {
        if order.polls < self.polls_needed {
            let order = OrderRef::new("Test", key).expect("a reference");
            return Outcome::Pending { order, poll_after: Duration::from_secs(5) };
        }
        Outcome::Issued(Issued {
            leaf: self.sign(&order.request),
            chain: vec![self.ca.certificate().clone()],
            order: None,
        })
    }
}

#[async_trait]
impl Issuer for SlowIssuer {
    async fn issue(&self, cx: &Cx, request: &IssueRequest) -> Result<Outcome, ConnectorError> {
        self.let_go().await;
        self.failure()?;
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        let order = orders.entry(cx.idempotency_key.clone()).or_insert_with(|| Order {
            request: request.clone(),
            polls: 0,
            placed: 0,
        });
        order.placed += 1;
        Ok(self.answer(&cx.idempotency_key, order))
    }

    async fn poll(&self, _cx: &Cx, order: &OrderRef) -> Result<Outcome, ConnectorError> {
        self.failure()?;
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        let known = orders.get_mut(order.as_str());
        let known = known.ok_or_else(|| ConnectorError::new(ErrorClass::Rejected, "Test", "poll", "no such order"))?;
        known.polls += 1;
        Ok(self.answer(order.as_str(), known))
    }

    async fn test(&self, _cx: &Cx) -> Result<ProbeReport, ConnectorError> {
        Ok(ProbeReport { checks: Vec::new(), latency_ms: 0 })
    }

    fn capabilities(&self) -> IssuerCapabilities {
        IssuerCapabilities {
            key_algorithms: vec![KeyAlgorithm::Ecdsa],
            extended_key_usages: vec![ExtendedKeyUsage::ServerAuth],
            names: NameKinds::ALL,
            lifetime_max: Some(Duration::from_secs(90 * 86_400)),
            honours_validity: true,
            must_staple: false,
        }
    }
}

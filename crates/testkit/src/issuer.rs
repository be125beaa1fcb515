//! An outside issuer that answers after a number of polls. Its CA and its orders may be kept in a directory, so that they
//! outlive the process that asks it, and are the same to every process that asks.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use certctl_connector::{
    ConnectorError, Cx, ErrorClass, IssueRequest, Issued, Issuer, IssuerCapabilities, NameKinds, OrderRef, Outcome,
    ProbeReport,
};
use certctl_pki::build::{IssuerRef, Kind, Template, Validity};
use certctl_pki::name::Subject;
use certctl_pki::{Certificate, Csr, ExtendedKeyUsage, KeyAlgorithm, KeyKind, PrivateKey, San, Serial, Timestamp};
use serde_json::{Value, json};
use tokio::sync::watch;

/// The issuer.
pub struct SlowIssuer {
    key: PrivateKey,
    ca: IssuerRef,
    polls_needed: u32,
    orders: Mutex<HashMap<String, Order>>,
    failing: Mutex<Option<ErrorClass>>,
    held: watch::Sender<bool>,
    poll_after: Mutex<Duration>,
    extra: Mutex<Vec<San>>,
    directory: Option<PathBuf>,
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
            held: watch::Sender::new(false),
            poll_after: Mutex::new(Duration::from_secs(5)),
            extra: Mutex::default(),
            directory: None,
        }
    }

    /// The issuer that is kept in a directory, made there the first time.
    ///
    /// # Panics
    /// When the directory cannot be read or written, or holds something else.
    #[must_use]
    pub fn kept(directory: &Path, polls_needed: u32, now: Timestamp) -> Self {
        let (key, ca) = (directory.join("key.pem"), directory.join("ca.pem"));
        let mut this = Self::new(polls_needed, now);
        this.directory = Some(directory.to_owned());
        if ca.exists() {
            let read = |path: &Path| std::fs::read_to_string(path).expect("a file of the issuer");
            this.key = PrivateKey::from_pem(&read(&key)).expect("a key");
            let ca = Certificate::parse_pem(&read(&ca)).expect("a certificate");
            this.ca = IssuerRef::new(ca).expect("a CA");
        } else {
            std::fs::create_dir_all(directory).expect("a directory");
            std::fs::write(&key, this.key.to_pkcs8_pem().as_bytes()).expect("a file of the issuer");
            std::fs::write(&ca, this.ca.certificate().to_pem()).expect("a file of the issuer");
        }
        this
    }

    /// Orders that reached it, each with how often it was placed.
    #[must_use]
    pub fn orders(&self) -> Vec<u32> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner).values().map(|order| order.placed).collect()
    }

    /// How often it was asked what became of an order.
    #[must_use]
    pub fn polls(&self) -> u32 {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner).values().map(|order| order.polls).sum()
    }

    /// Calls that wait because it is held.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.held.receiver_count()
    }

    /// From now on it wishes to be asked again after this.
    pub fn ask_again_after(&self, pause: Duration) {
        *self.poll_after.lock().unwrap_or_else(PoisonError::into_inner) = pause;
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
        if let Some(directory) = &self.directory {
            // Without the pipe nobody holds it.
            let _ = tokio::fs::read(directory.join(HOLD)).await;
        }
    }

    /// The order of this key, as whoever was asked last has left it.
    fn known<'a>(&self, orders: &'a mut HashMap<String, Order>, key: &str) -> Option<&'a mut Order> {
        if let Some(text) = self.directory.as_ref().and_then(|directory| Kept::text(directory, key)) {
            orders.insert(key.to_owned(), Kept::parse(&text).opened());
        }
        orders.get_mut(key)
    }

    fn failure(&self) -> Result<(), ConnectorError> {
        match *self.failing.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(class) => Err(ConnectorError::new(class, "Test", "issue", "told to fail")),
            None => Ok(()),
        }
    }

    /// An order has one serial, however often it is asked for.
    fn sign(&self, key: &str, Order { request, .. }: &Order) -> Certificate {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        let mut serial = [0x11; 20];
        serial[12..].copy_from_slice(&hasher.finish().to_be_bytes());
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

    /// Answers, and keeps what was asked before anybody hears of it.
    fn answer(&self, key: &str, order: &Order) -> Outcome {
        if let Some(directory) = &self.directory {
            Kept::of(key, order).write(directory);
        }
        if order.polls < self.polls_needed {
            let order = OrderRef::new("Test", key).expect("a reference");
            let poll_after = *self.poll_after.lock().unwrap_or_else(PoisonError::into_inner);
            return Outcome::Pending { order, poll_after };
        }
        Outcome::Issued(Issued { leaf: self.sign(key, order), chain: vec![self.ca.certificate().clone()], order: None })
    }
}

#[async_trait]
impl Issuer for SlowIssuer {
    async fn issue(&self, cx: &Cx, request: &IssueRequest) -> Result<Outcome, ConnectorError> {
        self.let_go().await;
        self.failure()?;
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        let key = &cx.idempotency_key;
        if let Some(directory) = &self.directory {
            Kept::note_placement(directory, key);
        }
        if self.known(&mut orders, key).is_none() {
            orders.insert(key.clone(), Order { request: request.clone(), polls: 0, placed: 0 });
        }
        let order = orders.get_mut(key).expect("it was put there");
        order.placed += 1;
        Ok(self.answer(key, order))
    }

    async fn poll(&self, _cx: &Cx, order: &OrderRef) -> Result<Outcome, ConnectorError> {
        self.let_go().await;
        self.failure()?;
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        let known = self.known(&mut orders, order.as_str());
        let known = known.ok_or_else(|| ConnectorError::new(ErrorClass::Rejected, "Test", "poll", "no such order"))?;
        known.polls += 1;
        Ok(self.answer(order.as_str(), known))
    }

    async fn test(&self, _cx: &Cx) -> Result<ProbeReport, ConnectorError> {
        Ok(ProbeReport { checks: Vec::new(), latency_ms: 0, served_fingerprint: None })
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

/// An order as it lies in the directory.
pub struct Kept {
    /// Its reference.
    pub key: String,
    /// How often it was placed.
    pub placed: u32,
    /// How often it was asked for.
    pub polls: u32,
    order: Value,
}

impl Kept {
    /// All orders that were ever received by the issuer of this directory.
    ///
    /// # Panics
    /// When the directory cannot be read.
    #[must_use]
    pub fn read(directory: &Path) -> Vec<Self> {
        let entries = std::fs::read_dir(directory).expect("the issuer's directory");
        let paths = entries.map(|entry| entry.expect("an entry").path());
        let orders = paths.filter(|path| path.extension().is_some_and(|extension| extension == "order"));
        orders.map(|path| Self::parse(&std::fs::read_to_string(path).expect("an order"))).collect()
    }

    /// The reference of every order placed with the issuer of this directory, once for each time, in that order. Lines are
    /// appended, so that no process takes back what another one has noted.
    ///
    /// # Panics
    /// When there is no such list.
    #[must_use]
    pub fn placements(directory: &Path) -> Vec<String> {
        let list = std::fs::read_to_string(directory.join(PLACEMENTS)).expect("a list of placements");
        list.lines().map(str::to_owned).collect()
    }

    fn note_placement(directory: &Path, key: &str) {
        let list = std::fs::OpenOptions::new().create(true).append(true).open(directory.join(PLACEMENTS));
        // One write: lines of two processes do not mix.
        list.and_then(|mut list| list.write_all(format!("{key}\n").as_bytes())).expect("a placement can be noted");
    }

    fn text(directory: &Path, key: &str) -> Option<String> {
        match std::fs::read_to_string(directory.join(format!("{key}.order"))) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => panic!("the order {key} cannot be read: {error}"),
        }
    }

    fn parse(text: &str) -> Self {
        let order: Value = serde_json::from_str(text).expect("an order");
        let number = |name: &str| order[name].as_u64().and_then(|number| u32::try_from(number).ok()).expect("a number");
        let (placed, polls) = (number("placed"), number("polls"));
        Self { key: order["key"].as_str().expect("a reference").to_owned(), placed, polls, order }
    }

    fn of(key: &str, Order { request, polls, placed }: &Order) -> Self {
        let order = json!({
            "key": key,
            "polls": polls,
            "placed": placed,
            "csr": request.csr.to_pem(),
            "common_name": request.common_name,
            "sans": request.sans.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "not_before": request.not_before.unix_micros(),
            "not_after": request.not_after.unix_micros(),
        });
        Self { key: key.to_owned(), placed: *placed, polls: *polls, order }
    }

    fn opened(self) -> Order {
        let text = |name: &str| self.order[name].as_str().expect("a text");
        let time = |name: &str| Timestamp::from_unix_micros(self.order[name].as_i64().expect("a time"));
        let sans = self.order["sans"].as_array().expect("names").iter();
        let request = IssueRequest {
            csr: Csr::parse_pem(text("csr")).expect("a request"),
            common_name: text("common_name").to_owned(),
            sans: sans.map(|san| San::parse(san.as_str().expect("a text")).expect("a name")).collect(),
            extended_key_usages: vec![ExtendedKeyUsage::ServerAuth],
            not_before: time("not_before"),
            not_after: time("not_after"),
            must_staple: false,
        };
        Order { request, polls: self.polls, placed: self.placed }
    }

    /// Whole or not at all: the process may be killed meanwhile.
    fn write(&self, directory: &Path) {
        let staged = directory.join(format!("{}.new", self.key));
        std::fs::write(&staged, self.order.to_string()).expect("an order can be written");
        std::fs::rename(&staged, directory.join(format!("{}.order", self.key))).expect("an order can be kept");
    }
}

/// A pipe of this name in the directory holds every call until whoever writes to it is done.
pub const HOLD: &str = "hold";
const PLACEMENTS: &str = "placements";

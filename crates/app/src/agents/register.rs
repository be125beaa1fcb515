//! Admitting an agent: a token, a request, and in return a certificate and a key.

use certctl_db::Unit;
use certctl_domain::actor::{Actor, ActorType};
use certctl_domain::agent::{AGENT_NAME_MAX, Agent, Credential, CredentialKind, EnrollmentToken};
use certctl_domain::audit::{Action, Event, Origin};
use certctl_domain::certificate::Version;
use certctl_domain::ids::{AgentId, TokenId};
use certctl_domain::issuer::agents_issuer;
use certctl_domain::refusal::{Refusal, Refusals};
use certctl_pki::Csr;
use certctl_store::tokens::TokenUse;
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

use super::identity::{NewIdentity, identity_request};
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::world::App;

/// What an agent says when it asks to be admitted.
#[derive(Debug, Clone, Default)]
pub struct Registration {
    /// Unique name.
    pub name: String,
    /// Host name.
    pub hostname: String,
    /// Operating system.
    pub os: String,
    /// Architecture.
    pub architecture: String,
    /// Version.
    pub version: String,
    /// Request for its identity.
    pub csr_pem: String,
}

/// What it gets.
#[derive(Debug)]
pub struct Admission {
    /// The agent.
    pub agent: Agent,
    /// Its identity.
    pub identity: NewIdentity,
    /// Its key, shown here and never again.
    pub api_key: SecretString,
}

/// A token that is good for this moment.
enum Token {
    /// One of the operator's settings.
    Static,
    /// A stored one.
    Stored(Box<EnrollmentToken>),
}

/// How often a registration looks again after another one was first.
const TRIES: usize = 5;
/// The name under which uses of a static token are kept.
const STATIC: &str = "static";

impl App {
    /// Admits an agent. The same token with the same key gets the same identity again with a fresh key, and takes no further
    /// use: the first answer may have been lost. That ends when the identity is withdrawn, as by the next enrolment.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] when the token admits nobody (any more); [`Error::Refused`] with every field at fault;
    /// [`Error::Conflict`] when the name is taken.
    pub async fn agent_register(&self, origin: Origin, token: &str, ask: &Registration) -> Result<Admission> {
        // Only who holds a token is told what is wrong with the rest.
        self.token_known(token).await?;
        let csr = registration_check(ask)?;
        for _ in 0..TRIES {
            match self.register_once(&origin, token, ask, &csr).await {
                // Somebody was first, with the name, the last use of the token or this very request: what is there now decides.
                Err(Error::Conflict { code: "changed_meanwhile" | "conflict", .. }) => {}
                // The name may be that of this very request, sent twice.
                Err(error @ Error::Conflict { code: "name_taken", .. }) => {
                    let token = self.token_known(token).await?;
                    let spki = csr.public_key().spki_sha256_hex();
                    if certctl_store::tokens::used_by(self.db(), token.id(), &spki).await?.is_none() {
                        return Err(error);
                    }
                }
                outcome => return outcome,
            }
        }
        Err(bad_token())
    }

    async fn register_once(&self, origin: &Origin, token: &str, ask: &Registration, csr: &Csr) -> Result<Admission> {
        let token = self.token_known(token).await?;
        let caller = Caller::new(
            Actor { id: format!("enrollment:{}", token.id()), kind: ActorType::System },
            certctl_domain::actor::Person::none(),
            Vec::new(),
            origin.clone(),
        );
        let spki = csr.public_key().spki_sha256_hex();
        if let Some(used) = certctl_store::tokens::used_by(self.db(), token.id(), &spki).await? {
            return self.register_again(&caller, &used).await;
        }
        if let Token::Stored(stored) = &token
            && (stored.uses >= stored.max_uses || !stored.admits(&ask.name))
        {
            return Err(bad_token());
        }
        match self.agent_to_enroll(&token, ask).await? {
            Some(agent) => self.register_known(&caller, &token, agent, ask, csr).await,
            None => self.register_new(&caller, &token, ask, csr).await,
        }
    }

    async fn token_known(&self, text: &str) -> Result<Token> {
        for known in &self.settings().agent_bootstrap_tokens {
            if bool::from(known.expose_secret().as_bytes().ct_eq(text.as_bytes())) {
                return Ok(Token::Static);
            }
        }
        let hash = crate::hash::sha256_hex(text.as_bytes());
        let stored = certctl_store::tokens::by_hash(self.db(), &hash).await?;
        match stored.filter(|token| token.is_live(self.now())) {
            Some(token) => Ok(Token::Stored(Box::new(token))),
            None => Err(bad_token()),
        }
    }

    /// The agent a token re-enrols, if it does.
    async fn agent_to_enroll(&self, token: &Token, ask: &Registration) -> Result<Option<Agent>> {
        if let Token::Stored(stored) = token
            && let Some(id) = &stored.agent_id
        {
            let agent = certctl_store::agents::get(self.db(), id).await?.filter(|agent| agent.retired_at.is_none());
            return agent.map(Some).ok_or_else(bad_token);
        }
        let Some(known) = certctl_store::agents::by_name(self.db(), &ask.name).await? else { return Ok(None) };
        let again = matches!(token, Token::Static) && self.settings().agent_reenroll && known.retired_at.is_none();
        if again { Ok(Some(known)) } else { Err(name_taken(&ask.name)) }
    }

    async fn register_new(&self, caller: &Caller, token: &Token, ask: &Registration, csr: &Csr) -> Result<Admission> {
        let now = self.now();
        let agent = Agent {
            id: AgentId::new(self.ids().ulid()),
            name: ask.name.clone(),
            hostname: ask.hostname.clone(),
            os: ask.os.clone(),
            architecture: ask.architecture.clone(),
            ip_address: caller.origin.source_ip.clone().unwrap_or_default(),
            version: ask.version.clone(),
            enrolled: true,
            last_heartbeat_at: Some(now),
            registered_at: now,
            retired_at: None,
            retired_reason: None,
            updated_at: now,
            revision: 1,
        };
        let stored = agent.clone();
        self.register_issue(
            caller,
            token,
            agent,
            csr,
            move |unit| certctl_store::agents::insert(unit, &stored),
            Action::AgentRegistered,
        )
        .await
    }

    async fn register_known(
        &self,
        caller: &Caller,
        token: &Token,
        mut agent: Agent,
        ask: &Registration,
        csr: &Csr,
    ) -> Result<Admission> {
        let now = self.now();
        let again = agent.enrolled;
        agent.hostname.clone_from(&ask.hostname);
        agent.os.clone_from(&ask.os);
        agent.architecture.clone_from(&ask.architecture);
        agent.version.clone_from(&ask.version);
        agent.enrolled = true;
        agent.last_heartbeat_at = Some(now);
        agent.updated_at = now;
        agent.revision += 1;
        let stored = agent.clone();
        let write = move |unit: &mut Unit| certctl_store::agents::update(unit, &stored);
        let action = if again { Action::AgentReenrolled } else { Action::AgentRegistered };
        self.register_issue(caller, token, agent, csr, write, action).await
    }

    async fn register_issue(
        &self,
        caller: &Caller,
        token: &Token,
        agent: Agent,
        csr: &Csr,
        write: impl FnOnce(&mut Unit),
        action: Action,
    ) -> Result<Admission> {
        let (api_key, key) = self.agent_key(&agent.id, self.now());
        let (identity, _) = self
            .identity_issue(caller, &agent.id, csr, |app, unit, version, certificate| {
                write(unit);
                app.register_record(unit, caller, token, &agent, version, [certificate, &key], action);
            })
            .await?;
        Ok(Admission { agent, identity, api_key })
    }

    #[expect(clippy::too_many_arguments, reason = "the facts of one admission, written together")]
    fn register_record(
        &self,
        unit: &mut Unit,
        caller: &Caller,
        token: &Token,
        agent: &Agent,
        version: &Version,
        credentials: [&Credential; 2],
        action: Action,
    ) {
        let now = self.now();
        let keep: Vec<Credential> = credentials.iter().map(|credential| (*credential).clone()).collect();
        certctl_store::agents::revoke_credentials_but(unit, &agent.id, &keep, now);
        for credential in credentials {
            certctl_store::agents::insert_credential(unit, credential);
        }
        if let Token::Stored(stored) = token {
            certctl_store::tokens::take_use(unit, &stored.id);
        }
        let used = TokenUse {
            token_id: token.id().to_owned(),
            spki_sha256: version.spki_sha256.clone(),
            agent_id: agent.id.clone(),
            version_id: version.id.clone(),
            used_at: now,
        };
        certctl_store::tokens::insert_use(unit, &used);
        let event = Event::new(action, &agent.id)
            .with("name", agent.name.as_str())
            .with("hostname", agent.hostname.as_str())
            .with("token_id", token.id())
            .with("spki_sha256", version.spki_sha256.as_str());
        self.audit(unit, caller, event);
        unit.wake(certctl_store::keys::CHANGED);
    }

    /// The answer to a registration whose first answer was lost.
    async fn register_again(&self, caller: &Caller, used: &TokenUse) -> Result<Admission> {
        let agent =
            certctl_store::agents::get(self.db(), &used.agent_id).await?.filter(|agent| agent.retired_at.is_none());
        let agent = agent.ok_or_else(bad_token)?;
        let known = certctl_store::agents::credentials(self.db(), &agent.id).await?;
        let live: Vec<Credential> = known.into_iter().filter(|credential| credential.revoked_at.is_none()).collect();
        if !live.iter().any(|credential| is_of(credential, used)) {
            return Err(bad_token());
        }
        let version = certctl_store::versions::get(self.db(), &used.version_id).await?;
        let version = version.ok_or_else(|| Error::internal("the identity of a registration is not on record"))?;
        let der = version.certificate.ok_or_else(|| Error::internal("an issued version has a certificate"))?;
        let certificate = certctl_pki::Certificate::parse_der(&der)
            .map_err(|error| Error::bug("reading a stored identity", error))?;
        let (api_key, key) = self.agent_key(&agent.id, self.now());
        let mut unit = Unit::new();
        // An enrolment at this moment comes before this, and then this is refused, or after it and withdraws this key too.
        certctl_store::agents::expect_unchanged(&mut unit, &agent);
        let is_key = |credential: &&Credential| matches!(credential.kind, CredentialKind::ApiKey { .. });
        for former in live.iter().filter(is_key) {
            certctl_store::agents::revoke_credential(&mut unit, &former.id, self.now());
        }
        certctl_store::agents::insert_credential(&mut unit, &key);
        let event = Event::new(Action::AgentRegistered, &agent.id)
            .with("repeated", true)
            .with("token_id", used.token_id.as_str());
        self.audit(&mut unit, caller, event);
        unit.wake(certctl_store::keys::CHANGED);
        self.commit(unit).await?;
        let identity = NewIdentity {
            certificate_pem: certificate.to_pem(),
            chain_pem: version.chain_pem.unwrap_or_default(),
            ca_pem: self.ca_root_pem(&agents_issuer()).await?,
            not_after: certificate.not_after(),
        };
        Ok(Admission { agent, identity, api_key })
    }
}

/// Whether a credential is the certificate that a use of a token was answered with.
fn is_of(credential: &Credential, used: &TokenUse) -> bool {
    match &credential.kind {
        CredentialKind::Certificate { version_id, .. } => *version_id == used.version_id,
        CredentialKind::ApiKey { .. } => false,
    }
}

impl Token {
    fn id(&self) -> &str {
        match self {
            Self::Static => STATIC,
            Self::Stored(token) => TokenId::as_str(&token.id),
        }
    }
}

fn bad_token() -> Error {
    Error::Unauthenticated {
        code: "invalid_or_missing_bootstrap_token",
        message: "invalid_or_missing_bootstrap_token: make a token with: certctl agent enroll-token create".to_owned(),
    }
}

fn name_taken(name: &str) -> Error {
    Error::conflict(
        "name_taken",
        format!("an agent is named {name:?}; choose another name, or re-enrol it with a token bound to it"),
    )
}

fn registration_check(ask: &Registration) -> Result<Csr> {
    let mut refusals = Refusals::new();
    let texts = [
        ("name", &ask.name, AGENT_NAME_MAX, true),
        ("hostname", &ask.hostname, 255, true),
        ("os", &ask.os, 64, false),
        ("architecture", &ask.architecture, 64, false),
        ("version", &ask.version, 50, false),
    ];
    for (field, text, most, required) in texts {
        if required && text.trim().is_empty() {
            refusals.push(Refusal::invalid(field, "is required"));
        } else if text.chars().count() > most || text.chars().any(char::is_control) {
            refusals.push(Refusal::invalid(field, format!("has at most {most} characters and no control character")));
        }
    }
    let csr = match identity_request(&ask.csr_pem) {
        Ok(csr) => Some(csr),
        Err(Error::Refused(more)) => {
            refusals.0.extend(more.0);
            None
        }
        Err(error) => return Err(error),
    };
    refusals.into_result()?;
    csr.ok_or_else(|| Error::internal("a refused request was not refused"))
}

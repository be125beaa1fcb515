//! Who asks: the actor behind a request, and the person behind the actor.

use std::fmt;

/// What sort of actor it is. The text form is the wire's and the database's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ActorType {
    /// A person who logged in.
    User,
    /// The product itself; never made from a request.
    System,
    /// An agent.
    Agent,
    /// An API key.
    ApiKey,
    /// Nobody known.
    Anonymous,
}

impl ActorType {
    /// All of them, in wire order.
    pub const ALL: [Self; 5] = [Self::User, Self::System, Self::Agent, Self::ApiKey, Self::Anonymous];

    /// The wire spelling.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::System => "System",
            Self::Agent => "Agent",
            Self::ApiKey => "APIKey",
            Self::Anonymous => "Anonymous",
        }
    }

    /// Reads the wire spelling.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// Somebody who acts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Actor {
    /// Name of the key, id of the agent, or name of the loop.
    pub id: String,
    /// What sort of actor it is.
    pub kind: ActorType,
}

impl Actor {
    /// The product itself, under the name of the part that acts.
    #[must_use]
    pub fn system(part: &str) -> Self {
        Self { id: format!("system:{part}"), kind: ActorType::System }
    }

    /// `kind:id`, unique over all actors.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{}:{}", self.kind.as_str(), self.id)
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id)
    }
}

/// The human being behind an actor; two keys of one person are one person (rulings: approver and requester are two persons).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Person(pub String);

impl Person {
    /// The person of something that no human started; any human may approve what it asks.
    #[must_use]
    pub fn none() -> Self {
        Self("none".to_owned())
    }

    /// Whether a human being stands behind it.
    #[must_use]
    pub fn is_human(&self) -> bool {
        self.0 != "none"
    }
}

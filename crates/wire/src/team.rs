//! Teams.

use serde::{Deserialize, Serialize};

/// An organisational unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Team {
    /// Its id.
    pub id: String,
    /// Unique name.
    pub name: String,
    /// Free text.
    #[serde(default)]
    pub description: String,
    /// When it was created.
    pub created_at: String,
    /// When it last changed.
    pub updated_at: String,
    /// Counts its changes; the ETag is made of it.
    pub revision: i64,
}

request! {
    /// Body of `POST /api/v1/teams`.
    TeamCreate {
        /// An unused id; absent to have one made.
        id: Option<String>,
        /// Unique name; required.
        name: String,
        /// Free text.
        description: String,
    }
    server_owned ["created_at", "updated_at", "revision"]
}

request! {
    /// Body of `PUT` and `PATCH /api/v1/teams/{id}`: what is absent is kept.
    TeamUpdate {
        /// Unique name.
        name: Option<String>,
        /// Free text.
        description: Option<String>,
    }
    server_owned ["id", "created_at", "updated_at", "revision"]
}

//! Owners: who is called when a certificate needs a person.

use serde::{Deserialize, Serialize};

/// Who is called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Owner {
    /// Its id.
    pub id: String,
    /// Name.
    pub name: String,
    /// Address that notices go to.
    #[serde(default)]
    pub email: String,
    /// The team it belongs to; empty for none.
    #[serde(default)]
    pub team_id: String,
    /// When it was created.
    pub created_at: String,
    /// When it last changed.
    pub updated_at: String,
    /// Counts its changes; the ETag is made of it.
    pub revision: i64,
}

request! {
    /// Body of `POST /api/v1/owners`.
    OwnerCreate {
        /// An unused id; absent to have one made.
        id: Option<String>,
        /// Name; required.
        name: String,
        /// Address that notices go to.
        email: String,
        /// The team it belongs to.
        team_id: String,
    }
    server_owned ["created_at", "updated_at", "revision"]
}

request! {
    /// Body of `PUT` and `PATCH /api/v1/owners/{id}`: what is absent is kept.
    OwnerUpdate {
        /// Name.
        name: Option<String>,
        /// Address that notices go to.
        email: Option<String>,
        /// The team it belongs to; empty for none.
        team_id: Option<String>,
    }
    server_owned ["id", "created_at", "updated_at", "revision"]
}

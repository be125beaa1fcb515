//! The envelope of a collection.

use serde::{Deserialize, Serialize};

/// One page of a collection, with the way to the next one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Page<T> {
    /// The rows; never null.
    pub data: Vec<T>,
    /// How many rows there are in all.
    pub total: u64,
    /// Number of this page, from 1; absent in cursor mode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<u32>,
    /// Rows asked for per page; absent in cursor mode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_page: Option<u32>,
    /// Give this as `cursor` to read on; absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    /// Rows asked for in cursor mode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_size: Option<u32>,
    /// When `total` was counted, if not just now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_as_of: Option<String>,
    /// Counting stopped at `total`; there are at least that many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_is_minimum: Option<bool>,
}

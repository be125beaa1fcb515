//! What is asked of a collection.

/// Filters, order and page of a collection; names as on the wire.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query(pub(crate) Vec<(&'static str, String)>);

impl Query {
    /// Everything, from the start, in the server's order and page size.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps rows whose field has this value; nothing happens for `None`.
    #[must_use]
    pub fn filter(mut self, field: &'static str, value: Option<impl Into<String>>) -> Self {
        if let Some(value) = value {
            self.set(field, value.into());
        }
        self
    }

    /// Orders by a field; `-field` for the greatest first.
    #[must_use]
    pub fn sort(self, sort: Option<impl Into<String>>) -> Self {
        self.filter("sort", sort)
    }

    /// Rows per page, 1 to 500.
    #[must_use]
    pub fn per_page(mut self, rows: u32) -> Self {
        self.set("per_page", rows.to_string());
        self
    }

    /// Page by number, from 1.
    #[must_use]
    pub fn page(mut self, page: u32) -> Self {
        self.0.retain(|(name, _)| *name != "cursor");
        self.set("page", page.to_string());
        self
    }

    /// Reads on after a page that gave this cursor.
    #[must_use]
    pub fn after(mut self, cursor: impl Into<String>) -> Self {
        self.0.retain(|(name, _)| *name != "page");
        self.set("cursor", cursor.into());
        self
    }

    fn set(&mut self, name: &'static str, value: String) {
        self.0.retain(|(known, _)| *known != name);
        self.0.push((name, value));
    }
}

//! `page` and `per_page`, or `cursor` and `page_size`: which part of a list, and how its total is counted.

use certctl_app::list::{Count, Cursor, LIMIT_DEFAULT, LIMIT_MAX, OFFSET_MAX, Start, Total, Window};
use certctl_edge::doc::Doc;
use certctl_edge::query::pairs;
use certctl_edge::{Call, FromCall, Problem};
use certctl_pki::Timestamp;
use certctl_wire::Page;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};

/// The part of a list that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paging {
    place: Place,
    /// Rows at most.
    pub limit: u32,
    /// Whether the total is to be counted to the end, whatever it costs (`count=exact`).
    pub exact: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Page(u32),
    Cursor(String),
    First,
}

impl FromCall for Paging {
    async fn from_call(call: &mut Call) -> Result<Self, Problem> {
        Self::read(|name| {
            pairs(&call.parts.uri).into_iter().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
        })
    }

    fn describe(doc: &mut Doc) {
        doc.query("page", "Number of the page, from 1; within the first 10000 rows.", false, number());
        doc.query("per_page", "Rows of a page, 1 to 500; 50 unless given.", false, number());
        doc.query("cursor", "Where to read on: next_cursor of the page before.", false, text());
        doc.query("page_size", "Rows in cursor mode, 1 to 500.", false, number());
        doc.query("count", "exact: count the total to the end, whatever it costs.", false, text());
        doc.fails.insert(400);
    }
}

impl Paging {
    fn read(parameter: impl Fn(&str) -> Option<String>) -> Result<Self, Problem> {
        let within = |name: &str, most: u32| -> Result<Option<u32>, Problem> {
            let Some(text) = parameter(name) else { return Ok(None) };
            match text.parse::<u32>() {
                Ok(number) if (1..=most).contains(&number) => Ok(Some(number)),
                Ok(_) | Err(_) => Err(Problem::invalid(name, format!("is a whole number from 1 to {most}"))),
            }
        };
        let page = within("page", u32::MAX)?;
        let per_page = within("per_page", LIMIT_MAX)?;
        let page_size = within("page_size", LIMIT_MAX)?;
        let cursor = parameter("cursor");
        let exact = match parameter("count").as_deref() {
            None => false,
            Some("exact") => true,
            Some(_) => return Err(Problem::invalid("count", "is exact, or left out")),
        };
        if cursor.is_some() && page.is_some() {
            return Err(Problem::invalid("page", "goes without cursor; use one of the two"));
        }
        let limit = page_size.or(per_page).unwrap_or(LIMIT_DEFAULT);
        let place = match (cursor, page) {
            (Some(cursor), _) => Place::Cursor(cursor),
            (None, Some(page)) => Place::Page(page),
            (None, None) if page_size.is_some() => Place::First,
            (None, None) => Place::Page(1),
        };
        if let Place::Page(page) = place {
            let last = u64::from(page) * u64::from(limit);
            if last > OFFSET_MAX {
                let message = format!(
                    "page {page} of {limit} rows ends at row {last}; beyond row {OFFSET_MAX} read on with cursor"
                );
                return Err(Problem::invalid("page", message));
            }
        }
        Ok(Self { place, limit, exact })
    }

    /// Rows to pass over in page mode.
    #[must_use]
    pub fn offset(&self) -> u64 {
        match self.place {
            Place::Page(page) => u64::from(page - 1) * u64::from(self.limit),
            Place::Cursor(_) | Place::First => 0,
        }
    }

    /// The cursor, if one is given.
    #[must_use]
    pub fn cursor(&self) -> Option<&str> {
        match &self.place {
            Place::Cursor(cursor) => Some(cursor),
            Place::Page(_) | Place::First => None,
        }
    }

    /// The same in the words of the use cases, for a list in this order.
    ///
    /// # Errors
    /// 400 when the cursor belongs to another list.
    pub fn window(&self, order: &str) -> Result<Window, Problem> {
        let start = match self.cursor() {
            Some(text) => {
                Start::After(Cursor::parse(order, text).map_err(|error| Problem::invalid("cursor", error.to_string()))?)
            }
            None => Start::Offset(self.offset()),
        };
        let count = if self.exact { Count::Exact } else { Count::Bounded };
        Ok(Window { start, limit: self.limit, count })
    }

    /// The envelope of the page.
    #[must_use]
    pub fn page<T>(&self, data: Vec<T>, total: Total, next: Option<String>) -> Page<T> {
        let (page, per_page, page_size) = match self.place {
            Place::Page(page) => (Some(page), Some(self.limit), None),
            Place::Cursor(_) | Place::First => (None, None, Some(self.limit)),
        };
        Page {
            data,
            total: total.rows,
            page,
            per_page,
            next_cursor: next,
            page_size,
            total_as_of: None,
            total_is_minimum: total.is_minimum.then_some(true),
        }
    }

    /// The same, with the time at which the total was counted.
    #[must_use]
    pub fn page_as_of<T>(
        &self,
        data: Vec<T>,
        total: Total,
        next: Option<String>,
        counted_at: Option<Timestamp>,
    ) -> Page<T> {
        Page { total_as_of: counted_at.map(|at| at.to_rfc3339()), ..self.page(data, total, next) }
    }
}

fn number() -> RefOr<Schema> {
    schema(Type::Integer)
}

fn text() -> RefOr<Schema> {
    schema(Type::String)
}

fn schema(kind: Type) -> RefOr<Schema> {
    RefOr::T(Schema::Object(ObjectBuilder::new().schema_type(SchemaType::Type(kind)).build()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &[(&str, &str)]) -> Result<Paging, String> {
        let find = |name: &str| query.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Paging::read(find).map_err(|problem| problem.message.clone())
    }

    #[test]
    fn nothing_is_clamped() {
        for bad in [
            ("page", "0"),
            ("page", "x"),
            ("per_page", "501"),
            ("per_page", "9999"),
            ("page_size", "0"),
            ("count", "all"),
        ] {
            assert!(read(&[bad]).expect_err("refused").starts_with(bad.0), "{bad:?}");
        }
        assert!(read(&[("page", "21"), ("per_page", "500")]).expect_err("refused").contains("cursor"));
        assert_eq!(read(&[("page", "20"), ("per_page", "500")]).expect("read").offset(), 9_500);
        assert!(read(&[("page", "2"), ("cursor", "x")]).is_err());
    }

    #[test]
    fn the_envelope_speaks_of_the_mode_asked_for() {
        let total = Total { rows: 3, is_minimum: false };
        let pages = read(&[]).expect("read").page::<u8>(vec![], total, None);
        assert_eq!((pages.page, pages.per_page, pages.page_size), (Some(1), Some(50), None));
        let cursors = read(&[("page_size", "10")]).expect("read").page::<u8>(vec![], total, None);
        assert_eq!((cursors.page, cursors.per_page, cursors.page_size), (None, None, Some(10)));
    }
}

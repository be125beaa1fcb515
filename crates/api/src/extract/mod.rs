//! What handlers take out of a request, strictly: every mistake is named with its field and the nearest right spelling.

mod body;
mod paging;
mod query;
mod strict;

pub use body::{Strict, StrictOrEmpty};
pub use paging::Paging;
pub use query::Query;

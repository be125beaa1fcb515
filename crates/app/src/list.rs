//! The words in which lists are asked for and answered.

pub use certctl_store::list::{
    COUNT_MAX, Count, Cursor, CursorError, Key, LIMIT_DEFAULT, LIMIT_MAX, Listed, NEWEST_FIRST, OFFSET_MAX,
    OLDEST_FIRST, Start, Total, Window,
};

//! Between columns and domain types. A column that cannot be read is a defect of the data, named by table and column.

use std::collections::BTreeMap;

use certctl_db::DbError;
use certctl_pki::{San, Timestamp};

/// A column that holds what it cannot.
pub(crate) fn unreadable(table: &str, column: &str) -> DbError {
    DbError::unreadable(format!("{table}.{column}"))
}

pub(crate) fn time(micros: i64) -> Timestamp {
    Timestamp::from_unix_micros(micros)
}

pub(crate) fn time_opt(micros: Option<i64>) -> Option<Timestamp> {
    micros.map(Timestamp::from_unix_micros)
}

pub(crate) fn micros(time: Timestamp) -> i64 {
    time.unix_micros()
}

pub(crate) fn micros_opt(time: Option<Timestamp>) -> Option<i64> {
    time.map(Timestamp::unix_micros)
}

/// An id column.
pub(crate) fn id<T>(
    table: &str,
    column: &str,
    text: &str,
    parse: impl Fn(&str) -> Result<T, certctl_domain::ids::IdError>,
) -> Result<T, DbError> {
    parse(text).map_err(|_| unreadable(table, column))
}

/// An id column that may be NULL.
pub(crate) fn id_opt<T>(
    table: &str,
    column: &str,
    text: Option<&str>,
    parse: impl Fn(&str) -> Result<T, certctl_domain::ids::IdError>,
) -> Result<Option<T>, DbError> {
    text.map(|text| id(table, column, text, parse)).transpose()
}

/// A column that holds one of a few words.
pub(crate) fn word<T>(table: &str, column: &str, text: &str, parse: impl Fn(&str) -> Option<T>) -> Result<T, DbError> {
    parse(text).ok_or_else(|| unreadable(table, column))
}

pub(crate) fn small(table: &str, column: &str, value: i64) -> Result<u32, DbError> {
    u32::try_from(value).map_err(|_| unreadable(table, column))
}

pub(crate) fn json<T: serde::de::DeserializeOwned>(table: &str, column: &str, text: &str) -> Result<T, DbError> {
    serde_json::from_str(text).map_err(|_| unreadable(table, column))
}

pub(crate) fn to_json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("texts, numbers and their lists serialise")
}

pub(crate) fn sans(table: &str, text: &str) -> Result<Vec<San>, DbError> {
    let texts: Vec<String> = json(table, "sans", text)?;
    texts.iter().map(|text| San::parse(text).map_err(|_| unreadable(table, "sans"))).collect()
}

pub(crate) fn sans_json(sans: &[San]) -> String {
    let texts: Vec<String> = sans.iter().map(ToString::to_string).collect();
    to_json(&texts)
}

pub(crate) fn map_json(map: &BTreeMap<String, String>) -> String {
    to_json(map)
}

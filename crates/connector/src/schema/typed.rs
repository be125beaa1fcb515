//! The values of [`super::Kind`]s that need more than a JSON type, as a connector's configuration holds them.

use std::time::Duration;

use serde::{Deserialize, Deserializer, de::Error};
use serde_json::Value;

use super::{parse_duration, parse_mode};

/// A program and its arguments; never a shell line. Read from an array, or from text split on whitespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argv(pub Vec<String>);

impl<'de> Deserialize<'de> for Argv {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Words(Vec<String>),
            Line(String),
        }
        let words = match Form::deserialize(from)? {
            Form::Words(words) => words,
            Form::Line(line) => line.split_whitespace().map(str::to_owned).collect(),
        };
        if words.is_empty() { Err(D::Error::custom("must name a program")) } else { Ok(Self(words)) }
    }
}

/// A file's permission, as `"0640"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode(pub u32);

impl<'de> Deserialize<'de> for Mode {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        parse_mode(&Value::deserialize(from)?).map(Self).map_err(D::Error::custom)
    }
}

/// A length of time, as `"10s"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span(pub Duration);

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        parse_duration(&Value::deserialize(from)?).map(Self).map_err(D::Error::custom)
    }
}

//! Query strings as structs. Names are checked by the pipeline against the route's documentation; here values are, and a wrong
//! word is answered with the nearest right one.

use std::borrow::Cow;
use std::fmt;

use certctl_edge::doc::Doc;
use certctl_edge::query::{nearest, pairs};
use certctl_edge::{Call, FromCall, Problem};
use serde::de::value::{BorrowedStrDeserializer, StrDeserializer};
use serde::de::{self, DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, Visitor};
use utoipa::ToSchema;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;

/// The query parameters of a route: a struct whose fields are texts, numbers, flags or words.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned + ToSchema + Send + 'static> FromCall for Query<T> {
    async fn from_call(call: &mut Call) -> Result<Self, Problem> {
        let pairs = pairs(&call.parts.uri);
        let input = Params { pairs: &pairs };
        T::deserialize(input)
            .map(Self)
            .map_err(|wrong| Problem::invalid(wrong.field.unwrap_or_default(), wrong.message))
    }

    fn describe(doc: &mut Doc) {
        let mut named = Vec::new();
        T::schemas(&mut named);
        doc.schemas.extend(named);
        if let RefOr::T(Schema::Object(object)) = T::schema() {
            for (name, schema) in object.properties {
                let required = object.required.contains(&name);
                let about = about(&schema);
                doc.query(&name, &about, required, schema);
            }
        }
        doc.fails.insert(400);
    }
}

fn about(schema: &RefOr<Schema>) -> String {
    match schema {
        RefOr::T(Schema::Object(object)) => object.description.clone(),
        RefOr::T(Schema::OneOf(one_of)) => one_of.description.clone(),
        RefOr::T(_) | RefOr::Ref(_) => None,
    }
    .unwrap_or_default()
}

/// What is wrong with a parameter.
#[derive(Debug)]
struct Wrong {
    field: Option<String>,
    message: String,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Wrong {}

impl de::Error for Wrong {
    fn custom<M: fmt::Display>(message: M) -> Self {
        Self { field: None, message: message.to_string() }
    }

    fn missing_field(field: &'static str) -> Self {
        Self { field: Some(field.to_owned()), message: "is required".to_owned() }
    }
}

struct Params<'a> {
    pairs: &'a [(Cow<'a, str>, Cow<'a, str>)],
}

impl<'de> Deserializer<'de> for Params<'de> {
    type Error = Wrong;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_map(Entries { left: self.pairs, fields: None, value: None })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        visitor.visit_map(Entries { left: self.pairs, fields: Some(fields), value: None })
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

struct Entries<'de> {
    left: &'de [(Cow<'de, str>, Cow<'de, str>)],
    /// The names of the struct; others belong to other arguments of the handler.
    fields: Option<&'static [&'static str]>,
    value: Option<(&'de str, &'de str)>,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Wrong;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Wrong> {
        while let Some(((name, value), rest)) = self.left.split_first() {
            self.left = rest;
            if self.fields.is_none_or(|fields| fields.contains(&name.as_ref())) {
                self.value = Some((name, value));
                return seed.deserialize(BorrowedStrDeserializer::new(name)).map(Some);
            }
        }
        Ok(None)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Wrong> {
        let (name, value) = self.value.take().unwrap_or_default();
        seed.deserialize(Text(value)).map_err(|wrong| Wrong { field: Some(name.to_owned()), ..wrong })
    }
}

/// The text of one parameter, read as what the field wants.
struct Text<'de>(&'de str);

macro_rules! numbers {
    ($($method:ident $visit:ident $kind:ty;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
            match self.0.parse::<$kind>() {
                Ok(number) => visitor.$visit(number),
                Err(_) => Err(de::Error::custom(format_args!("{:?} is no whole number", self.0))),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for Text<'de> {
    type Error = Wrong;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_borrowed_str(self.0)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match self.0 {
            "true" | "1" => visitor.visit_bool(true),
            "false" | "0" => visitor.visit_bool(false),
            other => Err(de::Error::custom(format_args!("{other:?} is neither true nor false"))),
        }
    }

    numbers! {
        deserialize_i64 visit_i64 i64;
        deserialize_u64 visit_u64 u64;
        deserialize_i32 visit_i32 i32;
        deserialize_u32 visit_u32 u32;
        deserialize_u16 visit_u16 u16;
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _name: &'static str, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        words: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        if !words.contains(&self.0) {
            return Err(de::Error::custom(match nearest(self.0, words) {
                Some(near) => format!("{:?} is not known; did you mean {near}?", self.0),
                None => format!("{:?} is not known; known are {}", self.0, words.join(", ")),
            }));
        }
        let word: StrDeserializer<'_, Wrong> = self.0.into_deserializer();
        visitor.visit_enum(word)
    }

    serde::forward_to_deserialize_any! {
        i8 i16 i128 u8 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct
        identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use http::Uri;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    struct Example {
        status: Option<certctl_wire::CertificateStatus>,
        #[serde(default)]
        issue: bool,
        wait: Option<u32>,
        name: Option<String>,
    }

    fn read(query: &str) -> Result<Example, (String, String)> {
        let uri: Uri = format!("/x?{query}").parse().expect("a URI");
        let pairs = pairs(&uri);
        let read = Example::deserialize(Params { pairs: &pairs });
        read.map_err(|wrong| (wrong.field.unwrap_or_default(), wrong.message))
    }

    #[test]
    fn values_are_read_as_their_fields_want_them() {
        let read = read("status=Active&issue=true&wait=25&name=a%20b&page=2").expect("read");
        let expect = Example {
            status: Some(certctl_wire::CertificateStatus::Active),
            issue: true,
            wait: Some(25),
            name: Some("a b".to_owned()),
        };
        assert_eq!(read, expect);
    }

    #[test]
    fn a_wrong_value_is_answered_with_the_nearest_right_one() {
        let (field, message) = read("status=active").expect_err("refused");
        assert_eq!((field.as_str(), message.contains("did you mean Active?")), ("status", true), "{message}");
        assert_eq!(read("wait=soon").expect_err("refused").0, "wait");
        assert_eq!(read("issue=maybe").expect_err("refused").0, "issue");
    }
}

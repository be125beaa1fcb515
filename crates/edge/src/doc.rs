//! What the types of a handler say about its route: parameters, body, answers. The OpenAPI document is made of this and of
//! nothing else, so it cannot differ from what is served.

use std::collections::{BTreeMap, BTreeSet};

use utoipa::ToSchema;
use utoipa::openapi::path::{ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{Ref, RefOr, Required};

/// The documentation of one route, as far as types tell it.
#[derive(Default, Clone)]
pub struct Doc {
    /// Path, query and header parameters.
    pub parameters: Vec<utoipa::openapi::path::Parameter>,
    /// Media type and schema of the request body.
    pub body: Option<(&'static str, RefOr<Schema>)>,
    /// Whether the request body may be absent.
    pub body_optional: bool,
    /// Successful answers: status, what it means, media type and schema of the body, names of its headers.
    pub answers: BTreeMap<u16, Success>,
    /// Statuses of failures.
    pub fails: BTreeSet<u16>,
    /// Named schemas that the others refer to.
    pub schemas: BTreeMap<String, RefOr<Schema>>,
    /// Whether the handler asks who calls.
    pub names_caller: bool,
    /// Whether the handler reads the ids in the path.
    pub reads_path: bool,
}

/// A successful answer.
#[derive(Clone, Default, PartialEq)]
pub struct Success {
    /// What it means.
    pub about: &'static str,
    /// Media type and schema; absent when there is no body.
    pub body: Option<(&'static str, RefOr<Schema>)>,
    /// Headers worth knowing.
    pub headers: Vec<&'static str>,
}

impl Doc {
    /// A reference to a named schema, which is noted together with all it refers to.
    pub fn schema<T: ToSchema>(&mut self) -> RefOr<Schema> {
        let mut named = vec![(T::name().into_owned(), T::schema())];
        T::schemas(&mut named);
        self.schemas.extend(named);
        RefOr::Ref(Ref::from_schema_name(T::name()))
    }

    /// A header parameter, optional and of free text.
    pub fn header(&mut self, name: &str, about: &str) {
        self.parameter(ParameterIn::Header, name, about, false, text());
    }

    /// A query parameter.
    pub fn query(&mut self, name: &str, about: &str, required: bool, schema: RefOr<Schema>) {
        self.parameter(ParameterIn::Query, name, about, required, schema);
    }

    /// The ids in the path.
    pub fn path_ids(&mut self) {
        self.reads_path = true;
        self.fails.extend([400, 404]);
    }

    pub(crate) fn path_parameters(&mut self, path: &str) {
        for name in path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')) {
            self.parameter(ParameterIn::Path, name, "Opaque id.", true, text());
        }
    }

    fn parameter(&mut self, place: ParameterIn, name: &str, about: &str, required: bool, schema: RefOr<Schema>) {
        let required = if required { Required::True } else { Required::False };
        let parameter = ParameterBuilder::new()
            .name(name)
            .parameter_in(place)
            .description(Some(about))
            .required(required)
            .schema(Some(schema))
            .build();
        self.parameters.push(parameter);
    }

    /// A successful answer with a JSON body.
    pub fn answer_json<T: ToSchema>(&mut self, status: u16, about: &'static str, headers: &[&'static str]) {
        let schema = self.schema::<T>();
        let body = Some(("application/json", schema));
        self.answers.insert(status, Success { about, body, headers: headers.to_vec() });
    }

    /// A successful answer without a body.
    pub fn answer_empty(&mut self, status: u16, about: &'static str, headers: &[&'static str]) {
        self.answers.insert(status, Success { about, body: None, headers: headers.to_vec() });
    }

    /// A successful answer with a body of another media type.
    pub fn answer_text(&mut self, status: u16, about: &'static str, media_type: &'static str) {
        self.answers.insert(status, Success { about, body: Some((media_type, text())), headers: Vec::new() });
    }

    /// A successful answer of that media type whose form is not described.
    pub fn answer_any(&mut self, status: u16, about: &'static str, media_type: &'static str) {
        let any = RefOr::T(Schema::Object(ObjectBuilder::new().schema_type(SchemaType::AnyValue).build()));
        self.answers.insert(status, Success { about, body: Some((media_type, any)), headers: Vec::new() });
    }
}

fn text() -> RefOr<Schema> {
    RefOr::T(Schema::Object(ObjectBuilder::new().schema_type(SchemaType::Type(Type::String)).build()))
}

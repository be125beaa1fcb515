//! Strict query strings: a parameter that the route does not have, or one given twice, is a mistake that the client hears of.

use std::borrow::Cow;

use http::Uri;
use utoipa::openapi::path::ParameterIn;

use crate::problem::{Problem, ProblemDetail};
use crate::route::RouteInfo;

/// Name and value of each parameter, decoded, in order.
#[must_use]
pub fn pairs(uri: &Uri) -> Vec<(Cow<'_, str>, Cow<'_, str>)> {
    form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).collect()
}

/// Refuses parameters that the route does not document.
pub(crate) fn check_names(uri: &Uri, route: &RouteInfo) -> Result<(), Problem> {
    if uri.query().is_none_or(str::is_empty) {
        return Ok(());
    }
    let known: Vec<&str> = query_names(route).collect();
    let pairs = pairs(uri);
    let mut details = Vec::new();
    for (index, (name, _)) in pairs.iter().enumerate() {
        let message = if !known.contains(&name.as_ref()) {
            unknown(name, &known)
        } else if pairs[..index].iter().any(|(earlier, _)| earlier == name) {
            "is given twice; give it once".to_owned()
        } else {
            continue;
        };
        details.push(ProblemDetail { field: name.to_string(), message });
    }
    if details.is_empty() { Ok(()) } else { Err(Problem::invalid_fields(details)) }
}

fn query_names(route: &RouteInfo) -> impl Iterator<Item = &str> {
    route
        .doc
        .parameters
        .iter()
        .filter(|parameter| is_query(&parameter.parameter_in))
        .map(|parameter| parameter.name.as_str())
}

fn is_query(place: &ParameterIn) -> bool {
    matches!(place, ParameterIn::Query)
}

/// Says that a name is not known, and which known one is nearest.
#[must_use]
pub fn unknown(name: &str, known: &[&str]) -> String {
    match nearest(name, known) {
        Some(near) => format!("is not known; did you mean {near}?"),
        None if known.is_empty() => "is not known; nothing is expected here".to_owned(),
        None => format!("is not known; known are {}", known.join(", ")),
    }
}

/// The known word that a person most likely meant.
#[must_use]
pub fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let scored = known.iter().map(|each| (strsim::jaro_winkler(word, each), *each));
    let best = scored.max_by(|one, other| one.0.total_cmp(&other.0))?;
    (best.0 >= 0.8).then_some(best.1)
}

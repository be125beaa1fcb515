//! What each kind of field accepts.

use std::{path::Path, time::Duration};

use serde_json::{Map, Value};

use super::{Field, FieldError, Kind, edit::SecretState, nearest};

impl Kind {
    /// The name the API shows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "string",
            Self::Integer(..) => "integer",
            Self::Boolean => "boolean",
            Self::Duration => "duration",
            Self::Path => "path",
            Self::Mode => "mode",
            Self::Command => "command",
            Self::HostPort => "host_port",
            Self::Choice(_) => "choice",
            Self::TextList => "string_list",
            Self::Object(_) => "object",
        }
    }

    fn check(self, value: &Value, path: &str, errors: &mut Vec<FieldError>) {
        let verdict = match self {
            Self::Text => text(value).map(drop),
            Self::Integer(low, high) => integer(value, low, high),
            Self::Boolean => value.as_bool().map(drop).ok_or("must be true or false".to_owned()),
            Self::Duration => parse_duration(value).map(drop),
            Self::Path => absolute_path(value),
            Self::Mode => parse_mode(value).map(drop),
            Self::Command => command(value),
            Self::HostPort => host_port(value),
            Self::Choice(choices) => choice(value, choices),
            Self::TextList => text_list(value).map(drop),
            Self::Object(fields) => match value {
                Value::Object(object) => {
                    check_object(fields, object, &format!("{path}."), errors);
                    Ok(())
                }
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                    Err("must be an object".to_owned())
                }
            },
        };
        if let Err(message) = verdict {
            errors.push(FieldError::new(path, message));
        }
    }
}

pub(super) fn check_object(fields: &[Field], object: &Map<String, Value>, prefix: &str, errors: &mut Vec<FieldError>) {
    for name in object.keys().filter(|name| fields.iter().all(|field| field.name != **name)) {
        let hint = match nearest(name, fields.iter().map(|field| field.name)) {
            Some(known) => format!("unknown field; did you mean `{known}`?"),
            None => "unknown field".to_owned(),
        };
        errors.push(FieldError::new(format!("{prefix}{name}"), hint));
    }
    for field in fields {
        let path = format!("{prefix}{}", field.name);
        match object.get(field.name) {
            None | Some(Value::Null) if field.required => errors.push(FieldError::new(path, "is required")),
            None | Some(Value::Null) => {}
            Some(value) if field.secret && SecretState::of(value).is_some() => {
                errors.push(FieldError::new(path, "needs a value: there is none stored to keep"));
            }
            Some(value) => field.kind.check(value, &path, errors),
        }
    }
}

/// Reads `"10s"`, `"500ms"`, `"2m"`, `"1h"`, or a number of nanoseconds.
///
/// # Errors
/// A sentence saying what is accepted.
pub fn parse_duration(value: &Value) -> Result<Duration, String> {
    const ACCEPTED: &str = "must be a duration such as \"10s\", \"500ms\" or \"2m\"";
    if let Some(nanos) = value.as_u64() {
        return Ok(Duration::from_nanos(nanos));
    }
    let text = value.as_str().ok_or(ACCEPTED)?;
    let split = text.find(|c: char| !c.is_ascii_digit()).ok_or(ACCEPTED)?;
    let (number, unit) = text.split_at(split);
    let number: u32 = number.parse().map_err(|_| ACCEPTED)?;
    match unit {
        "ms" => Ok(Duration::from_millis(number.into())),
        "s" => Ok(Duration::from_secs(number.into())),
        "m" => Ok(Duration::from_secs(u64::from(number) * 60)),
        "h" => Ok(Duration::from_secs(u64::from(number) * 3600)),
        _ => Err(ACCEPTED.to_owned()),
    }
}

/// Reads `"0640"`, or a number that is the permission's value (416 = 0640).
///
/// # Errors
/// A sentence saying what is accepted.
pub fn parse_mode(value: &Value) -> Result<u32, String> {
    const ACCEPTED: &str = "must be an octal permission such as \"0640\"";
    let mode = match (value.as_str(), value.as_u64()) {
        (Some(text), _) if (3..=4).contains(&text.len()) => u32::from_str_radix(text, 8).map_err(|_| ACCEPTED)?,
        (None, Some(number)) => u32::try_from(number).map_err(|_| ACCEPTED)?,
        _ => return Err(ACCEPTED.to_owned()),
    };
    match mode {
        0..=0o777 if mode & 0o400 == 0 => Err("must let the owner read the file, such as \"0640\"".to_owned()),
        0..=0o777 => Ok(mode),
        _ => Err(ACCEPTED.to_owned()),
    }
}

fn text(value: &Value) -> Result<&str, String> {
    let text = value.as_str().ok_or("must be a string")?;
    if text.is_empty() {
        return Err("must not be empty; leave the field out instead".to_owned());
    }
    if text.chars().any(char::is_control) {
        return Err("must not contain control characters".to_owned());
    }
    Ok(text)
}

fn text_list(value: &Value) -> Result<Vec<&str>, String> {
    let items = value.as_array().ok_or("must be an array of strings")?;
    items.iter().map(|item| text(item).map_err(|error| format!("each item {error}"))).collect()
}

fn integer(value: &Value, low: i64, high: i64) -> Result<(), String> {
    match value.as_i64() {
        Some(number) if (low..=high).contains(&number) => Ok(()),
        _ => Err(format!("must be a whole number from {low} to {high}")),
    }
}

fn absolute_path(value: &Value) -> Result<(), String> {
    let path = Path::new(text(value)?);
    if !path.is_absolute() {
        return Err("must be an absolute path".to_owned());
    }
    if path.components().any(|part| matches!(part, std::path::Component::ParentDir)) {
        return Err("must not contain `..`".to_owned());
    }
    Ok(())
}

/// Commands are never given to a shell; characters that only mean something to one are refused so that nobody expects it.
fn command(value: &Value) -> Result<(), String> {
    const LONGEST: usize = 1024;
    const SHELL: &str = ";|&$`(){}<>\\\"'";
    let words = match value {
        Value::String(_) => text(value)?.split_whitespace().collect(),
        Value::Array(_) => text_list(value)?,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
            return Err("must be an array [program, argument, …] or a string".to_owned());
        }
    };
    if words.is_empty() {
        return Err("must name a program".to_owned());
    }
    if words.iter().map(|word| word.len() + 1).sum::<usize>() > LONGEST {
        return Err(format!("must not be longer than {LONGEST} characters"));
    }
    if value.is_string() && words.iter().any(|word| word.contains(|c| SHELL.contains(c))) {
        return Err(format!("is run without a shell, so none of {SHELL} may appear; give an array of arguments"));
    }
    Ok(())
}

fn host_port(value: &Value) -> Result<(), String> {
    const ACCEPTED: &str = "must be host:port, such as \"127.0.0.1:443\" or \"[::1]:443\"";
    let (host, port) = text(value)?.rsplit_once(':').ok_or(ACCEPTED)?;
    let bracketed = host.starts_with('[') && host.ends_with(']');
    if host.is_empty() || (host.contains(':') && !bracketed) || host.contains(char::is_whitespace) {
        return Err(ACCEPTED.to_owned());
    }
    match port.parse::<u16>() {
        Ok(1..) => Ok(()),
        _ => Err(ACCEPTED.to_owned()),
    }
}

fn choice(value: &Value, choices: &[&'static str]) -> Result<(), String> {
    let given = text(value)?;
    if choices.contains(&given) {
        return Ok(());
    }
    let hint = nearest(given, choices.iter().copied()).map(|near| format!("; did you mean `{near}`?"));
    Err(format!("must be one of {}{}", choices.join(", "), hint.unwrap_or_default()))
}

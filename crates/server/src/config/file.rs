//! The TOML file: one section per area, one key per setting, an unknown key is an error.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use certctl_wire::settings::{Given, Program, Reader, Setting, nearest_of, settings};
use toml::{Table, Value};

/// Adds the file's values to the reader's; what is wrong with the file is noted there.
pub(super) fn add(reader: &mut Reader, path: &Path) {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            return reader.problem(format!("--config: the file {} cannot be read: {error}", path.display()));
        }
    };
    match text.parse::<Table>() {
        Ok(table) => {
            let mut holds_secret = false;
            for (section, value) in &table {
                holds_secret |= add_section(reader, section, value);
            }
            if holds_secret {
                warn_if_open(reader, path);
            }
        }
        // The message of the parser repeats the line, which may hold a secret; its position is enough to find it.
        Err(error) => {
            let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].lines().count().max(1));
            reader.problem(format!("--config: {}, line {line}: {}", path.display(), error.message()));
        }
    }
}

/// Returns whether a secret was among the values.
fn add_section(reader: &mut Reader, section: &str, value: &Value) -> bool {
    let Value::Table(table) = value else {
        reader.problem(format!("--config: {section} must be a section, written [{section}]"));
        return false;
    };
    let mut holds_secret = false;
    for (key, value) in table {
        let key = format!("{section}.{key}");
        match find(&key) {
            Found::Value(setting) => {
                holds_secret |= setting.secret;
                add_value(reader, setting, &key, value);
            }
            Found::FileOf(setting) => add_file(reader, setting, &key, value),
            Found::Later(setting) => {
                let asked = text_of(value).is_some_and(|text| !text.is_empty() && text != setting.default);
                if asked {
                    reader.problem(format!("--config: {key} is not part of this version; remove it"));
                }
            }
            Found::Nothing => {
                let near = nearest_of(&key, keys().map(|(key, _)| key));
                let hint = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
                reader.problem(format!("--config: unknown key {key}{hint}"));
            }
        }
    }
    holds_secret
}

fn add_value(reader: &mut Reader, setting: &Setting, key: &str, value: &Value) {
    match text_of(value) {
        Some(text) if text.is_empty() => {}
        Some(text) => reader.add([(setting.name.to_owned(), Given::from_key(key, text))]),
        None => reader.problem(format!("--config: {key} must be a text, a number, true or false, or a list of texts")),
    }
}

fn add_file(reader: &mut Reader, setting: &Setting, key: &str, value: &Value) {
    let Some(path) = value.as_str() else {
        return reader.problem(format!("--config: {key} must be the path of a file"));
    };
    match std::fs::read_to_string(path) {
        Ok(text) => {
            let text = text.trim_end_matches(['\r', '\n']).to_owned();
            reader.add([(setting.name.to_owned(), Given::from_key(key, text))]);
        }
        Err(error) => reader.problem(format!("--config: {key}: the file {path} cannot be read: {error}")),
    }
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Boolean(flag) => Some(flag.to_string()),
        Value::Array(parts) => {
            let parts: Option<Vec<&str>> = parts.iter().map(Value::as_str).collect();
            parts.map(|parts| parts.join(","))
        }
        Value::Float(_) | Value::Datetime(_) | Value::Table(_) => None,
    }
}

enum Found {
    Value(&'static Setting),
    FileOf(&'static Setting),
    Later(&'static Setting),
    Nothing,
}

fn find(key: &str) -> Found {
    let of = |key: &str| keys().find(|(known, _)| known == key).map(|(_, setting)| setting);
    if let Some(setting) = of(key) {
        return if setting.exists { Found::Value(setting) } else { Found::Later(setting) };
    }
    match key.strip_suffix("_file").and_then(of).filter(|setting| setting.secret && setting.exists) {
        Some(setting) => Found::FileOf(setting),
        None => Found::Nothing,
    }
}

fn keys() -> impl Iterator<Item = (String, &'static Setting)> {
    let ours = settings().filter(|setting| setting.is_read_by(Program::Server));
    ours.filter_map(|setting| Some((setting.key()?, setting)))
}

fn warn_if_open(reader: &mut Reader, path: &Path) {
    let open = std::fs::metadata(path).is_ok_and(|file| file.mode() & 0o077 != 0);
    if open {
        let path = path.display();
        reader
            .warn(format!("{path} holds secrets and others can read it; run chmod 600 {path}, or use the _file keys"));
    }
}

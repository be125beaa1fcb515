//! How values are written: durations such as `1h30m`, switches such as `true`, `yes`, `on`.

use std::time::Duration;

/// Reads a duration: numbers with units `d h m s ms`, largest first, such as `1h30m` or `500ms`. `0` needs no unit.
///
/// # Errors
/// What is expected, without the value.
pub fn duration(text: &str) -> Result<Duration, &'static str> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let (mut rest, mut total, mut largest) = (text, Duration::ZERO, u64::MAX);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).filter(|&at| at > 0).ok_or(EXPECTED)?;
        let number: u64 = rest[..digits].parse().map_err(|_| EXPECTED)?;
        let letters = rest[digits..].find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len() - digits);
        let unit = &rest[digits..digits + letters];
        let &(_, millis) = UNITS.iter().find(|(name, _)| *name == unit).ok_or(EXPECTED)?;
        if millis >= largest {
            return Err(EXPECTED);
        }
        let part = number.checked_mul(millis).map(Duration::from_millis).ok_or(EXPECTED)?;
        total = total.checked_add(part).ok_or(EXPECTED)?;
        largest = millis;
        rest = &rest[digits + letters..];
    }
    if text.is_empty() { Err(EXPECTED) } else { Ok(total) }
}

/// Writes a duration so that [`duration`] reads it. Fractions of a millisecond are dropped.
#[must_use]
pub fn duration_text(value: Duration) -> String {
    let mut left = u64::try_from(value.as_millis()).unwrap_or(u64::MAX);
    let mut text = String::new();
    for &(unit, millis) in UNITS.iter().filter(|(unit, _)| *unit != "d") {
        if left >= millis {
            text.push_str(&format!("{}{unit}", left / millis));
            left %= millis;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

/// Reads a switch: `true 1 yes on` or `false 0 no off`, in any case.
///
/// # Errors
/// What is expected, without the value.
pub fn flag(text: &str) -> Result<bool, &'static str> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err("must be true, 1, yes, on, false, 0, no or off"),
    }
}

const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
const EXPECTED: &str = "must be a duration such as 1h30m, 45s or 500ms (units d h m s ms, largest first)";

use super::*;

#[test]
fn text_has_a_fraction_only_when_there_is_one() {
    let cases = [
        (0, "1970-01-01T00:00:00Z"),
        (1, "1970-01-01T00:00:00.000001Z"),
        (1_500_000, "1970-01-01T00:00:01.5Z"),
        (-1, "1969-12-31T23:59:59.999999Z"),
        (Timestamp::MIN.unix_micros(), "0001-01-01T00:00:00Z"),
        (Timestamp::MAX.unix_micros(), "9999-12-31T23:59:59.999999Z"),
        (951_782_400_000_000, "2000-02-29T00:00:00Z"),
    ];
    for (micros, text) in cases {
        let at = Timestamp::from_unix_micros(micros);
        assert_eq!(at.to_rfc3339(), text);
        assert_eq!(Timestamp::parse_rfc3339(text), Ok(at));
        assert_eq!(format!("{at:?}"), text);
    }
}

#[test]
fn offsets_and_long_fractions_are_read() {
    let at = Timestamp::parse_rfc3339("2027-01-14T12:02:00.1234567+02:00").expect("valid");
    assert_eq!(at.to_rfc3339(), "2027-01-14T10:02:00.123456Z");
}

#[test]
fn other_texts_are_refused() {
    for text in ["", "2027-01-14", "2027-01-14 10:02:00", "2027-02-30T00:00:00Z", "now", "2027-01-14T10:02:00"] {
        assert!(Timestamp::parse_rfc3339(text).is_err(), "{text}");
    }
}

#[test]
fn arithmetic_stops_at_the_ends() {
    let hour = Duration::from_secs(3600);
    let at = Timestamp::from_unix_secs(7200);
    assert_eq!((at + hour).unix_secs(), 10_800);
    assert_eq!((at - hour).unix_secs(), 3600);
    assert_eq!(at.duration_since(at - hour), hour);
    assert_eq!((at - hour).duration_since(at), Duration::ZERO);
    assert_eq!(Timestamp::MAX + hour, Timestamp::MAX);
    assert_eq!(Timestamp::MIN - hour, Timestamp::MIN);
    assert_eq!(Timestamp::MAX.checked_add(Duration::from_micros(1)), None);
    assert_eq!(Timestamp::MIN.checked_sub(Duration::MAX), None);
    assert_eq!(Timestamp::from_unix_micros(i64::MAX), Timestamp::MAX);
    assert_eq!(Timestamp::from_unix_secs(i64::MIN), Timestamp::MIN);
}

#[test]
fn seconds_round_towards_the_past() {
    assert_eq!(Timestamp::from_unix_micros(-1).unix_secs(), -1);
    assert_eq!(Timestamp::from_unix_micros(1_999_999).floor_second(), Timestamp::from_unix_secs(1));
    assert_eq!(Timestamp::from_unix_micros(-1).floor_second(), Timestamp::from_unix_secs(-1));
}

proptest::proptest! {
    #[test]
    fn every_point_survives_its_text(micros in Timestamp::MIN.unix_micros()..=Timestamp::MAX.unix_micros()) {
        let at = Timestamp::from_unix_micros(micros);
        proptest::prop_assert_eq!(Timestamp::parse_rfc3339(&at.to_rfc3339()), Ok(at));
    }
}

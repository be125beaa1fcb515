use super::*;

#[test]
fn leading_zero_nibbles_and_the_top_bit_do_not_change_the_value() {
    let cases: [(&[u8], &str); 6] = [
        (&[0x00, 0x01], "01"),
        (&[0x00, 0x0a, 0xbc], "0abc"),
        (&[0x00, 0x00, 0xab, 0xcd], "abcd"),
        (&[0x80], "80"),
        (&[0x00, 0xff, 0x00], "ff00"),
        (&[0x0f, 0xff], "0fff"),
    ];
    for (bytes, hex) in cases {
        let serial = Serial::from_be_bytes(bytes).expect(hex);
        assert_eq!(serial.to_hex(), hex);
        for text in [hex.to_owned(), hex.to_uppercase(), format!("0000{hex}"), format!("0x{hex}"), format!(" {hex} ")] {
            assert_eq!(Serial::from_hex(&text), Ok(serial.clone()), "{text}");
        }
    }
}

#[test]
fn colons_and_odd_digits_are_read() {
    let serial = Serial::from_hex("0A:BC:de").expect("valid");
    assert_eq!(serial.to_hex(), "0abcde");
    assert_eq!(Serial::from_hex("abcde"), Ok(serial));
}

#[test]
fn what_is_not_a_serial_is_refused() {
    assert_eq!(Serial::from_be_bytes(&[]), Err(SerialError::Zero));
    assert_eq!(Serial::from_be_bytes(&[0, 0]), Err(SerialError::Zero));
    assert_eq!(Serial::from_hex(""), Err(SerialError::Zero));
    assert_eq!(Serial::from_hex("0x00"), Err(SerialError::Zero));
    assert_eq!(Serial::from_hex("12g4"), Err(SerialError::NotHex { found: 'g', position: 2 }));
    assert_eq!(Serial::from_hex("-1"), Err(SerialError::NotHex { found: '-', position: 0 }));
    assert_eq!(Serial::from_be_bytes(&[0x80; 20]), Err(SerialError::TooLong { octets: 21 }));
    assert!(matches!(Serial::from_hex(&"f".repeat(5_000)), Err(SerialError::TooLong { .. })));
    assert!(Serial::from_be_bytes(&[0x7f; 20]).is_ok());
}

#[test]
fn random_serials_are_positive_and_of_one_length() {
    for fill in [0x00, 0x7f, 0x80, 0xff] {
        let serial = Serial::from_random([fill; 16]);
        assert_eq!(serial.as_bytes().len(), 16);
        assert!(serial.as_bytes()[0] < 0x80 && serial.as_bytes()[0] != 0);
    }
}

proptest::proptest! {
    #[test]
    fn text_and_bytes_agree(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..24)) {
        if let Ok(serial) = Serial::from_be_bytes(&bytes) {
            proptest::prop_assert_eq!(Serial::from_hex(&serial.to_hex()), Ok(serial.clone()));
            proptest::prop_assert_eq!(Serial::from_be_bytes(serial.as_bytes()), Ok(serial));
        }
    }
}

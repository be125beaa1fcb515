use super::*;

const THREE: &str = "-----BEGIN X-----\nAQID\n-----END X-----\n";

#[test]
fn blocks_are_found_among_other_text() {
    let text = format!("explanation\n{THREE}between\r\n-----BEGIN Y-----\r\nBA\r\n==\r\n-----END Y-----\r\nafter");
    let found: Vec<(String, Vec<u8>)> = blocks(&text)
        .map(|block| block.expect("block"))
        .map(|block| (block.label.to_owned(), block.der.to_vec()))
        .collect();
    assert_eq!(found, [("X".to_owned(), vec![1, 2, 3]), ("Y".to_owned(), vec![4])]);
}

#[test]
fn exactly_one_block_of_the_right_kind_is_asked_for() {
    assert_eq!(single(THREE, &["X"]).map(|block| block.der.to_vec()), Ok(vec![1, 2, 3]));
    let error = |text: &str| single(text, &["X"]).map(|_| ()).expect_err("refused");
    assert_eq!(error(""), PemError::Empty { expected: "X" });
    assert_eq!(error("AQID"), PemError::Empty { expected: "X" });
    assert_eq!(error(&THREE.repeat(2)), PemError::Several { expected: "X" });
    assert_eq!(error(&THREE.replace('X', "Y")), PemError::Label { found: "Y".to_owned(), expected: "X" });
    assert!(matches!(error("-----BEGIN X-----\nAQID\n"), PemError::Unterminated { .. }));
    assert!(matches!(error("-----BEGIN X\nAQID\n-----END X-----"), PemError::Unterminated { .. }));
    assert!(matches!(error("-----BEGIN X-----\nAQID\n-----END Y-----\n"), PemError::Unterminated { .. }));
    assert!(matches!(error("-----BEGIN X-----\nA*ID\n-----END X-----\n"), PemError::Base64 { .. }));
    assert!(matches!(
        error("-----BEGIN X-----\nProc-Type: 4,ENCRYPTED\n\nAQID\n-----END X-----\n"),
        PemError::Base64 { .. }
    ));
    assert!(matches!(error("-----BEGIN X-----\nAQI\n-----END X-----\n"), PemError::Base64 { .. }));
    let long = format!("-----BEGIN X-----\n{}\n-----END X-----\n", "AAAA".repeat(MAX_OBJECT / 3 + 1));
    assert!(matches!(error(&long), PemError::TooLarge { .. }));
}

#[test]
fn lines_have_64_characters() {
    let text = encode("X", &[0; 100]);
    let widths: Vec<usize> = text.lines().map(str::len).collect();
    assert_eq!(widths, [17, 64, 64, 8, 15]);
    assert!(text.ends_with("-----END X-----\n"));
}

proptest::proptest! {
    #[test]
    fn what_is_written_is_read(der in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
        let text = encode("CERTIFICATE", &der);
        proptest::prop_assert_eq!(single(&text, &["CERTIFICATE"]).map(|block| block.der.to_vec()), Ok(der));
    }

    #[test]
    fn any_text_ends(text in "[\\-BEGIN ENDX\nA=]{0,200}") {
        let _ = blocks(&text).count();
    }
}

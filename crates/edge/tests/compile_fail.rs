//! A route without an access rule does not compile.

#[test]
fn compile_fail_route_without_access_rule() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}

//! A token opens, anything else does not.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use super::*;

fn headers(value: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, value.parse().unwrap());
    headers
}

fn tokens(text: &str) -> Result<Tokens, TokenFileError> {
    Tokens::parse(text, "tokens".to_owned())
}

#[test]
fn any_token_of_the_file_opens() {
    let tokens = tokens("# ours\nsecret-one\n\n secret-two \n").unwrap();
    assert!(tokens.admit(&headers("Bearer secret-one")));
    assert!(tokens.admit(&headers("bearer secret-two")));
    for wrong in [
        "Bearer secret",
        "Bearer secret-one2",
        "Bearer ",
        "Bearer # ours",
        "Basic secret-one",
        "secret-one",
    ] {
        assert!(!tokens.admit(&headers(wrong)), "{wrong}");
    }
    assert!(!tokens.admit(&HeaderMap::new()));
    assert!(!tokens.admit(&headers(&format!("Bearer {}", "x".repeat(TOKEN_BYTES_MAX + 1)))));
}

#[test]
fn a_token_is_not_its_own_padding() {
    let tokens = tokens("a").unwrap();
    assert!(!tokens.admit(&headers("Bearer aa")));
    assert!(tokens.admit(&headers("Bearer a")));
}

#[test]
fn without_a_file_all_pass_and_an_empty_file_is_an_error() {
    assert!(Tokens::default().admit(&HeaderMap::new()));
    assert!(matches!(tokens("\n# nothing\n"), Err(TokenFileError::Empty(_))));
    assert!(matches!(tokens("two words"), Err(TokenFileError::TooLarge(_))));
}

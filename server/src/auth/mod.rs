//! Who may use the server: bearer tokens from a file, compared in constant time.

use std::path::Path;

use http::HeaderMap;
use http::header::AUTHORIZATION;
use subtle::{Choice, ConstantTimeEq as _};

use crate::limits::{TOKEN_BYTES_MAX, TOKENS_MAX};

/// The tokens that open the server; without any it is open to all who reach it.
#[derive(Default)]
pub(crate) struct Tokens(Option<Vec<Padded>>);

/// A token in a buffer of one length for all, so that comparing tells nothing of theirs.
struct Padded {
    bytes: [u8; TOKEN_BYTES_MAX],
    len: u64,
}

impl Padded {
    fn new(token: &[u8]) -> Option<Self> {
        let mut bytes = [0; TOKEN_BYTES_MAX];
        bytes.get_mut(..token.len())?.copy_from_slice(token);
        Some(Self {
            bytes,
            len: token.len() as u64,
        })
    }

    fn same(&self, other: &Self) -> Choice {
        self.bytes.ct_eq(&other.bytes) & self.len.ct_eq(&other.len)
    }
}

/// Why a token file is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenFileError {
    #[error("the token file {0}: {1}")]
    Read(String, std::io::Error),
    #[error("the token file {0} holds no token: write one a line")]
    Empty(String),
    #[error(
        "the token file {0} holds more than {TOKENS_MAX} tokens, or one longer than {TOKEN_BYTES_MAX} bytes or with spaces"
    )]
    TooLarge(String),
}

impl Tokens {
    /// Reads one token a line; empty lines and lines that begin with `#` are skipped.
    pub(crate) fn read(path: &Path) -> Result<Self, TokenFileError> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| TokenFileError::Read(name.clone(), error))?;
        Self::parse(&text, name)
    }

    fn parse(text: &str, name: String) -> Result<Self, TokenFileError> {
        let tokens: Option<Vec<Padded>> = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .map(|line| Padded::new(line.as_bytes()).filter(|_| !line.contains(char::is_whitespace)))
            .collect();
        match tokens {
            None => Err(TokenFileError::TooLarge(name)),
            Some(tokens) if tokens.len() > TOKENS_MAX => Err(TokenFileError::TooLarge(name)),
            Some(tokens) if tokens.is_empty() => Err(TokenFileError::Empty(name)),
            Some(tokens) => Ok(Self(Some(tokens))),
        }
    }

    /// Whether a request with these headers may pass. Every token is compared, whichever matches.
    pub(crate) fn admit(&self, headers: &HeaderMap) -> bool {
        let Some(tokens) = &self.0 else { return true };
        let Some(given) = bearer(headers).and_then(Padded::new) else {
            return false;
        };
        tokens
            .iter()
            .fold(Choice::from(0), |found, token| found | token.same(&given))
            .into()
    }
}

fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(AUTHORIZATION)?.as_bytes();
    let (scheme, token) = value.split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then(|| token.trim_ascii())
}

#[cfg(test)]
mod tests;

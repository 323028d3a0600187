//! The gate before the parser: one pass over the text that bounds bytes, nesting and operators, because the parser and the
//! drop of its tree recurse and would abort the process on deep input.

use super::error::PromqlError;
use crate::limits::{PROMQL_BYTES_MAX, PROMQL_NESTING_MAX, PROMQL_OPERATORS_MAX};

/// What the pass found: the bounds of the tree that the text can become.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shape {
    /// Most brackets open at one place.
    pub nesting: usize,
    /// Operators, signs, modifiers.
    pub operators: usize,
}

impl Shape {
    /// No tree of this text is deeper.
    pub const fn depth(self) -> usize {
        self.nesting + self.operators + 1
    }
}

/// Bounds the text, or says which bound it breaks. Strings and comments are skipped; what is malformed is left to the parser.
pub fn check(query: &str) -> Result<Shape, PromqlError> {
    if query.len() > PROMQL_BYTES_MAX {
        return Err(PromqlError::BadQuery(format!(
            "the query has {} bytes; at most {PROMQL_BYTES_MAX} are accepted: shorten it or split it",
            query.len()
        )));
    }
    let mut scan = Scan {
        rest: query.as_bytes(),
        shape: Shape::default(),
        open: 0,
    };
    while let Some((first, rest)) = scan.rest.split_first() {
        scan.rest = rest;
        match *first {
            quote @ (b'"' | b'\'' | b'`') => scan.skip_string(quote),
            b'#' => {
                scan.skip_while(|byte| byte != b'\n');
            }
            b'(' | b'[' | b'{' => scan.open()?,
            b')' | b']' | b'}' => scan.open = scan.open.saturating_sub(1),
            b'+' | b'-' | b'*' | b'/' | b'%' | b'^' | b'=' | b'<' | b'>' | b'!' | b'@' => scan.operator()?,
            byte if is_word(byte) => scan.word(*first)?,
            _ => {}
        }
    }
    Ok(scan.shape)
}

/// Whether a byte belongs to names, keywords and numbers.
const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b':' || byte == b'.' || byte >= 0x80
}

struct Scan<'a> {
    rest: &'a [u8],
    shape: Shape,
    open: usize,
}

impl Scan<'_> {
    fn skip_while(&mut self, keep: impl Fn(u8) -> bool) -> usize {
        let length = self
            .rest
            .iter()
            .position(|byte| !keep(*byte))
            .unwrap_or(self.rest.len());
        self.rest = self.rest.get(length..).unwrap_or_default();
        length
    }

    fn skip_string(&mut self, quote: u8) {
        loop {
            self.skip_while(|byte| byte != quote && byte != b'\\');
            match self.rest.split_first() {
                Some((b'\\', rest)) => {
                    // A backtick string knows no escapes.
                    let escaped = usize::from(quote != b'`');
                    self.rest = rest.get(escaped..).unwrap_or_default();
                }
                Some((_, rest)) => {
                    self.rest = rest;
                    return;
                }
                None => return,
            }
        }
    }

    fn open(&mut self) -> Result<(), PromqlError> {
        self.open += 1;
        self.shape.nesting = self.shape.nesting.max(self.open);
        if self.open > PROMQL_NESTING_MAX {
            return Err(PromqlError::BadQuery(format!(
                "the query nests deeper than {PROMQL_NESTING_MAX} parentheses, brackets or braces: flatten it"
            )));
        }
        Ok(())
    }

    fn operator(&mut self) -> Result<(), PromqlError> {
        self.shape.operators += 1;
        if self.shape.operators > PROMQL_OPERATORS_MAX {
            return Err(PromqlError::BadQuery(format!(
                "the query has more than {PROMQL_OPERATORS_MAX} operators: split it or use a regular expression"
            )));
        }
        Ok(())
    }

    fn word(&mut self, first: u8) -> Result<(), PromqlError> {
        let after = self.rest;
        let length = self.skip_while(is_word);
        let tail = after.get(..length).unwrap_or_default();
        let is = |keyword: &[u8]| {
            keyword
                .split_first()
                .is_some_and(|(head, rest)| head.eq_ignore_ascii_case(&first) && rest.eq_ignore_ascii_case(tail))
        };
        if [&b"and"[..], b"or", b"unless", b"atan2", b"offset", b"bool"]
            .into_iter()
            .any(is)
        {
            self.operator()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;

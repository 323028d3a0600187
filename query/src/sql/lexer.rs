//! Cuts a statement into tokens in one pass without recursion, so that its size and shape are known before any parser sees it.

/// One token, as far as the gate cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token<'a> {
    /// A word outside quotes: keyword, name or function.
    Word(&'a str),
    /// A quoted name, without its outer quotes.
    Quoted(&'a str),
    /// A string literal, without its outer quotes.
    Text(&'a str),
    /// A number.
    Number,
    /// A run of operator characters, as written.
    Operator(&'a str),
    /// One of `( ) [ ] { } , ; . :`.
    Mark(u8),
}

/// Why a statement cannot be cut into tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LexError {
    /// A string, quoted name or comment without an end.
    #[error("{what} that starts at byte {at} has no end")]
    Unterminated {
        /// What was open.
        what: &'static str,
        /// Where it starts.
        at: usize,
    },
    /// A character that has no meaning in a statement here.
    #[error("the character {character:?} at byte {at} has no meaning here")]
    Unexpected {
        /// The character.
        character: char,
        /// Where it stands.
        at: usize,
    },
}

/// The tokens of `statement`, one after the other.
#[derive(Debug)]
pub struct Lexer<'a> {
    statement: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    /// Starts at the beginning.
    pub fn new(statement: &'a str) -> Self {
        Self { statement, at: 0 }
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.statement.as_bytes().get(at).copied()
    }

    fn text(&self, start: usize, end: usize) -> &'a str {
        self.statement.get(start..end).unwrap_or_default()
    }

    /// Moves over white space and comments. Comments nest, as in PostgreSQL.
    fn skip_blank(&mut self) -> Result<(), LexError> {
        loop {
            match (self.byte(self.at), self.byte(self.at + 1)) {
                (Some(b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c), _) => self.at += 1,
                (Some(b'-'), Some(b'-')) => {
                    let rest = self.text(self.at, self.statement.len());
                    self.at += rest.find('\n').unwrap_or(rest.len());
                }
                (Some(b'/'), Some(b'*')) => self.skip_comment()?,
                _ => return Ok(()),
            }
        }
    }

    fn skip_comment(&mut self) -> Result<(), LexError> {
        let start = self.at;
        let mut depth = 0_usize;
        loop {
            match (self.byte(self.at), self.byte(self.at + 1)) {
                (Some(b'/'), Some(b'*')) => {
                    depth += 1;
                    self.at += 2;
                }
                (Some(b'*'), Some(b'/')) => {
                    depth -= 1;
                    self.at += 2;
                    if depth == 0 {
                        return Ok(());
                    }
                }
                (Some(_), _) => self.at += 1,
                (None, _) => {
                    return Err(LexError::Unterminated {
                        what: "a comment",
                        at: start,
                    });
                }
            }
        }
    }

    /// Moves behind the closing `quote`; a doubled quote, and with `escapes` a backslashed one, is content.
    fn quoted(&mut self, quote: u8, escapes: bool, what: &'static str) -> Result<&'a str, LexError> {
        let start = self.at;
        let mut at = start + 1;
        loop {
            match self.byte(at) {
                Some(b'\\') if escapes => at += 2,
                Some(byte) if byte == quote => {
                    if self.byte(at + 1) == Some(quote) {
                        at += 2;
                    } else {
                        self.at = at + 1;
                        return Ok(self.text(start + 1, at));
                    }
                }
                Some(_) => at += 1,
                None => return Err(LexError::Unterminated { what, at: start }),
            }
        }
    }

    fn word(&mut self) -> &'a str {
        let start = self.at;
        while self
            .byte(self.at)
            .is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_' || b >= 0x80)
        {
            self.at += 1;
        }
        self.text(start, self.at)
    }

    fn number(&mut self) {
        while let Some(byte) = self.byte(self.at) {
            let exponent_sign =
                matches!(byte, b'+' | b'-') && matches!(self.byte(self.at.wrapping_sub(1)), Some(b'e' | b'E'));
            if byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'_' || exponent_sign {
                self.at += 1;
            } else {
                return;
            }
        }
    }

    /// The next token; `None` at the end.
    pub fn next_token(&mut self) -> Result<Option<Token<'a>>, LexError> {
        self.skip_blank()?;
        let Some(byte) = self.byte(self.at) else {
            return Ok(None);
        };
        let token = match byte {
            b'\'' => Token::Text(self.quoted(b'\'', false, "a string")?),
            b'"' => Token::Quoted(self.quoted(b'"', false, "a quoted name")?),
            b'0'..=b'9' => {
                self.number();
                Token::Number
            }
            b'(' | b')' | b'[' | b']' | b'{' | b'}' | b',' | b';' | b'.' => {
                self.at += 1;
                Token::Mark(byte)
            }
            b'A'..=b'Z' | b'a'..=b'z' | b'_' | 0x80.. => {
                let word = self.word();
                match (word, self.byte(self.at)) {
                    ("e" | "E", Some(b'\'')) => Token::Text(self.quoted(b'\'', true, "a string")?),
                    _ => Token::Word(word),
                }
            }
            _ => self.operator()?,
        };
        Ok(Some(token))
    }

    /// One operator. Runs are cut where `-`, `+` or `/*` starts anew, so that `1--1` and `- - 1` count each sign.
    fn operator(&mut self) -> Result<Token<'a>, LexError> {
        const CHARACTERS: &[u8] = b"+-*/%<>=~!@#&|^?:";
        let start = self.at;
        let is_operator = |byte: Option<u8>| byte.is_some_and(|b| CHARACTERS.contains(&b));
        if !is_operator(self.byte(start)) {
            let character = self.text(start, self.statement.len()).chars().next().unwrap_or('\0');
            return Err(LexError::Unexpected { character, at: start });
        }
        self.at += 1;
        while is_operator(self.byte(self.at)) && !matches!(self.byte(self.at), Some(b'-' | b'+' | b'/')) {
            self.at += 1;
        }
        Ok(Token::Operator(self.text(start, self.at)))
    }
}

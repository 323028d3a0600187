//! Decides from a statement's tokens alone whether a planner may see it.
//!
//! Planners recurse over what they parse: a few thousand `1+1+…` overflow the stack, and an overflow ends the process.
//! So size and shape are bounded here, before anything recursive runs, and so is what a statement may do: read.

use super::error::{SqlError, SqlErrorCode};
use super::lexer::{Lexer, Token};
use crate::limits::{
    SQL_BYTES_MAX, SQL_JOINS_MAX, SQL_LITERAL_BYTES_MAX, SQL_NESTING_MAX, SQL_OPERATORS_MAX, SQL_SELECTS_MAX,
    SQL_SET_OPERATIONS_MAX, SQL_TOKENS_MAX,
};

/// Words that add a level to an expression as operators do.
const OPERATOR_WORDS: [&str; 16] = [
    "and", "or", "not", "like", "ilike", "in", "is", "between", "similar", "collate", "div", "xor", "overlaps",
    "escape", "when", "over",
];

/// Words that end a FROM clause at their own depth.
const AFTER_FROM: [&str; 13] = [
    "where",
    "group",
    "having",
    "order",
    "limit",
    "offset",
    "fetch",
    "union",
    "intersect",
    "except",
    "select",
    "window",
    "qualify",
];

/// Checks one statement. What passes is one bounded, reading statement; whether it is valid SQL is the parser's to say.
pub fn check(statement: &str) -> Result<(), SqlError> {
    if statement.len() > SQL_BYTES_MAX {
        return Err(too_large("bytes", statement.len(), SQL_BYTES_MAX));
    }
    if statement.contains('\0') {
        return Err(SqlError::new(
            SqlErrorCode::InvalidStatement,
            "the statement holds a NUL character",
        ));
    }
    let mut shape = Shape::default();
    let mut words = Words::default();
    let mut lexer = Lexer::new(statement);
    while let Some(token) = lexer
        .next_token()
        .map_err(|error| SqlError::new(SqlErrorCode::InvalidStatement, error.to_string()))?
    {
        shape.take(token)?;
        words.take(token)?;
    }
    words.finish()
}

fn too_large(what: &str, have: usize, limit: usize) -> SqlError {
    SqlError::new(
        SqlErrorCode::StatementTooLarge,
        format!("the statement has {have} {what}; at most {limit} are planned: split or shorten it"),
    )
}

fn not_allowed(message: impl Into<String>) -> SqlError {
    SqlError::new(SqlErrorCode::NotAllowed, message)
}

/// What has been counted so far.
#[derive(Debug, Default)]
struct Shape {
    tokens: usize,
    operators: usize,
    set_operations: usize,
    joins: usize,
    selects: usize,
    /// One entry per open bracket or CASE: whether a FROM clause is open at that depth. The first is the statement itself.
    open: Vec<Level>,
    from_open: bool,
}

#[derive(Debug, Clone, Copy)]
struct Level {
    from_open_outside: bool,
    is_case: bool,
}

impl Shape {
    fn take(&mut self, token: Token<'_>) -> Result<(), SqlError> {
        self.tokens += 1;
        match token {
            Token::Mark(b'(' | b'[' | b'{') => self.enter(false),
            Token::Mark(b')' | b']' | b'}') => self.leave(false),
            Token::Mark(b',') if self.from_open => self.joins += 1,
            Token::Operator(_) => self.operators += 1,
            Token::Text(text) if text.len() > SQL_LITERAL_BYTES_MAX => {
                return Err(too_large("bytes in one string", text.len(), SQL_LITERAL_BYTES_MAX));
            }
            Token::Word(word) => self.word(&word.to_ascii_lowercase()),
            _ => {}
        }
        for (what, have, limit) in [
            ("tokens", self.tokens, SQL_TOKENS_MAX),
            ("operators", self.operators, SQL_OPERATORS_MAX),
            ("levels of nesting", self.open.len(), SQL_NESTING_MAX),
            ("set operations", self.set_operations, SQL_SET_OPERATIONS_MAX),
            ("joins", self.joins, SQL_JOINS_MAX),
            ("SELECTs", self.selects, SQL_SELECTS_MAX),
        ] {
            if have > limit {
                return Err(too_large(&format!("{what} or more"), have, limit));
            }
        }
        Ok(())
    }

    fn enter(&mut self, is_case: bool) {
        self.open.push(Level {
            from_open_outside: self.from_open,
            is_case,
        });
        if !is_case {
            self.from_open = false;
        }
    }

    fn leave(&mut self, is_case: bool) {
        // An END without CASE or a bracket too many is the parser's to refuse.
        if self.open.last().is_some_and(|level| level.is_case == is_case)
            && let Some(level) = self.open.pop()
        {
            self.from_open = level.from_open_outside;
        }
    }

    fn word(&mut self, word: &str) {
        match word {
            "case" => self.enter(true),
            "end" => self.leave(true),
            "from" => self.from_open = true,
            "join" => self.joins += 1,
            _ if AFTER_FROM.contains(&word) => {
                self.from_open = false;
                match word {
                    "select" => self.selects += 1,
                    "union" | "intersect" | "except" => self.set_operations += 1,
                    _ => {}
                }
            }
            _ if OPERATOR_WORDS.contains(&word) => self.operators += 1,
            _ => {}
        }
    }
}

/// Which statement it is, from its first words.
#[derive(Debug, Default)]
struct Words {
    start: Start,
    ended: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Start {
    #[default]
    Nothing,
    Explain,
    Show,
    Describe,
    Reading,
}

impl Words {
    fn take(&mut self, token: Token<'_>) -> Result<(), SqlError> {
        if self.ended {
            return Err(not_allowed("one statement at a time: send the others on their own"));
        }
        match token {
            Token::Mark(b';') => {
                self.ended = self.start != Start::Nothing;
                Ok(())
            }
            Token::Word(word) => self.word(&word.to_ascii_lowercase()),
            Token::Mark(b'(') if matches!(self.start, Start::Nothing | Start::Explain) => {
                self.start = Start::Reading;
                Ok(())
            }
            _ if matches!(self.start, Start::Nothing) => Err(refused("it")),
            _ => Ok(()),
        }
    }

    fn word(&mut self, word: &str) -> Result<(), SqlError> {
        match (self.start, word) {
            (_, "recursive") => {
                return Err(not_allowed("recursive queries have no bound here: write out the steps"));
            }
            (Start::Nothing, "explain") | (Start::Explain, "analyze" | "verbose" | "format" | "tree" | "indent") => {
                self.start = Start::Explain;
            }
            (Start::Nothing | Start::Explain, "select" | "with" | "values") => {
                self.start = Start::Reading;
            }
            (Start::Nothing, "show") => self.start = Start::Show,
            (Start::Nothing, "describe" | "desc") => self.start = Start::Describe,
            (Start::Show, "tables" | "columns" | "functions") => self.start = Start::Reading,
            (Start::Show, other) => {
                return Err(not_allowed(format!(
                    "SHOW {} is not there: SHOW TABLES, SHOW COLUMNS FROM and SHOW FUNCTIONS are",
                    other.to_ascii_uppercase()
                )));
            }
            (Start::Nothing | Start::Explain, other) => {
                return Err(refused(&other.to_ascii_uppercase()));
            }
            (Start::Describe | Start::Reading, _) => {}
        }
        Ok(())
    }

    fn finish(&self) -> Result<(), SqlError> {
        match self.start {
            Start::Nothing => Err(SqlError::new(SqlErrorCode::InvalidStatement, "the statement is empty")),
            _ => Ok(()),
        }
    }
}

fn refused(what: &str) -> SqlError {
    not_allowed(format!(
        "statements only read: SELECT, WITH, VALUES, EXPLAIN, DESCRIBE and SHOW TABLES are there, {what} is not"
    ))
}

#[cfg(test)]
mod tests;

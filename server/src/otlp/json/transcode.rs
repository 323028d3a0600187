//! Walks JSON by the tables and writes each member where it stands. Both nesting and what is skipped are bounded.

use jiter::{Jiter, JiterError, Peek};

use super::scalar::{self, NoValue};
use super::schema::{Kind, Member, Message};
use crate::otlp::limits::JSON_MESSAGE_DEPTH_MAX;
use crate::protobuf::write;

/// Why JSON is no request.
#[derive(Debug)]
pub(super) enum Problem {
    /// It is no JSON, or an array where an object should be, and the like.
    Json(JiterError),
    /// A value is none of its member's.
    Value(NoValue),
    /// A member that is a list or a message is something else.
    Shape(&'static str),
    /// Messages nest deeper than `JSON_MESSAGE_DEPTH_MAX`.
    TooDeep,
    /// A message too long to write.
    TooLong,
}

impl From<JiterError> for Problem {
    fn from(error: JiterError) -> Self {
        Self::Json(error)
    }
}

impl From<NoValue> for Problem {
    fn from(error: NoValue) -> Self {
        Self::Value(error)
    }
}

impl Problem {
    /// The problem in words; `json` is where it was met.
    pub(super) fn words(&self, json: &Jiter<'_>) -> String {
        let at = json.current_position();
        match self {
            Self::Json(error) => error.description(json),
            Self::Value(error) => format!("{error} at {at}"),
            Self::Shape(name) => format!("{name} is neither null nor what it should be at {at}"),
            Self::TooDeep => format!("messages nest deeper than {JSON_MESSAGE_DEPTH_MAX} levels"),
            Self::TooLong => "a message is too long".to_owned(),
        }
    }
}

/// Reads one message object and appends its fields. Unknown members are passed over.
pub(super) fn message(
    json: &mut Jiter<'_>,
    message: &'static Message,
    out: &mut Vec<u8>,
    depth_left: usize,
) -> Result<(), Problem> {
    let depth_left = depth_left.checked_sub(1).ok_or(Problem::TooDeep)?;
    let mut next = json.next_object()?.map(|name| message.member(name));
    while let Some(found) = next {
        match found {
            Some(found) => member(json, found, out, depth_left)?,
            None => json.next_skip()?,
        }
        next = json.next_key()?.map(|name| message.member(name));
    }
    Ok(())
}

/// Reads the value of a member: null, one value, or a list.
fn member(json: &mut Jiter<'_>, member: &'static Member, out: &mut Vec<u8>, depth_left: usize) -> Result<(), Problem> {
    let peek = json.peek()?;
    if peek == Peek::Null {
        json.known_null()?;
        return Ok(());
    }
    if !member.repeated {
        return element(json, peek, member, out, depth_left);
    }
    if peek != Peek::Array {
        return Err(Problem::Shape(member.name));
    }
    let mut next = json.known_array()?;
    while let Some(peek) = next {
        element(json, peek, member, out, depth_left)?;
        next = json.array_step()?;
    }
    Ok(())
}

/// One value of a member, as one field. (Numbers of a list are not packed: every parser takes both forms.)
fn element(
    json: &mut Jiter<'_>,
    peek: Peek,
    member: &'static Member,
    out: &mut Vec<u8>,
    depth_left: usize,
) -> Result<(), Problem> {
    if let Kind::Message(inner) = member.kind {
        let open = write::begin(out, member.number);
        match peek {
            // null in a list of messages is an empty message.
            Peek::Null => json.known_null()?,
            Peek::Object => message(json, inner, out, depth_left)?,
            _ => return Err(Problem::Shape(member.name)),
        }
        return if write::end(out, open) {
            Ok(())
        } else {
            Err(Problem::TooLong)
        };
    }
    match peek {
        Peek::String => scalar::text(member, out, json.known_str()?)?,
        Peek::True | Peek::False => scalar::boolean(member, out, json.known_bool(peek)?)?,
        peek if peek.is_num() => scalar::number(member, out, json.known_number_bytes(peek)?)?,
        _ => return Err(Problem::Shape(member.name)),
    }
    Ok(())
}

//! Walks JSON by the tables and writes each member where it stands. Depth is bounded by the JSON reader (128 levels).

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::scalar::ScalarSeed;
use super::schema::{Kind, Member, Message};
use crate::protobuf::write;

/// Reads one message and appends its fields.
pub(super) struct MessageSeed<'o> {
    message: &'static Message,
    out: &'o mut Vec<u8>,
}

impl<'o> MessageSeed<'o> {
    pub(super) fn new(message: &'static Message, out: &'o mut Vec<u8>) -> Self {
        Self { message, out }
    }
}

impl<'de> DeserializeSeed<'de> for MessageSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for MessageSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a JSON object of {}", self.message.name)
    }

    /// null in a list of messages is an empty message.
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Name(name)) = map.next_key()? {
            match self.message.member(&name) {
                Some(member) => map.next_value_seed(MemberSeed { member, out: self.out })?,
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// A member's name, borrowed from the request where it holds no escape.
struct Name<'a>(Cow<'a, str>);

impl<'de> serde::Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;
        impl<'de> Visitor<'de> for NameVisitor {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a member's name")
            }

            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(name)))
            }

            fn visit_str<E>(self, name: &str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }
        }
        deserializer.deserialize_str(NameVisitor)
    }
}

/// Reads the value of one member: null, one value, or a list.
struct MemberSeed<'o> {
    member: &'static Member,
    out: &'o mut Vec<u8>,
}

impl<'de> DeserializeSeed<'de> for MemberSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for MemberSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a value of {}", self.member.name)
    }

    fn visit_none<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.member.repeated {
            deserializer.deserialize_seq(ListVisitor(self))
        } else {
            element(self.member, self.out, deserializer)
        }
    }
}

struct ListVisitor<'o>(MemberSeed<'o>);

impl<'de> Visitor<'de> for ListVisitor<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list in {}", self.0.member.name)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let MemberSeed { member, out } = self.0;
        while list.next_element_seed(ElementSeed { member, out })?.is_some() {}
        Ok(())
    }
}

struct ElementSeed<'o> {
    member: &'static Member,
    out: &'o mut Vec<u8>,
}

impl<'de> DeserializeSeed<'de> for ElementSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        element(self.member, self.out, deserializer)
    }
}

/// One value of a member, as one field. (Numbers of a list are not packed: every parser takes both forms.)
fn element<'de, D: Deserializer<'de>>(
    member: &'static Member,
    out: &mut Vec<u8>,
    deserializer: D,
) -> Result<(), D::Error> {
    let Kind::Message(message) = member.kind else {
        return ScalarSeed { member, out }.deserialize(deserializer);
    };
    let open = write::begin(out, member.number);
    MessageSeed::new(message, out).deserialize(deserializer)?;
    if !write::end(out, open) {
        return Err(D::Error::custom("a message too long to write"));
    }
    Ok(())
}

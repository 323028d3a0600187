//! Resources and scopes as JSON: who sent a log record or a span. Written once for all their items.

use icecore_engine::labels::push_json_string;

use super::any_value::{
    AnyValue, Oddities, RawAttributes, ValueError, key_value, label_text, push_attributes, push_resource_members, text,
};
use super::envelope::next_of;
use crate::protobuf::{Fields, WireError};
use crate::translate::SERVICE_NAME;

/// Appends a resource: its attributes, and beside them, where there are any, `$dropped_attributes_count`,
/// `$entity_refs` and `$schema_url`. The name of its service; empty when it has none.
pub(super) fn push_resource(
    out: &mut String,
    message: &[u8],
    schema_url: &[u8],
    oddities: &mut Oddities,
) -> Result<String, ValueError> {
    let mut attributes = RawAttributes::new();
    let (mut dropped, mut entities) = (0, Vec::new());
    let mut fields = Fields::of(message);
    while let Some(field) = fields.next_field()? {
        match field.number {
            1 => attributes.push(key_value(field.bytes()?, oddities)?),
            2 => dropped = field.uint32()?,
            3 => entities.push(field.bytes()?),
            _ => {}
        }
    }
    out.push('{');
    push_dropped(out, "$dropped_attributes_count", dropped);
    if !entities.is_empty() {
        push_key(out, "$entity_refs");
        push_list(out, &entities, |out, entity| push_entity(out, entity, oddities))?;
    }
    push_text(out, "$schema_url", schema_url, oddities);
    push_resource_members(out, &mut attributes, oddities)?;
    out.push('}');
    service_name(&attributes, oddities)
}

/// The last `service.name`, as text whatever its kind.
fn service_name(attributes: &RawAttributes<'_>, oddities: &mut Oddities) -> Result<String, ValueError> {
    let found = attributes.iter().find(|(key, _)| *key == SERVICE_NAME.as_bytes());
    let Some((_, value)) = found else {
        return Ok(String::new());
    };
    match AnyValue::read(value, oddities)? {
        AnyValue::Text(name) => Ok(text(name, oddities).into_owned()),
        _ => Ok(label_text(value, oddities).unwrap_or_default()),
    }
}

/// Appends a scope: `name`, `version`, `attributes`, `dropped_attributes_count` and `schema_url`, each where it is set.
pub(super) fn push_scope(
    out: &mut String,
    message: &[u8],
    schema_url: &[u8],
    oddities: &mut Oddities,
) -> Result<(), ValueError> {
    let mut attributes = RawAttributes::new();
    let (mut name, mut version): (&[u8], &[u8]) = (&[], &[]);
    let mut dropped = 0;
    let mut fields = Fields::of(message);
    while let Some(field) = fields.next_field()? {
        match field.number {
            1 => name = field.bytes()?,
            2 => version = field.bytes()?,
            3 => attributes.push(key_value(field.bytes()?, oddities)?),
            4 => dropped = field.uint32()?,
            _ => {}
        }
    }
    out.push('{');
    push_text(out, "name", name, oddities);
    push_text(out, "version", version, oddities);
    if !attributes.is_empty() {
        push_key(out, "attributes");
        push_attributes(out, &mut attributes, oddities)?;
    }
    push_dropped(out, "dropped_attributes_count", dropped);
    push_text(out, "schema_url", schema_url, oddities);
    out.push('}');
    Ok(())
}

fn push_entity(out: &mut String, message: &[u8], oddities: &mut Oddities) -> Result<(), WireError> {
    let (mut schema_url, mut kind): (&[u8], &[u8]) = (&[], &[]);
    let (mut ids, mut descriptions) = (Vec::new(), Vec::new());
    let mut fields = Fields::of(message);
    while let Some(field) = fields.next_field()? {
        match field.number {
            1 => schema_url = field.bytes()?,
            2 => kind = field.bytes()?,
            3 => ids.push(field.bytes()?),
            4 => descriptions.push(field.bytes()?),
            _ => {}
        }
    }
    out.push('{');
    push_text(out, "type", kind, oddities);
    for (key, list) in [("id_keys", ids), ("description_keys", descriptions)] {
        if !list.is_empty() {
            push_key(out, key);
            push_list(out, &list, |out, element| {
                push_json_string(out, &text(element, oddities));
                Ok::<_, WireError>(())
            })?;
        }
    }
    push_text(out, "schema_url", schema_url, oddities);
    out.push('}');
    Ok(())
}

fn push_list<E>(
    out: &mut String,
    elements: &[&[u8]],
    mut push: impl FnMut(&mut String, &[u8]) -> Result<(), E>,
) -> Result<(), E> {
    out.push('[');
    for (position, element) in elements.iter().enumerate() {
        if position > 0 {
            out.push(',');
        }
        push(out, element)?;
    }
    out.push(']');
    Ok(())
}

/// A member's name behind the opening brace or another member.
fn push_key(out: &mut String, key: &str) {
    if !out.ends_with('{') {
        out.push(',');
    }
    push_json_string(out, key);
    out.push(':');
}

fn push_text(out: &mut String, key: &str, value: &[u8], oddities: &mut Oddities) {
    if !value.is_empty() {
        push_key(out, key);
        push_json_string(out, &text(value, oddities));
    }
}

fn push_dropped(out: &mut String, key: &str, count: u32) {
    if count > 0 {
        push_key(out, key);
        super::json_text::push_integer(out, i64::from(count));
    }
}

/// An id of `N` bytes; another length counts as none, and is counted.
pub(super) fn id<const N: usize>(bytes: &[u8], oddities: &mut Oddities) -> Option<[u8; N]> {
    if bytes.is_empty() {
        return None;
    }
    let id = <[u8; N]>::try_from(bytes).ok();
    oddities.invalid_ids += u64::from(id.is_none());
    id
}

/// Nanoseconds as the columns have them; what lies behind the year 2262 is the last instant, which no bound lets in.
pub(super) fn time_ns(nanoseconds: u64) -> i64 {
    i64::try_from(nanoseconds).unwrap_or(i64::MAX)
}

/// How many items the scopes of a resource hold.
pub(super) fn count_items(mut resource: super::envelope::Envelope<'_>) -> Result<u64, WireError> {
    let mut count = 0;
    while let Some(scope) = resource.next_item()? {
        let mut items = Fields::of(scope);
        while next_of(&mut items, 2)?.is_some() {
            count += 1;
        }
    }
    Ok(count)
}

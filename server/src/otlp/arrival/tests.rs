//! Arrival keys tell apart what differs, and know again what is the same.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use std::collections::HashSet;

use super::*;
use crate::protobuf::write;

#[test]
fn the_same_bytes_cut_elsewhere_are_another_chain() {
    let root = root(7);
    assert_ne!(link(link(root, b"ab"), b"c"), link(link(root, b"a"), b"bc"));
    assert_ne!(link(root, b""), root);
    assert_ne!(link(super::root(1), b"a"), link(super::root(2), b"a"));
}

#[test]
fn members_of_a_point_never_meet() {
    let point = link(root(7), b"attributes");
    let mut members = vec![Member::Sum, Member::Count, Member::Min, Member::Max, Member::Info];
    for bound in [0.0, 0.005, 1.0, 2.5, f64::INFINITY] {
        members.push(Member::Bucket(f64::to_bits(bound)));
        members.push(Member::Quantile(f64::to_bits(bound)));
    }
    let keys: HashSet<u128> = members.iter().map(|m| member(point, *m)).collect();
    assert_eq!(keys.len(), members.len());
}

/// The run over a message of attributes in field 7 with `other` fields between them.
fn key_of(attributes: &[&[u8]], other_between: bool) -> u128 {
    let mut message = Vec::new();
    let mut places = Vec::new();
    write::varint_field(&mut message, 8, 3);
    for attribute in attributes {
        let start = message.len();
        write::bytes_field(&mut message, 7, attribute);
        places.push((start, message.len()));
        if other_between {
            write::varint_field(&mut message, 8, 3);
        }
    }
    let mut run = AttributeRun::new(&message, 7);
    places.iter().for_each(|(start, end)| run.extend(*start, *end));
    let mut seen = Vec::new();
    run.each(|attribute| {
        seen.push(attribute);
        Ok::<_, WireError>(())
    })
    .unwrap();
    assert_eq!(seen, attributes);
    run.key(root(7)).unwrap()
}

#[test]
fn attributes_are_found_together_or_scattered() {
    let attributes: [&[u8]; 3] = [b"a", b"bb", b""];
    assert_eq!(key_of(&attributes, false), key_of(&attributes, false));
    assert_eq!(key_of(&attributes, true), key_of(&attributes, true));
    assert_ne!(key_of(&attributes, true), key_of(&attributes[..2], true));
    assert_ne!(key_of(&[b"ab", b"c"], true), key_of(&[b"a", b"bc"], true));
    assert_ne!(key_of(&[], false), key_of(&attributes[..1], false));
}

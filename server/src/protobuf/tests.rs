//! The wire reader against prost's own encoding and against hostile bytes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use proptest::prelude::*;

use super::*;

fn all(message: &[u8]) -> Result<Vec<Field<'_>>, WireError> {
    let mut fields = Fields::of(message);
    let mut found = Vec::new();
    while let Some(field) = fields.next_field()? {
        found.push(field);
    }
    Ok(found)
}

#[test]
fn every_wire_type_reads_back() {
    let mut message = Vec::new();
    write::varint_field(&mut message, 1, u64::MAX);
    write::fixed64_field(&mut message, 2, 2.5_f64.to_bits());
    write::bytes_field(&mut message, 3, b"abc");
    write::fixed32_field(&mut message, 536_870_911, 7);
    let fields = all(&message).unwrap();
    assert_eq!(fields[0].varint(), Ok(u64::MAX));
    assert_eq!(fields[1].double(), Ok(2.5));
    assert_eq!(fields[2].bytes(), Ok(&b"abc"[..]));
    assert_eq!(fields[3].fixed32(), Ok(7));
    assert_eq!(fields[3].number, 536_870_911);
    assert_eq!(fields[3].bytes(), Err(WireError::WireType(536_870_911)));
}

#[test]
fn a_length_beyond_the_message_is_refused_without_an_allocation() {
    // Field 1, a claim of 2^63 bytes, none of them there.
    let message = [0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
    assert_eq!(all(&message), Err(WireError::Truncated));
}

#[test]
fn varints_of_more_than_64_bits_are_refused() {
    let mut message = vec![0x08];
    message.extend_from_slice(&[0xff; 9]);
    message.push(0x02);
    assert_eq!(all(&message), Err(WireError::VarintTooLong));
    message.truncate(1);
    message.extend_from_slice(&[0x80; 11]);
    assert_eq!(all(&message), Err(WireError::VarintTooLong));
}

#[test]
fn groups_are_skipped_to_their_own_end() {
    // Field 5 is a group that holds a varint and another group; field 1 follows.
    let message = [0x2b, 0x08, 0x01, 0x33, 0x34, 0x2c, 0x08, 0x09];
    let fields = all(&message).unwrap();
    assert_eq!(fields.len(), 1);
    assert_eq!(fields[0].varint(), Ok(9));
    assert_eq!(all(&[0x2c]), Err(WireError::InvalidGroup));
    assert_eq!(all(&[0x2b, 0x34]), Err(WireError::InvalidGroup));
    assert_eq!(all(&[0x2b; 1000]), Err(WireError::InvalidGroup));
}

#[test]
fn field_number_zero_and_unknown_wire_types_are_refused() {
    assert_eq!(all(&[0x00, 0x00]), Err(WireError::InvalidTag));
    assert_eq!(all(&[0x0e]), Err(WireError::InvalidTag));
}

#[test]
fn an_opened_message_gets_its_length_when_it_ends() {
    let mut out = Vec::new();
    let outer = write::begin(&mut out, 2);
    write::bytes_field(&mut out, 1, &[7; 300]);
    let inner = write::begin(&mut out, 3);
    assert!(write::end(&mut out, inner));
    assert!(write::end(&mut out, outer));
    write::varint_field(&mut out, 9, 1);
    let fields = all(&out).unwrap();
    assert_eq!(fields.len(), 2);
    let inner = all(fields[0].bytes().unwrap()).unwrap();
    assert_eq!(inner[0].bytes().unwrap().len(), 300);
    assert_eq!(inner[1].bytes().unwrap().len(), 0);
}

proptest! {
    #[test]
    fn numbers_read_as_prost_wrote_them(
        unsigned in proptest::collection::vec(any::<u64>(), 0..20),
        signed in proptest::collection::vec(any::<i64>(), 0..20),
        doubles_in in proptest::collection::vec(any::<f64>(), 0..20),
        fixed in proptest::collection::vec(any::<u64>(), 0..20),
        small in any::<i32>(),
    ) {
        let mut message = Vec::new();
        prost::encoding::uint64::encode_packed(1, &unsigned, &mut message);
        prost::encoding::sint64::encode_packed(2, &signed, &mut message);
        prost::encoding::double::encode_packed(3, &doubles_in, &mut message);
        prost::encoding::fixed64::encode_repeated(4, &fixed, &mut message);
        prost::encoding::sint32::encode(5, &small, &mut message);
        prost::encoding::int32::encode(6, &small, &mut message);
        let (mut read_unsigned, mut read_signed, mut read_doubles, mut read_fixed) = (vec![], vec![], vec![], vec![]);
        for field in all(&message).unwrap() {
            match field.number {
                1 => varints(field, &mut read_unsigned).unwrap(),
                2 => signed_varints(field, &mut read_signed).unwrap(),
                3 => doubles(field, &mut read_doubles).unwrap(),
                4 => fixed64s(field, &mut read_fixed).unwrap(),
                5 => prop_assert_eq!(field.sint32().unwrap(), small),
                _ => prop_assert_eq!(field.int32().unwrap(), small),
            }
        }
        prop_assert_eq!(read_unsigned, unsigned);
        prop_assert_eq!(read_signed, signed);
        let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        prop_assert_eq!(bits(&read_doubles), bits(&doubles_in));
        prop_assert_eq!(read_fixed, fixed);
    }

    #[test]
    fn hostile_bytes_end_in_fields_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut fields = Fields::of(&bytes);
        let mut before = fields.remaining() + 1;
        while let Ok(Some(_)) = fields.next_field() {
            prop_assert!(fields.remaining() < before);
            before = fields.remaining();
        }
    }
}

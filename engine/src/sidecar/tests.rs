#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]
//! A sidecar reads back whole, and a flipped bit anywhere in it is noticed.

use icecore_wal::fs::SimFs;

use super::*;

#[test]
fn every_flipped_bit_is_noticed() {
    let fs = SimFs::new();
    let (tmp, path) = (Path::new("/tmp1"), Path::new("/sidecar"));
    assert!(matches!(read(&fs, path).unwrap(), Read::Absent));
    write(&fs, tmp, path, StoreId([3; 16]), Lsn::new(9), b"payload").unwrap();
    write(&fs, tmp, path, StoreId([3; 16]), Lsn::new(10), b"payload two").unwrap();
    assert!(matches!(read(&fs, path).unwrap(), Read::Payload(bytes) if bytes == b"payload two"));
    let len = fs.content(path).unwrap().len() as u64;
    // Bytes 44 to 48 are padding that nothing reads.
    for offset in (0..len).filter(|offset| !(44..48).contains(offset)) {
        assert!(fs.flip(path, offset, 0x10));
        assert!(matches!(read(&fs, path).unwrap(), Read::Damaged(_)), "byte {offset}");
        assert!(fs.flip(path, offset, 0x10));
    }
}

#[test]
fn texts_and_numbers_read_back_and_end_with_the_bytes() {
    let mut bytes = Vec::new();
    put_text(&mut bytes, "h\u{e9}");
    bytes.extend_from_slice(&7u64.to_le_bytes());
    let mut input = Input(&bytes);
    assert_eq!(input.text().as_deref(), Some("h\u{e9}"));
    assert_eq!(input.number(), Some(7));
    assert_eq!(input.number(), None);
    assert_eq!(Input(&[255, 255, 255, 255, 1]).text(), None);
}

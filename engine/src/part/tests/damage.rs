//! Any byte may flip: the answer is then an error or the same rows, never other rows, never a panic.

use proptest::prelude::*;

use super::*;

fn sample_part(folder: &Folder) -> (PathBuf, Model) {
    let mut model = Model::new();
    for slice in 0..2i64 {
        for host in 0..40 {
            let key = series_key("cpu", &[("instance", &format!("host-{host}"))]);
            let samples = (0..50i64)
                .map(|i| Sample {
                    timestamp: slice * 7_200_000 + i * 15_000,
                    bits: (i as f64 * 0.25 + f64::from(host)).to_bits(),
                    start: 5,
                    histogram: (host == 3).then(NativeHistogram::default),
                })
                .map(|mut sample| {
                    if sample.histogram.is_some() {
                        sample.bits = 0;
                    }
                    sample
                })
                .collect();
            let temporality = Temporality::Cumulative;
            model.insert((slice * 7_200, key), Run { temporality, samples });
        }
    }
    let path = write_metrics(
        folder,
        "good",
        meta(Signal::Metrics),
        &model,
        &metrics::options(128, 1_500),
    );
    (path, model)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_flipped_bit_is_never_a_wrong_row(at in any::<prop::sample::Index>(), bit in 0u8..8) {
        thread_local! {
            static GOOD: (Folder, PathBuf, Model) = {
                let folder = Folder::new();
                let (path, model) = sample_part(&folder);
                (folder, path, model)
            };
        }
        GOOD.with(|(folder, path, model)| {
            let mut bytes = std::fs::read(path).unwrap();
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            let damaged = folder.file("damaged");
            std::fs::write(&damaged, bytes).unwrap();
            if let Ok(part) = Part::open(&folder.fs, &damaged, &folder.cache)
                && let Ok(read) = read_model(&part)
            {
                prop_assert_eq!(&read, model);
            }
            Ok(())
        })?;
    }

    #[test]
    fn a_cut_file_does_not_open(at in any::<prop::sample::Index>()) {
        let folder = Folder::new();
        let (path, _) = sample_part(&folder);
        let bytes = std::fs::read(&path).unwrap();
        let cut = folder.file("cut");
        std::fs::write(&cut, &bytes[..at.index(bytes.len())]).unwrap();
        prop_assert!(Part::open(&folder.fs, &cut, &folder.cache).is_err());
    }
}

#[test]
fn every_byte_is_under_a_checksum() {
    let folder = Folder::new();
    let (path, _) = sample_part(&folder);
    let bytes = std::fs::read(&path).unwrap();
    let damaged = folder.file("damaged");
    for at in (0..bytes.len()).step_by(97) {
        let mut bytes = bytes.clone();
        bytes[at] ^= 0x10;
        std::fs::write(&damaged, bytes).unwrap();
        let read = Part::open(&folder.fs, &damaged, &folder.cache).and_then(|part| part.read_verified(0..part.bytes()));
        assert!(read.is_err(), "byte {at}");
    }
}

/// Overwrites bytes of the index, of the last tile's (which `tile_index_bytes` long lies before it) too, and makes the
/// checksums good again. Pages are left alone: the Parquet library may loop for ever over forged ones.
fn forged(good: &[u8], tile_index_bytes: usize, changes: &[(usize, u8)]) -> Vec<u8> {
    let mut bytes = good.to_vec();
    let position = |name: &str, digits: u8| sink::value_position(good, name, digits).unwrap();
    let offset = |name: &str| {
        let digits = std::str::from_utf8(&good[position(name, 16)]).unwrap();
        usize::from_str_radix(digits, 16).unwrap()
    };
    let (index, tail) = (
        offset(crate::part::format::key::INDEX_OFFSET),
        offset(crate::part::format::key::CHECKSUMS_OFFSET),
    );
    for (place, value) in changes {
        let start = index - tile_index_bytes;
        let at = start + place % (tail - start);
        bytes[at] = *value;
    }
    let blocks = tail.div_ceil(crate::limits::CHECKSUM_BLOCK_BYTES);
    for block in 0..blocks {
        let start = block * crate::limits::CHECKSUM_BLOCK_BYTES;
        let end = tail.min(start + crate::limits::CHECKSUM_BLOCK_BYTES);
        let crc = crc32c::crc32c(&bytes[start..end]);
        bytes[tail + 4 * block..][..4].copy_from_slice(&crc.to_le_bytes());
    }
    let digits = position(crate::part::format::key::TAIL_CRC32C, 8);
    bytes[digits.clone()].copy_from_slice(sink::TAIL_DIGITS_ZERO.as_bytes());
    let crc = format!("{:08x}", crc32c::crc32c(&bytes[tail..]));
    bytes[digits].copy_from_slice(crc.as_bytes());
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// What no checksum can see, since the checksums are good: a writer's mistake, or malice.
    #[test]
    fn a_forged_index_ends_in_an_answer_or_an_error(
        changes in prop::collection::vec((any::<u32>().prop_map(|place| place as usize), any::<u8>()), 1..4),
        traces in any::<bool>(),
    ) {
        thread_local! {
            static GOOD: [(Folder, Vec<u8>, usize); 2] = {
                let metrics = Folder::new();
                let logs = Folder::new();
                let paths = [sample_part(&metrics).0, rows::sample_logs(&logs)];
                let [metrics_bytes, logs_bytes] = paths.each_ref().map(|path| std::fs::read(path).unwrap());
                let tile_index_bytes = |folder: &Folder, path: &Path| {
                    let tile = *folder.open(path).tiles().unwrap().last().unwrap();
                    (tile.index_bytes + tile.hashes_bytes) as usize
                };
                let [metrics_index, logs_index] =
                    [tile_index_bytes(&metrics, &paths[0]), tile_index_bytes(&logs, &paths[1])];
                [(metrics, metrics_bytes, metrics_index), (logs, logs_bytes, logs_index)]
            };
        }
        GOOD.with(|good| {
            let (folder, bytes, tile_index_bytes) = &good[usize::from(traces)];
            let path = folder.file("forged");
            std::fs::write(&path, forged(bytes, *tile_index_bytes, &changes)).unwrap();
            let Ok(part) = Part::open(&folder.fs, &path, &folder.cache) else {
                return;
            };
            let matchers = [crate::matcher::Matcher::not_equal("instance", "host-3")];
            if part.meta().signal == Signal::Metrics {
                let _ = read_model(&part);
                let _ = part.select(&matchers, crate::time::TimeRange::new(5, 90_000));
                let _ = part.label_names(&matchers, crate::time::TimeRange::new(5, 90_000));
                let _ = part.label_values("instance", &[], crate::time::TimeRange::ALL);
            }
            for filter in [
                IndexFilter::Token("error".to_owned()),
                IndexFilter::TraceId([3; 16]),
                IndexFilter::Prefix { key: "attributes.k1".to_owned(), prefix: "v".to_owned() },
            ] {
                let _ = part.prune(&filter, crate::time::TimeRange::new(0, 10_000_000_000));
            }
            let _ = part.verify();
        });
    }
}

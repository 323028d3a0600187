//! The index of a part over hostile bytes under good checksums: a writer's mistake, or somebody's malice. Every question must
//! end in an answer or an error.

#![no_main]

use std::path::Path;
use std::sync::{Arc, OnceLock};

use icecore_engine::ids::{Signal, StoreId, TenantId};
use icecore_engine::labels::LabelsBuilder;
use icecore_engine::matcher::Matcher;
use icecore_engine::part::format::key;
use icecore_engine::part::{IndexFilter, MetricsPartWriter, Part, PartCache, PartMeta, PartOptions, SeriesRun};
use icecore_engine::schema::Temporality;
use icecore_engine::time::{DAY_S, TimeRange, Window};
use icecore_wal::Lsn;
use icecore_wal::fs::{Fs, SimFs};
use libfuzzer_sys::fuzz_target;

const BLOCK_BYTES: usize = 64 * 1024;

fn new_fs() -> Arc<dyn Fs> {
    Arc::new(SimFs::new())
}

/// A good part of a few series.
fn good_part() -> &'static Vec<u8> {
    static PART: OnceLock<Vec<u8>> = OnceLock::new();
    PART.get_or_init(|| {
        let fs = new_fs();
        let meta = PartMeta {
            store: StoreId([1; 16]),
            tenant: TenantId::default(),
            signal: Signal::Metrics,
            window: Window::of(0, DAY_S),
            first_lsn: Lsn::new(1),
            last_lsn: Lsn::new(2),
        };
        let mut writer = MetricsPartWriter::create(&fs, Path::new("part"), meta, &PartOptions::default()).unwrap();
        let mut labels = LabelsBuilder::default();
        for host in 0..40 {
            labels.clear();
            labels.metric("cpu");
            labels.label("host", &format!("h{host:02}"));
            let key = labels.finish().unwrap();
            let run = SeriesRun {
                timestamps: &[1, 2, 3],
                values: &[1.0, 2.5, f64::NAN],
                start_timestamps: None,
                temporality: Temporality::Unspecified,
                histograms: None,
            };
            writer.series(0, &key, run).unwrap();
        }
        writer.finish().unwrap();
        let file = fs.open_read(Path::new("part")).unwrap();
        file.read_at(0, file.len().unwrap() as usize).unwrap().to_vec()
    })
}

/// Where the value of a key stands in the footer.
fn value_position(part: &[u8], name: &str) -> usize {
    let found = part.windows(name.len()).rposition(|window| window == name.as_bytes());
    found.unwrap() + name.len() + 2
}

fn offset(part: &[u8], name: &str) -> usize {
    let at = value_position(part, name);
    usize::from_str_radix(std::str::from_utf8(&part[at..at + 16]).unwrap(), 16).unwrap()
}

/// CRC32C, bit by bit, so that the target does not lean on the code it tests.
fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |mut crc, byte| {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0x82f6_3b78 & (crc & 1).wrapping_neg());
        }
        crc
    })
}

/// Overwrites bytes of the body as the input says (place, value) and makes the checksums good again.
fn forged(input: &[u8]) -> Vec<u8> {
    let mut part = good_part().clone();
    let tail = offset(&part, key::CHECKSUMS_OFFSET);
    let index = offset(&part, key::INDEX_OFFSET);
    for change in input.chunks_exact(3) {
        let place = usize::from(u16::from_le_bytes([change[0], change[1]]));
        // Pages are left alone: those that the Parquet library decodes are its own affair under a good checksum.
        let at = index + place % (tail - index);
        part[at] = change[2];
    }
    for (number, start) in (0..tail).step_by(BLOCK_BYTES).enumerate() {
        let crc = crc32c(&part[start..tail.min(start + BLOCK_BYTES)]);
        part[tail + 4 * number..][..4].copy_from_slice(&crc.to_le_bytes());
    }
    let digits = value_position(&part, key::TAIL_CRC32C);
    part[digits..digits + 8].copy_from_slice(b"00000000");
    let crc = format!("{:08x}", crc32c(&part[tail..]));
    part[digits..digits + 8].copy_from_slice(crc.as_bytes());
    part
}

fuzz_target!(|input: &[u8]| {
    let bytes = forged(input);
    let fs = new_fs();
    let path = Path::new("forged");
    fs.create(path).unwrap().write_at(&bytes, 0).unwrap();
    let cache = PartCache::new(1 << 20, None);
    let Ok(part) = Part::open(&fs, path, &cache) else {
        return;
    };
    let matchers = [Matcher::equal("host", "h03"), Matcher::not_equal("__name__", "mem")];
    for matchers in [&matchers[..], &[]] {
        if let Ok(groups) = part.select(matchers, TimeRange::ALL) {
            let _ = part.read(&groups, TimeRange::new(2, 3), &mut |_, chunk| {
                assert_eq!(chunk.timestamps.len(), chunk.values.len());
            });
        }
        let _ = part.label_names(matchers, TimeRange::new(1, 2));
        let _ = part.label_values("host", matchers, TimeRange::ALL);
    }
    let filter = IndexFilter::Prefix {
        key: "host".to_owned(),
        prefix: "h1".to_owned(),
    };
    let _ = part.prune(&filter, TimeRange::ALL);
    let _ = part.verify();
});

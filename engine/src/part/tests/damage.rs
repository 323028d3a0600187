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

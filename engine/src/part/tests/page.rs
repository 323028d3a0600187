//! `docs/part-format.md` against the constants, and against a file.

use super::*;
use crate::part::format::*;

const PAGE: &str = include_str!("../../../../docs/part-format.md");

/// Rows of the table that follows `heading`, cells trimmed.
fn table(heading: &str) -> Vec<Vec<String>> {
    let (_, rest) = PAGE.split_once(heading).unwrap_or_else(|| panic!("no {heading:?}"));
    rest.lines()
        .skip_while(|line| !line.starts_with('|'))
        .take_while(|line| line.starts_with('|'))
        .skip(2)
        .map(|line| {
            line.trim_matches('|')
                .split('|')
                .map(|cell| cell.trim().to_owned())
                .collect()
        })
        .collect()
}

/// Fields lie one behind the other and fill `bytes`.
fn assert_layout(heading: &str, bytes: usize) {
    let mut at = 0;
    for row in table(heading) {
        assert_eq!(row[0], at.to_string(), "{heading}: {row:?}");
        at += row[1].parse::<usize>().unwrap();
    }
    assert_eq!(at, bytes, "{heading}");
}

#[test]
fn the_page_shows_the_records_as_they_are() {
    assert_layout("## Index of the part", INDEX_HEADER_BYTES);
    assert_layout("Tile table,", TILE_ENTRY_BYTES);
    assert_layout("## Index of a tile", BLOCK_ENTRY_BYTES);
    assert!(PAGE.contains(&format!("`{}`", std::str::from_utf8(&INDEX_MAGIC).unwrap())));
}

#[test]
fn the_page_names_every_key_and_a_file_has_them() {
    let folder = Folder::new();
    let path = write_metrics(
        &folder,
        "a",
        meta(Signal::Metrics),
        &Model::new(),
        &PartOptions::default(),
    );
    let part = folder.open(&path);
    let metadata = part.parquet_metadata().unwrap();
    let in_file: Vec<String> = metadata
        .file_metadata()
        .key_value_metadata()
        .unwrap()
        .iter()
        .map(|pair| pair.key.clone())
        .filter(|name| name.starts_with("icecore."))
        .collect();
    let in_page: Vec<String> = table("## Keys in the Parquet footer")
        .into_iter()
        .map(|row| row[0].trim_matches('`').to_owned())
        .collect();
    assert_eq!(in_page, in_file);
}

#[test]
fn the_page_states_the_limits() {
    let sentences = [
        format!("format version {PART_FORMAT}."),
        format!("block of {} bytes", crate::limits::CHECKSUM_BLOCK_BYTES),
        format!("A tile of metrics ends at {}", crate::limits::TILE_ROWS_MAX),
        format!("level {}.", crate::limits::ZSTD_LEVEL),
        format!(
            "`timestamp`, `value_mantissa` | DELTA_BINARY_PACKED | {} |",
            crate::limits::PAGE_ROWS
        ),
        format!("at most {GROUPS_PER_BLOCK} groups"),
        format!("{LOG_ROWS_PER_GROUP} consecutive rows"),
        format!("closed at {TERM_BLOCK_BYTES} bytes"),
        format!("for at most {INLINE_POSTINGS_MAX} groups"),
        format!("At most {VALUES_PER_KEY_MAX} values are indexed per key, {NAMES_MAX} of"),
        format!("{KEYS_MAX} keys of resources"),
        format!("more than {VALUE_BYTES_MAX} bytes are indexed"),
        format!(
            "of {} to {} bytes in the body",
            tokens::TOKEN_BYTES_MIN,
            tokens::TOKEN_BYTES_MAX
        ),
        format!(
            "{} the last sample is a stale marker, {} a sample is a native histogram, {} a sample has a start time, {} the",
            group_flag::LAST_IS_STALE,
            group_flag::HAS_HISTOGRAMS,
            group_flag::HAS_START_TIMESTAMPS,
            group_flag::HAS_TEMPORALITY,
        ),
    ];
    let page = PAGE.split_whitespace().collect::<Vec<_>>().join(" ");
    for sentence in sentences {
        assert!(page.contains(&sentence), "docs/part-format.md does not say: {sentence}");
    }
}

#[test]
fn a_part_without_rows_opens_and_answers() {
    let folder = Folder::new();
    let path = write_metrics(
        &folder,
        "a",
        meta(Signal::Metrics),
        &Model::new(),
        &PartOptions::default(),
    );
    let part = folder.open(&path);
    assert_eq!(part.rows(), 0);
    assert!(part.time_range().is_empty());
    assert_eq!(part.select(&[], crate::time::TimeRange::ALL).unwrap(), []);
    assert_eq!(part.verify().unwrap().rows, 0);
}

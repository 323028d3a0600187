//! `docs/limits.md` is made from the constants: every public limit of every crate, with its comment and its value.
//! `UPDATE_DOCS=1 cargo test --test limits_page` writes it anew.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
#![allow(
    clippy::disallowed_methods,
    reason = "reads sources and writes a page; no data file is touched"
)]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

const CRATES: [&str; 4] = ["wal", "engine", "query", "server"];

/// Every file named `limits.rs` of a crate, sorted.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            files(&path, found);
        } else if path.file_name().is_some_and(|name| name == "limits.rs") {
            found.push(path);
        }
    }
}

/// Name, value and comment of each public constant in a source text.
fn constants(source: &str) -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    let mut comment = String::new();
    let mut lines = source.lines();
    while let Some(line) = lines.next() {
        if let Some(text) = line.strip_prefix("///") {
            comment.push_str(text);
        } else if let Some(rest) = line.strip_prefix("pub const ").filter(|rest| !rest.starts_with("fn")) {
            let mut rest = rest.to_owned();
            while !rest.ends_with(';') {
                rest.push(' ');
                rest.push_str(lines.next().unwrap().trim());
            }
            let (name, rest) = rest.split_once(':').unwrap();
            let (_, value) = rest.split_once('=').unwrap();
            let value = value.trim().trim_end_matches(';').to_owned();
            found.push((name.to_owned(), value, comment.trim().to_owned()));
            comment.clear();
        } else {
            comment.clear();
        }
    }
    found
}

fn page(root: &Path) -> String {
    let mut out = String::from(
        "# Limits\n\nEverything has a limit. This page is made from the constants (`UPDATE_DOCS=1 cargo test --test limits_page`); what\n\
         `icecore serve --help` lists can be set, the rest is fixed.\n",
    );
    for name in CRATES {
        let mut found = Vec::new();
        files(&root.join(name).join("src"), &mut found);
        write!(
            out,
            "\n## icecore-{name}\n\n| limit | value | what it bounds |\n|---|---|---|\n"
        )
        .unwrap();
        for path in found {
            for (name, value, comment) in constants(&std::fs::read_to_string(path).unwrap()) {
                writeln!(
                    out,
                    "| `{name}` | `{}` | {} |",
                    value.replace('|', "\\|"),
                    comment.replace('|', "\\|")
                )
                .unwrap();
            }
        }
    }
    out
}

#[test]
fn the_page_of_limits_is_that_of_the_constants() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = root.join("docs/limits.md");
    let page = page(root);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page,
        "docs/limits.md is not what the constants say: run UPDATE_DOCS=1 cargo test --test limits_page"
    );
    assert!(
        page.lines()
            .filter(|line| line.starts_with("| `"))
            .all(|line| !line.ends_with("|  |")),
        "a limit without words"
    );
}

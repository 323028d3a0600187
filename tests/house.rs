//! The house rules as a test: which crate may name which, what may stand at the top, how long a file may be, and that
//! every file says why it exists.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "tests"
)]

use std::fs;
use std::path::{Path, PathBuf};

/// Production files stay under this many lines, so that one concept is one file.
const FILE_LINES_MAX: usize = 600;
/// Test files may be longer, but not without end.
const TEST_FILE_LINES_MAX: usize = 1_200;

/// The only places a crate of ours may be named from, by folder. Whoever is not listed names none.
const ARROWS: &[(&str, &[&str])] = &[
    ("wal", &[]),
    ("engine", &["icecore_wal"]),
    ("query", &["icecore_engine"]),
    ("server", &["icecore_engine", "icecore_query"]),
    ("src", &["icecore_engine", "icecore_query", "icecore_server"]),
];

/// What may stand at the top of the repository.
const TOP: &[&str] = &[
    "Cargo.toml",
    "Cargo.lock",
    "wal",
    "engine",
    "query",
    "server",
    "src",
    "benches",
    "fuzz",
    "tests",
    "docs",
    "examples",
    "README.md",
    "CHANGELOG.md",
    "LICENSE",
    "clippy.toml",
    "deny.toml",
    "rustfmt.toml",
    "target",
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut waiting = vec![folder.to_path_buf()];
    while let Some(folder) = waiting.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries.map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                if entry
                    .file_name()
                    .is_some_and(|name| name != "target" && name != "corpus")
                {
                    waiting.push(entry);
                }
            } else if entry.extension().is_some_and(|extension| extension == "rs") {
                found.push(entry);
            }
        }
    }
    found.sort();
    found
}

fn is_test(path: &Path) -> bool {
    path.components()
        .any(|part| part.as_os_str() == "tests" || part.as_os_str() == "fuzz")
        || path.file_stem().is_some_and(|stem| stem == "tests")
}

fn ours() -> Vec<PathBuf> {
    [
        "wal", "engine", "query", "server", "src", "benches", "tests", "examples", "fuzz",
    ]
    .iter()
    .flat_map(|folder| rust_files(&root().join(folder)))
    .collect()
}

/// Fails with every complaint at once: one run shows all there is to mend.
fn none(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

#[test]
fn dependencies_point_down() {
    let crates = ["icecore_wal", "icecore_engine", "icecore_query", "icecore_server"];
    let mut complaints = Vec::new();
    for (folder, allowed) in ARROWS {
        for file in rust_files(&root().join(folder)) {
            let text = fs::read_to_string(&file).unwrap();
            for (number, line) in text.lines().enumerate() {
                let code = line.split("//").next().unwrap_or_default();
                let own = format!("icecore_{folder}");
                for name in crates {
                    if code.contains(&format!("{name}::")) && name != own && !allowed.contains(&name) {
                        complaints.push(format!(
                            "{}:{}: {folder} may not name {name}",
                            file.display(),
                            number + 1
                        ));
                    }
                }
            }
        }
    }
    for (folder, allowed) in ARROWS.iter().filter(|(folder, _)| *folder != "src") {
        let manifest = fs::read_to_string(root().join(folder).join("Cargo.toml")).unwrap();
        for name in crates {
            let dependency = name.replace('_', "-");
            let listed = manifest
                .lines()
                .any(|line| line.split(['.', ' ', '=']).next() == Some(dependency.as_str()));
            if listed && !allowed.contains(&name) {
                complaints.push(format!("{folder}/Cargo.toml: {folder} may not depend on {dependency}"));
            }
        }
    }
    none(&complaints);
}

#[test]
fn the_engine_knows_no_runtime_no_sql_and_no_wire() {
    let mut complaints = Vec::new();
    for (folder, banned) in [
        ("wal", &["tokio", "datafusion", "prost", "opentelemetry", "arrow"][..]),
        (
            "engine",
            &["tokio", "datafusion", "prost", "opentelemetry", "axum", "tonic"][..],
        ),
        ("query", &["prost", "opentelemetry", "axum", "tonic"][..]),
    ] {
        let manifest = fs::read_to_string(root().join(folder).join("Cargo.toml")).unwrap();
        let dependencies = manifest.split("[dev-dependencies]").next().unwrap_or_default();
        for line in dependencies.lines() {
            let name = line.split(['.', ' ', '=']).next().unwrap_or_default();
            if banned
                .iter()
                .any(|word| name == *word || name.starts_with(&format!("{word}-")))
            {
                complaints.push(format!("{folder}/Cargo.toml: {folder} may not depend on {name}"));
            }
        }
    }
    none(&complaints);
}

#[test]
fn nothing_unknown_stands_at_the_top() {
    let complaints: Vec<String> = fs::read_dir(root())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.starts_with('.') && !TOP.contains(&name.as_str()))
        .map(|name| format!("{name}: not a room of this house"))
        .collect();
    none(&complaints);
}

#[test]
fn files_are_short() {
    let mut complaints = Vec::new();
    for file in ours() {
        let lines = fs::read_to_string(&file).unwrap().lines().count();
        let most = if is_test(&file) {
            TEST_FILE_LINES_MAX
        } else {
            FILE_LINES_MAX
        };
        if lines > most {
            complaints.push(format!("{}: {lines} lines, at most {most}", file.display()));
        }
    }
    none(&complaints);
}

#[test]
fn every_file_opens_with_why_it_exists() {
    let mut complaints = Vec::new();
    for file in ours() {
        let text = fs::read_to_string(&file).unwrap();
        // An attribute on the whole file may stand before, on one line or several.
        let mut rest = text.trim_start();
        while rest.starts_with("#![") {
            rest = rest.split_once("]\n").map_or("", |(_, after)| after.trim_start());
        }
        let first = rest.lines().next();
        if !first.is_some_and(|line| line.starts_with("//! ") && line.len() > 20) {
            complaints.push(format!("{}: begins without a //! line", file.display()));
        }
    }
    none(&complaints);
}

#[test]
fn production_code_promises_nothing_for_later() {
    let mut complaints = Vec::new();
    for file in ours().into_iter().filter(|file| !is_test(file)) {
        let text = fs::read_to_string(&file).unwrap();
        for (number, line) in text.lines().enumerate() {
            for word in [
                "TODO",
                "FIXME",
                "XXX",
                "todo!(",
                "unimplemented!(",
                "allow(dead_code)",
                "#[ignore",
            ] {
                if line.contains(word) {
                    complaints.push(format!("{}:{}: {word}", file.display(), number + 1));
                }
            }
        }
    }
    none(&complaints);
}

#[test]
fn unsafe_stands_in_the_memory_map_alone() {
    let complaints: Vec<String> = ours()
        .into_iter()
        .filter(|file| !file.ends_with("tests/house.rs"))
        .filter(|file| {
            let text = fs::read_to_string(file).unwrap();
            text.lines().any(|line| {
                let code = line.split("//").next().unwrap_or_default();
                code.contains("unsafe {") || code.contains("unsafe fn") || code.contains("unsafe impl")
            })
        })
        .filter(|file| !file.starts_with(root().join("wal/src/fs")))
        .map(|file| format!("{}: unsafe", file.display()))
        .collect();
    none(&complaints);
}

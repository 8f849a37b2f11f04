//! What may depend on what, and what every file keeps to, checked by the tests of this package. It compiles nothing of
//! the product; here is what the tests share.

#![allow(clippy::unwrap_used, reason = "a test may stop")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The project's folder.
#[must_use]
pub fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Path and content of every tracked text file.
///
/// # Panics
/// When git lists none.
#[must_use]
pub fn texts() -> Vec<(String, String)> {
    let list = Command::new("git")
        .args(["ls-files", "-z"])
        .current_dir(top())
        .output()
        .unwrap();
    let list = String::from_utf8(list.stdout).unwrap();
    let texts: Vec<(String, String)> = list
        .split_terminator('\0')
        // What is not text has no words.
        .filter_map(|file| Some((file.to_owned(), fs::read_to_string(top().join(file)).ok()?)))
        .collect();
    assert!(!texts.is_empty(), "git lists no file");
    texts
}

//! Reads the files of the routes, which kubelet replaces all at once.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use contract::receiver::routes::{Connection, MAX_BYTES};
use runtime::followed::read_file;
use secrecy::SecretSlice;

/// The link that kubelet swaps: its target is another one after each change.
const DATA: &str = "..data";
/// How often the files are read again if they change meanwhile.
const ATTEMPTS: usize = 5;

/// The directory at one moment.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// Where the link led to; `None` without one.
    pub version: Option<PathBuf>,
    /// The routes, by connection.
    pub files: Vec<File>,
}

/// A file of a route.
#[derive(Debug)]
pub struct File {
    /// Whose it is, by its name.
    pub connection: Connection,
    /// What is in it, or why that cannot be read.
    pub text: Result<SecretSlice<u8>, &'static str>,
}

/// Reads all routes, unless the link still leads to `known`. An absent directory has no routes.
///
/// # Errors
/// When the directory cannot be read, or changes all the time.
pub fn read(directory: &Path, known: Option<&Path>) -> io::Result<Option<Snapshot>> {
    let link = directory.join(DATA);
    for _ in 0..ATTEMPTS {
        let version = fs::read_link(&link).ok();
        if version.is_some() && version.as_deref() == known {
            return Ok(None);
        }
        let files = read_files(directory)?;
        if fs::read_link(&link).ok() == version {
            return Ok(Some(Snapshot { version, files }));
        }
    }
    Err(io::ErrorKind::ResourceBusy.into())
}

fn read_files(directory: &Path) -> io::Result<Vec<File>> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let Some(connection) = name.to_str().and_then(Connection::of_route_key) else {
            continue;
        };
        let text = match read_file(&entry.path(), MAX_BYTES as u64) {
            Ok(Some(text)) => Ok(text),
            Ok(None) => Err("the route is empty"),
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
                Err("the route is too large")
            }
            Err(_) => Err("the route cannot be read"),
        };
        files.push(File { connection, text });
    }
    files.sort_by(|one, other| one.connection.cmp(&other.connection));
    Ok(files)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop")]

    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn what_did_not_change_is_not_read_again() {
        let directory = tempfile::tempdir().unwrap();
        let at = directory.path();
        assert!(
            read(&at.join("absent"), None)
                .unwrap()
                .unwrap()
                .files
                .is_empty()
        );
        fs::create_dir(at.join("..1")).unwrap();
        fs::write(at.join("..1/a.b.json"), "{}").unwrap();
        fs::write(at.join("..1/empty.c.json"), "").unwrap();
        symlink("..1", at.join(DATA)).unwrap();
        for name in ["a.b.json", "empty.c.json"] {
            symlink(format!("{DATA}/{name}"), at.join(name)).unwrap();
        }
        fs::write(at.join("other.txt"), "x").unwrap();
        let first = read(at, None).unwrap().unwrap();
        assert_eq!(first.version.as_deref(), Some(Path::new("..1")));
        let found: Vec<_> = first
            .files
            .iter()
            .map(|file| (file.connection.to_string(), file.text.is_ok()))
            .collect();
        assert_eq!(found, [("a/b".into(), true), ("empty/c".into(), false)]);
        assert!(read(at, first.version.as_deref()).unwrap().is_none());
        assert!(read(at, Some(Path::new("..0"))).unwrap().is_some());
    }
}

//! Replies of Zoom that are not stored yet, kept where they survive a crash of the process.

use data_encoding::HEXLOWER;
use std::{fs, io, path::PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::Grant;

/// A reply on its way to the store.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// Where it belongs.
    pub place: String,
    /// Fingerprint of the credential that was spent for it.
    pub spent: String,
    /// What is to be stored.
    pub next: Grant,
}

/// Keeps replies.
pub trait Journal: Send + Sync {
    /// Writes an entry. It is durable once this returns without an error.
    ///
    /// # Errors
    /// When it could not be written.
    fn put(&self, entry: &Entry) -> io::Result<()>;

    /// Removes an entry whose reply is stored.
    fn remove(&self, entry: &Entry);

    /// Entries of processes that have ended.
    fn entries(&self) -> Vec<Entry>;
}

/// A journal of one file for each entry, in a directory that outlives the container: a memory-backed
/// `emptyDir` survives `kill -9` and an out-of-memory kill, and leaves no secret on a disk.
#[derive(Clone, Debug)]
pub struct Directory(PathBuf);

// === impl Entry ===

impl Entry {
    /// The entry for `next`, for which the credential of `spent` was spent.
    #[must_use]
    pub fn new(place: String, spent: &Grant, next: Grant) -> Self {
        Self {
            place,
            spent: spent.credential.fingerprint(),
            next,
        }
    }

    /// Two replies for one place have two names, so that none overwrites the other.
    fn file_name(&self) -> String {
        let digest = Sha256::new()
            .chain_update(&self.place)
            .chain_update([0])
            .chain_update(&self.spent)
            .finalize();
        HEXLOWER.encode(&digest[..16])
    }
}

// === impl Directory ===

impl Directory {
    /// A journal in this directory, which is created if need be.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn open(path: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    fn file(&self, entry: &Entry) -> PathBuf {
        self.0.join(format!("{}.json", entry.file_name()))
    }
}

impl Journal for Directory {
    fn put(&self, entry: &Entry) -> io::Result<()> {
        let file = self.file(entry);
        let unfinished = file.with_extension("unfinished");
        // The directory is memory: there is nothing to sync. The new name appears with the whole content.
        fs::write(&unfinished, serde_json::to_vec(entry)?)?;
        fs::rename(unfinished, file)
    }

    fn remove(&self, entry: &Entry) {
        if let Err(error) = fs::remove_file(self.file(entry)) {
            // It will be found superseded when it is read again.
            tracing::warn!(%error, "failed to remove an entry of the journal");
        }
    }

    fn entries(&self) -> Vec<Entry> {
        let Ok(files) = fs::read_dir(&self.0) else {
            return Vec::new();
        };
        files
            .filter_map(|file| {
                let path = file.ok()?.path();
                if path.extension()? != "json" {
                    return None;
                }
                let entry = serde_json::from_slice(&fs::read(&path).ok()?);
                if entry.is_err() {
                    // The parser's own message could quote a token.
                    tracing::error!(file = %path.display(), "an entry of the journal cannot be read");
                }
                entry.ok()
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::Credential;

    fn entry(place: &str, spent: &str) -> Entry {
        let grant = |token: &str| Grant {
            id: "g".into(),
            generation: 1,
            since: Timestamp::UNIX_EPOCH,
            client_id: None,
            credential: Credential::RefreshToken(token.to_owned().into()),
            access: None,
            intent: None,
            loss: None,
        };
        Entry::new(place.into(), &grant(spent), grant("next"))
    }

    #[test]
    fn entries_are_found_again_until_they_are_removed() {
        let directory = tempfile::tempdir().unwrap();
        let journal = Directory::open(directory.path().join("journal")).unwrap();
        let (one, two) = (entry("a", "1"), entry("a", "2"));
        journal.put(&one).unwrap();
        journal.put(&one).unwrap();
        journal.put(&two).unwrap();
        // Another process, after a crash in the middle of a write.
        fs::write(directory.path().join("journal/x.unfinished"), "{").unwrap();
        let journal = Directory::open(directory.path().join("journal")).unwrap();
        let mut found: Vec<String> = journal.entries().into_iter().map(|e| e.spent).collect();
        found.sort();
        let mut wanted = [one.spent.clone(), two.spent.clone()];
        wanted.sort();
        assert_eq!(found, wanted);
        journal.remove(&one);
        journal.remove(&one);
        assert_eq!(journal.entries().len(), 1);
    }
}

//! The directory: the store's file, its lock, the reserve, and what was moved aside.
//!
//! A damaged store is moved aside and replaced by an empty one: a receiver that refused to start would lose
//! every further event, because Zoom gives up after 85 minutes. A file that was moved aside is never deleted
//! or read again: a person must look at it.
//!
//! The reserve is a file that occupies disk space. The store is copy on write, so that deleting from it needs
//! space first: when the disk is full the reserve is released, and new events are rejected until it can
//! be created again.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, Write as _},
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use redb::Database;
use tracing::error;

use super::store::{Store, StoreError};

const FILE: &str = "events.redb";
/// What was moved aside, with the second of it.
const DAMAGED: &str = "events.redb.damaged-";
const NEW: &str = "events.redb.new";
const RESERVE: &str = "reserve";
/// Enough for the pages of several deletions and for the store's metadata.
const RESERVE_BYTES: usize = 1024 * 1024;
/// The store's cache. Most reads are of recent writes, which the page cache has.
const CACHE_BYTES: usize = 1024 * 1024;

/// The directory of a buffer.
#[derive(Clone, Debug)]
pub struct BufferDirectory {
    directory: PathBuf,
}

/// How to open a store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum OpenMode {
    /// Normally.
    #[default]
    Normal,
    /// It was found damaged: check every page.
    CheckIntegrity,
    /// It was found damaged although the check passed: move it aside.
    Replace,
}

/// A store, and whether it replaces a damaged one.
#[derive(Debug)]
pub struct Opened {
    /// The store.
    pub store: Store,
    /// A damaged one was moved aside.
    pub is_fresh_after_damage: bool,
}

// === impl BufferDirectory ===

impl BufferDirectory {
    /// The buffer in this directory.
    #[must_use]
    pub fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// Opens the store, or creates one.
    ///
    /// # Errors
    /// When it is in use, or the disk fails. A damaged store is not an error.
    pub fn open(&self, open_mode: OpenMode) -> Result<Opened, StoreError> {
        let path = self.directory.join(FILE);
        // Not `exists`, which cannot tell a failing disk from a missing file.
        let is_there = path.try_exists().map_err(|error| failed(&error))?;
        let opened = match open_mode {
            _ if !is_there => self.create(),
            // Check every page before giving it up.
            OpenMode::Normal => match open(&path, false) {
                Err(StoreError::Damaged(_)) => open(&path, true),
                opened => opened,
            },
            OpenMode::CheckIntegrity => open(&path, true),
            OpenMode::Replace => Err(StoreError::Damaged("it cannot be used".into())),
        };
        match opened {
            Ok(store) => Ok(Opened {
                store,
                is_fresh_after_damage: false,
            }),
            Err(StoreError::Damaged(reason)) => {
                let aside = self.aside();
                error!(reason, file = %aside.display(), "buffer damaged, moved aside");
                fs::rename(&path, &aside).map_err(|error| failed(&error))?;
                Ok(Opened {
                    store: self.create()?,
                    is_fresh_after_damage: true,
                })
            }
            Err(error) => Err(error),
        }
    }

    /// How many damaged stores were moved aside and are still there. 0 if that cannot be read.
    #[must_use]
    pub fn damaged(&self) -> u64 {
        let entries = fs::read_dir(&self.directory)
            .into_iter()
            .flatten()
            .flatten();
        let names = entries.map(|entry| entry.file_name());
        let is_damaged = |name: &OsString| name.to_string_lossy().starts_with(DAMAGED);
        names.filter(is_damaged).count() as u64
    }

    /// Takes the reserve, if there is twice the space for it. Returns whether it is held.
    #[must_use]
    pub fn reserve(&self) -> bool {
        let path = self.directory.join(RESERVE);
        if path
            .metadata()
            .is_ok_and(|file| file.len() == RESERVE_BYTES as u64)
        {
            return true;
        }
        let fill = || -> io::Result<()> {
            let mut file = File::create(&path)?;
            // Twice, so that an event that barely does not fit does not take and release it forever.
            let zeros = [0; 16 * 1024];
            for _ in 0..2 * RESERVE_BYTES / zeros.len() {
                file.write_all(&zeros)?;
            }
            file.sync_all()?;
            file.set_len(RESERVE_BYTES as u64)
        };
        let made = fill().is_ok();
        if !made {
            self.release();
        }
        made
    }

    /// Releases the reserve.
    pub fn release(&self) {
        let _ = fs::remove_file(self.directory.join(RESERVE));
    }

    /// Creates a store under a temporary name: a file of the final name is always complete, and the name is on disk
    /// before anything is acknowledged.
    fn create(&self) -> Result<Store, StoreError> {
        let (path, new) = (self.directory.join(FILE), self.directory.join(NEW));
        match fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(&error)),
            _ => {}
        }
        open(&new, false)?.close()?;
        fs::rename(&new, &path)
            .and_then(|()| File::open(&self.directory)?.sync_all())
            .map_err(|error| failed(&error))?;
        open(&path, false)
    }

    fn aside(&self) -> PathBuf {
        let second = Timestamp::now().as_second();
        let mut path = self.directory.join(format!("{DAMAGED}{second}"));
        for n in 1.. {
            if !path.exists() {
                break;
            }
            path = self.directory.join(format!("{DAMAGED}{second}-{n}"));
        }
        path
    }
}

/// A damaged file can make the library panic, unless every page is looked at first.
fn open(path: &Path, check: bool) -> Result<Store, StoreError> {
    let opened = catch_unwind(AssertUnwindSafe(|| {
        let mut builder = Database::builder();
        builder.set_cache_size(CACHE_BYTES);
        builder.set_check_integrity_on_open(check);
        Store::new(builder.create(path)?)
    }));
    opened.unwrap_or_else(|_| Err(StoreError::Damaged("the library panicked".into())))
}

fn failed(error: &io::Error) -> StoreError {
    StoreError::Failed(error.to_string())
}

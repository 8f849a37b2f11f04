//! The directory: the store's file, its lock, the reserve, and what was moved aside.
//!
//! A damaged store is moved aside and a fresh one begun: a receiver that refused to start would lose
//! every further event, since Zoom gives up after 85 minutes. What was moved aside is never deleted, and
//! neither read again: a person has to look.
//!
//! The reserve is a file that holds blocks. The store is copy on write, so that deleting from it takes
//! space first: when the disk is full the reserve is given back, and nothing new is taken until it could
//! be made again.

use std::{
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
const NEW: &str = "events.redb.new";
const RESERVE: &str = "reserve";
/// Enough for the pages of several deletions and for the store's own books.
const RESERVE_BYTES: usize = 1024 * 1024;
/// The store's cache. What is read was mostly just written, and the kernel has it.
const CACHE_BYTES: usize = 1024 * 1024;

/// The directory of a buffer.
#[derive(Clone, Debug)]
pub struct Home {
    directory: PathBuf,
}

/// How much a store is trusted that is about to be opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trust {
    /// What it says of itself is believed.
    #[default]
    Full,
    /// It was found damaged: every page is looked at.
    Checked,
    /// It was found damaged although every page was right: it is moved aside.
    None,
}

/// A store, and whether it took the place of a damaged one.
#[derive(Debug)]
pub struct Opened {
    /// The store.
    pub store: Store,
    /// A damaged one was moved aside.
    pub is_fresh_after_damage: bool,
}

// === impl Home ===

impl Home {
    /// The buffer in this directory.
    #[must_use]
    pub fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// Opens the store, or makes one.
    ///
    /// # Errors
    /// When it is in use, or the disk does not do it. A damaged one is no error.
    pub fn open(&self, trust: Trust) -> Result<Opened, StoreError> {
        let path = self.directory.join(FILE);
        // Not `exists`, to which a disk that fails looks like a file that is not there.
        let is_there = path.try_exists().map_err(|error| failed(&error))?;
        let opened = match trust {
            _ if !is_there => self.create(),
            // Looked at again from page to page, before it is given up.
            Trust::Full => match open(&path, false) {
                Err(StoreError::Damaged(_)) => open(&path, true),
                opened => opened,
            },
            Trust::Checked => open(&path, true),
            Trust::None => Err(StoreError::Damaged("it cannot be used".into())),
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

    /// Takes the reserve, if there is space for it twice. Says whether it is held.
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
            // Twice, so that an event that just does not fit does not take and return it for ever.
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

    /// Gives the reserve back.
    pub fn release(&self) {
        let _ = fs::remove_file(self.directory.join(RESERVE));
    }

    /// Makes a store under another name: a file of its name is a whole one, and its name is on the disk
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
        let mut path = self.directory.join(format!("{FILE}.damaged-{second}"));
        for n in 1.. {
            if !path.exists() {
                break;
            }
            path = self.directory.join(format!("{FILE}.damaged-{second}-{n}"));
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
    opened.unwrap_or_else(|_| Err(StoreError::Damaged("it stopped the library".into())))
}

fn failed(error: &io::Error) -> StoreError {
    StoreError::Failed(error.to_string())
}

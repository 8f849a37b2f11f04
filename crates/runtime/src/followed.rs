//! Files of a mounted Secret, reread on a timer.
//!
//! The kubelet updates a Secret volume by swapping a symbolic link, for which file watches on the
//! names inside do not fire; a timer sees every change and costs a few small reads.

use std::{
    fmt::Display,
    fs::File,
    io::{self, Read as _},
    path::Path,
    sync::Arc,
    time::Duration,
};

use secrecy::{ExposeSecret as _, SecretSlice};
use tokio::sync::watch;
use tracing::warn;

/// One file without trailing white space. `None` if it is absent or empty.
///
/// # Errors
/// When it exists but cannot be read, or has more than `max` bytes.
pub fn read_file(path: &Path, max: u64) -> io::Result<Option<SecretSlice<u8>>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.take(max + 1).read_to_end(&mut bytes)?;
    // From here on copies are zeroed when dropped.
    bytes.truncate(bytes.trim_ascii_end().len());
    let secret = SecretSlice::from(bytes);
    match secret.expose_secret().len() as u64 {
        0 => Ok(None),
        size if size > max => Err(io::Error::from(io::ErrorKind::FileTooLarge)),
        _ => Ok(Some(secret)),
    }
}

/// Reads several files of one directory until two reads in a row agree: the link may be swapped between
/// two reads, which would mix an old state with a new one.
///
/// # Errors
/// Those of `read`.
pub fn settled<T: PartialEq, E>(read: impl Fn() -> Result<T, E>) -> Result<T, E> {
    let mut state = read()?;
    loop {
        let again = read()?;
        if state == again {
            return Ok(again);
        }
        state = again;
    }
}

/// Reads every `interval`, forever, publishes each new state and calls `changed` with it. What was
/// read last stays valid while reading fails. `what` names it in the log.
pub async fn follow<T: PartialEq, E: Display>(
    what: &'static str,
    read: impl Fn() -> Result<T, E>,
    interval: Duration,
    sender: watch::Sender<Arc<T>>,
    changed: impl Fn(&T),
) {
    let mut failing = false;
    loop {
        match read() {
            Ok(state) => {
                failing = false;
                if state != **sender.borrow() {
                    let state = Arc::new(state);
                    sender.send_replace(Arc::clone(&state));
                    changed(&state);
                }
            }
            Err(error) => {
                if !failing {
                    warn!(%error, what, "failed to read");
                }
                failing = true;
            }
        }
        tokio::time::sleep(interval).await;
    }
}

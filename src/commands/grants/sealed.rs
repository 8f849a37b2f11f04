//! The file that transports grants: sealed with AES-256-GCM by a key that HKDF-SHA256 (RFC 5869) derives from
//! the content of a key file and the file's own salt.

use std::{
    fs::{File, OpenOptions},
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use aes_gcm::{
    Aes256Gcm, KeyInit as _,
    aead::{Aead as _, Payload},
};
use anyhow::{Context as _, anyhow, bail, ensure};
use contract::mac;
use data_encoding::BASE64;
use hmac::Mac as _;
use secrecy::{ExposeSecret as _, SecretSlice};
use serde::{Deserialize, Serialize};

use super::bundle::Bundle;

/// The format of the file, authenticated together with the content.
const FORMAT: &str = "zoom-operator-grants/v1";
/// The purpose of the derived key.
const PURPOSE: &[u8] = b"zoom-operator grants export\x01";
/// The minimum length of a key file's content: half of it would be enough if it were completely random.
const LEAST_KEY: usize = 32;

/// The content of a key file.
pub struct Key(SecretSlice<u8>);

/// The file as JSON.
#[derive(Serialize, Deserialize)]
struct Envelope {
    format: String,
    salt: String,
    nonce: String,
    sealed: String,
}

// === impl Key ===

impl Key {
    /// Reads a key file. White space around the key is ignored.
    ///
    /// # Errors
    /// When the file cannot be read, or the key is too short.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let found = std::fs::read(path);
        let found = found.with_context(|| format!("failed to read {}", path.display()))?;
        Self::new(&found).with_context(|| {
            format!(
                "{} does not contain a key: create one with openssl rand -base64 32 > {}",
                path.display(),
                path.display()
            )
        })
    }

    fn new(bytes: &[u8]) -> anyhow::Result<Self> {
        let bytes = bytes.trim_ascii();
        ensure!(
            bytes.len() >= LEAST_KEY,
            "a key has at least {LEAST_KEY} bytes"
        );
        Ok(Self(bytes.to_vec().into()))
    }

    /// Derives the cipher, according to RFC 5869 with one block of output.
    fn cipher(&self, salt: &[u8]) -> anyhow::Result<Aes256Gcm> {
        let extract = mac::keyed(salt).chain_update(self.0.expose_secret());
        let extracted = extract.finalize().into_bytes();
        let expanded = mac::keyed(&extracted).chain_update(PURPOSE).finalize();
        Aes256Gcm::new_from_slice(&expanded.into_bytes()).map_err(|_| anyhow!("no cipher"))
    }
}

/// Seals the grants into the text of a file.
///
/// # Errors
/// When the system has no random bytes.
pub fn seal(bundle: &Bundle, key: &Key) -> anyhow::Result<String> {
    let (mut salt, mut nonce) = ([0; 32], [0; 12]);
    getrandom::fill(&mut salt)?;
    getrandom::fill(&mut nonce)?;
    let plain: SecretSlice<u8> = serde_json::to_vec(bundle)?.into();
    let payload = Payload {
        msg: plain.expose_secret(),
        aad: FORMAT.as_bytes(),
    };
    let sealed = key.cipher(&salt)?.encrypt(&nonce.into(), payload);
    let sealed = sealed.map_err(|_| anyhow!("failed to seal the grants"))?;
    Ok(serde_json::to_string_pretty(&Envelope {
        format: FORMAT.into(),
        salt: BASE64.encode(&salt),
        nonce: BASE64.encode(&nonce),
        sealed: BASE64.encode(&sealed),
    })?)
}

/// Opens the text of a file.
///
/// # Errors
/// When the text has another format, was changed, or was sealed with another key.
pub fn open(text: &str, key: &Key) -> anyhow::Result<Bundle> {
    let envelope: Envelope =
        serde_json::from_str(text).context("this file was not written by `grants export`")?;
    if envelope.format != FORMAT {
        bail!(
            "the file has the format {}, and this version reads {FORMAT}",
            envelope.format
        );
    }
    let bytes = |text: &str| {
        let bytes = BASE64.decode(text.as_bytes());
        bytes.context("this file was not written by `grants export`")
    };
    let nonce: [u8; 12] = bytes(&envelope.nonce)?
        .try_into()
        .map_err(|_| anyhow!("this file was not written by `grants export`"))?;
    let sealed = bytes(&envelope.sealed)?;
    let payload = Payload {
        msg: &sealed,
        aad: FORMAT.as_bytes(),
    };
    let opened = key
        .cipher(&bytes(&envelope.salt)?)?
        .decrypt(&nonce.into(), payload);
    let opened = opened
        .map_err(|_| anyhow!("the file was sealed with another key, or was changed since"))?;
    let opened: SecretSlice<u8> = opened.into();
    Ok(serde_json::from_slice(opened.expose_secret())?)
}

/// Writes the file so that a crash leaves either the old or the new content. Only its owner can read it.
///
/// # Errors
/// When the file cannot be written.
pub fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".part");
    let write = || {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(&beside)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&beside, path)?;
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    };
    let written: std::io::Result<()> = write();
    written.with_context(|| format!("failed to write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(letter: u8) -> Key {
        Key::new(&[letter; LEAST_KEY]).unwrap()
    }

    fn bundle() -> Bundle {
        Bundle {
            complete: true,
            entries: Vec::new(),
        }
    }

    #[test]
    fn what_was_sealed_is_opened_with_the_same_key_only() {
        let text = seal(&bundle(), &key(b'a')).unwrap();
        assert!(open(&text, &key(b'a')).unwrap().complete);
        assert!(open(&text, &key(b'b')).is_err());
        assert!(!text.contains("complete"), "{text}");
    }

    #[test]
    fn each_file_has_a_key_of_its_own() {
        let text = || seal(&bundle(), &key(b'a')).unwrap();
        assert_ne!(text(), text());
    }

    #[test]
    fn a_changed_file_is_refused() {
        let text = seal(&bundle(), &key(b'a')).unwrap();
        let mut envelope: Envelope = serde_json::from_str(&text).unwrap();
        let mut sealed = BASE64.decode(envelope.sealed.as_bytes()).unwrap();
        sealed[0] ^= 1;
        envelope.sealed = BASE64.encode(&sealed);
        let changed = serde_json::to_string(&envelope).unwrap();
        assert!(open(&changed, &key(b'a')).is_err());
        let other = text.replace("grants/v1", "grants/v2");
        let error = open(&other, &key(b'a')).unwrap_err().to_string();
        assert!(error.contains("zoom-operator-grants/v2"), "{error}");
        assert!(open("{}", &key(b'a')).is_err());
    }

    #[test]
    fn a_short_key_is_none() {
        assert!(Key::new(&[b'a'; LEAST_KEY - 1]).is_err());
        assert!(Key::new(&[b' '; 100]).is_err());
    }

    #[test]
    fn the_file_is_the_owners_and_replaced_whole() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("grants");
        for text in ["one", "two"] {
            write(&path, text).unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}

//! A certificate authority of a test's own.

use std::path::PathBuf;

use tempfile::TempDir;

use super::tools;

/// A certificate authority, with its files until dropped.
pub struct Authority {
    directory: TempDir,
}

/// A certificate and its key: files in PEM.
pub struct Certified {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

// === impl Authority ===

impl Authority {
    /// Makes one that nobody trusts yet.
    pub async fn create() -> anyhow::Result<Self> {
        let directory = tempfile::tempdir()?;
        let authority = Self { directory };
        let options = "-subj /CN=authority -addext basicConstraints=critical,CA:TRUE";
        authority.make("authority", options).await?;
        Ok(authority)
    }

    /// File with its own certificate, for those who are to trust it.
    pub fn certificate(&self) -> PathBuf {
        self.file("authority", "pem")
    }

    /// Makes a certificate for these names, as in `DNS:example.com` or `IP:10.0.0.1`; `file` tells it from its others.
    pub async fn certify(&self, file: &str, names: &[String]) -> anyhow::Result<Certified> {
        let options = format!(
            "-CA {} -CAkey {} -subj /CN={file} \
             -addext basicConstraints=critical,CA:FALSE -addext subjectAltName={}",
            self.certificate().display(),
            self.file("authority", "key").display(),
            names.join(",")
        );
        self.make(file, &options).await
    }

    /// No option may have a space.
    async fn make(&self, file: &str, options: &str) -> anyhow::Result<Certified> {
        let certified = Certified {
            certificate: self.file(file, "pem"),
            key: self.file(file, "key"),
        };
        let args = format!(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout {} -out {} {options}",
            certified.key.display(),
            certified.certificate.display()
        );
        let args: Vec<&str> = args.split(' ').collect();
        tools::must("openssl", &args).await?;
        Ok(certified)
    }

    fn file(&self, name: &str, extension: &str) -> PathBuf {
        self.directory.path().join(format!("{name}.{extension}"))
    }
}

//! The way in from the internet, as the test's `Ingress` and `HTTPRoute` objects describe it: nginx on the host, with TLS.
//!
//! Hosts, paths and backends come from the objects alone, so that a request which arrives proves them. That says nothing
//! of how any real controller behaves. What is not understood is an error.

mod routes;

use std::{fmt::Write as _, net::SocketAddr, path::Path, time::Duration};

use reqwest::{Certificate, Client};
use tempfile::TempDir;

use super::{
    Authority, Bed,
    authority::Certified,
    process::{Process, children},
    tools,
};

pub use self::routes::{Hosts, Target};

/// Header of the answers to hosts that no object has: which configuration they are by.
const GENERATION: &str = "x-front-generation";

/// What a process of nginx that takes requests calls itself.
const WORKER: &str = "nginx: worker process";

/// A host that no object has.
const NOBODY: &str = "nobody.invalid";

/// nginx on a loopback port, until dropped.
pub struct Front {
    bed: Bed,
    process: Process,
    directory: TempDir,
    authority: Authority,
    address: SocketAddr,
    generation: u32,
    hosts: Hosts,
}

// === impl Front ===

impl Front {
    /// Starts it with the objects that are there.
    pub async fn start(bed: &Bed) -> anyhow::Result<Self> {
        tools::cluster("install", &["nginx=nginx"]).await?;
        let directory = tempfile::tempdir()?;
        // Free now; should somebody else take it before nginx does, nginx ends and says so.
        let address = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let hosts = routes::read(bed).await?;
        let authority = Authority::create().await?;
        let certified = certify(&authority, &hosts).await?;
        let configuration = directory.path().join("nginx.conf");
        std::fs::write(
            &configuration,
            configure(directory.path(), address, 0, &certified, &hosts)?,
        )?;
        let args = ["-c", &configuration.to_string_lossy()];
        let process = Process::start("nginx", &args, &directory.path().join("log"))?;
        let mut front = Self {
            bed: bed.clone(),
            process,
            directory,
            authority,
            address,
            generation: 0,
            hosts,
        };
        front.until_in_force().await?;
        Ok(front)
    }

    /// Reads the objects again and waits until nginx uses them.
    pub async fn reload(&mut self) -> anyhow::Result<()> {
        self.hosts = routes::read(&self.bed).await?;
        self.generation += 1;
        let directory = self.directory.path();
        let certified = certify(&self.authority, &self.hosts).await?;
        let text = configure(
            directory,
            self.address,
            self.generation,
            &certified,
            &self.hosts,
        )?;
        std::fs::write(directory.join("nginx.conf"), text)?;
        self.process.signal("HUP")?;
        self.until_in_force().await
    }

    async fn until_in_force(&mut self) -> anyhow::Result<()> {
        let client = self.builder()?.resolve(NOBODY, self.address).build()?;
        let url = self.url(NOBODY, "/");
        let wanted = self.generation.to_string();
        let nginx = self.process.id();
        let answers = || async {
            let answer = client.get(&url).send().await?;
            let generation = answer.headers().get(GENERATION);
            let new = generation.is_some_and(|value| value == wanted.as_str());
            // For a moment the old process takes requests as well.
            let workers = children(nginx)?;
            let alone = workers.iter().filter(|title| *title == WORKER).count() == 1;
            Ok((new && alone).then_some(()))
        };
        let answered = self.process.until("nginx uses the objects", answers).await;
        answered.map_err(|error| error.context(self.log().unwrap_or_default()))
    }

    /// Where each host's requests go, by the objects last read.
    pub fn hosts(&self) -> &Hosts {
        &self.hosts
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Who signs for every host of the objects.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// What it complained about so far.
    pub fn log(&self) -> anyhow::Result<String> {
        Ok(std::fs::read_to_string(self.directory.path().join("log"))?)
    }

    /// The URL of a path of a host, with this port.
    pub fn url(&self, host: &str, path: &str) -> String {
        format!("https://{host}:{}{path}", self.address.port())
    }

    /// A client that finds every host of the objects here and trusts the certificate.
    pub fn client(&self) -> anyhow::Result<Client> {
        let mut builder = self.builder()?;
        for host in self.hosts.keys() {
            builder = builder.resolve(host, self.address);
        }
        Ok(builder.build()?)
    }

    /// Every request by a connection of its own: an old one would still go by the old objects.
    fn builder(&self) -> anyhow::Result<reqwest::ClientBuilder> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let certificate = Certificate::from_pem(&std::fs::read(self.authority.certificate())?)?;
        Ok(Client::builder()
            .tls_certs_only([certificate])
            .no_proxy()
            .pool_max_idle_per_host(0)
            .timeout(Duration::from_secs(30)))
    }
}

/// A certificate for these hosts.
async fn certify(authority: &Authority, hosts: &Hosts) -> anyhow::Result<Certified> {
    let names = hosts.keys().map(String::as_str).chain([NOBODY]);
    let names: Vec<String> = names.map(|name| format!("DNS:{name}")).collect();
    authority.certify("front", &names).await
}

/// The configuration of nginx.
fn configure(
    directory: &Path,
    address: SocketAddr,
    generation: u32,
    certified: &Certified,
    hosts: &Hosts,
) -> anyhow::Result<String> {
    let directory = directory.display();
    let (certificate, key) = (certified.certificate.display(), certified.key.display());
    let mut text = format!(
        "daemon off;\nuser root;\nworker_processes 1;\npid {directory}/pid;\nerror_log stderr warn;\n\
         events {{ worker_connections 512; }}\n\
         http {{\n\
         access_log {directory}/access;\n\
         ssl_certificate {certificate};\nssl_certificate_key {key};\n\
         client_max_body_size 0;\nserver_names_hash_bucket_size 256;\n"
    );
    for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
        writeln!(text, "{kind}_temp_path {directory}/{kind};")?;
    }
    write!(
        text,
        "proxy_http_version 1.1;\nproxy_set_header Host $http_host;\nproxy_set_header Connection \"\";\n\
         proxy_set_header X-Forwarded-Proto $scheme;\nproxy_set_header X-Forwarded-For $remote_addr;\n\
         server {{\nlisten {address} ssl default_server;\nadd_header {GENERATION} {generation} always;\n\
         location / {{ return 404; }}\n}}\n"
    )?;
    for (host, targets) in hosts {
        writeln!(
            text,
            "server {{\nlisten {address} ssl;\nserver_name {host};"
        )?;
        for target in targets {
            let backend = target.backend;
            for location in target.locations() {
                writeln!(
                    text,
                    "location {location} {{ proxy_pass http://{backend}; }}"
                )?;
            }
        }
        if !targets.iter().any(Target::takes_all) {
            writeln!(text, "location / {{ return 404; }}")?;
        }
        writeln!(text, "}}")?;
    }
    writeln!(text, "}}")?;
    Ok(text)
}

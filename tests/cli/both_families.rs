//! The probes of the kubelet reach the operator and the consent pages by IPv6 and by IPv4.

use std::{
    io::{Read as _, Write as _},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

const LIMIT: Duration = Duration::from_mins(1);

/// A cluster whose API server does not answer.
const KUBECONFIG: &str = r#"
apiVersion: v1
kind: Config
current-context: x
contexts: [{name: x, context: {cluster: x, user: x}}]
clusters: [{name: x, cluster: {server: "http://127.0.0.1:9"}}]
users: [{name: x, user: {}}]
"#;

/// Ends with its test.
struct Process {
    child: Child,
    _home: TempDir,
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn start(flags: &[String]) -> Process {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("config"), KUBECONFIG).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_zoom-operator"));
    command.env_clear().args(flags).current_dir(home.path());
    command.env("KUBECONFIG", home.path().join("config"));
    let child = command.stderr(Stdio::null()).spawn().unwrap();
    Process { child, _home: home }
}

/// A port that is free on both families.
fn port() -> u16 {
    let listener = TcpListener::bind((Ipv6Addr::UNSPECIFIED, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

fn live(ip: IpAddr, port: u16) -> Option<String> {
    let mut stream = TcpStream::connect((ip, port)).ok()?;
    stream.set_read_timeout(Some(LIMIT)).ok()?;
    let request = "GET /live HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.lines().next().map(ToOwned::to_owned)
}

/// Waits until somebody answers; the first line.
fn answer(ip: IpAddr, port: u16) -> String {
    let started = Instant::now();
    loop {
        match live(ip, port) {
            Some(answer) => return answer,
            None if started.elapsed() > LIMIT => panic!("no answer from {ip}"),
            None => std::thread::sleep(Duration::from_millis(50)),
        }
    }
}

fn expect_live(port: u16) {
    let addresses: [IpAddr; 2] = [Ipv6Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into()];
    for ip in addresses {
        assert_eq!(answer(ip, port), "HTTP/1.1 200 OK", "{ip}");
    }
}

fn has_ipv6() -> bool {
    TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok()
}

#[test]
fn the_controller_answers_on_both() {
    if !has_ipv6() {
        return;
    }
    let port = port();
    let flags = [
        "controller",
        "--receiver-image=x",
        "--lease-namespace=x",
        "--identity=x",
    ];
    let mut flags: Vec<String> = flags.map(ToOwned::to_owned).into();
    flags.push(format!("--admin-listen=[::]:{port}"));
    let _process = start(&flags);
    expect_live(port);
}

#[test]
fn the_pages_answer_on_both() {
    if !has_ipv6() {
        return;
    }
    let (pages, admin) = (port(), port());
    let flags = ["connect", "--url=http://localhost", "--namespace=x"];
    let mut flags: Vec<String> = flags.map(ToOwned::to_owned).into();
    flags.push(format!("--listen=[::]:{pages}"));
    flags.push(format!("--admin-listen=[::]:{admin}"));
    let _process = start(&flags);
    expect_live(admin);
    let addresses: [IpAddr; 2] = [Ipv6Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into()];
    for ip in addresses {
        answer(ip, pages);
    }
}

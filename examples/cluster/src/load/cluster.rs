//! The processes: two nodes, and Redis where it is the store.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::CertificateDer;

use crate::Failure;

pub const DOMAIN: &str = "localhost";
pub const PASSWORD: &str = "secret";
const USERS: [&str; 4] = ["alice", "bob", "carol", "dave"];

/// Two nodes over one store. They, and their folder, are gone when it is dropped.
pub struct Cluster {
    pub root: CertificateDer<'static>,
    folder: PathBuf,
    store: String,
    nodes: Vec<(String, Child)>,
    redis: Option<Child>,
}

impl Cluster {
    pub fn start(store: &str) -> Result<Self, Failure> {
        let folder = std::env::temp_dir().join(format!("cluster-{}", std::process::id()));
        fs::create_dir(&folder)?;
        let root = write_certificates(&folder)?;
        let mut cluster = Self {
            root,
            store: String::new(),
            nodes: Vec::new(),
            redis: None,
            folder,
        };
        cluster.store = match store {
            "sqlite" => format!("sqlite:{}", cluster.path("store.db")),
            "redis" => cluster.start_redis()?,
            _ => return Err("--store is sqlite or redis".into()),
        };
        for address in free_addresses()? {
            let node = cluster.start_node(&address)?;
            cluster.nodes.push((address, node));
        }
        Ok(cluster)
    }

    pub fn addresses(&self) -> Vec<String> {
        self.nodes
            .iter()
            .map(|(address, _)| address.clone())
            .collect()
    }

    /// SIGKILL.
    pub fn kill(&mut self, node: usize) -> Result<(), Failure> {
        let child = &mut self.nodes[node].1;
        if let Some(status) = child.try_wait()? {
            return Err(format!("a node has ended by itself: {status}").into());
        }
        child.kill()?;
        child.wait()?;
        Ok(())
    }

    pub fn restart(&mut self, node: usize) -> Result<(), Failure> {
        self.nodes[node].1 = self.start_node(&self.nodes[node].0)?;
        Ok(())
    }

    /// Returns when the node listens.
    fn start_node(&self, address: &str) -> Result<Child, Failure> {
        let mut command = Command::new(std::env::current_exe()?.with_file_name("node"));
        command.args(["--listen", address, "--domain", DOMAIN]);
        command.args([
            "--cert",
            &self.path("cert.pem"),
            "--key",
            &self.path("key.pem"),
        ]);
        command.args(["--store", &self.store, "--secret", &"07".repeat(32)]);
        for user in USERS {
            command.args(["--user", &format!("{user}:{PASSWORD}")]);
        }
        let mut node = command.stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        if let Some(out) = node.stdout.take() {
            BufReader::new(out).read_line(&mut line)?;
        }
        match line.as_str() {
            "ready\n" => Ok(node),
            _ => Err("a node does not start".into()),
        }
    }

    fn start_redis(&mut self) -> Result<String, Failure> {
        let socket = self.path("redis.socket");
        let child = Command::new("redis-server")
            .args(["--port", "0", "--unixsocket", &socket])
            .args(["--save", "", "--dir", &self.path("")])
            .stdout(Stdio::null())
            .spawn()
            .map_err(|error| format!("redis-server: {error}"))?;
        self.redis = Some(child);
        for _ in 0..500 {
            if UnixStream::connect(&socket).is_ok() {
                return Ok(format!("redis+unix://{socket}"));
            }
            sleep(Duration::from_millis(10));
        }
        Err("redis-server does not start".into())
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let nodes = self.nodes.iter_mut().map(|(_, node)| node);
        for child in nodes.chain(&mut self.redis) {
            let _ = child.kill();
            let _ = child.wait();
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Below the ports that clients get: a client that connects to a node that is away must not be given the
/// node's own port.
fn free_addresses() -> Result<[String; 2], Failure> {
    let mut free = (20_000..30_000)
        .map(|port| format!("127.0.0.1:{port}"))
        .skip(usize::try_from(std::process::id())? % 5_000)
        .filter(|address| TcpListener::bind(address).is_ok());
    match (free.next(), free.next()) {
        (Some(one), Some(other)) => Ok([one, other]),
        _ => Err("no free port".into()),
    }
}

fn write_certificates(folder: &Path) -> Result<CertificateDer<'static>, Failure> {
    let mut ca = CertificateParams::default();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_key = KeyPair::generate()?;
    let root = ca.self_signed(&ca_key)?;
    let issuer = Issuer::new(ca, ca_key);
    let key = KeyPair::generate()?;
    let leaf = CertificateParams::new([DOMAIN.to_owned()])?.signed_by(&key, &issuer)?;
    fs::write(folder.join("cert.pem"), leaf.pem())?;
    fs::write(folder.join("key.pem"), key.serialize_pem())?;
    Ok(root.der().clone())
}

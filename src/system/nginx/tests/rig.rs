//! A private nginx with two fake registries that log when a write begins and when it is committed (`reference/lab.md` §10).

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    process::{Child, Command},
};

use crate::{
    model::{BackendName, RunId, SystemName},
    resource::{Probed, RouteState, RouteWrites},
    system::{
        BalancerReader, BalancerWriter, Progress, SystemError,
        nginx::{Nginx, RouteTarget},
    },
};

/// What a fake registry saw of one write.
#[derive(Debug, Clone)]
pub struct Write {
    pub path: String,
    pub commit: Instant,
}

/// A keep-alive HTTP server that answers 200 to everything but the probe's path.
pub struct Registry {
    pub port: u16,
    pub writes: Arc<Mutex<Vec<Write>>>,
}

impl Registry {
    pub async fn start(name: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let writes = Arc::new(Mutex::new(Vec::new()));
        let log = writes.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, name, log.clone()));
            }
        });
        Self { port, writes }
    }

    pub fn committed(&self) -> Vec<String> {
        self.writes
            .lock()
            .unwrap()
            .iter()
            .map(|write| write.path.clone())
            .collect()
    }
}

async fn serve(stream: TcpStream, name: &'static str, log: Arc<Mutex<Vec<Write>>>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let (first, headers) = head(&mut stream).await?;
        let mut words = first.split(' ');
        let (method, path) = (words.next().unwrap().to_owned(), words.next().unwrap().to_owned());
        let mut body = vec![0; length(&headers)];
        stream.read_exact(&mut body).await?;
        if let Some((_, ms)) = path.split_once("ms=") {
            tokio::time::sleep(Duration::from_millis(ms.parse().unwrap())).await;
        }
        let probe = path.contains("__regplan_probe__");
        if method != "GET" && !probe {
            log.lock().unwrap().push(Write {
                path: path.clone(),
                commit: Instant::now(),
            });
        }
        let status = if probe { "404 Not Found" } else { "200 OK" };
        let answer = format!("HTTP/1.1 {status}\r\nX-Backend: {name}\r\nContent-Length: 2\r\n\r\n{{}}");
        stream.write_all(answer.as_bytes()).await?;
    }
}

async fn head(stream: &mut BufReader<TcpStream>) -> std::io::Result<(String, String)> {
    let (mut first, mut headers) = (String::new(), String::new());
    if stream.read_line(&mut first).await? == 0 {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if line == "\r\n" {
            return Ok((first.trim_end().to_owned(), headers));
        }
        headers.push_str(&line.to_ascii_lowercase());
    }
}

fn length(headers: &str) -> usize {
    let found = headers.lines().find_map(|line| line.strip_prefix("content-length: "));
    found.map_or(0, |text| text.trim().parse().unwrap())
}

/// A connection of a client that reads answers and does not repeat requests.
pub struct Client {
    stream: BufReader<TcpStream>,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub headers: String,
    pub body: String,
}

impl Answer {
    pub fn backend(&self) -> Option<&str> {
        self.headers.lines().find_map(|line| line.strip_prefix("x-backend: "))
    }
}

impl Client {
    pub async fn open(port: u16) -> std::io::Result<Self> {
        Ok(Self {
            stream: BufReader::new(TcpStream::connect(("127.0.0.1", port)).await?),
        })
    }

    pub async fn send(&mut self, text: &str) -> std::io::Result<()> {
        self.stream.write_all(text.as_bytes()).await
    }

    pub async fn answer(&mut self) -> std::io::Result<Answer> {
        let (first, headers) = head(&mut self.stream).await?;
        let mut body = vec![0; length(&headers)];
        self.stream.read_exact(&mut body).await?;
        Ok(Answer {
            status: first.split(' ').nth(1).unwrap().parse().unwrap(),
            headers,
            body: String::from_utf8(body).unwrap(),
        })
    }

    pub async fn read_exactly(&mut self, bytes: &mut [u8]) {
        self.stream.read_exact(bytes).await.unwrap();
    }

    pub async fn ask(&mut self, method: &str, path: &str) -> std::io::Result<Answer> {
        self.send(&format!(
            "{method} {path} HTTP/1.1\r\nHost: lb\r\nContent-Length: 0\r\n\r\n"
        ))
        .await?;
        self.answer().await
    }
}

/// The whole bed: nginx, v2, v3.
pub struct Rig {
    pub directory: tempfile::TempDir,
    pub port: u16,
    pub v2: Registry,
    pub v3: Registry,
    pub spec: serde_json::Value,
    pub nginx: Nginx,
    child: Child,
}

/// Directives of the main file, by place.
#[derive(Default)]
pub struct Extra {
    pub main: &'static str,
    pub spec: serde_json::Value,
    pub no_server_include: bool,
    pub tls: bool,
}

impl Rig {
    /// Starts it, or says why not.
    pub async fn start(extra: Extra) -> Option<Self> {
        let Some(binary) = binary() else {
            println!("skipped: no nginx on this machine (apt install nginx)");
            return None;
        };
        let directory = tempfile::tempdir().unwrap();
        let (v2, v3) = (Registry::start("v2").await, Registry::start("v3").await);
        let port = free_port();
        for part in ["logs", "tmp", "regplan"] {
            std::fs::create_dir(directory.path().join(part)).unwrap();
        }
        for file in ["http.conf", "server.conf"] {
            put(&directory.path().join("regplan").join(file), "# not yet\n");
        }
        let server = if extra.no_server_include {
            ""
        } else {
            "include regplan/server.conf;"
        };
        let listen = if extra.tls { certificate(directory.path()) } else { "" };
        put(
            &directory.path().join("nginx.conf"),
            &config(port, extra.main, listen, server),
        );
        let mut spec = json!({
            "url": format!("http{}://127.0.0.1:{port}", if extra.tls { "s" } else { "" }), "prefix": directory.path(), "config": "nginx.conf",
            "directory": "regplan", "socket": "regplan.sock", "binary": binary,
            "backends": {"v2": [format!("127.0.0.1:{}", v2.port)], "v3": [format!("127.0.0.1:{}", v3.port)]},
        });
        if extra.tls {
            spec["ca"] = json!(directory.path().join("ca.pem"));
        }
        if let Some(more) = extra.spec.as_object() {
            spec.as_object_mut().unwrap().extend(more.clone());
        }
        let nginx = Nginx::open(&SystemName::new("lb"), &spec, Path::new("/")).unwrap();
        let child = Command::new(binary)
            .args(["-e", "logs/error.log", "-c", "nginx.conf", "-g", "daemon off;", "-p"])
            .arg(directory.path())
            .stderr(Stdio::null())
            .kill_on_drop(false)
            .spawn()
            .unwrap();
        let rig = Self {
            directory,
            port,
            v2,
            v3,
            spec,
            nginx,
            child,
        };
        while Client::open(port).await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Some(rig)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn owned(&self) -> (String, String) {
        let read = |name: &str| std::fs::read_to_string(self.path("regplan").join(name)).unwrap();
        (read("http.conf"), read("server.conf"))
    }

    /// Another client of the same nginx.
    pub fn reopened(&self) -> Nginx {
        Nginx::open(&SystemName::new("lb"), &self.spec, Path::new("/")).unwrap()
    }

    pub async fn state(&self) -> RouteState {
        match self.nginx.reader().route().await.unwrap() {
            Probed::Seen(state) => state,
            other @ (Probed::Unreachable(_) | Probed::NotLooked(_)) => panic!("{other:?}"),
        }
    }

    pub async fn generation(&self) -> Option<String> {
        self.state().await.generation
    }

    /// Switches on the generation in force, as the run `run1`.
    pub async fn switch(&self, to: &str, writes: RouteWrites) -> Result<(), SystemError> {
        let expect = self.generation().await;
        self.switch_as("run1", to, writes, expect.as_deref()).await
    }

    pub async fn switch_as(
        &self,
        run: &str,
        to: &str,
        writes: RouteWrites,
        expect: Option<&str>,
    ) -> Result<(), SystemError> {
        let target = RouteTarget {
            to: Some(BackendName::new(to)),
            writes,
        };
        let writer = BalancerWriter::new(BalancerReader::Nginx(self.nginx.reader()), RunId::new(run));
        writer.switch(&target, expect, &Progress::silent()).await
    }

    /// Reloads it as an operator would.
    pub async fn reload(&self) {
        let mut command = Command::new(binary().unwrap());
        command.args(["-e", "logs/error.log", "-c", "nginx.conf", "-s", "reload", "-p"]);
        assert!(command.arg(self.directory.path()).status().await.unwrap().success());
    }

    pub async fn ask(&self, method: &str, path: &str) -> Answer {
        Client::open(self.port).await.unwrap().ask(method, path).await.unwrap()
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        // QUIT would wait for kept connections; TERM ends master and workers at once.
        if let Some(pid) = self
            .child
            .id()
            .and_then(|pid| rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()))
        {
            assert!(rustix::process::kill_process(pid, rustix::process::Signal::TERM).is_ok());
            // The temporary directory must outlive the master, or it complains on its way out.
            while self.child.try_wait().is_ok_and(|status| status.is_none()) {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }
}

fn binary() -> Option<&'static str> {
    ["/usr/sbin/nginx", "/usr/local/sbin/nginx", "/usr/bin/nginx"]
        .into_iter()
        .find(|path| Path::new(path).exists())
}

pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

pub fn put(path: &Path, text: &str) {
    std::io::Write::write_all(&mut std::fs::File::create(path).unwrap(), text.as_bytes()).unwrap();
}

/// Makes an authority and a certificate of it; the rest of nginx's `listen` line.
fn certificate(directory: &Path) -> &'static str {
    let key = || rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let ca_key = key();
    let ca = params.self_signed(&ca_key).unwrap();
    let issuer = rcgen::Issuer::new(params, ca_key);
    let server_key = key();
    let server = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()])
        .unwrap()
        .signed_by(&server_key, &issuer);
    put(&directory.join("ca.pem"), &ca.pem());
    put(&directory.join("server.pem"), &server.unwrap().pem());
    put(&directory.join("server.key"), &server_key.serialize_pem());
    "ssl; ssl_certificate server.pem; ssl_certificate_key server.key"
}

fn config(port: u16, main: &str, listen: &str, server: &str) -> String {
    // Workers of root's nginx run as nobody, who cannot enter a private temporary directory.
    let user = if rustix::process::geteuid().is_root() {
        "user root;"
    } else {
        ""
    };
    format!(
        "{user}\n{main}\nworker_processes 2;\npid logs/nginx.pid;\nerror_log logs/error.log notice;\n\
         events {{ worker_connections 256; }}\n\
         http {{\n    client_body_temp_path tmp/body; proxy_temp_path tmp/proxy; fastcgi_temp_path tmp/f;\n    \
         uwsgi_temp_path tmp/u; scgi_temp_path tmp/s; access_log off;\n    include regplan/http.conf;\n    \
         server {{\n        listen 127.0.0.1:{port} {listen};\n        {server}\n    }}\n}}\n"
    )
}

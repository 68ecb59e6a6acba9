use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// The tenant manager that a multi-tenant 2.6 asks who a tenant is: those that it was given are ready, others unknown.
///
/// As apicurio-tenant-manager 0.2.0 answers, whose client a 2.6.13 has: `GET /api/v1/tenants/{id}`, and a list of those to be
/// deleted, which is empty.
pub struct TenantManager {
    /// Where it listens, as a 2.6 is told.
    pub url: String,
    task: JoinHandle<()>,
}

impl TenantManager {
    /// With those tenants.
    pub async fn start(tenants: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let tenants: Vec<String> = tenants.iter().map(|&tenant| tenant.to_owned()).collect();
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let tenants = tenants.clone();
                tokio::spawn(async move { answer(client, &tenants).await });
            }
        });
        Self { url, task }
    }
}

impl Drop for TenantManager {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Answers requests without bodies until the client goes.
async fn answer(client: TcpStream, tenants: &[String]) {
    let mut client = BufReader::new(client);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            match client.read_line(&mut head).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
        }
        let path = head.split(' ').nth(1).unwrap_or_default();
        let tenant = path.strip_prefix("/api/v1/tenants/").unwrap_or_default();
        let (status, body) = if tenants.iter().any(|known| known == tenant) {
            let ready = json!({
                "tenantId": tenant, "name": tenant, "description": "", "status": "READY", "resources": [],
                "organizationId": "lab", "createdBy": "lab", "createdOn": "2024-01-01T00:00:00Z",
            });
            ("200 OK", ready)
        } else if path.split('?').next() == Some("/api/v1/tenants") {
            ("200 OK", json!({"items": [], "count": 0}))
        } else {
            ("404 Not Found", json!({"error_code": 404, "message": "no such tenant"}))
        };
        let body = body.to_string();
        let answer = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        if client.get_mut().write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

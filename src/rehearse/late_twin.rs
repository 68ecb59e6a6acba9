use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
};

use tokio::{net::TcpSocket, sync::Mutex};

use super::twin::{Faults, Twin, TwinError, TwinOptions, TwinVersion};

/// Connections that wait to be taken in: more than clients and runner open at once.
const BACKLOG: u32 = 1_024;

/// A registry whose address is known before a step brings it up.
pub(super) struct LateTwin {
    options: TwinOptions,
    port: u16,
    management_port: u16,
    twin: Mutex<Standing>,
}

/// Whether it is up.
enum Standing {
    /// Nobody listens; the ports are bound all the same, so that nothing else on this machine gets them meanwhile.
    Down {
        main: TcpSocket,
        management: TcpSocket,
    },
    /// It could not come up: its ports are gone.
    Broken,
    Up(Twin),
}

impl LateTwin {
    /// Not up yet, at ports of its own; with this content when it comes up.
    ///
    /// # Errors
    /// When loopback has no free port.
    pub(super) fn new(version: TwinVersion, data: Option<PathBuf>, faults: Arc<dyn Faults>) -> io::Result<Self> {
        let bound = || {
            let socket = TcpSocket::new_v4()?;
            socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
            Ok::<_, io::Error>((socket.local_addr()?.port(), socket))
        };
        let ((port, main), (management_port, management)) = (bound()?, bound()?);
        Ok(Self {
            options: TwinOptions {
                data,
                faults,
                ..TwinOptions::new(version)
            },
            port,
            management_port,
            twin: Mutex::new(Standing::Down { main, management }),
        })
    }

    /// Where it is or will be.
    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Where its health is or will be.
    pub(super) fn management(&self) -> String {
        match self.options.version {
            TwinVersion::V2_6_13 => self.url(),
            TwinVersion::V3_3_3 => format!("http://127.0.0.1:{}", self.management_port),
        }
    }

    /// What it holds now, as an export; `None` when it is not up.
    pub(super) async fn export(&self) -> Option<Vec<u8>> {
        match &*self.twin.lock().await {
            Standing::Up(twin) => twin.export(),
            Standing::Down { .. } | Standing::Broken => None,
        }
    }

    /// As [`Twin::write_past`]; not acknowledged when it is not up, or just coming up.
    pub(super) fn write_past(&self, group: &str, artifact: &str) -> bool {
        match self.twin.try_lock().as_deref() {
            Ok(Standing::Up(twin)) => twin.write_past(group, artifact),
            Ok(Standing::Down { .. } | Standing::Broken) | Err(_) => false,
        }
    }

    /// Of which registry it is.
    pub(super) fn version(&self) -> TwinVersion {
        self.options.version
    }

    /// Brings it up; nothing when it is up.
    ///
    /// # Errors
    /// When it cannot be listened on its ports, or its content cannot be loaded.
    pub(super) async fn start(&self) -> Result<(), TwinError> {
        let mut twin = self.twin.lock().await;
        match std::mem::replace(&mut *twin, Standing::Broken) {
            Standing::Down { main, management } => {
                let main = main.listen(BACKLOG).map_err(TwinError::Listen)?;
                let management = management.listen(BACKLOG).map_err(TwinError::Listen)?;
                *twin = Standing::Up(Twin::start_on(self.options.clone(), main, management)?);
                Ok(())
            }
            Standing::Broken => Err(TwinError::Listen(io::ErrorKind::NotConnected.into())),
            up @ Standing::Up(_) => {
                *twin = up;
                Ok(())
            }
        }
    }
}

use std::{
    io,
    net::{Ipv4Addr, TcpListener},
    path::PathBuf,
};

use tokio::sync::Mutex;

use super::twin::{Twin, TwinError, TwinOptions, TwinVersion};

/// A registry whose address is known before a step brings it up.
pub(super) struct LateTwin {
    version: TwinVersion,
    port: u16,
    management_port: u16,
    data: Option<PathBuf>,
    twin: Mutex<Option<Twin>>,
}

impl LateTwin {
    /// Not up yet, at ports that are free now; with this content when it comes up.
    ///
    /// # Errors
    /// When loopback has no free port.
    pub(super) fn new(version: TwinVersion, data: Option<PathBuf>) -> io::Result<Self> {
        let free = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        let (main, management) = (free()?, free()?);
        Ok(Self {
            version,
            port: main.local_addr()?.port(),
            management_port: management.local_addr()?.port(),
            data,
            twin: Mutex::new(None),
        })
    }

    /// Where it is or will be.
    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Where its health is or will be.
    pub(super) fn management(&self) -> String {
        match self.version {
            TwinVersion::V2_6_13 => self.url(),
            TwinVersion::V3_3_3 => format!("http://127.0.0.1:{}", self.management_port),
        }
    }

    /// Brings it up; nothing when it is up.
    ///
    /// # Errors
    /// When its ports were taken meanwhile, or its content cannot be loaded.
    pub(super) async fn start(&self) -> Result<(), TwinError> {
        let mut twin = self.twin.lock().await;
        if twin.is_none() {
            let options = TwinOptions {
                port: self.port,
                management_port: self.management_port,
                data: self.data.clone(),
                ..TwinOptions::new(self.version)
            };
            *twin = Some(Twin::start(options).await?);
        }
        Ok(())
    }
}

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{Doubles, Secrets, Snapshots, Spool, SystemError, apicurio::Apicurio, nginx::Nginx};
use crate::model::{Plan, SystemName};

/// Every system of a plan, and this machine as far as a plan may use it.
pub struct World {
    pub(super) systems: BTreeMap<SystemName, SystemClient>,
    pub(super) spool: Spool,
    pub(super) snapshots: Snapshots,
    pub(super) base: PathBuf,
    pub(super) secrets: Secrets,
    pub(super) no_exec: bool,
    pub(super) doubles: Option<Arc<dyn Doubles>>,
}

/// The client of one system.
pub enum SystemClient {
    /// An Apicurio Registry, 2.6 or 3.x.
    Apicurio(Apicurio),
    /// An nginx on this host.
    Nginx(Nginx),
    /// A type that this version knows only by name.
    NotSupported {
        /// The type.
        kind: String,
    },
}

/// How a world is made.
#[derive(Debug, Clone)]
pub struct WorldOptions {
    /// The directory of the plan file: relative paths start there.
    pub base: PathBuf,
    /// Where bytes are kept by their SHA-256.
    pub spool: PathBuf,
    /// Run no guard commands.
    pub no_exec: bool,
}

impl World {
    /// Makes the clients; connects to nothing.
    ///
    /// # Errors
    /// When a `systems:` entry cannot be used as it is written, or a secret it needs cannot be had.
    pub fn open(plan: &Plan, options: &WorldOptions) -> Result<Self, SystemError> {
        let secrets = Secrets::new(plan.vars.secrets.clone(), options.base.clone());
        let mut systems = BTreeMap::new();
        for (name, declared) in &plan.systems {
            let client = match declared.kind.as_str() {
                "apicurio" => SystemClient::Apicurio(Apicurio::open(name, &declared.spec, &secrets, &options.base)?),
                "nginx" => SystemClient::Nginx(Nginx::open(name, &declared.spec, &options.base)?),
                other => SystemClient::NotSupported { kind: other.to_owned() },
            };
            systems.insert(name.clone(), client);
        }
        Ok(Self {
            systems,
            spool: Spool::new(options.spool.clone()),
            snapshots: Snapshots::default(),
            base: options.base.clone(),
            secrets,
            no_exec: options.no_exec,
            doubles: None,
        })
    }

    /// With stand-ins for balancers and commands: a rehearsal.
    #[must_use]
    pub fn with_doubles(mut self, doubles: Arc<dyn Doubles>) -> Self {
        self.doubles = Some(doubles);
        self
    }

    /// A path of the plan, from the directory of the plan file.
    pub fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        self.base.join(path)
    }
}

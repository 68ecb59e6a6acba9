use std::{
    ops::Deref,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde_json::{Value, json};

use super::{
    BalancerReader, BalancerWriter, CommandLine, Doubles, Ended, Environment, People, Snapshots, Spool, SystemClient,
    SystemError, World,
    apicurio::{RegistryReader, RegistryWriter},
};
use crate::model::{RunId, SystemName};

/// Looks at the world and cannot write to it; cheap to clone.
#[derive(Clone)]
pub struct Observe {
    world: Arc<World>,
}

/// Looks and writes; only the executor makes one.
#[derive(Clone)]
pub struct Act {
    observe: Observe,
    people: Arc<dyn People>,
    run: RunId,
}

impl Observe {
    /// A handle on that world.
    pub fn new(world: Arc<World>) -> Self {
        Self { world }
    }

    /// Lets one write too: the executor's door.
    pub fn allow_writes(&self, run: RunId, people: Arc<dyn People>) -> Act {
        Act {
            observe: self.clone(),
            people,
            run,
        }
    }

    fn client(&self, system: &SystemName, kind: &'static str) -> Result<&SystemClient, SystemError> {
        self.world.systems.get(system).ok_or_else(|| SystemError::NoSuchSystem {
            system: system.clone(),
            kind,
        })
    }

    /// A registry, to read.
    ///
    /// # Errors
    /// When the plan has no such registry.
    pub fn registry(&self, system: &SystemName) -> Result<RegistryReader<'_>, SystemError> {
        match self.client(system, "apicurio")? {
            SystemClient::Apicurio(client) => Ok(client.reader()),
            SystemClient::Nginx(_) | SystemClient::NotSupported { .. } => Err(SystemError::NoSuchSystem {
                system: system.clone(),
                kind: "apicurio",
            }),
        }
    }

    /// A load balancer, to read.
    ///
    /// # Errors
    /// When the plan has no such balancer.
    pub fn balancer(&self, system: &SystemName) -> Result<BalancerReader<'_>, SystemError> {
        if let Some(double) = self.doubles().and_then(|doubles| doubles.balancer(system)) {
            return Ok(BalancerReader::Double(double));
        }
        match self.client(system, "nginx")? {
            SystemClient::Nginx(client) => Ok(BalancerReader::Nginx(client.reader())),
            SystemClient::Apicurio(_) | SystemClient::NotSupported { .. } => Err(SystemError::NoSuchSystem {
                system: system.clone(),
                kind: "nginx",
            }),
        }
    }

    /// The facts of a system as expressions see them (`systems.<name>`): cheap and live, never an error: what cannot be
    /// had is absent, and `reachable` says so.
    pub async fn facts(&self, system: &SystemName) -> Value {
        if let Some(facts) = self.doubles().and_then(|doubles| doubles.facts(system)) {
            return facts.clone();
        }
        if let Ok(balancer) = self.balancer(system) {
            return balancer.facts().await;
        }
        match self.world.systems.get(system) {
            Some(SystemClient::Apicurio(client)) => client.reader().facts().await,
            Some(SystemClient::Nginx(_) | SystemClient::NotSupported { .. }) | None => json!({}),
        }
    }

    /// The names of all systems of the plan.
    pub fn systems(&self) -> impl Iterator<Item = &SystemName> {
        self.world.systems.keys()
    }

    /// Bytes kept by their SHA-256.
    pub fn spool(&self) -> &Spool {
        &self.world.spool
    }

    /// The last look at each registry.
    pub fn snapshots(&self) -> &Snapshots {
        &self.world.snapshots
    }

    /// A path of the plan, from the directory of the plan file.
    pub fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        self.world.path(path)
    }

    /// The stand-ins of a rehearsal.
    pub(crate) fn doubles(&self) -> Option<&dyn Doubles> {
        self.world.doubles.as_deref()
    }

    /// Whether guard commands must not run.
    pub fn no_exec(&self) -> bool {
        self.world.no_exec
    }

    /// Runs a guard: its author promises that it changes nothing.
    ///
    /// # Errors
    /// When it cannot be started.
    pub async fn run_guard(&self, command: &CommandLine) -> Result<Ended, SystemError> {
        if let Some(doubles) = self.doubles() {
            return doubles.guard(command).await;
        }
        command
            .run(&self.world.base, &Environment::default(), &self.world.secrets)
            .await
    }
}

impl Act {
    /// The run that acts: part of the balancer's generation.
    pub fn run(&self) -> &RunId {
        &self.run
    }

    /// Whom to ask.
    pub fn people(&self) -> &dyn People {
        self.people.as_ref()
    }

    /// Whom to ask, to take along to a thread that may block.
    pub fn people_shared(&self) -> Arc<dyn People> {
        self.people.clone()
    }

    /// A registry, to write.
    ///
    /// # Errors
    /// When the plan has no such registry.
    pub fn registry_mut(&self, system: &SystemName) -> Result<RegistryWriter<'_>, SystemError> {
        Ok(RegistryWriter::new(self.observe.registry(system)?).noting(self.snapshots()))
    }

    /// A load balancer, to write.
    ///
    /// # Errors
    /// When the plan has no such balancer.
    pub fn balancer_mut(&self, system: &SystemName) -> Result<BalancerWriter<'_>, SystemError> {
        Ok(BalancerWriter::new(self.observe.balancer(system)?, self.run.clone()))
    }

    /// Runs a command of the plan in the plan's directory, in a process group of its own that dies with the future. Whatever it
    /// did, and however it ends: what was seen of the registries before it is no longer shared.
    ///
    /// # Errors
    /// When it cannot be started or a secret it needs cannot be had.
    pub async fn run_command(&self, command: &CommandLine, environment: &Environment) -> Result<Ended, SystemError> {
        let _however_it_ends = Forgets(self.snapshots());
        if let Some(doubles) = self.doubles() {
            return doubles.run(command).await;
        }
        let world = &self.observe.world;
        command.run(&world.base, environment, &world.secrets).await
    }
}

/// Ends all shared looks when it is dropped, also with a future that is cancelled.
struct Forgets<'s>(&'s Snapshots);

impl Drop for Forgets<'_> {
    fn drop(&mut self) {
        self.0.forget();
    }
}

impl Deref for Act {
    type Target = Observe;

    fn deref(&self) -> &Observe {
        &self.observe
    }
}

use crate::{
    kind::ApplyError,
    model::SystemName,
    system::{
        Act, SystemError,
        apicurio::{PublicApi, RegistryReader},
        causes,
    },
};

/// One address under test, and what was found so far.
pub(super) struct Session<'a> {
    pub(super) api: PublicApi,
    /// The registry behind the address, when the plan says which; it removes what the test wrote.
    pub(super) registry: Option<RegistryReader<'a>>,
    pub(super) passed: u64,
    pub(super) failures: Vec<String>,
    /// Worth knowing, and no failure.
    pub(super) notes: Vec<String>,
    /// The version that serves the address; empty until it said.
    pub(super) version: String,
}

impl<'a> Session<'a> {
    /// On a balancer's public address, or a registry's own.
    pub(super) fn open(
        through: &SystemName,
        registry: Option<&SystemName>,
        world: &'a Act,
    ) -> Result<Self, ApplyError> {
        let named = registry.map(|name| world.registry(name)).transpose()?;
        let (api, registry) = match world.registry(through) {
            Ok(itself) => (PublicApi::of(world, &itself)?, Some(named.unwrap_or(itself))),
            Err(SystemError::NoSuchSystem { .. }) => {
                let balancer = world.balancer(through)?;
                let api = PublicApi::at(world, through, balancer.url(), balancer.ca())?;
                let api = match &named {
                    Some(registry) => api.with_login_of(registry)?,
                    None => api,
                };
                (api, named)
            }
            Err(error) => return Err(error.into()),
        };
        Ok(Self {
            api,
            registry,
            passed: 0,
            failures: Vec::new(),
            notes: Vec::new(),
            version: String::new(),
        })
    }

    /// Counts an answer; `None` when it was a failure.
    pub(super) fn judge<T>(&mut self, what: &str, answer: Result<T, SystemError>) -> Option<T> {
        match answer {
            Ok(value) => {
                self.passed += 1;
                Some(value)
            }
            Err(error) => {
                self.failures.push(format!("{what}: {}", causes(&error)));
                None
            }
        }
    }

    /// Counts something that must be so.
    pub(super) fn must(&mut self, so: bool, otherwise: impl FnOnce() -> String) {
        if so {
            self.passed += 1;
        } else {
            self.failures.push(otherwise());
        }
    }
}

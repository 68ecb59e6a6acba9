use super::{RecordKill, When};
use crate::{
    journal::{Body, Record, Store, StoreError},
    model::RunId,
    system::die,
};

/// A store that kills its process at one of its appends.
pub(super) struct KillingStore {
    inner: Box<dyn Store>,
    kill: RecordKill,
    appends: u64,
}

impl KillingStore {
    /// Over a store, for this boundary of this session.
    pub fn new(inner: Box<dyn Store>, kill: RecordKill) -> Self {
        Self {
            inner,
            kill,
            appends: 0,
        }
    }
}

impl Store for KillingStore {
    fn find_run(&self, plan: &str, environment: &str) -> Result<Option<RunId>, StoreError> {
        self.inner.find_run(plan, environment)
    }

    fn read(&self, run: &RunId) -> Result<Vec<Record>, StoreError> {
        self.inner.read(run)
    }

    fn append(&mut self, run: &RunId, fence: u64, body: Body) -> Result<Record, StoreError> {
        self.appends += 1;
        let here = self.appends == self.kill.record;
        if here && self.kill.when == When::Before {
            die();
        }
        let record = self.inner.append(run, fence, body)?;
        if here {
            die();
        }
        Ok(record)
    }

    fn next_fence(&mut self) -> Result<u64, StoreError> {
        self.inner.next_fence()
    }
}

use jiff::Timestamp;

use super::EngineError;
use crate::{
    journal::{Body, RECORD_FORMAT, Record, RunState, Store, StoreError, fold},
    model::{Digest, RunId},
};

/// The journal as the executor writes it, and the state that its records make.
pub(crate) struct Ledger {
    store: Box<dyn Store>,
    run: RunId,
    fence: u64,
    state: Option<RunState>,
    /// On the way back a journal that cannot be written must not keep writes frozen.
    tolerant: bool,
    lost: Option<String>,
}

impl Ledger {
    /// Over a store, going on from what the journal says.
    pub(super) fn new(store: Box<dyn Store>, run: RunId, fence: u64, state: Option<RunState>) -> Self {
        Self {
            store,
            run,
            fence,
            state,
            tolerant: false,
            lost: None,
        }
    }

    /// What the journal says now.
    pub(crate) fn state(&self) -> Option<&RunState> {
        self.state.as_ref()
    }

    /// From now on a record that cannot be written is remembered as lost instead of stopping the way back.
    pub(crate) fn tolerate(&mut self) {
        self.tolerant = true;
    }

    /// Why a record was lost, when one was.
    pub(crate) fn lost(&self) -> Option<&str> {
        self.lost.as_deref()
    }

    /// Appends durably, and only then lets the state follow.
    ///
    /// # Errors
    /// When the store refuses and that is not tolerated, another runner took over, or the record is an illegal
    /// transition (a bug).
    pub(crate) fn append(&mut self, body: Body) -> Result<(), EngineError> {
        // An illegal record must never reach the disk: nobody could read that journal again.
        if let Some(state) = &self.state {
            state.admits(&body)?;
        }
        let written = match self.lost {
            // After a gap the later records would not follow; what is on disk stays a prefix that can be resumed.
            Some(_) => Ok(self.unwritten(body.clone())),
            None => self.store.append(&self.run, self.fence, body.clone()),
        };
        let record = match written {
            Ok(record) => record,
            Err(error @ StoreError::Fenced { .. }) => return Err(error.into()),
            Err(error) if self.tolerant => {
                self.lost.get_or_insert(crate::system::causes(&error));
                self.unwritten(body)
            }
            Err(error) => return Err(error.into()),
        };
        match &mut self.state {
            Some(state) => state.apply(&record)?,
            None => self.state = fold(&[record])?,
        }
        Ok(())
    }

    /// The record that the state follows although no disk took it.
    fn unwritten(&self, body: Body) -> Record {
        Record {
            format_version: RECORD_FORMAT,
            sequence: self.state.as_ref().map_or(0, |state| state.records) + 1,
            time: Timestamp::now(),
            run: self.run.clone(),
            fence: self.fence,
            previous: self
                .state
                .as_ref()
                .map_or(Digest::from(""), |state| state.last_hash.clone()),
            hash: Digest::from(""),
            body,
        }
    }
}

use std::sync::Arc;

/// Where a running step says what it does; cheap to clone.
#[derive(Clone)]
pub struct Progress {
    sink: Arc<dyn Fn(ProgressUpdate) + Send + Sync>,
}

/// Something worth telling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgressUpdate {
    /// In a few words: `chunk 2 of 5`, or the reason for a wait.
    pub text: String,
    /// Done so far, of how many.
    pub done: Option<(u64, u64)>,
}

impl Progress {
    /// Hands every update to `sink`.
    pub fn new(sink: impl Fn(ProgressUpdate) + Send + Sync + 'static) -> Self {
        Self { sink: Arc::new(sink) }
    }

    /// Tells nobody.
    pub fn silent() -> Self {
        Self::new(|_| {})
    }

    /// Says something.
    pub fn say(&self, text: impl Into<String>) {
        (self.sink)(ProgressUpdate {
            text: text.into(),
            done: None,
        });
    }

    /// Says how far it is.
    pub fn count(&self, text: impl Into<String>, done: u64, of: u64) {
        (self.sink)(ProgressUpdate {
            text: text.into(),
            done: Some((done, of)),
        });
    }
}

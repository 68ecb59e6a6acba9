/// Who can be asked while a run goes on: a terminal, or nobody.
pub trait People: Send + Sync {
    /// Asks whether something is so; blocks until it is answered.
    fn confirm(&self, step: &str, text: &str) -> Answer;
}

/// What a person said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It is so; by whom.
    Yes {
        /// The name that goes into the journal.
        by: String,
    },
    /// It is not so.
    No,
    /// There is nobody to ask.
    Nobody,
}

/// A run without a terminal.
pub struct NobodyThere;

impl People for NobodyThere {
    fn confirm(&self, _step: &str, _text: &str) -> Answer {
        Answer::Nobody
    }
}

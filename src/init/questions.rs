//! What flags do not say is asked, found in files, or listed as lacking: all of it at once.

use std::fmt::Display;

/// How often a question is asked that gets no answer: then nobody is there.
const TRIES: usize = 3;

/// Somebody who can be asked.
pub trait Ask {
    /// The answer to a short question; `None` when nobody answers any more.
    fn ask(&mut self, question: &str) -> Option<String>;
}

/// Something that must be said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lacking {
    /// The flag that says it, with its value's name.
    pub flag: String,
    /// What it is, or what is wrong with what was said.
    pub what: String,
}

/// One thing to know.
pub(super) struct Question<'a> {
    /// The flag: `--v2 URL`.
    pub flag: &'a str,
    /// What it is, in a few words.
    pub what: &'a str,
    /// What the flag said.
    pub given: Option<String>,
    /// What was found, or is usual.
    pub proposal: Option<String>,
    /// The value as it is used, or in words what is wrong with it.
    pub check: fn(&str) -> Result<String, String>,
}

/// Knows what is still lacking.
pub(super) struct Questions<'a> {
    person: Option<&'a mut dyn Ask>,
    lacking: Vec<Lacking>,
}

impl<'a> Questions<'a> {
    /// `person`: `None` when nobody can be asked.
    pub(super) fn new(person: Option<&'a mut dyn Ask>) -> Self {
        Self {
            person,
            lacking: Vec::new(),
        }
    }

    /// What is to be known; an empty text when it is lacking, which [`Questions::done`] tells.
    pub(super) fn know(&mut self, question: &Question<'_>) -> String {
        if let Some(given) = &question.given {
            return match (question.check)(given) {
                Ok(value) => value,
                Err(wrong) => self.lack(question.flag, wrong),
            };
        }
        if self.person.is_some() {
            return self.ask(question);
        }
        match question.proposal.as_deref().map(question.check) {
            Some(Ok(value)) => value,
            Some(Err(wrong)) => self.lack(question.flag, wrong),
            None => self.lack(question.flag, question.what),
        }
    }

    /// Notes something that is wrong.
    pub(super) fn lack(&mut self, flag: &str, what: impl Display) -> String {
        self.lacking.push(Lacking {
            flag: flag.to_owned(),
            what: what.to_string(),
        });
        String::new()
    }

    fn ask(&mut self, question: &Question<'_>) -> String {
        let mut text = match &question.proposal {
            Some(proposal) => format!("{} [{proposal}]:", question.what),
            None => format!("{}:", question.what),
        };
        for _ in 0..TRIES {
            let answer = self.person.as_mut().and_then(|person| person.ask(&text));
            let Some(answer) = answer else { break };
            let said = Some(answer).filter(|answer| !answer.is_empty());
            let Some(said) = said.or_else(|| question.proposal.clone()) else {
                continue;
            };
            match (question.check)(&said) {
                Ok(value) => return value,
                Err(wrong) => text = format!("{wrong}\n{}:", question.what),
            }
        }
        self.lack(question.flag, question.what)
    }

    /// Everything that is lacking, in the order in which it was asked for.
    pub(super) fn done(self) -> Vec<Lacking> {
        self.lacking
    }
}

/// A text that can stand in one line of a plan.
pub(super) fn line(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("it is empty".to_owned());
    }
    if text.chars().any(char::is_control) {
        return Err("it has a line break or another control character".to_owned());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Says(Vec<&'static str>, Vec<String>);

    impl Ask for Says {
        fn ask(&mut self, question: &str) -> Option<String> {
            self.1.push(question.to_owned());
            (!self.0.is_empty()).then(|| self.0.remove(0).to_owned())
        }
    }

    fn question(given: Option<&str>, proposal: Option<&str>) -> Question<'static> {
        Question {
            flag: "--x X",
            what: "the x",
            given: given.map(str::to_owned),
            proposal: proposal.map(str::to_owned),
            check: line,
        }
    }

    #[test]
    fn a_flag_is_not_asked_about_and_a_proposal_stands_in_brackets() {
        let mut person = Says(vec![""], Vec::new());
        let mut questions = Questions::new(Some(&mut person));
        assert_eq!(questions.know(&question(Some("flag"), Some("found"))), "flag");
        assert_eq!(questions.know(&question(None, Some("found"))), "found");
        assert_eq!(questions.done(), []);
        assert_eq!(person.1, ["the x [found]:"]);
    }

    #[test]
    fn a_wrong_answer_is_asked_for_again_and_nobody_is_not_asked_for_ever() {
        let mut person = Says(vec!["a\u{7}b", "ab"], Vec::new());
        assert_eq!(Questions::new(Some(&mut person)).know(&question(None, None)), "ab");
        let mut nobody = Says(vec!["", "", "", "late"], Vec::new());
        let mut questions = Questions::new(Some(&mut nobody));
        assert_eq!(questions.know(&question(None, None)), "");
        assert_eq!(questions.done().len(), 1);
    }

    #[test]
    fn without_anybody_all_that_is_lacking_is_known_at_the_end() {
        let mut questions = Questions::new(None);
        assert_eq!(questions.know(&question(None, Some("found"))), "found");
        questions.know(&question(None, None));
        questions.know(&question(Some("a\nb"), None));
        let whats: Vec<String> = questions.done().into_iter().map(|one| one.what).collect();
        assert_eq!(whats, ["the x", "it has a line break or another control character"]);
    }
}

use std::{collections::BTreeSet, sync::Arc};

use super::screen::Screen;
use crate::{
    model::seen,
    system::{Answer, People},
};

/// Answers for a run: what `--confirm` said beforehand, then the person at the terminal, if there is one.
pub(super) struct AtTerminal {
    confirmed: BTreeSet<String>,
    by: String,
    screen: Option<Arc<Screen>>,
}

impl AtTerminal {
    /// `screen` is where a person can be asked; `None` = nobody is there.
    pub(super) fn new(confirmed: impl IntoIterator<Item = String>, screen: Option<Arc<Screen>>) -> Self {
        Self {
            confirmed: confirmed.into_iter().collect(),
            by: who(),
            screen,
        }
    }
}

impl People for AtTerminal {
    fn confirm(&self, step: &str, text: &str) -> Answer {
        let yes = || Answer::Yes { by: self.by.clone() };
        if self.confirmed.contains(step) {
            return yes();
        }
        let Some(screen) = &self.screen else {
            return Answer::Nobody;
        };
        let text = seen(text);
        match screen.ask(&format!("{step}: {text}\nIs it so? Only `yes` counts:")) {
            Ok(answer) if answer == "yes" => yes(),
            Ok(_) => Answer::No,
            Err(_) => Answer::Nobody,
        }
    }
}

/// Who sits here, as far as the machine knows: for the journal, not for access.
fn who() -> String {
    let user = ["USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok());
    let user = user.filter(|user| !user.is_empty());
    let user = user.unwrap_or_else(|| format!("uid {}", rustix::process::getuid().as_raw()));
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    format!("{user}@{host}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_confirmed_on_the_command_line_is_not_asked_about() {
        let people = AtTerminal::new(["docs".to_owned()], None);
        assert!(matches!(people.confirm("docs", "x"), Answer::Yes { by } if by.contains('@')));
    }

    #[test]
    fn without_a_terminal_there_is_nobody_to_ask() {
        let people = AtTerminal::new([], None);
        assert_eq!(people.confirm("docs", "x"), Answer::Nobody);
    }
}

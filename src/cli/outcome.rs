use serde_json::{Value, json};

use super::Exit;
use crate::engine::Outcome;

/// How an apply ended, for a person, a machine and a shell.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ending {
    /// The exit code.
    pub(super) exit: Exit,
    /// A stable name: `done`, `rolled_back`.
    pub(super) name: &'static str,
    /// The first line is the verdict; more lines say why.
    pub(super) lines: Vec<String>,
    /// What to type next, when something is to be typed.
    pub(super) next: Option<String>,
    /// For `--json`.
    pub(super) detail: Value,
}

/// The ending of an outcome; `apply` and `status` are the commands to type for the same plan.
pub(super) fn ending(outcome: &Outcome, apply: &str, status: &str) -> Ending {
    let next = Some(apply.to_owned());
    match outcome {
        Outcome::Done => Ending::new(Exit::Done, "done", "Done: all phases are closed."),
        Outcome::NothingToDo => Ending::new(
            Exit::Done,
            "nothing_to_do",
            "Nothing to do: all phases were closed before.",
        ),
        Outcome::Until { phase } => Ending {
            next,
            detail: json!({"phase": phase}),
            ..Ending::new(
                Exit::Done,
                "until",
                &format!("Phase `{phase}` is closed; --until stops here."),
            )
        },
        Outcome::Waiting { reason, command } => Ending {
            next: command.as_deref().map(|command| typed(command, apply)).or(next),
            detail: json!({"reason": reason, "command": command.as_deref().map(|command| typed(command, apply))}),
            ..Ending::new(Exit::Waiting, "waiting", &format!("Waiting: {reason}."))
        },
        Outcome::Refused { reasons } => Ending {
            detail: json!({"reasons": reasons}),
            ..Ending::with_list(Exit::Refused, "refused", "Refused; nothing was done:", reasons)
        },
        Outcome::NotSupported { what } => Ending {
            detail: json!({"what": what}),
            ..Ending::with_list(
                Exit::Usage,
                "not_supported",
                "Not supported yet; nothing was done:",
                what,
            )
        },
        Outcome::CheckpointFailed { reason } => Ending {
            next,
            detail: json!({"reason": reason}),
            ..Ending::new(
                Exit::CheckpointFailed,
                "checkpoint_failed",
                &format!("A checkpoint failed: {reason}"),
            )
        },
        Outcome::Failed { step, error } => Ending {
            next,
            detail: json!({"step": step, "error": error}),
            ..Ending::new(
                Exit::Error,
                "failed",
                &match step {
                    Some(step) => format!("`{step}` failed: {error}"),
                    None => format!("Failed: {error}"),
                },
            )
        },
        Outcome::RolledBack {
            reason,
            left,
            interrupted,
        } => Ending {
            next,
            detail: json!({"reason": reason, "left": left, "interrupted": interrupted}),
            ..rolled_back(reason, left, *interrupted)
        },
        Outcome::RollbackFailed { error, commands } => Ending {
            next: Some(status.to_owned()),
            detail: json!({"error": error, "commands": commands}),
            ..rollback_failed(
                error,
                &commands.iter().map(|command| typed(command, apply)).collect::<Vec<_>>(),
            )
        },
        Outcome::Interrupted { signal } => Ending {
            next,
            detail: json!({"signal": signal}),
            ..Ending::new(
                Exit::of_signal(signal),
                "interrupted",
                &format!("Interrupted by {signal}; the journal is safe."),
            )
        },
    }
}

/// A command of the engine or a kind as it can be typed: they do not know how the plan was named, and write nothing, `…` or
/// `PLAN` in its place (`regplan apply … --confirm docs`).
pub(super) fn typed(command: &str, apply: &str) -> String {
    let plan = apply.strip_prefix("regplan apply").unwrap_or_default();
    for verb in ["regplan apply", "regplan status"] {
        let Some(rest) = command.strip_prefix(verb) else {
            continue;
        };
        let named = [" …", " PLAN"]
            .iter()
            .find_map(|placeholder| rest.strip_prefix(placeholder));
        let rest = named.unwrap_or(rest);
        if rest.is_empty() || rest.starts_with(" --") || rest.starts_with("  ") {
            return format!("{verb}{plan}{rest}");
        }
    }
    command.to_owned()
}

fn rolled_back(reason: &str, left: &[String], interrupted: Option<&'static str>) -> Ending {
    let exit = interrupted.map_or(Exit::RolledBack, Exit::of_signal);
    let verdict = match interrupted {
        Some(signal) => format!("Interrupted by {signal} and rolled back: {reason}"),
        None => format!("Failed and rolled back: {reason}"),
    };
    let left = left
        .iter()
        .map(|what| format!("left as it is: {what}"))
        .collect::<Vec<_>>();
    Ending::with_list(exit, "rolled_back", &verdict, &left)
}

fn rollback_failed(error: &str, commands: &[String]) -> Ending {
    let verdict = format!("The rollback failed, a person is needed: {error}");
    let commands: Vec<String> = commands.iter().map(|command| format!("type: {command}")).collect();
    Ending::with_list(Exit::RollbackFailed, "rollback_failed", &verdict, &commands)
}

impl Ending {
    fn new(exit: Exit, name: &'static str, verdict: &str) -> Self {
        Self {
            exit,
            name,
            lines: vec![verdict.to_owned()],
            next: None,
            detail: json!({}),
        }
    }

    fn with_list(exit: Exit, name: &'static str, verdict: &str, list: &[String]) -> Self {
        let mut ending = Self::new(exit, name, verdict);
        ending.lines.extend(list.iter().map(|item| format!("  {item}")));
        ending
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::StepId;

    fn text() -> String {
        "why".to_owned()
    }

    #[test]
    fn every_outcome_ends_with_the_code_that_the_design_promises() {
        let back = |interrupted| Outcome::RolledBack {
            reason: text(),
            left: Vec::new(),
            interrupted,
        };
        let table = [
            (Outcome::Done, 0),
            (Outcome::Until { phase: "p".into() }, 0),
            (Outcome::NothingToDo, 0),
            (
                Outcome::Failed {
                    step: Some(StepId::new("s")),
                    error: text(),
                },
                1,
            ),
            (
                Outcome::Waiting {
                    reason: text(),
                    command: None,
                },
                3,
            ),
            (Outcome::Refused { reasons: vec![text()] }, 4),
            (Outcome::CheckpointFailed { reason: text() }, 6),
            (back(None), 7),
            (
                Outcome::RollbackFailed {
                    error: text(),
                    commands: vec![text()],
                },
                8,
            ),
            (Outcome::NotSupported { what: vec![text()] }, 64),
            (back(Some("SIGINT")), 130),
            (Outcome::Interrupted { signal: "SIGINT" }, 130),
            (back(Some("SIGTERM")), 143),
            (Outcome::Interrupted { signal: "SIGTERM" }, 143),
        ];
        for (outcome, code) in table {
            assert_eq!(ending(&outcome, "a", "s").exit.code(), code, "{outcome:?}");
        }
    }

    #[test]
    fn a_command_to_type_names_the_plan() {
        let apply = "regplan apply p.yaml --env prod";
        assert_eq!(
            typed("regplan apply --confirm docs", apply),
            "regplan apply p.yaml --env prod --confirm docs"
        );
        assert_eq!(
            typed("regplan apply … --confirm docs", apply),
            "regplan apply p.yaml --env prod --confirm docs"
        );
        assert_eq!(typed("regplan status PLAN", apply), "regplan status p.yaml --env prod");
        assert_eq!(
            typed("regplan apply PLAN   # again", apply),
            "regplan apply p.yaml --env prod   # again"
        );
        assert_eq!(typed("regplan apply other.yaml", apply), "regplan apply other.yaml");
        assert_eq!(typed("regplan apply", apply), apply);
        assert_eq!(
            typed("systemctl start registry-v2", apply),
            "systemctl start registry-v2"
        );
    }

    #[test]
    fn a_failed_rollback_says_what_to_type() {
        let outcome = Outcome::RollbackFailed {
            error: "v2 does not answer".to_owned(),
            commands: vec!["systemctl start registry-v2".to_owned()],
        };
        let ending = ending(&outcome, "regplan apply p", "regplan status p");
        assert_eq!(ending.lines[1], "  type: systemctl start registry-v2");
        assert_eq!(ending.next.as_deref(), Some("regplan status p"));
    }
}

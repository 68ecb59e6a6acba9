use std::process::ExitCode;

/// Every exit code of the program; scripts may rely on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: done, or nothing to do.
    Done,
    /// 1: an error; the text says which and what to do.
    Error,
    /// 2: changes are present (`plan --detailed-exitcode` only).
    Changes,
    /// 3: waits for an approval, a window, a soak or a person; `apply` again goes on.
    Waiting,
    /// 4: stale, or refused by what was seen (a step would go backwards).
    Refused,
    /// 5: another regplan holds the lock.
    Locked,
    /// 6: a checkpoint failed and nothing was rolled back; or a preflight blocks, or a comparison differs.
    CheckpointFailed,
    /// 7: failed and rolled back.
    RolledBack,
    /// 8: the rollback failed: a person is needed, and the text says what to type.
    RollbackFailed,
    /// 64: usage, or a plan that is not valid (`EX_USAGE` of sysexits.h: 2 is taken by "changes are present").
    Usage,
    /// 130: interrupted by SIGINT; the journal is safe.
    Interrupted,
    /// 143: interrupted by SIGTERM; the journal is safe.
    Terminated,
}

impl Exit {
    /// Every one of them, in the order of their numbers.
    pub const ALL: [Exit; 12] = [
        Exit::Done,
        Exit::Error,
        Exit::Changes,
        Exit::Waiting,
        Exit::Refused,
        Exit::Locked,
        Exit::CheckpointFailed,
        Exit::RolledBack,
        Exit::RollbackFailed,
        Exit::Usage,
        Exit::Interrupted,
        Exit::Terminated,
    ];

    /// The number that the process ends with.
    pub const fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Error => 1,
            Exit::Changes => 2,
            Exit::Waiting => 3,
            Exit::Refused => 4,
            Exit::Locked => 5,
            Exit::CheckpointFailed => 6,
            Exit::RolledBack => 7,
            Exit::RollbackFailed => 8,
            Exit::Usage => 64,
            // 128 + the number of the signal, as shells count.
            Exit::Interrupted => 130,
            Exit::Terminated => 143,
        }
    }

    /// What it means, for `--help` and the manual.
    pub const fn meaning(self) -> &'static str {
        match self {
            Exit::Done => "done, or nothing to do",
            Exit::Error => "an error",
            Exit::Changes => "changes are present (plan --detailed-exitcode)",
            Exit::Waiting => "waiting for an approval, a window, a soak or a person",
            Exit::Refused => "stale, or refused by what was seen",
            Exit::Locked => "another regplan holds the lock",
            Exit::CheckpointFailed => "a checkpoint failed, a preflight blocks, or a comparison differs",
            Exit::RolledBack => "failed and rolled back",
            Exit::RollbackFailed => "the rollback failed: a person is needed",
            Exit::Usage => "usage, or a plan that is not valid",
            Exit::Interrupted => "interrupted (SIGINT), the journal is safe",
            Exit::Terminated => "interrupted (SIGTERM), the journal is safe",
        }
    }

    /// The code for a signal that was obeyed.
    pub fn of_signal(signal: &str) -> Self {
        if signal == "SIGTERM" {
            Exit::Terminated
        } else {
            Exit::Interrupted
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_that_the_design_promises() {
        let numbers: Vec<u8> = Exit::ALL.iter().map(|exit| exit.code()).collect();
        assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 6, 7, 8, 64, 130, 143]);
    }

    #[test]
    fn the_command_line_page_lists_every_code() {
        let page = include_str!("../../docs/cli.md");
        for exit in Exit::ALL {
            let row = format!("| {} | {} |", exit.code(), exit.meaning());
            assert!(page.contains(&row), "docs/cli.md lacks: {row}");
        }
    }
}

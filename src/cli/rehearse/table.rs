use std::{collections::BTreeSet, fmt};

use super::Exit;
use crate::{
    model::StepId,
    rehearse::{faults::Fault, summary::Summary},
};

/// How several rehearsals ended, one line each.
#[derive(Debug, Default)]
pub(super) struct Table(Vec<Line>);

#[derive(Debug)]
struct Line {
    name: String,
    code: u8,
    outcome: String,
    violated: usize,
}

/// What goes wrong in a rehearsal, in a few words.
pub(super) fn title(step: Option<&StepId>, faults: &BTreeSet<Fault>) -> String {
    let faults = faults.iter().map(ToString::to_string);
    let step = step.map(|step| format!("{step} fails"));
    let all: Vec<String> = faults.chain(step).collect();
    all.join(", ")
}

impl Table {
    pub(super) fn add(&mut self, name: String, exit: Exit, summary: &Summary) {
        self.0.push(Line {
            name,
            code: exit.code(),
            outcome: summary.outcome.replace('_', " "),
            violated: summary.violations.len(),
        });
    }

    /// Well when each rehearsal ended as it must, whatever its own code was.
    pub(super) fn exit(&self) -> Exit {
        match self
            .0
            .iter()
            .any(|line| line.violated > 0 || line.code == Exit::RollbackFailed.code())
        {
            true => Exit::RollbackFailed,
            false => Exit::Done,
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self
            .0
            .iter()
            .map(|line| line.name.chars().count())
            .max()
            .unwrap_or_default();
        f.write_str("── all")?;
        for line in &self.0 {
            let verdict = match line.violated {
                0 => "as it must".to_owned(),
                more => format!("{more} violated"),
            };
            let (name, code, outcome) = (&line.name, line.code, &line.outcome);
            write!(f, "\n  {name:<width$}  exit {code:<3}  {outcome:<17}  {verdict}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(name: &str, code: u8, violated: usize) -> Line {
        Line {
            name: name.to_owned(),
            code,
            outcome: "rolled back".to_owned(),
            violated,
        }
    }

    #[test]
    fn one_rehearsal_that_ended_otherwise_spoils_all() {
        assert_eq!(Table(vec![line("slow", 0, 0), line("bypass", 7, 0)]).exit(), Exit::Done);
        assert_eq!(
            Table(vec![line("slow", 0, 0), line("bypass", 8, 1)]).exit(),
            Exit::RollbackFailed
        );
        assert_eq!(Table(vec![line("a fails", 8, 0)]).exit(), Exit::RollbackFailed);
    }

    #[test]
    fn the_table_has_a_line_for_each() {
        let table = Table(vec![line("slow", 7, 0), line("lying-import", 8, 2)]);
        assert_eq!(
            table.to_string(),
            "── all\n  slow          exit 7    rolled back        as it must\n  lying-import  exit 8    rolled back        2 violated"
        );
    }
}

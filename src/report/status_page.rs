//! A status for people.

use std::time::Duration;

use super::{
    Look,
    layout::{Line, Page},
    status::{Status, StepStatus},
    words,
};
use crate::model::PlanDuration;

impl Status {
    /// For people.
    pub fn human(&self, look: &Look) -> String {
        let mut page = Page::default();
        self.head(&mut page, look);
        self.alarms(&mut page, look);
        let name = self
            .phases
            .iter()
            .flat_map(|phase| &phase.steps)
            .map(|step| step.id.as_str().len());
        let column = 6 + name.max().unwrap_or(0) + 2;
        for phase in &self.phases {
            let attempt = if phase.attempt > 1 {
                format!(", attempt {}", phase.attempt)
            } else {
                String::new()
            };
            let id = phase.id.to_string();
            let words = format!("{}{attempt}", phase.standing);
            page.push(
                Line::default()
                    .plain("  ")
                    .painted(&id, &look.paint.bold(&id))
                    .pad_to(column)
                    .painted(&words, &look.paint.dim(&words)),
            );
            if phase.standing == "open" || look.verbose {
                for step in &phase.steps {
                    page.push(step.line(column, look));
                }
            }
        }
        page.push(Line::default());
        page.push(Line::default().plain(&self.next.why));
        if let Some(command) = &self.next.command {
            page.push(Line::default().plain(&format!("Next: {command}")));
        }
        page.finish()
    }

    fn head(&self, page: &mut Page, look: &Look) {
        let title = format!(
            "Status: {} ({})",
            words::one_line(&self.plan),
            words::one_line(&self.environment)
        );
        let rest = match (&self.run, self.started) {
            (Some(run), Some(started)) => {
                let started = started
                    .to_zoned(look.zone.clone())
                    .strftime("%Y-%m-%d %H:%M:%S")
                    .to_string();
                let records = usize::try_from(self.records).unwrap_or(usize::MAX);
                format!(" · run {run} since {started} · {}", words::counted(records, "record"))
            }
            _ => " · never applied".to_owned(),
        };
        page.push(Line::default().painted(&title, &look.paint.bold(&title)).plain(&rest));
        if let Some(runner) = &self.runner {
            page.push(Line::default().plain(&format!("  at work: {}", words::one_line(runner))));
        }
        if let Some(ms) = self.last_freeze_ms {
            let took = words::took(Duration::from_millis(ms));
            page.push(Line::default().plain(&format!("  writes were last frozen for {took}")));
        }
    }

    /// What a person must not overlook.
    fn alarms(&self, page: &mut Page, look: &Look) {
        let mut say = |text: String| {
            page.push(Line::default().plain("  ").painted(&text, &look.paint.red(&text)));
        };
        if let Some(frozen) = &self.frozen {
            let long = words::took(Duration::from_millis(frozen.for_ms));
            let limit = frozen
                .limit_ms
                .map(|ms| format!(" of {}", PlanDuration::new(Duration::from_millis(ms))));
            let what = format!(
                "writes are denied for {long}{} by {}",
                limit.unwrap_or_default(),
                frozen.step
            );
            if self.runner.is_none() {
                say(format!("{what}, and no regplan is at work: they stay denied"));
            } else {
                say(what);
            }
        }
        if let Some(back) = &self.rollback {
            say(match &back.failed {
                Some(error) => format!("the rollback failed: {}", words::one_line(error)),
                None => format!("a rollback has begun: {}", words::one_line(&back.reason)),
            });
        }
    }
}

impl StepStatus {
    fn line(&self, column: usize, look: &Look) -> Line {
        let sign = match self.standing {
            "done" | "skipped" => '✓',
            "failed" => '✗',
            "in_doubt" => '?',
            "running" => '▸',
            "waiting" => '◷',
            _ => '·',
        };
        let id = self.id.to_string();
        let standing = self.standing.replace('_', " ");
        let words = match &self.detail {
            Some(detail) => format!("{standing}: {}", words::one_line(detail)),
            None => standing,
        };
        Line::default()
            .plain("    ")
            .painted(&sign.to_string(), &look.paint.sign(sign))
            .plain(" ")
            .plain(&id)
            .pad_to(column)
            .plain(&words)
    }
}

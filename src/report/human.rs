use std::time::Duration;

use jiff::{Timestamp, tz::TimeZone};

use super::{
    Paint, diff,
    layout::{Bracket, Line, Page, wrap},
    standing, texts, words,
};
use crate::model::{ChangeSet, PhaseChange, Region, Standing, StepChange, StepId, WayBack};

/// How a report for people looks.
#[derive(Debug, Clone)]
pub struct Look {
    /// Columns.
    pub width: usize,
    /// Colours or none.
    pub paint: Paint,
    /// Where the clock on the wall is.
    pub zone: TimeZone,
    /// Also digests, and the way back of phases that stop on failure.
    pub verbose: bool,
}

/// Columns kept free at the right for the bracket of a frozen region: `  ┘ not known yet` and a little air.
const BRACKET: usize = 22;

/// Longest name that others are aligned to; a longer one pushes its own line only.
const NAME: usize = 28;

/// Fewest columns for words: below this a line gets longer than the terminal instead of unreadable.
const WORDS: usize = 24;

/// A change set for people, as the sketch in design §11; `apply` is the command to type next, if that is not under way.
pub fn change_set(set: &ChangeSet, apply: Option<&str>, look: &Look) -> String {
    let mut page = Page::default();
    head(&mut page, set, look);
    for refusal in &set.refusals {
        let text = format!("  ! refused: {}", words::one_line(refusal));
        page.push(Line::default().painted(&text, &look.paint.red(&text)));
    }
    let columns = Columns::of(set, look);
    let brackets = phases(&mut page, set, &columns, look);
    for bracket in &brackets {
        page.bracket(bracket, look.paint);
    }
    page.push(Line::default());
    foot(&mut page, set, apply, look.paint);
    page.finish()
}

/// Where kinds and words begin, and how wide words may be outside and inside a frozen region.
struct Columns {
    kind: usize,
    words: usize,
    width: usize,
    beside_bracket: usize,
}

/// Where the name of a step begins: two for the phase, two more and a sign with its blank.
const STEP: usize = 6;

impl Columns {
    fn of(set: &ChangeSet, look: &Look) -> Self {
        let steps = || set.phases.iter().flat_map(|phase| &phase.steps);
        let longest = |lengths: &mut dyn Iterator<Item = usize>| lengths.filter(|n| *n <= NAME).max().unwrap_or(0);
        let kind = STEP + longest(&mut steps().map(|step| step.id.as_str().chars().count())) + 2;
        let words = kind + longest(&mut steps().map(|step| step.uses.chars().count())) + 2;
        Self {
            kind,
            words,
            width: look.width.saturating_sub(words).max(WORDS),
            beside_bracket: look.width.saturating_sub(words + BRACKET).max(WORDS),
        }
    }

    /// How wide words may be in a phase.
    fn width_in(&self, set: &ChangeSet, phase: &PhaseChange) -> usize {
        if set.regions.iter().any(|region| region.phases.contains(&phase.id)) {
            self.beside_bracket
        } else {
            self.width
        }
    }
}

fn head(page: &mut Page, set: &ChangeSet, look: &Look) {
    let run = match &set.run {
        Some(run) => format!(
            "run {run}, {}",
            words::counted(usize::try_from(set.journal_records).unwrap_or(usize::MAX), "record")
        ),
        None => "none".to_owned(),
    };
    let title = format!(
        "Plan: {} ({})",
        words::one_line(&set.plan),
        words::one_line(&set.environment)
    );
    let rest = format!(
        " · {}, {} · journal: {run} · observed {} in {}",
        words::counted(set.phases.len(), "phase"),
        words::counted(set.counts.steps, "step"),
        clock(&set.observed_at, &look.zone),
        words::took(Duration::from_millis(set.observed_in_ms)),
    );
    page.push(Line::default().painted(&title, &look.paint.bold(&title)).plain(&rest));
    let systems: Vec<String> = set
        .systems
        .iter()
        .map(|(name, seen)| {
            let mut text = name.to_string();
            if let Some(version) = &seen.version {
                text = format!("{text} {}", words::one_line(version));
            }
            if !seen.reachable {
                text.push_str(" does not answer");
                if let Some(note) = &seen.note {
                    text = format!("{text} ({})", words::one_line(note));
                }
            }
            text
        })
        .collect();
    if !systems.is_empty() {
        for line in wrap(&systems.join(" · "), look.width.saturating_sub(2)) {
            page.push(Line::default().plain("  ").painted(&line, &look.paint.dim(&line)));
        }
    }
    if look.verbose {
        let text = format!("  digest {}", set.digest);
        page.push(Line::default().painted(&text, &look.paint.dim(&text)));
    }
    page.push(Line::default());
}

/// The time of day of an RFC 3339 instant; the text itself when it is none.
fn clock(instant: &str, zone: &TimeZone) -> String {
    instant.parse::<Timestamp>().map_or_else(
        |_| words::one_line(instant),
        |time| time.to_zoned(zone.clone()).strftime("%H:%M:%S").to_string(),
    )
}

fn phases(page: &mut Page, set: &ChangeSet, columns: &Columns, look: &Look) -> Vec<Bracket> {
    let mut brackets: Vec<(&Region, Option<usize>, Option<usize>)> =
        set.regions.iter().map(|region| (region, None, None)).collect();
    for (index, phase) in set.phases.iter().enumerate() {
        let width = columns.width_in(set, phase);
        phase_head(page, phase, columns, width, look);
        for step in &phase.steps {
            let first = page.next();
            let last = step_line(page, step, columns, width, look);
            for (region, from, to) in &mut brackets {
                if region.first == step.id {
                    *from = Some(first);
                }
                if region.last == step.id {
                    *to = Some(last);
                }
            }
            step_details(page, step, columns, look);
        }
        // What stands below the steps begins in column 8.
        let width = (width + columns.words).saturating_sub(8);
        checkpoint(page, phase, width, look);
        way_back(page, set, index, width, look);
    }
    brackets
        .into_iter()
        .filter_map(|(region, from, to)| bracket(set, region, from?, to?))
        .collect()
}

fn phase_head(page: &mut Page, phase: &PhaseChange, columns: &Columns, width: usize, look: &Look) {
    let mut words: Vec<String> = phase.gates.iter().map(|gate| words::one_line(gate)).collect();
    if phase.rolls_back {
        words.push("rolls back on failure".to_owned());
    }
    if phase.attempt > 1 {
        words.push(format!("attempt {}", phase.attempt));
    }
    if phase.closed {
        words.push("closed".to_owned());
    }
    if look.verbose {
        words.push(format!("digest {}", phase.digest));
    }
    let name = phase.id.to_string();
    let mut line = Line::default().plain("  ").painted(&name, &look.paint.bold(&name));
    for words in wrap(&words.join(" · "), width) {
        if !words.is_empty() {
            let column = columns.words.max(line.width() + 2);
            line = line.pad_to(column).painted(&words, &look.paint.dim(&words));
        }
        page.push(std::mem::take(&mut line));
    }
}

/// Adds the line of a step, wrapped as needed; returns the number of its last line.
fn step_line(page: &mut Page, step: &StepChange, columns: &Columns, width: usize, look: &Look) -> usize {
    let sign = step.standing.sign();
    let quiet = step.standing.is_settled() || matches!(step.standing, Standing::AlreadySo);
    let tone = |words: &str| if quiet { look.paint.dim(words) } else { words.to_owned() };
    let id = step.id.to_string();
    let mut line = Line::default()
        .plain("    ")
        .painted(&sign.to_string(), &look.paint.sign(sign))
        .plain(" ")
        .painted(&id, &tone(&id));
    let kind = words::one_line(&step.uses);
    let column = columns.kind.max(line.width() + 2);
    line = line.pad_to(column).painted(&kind, &look.paint.dim(&kind));
    let mut last = page.next();
    for words in wrap(&standing::words_of(step), width) {
        let column = if line.width() == 0 {
            columns.words
        } else {
            columns.words.max(line.width() + 2)
        };
        line = line.pad_to(column).painted(&words, &tone(&words));
        last = page.push(std::mem::take(&mut line));
    }
    last
}

fn step_details(page: &mut Page, step: &StepChange, columns: &Columns, look: &Look) {
    if let Some(change) = step.standing.change() {
        for delta in change.deltas.iter().filter(|delta| diff::is_text(delta)) {
            for line in diff::unified(delta, "        ", look.paint) {
                page.push(line);
            }
        }
        if let Some(texts) = &step.texts {
            for line in texts::lines(texts, "        ", columns.beside_bracket, look.paint) {
                page.push(line);
            }
        }
        for risk in &change.risks {
            for line in wrap(&format!("risk: {}", words::one_line(risk)), columns.beside_bracket) {
                let line = Line::default()
                    .pad_to(columns.words)
                    .painted(&line, &look.paint.yellow(&line));
                page.push(line);
            }
        }
    }
    if let Some(drift) = &step.drift {
        let text = words::one_line(&standing::drift_words(drift));
        for line in wrap(&text, columns.beside_bracket) {
            let line = Line::default()
                .pad_to(columns.words)
                .painted(&line, &look.paint.yellow(&line));
            page.push(line);
        }
    }
    if step.point_of_no_return {
        let text = "─── point of no return: going back past it is refused";
        page.push(Line::default().plain("    ").painted(text, &look.paint.red(text)));
    }
}

fn checkpoint(page: &mut Page, phase: &PhaseChange, width: usize, look: &Look) {
    if phase.closed || phase.checkpoint.is_empty() {
        return;
    }
    page.push(
        Line::default()
            .plain("    ")
            .painted("checkpoint", &look.paint.dim("checkpoint")),
    );
    for (expression, holds) in &phase.checkpoint {
        let (sign, now) = match holds {
            Some(true) => ('✓', "holds now"),
            Some(false) => ('✗', "not so now"),
            None => ('…', "not known yet"),
        };
        let text = format!("{} ({now})", words::one_line(expression));
        let mut line = Line::default()
            .plain("      ")
            .painted(&sign.to_string(), &look.paint.sign(sign));
        for text in wrap(&text, width) {
            page.push(std::mem::take(&mut line).pad_to(8).plain(&text));
        }
    }
}

/// Says how the phase would be undone, last step first, when a failure would do so.
fn way_back(page: &mut Page, set: &ChangeSet, index: usize, width: usize, look: &Look) {
    let Some(phase) = set.phases.get(index) else { return };
    if phase.closed || !(phase.rolls_back || look.verbose) {
        return;
    }
    let mut undone = Vec::new();
    let mut left = Vec::new();
    let mut listed = false;
    for step in phase.steps.iter().rev() {
        match &step.way_back {
            WayBack::Nothing => {}
            WayBack::Derived { what } => undone.push(format!("{} ({})", step.id, words::one_line(what))),
            WayBack::Listed => listed = true,
            WayBack::Left { reason } => left.push(format!("{} ({})", step.id, words::one_line(reason))),
        }
    }
    if listed {
        undone.splice(0..0, phase.rollback.iter().map(ToString::to_string));
    }
    let until = no_return(set, index)
        .map(|step| format!("; until {step}"))
        .unwrap_or_default();
    let texts = [("way back: ", undone, until.as_str()), ("left as it is: ", left, "")];
    for (title, parts, tail) in texts.into_iter().filter(|(_, parts, _)| !parts.is_empty()) {
        let text = format!("{title}{}{tail}", parts.join(", "));
        for line in wrap(&text, width) {
            page.push(Line::default().plain("        ").painted(&line, &look.paint.dim(&line)));
        }
    }
}

/// The first step from that phase on that ends the way back.
fn no_return(set: &ChangeSet, from: usize) -> Option<&StepId> {
    let steps = set.phases.iter().skip(from).flat_map(|phase| &phase.steps);
    steps.filter(|step| step.point_of_no_return).map(|step| &step.id).next()
}

fn bracket(set: &ChangeSet, region: &Region, first: usize, last: usize) -> Option<Bracket> {
    let settled = |id: &StepId| {
        let mut steps = set.phases.iter().flat_map(|phase| &phase.steps);
        steps
            .find(|step| &step.id == id)
            .is_some_and(|step| step.standing.is_settled())
    };
    let expected = match region.estimate {
        Some(estimate) => format!("about {estimate}, as the steps estimate"),
        None => "not known yet".to_owned(),
    };
    let (opens, closes) = match (settled(&region.first), settled(&region.last)) {
        (_, true) => ("frozen region", "over".to_owned()),
        (true, false) => ("frozen region, entered", expected),
        (false, false) => ("frozen region", expected),
    };
    (first < last).then(|| Bracket {
        first,
        last,
        opens: opens.to_owned(),
        between: match region.limits.freeze {
            Some(limit) => format!("of {limit} allowed"),
            None => "without a limit".to_owned(),
        },
        closes,
    })
}

fn foot(page: &mut Page, set: &ChangeSet, apply: Option<&str>, paint: Paint) {
    let counts = &set.counts;
    let mut text = format!(
        "{}: {} to do, {} decided later, {} already so, {} to destroy",
        words::counted(counts.steps, "step"),
        words::count(counts.to_do),
        words::count(counts.decided_later),
        words::count(counts.already_so),
        words::count(counts.to_destroy),
    );
    if counts.refused > 0 {
        text = format!("{text}, {} refused", words::count(counts.refused));
    }
    text.push('.');
    page.push(Line::default().painted(&text, &paint.bold(&text)));
    if counts.drifted > 0 {
        let drifted = words::counted(counts.drifted, "step");
        let text = format!("{drifted} of closed phases drifted: it is reported, and `apply` does not repair it.");
        page.push(Line::default().painted(&text, &paint.yellow(&text)));
    }
    let next = if counts.refused > 0 {
        "Nothing can be applied before what is marked `!` is settled.".to_owned()
    } else if counts.to_do + counts.decided_later == 0 {
        "Nothing to do.".to_owned()
    } else if let Some(apply) = apply {
        format!("Next: {apply}")
    } else {
        return;
    };
    page.push(Line::default().plain(&next));
}

#[cfg(test)]
#[path = "tests/human.rs"]
mod tests;

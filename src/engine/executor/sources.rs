use serde_json::Value;

use super::{Executor, Failed, step::StepRun};
use crate::{
    kind::Behaviour,
    model::{StepId, Touches},
    system::causes,
};

/// What was copied while writes were frozen.
impl Executor {
    /// Before clients leave a frozen side, what was captured of it in the freeze must still be what it holds: a writer who went
    /// past the balancer, or a freeze that somebody lifted for a while, shows in nothing else. What comes after this look
    /// cannot be seen any more.
    pub(super) async fn expect_unmoved_sources(&mut self, run: &StepRun<'_>, touches: &Touches) -> Result<(), Failed> {
        let program = self.program.clone();
        for (step, taken) in self.captured_in_freeze(run, touches) {
            let Some(Behaviour::Capture(capture)) = program.behaviour(&step) else {
                continue;
            };
            let (act, guard) = (self.act.clone(), self.guard(run.part));
            let moved = match self.signals.run(capture.moved(&taken, &act), guard).await {
                Err(stopped) => return Err(Failed::stopped(stopped)),
                Ok(Err(error)) => return Err(Failed::new(causes(&error))),
                Ok(Ok(moved)) => moved,
            };
            if let Some(how) = moved {
                return Err(Failed::new(format!(
                    "somebody wrote while writes were frozen, after step `{step}`: {how}"
                )));
            }
        }
        Ok(())
    }

    /// The captures of the region that this step ends, with what they took; not those of the side that it opens.
    fn captured_in_freeze(&self, run: &StepRun<'_>, touches: &Touches) -> Vec<(StepId, Value)> {
        let (Some(frozen), Some(opened)) = (self.freeze(), &touches.opens) else {
            return Vec::new();
        };
        let region = self.program.region_of(&run.step.id);
        let Some(region) = region.filter(|_| touches.thaws.as_ref() == Some(&frozen.route)) else {
            return Vec::new();
        };
        let of_opened = |step: &StepId| {
            let reads = self
                .program
                .behaviour(step)
                .map(|behaviour| behaviour.touches().systems);
            reads.is_some_and(|systems| systems.iter().any(|system| system.as_str() == opened.as_str()))
        };
        let captures = region
            .steps
            .iter()
            .filter(|step| matches!(self.program.behaviour(step), Some(Behaviour::Capture(_))) && !of_opened(step));
        captures
            .filter_map(|step| {
                let taken = crate::engine::facts::outputs(self.ledger.state(), step.as_str())?;
                Some((step.clone(), taken.clone()))
            })
            .collect()
    }
}

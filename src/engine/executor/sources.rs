use serde_json::Value;

use super::{Executor, Failed, step::StepRun};
use crate::{
    model::{BackendName, StepId, Touches},
    system::causes,
};

/// What was seen of a frozen side.
impl Executor {
    /// Before clients leave a frozen side, what was taken, copied or compared of it in the freeze must still be what it holds:
    /// a writer who went past the balancer, or a freeze that somebody lifted for a while, shows in nothing else. What comes
    /// after this look cannot be seen any more.
    pub(super) async fn expect_unmoved_sources(&mut self, run: &StepRun<'_>, touches: &Touches) -> Result<(), Failed> {
        let Some((opened, seen)) = self.seen_in_freeze(run, touches) else {
            return Ok(());
        };
        // One look for all of them, and none from before this moment but of a registry that shows that it took no write since.
        self.act.snapshots().doubt();
        let program = self.program.clone();
        for (step, outputs) in seen {
            let Some(behaviour) = program.behaviour(&step) else {
                continue;
            };
            let (act, guard) = (self.act.clone(), self.guard(run.part));
            let moved = match self.signals.run(behaviour.moved(&outputs, &opened, &act), guard).await {
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

    /// The backend that this step opens, and the steps of the region that it ends, with what they recorded.
    fn seen_in_freeze(&self, run: &StepRun<'_>, touches: &Touches) -> Option<(BackendName, Vec<(StepId, Value)>)> {
        let (frozen, opened) = (self.freeze()?, touches.opens.clone()?);
        if touches.thaws.as_ref() != Some(&frozen.route) {
            return None;
        }
        let region = self.program.region_of(&run.step.id)?;
        let recorded = |step: &StepId| {
            let outputs = crate::engine::facts::outputs(self.ledger.state(), step.as_str())?;
            Some((step.clone(), outputs.clone()))
        };
        Some((opened, region.steps.iter().filter_map(recorded).collect()))
    }
}

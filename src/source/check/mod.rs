//! What must hold of the whole plan: one small function per rule, all of them always asked.

mod expressions;
mod frozen;
mod ids;
mod kinds;
mod later;
mod order;
mod references;
mod timing;
mod way_back;

pub(super) use ids::Names;
pub(super) use kinds::Decoded;
pub use later::NOT_SUPPORTED_YET;

use std::collections::{BTreeMap, BTreeSet};

use super::{build::Built, shape::Schemas};
use crate::{
    graph::StepGraph,
    kind::{Behaviour, PlanView, Program},
    model::{DocPath, Findings, OnFailure, Phase, Plan, Step, StepId, SystemName, Touches},
    region,
};

/// All that the rules look at.
struct View<'a> {
    plan: &'a Plan,
    names: &'a Names,
    touches: &'a BTreeMap<StepId, Touches>,
    graph: &'a StepGraph,
}

impl<'a> View<'a> {
    /// Every step with its phase's number, rollback lists included.
    fn steps(&self) -> impl Iterator<Item = (usize, &'a Step)> + use<'a> {
        self.plan.phases.iter().enumerate().flat_map(|(index, phase)| {
            let back = phase.rollback.iter().flatten();
            phase.steps.iter().chain(back).map(move |step| (index, step))
        })
    }
}

/// Checks a plan whose parts could be read; the program is complete when nothing was left out and nothing is wrong.
///
/// `complete`: whether all of the file could be read. What only a whole plan can prove wrong is not said of a part.
pub(super) fn check(
    plan: Plan,
    built: &[Built],
    complete: bool,
    names: &Names,
    schemas: &mut Schemas,
    out: &mut Findings,
) -> Program {
    let mut plan = plan;
    let unique = ids::check(names, out);
    later::systems(&plan, out);
    later::phases(&plan, out);
    let Decoded {
        mut behaviours,
        touches,
        complete: decoded,
    } = kinds::decode(&plan, schemas, out);
    let graph = StepGraph::of(&plan.phases);
    let order = graph.order();
    let regions = region::regions(&plan, &order, &touches);
    let view = View {
        plan: &plan,
        names,
        touches: &touches,
        graph: &graph,
    };
    references::check(&view, out);
    timing::check(&view, out);
    // With two steps of one id nobody can say who waits for whom.
    if unique && !order::cycles(&view, out) {
        order::unordered(&view, &order, out);
        order::inputs(&view, out);
        frozen::check(&view, built, &regions, complete && decoded, out);
        expressions::check(&view, out);
    }
    let on_twins = later::steps(&plan, &mut behaviours, out);
    own_checks(&plan, &behaviours, out);
    for region in &regions.frozen {
        for phase in plan
            .phases
            .iter_mut()
            .filter(|phase: &&mut Phase| region.phases.contains(&phase.id))
        {
            phase.on_failure = OnFailure::Rollback;
        }
    }
    let lacking = later::lacking(&plan, out);
    Program::new(plan, order, regions.frozen, behaviours).lacking(lacking, on_twins)
}

/// What each kind has to say about its own steps.
fn own_checks(plan: &Plan, behaviours: &BTreeMap<StepId, Behaviour>, out: &mut Findings) {
    let systems: BTreeMap<&SystemName, &str> = plan
        .systems
        .iter()
        .map(|(name, declared)| (name, declared.kind.as_str()))
        .collect();
    let view = PlanView { plan, systems };
    // One mistake, one finding: what the rules above have said of a place, a kind need not say again.
    let said: BTreeSet<DocPath> = out.iter().map(|finding| finding.at.clone()).collect();
    for phase in &plan.phases {
        for step in phase.steps.iter().chain(phase.rollback.iter().flatten()) {
            let Some(behaviour) = behaviours.get(&step.id) else {
                continue;
            };
            let mut found = Findings::default();
            behaviour.check(&view, &mut found);
            for finding in &found {
                let mut finding = finding.clone();
                finding.at = step.at.join(&finding.at);
                if said.contains(&finding.at) {
                    continue;
                }
                for related in &mut finding.related {
                    related.at = step.at.join(&related.at);
                }
                out.push(finding);
            }
        }
    }
}

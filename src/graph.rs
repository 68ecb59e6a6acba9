//! The order of steps: what runs before what, what is ready, and the whole cycle when there is one. Pure.
//!
//! The one home of `petgraph`, which finds the loops; the order itself is Kahn's algorithm over the places in the file, so
//! that two plans with the same text have the same order.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    ops::Range,
};

use petgraph::{
    algo::{
        kosaraju_scc, toposort,
        tred::{dag_to_toposorted_adjacency_list, dag_transitive_reduction_closure},
    },
    graph::DiGraph,
    visit::{EdgeRef as _, IntoEdgeReferences as _},
};

use crate::model::{Phase, PhaseId, Step, StepId};

/// The steps of a plan, or of one rollback list, and what each waits for.
#[derive(Debug, Clone)]
pub struct StepGraph {
    steps: Vec<StepId>,
    position: HashMap<StepId, usize>,
    /// By position: the steps it waits for, and the barrier before its phase.
    waits_for: Vec<Vec<usize>>,
    /// Each phase and the positions of its steps. Its barrier is node `steps.len() + index`.
    phases: Vec<(PhaseId, Range<usize>)>,
}

/// One station of a loop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Station {
    /// A step.
    Step(StepId),
    /// The end of a phase, for which every step of the next one waits.
    Phase(PhaseId),
}

impl StepGraph {
    /// The forward steps: `needs`, and each phase after the one before it. Needs that name no step are left out.
    pub fn of(phases: &[Phase]) -> Self {
        let lists = phases.iter().map(|phase| (phase.id.clone(), phase.steps.as_slice()));
        Self::new(lists.collect())
    }

    /// The steps of one rollback list.
    pub fn of_list(phase: &PhaseId, steps: &[Step]) -> Self {
        Self::new(vec![(phase.clone(), steps)])
    }

    fn new(lists: Vec<(PhaseId, &[Step])>) -> Self {
        let steps: Vec<StepId> = lists
            .iter()
            .flat_map(|(_, list)| *list)
            .map(|step| step.id.clone())
            .collect();
        let position: HashMap<StepId, usize> = steps.iter().cloned().zip(0..).collect();
        let mut waits_for = Vec::with_capacity(steps.len() + lists.len());
        let mut phases: Vec<(PhaseId, Range<usize>)> = Vec::with_capacity(lists.len());
        for (phase, list) in lists {
            let start = waits_for.len();
            let barrier = phases.len().checked_sub(1).map(|before| steps.len() + before);
            for step in list {
                let needs = step.needs.iter().filter_map(|need| position.get(need).copied());
                waits_for.push(needs.chain(barrier).collect());
            }
            phases.push((phase, start..waits_for.len()));
        }
        for (index, (_, range)) in phases.iter().enumerate() {
            let barrier = index.checked_sub(1).map(|before| steps.len() + before);
            waits_for.push(range.clone().chain(barrier).collect());
        }
        Self {
            steps,
            position,
            waits_for,
            phases,
        }
    }

    /// The order of one at a time: of all that could run, the first in the file. Steps of a loop are not in it.
    pub fn order(&self) -> Vec<StepId> {
        let mut open: Vec<usize> = self.waits_for.iter().map(Vec::len).collect();
        let mut next_of: Vec<Vec<usize>> = vec![Vec::new(); self.waits_for.len()];
        for (node, before) in self.waits_for.iter().enumerate() {
            before.iter().for_each(|before| next_of[*before].push(node));
        }
        let mut ready: BTreeSet<usize> = (0..open.len()).filter(|node| open[*node] == 0).collect();
        let mut order = Vec::with_capacity(self.steps.len());
        while let Some(node) = ready.pop_first() {
            order.extend(self.steps.get(node).cloned());
            for next in &next_of[node] {
                open[*next] -= 1;
                if open[*next] == 0 {
                    ready.insert(*next);
                }
            }
        }
        order
    }

    /// What may start when `done` are done, in the order of the file: steps of the first phase with an open step.
    pub fn ready(&self, done: &BTreeSet<StepId>) -> Vec<StepId> {
        let is_done = |node: &usize| self.steps.get(*node).is_none_or(|step| done.contains(step));
        let first = self
            .phases
            .iter()
            .find(|(_, range)| !range.clone().all(|node| is_done(&node)));
        let Some((_, range)) = first else { return Vec::new() };
        range
            .clone()
            .filter(|node| !is_done(node) && self.waits_for[*node].iter().all(is_done))
            .filter_map(|node| self.steps.get(node).cloned())
            .collect()
    }

    /// The edges, first before second, that say the whole order inside the phases, in the order of the file; for a graph
    /// without loops. What follows from other edges is left out, and so are needs across phases: the barrier says them.
    pub fn edges(&self) -> Vec<(StepId, StepId)> {
        let ranges = self.phases.iter().map(|(_, range)| range);
        let edges = ranges.flat_map(|range| self.edges_in(range));
        edges
            .map(|(before, after)| (self.steps[before].clone(), self.steps[after].clone()))
            .collect()
    }

    fn edges_in(&self, range: &Range<usize>) -> BTreeSet<(usize, usize)> {
        let mut graph = DiGraph::<(), (), usize>::default();
        let nodes: Vec<_> = range.clone().map(|_| graph.add_node(())).collect();
        for node in range.clone() {
            for before in self.waits_for[node].iter().filter(|before| range.contains(before)) {
                graph.update_edge(nodes[before - range.start], nodes[node - range.start], ());
            }
        }
        let Ok(sorted) = toposort(&graph, None) else {
            return BTreeSet::new();
        };
        let (list, _) = dag_to_toposorted_adjacency_list::<_, usize>(&graph, &sorted);
        let (reduced, _) = dag_transitive_reduction_closure(&list);
        let place = |rank: usize| range.start + sorted[rank].index();
        let edges = reduced.edge_references();
        edges.map(|edge| (place(edge.source()), place(edge.target()))).collect()
    }

    /// Every loop, whole: each station waits for the next, the last for the first.
    pub fn loops(&self) -> Vec<Vec<Station>> {
        let mut graph = DiGraph::<(), (), usize>::default();
        let nodes: Vec<_> = self.waits_for.iter().map(|_| graph.add_node(())).collect();
        for (node, before) in self.waits_for.iter().enumerate() {
            for before in before {
                graph.add_edge(nodes[node], nodes[*before], ());
            }
        }
        let mut loops: Vec<Vec<usize>> = kosaraju_scc(&graph)
            .into_iter()
            .map(|nodes| {
                nodes
                    .into_iter()
                    .map(petgraph::graph::NodeIndex::index)
                    .collect::<BTreeSet<_>>()
            })
            .filter(|nodes| {
                nodes
                    .iter()
                    .any(|node| nodes.len() > 1 || self.waits_for[*node].contains(node))
            })
            .filter_map(|nodes| self.shortest_loop(&nodes))
            .collect();
        loops.sort_unstable();
        loops
            .into_iter()
            .map(|stations| stations.into_iter().map(|node| self.station(node)).collect())
            .collect()
    }

    /// The shortest loop through the first of strongly connected nodes.
    fn shortest_loop(&self, nodes: &BTreeSet<usize>) -> Option<Vec<usize>> {
        let start = *nodes.first()?;
        let mut came_from: HashMap<usize, usize> = HashMap::new();
        let mut queue = VecDeque::from([start]);
        while let Some(node) = queue.pop_front() {
            for before in self.waits_for[node].iter().filter(|before| nodes.contains(before)) {
                if *before == start {
                    let mut stations = vec![node];
                    while let Some(last) = stations.last().filter(|last| **last != start) {
                        stations.push(*came_from.get(last)?);
                    }
                    stations.reverse();
                    return Some(stations);
                }
                if !came_from.contains_key(before) {
                    came_from.insert(*before, node);
                    queue.push_back(*before);
                }
            }
        }
        None
    }

    fn station(&self, node: usize) -> Station {
        match self.steps.get(node) {
            Some(step) => Station::Step(step.clone()),
            None => Station::Phase(self.phases[node - self.steps.len()].0.clone()),
        }
    }

    /// Who is before whom, for a graph without loops.
    pub fn reach(&self) -> Reach<'_> {
        let mut ancestors: Vec<Vec<u64>> = vec![Vec::new(); self.steps.len()];
        let mut phase_of = vec![0; self.steps.len()];
        for (index, (_, range)) in self.phases.iter().enumerate() {
            range.clone().for_each(|node| phase_of[node] = index);
        }
        let chains: Vec<bool> = self.phases.iter().map(|(_, range)| self.is_chain(range)).collect();
        for step in self.order() {
            let node = self.position[&step];
            let (_, range) = &self.phases[phase_of[node]];
            if chains[phase_of[node]] {
                continue;
            }
            let mut bits = vec![0_u64; range.len().div_ceil(64)];
            for before in self.waits_for[node].iter().filter(|before| range.contains(before)) {
                let place = before - range.start;
                bits[place / 64] |= 1 << (place % 64);
                for (mine, theirs) in bits.iter_mut().zip(&ancestors[*before]) {
                    *mine |= theirs;
                }
            }
            ancestors[node] = bits;
        }
        Reach {
            graph: self,
            phase_of,
            chains,
            ancestors,
        }
    }

    /// Whether each step waits for the one before it, as most phases are: then places alone tell the order, and the
    /// square of the steps is saved.
    fn is_chain(&self, range: &Range<usize>) -> bool {
        range
            .clone()
            .skip(1)
            .all(|node| self.waits_for[node].contains(&(node - 1)))
    }
}

/// Who is before whom.
pub struct Reach<'a> {
    graph: &'a StepGraph,
    phase_of: Vec<usize>,
    /// By phase: whether its steps are one chain.
    chains: Vec<bool>,
    /// By position, over the places in its phase: one bit per step that is before it.
    ancestors: Vec<Vec<u64>>,
}

impl Reach<'_> {
    /// Whether `first` is always done before `second` starts; false when either is not in the graph.
    pub fn is_before(&self, first: &StepId, second: &StepId) -> bool {
        let position = &self.graph.position;
        let (Some(&first), Some(&second)) = (position.get(first), position.get(second)) else {
            return false;
        };
        if self.phase_of[first] != self.phase_of[second] {
            return self.phase_of[first] < self.phase_of[second];
        }
        if self.chains[self.phase_of[first]] {
            return first < second;
        }
        let place = first - self.graph.phases[self.phase_of[first]].1.start;
        self.ancestors[second]
            .get(place / 64)
            .is_some_and(|bits| bits & (1 << (place % 64)) != 0)
    }

    /// The number of a step's phase, from 0.
    pub fn phase_of(&self, step: &StepId) -> Option<usize> {
        self.graph.position.get(step).map(|node| self.phase_of[*node])
    }
}

#[cfg(test)]
mod tests;

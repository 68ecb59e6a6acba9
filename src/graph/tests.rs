use super::*;
use crate::model::{DocPath, OnFailure, PlanDuration, Retry, digest_of};

fn step(id: &str, needs: &[&str]) -> Step {
    let second = PlanDuration::new(std::time::Duration::from_secs(1));
    Step {
        id: id.into(),
        uses: "run.command".to_owned(),
        with: serde_json::Value::Null,
        needs: needs.iter().map(|need| StepId::from(*need)).collect(),
        condition: None,
        retry: Retry {
            attempts: 1,
            backoff: second,
            max_backoff: second,
        },
        timeout: None,
        checkpoint: Vec::new(),
        provides: BTreeSet::new(),
        estimate: None,
        point_of_no_return: false,
        reads: BTreeSet::new(),
        writes: BTreeSet::new(),
        digest: digest_of(&serde_json::Value::Null),
        at: DocPath::root(),
    }
}

fn phase(id: &str, steps: Vec<Step>) -> Phase {
    Phase {
        id: id.into(),
        steps,
        checkpoint: Vec::new(),
        gates: crate::model::Gates::default(),
        on_failure: OnFailure::Stop,
        rollback: None,
        at: DocPath::root(),
    }
}

fn names(steps: &[StepId]) -> Vec<&str> {
    steps.iter().map(StepId::as_str).collect()
}

fn stations(found: &[Station]) -> Vec<String> {
    found
        .iter()
        .map(|station| match station {
            Station::Step(step) => step.to_string(),
            Station::Phase(phase) => format!("[{phase}]"),
        })
        .collect()
}

#[test]
fn the_order_is_that_of_the_file_as_far_as_needs_allow() {
    let graph = StepGraph::of(&[
        phase("one", vec![step("c", &["a"]), step("b", &[]), step("a", &[])]),
        phase("two", vec![step("z", &[]), step("y", &[])]),
    ]);
    assert_eq!(names(&graph.order()), ["b", "a", "c", "z", "y"]);
}

#[test]
fn ready_is_what_the_open_phase_allows() {
    let graph = StepGraph::of(&[
        phase("one", vec![step("a", &[]), step("b", &["a"]), step("c", &[])]),
        phase("two", vec![step("d", &[])]),
    ]);
    let ready = |done: &[&str]| {
        let done = done.iter().map(|step| StepId::from(*step)).collect();
        names(&graph.ready(&done))
            .into_iter()
            .map(ToOwned::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(ready(&[]), ["a", "c"]);
    assert_eq!(ready(&["a"]), ["b", "c"]);
    assert_eq!(ready(&["a", "c"]), ["b"]);
    assert_eq!(ready(&["a", "b", "c"]), ["d"]);
    assert!(ready(&["a", "b", "c", "d"]).is_empty());
}

#[test]
fn a_loop_is_named_whole() {
    let graph = StepGraph::of(&[phase(
        "one",
        vec![
            step("a", &["c"]),
            step("b", &["a"]),
            step("c", &["b"]),
            step("d", &["d"]),
            step("e", &["a"]),
        ],
    )]);
    let loops: Vec<_> = graph.loops().iter().map(|found| stations(found)).collect();
    assert_eq!(loops, [vec!["a", "c", "b"], vec!["d"]]);
    assert!(graph.order().is_empty());
}

#[test]
fn a_need_of_a_later_phase_is_a_loop_through_the_barrier() {
    let graph = StepGraph::of(&[
        phase("one", vec![step("a", &["b"])]),
        phase("two", vec![step("b", &[])]),
    ]);
    assert_eq!(stations(&graph.loops()[0]), ["a", "b", "[one]"]);
}

#[test]
fn reach_follows_needs_and_barriers() {
    let graph = StepGraph::of(&[
        phase(
            "one",
            vec![step("a", &[]), step("b", &["a"]), step("c", &["b"]), step("x", &[])],
        ),
        phase("two", vec![step("d", &[])]),
    ]);
    let reach = graph.reach();
    let before = |first: &str, second: &str| reach.is_before(&first.into(), &second.into());
    assert!(before("a", "c") && before("x", "d") && before("a", "d"));
    assert!(!before("c", "a") && !before("a", "x") && !before("x", "a") && !before("a", "a"));
    assert!(!before("a", "nobody"));
}

#[test]
fn a_chain_of_twenty_thousand_steps_does_not_exhaust_the_stack() {
    let steps: Vec<_> = (0..20_000)
        .map(|index: usize| {
            let before = index.checked_sub(1).map(|before| format!("s{before}"));
            step(&format!("s{index}"), &before.as_deref().into_iter().collect::<Vec<_>>())
        })
        .collect();
    let graph = StepGraph::of(&[phase("one", steps)]);
    assert!(graph.loops().is_empty());
    assert_eq!(graph.order().len(), 20_000);
}

#[test]
fn a_drawing_has_no_edge_that_follows_from_others() {
    let graph = StepGraph::of(&[
        phase(
            "one",
            vec![
                step("a", &[]),
                step("b", &["a"]),
                step("c", &["a"]),
                step("d", &["a", "b", "c", "b"]),
            ],
        ),
        phase("two", vec![step("e", &["a"]), step("f", &["d", "e", "a"])]),
    ]);
    let edges = graph.edges();
    let edges: Vec<_> = edges.iter().map(|(one, two)| format!("{one}{two}")).collect();
    assert_eq!(edges, ["ab", "ac", "bd", "cd", "ef"]);
}

#[test]
fn the_edges_of_a_drawing_say_the_same_order_as_all_needs() {
    // Each step needs those before it whose numbers divide its own, as the divisors of a number do.
    let names: Vec<String> = (1..=24).map(|number| format!("s{number}")).collect();
    let dividing = |number: usize| (1..number).filter(move |other| number.is_multiple_of(*other));
    let all = |needs: &dyn Fn(usize) -> Vec<String>| {
        let steps = (1..=24).map(|number| {
            let needs = needs(number);
            step(
                &names[number - 1],
                &needs.iter().map(String::as_str).collect::<Vec<_>>(),
            )
        });
        StepGraph::of(&[phase("only", steps.collect())])
    };
    let full = all(&|number| dividing(number).map(|other| names[other - 1].clone()).collect());
    let edges = full.edges();
    let few = all(&|number| {
        let before = edges.iter().filter(|(_, after)| after.as_str() == names[number - 1]);
        before.map(|(before, _)| before.to_string()).collect()
    });
    assert!(edges.len() < (1..=24).map(|number| dividing(number).count()).sum());
    let (full, few) = (full.reach(), few.reach());
    for (one, two) in names.iter().flat_map(|one| names.iter().map(move |two| (one, two))) {
        let (one, two) = (one.as_str().into(), two.as_str().into());
        assert_eq!(full.is_before(&one, &two), few.is_before(&one, &two), "{one} {two}");
    }
}

//! How `validate` and `plan` grow with the number of steps: `cargo bench --bench scale`.

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use divan::{Bencher, black_box};
use regplan::{
    engine::{Observations, PlanInput, plan},
    kind::Program,
    source::{LoadOptions, load_text},
};

fn main() {
    divan::main();
}

/// A chain of commands without guards.
fn chain(steps: usize) -> String {
    let mut text = String::from("regplan: v1\nname: chain\nphases:\n  - id: all\n    steps:\n");
    for step in 0..steps {
        // Writing to a String cannot fail.
        let _infallible = writeln!(
            text,
            "      - {{ id: s{step}, uses: run.command, with: {{ command: [\"true\"] }} }}"
        );
    }
    text
}

fn options() -> LoadOptions {
    LoadOptions {
        environment: "default".to_owned(),
        ..LoadOptions::default()
    }
}

fn program(steps: usize) -> Program {
    let loaded = load_text("chain.yaml", chain(steps), &options());
    let Some(program) = loaded.program else {
        unreachable!("the chain is valid")
    };
    program
}

#[divan::bench(args = [50, 1_000, 10_000])]
fn validate(bencher: Bencher<'_, '_>, steps: usize) {
    let text = chain(steps);
    bencher.bench(|| load_text("chain.yaml", black_box(text.clone()), &options()));
}

#[divan::bench(args = [50, 1_000, 10_000])]
fn plan_without_a_journal(bencher: Bencher<'_, '_>, steps: usize) {
    let program = program(steps);
    let observations = Observations {
        at: jiff::Timestamp::UNIX_EPOCH,
        took: Duration::ZERO,
        resources: BTreeMap::new(),
        systems: BTreeMap::new(),
    };
    bencher.bench(|| {
        plan(&PlanInput {
            program: &program,
            state: None,
            observations: &observations,
            environment: "default",
            drift: false,
        })
    });
}

//! What a good plan means.

use serde_json::{Value, json};

use super::*;
use crate::model::{OnFailure, Step};

const HEAD: &str = "regplan: v1
name: demo
vars:
  number: { type: number, default: 5 }
  url: { type: string, default: \"http://h\" }
  wait: { type: duration, default: 5m }
  token: { type: secret, from: { env: TOKEN } }
systems:
  v2: { type: apicurio, urls: [\"${vars.url}:8080\"], auth: { basic: { username: me, password: \"${vars.token}\" } } }
  lb: { type: nginx, url: http://h, config: n.conf, directory: d, socket: s, backends: { v2: [\"h:1\"] } }
";

fn load_steps(steps: &str, options: &LoadOptions) -> Loaded {
    let text = format!("{HEAD}phases:\n  - id: one\n    steps:\n{steps}");
    load_text("plan.yaml", text, options)
}

fn steps(steps: &str) -> Vec<Step> {
    let loaded = load_steps(steps, &options());
    assert_eq!(errors(&loaded), Vec::<&Finding>::new());
    loaded.program.unwrap().plan.phases[0].steps.clone()
}

#[test]
fn a_value_that_is_one_reference_keeps_its_type() {
    let found = steps(
        "      - { id: a, uses: run.check, timeout: \"${vars.wait}\", retry: { attempts: \"${vars.number}\" }, with: { command: [x, \"n=${vars.number}\", \"$${vars.url}\"] } }\n",
    );
    assert_eq!(found[0].retry.attempts, 5);
    assert_eq!(found[0].timeout.unwrap().to_string(), "5m");
    assert_eq!(found[0].with["command"], json!(["x", "n=5", "${vars.url}"]));
}

#[test]
fn secrets_stay_references() {
    let found = steps(
        "      - { id: a, uses: run.check, with: { command: [x], env: { A: \"${vars.token}\", B: \"${vars.url}/$${x}?t=${vars.token}\" } } }\n",
    );
    assert_eq!(found[0].with["env"]["A"], json!({"$secret": "${vars.token}"}));
    assert_eq!(
        found[0].with["env"]["B"],
        json!({"$secret": "http://h/$${x}?t=${vars.token}"})
    );
    let loaded = load_steps(
        "      - { id: a, uses: run.check, with: { command: [x] } }\n",
        &options(),
    );
    let plan = loaded.program.unwrap().plan;
    assert_eq!(plan.vars.secrets["token"].env.as_deref(), Some("TOKEN"));
    assert_eq!(plan.systems["v2"].spec["urls"][0], "http://h:8080");
    assert_eq!(
        plan.systems["v2"].spec["auth"]["basic"]["password"],
        json!({"$secret": "${vars.token}"})
    );
}

#[test]
fn the_run_id_is_known_only_with_a_run() {
    let text = "      - { id: a, uses: run.check, with: { command: [\"${run.id}\", \"${run.environment}\"] } }\n";
    assert_eq!(
        steps(text)[0].with["command"],
        json!(["(run id, known at the first apply)", "test"])
    );
    let options = LoadOptions {
        run: Some("r7".into()),
        ..options()
    };
    let plan = load_steps(text, &options).program.unwrap().plan;
    assert_eq!(plan.phases[0].steps[0].with["command"][0], "r7");
}

#[test]
fn a_step_follows_the_one_before_it_unless_it_needs_something_else() {
    let found = steps(
        "      - { id: a, uses: run.check, with: { command: [x] } }
      - { id: b, uses: run.check, with: { command: [x] } }
      - { id: c, uses: run.check, needs: [], with: { command: [x] } }
      - { id: d, uses: run.check, needs: [a, c], with: { command: [x] } }
",
    );
    let needs: Vec<Vec<&str>> = found
        .iter()
        .map(|step| step.needs.iter().map(StepId::as_str).collect())
        .collect();
    assert_eq!(needs, [vec![], vec!["a"], vec![], vec!["a", "c"]]);
}

#[test]
fn the_digest_is_that_of_what_was_written_after_substitution() {
    let digest = |text: &str| steps(text)[0].digest.clone();
    let plain = digest("      - { id: a, uses: run.check, with: { command: [\"http://h\"] } }\n");
    assert_eq!(
        plain,
        digest("      - uses: run.check\n        id: a\n        with: { command: [\"${vars.url}\"] }\n")
    );
    assert_ne!(
        plain,
        digest("      - { id: a, uses: run.check, timeout: 1m, with: { command: [\"http://h\"] } }\n")
    );
}

#[test]
fn values_from_outside_come_before_defaults() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = directory.path().join(name);
        let mut file = tempfile::NamedTempFile::new_in(directory.path()).unwrap();
        std::io::Write::write_all(&mut file, text.as_bytes()).unwrap();
        file.persist(&path).unwrap();
        path
    };
    let plan = write(
        "plan.yaml",
        &format!(
            "{HEAD}phases: [ {{ id: one, steps: [ {{ id: a, uses: run.check, with: {{ command: [x] }} }} ] }} ]\n"
        ),
    );
    let first = write("a.yaml", "url: http://file\nnumber: 1\n");
    let second = write("b.yaml", "number: 2\n");
    let options = LoadOptions {
        vars: vec![
            ("wait".to_owned(), "9s".to_owned()),
            ("number".to_owned(), "3".to_owned()),
        ],
        var_files: vec![first, second.clone()],
        ..options()
    };
    let vars = load(&plan, &options).unwrap().program.unwrap().plan.vars.values;
    assert_eq!(vars["url"], "http://file");
    assert_eq!(vars["number"], 3);
    assert_eq!(vars["wait"], "9s");
    let options = LoadOptions {
        var_files: vec![second],
        ..self::options()
    };
    let vars = load(&plan, &options).unwrap().program.unwrap().plan.vars.values;
    assert_eq!(vars["number"], 2);
}

#[test]
fn mistakes_in_values_from_outside_are_findings() {
    let given = |name: &str, value: &str| {
        let options = LoadOptions {
            vars: vec![(name.to_owned(), value.to_owned())],
            ..options()
        };
        let loaded = load_steps("      - { id: a, uses: run.check, with: { command: [x] } }\n", &options);
        assert!(loaded.program.is_none());
        codes(&loaded)
    };
    assert_eq!(given("urll", "x"), ["plan::unknown_variable"]);
    assert_eq!(given("number", "x"), ["plan::variable_type"]);
    assert_eq!(given("token", "hunter2"), ["plan::secret_source"]);
}

#[test]
fn every_phase_of_a_region_rolls_back() {
    let loaded = read(EXAMPLE);
    let plan = loaded.program.unwrap().plan;
    let back: Vec<&str> = plan
        .phases
        .iter()
        .filter(|phase| phase.on_failure == OnFailure::Rollback)
        .map(|phase| phase.id.as_str())
        .collect();
    assert_eq!(back, ["freeze", "move_data", "switch"]);
}

#[test]
fn findings_for_machines_have_lines_and_columns() {
    let loaded = load_steps(
        "      - { id: a, uses: run.chek, with: { command: [x] } }\n",
        &options(),
    );
    let value = findings_json(&loaded.findings, &loaded.document);
    assert_eq!(
        value,
        json!({
            "format_version": 1,
            "valid": false,
            "findings": [{
                "severity": "error", "code": "plan::unknown_kind", "file": "plan.yaml",
                "line": 14, "column": 24, "end_line": 14, "end_column": 32,
                "path": "/phases/0/steps/0/uses",
                "message": "there is no kind `run.chek`", "help": "Did you mean `run.check`?", "related": [],
            }],
        })
    );
}

#[test]
fn at_most_twenty_findings_are_shown_and_the_rest_counted() {
    let many: String = (0..25)
        .map(|n| format!("      - {{ id: s{n}, uses: run.chek, with: {{ command: [x] }} }}\n"))
        .collect();
    let loaded = load_steps(&many, &options());
    let reports = diagnostics(&loaded.findings, &loaded.document);
    assert_eq!(reports.len(), 21);
    assert!(reports[20].to_string().starts_with("and 5 more"), "{}", reports[20]);
}

#[test]
fn the_schema_file_is_that_of_the_types() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/plan.v1.json");
    let fresh = format!("{}\n", serde_json::to_string_pretty(&plan_schema()).unwrap());
    if std::env::var_os("UPDATE_SCHEMAS").is_some() {
        let mut file = std::fs::File::create(path).unwrap();
        std::io::Write::write_all(&mut file, fresh.as_bytes()).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        kept == fresh,
        "schemas/plan.v1.json is stale: run the tests with UPDATE_SCHEMAS=1"
    );
}

#[test]
fn the_schema_accepts_the_example_and_knows_keys_below_with_and_systems() {
    let schema = plan_schema();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let mut plan: Value = serde_yaml::from_str(EXAMPLE).unwrap();
    // Of a kind that exists, the schema knows the keys of this version only.
    plan["phases"][5]["steps"][0]["with"]
        .as_object_mut()
        .unwrap()
        .remove("at");
    let mistakes: Vec<String> = validator
        .iter_errors(&plan)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert_eq!(mistakes, Vec::<String>::new());
    plan["phases"][0]["steps"][0]["with"]["lbs"] = json!("x");
    assert!(!validator.is_valid(&plan));
    plan["phases"][0]["steps"][0]["with"]
        .as_object_mut()
        .unwrap()
        .remove("lbs");
    plan["systems"]["v2"]["url"] = json!("x");
    assert!(!validator.is_valid(&plan));
}

#[test]
fn ten_thousand_steps_are_read_in_order() {
    let many: String = (0..10_000)
        .map(|n| format!("      - {{ id: s{n}, uses: run.command, with: {{ command: [echo, \"${{vars.url}}\"], creates: f{n} }} }}\n"))
        .collect();
    let text = format!("{HEAD}phases:\n  - id: one\n    steps:\n{many}");
    let loaded = read(&text);
    assert_eq!(errors(&loaded), Vec::<&Finding>::new());
    let order = loaded.program.unwrap().order;
    assert_eq!(order.len(), 10_000);
    assert!(
        order
            .iter()
            .enumerate()
            .all(|(n, step)| step.as_str() == format!("s{n}"))
    );
}

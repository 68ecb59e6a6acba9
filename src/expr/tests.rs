use serde_json::json;

use super::*;

fn facts() -> Value {
    json!({
        "systems": {
            "lb": {"reachable": true, "route": {"to": "v2", "writes": "deny", "draining": 0}},
            "v3": {"reachable": false},
        },
        "steps": {
            "verify": {"differences": 0, "versions": 68, "report": null, "first": ["a", "b"]},
            "traffic": {"version": "3.3.3", "failed": 0},
        },
        "vars": {"limit": 5},
        "run": {"id": "r1", "attempt": 1, "written": {"v3": false}},
    })
}

fn judge(text: &str) -> Result<Judgement, EvaluateError> {
    Expression::parse(text).unwrap().judge(&facts())
}

#[test]
fn what_holds_says_the_values_it_saw() {
    let judged = judge("systems.lb.route.to == \"v2\" && steps.traffic.version.startsWith(\"3.\")").unwrap();
    assert!(judged.holds);
    assert_eq!(
        judged.because,
        "systems.lb.route.to is \"v2\"; steps.traffic.version is \"3.3.3\""
    );
}

#[test]
fn the_false_part_is_named_with_its_values() {
    let judged = judge("systems.lb.reachable && systems.lb.route.to == 'v3' && steps.verify.differences == 0").unwrap();
    assert!(!judged.holds);
    assert_eq!(
        judged.because,
        "systems.lb.route.to == 'v3'; systems.lb.route.to is \"v2\""
    );
}

#[test]
fn a_weaker_operator_outermost_is_not_split() {
    let judged = judge("systems.v3.reachable && true || steps.verify.versions < 10").unwrap();
    assert!(!judged.holds);
    assert!(
        judged.because.starts_with("systems.v3.reachable && true || steps"),
        "{}",
        judged.because
    );
}

#[test]
fn an_and_inside_parentheses_or_text_is_not_split() {
    let judged = judge("(systems.v3.reachable && true) && 'a && b' == 'a && b'").unwrap();
    assert_eq!(
        judged.because,
        "(systems.v3.reachable && true); systems.v3.reachable is false"
    );
}

#[test]
fn a_step_that_did_not_run_is_named() {
    let error = judge("steps.snapshot.versions == steps.verify.versions").unwrap_err();
    assert_eq!(
        error.to_string(),
        "steps.snapshot.versions is not known: step `snapshot` has no outputs in this attempt yet"
    );
}

#[test]
fn a_system_that_is_down_is_the_reason_of_a_missing_fact() {
    let error = judge("systems.v3.counts.artifacts == 0").unwrap_err();
    assert_eq!(
        error.to_string(),
        "systems.v3.counts.artifacts is not known: system `v3` is not reachable"
    );
}

#[test]
fn a_false_part_decides_even_when_another_is_missing() {
    assert!(
        !judge("steps.snapshot.versions == 1 && systems.v3.reachable")
            .unwrap()
            .holds
    );
}

#[test]
fn has_is_false_for_an_output_that_is_null_or_absent() {
    assert!(judge("!has(steps.verify.report)").unwrap().holds);
    assert!(judge("has(steps.verify.versions)").unwrap().holds);
    assert!(
        !judge("has(steps.verify.report) && steps.verify.report == 'x'")
            .unwrap()
            .holds
    );
}

#[test]
fn numbers_compare_and_add_as_people_expect() {
    for text in [
        "steps.verify.versions + 1 == 69",
        "steps.verify.versions - 70 == -2",
        "steps.verify.versions > vars.limit * 2",
        "within_pct(steps.verify.versions, 67, 2)",
        "within_pct(steps.verify.versions, 67, 1.6)",
        "!within_pct(steps.verify.versions, 67, 1)",
        "size(steps.verify.first) == 2",
        "steps.verify.first.all(x, x != 'c')",
        "'a' in steps.verify.first",
    ] {
        assert!(judge(text).unwrap().holds, "{text}");
    }
}

#[test]
fn a_value_that_is_no_truth_is_an_error() {
    let error = judge("steps.verify.versions").unwrap_err();
    assert_eq!(error.to_string(), "`steps.verify.versions` is int, not true or false");
}

#[test]
fn mistakes_point_at_their_bytes() {
    for (text, at) in [
        ("systems.lb.reachable &&", "the end"),
        ("a == = b", "="),
        ("sise(steps.verify.first) == 2", "sise"),
        ("(a", "the end"),
        ("a = b", "="),
    ] {
        let error = Expression::parse(text).unwrap_err();
        let found = text.get(error.at.clone()).unwrap();
        assert!(
            found == at || (at == "the end" && error.at.end == text.len()),
            "{text}: {error:?}"
        );
    }
}

#[test]
fn names_are_facts_with_their_bytes_and_not_methods_or_loop_variables() {
    let text = "steps.verify.first.exists(x, x == vars.limit) && systems[\"lb\"].route.to.startsWith('v') && size(steps.a.b) > 0";
    let names = Expression::parse(text).unwrap().names();
    let found: Vec<_> = names
        .iter()
        .map(|(path, at)| (path.join("."), text.get(at.clone()).unwrap()))
        .collect();
    assert_eq!(
        found,
        [
            ("steps.verify.first".to_owned(), "steps.verify.first"),
            ("vars.limit".to_owned(), "vars.limit"),
            ("systems.lb.route.to".to_owned(), "systems[\"lb\"].route.to"),
            ("steps.a.b".to_owned(), "steps.a.b"),
        ]
    );
}

#[test]
fn hostile_expressions_end_in_an_error() {
    for text in [
        "(".repeat(2_000),
        "!".repeat(4_000),
        "-".repeat(4_000),
        "[".repeat(4_000),
        "!!(".repeat(1_300),
        "a.".repeat(2_000),
        "x".repeat(5_000),
        "l.all(a, l.all(b, l.all(c, true)))".to_owned(),
    ] {
        assert!(
            Expression::parse(&text).is_err(),
            "{}",
            text.chars().take(10).collect::<String>()
        );
    }
}

#[test]
fn facts_that_are_too_large_are_refused() {
    let facts = json!({"steps": {"a": {"list": vec![1; 20_000]}}});
    let error = Expression::parse("size(steps.a.list) > 0")
        .unwrap()
        .judge(&facts)
        .unwrap_err();
    assert!(matches!(error, EvaluateError::Type(_)));
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in "[a-z.(){}!&|=<>0-9\"'\\[\\],? ]{0,200}") {
        if let Ok(parsed) = Expression::parse(&text) {
            drop(parsed.judge(&facts()));
        }
    }
}

#[test]
fn a_term_that_is_surely_no_truth_is_told() {
    let told = |text: &str| {
        let (kind, at) = Expression::parse(text).unwrap().no_truth()?;
        Some((kind, text.get(at)?.to_owned()))
    };
    let is = |kind, part: &str| Some((kind, part.to_owned()));
    assert_eq!(told("1 + 1"), is("a number", "1 + 1"));
    assert_eq!(
        told("run.attempt > 1 && size(systems)"),
        is("a number", "size(systems)")
    );
    assert_eq!(told("'a' + systems.v2.version"), is("text", "'a' + systems.v2.version"));
    assert_eq!(told("[true]"), is("a list", "[true]"));
    for unknown in [
        "true",
        "systems.v2.ready",
        "vars.a ? 1 : true",
        "!vars.a",
        "1 + 1 == 2 && 1 in [1]",
    ] {
        assert_eq!(told(unknown), None, "{unknown}");
    }
}

//! From text to program, one step after the other; each goes on as far as the one before it lets it.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{
    Document, LARGEST_FILE, LoadOptions, Loaded,
    build::{self, Built},
    check::{self, Names},
    explain::whole,
    file::{LimitsFile, PlanFile, SYSTEM_TYPES, VarFile, WindowFile},
    schema,
    shape::{Broken, Schemas, decode},
    substitute::{self, RUN_NOT_KNOWN},
    vars,
};
use crate::{
    kind::Program,
    model::{DocPath, Finding, Findings, Limits, Plan, Severity, SystemDecl, SystemName, Vars, suggest},
};

/// Reads and checks a plan.
pub(super) fn read(name: &str, text: String, files: &[(String, String)], options: &LoadOptions) -> Loaded {
    let mut findings = Findings::default();
    if text.len() as u64 > LARGEST_FILE {
        let what = format!("the text has more than {LARGEST_FILE} bytes");
        findings.push(Finding::error("plan::too_large", DocPath::root(), what));
        let (document, ..) = Document::read(name, String::new());
        return Loaded {
            program: None,
            findings,
            document,
        };
    }
    let (document, found, readable) = Document::read(name, text);
    found.into_iter().for_each(|finding| findings.push(finding));
    let program = if readable {
        value(&document, &mut findings).and_then(|value| program(value, files, options, &mut findings))
    } else {
        None
    };
    let findings = in_file_order(&findings, &document);
    Loaded {
        program: program.filter(|_| !findings.has_errors()),
        findings,
        document,
    }
}

fn in_file_order(findings: &Findings, document: &Document) -> Findings {
    let mut sorted: Vec<(usize, Finding)> = findings
        .iter()
        .map(|finding| (document.range(finding).start, finding.clone()))
        .collect();
    sorted.sort_by_key(|(start, _)| *start);
    let mut findings = Findings::default();
    sorted.into_iter().for_each(|(_, finding)| findings.push(finding));
    findings
}

/// The values, which serde_yaml decides.
fn value(document: &Document, out: &mut Findings) -> Option<Value> {
    match serde_yaml::from_str::<Value>(document.text()) {
        Ok(value) => Some(value),
        Err(error) => {
            let at = error
                .location()
                .map_or(0, |location| location.index())
                .min(document.text().len());
            let message = error.to_string();
            let what = message.split(" at line ").next().unwrap_or_default();
            let finding = Finding::error("plan::yaml", DocPath::root(), format!("this is not YAML: {what}"));
            out.push(finding.inside(at..at + 1));
            None
        }
    }
}

fn program(document: Value, files: &[(String, String)], options: &LoadOptions, out: &mut Findings) -> Option<Program> {
    let mut document = document;
    if !document.is_object() {
        let finding = Finding::error("plan::type", DocPath::root(), "a plan is a mapping");
        out.push(finding.help("It begins with `regplan: v1`."));
        return None;
    }
    let root = DocPath::root();
    let mut broken = Vec::new();
    let vars = variables(&document, files, options, &mut broken, out);
    let names = Names::read(&document);
    let declared: Vec<&str> = names.vars.iter().map(String::as_str).collect();
    let substitution = substitute::Names {
        vars: &vars,
        declared: &declared,
        run: options.run.as_ref().map_or(RUN_NOT_KNOWN, |run| run.as_str()),
        environment: &options.environment,
    };
    substitute::substitute(&mut document, &substitution, out);
    // Ids may hold variables, as any value.
    let names = Names::read(&document);

    let mut schemas = Schemas::default();
    let file: Option<PlanFile> = decode(&document, &root, &mut broken);
    let parts = file.map(|file| parts(&file, vars, &mut schemas, &mut broken, out));
    let complete = broken.is_empty();
    if !complete {
        for finding in schemas.mistakes("plan", schema::structure, &document, &root, broken) {
            out.push(finding);
        }
    }
    let (plan, built) = parts?;
    Some(check::check(plan, &built, complete, &names, &mut schemas, out))
}

/// The parts of a file that can be read.
fn parts(
    file: &PlanFile,
    vars: Vars,
    schemas: &mut Schemas,
    broken: &mut Vec<Broken>,
    out: &mut Findings,
) -> (Plan, Vec<Built>) {
    let root = DocPath::root();
    let limits: LimitsFile = file
        .limits
        .as_ref()
        .and_then(|value| decode(value, &root.key("limits"), broken))
        .unwrap_or_default();
    for (name, value) in &file.windows {
        let _read_for_its_mistakes: Option<WindowFile> = decode(value, &root.key("windows").key(name.clone()), broken);
    }
    let mut built = Vec::with_capacity(file.phases.len());
    for (index, value) in file.phases.iter().enumerate() {
        built.extend(build::phase(value, &root.key("phases").index(index), broken));
    }
    if file.phases.is_empty() {
        let finding = Finding::error("plan::no_phases", root.key("phases"), "a plan has at least one phase");
        out.push(finding.help("Add a phase with `id` and `steps`."));
    }
    let plan = Plan {
        name: plan_name(&file.name, out),
        description: file.description.clone(),
        systems: systems(&file.systems, schemas, broken, out),
        vars,
        limits: Limits {
            freeze: limits.freeze,
            read_gap: limits.read_gap,
        },
        phases: built.iter().map(|built| built.phase.clone()).collect(),
    };
    (plan, built)
}

/// The plan's name becomes a part of file names and of the run's identity.
fn plan_name(name: &str, out: &mut Findings) -> String {
    let fits = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.len() <= 64
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-');
    if !fits {
        let finding = Finding::error(
            "plan::id",
            DocPath::root().key("name"),
            "this cannot be the name of a plan",
        );
        out.push(
            finding
                .help("Names begin with a small letter and go on with small letters, digits, `_` and `-`, at most 64."),
        );
    }
    name.to_owned()
}

fn systems(
    values: &BTreeMap<String, Value>,
    schemas: &mut Schemas,
    broken: &mut Vec<Broken>,
    out: &mut Findings,
) -> BTreeMap<SystemName, SystemDecl> {
    let mut systems = BTreeMap::new();
    for (name, value) in values {
        let at = DocPath::root().key("systems").key(name.clone());
        let Some(kind) = value.get("type").and_then(Value::as_str) else {
            if let Some(missing) = no_type(value, &at, broken) {
                out.push(missing);
            }
            continue;
        };
        let Some(line) = SYSTEM_TYPES.iter().find(|line| line.name == kind) else {
            let finding = Finding::error(
                "plan::unknown_type",
                at.key("type"),
                format!("there is no system type `{kind}`"),
            );
            let names: Vec<&str> = SYSTEM_TYPES.iter().map(|line| line.name).collect();
            out.push(finding.help(suggest::help(kind, &names, "The types are").unwrap_or_default()));
            continue;
        };
        let mut spec = value.clone();
        if let Value::Object(keys) = &mut spec {
            keys.remove("type");
        }
        if let Err(error) = (line.decode)(&spec) {
            let mistake = vec![Broken::new(&at, error.path(), error.inner())];
            let name = format!("system {kind}");
            for finding in schemas.mistakes(&name, || whole(line.schema), &spec, &at, mistake) {
                out.push(finding);
            }
            continue;
        }
        let kind = kind.to_owned();
        systems.insert(name.as_str().into(), SystemDecl { kind, spec, at });
    }
    systems
}

fn no_type(value: &Value, at: &DocPath, broken: &mut Vec<Broken>) -> Option<Finding> {
    if value.is_object() && value.get("type").is_none() {
        let names: Vec<&str> = SYSTEM_TYPES.iter().map(|line| line.name).collect();
        let finding = Finding::error("plan::missing_key", at.clone(), "`type` is missing");
        return Some(finding.help(format!("Add `type:`, one of {}.", names.join(", "))));
    }
    // Not a mapping, or a type that is no text: the schema says it.
    let _read_for_its_mistake: Option<super::file::SystemFile> = decode(value, at, broken);
    None
}

fn variables(
    document: &Value,
    files: &[(String, String)],
    options: &LoadOptions,
    broken: &mut Vec<Broken>,
    out: &mut Findings,
) -> Vars {
    let at = DocPath::root().key("vars");
    let mut declared: BTreeMap<String, VarFile> = BTreeMap::new();
    let mut names = Vec::new();
    for (name, value) in document.get("vars").and_then(Value::as_object).into_iter().flatten() {
        names.push(name.as_str());
        if let Some(var) = decode(value, &at.key(name.clone()), broken) {
            declared.insert(name.clone(), var);
        }
    }
    let files = files
        .iter()
        .filter_map(|(name, text)| Some((name.clone(), var_file(name, text, out)?)))
        .collect();
    let given = vars::given(files, &options.vars);
    vars::resolve(&declared, &names, &given, out)
}

/// A var file: a mapping of names to values, read with the same guard as a plan.
fn var_file(name: &str, text: &str, out: &mut Findings) -> Option<Map<String, Value>> {
    let (document, found, readable) = Document::read(name, text.to_owned());
    let mut own = Findings::default();
    found.into_iter().for_each(|finding| own.push(finding));
    let value = if readable { value(&document, &mut own) } else { None };
    for finding in own.iter().filter(|finding| finding.severity == Severity::Error) {
        let line = document.location(document.range(finding).start).line;
        let what = format!("{name}, line {line}: {}", finding.what);
        out.push(Finding::error("plan::var_file", DocPath::root().key("vars"), what));
    }
    let Value::Object(map) = value? else {
        let what = format!("{name} is no mapping of variables to values");
        out.push(Finding::error("plan::var_file", DocPath::root().key("vars"), what));
        return None;
    };
    Some(map)
}

use std::path::Path;

use super::{
    Exit,
    args::Init,
    error::CliError,
    project::{install_tls, quoted},
    runtime,
    terminal::Terminal,
};
use crate::{
    init::{
        self, Answers, Ask, Draft, EnvFile, Given, InitError, Seen,
        nginx::{Disk, Files as _},
    },
    report::counted,
    source::{self, LoadOptions},
    system::{SystemError, World, WorldOptions, create, replace},
};

/// Anybody may read a plan: it holds no secret.
const MODE: u32 = 0o644;

/// `init`: writes a first plan for this site.
pub(super) fn run(arguments: &Init, terminal: &Terminal) -> Result<Exit, CliError> {
    let out = Some(arguments.out.as_path()).filter(|out| *out != Path::new("-"));
    if let Some(out) = out.filter(|out| !arguments.force && out.symlink_metadata().is_ok()) {
        return Err(exists(out));
    }
    let env = match &arguments.env_file {
        Some(path) => environment(path)?,
        None => EnvFile::default(),
    };
    let mut person = (terminal.can_ask() && !arguments.yes).then_some(AtTerminal);
    let mut draft = init::draft(&given(arguments), env, asked(&mut person))?;
    let seen = look(&mut draft, asked(&mut person))?;
    let answers = draft.answers(seen);
    let text = init::render(&answers).map_err(InitError::from)?;
    check(&text, out)?;
    match out {
        None => terminal.data(&text)?,
        Some(out) if arguments.force => replace(out, text.as_bytes(), MODE)?,
        Some(out) => create(out, text.as_bytes(), MODE).map_err(|error| not_created(error, out))?,
    }
    let words = words(&answers, &draft, out);
    match out {
        Some(_) => terminal.last_word(&words),
        // The plan is the data.
        None => terminal.note(&words),
    }
    Ok(Exit::Done)
}

struct AtTerminal;

impl Ask for AtTerminal {
    fn ask(&mut self, question: &str) -> Option<String> {
        Terminal::ask(question).ok()
    }
}

fn asked(person: &mut Option<AtTerminal>) -> Option<&mut dyn Ask> {
    person.as_mut().map(|person| person as &mut dyn Ask)
}

fn exists(out: &Path) -> CliError {
    CliError::usage(
        format!("{} is there already", out.display()),
        "Name another file with --out, or replace it with --force.",
    )
}

fn not_created(error: SystemError, out: &Path) -> CliError {
    if let SystemError::File { source, .. } = &error
        && source.kind() == std::io::ErrorKind::AlreadyExists
    {
        return exists(out);
    }
    error.into()
}

fn environment(path: &Path) -> Result<EnvFile, CliError> {
    let text = Disk.text(path).map_err(|error| {
        CliError::usage(
            format!("{} cannot be read: {error}", path.display()),
            "Name the environment file of the 2.6 with --env-file, or leave the flag out.",
        )
    })?;
    Ok(EnvFile::parse(&text).map_err(InitError::from)?)
}

fn given(arguments: &Init) -> Given {
    let lb = &arguments.lb;
    Given {
        name: arguments.name.clone(),
        v2: arguments.v2.clone(),
        v3: arguments.v3.clone(),
        v3_management: arguments.v3_management.clone(),
        lb_url: lb.lb_url.clone(),
        lb_config: lb.lb_config.clone(),
        lb_prefix: lb.lb_prefix.clone(),
        lb_directory: lb.lb_directory.clone(),
        lb_socket: lb.lb_socket.clone(),
        v2_backend: lb.v2_backend.clone(),
        v3_backend: lb.v3_backend.clone(),
        oidc_issuer: arguments.oidc_issuer.clone(),
        username: arguments.username.clone(),
        password_env: arguments.password_env.clone(),
        ca: arguments.ca.clone(),
        start_v3: arguments.start_v3.clone(),
        v3_running: arguments.v3_running.clone(),
        stop_v2: arguments.stop_v2.clone(),
        v2_stopped: arguments.v2_stopped.clone(),
    }
}

/// Asks the 2.6; when it turns out to want a login, a person is asked for one, once.
fn look(draft: &mut Draft, person: Option<&mut dyn Ask>) -> Result<Seen, CliError> {
    install_tls();
    let runtime = runtime::start()?;
    let mut looked = runtime.block_on(init::look(&draft.registries));
    if let (Err(InitError::NeedsLogin { .. }), Some(person), None) = (&looked, person, &draft.registries.login)
        && let Some(login) = init::late_login(&draft.env, person)
    {
        draft.registries.login = Some(login);
        looked = runtime.block_on(init::look(&draft.registries));
    }
    runtime.shutdown_background();
    Ok(looked?)
}

/// What is written is a plan without a finding, whose systems can be used.
fn check(text: &str, out: Option<&Path>) -> Result<(), CliError> {
    let options = LoadOptions {
        environment: "default".to_owned(),
        ..LoadOptions::default()
    };
    let loaded = source::load_text("plan", text.to_owned(), &options);
    if let Some(finding) = loaded.findings.iter().next() {
        return Err(InitError::NotValid(finding.what.clone()).into());
    }
    let Some(program) = loaded.program else {
        return Err(InitError::NotValid("it cannot be read".to_owned()).into());
    };
    let base = out.and_then(Path::parent).unwrap_or(Path::new(""));
    let options = WorldOptions {
        base: base.to_owned(),
        spool: base.join(".regplan"),
        no_exec: true,
    };
    match World::open(&program.plan, &options) {
        Ok(_) => Ok(()),
        Err(error) => Err(InitError::NotValid(error.to_string()).into()),
    }
}

/// What was written, what to type next, and what is left to a person.
fn words(answers: &Answers, draft: &Draft, out: Option<&Path>) -> String {
    let seen = &answers.seen;
    let number = |of: u64| usize::try_from(of).unwrap_or(usize::MAX);
    let mut size = counted(number(seen.artifacts), "artifact");
    if let Some(versions) = seen.versions {
        size = format!("{} of {size}", counted(number(versions), "version"));
    }
    let name = out.map_or_else(|| "FILE".to_owned(), |out| out.display().to_string());
    let file = quoted(&name);
    let mut lines = vec![
        format!("Wrote {name}: a plan for the {} with {size}.", seen.version),
        String::new(),
        "Next:".to_owned(),
        format!("  regplan validate {file}"),
        format!("  regplan rehearse {file}"),
        format!("  regplan plan     {file}"),
        String::new(),
        "Before `apply` you still have to:".to_owned(),
    ];
    let site = draft.site.as_ref().map_err(String::as_str);
    lines.extend(init::remaining(answers, site).iter().map(|one| format!("  - {one}")));
    lines.join("\n")
}

use clap::CommandFactory as _;

use super::{
    Exit,
    args::{Cli, Completions, Man},
    error::CliError,
    terminal::Terminal,
};

/// `completions`: a script for a shell.
pub(super) fn completions(arguments: &Completions, terminal: &Terminal) -> Result<Exit, CliError> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "regplan", &mut script);
    print(&script, terminal)
}

/// `man`: the manual page of the program, or of one of its verbs.
pub(super) fn man(arguments: &Man, terminal: &Terminal) -> Result<Exit, CliError> {
    let mut command = Cli::command();
    command.build();
    if let Some(verb) = &arguments.verb {
        let found = command.find_subcommand(verb).cloned();
        command = found.ok_or_else(|| {
            CliError::usage(
                format!("there is no verb `{verb}`"),
                "`regplan --help` lists all verbs.",
            )
        })?;
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(command)
        .render(&mut page)
        .map_err(|source| CliError::Io {
            doing: "write the manual page".to_owned(),
            source,
        })?;
    print(&page, terminal)
}

fn print(bytes: &[u8], terminal: &Terminal) -> Result<Exit, CliError> {
    terminal.data(&String::from_utf8_lossy(bytes))?;
    Ok(Exit::Done)
}

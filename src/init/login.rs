//! How regplan logs in at both registries; the secret only by reference.

use super::{
    Ask, EnvFile, Given, Login,
    address::Address,
    questions::{Question, Questions, line},
};

/// The variable of the password when none is named.
const USUAL_PASSWORD: &str = "REGPLAN_PASSWORD";
/// What is said for a login without an OpenID Connect provider.
const BASIC: &str = "basic";

/// The login that flags say or the 2.6's environment wants.
pub(super) fn login(given: &Given, env: &EnvFile, q: &mut Questions<'_>) -> Option<Login> {
    let said = [&given.oidc_issuer, &given.username, &given.password_env];
    if said.iter().all(|flag| flag.is_none()) && !env.wants_login() {
        return None;
    }
    Some(ask_login(given, env, q))
}

/// At the issuer that the 2.6's environment names, unless that takes a client's id and secret as HTTP Basic.
fn ask_login(given: &Given, env: &EnvFile, q: &mut Questions<'_>) -> Login {
    let named = env.issuer().filter(|_| !env.takes_basic());
    let how = q.know(&Question {
        flag: "--oidc-issuer URL",
        what: "how regplan logs in at the registries: `basic` (HTTP Basic), or the address of their OpenID Connect issuer",
        given: given.oidc_issuer.clone(),
        proposal: named.or_else(|| Some(BASIC.to_owned())),
        check: issuer,
    });
    Login {
        issuer: Some(how).filter(|how| how != BASIC),
        username: q.know(&Question {
            flag: "--username NAME",
            what: "the login of the registries: a name, or a client's id",
            given: given.username.clone(),
            proposal: None,
            check: line,
        }),
        password_env: q.know(&Question {
            flag: "--password-env NAME",
            what: "the environment variable that holds its password, or the client's secret",
            given: given.password_env.clone(),
            proposal: Some(USUAL_PASSWORD.to_owned()),
            check: variable,
        }),
    }
}

/// Asks for a login that the registry turned out to want; `None` when there is no answer.
pub fn late_login(env: &EnvFile, person: &mut dyn Ask) -> Option<Login> {
    let mut questions = Questions::new(Some(person));
    let login = ask_login(&Given::default(), env, &mut questions);
    questions.done().is_empty().then_some(login)
}

/// `basic`, or the address of an issuer as the provider writes it, a slash at its end included.
fn issuer(text: &str) -> Result<String, String> {
    let text = line(text)?;
    if text != BASIC {
        Address::parse(&text)?;
    }
    Ok(text)
}

fn variable(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if text.is_empty() || text.starts_with(|c: char| c.is_ascii_digit()) || !text.chars().all(plain) {
        return Err("it is the name of an environment variable, never the password itself".to_owned());
    }
    Ok(text.to_owned())
}

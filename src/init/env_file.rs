//! The environment of the 2.6 as systemd and Docker keep it: `KEY=VALUE`, one a line.

use std::collections::BTreeMap;

/// An environment file; values of secrets are never given out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EnvFile {
    values: BTreeMap<String, String>,
}

/// Why a file is no environment file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} is not KEY=VALUE")]
pub struct EnvFileError {
    /// The line, from 1. Its text is not shown: it may hold a secret.
    pub line: usize,
}

/// Parts of the names of variables whose values nobody may see.
const SECRET: [&str; 4] = ["PASSWORD", "SECRET", "CREDENTIAL", "PRIVATE_KEY"];

impl EnvFile {
    /// Reads one; `export ` and quotes around a value are understood, `#` and `;` begin comments (`systemd.exec(5)`).
    ///
    /// # Errors
    /// When a line is neither empty, a comment, nor `KEY=VALUE`.
    pub fn parse(text: &str) -> Result<Self, EnvFileError> {
        let mut values = BTreeMap::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with(['#', ';']) {
                continue;
            }
            let line = line.strip_prefix("export ").unwrap_or(line);
            let (key, value) = line.split_once('=').ok_or(EnvFileError { line: index + 1 })?;
            let key = key.trim();
            if key.is_empty() || key.contains(|c: char| !(c.is_ascii_alphanumeric() || "_.-".contains(c))) {
                return Err(EnvFileError { line: index + 1 });
            }
            values.insert(key.to_owned(), unquoted(value.trim()).to_owned());
        }
        Ok(Self { values })
    }

    fn get(&self, names: &[&str]) -> Option<&str> {
        let mut found = names.iter().filter_map(|name| self.values.get(*name));
        found.find(|value| !value.is_empty()).map(String::as_str)
    }

    fn is_on(&self, names: &[&str]) -> bool {
        self.get(names).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// The port of the 2.6 on its host.
    pub fn port(&self) -> Option<u16> {
        self.get(&["QUARKUS_HTTP_PORT"])?.parse().ok()
    }

    /// What the 2.6 stores in, in words, with the variable that says so (`reference/apicurio.md` §6.1). Its address is not
    /// shown: a JDBC address may hold a password.
    pub fn storage(&self) -> Option<String> {
        const URL: &str = "REGISTRY_DATASOURCE_URL";
        if self.is_kafka() {
            return Some("KafkaSQL (KAFKA_BOOTSTRAP_SERVERS)".to_owned());
        }
        let url = self.get(&[URL])?;
        let kinds = [
            ("jdbc:postgresql:", "PostgreSQL"),
            ("jdbc:h2:", "H2"),
            ("jdbc:mysql:", "MySQL"),
            ("jdbc:sqlserver:", "SQL Server"),
        ];
        let kind = kinds.iter().find(|(start, _)| url.starts_with(start));
        Some(format!("{} ({URL})", kind.map_or("a database", |(_, kind)| *kind)))
    }

    /// Whether the 2.6 keeps its content in Kafka.
    pub fn is_kafka(&self) -> bool {
        self.get(&["KAFKA_BOOTSTRAP_SERVERS"]).is_some()
    }

    /// Whether the 2.6 wants a login (`reference/apicurio.md` §6.2).
    pub fn wants_login(&self) -> bool {
        self.is_on(&["AUTH_ENABLED", "REGISTRY_AUTH_ENABLED", "QUARKUS_OIDC_TENANT_ENABLED"])
    }

    /// Whether it takes a client's id and secret as HTTP Basic.
    pub fn takes_basic(&self) -> bool {
        self.is_on(&["CLIENT_CREDENTIALS_BASIC_AUTH_ENABLED"])
    }

    /// The OpenID Connect issuer, when one is named plainly.
    pub fn issuer(&self) -> Option<String> {
        let whole = self.get(&["REGISTRY_AUTH_URL_CONFIGURED", "QUARKUS_OIDC_AUTH_SERVER_URL"]);
        let realm = || {
            let (url, realm) = (self.get(&["KEYCLOAK_URL"])?, self.get(&["KEYCLOAK_REALM"])?);
            Some(format!("{}/realms/{realm}", url.trim_end_matches('/')))
        };
        let issuer = whole.map(str::to_owned).or_else(realm)?;
        super::address::Address::parse(&issuer).ok().map(|address| address.text)
    }

    /// The names of the variables whose values are secrets, sorted.
    pub fn secrets(&self) -> Vec<String> {
        let is_secret = |name: &&String| SECRET.iter().any(|part| name.to_ascii_uppercase().contains(part));
        self.values.keys().filter(is_secret).cloned().collect()
    }
}

fn unquoted(value: &str) -> &str {
    for quote in ['"', '\''] {
        let inner = value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
        if let Some(inner) = inner {
            return inner;
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "\
# registry-v2.env
QUARKUS_HTTP_PORT=8080
REGISTRY_DATASOURCE_URL=\"jdbc:postgresql://db/registry?user=a&password=canary\"
export REGISTRY_DATASOURCE_PASSWORD='canary'
AUTH_ENABLED=true
KEYCLOAK_URL=https://sso.example.com/
KEYCLOAK_REALM=registry
KEYCLOAK_API_CLIENT_SECRET=canary
";

    #[test]
    fn what_bears_on_a_plan_is_found_and_no_secret_is_given_out() {
        let file = EnvFile::parse(FILE).unwrap();
        assert_eq!(file.port(), Some(8080));
        assert_eq!(file.storage().as_deref(), Some("PostgreSQL (REGISTRY_DATASOURCE_URL)"));
        assert_eq!(
            file.issuer().as_deref(),
            Some("https://sso.example.com/realms/registry")
        );
        assert!(file.wants_login() && !file.takes_basic() && !file.is_kafka());
        assert_eq!(
            file.secrets(),
            ["KEYCLOAK_API_CLIENT_SECRET", "REGISTRY_DATASOURCE_PASSWORD"]
        );
    }

    #[test]
    fn a_line_that_is_none_is_named_by_its_number_only() {
        let error = EnvFile::parse("A=1\n\ncanary canary").unwrap_err();
        assert_eq!(error.to_string(), "line 3 is not KEY=VALUE");
        assert!(EnvFile::parse("A B=1").is_err());
    }

    #[test]
    fn an_issuer_with_a_login_in_it_is_not_shown() {
        let file = EnvFile::parse("QUARKUS_OIDC_AUTH_SERVER_URL=https://u:canary@sso/realms/r").unwrap();
        assert_eq!(file.issuer(), None);
    }
}

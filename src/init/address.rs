//! Addresses as people type them, taken apart as far as a plan needs it.

/// The ports of the two schemes (RFC 9110 §4.2).
const HTTP: u16 = 80;
const HTTPS: u16 = 443;

/// An `http` or `https` address without login, query and fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// As it was typed, without a slash at its end.
    pub text: String,
    /// Whether it is `https`.
    pub tls: bool,
    /// The host; a numeric IPv6 one in brackets.
    pub host: String,
    /// The port, the scheme's own when none was typed.
    pub port: u16,
}

impl Address {
    /// Reads one.
    ///
    /// # Errors
    /// In words: what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let (tls, rest) = match (text.strip_prefix("http://"), text.strip_prefix("https://")) {
            (Some(rest), _) => (false, rest),
            (_, Some(rest)) => (true, rest),
            (None, None) => return Err(format!("`{text}` must begin with http:// or https://")),
        };
        if text.contains(|c: char| c.is_control() || c.is_whitespace() || "\"'`\\<>".contains(c)) {
            return Err("an address has no blanks and no quotes".to_owned());
        }
        if text.contains(['?', '#']) {
            return Err(format!("`{text}` must end with the path"));
        }
        let authority = rest.split('/').next().unwrap_or_default();
        if authority.contains('@') {
            return Err("an address must not hold a login: use --username and --password-env".to_owned());
        }
        let (host, port) = match authority.rsplit_once(':') {
            // The last colon of `[::1]` is inside of it.
            Some((host, port)) if !port.ends_with(']') => {
                let port = port.parse().ok().filter(|port| *port > 0);
                (host, port.ok_or_else(|| format!("`{text}` has no port that can be"))?)
            }
            _ => (authority, if tls { HTTPS } else { HTTP }),
        };
        if host.is_empty() {
            return Err(format!("`{text}` names no host"));
        }
        Ok(Self {
            text: text.trim_end_matches('/').to_owned(),
            tls,
            host: host.to_owned(),
            port,
        })
    }

    /// `host:port`, as a balancer names a server.
    pub fn server(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// The address of another port of the same host.
    pub fn on_port(&self, port: u16) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        format!("{scheme}://{}:{port}", self.host)
    }
}

/// A registry's address: without `/apis`, which regplan adds.
///
/// # Errors
/// In words: what is wrong with it.
pub fn registry(text: &str) -> Result<String, String> {
    let address = Address::parse(text)?;
    if address.text.split('/').skip(3).any(|part| part == "apis") {
        return Err(format!(
            "`{text}` must not include `/apis`: it is added where it is needed"
        ));
    }
    Ok(address.text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_was_not_typed_is_the_schemes() {
        let server = |text| Address::parse(text).map(|address| address.server());
        assert_eq!(server("http://reg.example.com/"), Ok("reg.example.com:80".to_owned()));
        assert_eq!(server("https://reg"), Ok("reg:443".to_owned()));
        assert_eq!(server("http://[::1]:8080/x"), Ok("[::1]:8080".to_owned()));
        assert_eq!(server("http://[::1]"), Ok("[::1]:80".to_owned()));
    }

    #[test]
    fn what_is_no_address_is_said() {
        for (text, part) in [
            ("reg:8080", "must begin with"),
            ("http://", "names no host"),
            ("http://u:p@reg", "must not hold a login"),
            ("http://reg:x", "no port"),
            ("http://reg?x=1", "end with the path"),
            ("http://reg\"x", "no quotes"),
            ("http://reg\nx", "no blanks"),
        ] {
            let said = Address::parse(text).unwrap_err();
            assert!(said.contains(part), "{text}: {said}");
        }
        assert!(registry("http://reg/apis/registry/v2").is_err());
    }
}

use serde::Serialize;
use serde_json::Value;

/// A request, taken apart; pure, so that what a twin answers can be decided without a connection.
#[derive(Debug, Clone, Default)]
pub(super) struct Request {
    pub method: String,
    /// The path as it was sent.
    pub raw_path: String,
    /// Its segments, decoded, without empty ones.
    pub path: Vec<String>,
    /// Query parameters, decoded, in order.
    pub query: Vec<(String, String)>,
    /// Headers with names in lower case; values as Java reads them, one character a byte.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

impl Request {
    /// From a request line's target, such as `/a/b%20c?x=1`.
    pub fn new(method: &str, target: &str) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Self {
            method: method.to_owned(),
            raw_path: path.to_owned(),
            path: path.split('/').filter(|part| !part.is_empty()).map(decode).collect(),
            query: query.split('&').filter(|pair| !pair.is_empty()).map(pair).collect(),
            ..Self::default()
        }
    }

    /// The first parameter of that name.
    pub fn param(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    /// All parameters of that name.
    pub fn params(&self, name: &str) -> impl Iterator<Item = &str> {
        let found = self.query.iter().filter(move |(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Whether a parameter is `true`.
    pub fn flag(&self, name: &str) -> bool {
        self.param(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// A number, or what stands in for it.
    pub fn number(&self, name: &str, default: usize) -> usize {
        self.param(name).and_then(|value| value.parse().ok()).unwrap_or(default)
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The media type without parameters, in lower case.
    pub fn media_type(&self) -> String {
        let value = self.header("content-type").unwrap_or_default();
        value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }

    /// The body as JSON.
    pub fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }
}

impl Answer {
    /// A status without a body.
    pub fn empty(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// 204.
    pub fn done() -> Self {
        Self::empty(204)
    }

    /// 200 with JSON.
    pub fn json(value: &impl Serialize) -> Self {
        Self::json_with(200, value)
    }

    /// JSON under that status; a value that cannot be written is a fault of the twin.
    pub fn json_with(status: u16, value: &impl Serialize) -> Self {
        match serde_json::to_vec(value) {
            Ok(body) => Self::bytes(status, "application/json", body),
            Err(_) => Self::empty(500),
        }
    }

    /// Bytes of a media type.
    pub fn bytes(status: u16, media_type: &str, body: Vec<u8>) -> Self {
        Self {
            status,
            headers: vec![("content-type", media_type.to_owned())],
            body,
        }
    }

    /// With one more header.
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

fn pair(text: &str) -> (String, String) {
    let (key, value) = text.split_once('=').unwrap_or((text, ""));
    let plain = |text: &str| decode(&text.replace('+', " "));
    (plain(key), plain(value))
}

/// Percent-decoding; what is no code stays as it is.
fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while let Some(&byte) = bytes.get(at) {
        let code = bytes.get(at + 1..at + 3).filter(|_| byte == b'%');
        let code = code.and_then(|code| std::str::from_utf8(code).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(decoded) => {
                out.push(decoded);
                at += 3;
            }
            None => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_taken_apart_and_decoded_after_it_was_split() {
        let request = Request::new("GET", "/groups/a%2Fb/artifacts/x%20y/?q=1+2&flag=TRUE&q=3");
        assert_eq!(request.path, ["groups", "a/b", "artifacts", "x y"]);
        assert_eq!(request.params("q").collect::<Vec<_>>(), ["1 2", "3"]);
        assert!(request.flag("flag"));
        assert_eq!(Request::new("GET", "/100%/ä").path, ["100%", "ä"]);
    }
}

use std::fmt;

use crate::{
    model::{BackendName, RunId},
    resource::RouteWrites,
};

/// The name of one installed route: `<to>-<writes>-<run>-<hash>`.
///
/// nginx answers it on the unix socket; every change of the route is compare-and-set on it. The hash is over the rendered
/// files without the generation, so that equal files of one run have equal generations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generation {
    /// Where requests go.
    pub to: BackendName,
    /// What happens to writes.
    pub writes: RouteWrites,
    /// The run that wrote it.
    pub run: RunId,
    /// The first [`Self::HASH`] hex digits of the SHA-256 of the files.
    pub hash: String,
}

impl Generation {
    /// Enough that two renderings of one run never meet by chance.
    pub const HASH: usize = 12;

    /// Reads a generation. Names may hold hyphens: the backend is looked up among `backends`.
    pub fn parse<'a>(text: &str, backends: impl Iterator<Item = &'a BackendName>) -> Option<Self> {
        let (front, hash) = text.rsplit_once('-')?;
        if hash.len() != Self::HASH || !hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        // The longest name that fits: `v3-beta` before `v3`.
        let to = backends
            .filter(|name| {
                front
                    .strip_prefix(name.as_str())
                    .is_some_and(|rest| rest.starts_with('-'))
            })
            .max_by_key(|name| name.as_str().len())?;
        let rest = front.strip_prefix(to.as_str())?.strip_prefix('-')?;
        let (word, run) = rest.split_once('-')?;
        let writes = [RouteWrites::Allow, RouteWrites::Deny, RouteWrites::Hold]
            .into_iter()
            .find(|writes| writes.word() == word)?;
        (!run.is_empty()).then(|| Self {
            to: to.clone(),
            writes,
            run: RunId::new(run),
            hash: hash.to_owned(),
        })
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}-{}", self.to, self.writes.word(), self.run, self.hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generation_reads_as_it_was_written_even_with_hyphens_in_its_names() {
        let backends = [BackendName::new("v3"), BackendName::new("v3-beta")];
        let generation = Generation {
            to: backends[1].clone(),
            writes: RouteWrites::Deny,
            run: RunId::new("7f-3a"),
            hash: "0123456789ab".to_owned(),
        };
        let text = generation.to_string();
        assert_eq!(text, "v3-beta-deny-7f-3a-0123456789ab");
        assert_eq!(Generation::parse(&text, backends.iter()), Some(generation));
    }

    #[test]
    fn what_is_not_ours_is_no_generation() {
        let backends = [BackendName::new("v2")];
        for text in [
            "",
            "v2",
            "v2-ro-0123456789ab",
            "v9-allow-run-0123456789ab",
            "v2-allow-run-xyz",
            "v2-allow-0123456789ab",
        ] {
            assert_eq!(Generation::parse(text, backends.iter()), None, "{text}");
        }
    }
}

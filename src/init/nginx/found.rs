use std::path::{Path, PathBuf};

use super::{Config, Disk, Dump, Files, Site, find, read};

/// nginx's files as far as they were understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The main file; `None` when no file is known.
    pub main: Option<PathBuf>,
    /// The registry's part; in words what was looked for, when it was not found.
    pub site: Result<Site, String>,
    config: Option<Config>,
}

impl Found {
    /// No file is known.
    pub fn nothing() -> Self {
        Self {
            main: None,
            site: Err("no file of nginx is known".to_owned()),
            config: None,
        }
    }

    /// What a main file, or a file with the output of `nginx -T`, says of the registry at those servers (`host:port`).
    ///
    /// # Errors
    /// When the file itself cannot be read; what is not understood in it is told by `site`.
    pub fn at(file: &Path, known: &[String]) -> std::io::Result<Self> {
        let text = Disk.text(file)?;
        let dump = Dump::parse(&text);
        let (files, main): (&dyn Files, &Path) = match &dump {
            Some(dump) => (dump, dump.main()),
            None => (&Disk, file),
        };
        let config = read(files, main).map_err(|error| error.to_string());
        let mut found = Self {
            main: Some(main.to_owned()),
            site: config
                .as_ref()
                .map_err(Clone::clone)
                .and_then(|config| find(config, known)),
            config: None,
        };
        found.config = config.ok();
        Ok(found)
    }

    /// Looks again with servers that are known now, when nothing was found before.
    pub fn search(&mut self, known: &[String]) {
        if let (Err(_), Some(config)) = (&self.site, &self.config) {
            self.site = find(config, known);
        }
    }
}

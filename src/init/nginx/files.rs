use std::{
    collections::BTreeMap,
    fs, io,
    io::Read as _,
    path::{Path, PathBuf},
};

/// The largest file that is read; nginx's are a few kB. Bytes.
const LARGEST: u64 = 4 << 20;

/// Where configuration files are read from.
pub trait Files {
    /// The text of a file.
    ///
    /// # Errors
    /// When it cannot be read.
    fn text(&self, path: &Path) -> io::Result<String>;

    /// The files that a pattern names, sorted; `*` and `?` in the last part of the path only.
    fn matching(&self, pattern: &Path) -> Vec<PathBuf>;
}

/// This machine.
#[derive(Debug, Clone, Copy)]
pub struct Disk;

impl Files for Disk {
    fn text(&self, path: &Path) -> io::Result<String> {
        let mut text = String::new();
        fs::File::open(path)?.take(LARGEST + 1).read_to_string(&mut text)?;
        if text.len() as u64 > LARGEST {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                format!("it has more than {LARGEST} bytes"),
            ));
        }
        Ok(text)
    }

    fn matching(&self, pattern: &Path) -> Vec<PathBuf> {
        let entries = pattern.parent().and_then(|directory| fs::read_dir(directory).ok());
        let paths = entries.into_iter().flatten().flatten().map(|entry| entry.path());
        let mut paths: Vec<PathBuf> = paths.filter(|path| fits(path, pattern)).collect();
        paths.sort();
        paths
    }
}

/// What `nginx -T` printed: every file with its name before it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dump {
    main: PathBuf,
    files: BTreeMap<PathBuf, String>,
}

/// Before each file in the output of `nginx -T`.
const NAMED: &str = "# configuration file ";

impl Dump {
    /// Reads one; `None` when the text is no output of `nginx -T`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut dump = Self::default();
        let mut current = PathBuf::new();
        for line in text.lines() {
            if let Some(name) = line.strip_prefix(NAMED).and_then(|name| name.strip_suffix(':')) {
                current = PathBuf::from(name);
                if dump.files.is_empty() {
                    dump.main.clone_from(&current);
                }
                dump.files.insert(current.clone(), String::new());
            } else if let Some(file) = dump.files.get_mut(&current) {
                file.push_str(line);
                file.push('\n');
            }
        }
        (!dump.files.is_empty()).then_some(dump)
    }

    /// The main file.
    pub fn main(&self) -> &Path {
        &self.main
    }
}

impl Files for Dump {
    fn text(&self, path: &Path) -> io::Result<String> {
        let text = self.files.get(path).cloned();
        text.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "it is not in the output of `nginx -T`"))
    }

    fn matching(&self, pattern: &Path) -> Vec<PathBuf> {
        self.files.keys().filter(|path| fits(path, pattern)).cloned().collect()
    }
}

/// Whether a path is one that the pattern names.
fn fits(path: &Path, pattern: &Path) -> bool {
    let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
    let (Some(file), Some(wanted)) = (name(path), name(pattern)) else {
        return false;
    };
    // As in a shell, a file whose name begins with a dot is named only by a dot.
    let hidden = file.starts_with('.') && !wanted.starts_with('.');
    path.parent() == pattern.parent() && !hidden && glob(&file, &wanted)
}

/// `*` and `?`, without recursion: on a mismatch the last `*` takes one more character.
fn glob(text: &str, pattern: &str) -> bool {
    let (text, pattern): (Vec<char>, Vec<char>) = (text.chars().collect(), pattern.chars().collect());
    let (mut at, mut wanted) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while at < text.len() {
        match pattern.get(wanted) {
            Some('*') => {
                star = Some((wanted, at));
                wanted += 1;
            }
            Some(c) if *c == '?' || text.get(at) == Some(c) => {
                at += 1;
                wanted += 1;
            }
            _ => {
                let Some((of, from)) = star else { return false };
                star = Some((of, from + 1));
                (wanted, at) = (of + 1, from + 1);
            }
        }
    }
    pattern.get(wanted..).is_some_and(|rest| rest.iter().all(|c| *c == '*'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_name_what_a_shell_would_name() {
        for (text, pattern, fit) in [
            ("a.conf", "*.conf", true),
            ("a.conf", "*", true),
            ("a.conf", "?.conf", true),
            ("ab.conf", "?.conf", false),
            ("a.conf.bak", "*.conf", false),
            ("aXbXc", "a*b*c", true),
        ] {
            assert_eq!(glob(text, pattern), fit, "{text} {pattern}");
        }
        assert!(!fits(Path::new("/d/.hidden.conf"), Path::new("/d/*.conf")));
        assert!(!fits(Path::new("/e/a.conf"), Path::new("/d/*.conf")));
    }

    #[test]
    fn the_output_of_nginx_is_taken_apart_into_its_files() {
        let dump = Dump::parse(
            "nginx: ok\n# configuration file /e/nginx.conf:\nhttp {}\n# configuration file /e/a.conf:\nx;\n",
        );
        let dump = dump.unwrap();
        assert_eq!(dump.main(), Path::new("/e/nginx.conf"));
        assert_eq!(dump.text(Path::new("/e/a.conf")).unwrap(), "x;\n");
        assert_eq!(dump.matching(Path::new("/e/*.conf")).len(), 2);
        assert!(Dump::parse("http {}").is_none());
    }
}

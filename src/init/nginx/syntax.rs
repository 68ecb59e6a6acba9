use std::{
    fmt,
    iter::Peekable,
    path::{Path, PathBuf},
    str::Chars,
};

use super::Files;

/// Blocks in blocks and files in files; nginx's own are at most some levels deep.
const DEPTH: usize = 32;
/// Files of one configuration.
const FILES: usize = 1_000;

/// Where something stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.line)
    }
}

/// Why files were not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotRead {
    /// A file cannot be read.
    #[error("{} cannot be read: {why}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// It is not written as nginx's files are, or in a way that is not known here.
    #[error("{place}: {what}")]
    Syntax {
        /// Where.
        place: Place,
        /// What.
        what: &'static str,
    },
}

/// A directive with what is inside of its braces. After an `include` stands what it includes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directive {
    /// Its name.
    pub name: String,
    /// Its arguments, without quotes.
    pub args: Vec<String>,
    /// What its braces hold.
    pub block: Vec<Directive>,
    /// Where it stands.
    pub place: Place,
}

/// A whole configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The main file; relative paths start at its directory.
    pub main: PathBuf,
    /// What it says.
    pub directives: Vec<Directive>,
}

impl Config {
    /// A path of the configuration, absolute.
    pub fn path(&self, path: &str) -> PathBuf {
        self.main.parent().unwrap_or(Path::new("/")).join(path)
    }
}

/// Reads a main file with everything that it includes.
///
/// # Errors
/// When a file cannot be read or is not understood.
pub fn read(files: &dyn Files, main: &Path) -> Result<Config, NotRead> {
    let mut reader = Reader { files, main, read: 0 };
    let directives = reader.file(main, 0)?;
    Ok(Config {
        main: main.to_owned(),
        directives,
    })
}

struct Reader<'a> {
    files: &'a dyn Files,
    main: &'a Path,
    read: usize,
}

impl Reader<'_> {
    fn file(&mut self, path: &Path, depth: usize) -> Result<Vec<Directive>, NotRead> {
        self.read += 1;
        if depth > DEPTH || self.read > FILES {
            return Err(NotRead::File {
                path: path.to_owned(),
                why: "too many files include each other".to_owned(),
            });
        }
        let text = self.files.text(path).map_err(|error| NotRead::File {
            path: path.to_owned(),
            why: error.to_string(),
        })?;
        let mut tokens = Tokens::new(path, &text);
        let directives = block(&mut tokens, 0)?;
        self.expand(directives, depth)
    }

    fn expand(&mut self, directives: Vec<Directive>, depth: usize) -> Result<Vec<Directive>, NotRead> {
        let mut expanded = Vec::with_capacity(directives.len());
        for mut directive in directives {
            directive.block = self.expand(std::mem::take(&mut directive.block), depth)?;
            let included = directive.args.first().filter(|_| directive.name == "include").cloned();
            expanded.push(directive);
            let Some(included) = included else { continue };
            let pattern = self.main.parent().unwrap_or(Path::new("/")).join(&included);
            let paths = if included.contains(['*', '?', '[']) {
                self.files.matching(&pattern)
            } else {
                vec![pattern]
            };
            for path in paths {
                expanded.extend(self.file(&path, depth + 1)?);
            }
        }
        Ok(expanded)
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Semicolon,
    Open,
    Close,
}

/// Directives up to the end of a block, or of the file at depth 0.
fn block(tokens: &mut Tokens<'_>, depth: usize) -> Result<Vec<Directive>, NotRead> {
    if depth > DEPTH {
        return Err(tokens.wrong("blocks are nested too deeply"));
    }
    let mut found = Vec::new();
    let mut words: Vec<String> = Vec::new();
    let mut line = 0;
    loop {
        let token = tokens.next_token()?;
        match token {
            Some(Token::Word(word)) => {
                if words.is_empty() {
                    line = tokens.line;
                }
                words.push(word);
            }
            Some(end @ (Token::Semicolon | Token::Open)) => {
                let Some((name, args)) = words.split_first() else {
                    return Err(tokens.wrong("a directive has no name"));
                };
                if end == Token::Open && name.ends_with("_by_lua_block") {
                    return Err(tokens.wrong("it holds Lua, which is not read"));
                }
                let (name, args) = (name.clone(), args.to_vec());
                words.clear();
                let place = tokens.at(line);
                let inner = if end == Token::Open {
                    block(tokens, depth + 1)?
                } else {
                    Vec::new()
                };
                found.push(Directive {
                    name,
                    args,
                    block: inner,
                    place,
                });
            }
            Some(Token::Close) if depth > 0 && words.is_empty() => return Ok(found),
            None if depth == 0 && words.is_empty() => return Ok(found),
            Some(Token::Close) | None => return Err(tokens.wrong("a brace or a semicolon is missing before here")),
        }
    }
}

struct Tokens<'a> {
    file: &'a Path,
    chars: Peekable<Chars<'a>>,
    line: usize,
}

impl<'a> Tokens<'a> {
    fn new(file: &'a Path, text: &'a str) -> Self {
        Self {
            file,
            chars: text.chars().peekable(),
            line: 1,
        }
    }

    fn at(&self, line: usize) -> Place {
        Place {
            file: self.file.to_owned(),
            line,
        }
    }

    fn wrong(&self, what: &'static str) -> NotRead {
        NotRead::Syntax {
            place: self.at(self.line),
            what,
        }
    }

    fn take(&mut self) -> Option<char> {
        let c = self.chars.next();
        if c == Some('\n') {
            self.line += 1;
        }
        c
    }

    fn next_token(&mut self) -> Result<Option<Token>, NotRead> {
        while let Some(c) = self.chars.peek().copied() {
            if c == '#' {
                while self.chars.peek().is_some_and(|c| *c != '\n') {
                    self.take();
                }
            } else if c.is_whitespace() {
                self.take();
            } else {
                break;
            }
        }
        let Some(c) = self.chars.peek().copied() else {
            return Ok(None);
        };
        match c {
            ';' | '{' | '}' => {
                self.take();
                Ok(Some(match c {
                    ';' => Token::Semicolon,
                    '{' => Token::Open,
                    _ => Token::Close,
                }))
            }
            '"' | '\'' => self.quoted(c).map(Some),
            _ => Ok(Some(self.word())),
        }
    }

    fn quoted(&mut self, quote: char) -> Result<Token, NotRead> {
        self.take();
        let mut text = String::new();
        loop {
            match self.take() {
                None => return Err(self.wrong("a quote is not closed")),
                Some(c) if c == quote => return Ok(Token::Word(text)),
                Some('\\') => {
                    let next = self.take();
                    // nginx takes only the backslash before a quote or a backslash away.
                    if next != Some(quote) && next != Some('\\') {
                        text.push('\\');
                    }
                    text.extend(next);
                }
                Some(c) => text.push(c),
            }
        }
    }

    fn word(&mut self) -> Token {
        let mut text = String::new();
        while let Some(c) = self.chars.peek().copied() {
            // The braces of `${name}` belong to the word.
            let variable = c == '{' && text.ends_with('$');
            if (c.is_whitespace() || ";{}".contains(c)) && !variable {
                break;
            }
            self.take();
            text.push(c);
            if c == '\\' {
                text.extend(self.take());
            } else if variable {
                while let Some(c) = self.take() {
                    text.push(c);
                    if c == '}' {
                        break;
                    }
                }
            }
        }
        Token::Word(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct One(&'static str);

    impl Files for One {
        fn text(&self, path: &Path) -> std::io::Result<String> {
            if path == Path::new("/e/nginx.conf") {
                Ok(self.0.to_owned())
            } else {
                Err(std::io::Error::from(std::io::ErrorKind::NotFound))
            }
        }

        fn matching(&self, _pattern: &Path) -> Vec<PathBuf> {
            vec![PathBuf::from("/e/nginx.conf")]
        }
    }

    fn parsed(text: &'static str) -> Result<Vec<Directive>, NotRead> {
        read(&One(text), Path::new("/e/nginx.conf")).map(|config| config.directives)
    }

    #[test]
    fn words_quotes_comments_and_blocks_are_told_apart() {
        let found = parsed("a 'b; c' \"d\\\"e\" ${f}g; # h;\nhttp { server { listen 80; } }\n").unwrap();
        assert_eq!(found[0].args, ["b; c", "d\"e", "${f}g"]);
        let server = &found[1].block[0];
        assert_eq!((server.name.as_str(), server.place.line), ("server", 2));
        assert_eq!(server.block[0].args, ["80"]);
    }

    #[test]
    fn what_is_not_understood_is_named_by_its_place() {
        for (text, part) in [
            ("http {", "nginx.conf:1: a brace or a semicolon"),
            ("a;\n}", "nginx.conf:2: a brace"),
            ("a", "a semicolon is missing"),
            ("'a", "a quote is not closed"),
            (";", "no name"),
            ("x { content_by_lua_block { a } }", "Lua"),
            ("include gone.conf;", "gone.conf cannot be read"),
            ("include *.conf;", "include each other"),
        ] {
            let said = parsed(text).unwrap_err().to_string();
            assert!(said.contains(part), "{text}: {said}");
        }
        let deep: &'static str = Box::leak("a { ".repeat(10_000).into_boxed_str());
        assert!(parsed(deep).unwrap_err().to_string().contains("too deeply"));
    }
}

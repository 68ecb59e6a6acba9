use anstyle::{AnsiColor, Style};

/// Puts colours around words, or leaves them alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paint {
    on: bool,
}

impl Paint {
    /// With colours, or without.
    pub const fn new(on: bool) -> Self {
        Self { on }
    }

    fn wrap(self, style: Style, text: &str) -> String {
        if self.on && !text.is_empty() {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }

    /// A heading.
    pub fn bold(self, text: &str) -> String {
        self.wrap(Style::new().bold(), text)
    }

    /// What matters less.
    pub fn dim(self, text: &str) -> String {
        self.wrap(Style::new().dimmed(), text)
    }

    /// What is good or comes to be.
    pub fn green(self, text: &str) -> String {
        self.wrap(AnsiColor::Green.on_default(), text)
    }

    /// What moves or needs care.
    pub fn yellow(self, text: &str) -> String {
        self.wrap(AnsiColor::Yellow.on_default(), text)
    }

    /// What is bad or ends.
    pub fn red(self, text: &str) -> String {
        self.wrap(AnsiColor::Red.on_default(), text)
    }

    /// What is frozen.
    pub fn cyan(self, text: &str) -> String {
        self.wrap(AnsiColor::Cyan.on_default(), text)
    }

    /// A sign of the plan in its colour.
    pub fn sign(self, sign: char) -> String {
        let text = sign.to_string();
        match sign {
            '+' | '✓' => self.green(&text),
            '~' | '?' => self.yellow(&text),
            '-' | '!' | '✗' => self.red(&text),
            '=' | '…' => self.dim(&text),
            _ => self.cyan(&text),
        }
    }
}

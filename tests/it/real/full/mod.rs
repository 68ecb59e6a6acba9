//! What takes more servers than CI starts each time: run by `scripts/test --full`.

mod login;

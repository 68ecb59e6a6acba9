//! What takes more servers than CI starts each time: run by `scripts/test --full`.

mod killed_everywhere;
mod login;
mod losses;
mod tenants;
mod there_and_back;

//! The executor on this machine: real commands and files, a journal in memory that can be cut anywhere.

mod bed;
mod failing;
mod frozen;
mod resuming;
mod signals;

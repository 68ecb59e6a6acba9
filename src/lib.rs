//! Moves an Apicurio Registry from 2.6 to 3.x by a declarative, resumable plan.

pub mod cli;
pub mod engine;
pub mod expr;
pub mod graph;
pub mod init;
pub mod journal;
pub mod kind;
pub mod model;
pub mod region;
pub mod registry;
pub mod rehearse;
pub mod report;
pub mod resource;
pub mod source;
pub mod system;

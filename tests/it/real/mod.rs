//! Scenarios on real servers.

mod lab;

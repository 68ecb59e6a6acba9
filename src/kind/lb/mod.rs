//! Kinds of the load balancer.

mod checks;
mod route;

pub use route::LbRoute;

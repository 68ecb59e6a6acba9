//! Kinds of the load balancer.

mod route;

pub use route::LbRoute;

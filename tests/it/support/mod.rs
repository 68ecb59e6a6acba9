//! The lab: real servers, clients that never stop, and the program under test.

mod clients;
mod export;
mod http;
mod lab;
mod registry;
mod regplan;
mod rich;
mod stack;
mod upload;

pub use clients::{Clients, Report};
pub use export::Export;
pub use lab::{Lab, PlanEdit};
pub use registry::{New, Registry};
pub use regplan::Running;
pub use rich::fill_with_rich_data;
pub use upload::SlowUpload;

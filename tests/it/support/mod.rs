//! The lab: real servers, clients that never stop, and the program under test.

mod clients;
mod cut;
mod export;
mod http;
mod lab;
mod pair;
mod registry;
mod regplan;
mod rich;
mod stack;
mod tenant_manager;
mod turn;
mod upload;

pub use clients::{Clients, Report};
pub use cut::CutProxy;
pub use export::Export;
pub use lab::{Lab, PlanEdit};
pub use pair::Pair;
pub use registry::{New, Registry};
pub use regplan::Running;
pub use rich::fill_with_rich_data;
pub use stack::{Stack, available};
pub use tenant_manager::TenantManager;
pub use turn::a_turn;
pub use upload::SlowUpload;

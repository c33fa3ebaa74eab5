//! What the system tests share: worlds in one process, real processes, and the contract of every store.

pub mod books;
pub mod browser;
pub mod cloud;
pub mod copies;
pub mod counter;
pub mod drill;
pub mod dynamo;
pub mod faulty;
pub mod figures;
pub mod gateway;
pub mod guarded;
pub mod metered;
pub mod plain;
pub mod process;
pub mod rules;
pub mod scale;
pub mod secrets;
pub mod simulation;
pub mod sqs;
pub mod stick;
pub mod store_contract;
pub mod template;
pub mod tills;
pub mod world;
pub mod year;

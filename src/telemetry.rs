//! Logs and counters. Text of a message never gets here.

pub mod counters;
pub mod events;
pub mod logging;
pub mod usage;

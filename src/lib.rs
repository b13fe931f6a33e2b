//! Signalbox reads what customers write to online shops.

pub mod engine;
pub mod labels;
pub mod model;
pub mod tokenization;

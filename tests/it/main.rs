//! The crate from outside: files on disk, sockets, whole models.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::expect_used,
    reason = "test code"
)]

mod bench;
mod binary;
mod calls;
mod corpus;
mod damage;
mod dates_and_amounts;
mod entities;
mod eval;
mod explanation;
mod feedback;
mod fixtures;
mod inference;
mod layering;
mod limits;
mod model_damage;
mod model_fields;
mod model_loading;
mod parity;
mod policies;
mod quantize;
mod registry;
mod replies;
mod repository;
mod rollout;
mod routing;
mod routing_scenarios;
mod server;
mod state;
mod stress;
mod train;

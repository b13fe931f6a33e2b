//! Signalbox reads a message that a customer wrote to an online shop and answers what the customer wants, how they feel
//! and where it should go.
//!
//! One message passes through [`pipeline::Pipeline::classify`]:
//!
//! 1. [`grpc`] takes the call, its deadline, and turns it into a [`message::Message`];
//! 2. [`batching::Admission`] gives it a place, or says that the server is full;
//! 3. [`text`] cleans it, [`language`] tells its language, [`entities`] finds what it names;
//! 4. [`tokenization`] splits it into tokens;
//! 5. [`batching::Queue`] holds it until an inference thread takes a batch;
//! 6. an [`engine::Engine`] computes the batch, without padding;
//! 7. [`scoring`] calibrates and decides, and [`explanation`] tells which words carried that, if somebody asks;
//! 8. a [`policy`] says where it should go, and [`taxonomy`] puts it into other products' words;
//! 9. the result, a [`triage::Triage`], goes back the way it came.
//!
//! [`app::App`] builds the parts, [`registry`] holds the loaded models, [`policies`] the policies in force, and [`cli`] is
//! the command line. [`evaluation`] measures models on labelled messages, [`adaptation`] teaches them new labels,
//! [`feedback`] keeps what people say about answers.

#![forbid(unsafe_code)]

pub mod adaptation;
pub mod app;
pub mod batching;
pub mod bench;
pub mod cli;
pub mod config;
pub mod engine;
pub mod entities;
pub mod error;
pub mod evaluation;
pub mod explanation;
pub mod feedback;
pub mod grpc;
pub mod labels;
pub mod language;
pub mod lifecycle;
pub mod message;
pub mod model;
pub mod page;
pub mod pipeline;
pub mod policies;
pub mod policy;
pub mod random;
pub mod registry;
pub mod scoring;
pub mod suggestion;
pub mod taxonomy;
pub mod telemetry;
pub mod text;
pub mod tokenization;
pub mod triage;
pub mod yaml;

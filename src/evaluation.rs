//! How good a model is: labelled messages through the same pipeline as the service's, and figures of what came out.
//!
//! [`records`] reads messages with what is right for them, [`answers`] keeps what a model said, [`outcomes`] puts the
//! two side by side, and [`measurement`] computes every figure over every part of the messages and over resamples of
//! them. [`comparison`] puts two models side by side, [`perturbation`] disturbs messages, [`report`] tells all of it,
//! and [`html`] shows it. Nothing here reads or writes: `cli/eval` does.

pub mod agreement;
pub mod answers;
pub mod bootstrap;
pub mod calibration;
pub mod comparison;
pub mod figures;
pub mod html;
pub mod measurement;
pub mod outcomes;
pub mod perturbation;
pub mod ranking;
pub mod records;
pub mod report;
pub mod tally;
pub mod vocabulary;

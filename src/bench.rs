//! How fast a server is: a load generator, and figures of what came out.
//!
//! [`schedule`] says when calls are meant to begin, [`plan`] which loads follow each other, [`corpus`] what is sent.
//! [`generator`] keeps the schedule and makes the calls through a [`target`], [`recorder`] counts and times them,
//! [`figures`] puts that into numbers, and [`saturation`] says which rates the server sustains. [`runner`] lets a whole
//! plan run, [`report`] tells it, [`comparison`] puts two reports side by side, and [`html`] shows them. Nothing here
//! reads or writes files: `cli/bench` does.

pub mod comparison;
pub mod corpus;
pub mod figures;
pub mod generator;
pub mod html;
pub mod outcome;
pub mod plan;
pub mod recorder;
pub mod report;
pub mod runner;
pub mod saturation;
pub mod schedule;
pub mod spreadsheet;
pub mod target;
pub mod timeline;
pub mod warnings;

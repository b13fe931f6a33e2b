//! A model is a directory: its verified files.

pub mod manifest;

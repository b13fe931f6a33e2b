//! The `signalbox` program.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    signalbox::cli::run()
}

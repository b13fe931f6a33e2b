//! Scripted outputs and faults for tests.

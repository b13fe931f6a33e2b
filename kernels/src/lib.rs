//! The arithmetic of Signalbox's engines: what loops over numbers, and all `unsafe` code.
//!
//! It knows slices, sizes and weights, nothing of models, their files and what their outputs mean. It is a package of its
//! own so that it alone is optimised in builds for development.
//!
//! - [`int8`] computes encoders with BERT's blocks in int8, with kernels for each instruction set;
//! - [`float`] has work on rows and products of matrices in f32.
//!
//! Where sizes do not match, the result says so.

pub mod float;
pub mod int8;

/// Function behind a dense layer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Activation {
    /// GELU through the error function: x · Φ(x).
    Gelu,
    /// GELU through the hyperbolic tangent.
    GeluTanh,
    /// Zero below zero.
    Relu,
    /// Hyperbolic tangent.
    Tanh,
}

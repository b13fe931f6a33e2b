//! From token vectors to the vector of a message, and from there to the outputs of the heads, in f32: a head is read once
//! for a message, not once for a token.

use signalbox_kernels::Activation;
use signalbox_kernels::int8::{FloatDense, Session};

use super::weights::float_dense;
use crate::engine::HeadOutput;
use crate::labels::HeadName;
use crate::model::ModelError;
use crate::model::architecture::Architecture;
use crate::model::layout::{HeadModules, TensorNames};
use crate::model::manifest::{Head, Manifest, Pooling};
use crate::model::weights::Weights;

/// Turns the token vectors of a message into one.
#[derive(Debug)]
pub(super) enum Pooler {
    Mean,
    First,
    /// The first token through a dense layer and tanh.
    Dense(FloatDense),
}

impl Pooler {
    pub(super) fn read(
        weights: &Weights,
        architecture: &Architecture,
        pooling: Pooling,
    ) -> Result<Self, ModelError> {
        Ok(match pooling {
            Pooling::Mean => Self::Mean,
            Pooling::Cls => Self::First,
            Pooling::Pooler => {
                let module = TensorNames::of(architecture).pooler();
                Self::Dense(float_dense(weights, &module)?)
            }
        })
    }

    /// Pools the vectors of messages of `lengths` tokens, `[T, H]`, to `[B, H]`.
    pub(super) fn forward(
        &self,
        session: Session,
        hidden: &[f32],
        lengths: &[usize],
        width: usize,
    ) -> Vec<f32> {
        let mut pooled = Vec::new();
        let mut rest = hidden;
        for length in lengths {
            let (message, left) = rest.split_at_checked(length * width).unwrap_or_default();
            rest = left;
            match self {
                Self::Mean => {
                    let start = pooled.len();
                    pooled.resize(start + width, 0.0);
                    let to = pooled.get_mut(start..).unwrap_or_default();
                    session.add_mean(message, to);
                }
                Self::First | Self::Dense(_) => {
                    pooled.extend_from_slice(message.get(..width).unwrap_or_default());
                }
            }
        }
        match self {
            Self::Mean | Self::First => pooled,
            Self::Dense(dense) => {
                let mut pooled = dense.forward(session, &pooled);
                session.activate(Activation::Tanh, &mut pooled);
                pooled
            }
        }
    }
}

/// One head.
#[derive(Debug)]
pub(super) struct HeadLayers {
    name: HeadName,
    labels: usize,
    hidden: Option<(FloatDense, Activation)>,
    output: FloatDense,
}

impl HeadLayers {
    pub(super) fn read_all(
        weights: &Weights,
        architecture: &Architecture,
        manifest: &Manifest,
    ) -> Result<Vec<Self>, ModelError> {
        let read = |head: &Head| {
            let modules = HeadModules::of(architecture, head.name);
            // Only families that this engine does not compute have a normalisation here, or no bias.
            let hidden = modules
                .hidden
                .map(|hidden| Ok((float_dense(weights, &hidden.dense)?, hidden.activation.into())));
            Ok(Self {
                name: head.name,
                labels: head.labels.len(),
                hidden: hidden.transpose()?,
                output: float_dense(weights, &modules.output)?,
            })
        };
        manifest.heads.iter().map(read).collect()
    }

    /// Computes the logits of the head from `[B, H]`.
    pub(super) fn forward(&self, session: Session, pooled: &[f32]) -> HeadOutput {
        let logits = match &self.hidden {
            None => self.output.forward(session, pooled),
            Some((dense, activation)) => {
                let mut hidden = dense.forward(session, pooled);
                session.activate(*activation, &mut hidden);
                self.output.forward(session, &hidden)
            }
        };
        HeadOutput { head: self.name, labels: self.labels, logits }
    }
}

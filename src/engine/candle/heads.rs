//! From token vectors to the vector of a message, and from there to the outputs of the heads.

use candle_core::{Result, Tensor};

use super::operations::{Dense, Norm, activate_in_place};
use super::tensors::Tensors;
use crate::engine::{HeadOutput, RaggedBatch};
use crate::labels::HeadName;
use crate::model::ModelError;
use crate::model::architecture::{Activation, Architecture};
use crate::model::layout::{HeadModules, HiddenModules, TensorNames};
use crate::model::manifest::{Head, Manifest, Pooling};

/// Turns the token vectors of a message into one. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) enum Pooler {
    Mean,
    First,
    /// The first token through a dense layer and tanh.
    Dense(Dense),
}

impl Pooler {
    pub(super) fn load(
        tensors: Tensors<'_>,
        architecture: &Architecture,
        pooling: Pooling,
    ) -> std::result::Result<Self, ModelError> {
        Ok(match pooling {
            Pooling::Mean => Self::Mean,
            Pooling::Cls => Self::First,
            Pooling::Pooler => Self::Dense(tensors.dense(&TensorNames::of(architecture).pooler())?),
        })
    }

    /// Pools `[T, H]` to `[B, H]`.
    pub(super) fn forward(
        &self,
        hidden: &Tensor,
        batch: &RaggedBatch,
        threads: usize,
    ) -> Result<Tensor> {
        let mut start = 0;
        let mut rows = Vec::with_capacity(batch.len());
        for message in batch.messages() {
            rows.push(match self {
                Self::Mean => hidden.narrow(0, start, message.len())?.mean_keepdim(0)?,
                Self::First | Self::Dense(_) => hidden.narrow(0, start, 1)?,
            });
            start += message.len();
        }
        let pooled = Tensor::cat(&rows, 0)?;
        match self {
            Self::Mean | Self::First => Ok(pooled),
            Self::Dense(dense) => dense.forward(&pooled, threads)?.tanh(),
        }
    }
}

/// One head. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct HeadLayers {
    name: HeadName,
    labels: usize,
    hidden: Option<HiddenLayer>,
    output: Dense,
}

/// What comes before the output of a head. Cheap to clone.
#[derive(Clone, Debug)]
struct HiddenLayer {
    dense: Dense,
    activation: Activation,
    norm: Option<Norm>,
}

impl HiddenLayer {
    fn load(
        tensors: Tensors<'_>,
        modules: &HiddenModules,
    ) -> std::result::Result<Self, ModelError> {
        let norm = modules.norm.as_ref();
        let norm = norm.map(|(module, has_bias)| tensors.norm_with(module, *has_bias));
        Ok(Self {
            dense: tensors.dense_with(&modules.dense, modules.has_bias)?,
            activation: modules.activation,
            norm: norm.transpose()?,
        })
    }

    /// Computes `[B, H]` from `[B, H]`.
    fn forward(&self, pooled: &Tensor, threads: usize) -> Result<Tensor> {
        let hidden = self.dense.forward(pooled, threads)?;
        activate_in_place(&hidden, self.activation, threads)?;
        match &self.norm {
            None => Ok(hidden),
            Some(norm) => norm.forward(&hidden, threads),
        }
    }
}

impl HeadLayers {
    pub(super) fn load_all(
        tensors: Tensors<'_>,
        architecture: &Architecture,
        manifest: &Manifest,
    ) -> std::result::Result<Vec<Self>, ModelError> {
        let load = |head: &Head| {
            let modules = HeadModules::of(architecture, head.name);
            let hidden = modules.hidden.map(|modules| HiddenLayer::load(tensors, &modules));
            Ok(Self {
                name: head.name,
                labels: head.labels.len(),
                hidden: hidden.transpose()?,
                output: tensors.dense(&modules.output)?,
            })
        };
        manifest.heads.iter().map(load).collect()
    }

    /// Computes the logits of the head from `[B, H]`.
    pub(super) fn forward(&self, pooled: &Tensor, threads: usize) -> Result<HeadOutput> {
        let logits = match &self.hidden {
            None => self.output.forward(pooled, threads)?,
            Some(hidden) => self.output.forward(&hidden.forward(pooled, threads)?, threads)?,
        };
        Ok(HeadOutput {
            head: self.name,
            labels: self.labels,
            logits: logits.flatten_all()?.to_vec1()?,
        })
    }

    /// Returns the output for a batch without messages.
    pub(super) fn empty_output(&self) -> HeadOutput {
        HeadOutput { head: self.name, labels: self.labels, logits: vec![] }
    }
}

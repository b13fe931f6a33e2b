//! Names and shapes of what DeBERTa has beside BERT's blocks.

use super::{Requirements, TensorNames};
use crate::model::architecture::{Architecture, Disentangled};

/// Modules that there is one of.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DisentangledModules {
    /// Tensor `[2 · span, H]`.
    pub distance_embeddings: String,
    /// Layer normalisation of the rows of `distance_embeddings`.
    pub distance_norm: String,
    /// Weight `[H, H, taps]` and bias of the convolution.
    pub convolution: String,
    /// Layer normalisation after the convolution.
    pub convolution_norm: String,
}

/// Modules of one block that distances go through where they do not share those of the content.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DistanceModules {
    /// Dense `[H, H]` to what content looks at.
    pub key: String,
    /// Dense `[H, H]` to what looks at content.
    pub query: String,
}

impl TensorNames {
    /// Modules that DeBERTa has one of.
    #[must_use]
    pub fn disentangled(&self) -> DisentangledModules {
        let module = |name: &str| format!("{}encoder.{name}", self.prefix);
        DisentangledModules {
            distance_embeddings: module("rel_embeddings.weight"),
            distance_norm: module("LayerNorm"),
            convolution: module("conv.conv"),
            convolution_norm: module("conv.LayerNorm"),
        }
    }

    /// Modules for distances of a block of DeBERTa, counted from 0.
    #[must_use]
    pub fn distances(&self, index: usize) -> DistanceModules {
        let module =
            |name: &str| format!("{}encoder.layer.{index}.attention.self.{name}", self.prefix);
        DistanceModules { key: module("pos_key_proj"), query: module("pos_query_proj") }
    }
}

impl Requirements {
    pub(super) fn distances(
        &mut self,
        names: &TensorNames,
        architecture: &Architecture,
        disentangled: &Disentangled,
    ) {
        let hidden = architecture.hidden_size;
        let modules = names.disentangled();
        self.tensor(modules.distance_embeddings, &[2 * disentangled.span, hidden]);
        if disentangled.normalizes_distances {
            self.norm(&modules.distance_norm, hidden);
        }
        if let Some(convolution) = &disentangled.convolution {
            self.module(&modules.convolution, &[hidden, hidden, convolution.taps], true);
            self.norm(&modules.convolution_norm, hidden);
        }
        if disentangled.shares_projections {
            return;
        }
        for modules in (0..architecture.layers).map(|index| names.distances(index)) {
            if disentangled.content_to_position {
                self.dense(&modules.key, hidden, hidden);
            }
            if disentangled.position_to_content {
                self.dense(&modules.query, hidden, hidden);
            }
        }
    }
}

//! Names and shapes of ModernBERT's blocks.

use super::{Requirements, TensorNames};
use crate::model::architecture::{Architecture, Rotary};

/// Modules of one of ModernBERT's blocks.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RotaryModules {
    /// Layer normalisation before attention; the first block has none, since the embeddings are normalised.
    pub attention_norm: Option<String>,
    /// Dense `[3H, H]`: queries, keys and values.
    pub query_key_value: String,
    /// Dense `[H, H]` after attention.
    pub attention_output: String,
    /// Layer normalisation before the two dense layers.
    pub intermediate_norm: String,
    /// Dense `[2 · intermediate, H]`: what goes through the function, then what that is multiplied with.
    pub intermediate: String,
    /// Dense `[H, intermediate]`.
    pub output: String,
}

impl TensorNames {
    /// Modules of one of ModernBERT's blocks, counted from 0.
    #[must_use]
    pub fn rotary(&self, index: usize) -> RotaryModules {
        let module = |name: &str| format!("{}layers.{index}.{name}", self.prefix);
        RotaryModules {
            attention_norm: (index > 0).then(|| module("attn_norm")),
            query_key_value: module("attn.Wqkv"),
            attention_output: module("attn.Wo"),
            intermediate_norm: module("mlp_norm"),
            intermediate: module("mlp.Wi"),
            output: module("mlp.Wo"),
        }
    }

    /// Layer normalisation after ModernBERT's last block.
    #[must_use]
    pub fn final_norm(&self) -> String {
        format!("{}final_norm", self.prefix)
    }
}

impl Requirements {
    pub(super) fn rotary_blocks(
        &mut self,
        names: &TensorNames,
        architecture: &Architecture,
        rotary: &Rotary,
    ) {
        let (hidden, intermediate) = (architecture.hidden_size, architecture.intermediate_size);
        let biases = rotary.biases;
        for block in (0..architecture.layers).map(|index| names.rotary(index)) {
            if let Some(norm) = &block.attention_norm {
                self.module(norm, &[hidden], biases.norm);
            }
            self.module(&block.query_key_value, &[3 * hidden, hidden], biases.attention);
            self.module(&block.attention_output, &[hidden, hidden], biases.attention);
            self.module(&block.intermediate_norm, &[hidden], biases.norm);
            self.module(&block.intermediate, &[2 * intermediate, hidden], biases.feed_forward);
            self.module(&block.output, &[hidden, intermediate], biases.feed_forward);
        }
        self.module(&names.final_norm(), &[hidden], biases.norm);
    }
}

//! BERT as candle-transformers computes it, over a padded batch with a mask.
//!
//! The reference that the ragged encoder is compared with, in tests and in benchmarks.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use candle_core::{DType, Device, Result, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::bert::{BertModel, Config, HiddenAct};

use super::tensors::Tensors;
use crate::engine::RaggedBatch;
use crate::model::ModelError;
use crate::model::architecture::{Activation, Architecture, Family};

/// BERT over padded batches. Cheap to clone.
#[derive(Clone)]
pub(super) struct PaddedEncoder {
    model: Arc<BertModel>,
    pad_token_id: u32,
}

impl fmt::Debug for PaddedEncoder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("PaddedEncoder").finish_non_exhaustive()
    }
}

impl PaddedEncoder {
    pub(super) fn load(
        tensors: Tensors<'_>,
        architecture: &Architecture,
    ) -> std::result::Result<Self, ModelError> {
        if architecture.family != Family::Bert {
            return Err(ModelError::Field {
                file: "config.json",
                field: "architectures[0]".into(),
                expected: "of the BERT family, for the padded reference".into(),
                found: format!("\"{}\"", architecture.name),
            });
        }
        let mut by_name = HashMap::new();
        for name in tensors.weights.names() {
            let encoder_name = name.strip_prefix("bert.").unwrap_or(name);
            let used =
                ["embeddings.", "encoder."].iter().any(|part| encoder_name.starts_with(part));
            // Scales and buffers such as position_ids are no weights.
            if used && (name.ends_with(".weight") || name.ends_with(".bias")) {
                by_name.insert(encoder_name.to_owned(), tensors.tensor(name)?);
            }
        }
        let builder = VarBuilder::from_tensors(by_name, DType::F32, &Device::Cpu);
        let model = BertModel::load(builder, &config(architecture)?)
            .map_err(|error| ModelError::Engine(Box::new(error)))?;
        Ok(Self { model: Arc::new(model), pad_token_id: architecture.pad_token_id })
    }

    /// Computes the token vectors `[T, H]` of all messages.
    pub(super) fn forward(&self, batch: &RaggedBatch) -> Result<Tensor> {
        let longest = batch.messages().map(<[u32]>::len).max().unwrap_or_default();
        let mut ids = Vec::with_capacity(batch.len() * longest);
        let mut mask = Vec::with_capacity(batch.len() * longest);
        for message in batch.messages() {
            let padding = longest - message.len();
            ids.extend(message.iter().copied());
            ids.extend(std::iter::repeat_n(self.pad_token_id, padding));
            mask.extend(std::iter::repeat_n(1_u32, message.len()));
            mask.extend(std::iter::repeat_n(0, padding));
        }
        let shape = (batch.len(), longest);
        let ids = Tensor::from_vec(ids, shape, &Device::Cpu)?;
        let mask = Tensor::from_vec(mask, shape, &Device::Cpu)?;
        let hidden = self.model.forward(&ids, &ids.zeros_like()?, Some(&mask))?;
        let rows: Vec<_> = batch
            .messages()
            .enumerate()
            .map(|(row, message)| hidden.get(row)?.narrow(0, 0, message.len()))
            .collect::<Result<_>>()?;
        Tensor::cat(&rows, 0)
    }
}

fn config(architecture: &Architecture) -> std::result::Result<Config, ModelError> {
    let hidden_act = match architecture.activation {
        Activation::Gelu => HiddenAct::Gelu,
        Activation::GeluTanh => HiddenAct::GeluApproximate,
        Activation::Relu => HiddenAct::Relu,
        Activation::Tanh => {
            return Err(ModelError::Field {
                file: "config.json",
                field: "hidden_act".into(),
                expected:
                    "one of gelu, gelu_new, gelu_pytorch_tanh, relu, for the padded reference"
                        .into(),
                found: "\"tanh\"".into(),
            });
        }
    };
    Ok(Config {
        vocab_size: architecture.vocabulary_size,
        hidden_size: architecture.hidden_size,
        num_hidden_layers: architecture.layers,
        num_attention_heads: architecture.attention_heads,
        intermediate_size: architecture.intermediate_size,
        hidden_act,
        max_position_embeddings: architecture.position_rows,
        type_vocab_size: architecture.token_types,
        layer_norm_eps: f64::from(architecture.layer_norm_epsilon),
        pad_token_id: usize::try_from(architecture.pad_token_id).unwrap_or_default(),
        ..Config::default()
    })
}

//! What computes: the [`Engine`] trait, its input and its output.

pub mod candle;
pub mod cpu;
pub mod stub;

use serde::{Deserialize, Serialize};

use crate::labels::HeadName;
use crate::model::architecture::Activation;

/// One replica of a model. One inference thread owns it, so it needs no lock.
pub trait Engine: Send {
    /// Says what the engine is.
    fn info(&self) -> &EngineInfo;

    /// Computes the outputs of every head for every message of a batch.
    ///
    /// Rows of the result come in batch order. An empty batch gives an output without rows.
    ///
    /// # Errors
    /// [`EngineError`] when the batch can't be computed; the replica may be used again.
    fn infer(&mut self, batch: &RaggedBatch) -> Result<BatchOutput, EngineError>;
}

/// Makes a replica of a loaded model; called once for each inference thread, and again after a panic.
pub type ReplicaFactory = dyn Fn() -> Result<Box<dyn Engine>, EngineError> + Send + Sync;

/// Which engine computes a model.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum EngineKind {
    /// The fastest that can compute the model.
    #[default]
    Auto,
    /// [`cpu`]: int8, with kernels for the instruction sets of this machine.
    Cpu,
    /// [`candle`]: f32.
    Candle,
}

/// What an engine is, for people and for `ModelService`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EngineInfo {
    /// Name, such as "candle".
    pub name: &'static str,
    /// Device, such as "cpu".
    pub device: String,
    /// Type of the numbers in compute, such as "f32".
    pub compute_type: &'static str,
    /// Instruction set of the kernels, such as "amx"; empty where a library chooses.
    pub instruction_set: &'static str,
}

/// Token ids of several messages, one after the other, without padding.
///
/// Message `i` is `input_ids[starts[i]..starts[i + 1]]`; `starts` has one more entry than there are messages.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RaggedBatch {
    input_ids: Vec<u32>,
    starts: Vec<usize>,
}

impl Default for RaggedBatch {
    fn default() -> Self {
        Self { input_ids: Vec::new(), starts: vec![0] }
    }
}

impl RaggedBatch {
    /// Makes a batch from messages in order.
    pub fn from_messages<'a>(messages: impl IntoIterator<Item = &'a [u32]>) -> Self {
        let mut batch = Self::default();
        for message in messages {
            batch.push(message);
        }
        batch
    }

    /// Appends a message.
    pub fn push(&mut self, input_ids: &[u32]) {
        self.input_ids.extend_from_slice(input_ids);
        self.starts.push(self.input_ids.len());
    }

    /// Returns the number of messages, B.
    #[must_use]
    pub fn len(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// Tells whether there is no message.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the number of tokens over all messages, T.
    #[must_use]
    pub fn token_count(&self) -> usize {
        self.input_ids.len()
    }

    /// Returns all token ids, message after message.
    #[must_use]
    pub fn input_ids(&self) -> &[u32] {
        &self.input_ids
    }

    /// Returns where each message begins, and at the end the total: B + 1 entries, rising.
    #[must_use]
    pub fn starts(&self) -> &[usize] {
        &self.starts
    }

    /// Returns the messages in order.
    pub fn messages(&self) -> impl Iterator<Item = &[u32]> + Clone {
        self.starts
            .iter()
            .zip(self.starts.iter().skip(1))
            .map(|(&start, &end)| self.input_ids.get(start..end).unwrap_or_default())
    }

    /// Checks that every message has 1 to `max_tokens` tokens, all inside the vocabulary.
    ///
    /// # Errors
    /// [`EngineError::BadInput`] for the first message that does not.
    pub(crate) fn check(
        &self,
        vocabulary_size: usize,
        max_tokens: usize,
    ) -> Result<(), EngineError> {
        let refuse = |index, what| Err(EngineError::BadInput { index, what });
        for (index, message) in self.messages().enumerate() {
            let tokens = message.len();
            if !(1..=max_tokens).contains(&tokens) {
                return refuse(index, format!("{tokens} tokens, 1 to {max_tokens} are accepted"));
            }
            let outside =
                |id: &&u32| usize::try_from(**id).map_or(true, |id| id >= vocabulary_size);
            if let Some(id) = message.iter().find(outside) {
                let size = vocabulary_size;
                return refuse(index, format!("token id {id}, the vocabulary has {size}"));
            }
        }
        Ok(())
    }
}

/// Outputs of a batch: B rows for each head, in batch order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BatchOutput {
    /// Number of messages, B.
    pub rows: usize,
    /// Raw outputs of each head, in the order of the manifest.
    pub heads: Vec<HeadOutput>,
    /// Sentence vectors `[B, H]`, row-major; empty when the engine does not return them.
    pub pooled: Vec<f32>,
}

/// Raw outputs (logits) of one head.
#[derive(Clone, Debug, PartialEq)]
pub struct HeadOutput {
    /// Which head.
    pub head: HeadName,
    /// Labels of the head, L.
    pub labels: usize,
    /// Logits `[B, L]`, row-major.
    pub logits: Vec<f32>,
}

/// Raw outputs of every head for one message.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MessageOutput {
    /// Logits of each head, `[L]`, in the order of the manifest.
    pub heads: Vec<(HeadName, Vec<f32>)>,
}

impl MessageOutput {
    /// Returns the logits of a head, `[L]`; `None` when the model does not have it.
    #[must_use]
    pub fn logits(&self, head: HeadName) -> Option<&[f32]> {
        let found = self.heads.iter().find(|(name, _)| *name == head);
        found.map(|(_, logits)| logits.as_slice())
    }
}

impl BatchOutput {
    /// Takes the outputs apart, one entry for each message in batch order.
    ///
    /// # Errors
    /// [`EngineError::OutputShape`] when a head does not hold `rows × labels` numbers.
    pub fn into_messages(self) -> Result<Vec<MessageOutput>, EngineError> {
        let mut messages = vec![MessageOutput::default(); self.rows];
        for head in self.heads {
            if head.labels == 0 || head.logits.len() != self.rows * head.labels {
                return Err(EngineError::OutputShape {
                    head: head.head,
                    expected: self.rows * head.labels,
                    found: head.logits.len(),
                });
            }
            for (message, row) in messages.iter_mut().zip(head.logits.chunks_exact(head.labels)) {
                message.heads.push((head.head, row.to_vec()));
            }
        }
        Ok(messages)
    }
}

/// Why a batch could not be computed.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// A message has no token, more than the model has positions for, or an id outside the vocabulary.
    #[error("message {index} of the batch has {what}")]
    BadInput {
        /// Position of the message in the batch.
        index: usize,
        /// What is wrong, without text of the message.
        what: String,
    },
    /// A head returned an unexpected number of outputs.
    #[error("head {head} returned {found} outputs, expected {expected}")]
    OutputShape {
        /// Which head.
        head: HeadName,
        /// Outputs that the batch asks for.
        expected: usize,
        /// Outputs that came.
        found: usize,
    },
    /// The library underneath failed.
    #[error("the compute library failed")]
    Backend(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<Activation> for signalbox_kernels::Activation {
    fn from(activation: Activation) -> Self {
        match activation {
            Activation::Gelu => Self::Gelu,
            Activation::GeluTanh => Self::GeluTanh,
            Activation::Relu => Self::Relu,
            Activation::Tanh => Self::Tanh,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ragged_batch_gives_messages_back_in_order() {
        let batch = RaggedBatch::from_messages([[1, 2].as_slice(), &[], &[3]]);

        let messages: Vec<&[u32]> = batch.messages().collect();

        assert_eq!(messages, [[1, 2].as_slice(), &[], &[3]]);
        assert_eq!((batch.len(), batch.token_count()), (3, 3));
    }

    #[test]
    fn outputs_of_the_wrong_size_are_an_error() {
        let head = HeadOutput { head: HeadName::Flags, labels: 2, logits: vec![0.0; 3] };
        let output = BatchOutput { rows: 2, heads: vec![head], pooled: vec![] };

        let error = output.into_messages().unwrap_err();

        assert!(matches!(error, EngineError::OutputShape { expected: 4, found: 3, .. }));
    }

    #[test]
    fn outputs_are_taken_apart_by_message() {
        let head = HeadOutput { head: HeadName::Flags, labels: 2, logits: vec![1., 2., 3., 4.] };
        let output = BatchOutput { rows: 2, heads: vec![head], pooled: vec![] };

        let messages = output.into_messages().unwrap();

        assert_eq!(messages[1].heads, [(HeadName::Flags, vec![3., 4.])]);
    }
}

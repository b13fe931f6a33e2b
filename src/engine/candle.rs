//! Encoders through candle.

mod attention;
mod disentangled;
mod embeddings;
mod encoder;
mod heads;
mod operations;
mod padded;
mod rotary;
mod rows;
mod tensors;

use rayon::{ThreadPool, ThreadPoolBuilder};

use super::{BatchOutput, Engine, EngineError, EngineInfo, RaggedBatch};
use crate::model::architecture::Attention;
use crate::model::{ModelBundle, ModelError};
use encoder::RaggedEncoder;
use heads::{HeadLayers, Pooler};
use padded::PaddedEncoder;
use rotary::RotaryEncoder;
use tensors::Tensors;

/// A model in memory, ready to compute. Cheap to clone: clones and replicas share the weights.
#[derive(Clone, Debug)]
pub struct CandleModel {
    encoder: Encoder,
    pooler: Pooler,
    heads: Vec<HeadLayers>,
    vocabulary_size: usize,
    max_positions: usize,
}

/// BERT's blocks in two forms of the same computation, and ModernBERT's.
#[derive(Clone, Debug)]
enum Encoder {
    Ragged(RaggedEncoder),
    Rotary(RotaryEncoder),
    Padded(PaddedEncoder),
}

impl CandleModel {
    /// Decodes the weights of a bundle.
    ///
    /// # Errors
    /// [`ModelError`] when a tensor can't be decoded, which a bundle that was loaded rules out.
    pub fn load(bundle: &ModelBundle) -> Result<Self, ModelError> {
        let (tensors, architecture) = (tensors_of(bundle), bundle.architecture());
        let ragged = |options| RaggedEncoder::load(tensors, architecture, options);
        let encoder = match &architecture.attention {
            Attention::Full => Encoder::Ragged(ragged(None)?),
            Attention::Disentangled(options) => Encoder::Ragged(ragged(Some(options))?),
            Attention::Rotary(options) => {
                Encoder::Rotary(RotaryEncoder::load(tensors, architecture, options)?)
            }
        };
        Self::with_encoder(bundle, encoder)
    }

    /// Decodes the weights of a bundle for the encoder of candle-transformers, which pads every message to the
    /// longest of its batch. Slower; a reference to compare with.
    ///
    /// # Errors
    /// [`ModelError`] when the architecture is not of the BERT family, or a tensor can't be decoded.
    pub fn load_padded(bundle: &ModelBundle) -> Result<Self, ModelError> {
        let encoder = PaddedEncoder::load(tensors_of(bundle), bundle.architecture())?;
        Self::with_encoder(bundle, Encoder::Padded(encoder))
    }

    fn with_encoder(bundle: &ModelBundle, encoder: Encoder) -> Result<Self, ModelError> {
        let architecture = bundle.architecture();
        let manifest = bundle.manifest();
        let tensors = tensors_of(bundle);
        Ok(Self {
            encoder,
            pooler: Pooler::load(tensors, architecture, manifest.pooling)?,
            heads: HeadLayers::load_all(tensors, architecture, manifest)?,
            vocabulary_size: architecture.vocabulary_size,
            max_positions: architecture.max_positions(),
        })
    }

    /// Makes a replica that computes on at most `threads` threads (0 counts as 1).
    ///
    /// # Errors
    /// [`EngineError::Backend`] when the operating system gives no threads.
    pub fn replica(&self, threads: usize) -> Result<Box<dyn Engine>, EngineError> {
        let threads = threads.max(1);
        // Without padding, one thread is the calling one: that saves two switches.
        let pool = match (&self.encoder, threads) {
            (Encoder::Ragged(_) | Encoder::Rotary(_), 1) => None,
            (Encoder::Ragged(_) | Encoder::Rotary(_) | Encoder::Padded(_), _) => {
                Some(compute_pool(threads)?)
            }
        };
        Ok(Box::new(CandleEngine {
            model: self.clone(),
            threads,
            pool,
            info: EngineInfo {
                name: match self.encoder {
                    Encoder::Ragged(_) | Encoder::Rotary(_) => "candle",
                    Encoder::Padded(_) => "candle-padded",
                },
                device: "cpu".into(),
                compute_type: "f32",
                instruction_set: "",
            },
        }))
    }

    fn infer(&self, batch: &RaggedBatch, threads: usize) -> candle_core::Result<BatchOutput> {
        let hidden = match &self.encoder {
            Encoder::Ragged(encoder) => encoder.forward(batch, threads),
            Encoder::Rotary(encoder) => encoder.forward(batch, threads),
            Encoder::Padded(encoder) => encoder.forward(batch),
        }?;
        let pooled = self.pooler.forward(&hidden, batch, threads)?;
        let heads = self.heads.iter().map(|head| head.forward(&pooled, threads));
        Ok(BatchOutput {
            rows: batch.len(),
            heads: heads.collect::<candle_core::Result<_>>()?,
            pooled: pooled.flatten_all()?.to_vec1()?,
        })
    }
}

fn tensors_of(bundle: &ModelBundle) -> Tensors<'_> {
    Tensors {
        weights: bundle.weights(),
        layer_norm_epsilon: bundle.architecture().layer_norm_epsilon,
    }
}

#[derive(Debug)]
struct CandleEngine {
    model: CandleModel,
    threads: usize,
    /// Work is given to the rayon pool that it runs in. In its own, a replica uses no more threads than it was given,
    /// and never the pool of the process.
    pool: Option<ThreadPool>,
    info: EngineInfo,
}

impl Engine for CandleEngine {
    fn info(&self) -> &EngineInfo {
        &self.info
    }

    fn infer(&mut self, batch: &RaggedBatch) -> Result<BatchOutput, EngineError> {
        batch.check(self.model.vocabulary_size, self.model.max_positions)?;
        if batch.is_empty() {
            let heads = self.model.heads.iter().map(HeadLayers::empty_output);
            return Ok(BatchOutput { heads: heads.collect(), ..BatchOutput::default() });
        }
        let infer = || self.model.infer(batch, self.threads);
        let output = match &self.pool {
            Some(pool) => pool.install(infer),
            None => infer(),
        };
        output.map_err(|error| EngineError::Backend(Box::new(error)))
    }
}

fn compute_pool(threads: usize) -> Result<ThreadPool, EngineError> {
    ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(|index| format!("compute-{index}"))
        .build()
        .map_err(|error| EngineError::Backend(Box::new(error)))
}

//! Encoders with BERT's blocks in int8 on a CPU, computed by [`signalbox_kernels::int8`].
//!
//! Messages of a batch lie one after the other without padding.

mod embeddings;
mod heads;
#[cfg(test)]
mod tests;
mod weights;

use std::sync::Arc;

use rayon::iter::{IntoParallelIterator, ParallelIterator};
use rayon::{ThreadPool, ThreadPoolBuilder};
pub use signalbox_kernels::int8::InstructionSet;
use signalbox_kernels::int8::{self, Encoder, Kernels};

use super::{BatchOutput, Engine, EngineError, EngineInfo, HeadOutput, RaggedBatch};
use crate::model::architecture::{Architecture, Attention};
use crate::model::{ModelBundle, ModelError};
use embeddings::Embeddings;
use heads::{HeadLayers, Pooler};

/// A batch is not cut for several threads into parts of fewer tokens than this: handing work over costs as much as
/// computing a few tokens.
const LEAST_TOKENS_A_THREAD: usize = 64;

/// A model in memory, ready to compute. Cheap to clone: clones and replicas share the weights.
#[derive(Clone, Debug)]
pub struct CpuModel(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    kernels: Kernels,
    instructions: InstructionSet,
    embeddings: Embeddings,
    encoder: Encoder,
    pooler: Pooler,
    heads: Vec<HeadLayers>,
    vocabulary_size: usize,
    max_positions: usize,
    hidden_size: usize,
}

/// Memory of one thread, kept from one batch to the next.
#[derive(Debug, Default)]
struct Workspace {
    /// Token vectors `[T, H]`.
    vectors: Vec<f32>,
    encoder: int8::Workspace,
}

impl CpuModel {
    /// Tells whether this engine computes an architecture.
    #[must_use]
    pub fn computes(architecture: &Architecture) -> bool {
        match architecture.attention {
            Attention::Full => architecture.embeds_positions,
            Attention::Disentangled(_) | Attention::Rotary(_) => false,
        }
    }

    /// Packs the weights of a bundle for an instruction set.
    ///
    /// # Errors
    /// [`ModelError`] when this engine does not compute the architecture, or this machine does not have the instruction
    /// set or the memory.
    pub fn load(bundle: &ModelBundle, instructions: InstructionSet) -> Result<Self, ModelError> {
        if !Self::computes(bundle.architecture()) {
            let name = &bundle.architecture().name;
            let error = format!(
                "{name} has other blocks than BERT, which inference.engine = \"cpu\" does not compute: \
                 take \"auto\" or \"candle\""
            );
            return Err(ModelError::Engine(error.into()));
        }
        let missing = || {
            let names = InstructionSet::available().into_iter().map(InstructionSet::name);
            let names: Vec<_> = names.collect();
            let names = names.join(", ");
            let error = format!(
                "this machine has no {instructions} (inference.instruction_set), only {names}"
            );
            ModelError::Engine(error.into())
        };
        let architecture = bundle.architecture();
        let (weights, manifest) = (bundle.weights(), bundle.manifest());
        Ok(Self(Arc::new(Parts {
            kernels: Kernels::new(instructions).ok_or_else(missing)?,
            instructions,
            embeddings: Embeddings::load(weights, architecture)?,
            encoder: Encoder::pack(weights::encoder(weights, architecture)?)
                .map_err(weights::refused)?,
            pooler: Pooler::read(weights, architecture, manifest.pooling)?,
            heads: HeadLayers::read_all(weights, architecture, manifest)?,
            vocabulary_size: architecture.vocabulary_size,
            max_positions: architecture.max_positions(),
            hidden_size: architecture.hidden_size,
        })))
    }

    /// Makes a replica that computes on at most `threads` threads (0 counts as 1).
    ///
    /// # Errors
    /// [`EngineError::Backend`] when the operating system gives no threads.
    pub fn replica(&self, threads: usize) -> Result<Box<dyn Engine>, EngineError> {
        let pool = if threads > 1 { Some(compute_pool(threads)?) } else { None };
        Ok(Box::new(CpuEngine {
            parts: Arc::clone(&self.0),
            workspaces: (0..threads.max(1)).map(|_| Workspace::default()).collect(),
            pool,
            info: EngineInfo {
                name: "cpu",
                device: "cpu".into(),
                compute_type: "int8",
                instruction_set: self.0.instructions.name(),
            },
        }))
    }
}

#[derive(Debug)]
struct CpuEngine {
    parts: Arc<Parts>,
    /// One for each thread.
    workspaces: Vec<Workspace>,
    pool: Option<ThreadPool>,
    info: EngineInfo,
}

impl Engine for CpuEngine {
    fn info(&self) -> &EngineInfo {
        &self.info
    }

    fn infer(&mut self, batch: &RaggedBatch) -> Result<BatchOutput, EngineError> {
        batch.check(self.parts.vocabulary_size, self.parts.max_positions)?;
        let parts = &self.parts;
        let most = (batch.token_count() / LEAST_TOKENS_A_THREAD).clamp(1, self.workspaces.len());
        let computed = match &self.pool {
            Some(pool) if most > 1 && batch.len() > 1 => {
                let shares = shares(batch, most);
                let jobs: Vec<_> = shares.into_iter().zip(&mut self.workspaces).collect();
                pool.install(|| {
                    let compute = |(share, workspace)| parts.infer(batch, share, workspace);
                    jobs.into_par_iter().map(compute).collect::<Option<Vec<_>>>()
                })
            }
            _ => {
                let workspace = self.workspaces.first_mut();
                let output =
                    workspace.and_then(|workspace| parts.infer(batch, 0..batch.len(), workspace));
                output.map(|output| vec![output])
            }
        };
        let impossible = || EngineError::Backend("sizes of the encoder do not match".into());
        Ok(joined(computed.ok_or_else(impossible)?))
    }
}

impl Parts {
    /// Computes some messages of a batch.
    fn infer(
        &self,
        batch: &RaggedBatch,
        share: std::ops::Range<usize>,
        workspace: &mut Workspace,
    ) -> Option<BatchOutput> {
        let session = self.kernels.on_this_thread();
        let messages = batch.messages().skip(share.start).take(share.len());
        let lengths: Vec<_> = messages.clone().map(<[u32]>::len).collect();
        let Workspace { vectors, encoder } = workspace;
        self.embeddings.forward(session, messages, vectors)?;
        self.encoder.forward(session, &lengths, vectors, encoder)?;
        let pooled = self.pooler.forward(session, vectors, &lengths, self.hidden_size);
        Some(BatchOutput {
            rows: share.len(),
            heads: self.heads.iter().map(|head| head.forward(session, &pooled)).collect(),
            pooled,
        })
    }
}

/// Cuts a batch into at most `count` runs of messages with about as many tokens each.
fn shares(batch: &RaggedBatch, count: usize) -> Vec<std::ops::Range<usize>> {
    let mut shares = Vec::with_capacity(count);
    let mut first = 0;
    for index in 1..=count {
        let tokens = batch.token_count() * index / count;
        let end = batch.starts().partition_point(|start| *start <= tokens).saturating_sub(1);
        if end > first {
            shares.push(first..end);
            first = end;
        }
    }
    shares
}

/// Puts outputs of runs of messages one after the other.
fn joined(outputs: Vec<BatchOutput>) -> BatchOutput {
    let mut outputs = outputs.into_iter();
    let mut all = outputs.next().unwrap_or_default();
    for BatchOutput { rows, heads, pooled } in outputs {
        all.rows += rows;
        all.pooled.extend(pooled);
        for (HeadOutput { logits, .. }, more) in all.heads.iter_mut().zip(heads) {
            logits.extend(more.logits);
        }
    }
    all
}

fn compute_pool(threads: usize) -> Result<ThreadPool, EngineError> {
    ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(|index| format!("compute-{index}"))
        .build()
        .map_err(|error| EngineError::Backend(Box::new(error)))
}

//! What a model makes of messages, without a pipeline: sentence vectors and raw outputs.

use anyhow::{Context, anyhow};
use indicatif::ProgressBar;

use crate::app::engine_loader;
use crate::config::Config;
use crate::engine::{Engine, MessageOutput, RaggedBatch};
use crate::message::{Limits, MessageDraft, Truncation, ValidationErrors};
use crate::model::ModelBundle;
use crate::text::NormalizedText;
use crate::tokenization::TextTokenizer;

/// One message as a model reads it.
#[derive(Clone, Debug, Default)]
pub(super) struct Reading {
    /// Its tokens.
    pub(super) input_ids: Vec<u32>,
    /// The text that they were made of.
    pub(super) text: String,
}

/// What a model makes of one message.
#[derive(Clone, Debug, Default)]
pub(super) struct Computed {
    /// Sentence vector `[H]`.
    pub(super) pooled: Vec<f32>,
    /// Outputs of the heads.
    pub(super) output: MessageOutput,
}

/// One replica of a model and its tokenizer.
pub(super) struct Embedder {
    tokenizer: TextTokenizer,
    engine: Box<dyn Engine>,
    max_batch_tokens: usize,
}

impl Embedder {
    /// Takes a model in, with the engine and on the threads that the settings say.
    pub(super) fn start(bundle: &ModelBundle, config: &Config) -> anyhow::Result<Self> {
        let factory = engine_loader()(bundle, &config.inference)?;
        Ok(Self {
            tokenizer: TextTokenizer::from_bundle(bundle)?,
            engine: factory().context("the engine can't start")?,
            max_batch_tokens: config.inference.max_batch_tokens,
        })
    }

    /// Returns the name of what computes.
    pub(super) fn engine(&self) -> &'static str {
        self.engine.info().name
    }

    /// Cleans a message and splits it into tokens as the service does; `None` when nothing is left of it.
    pub(super) fn read(
        &self,
        draft: MessageDraft,
        limits: &Limits,
    ) -> Result<Option<Reading>, String> {
        let message = draft
            .validate(limits, ValidationErrors::default())
            .map_err(|error| error.to_string())?;
        let normalized = NormalizedText::of(&message);
        if normalized.is_blank() {
            return Ok(None);
        }
        self.read_text(normalized.text).map(Some)
    }

    /// Splits a text into tokens as it stands.
    pub(super) fn read_text(&self, text: String) -> Result<Reading, String> {
        let tokens = self.tokenizer.tokenize(&text, Truncation::HeadTail);
        let tokens = tokens.map_err(|error| error.to_string())?;
        Ok(Reading { input_ids: tokens.input_ids, text })
    }

    /// Computes messages, in their order. Short ones share batches with short ones.
    pub(super) fn compute(
        &mut self,
        readings: &[&Reading],
        progress: &ProgressBar,
    ) -> anyhow::Result<Vec<Computed>> {
        let mut order: Vec<usize> = (0..readings.len()).collect();
        order.sort_by_key(|index| readings.get(*index).map_or(0, |r| r.input_ids.len()));
        let mut computed = vec![Computed::default(); readings.len()];
        let mut batch = RaggedBatch::default();
        let mut places = Vec::new();
        for index in order {
            let ids = readings.get(index).map_or(&[][..], |reading| &reading.input_ids);
            if !batch.is_empty() && batch.token_count() + ids.len() > self.max_batch_tokens {
                self.compute_batch(&batch, &places, &mut computed)?;
                progress.inc(places.len() as u64);
                (batch, places) = (RaggedBatch::default(), Vec::new());
            }
            batch.push(ids);
            places.push(index);
        }
        self.compute_batch(&batch, &places, &mut computed)?;
        progress.inc(places.len() as u64);
        Ok(computed)
    }

    fn compute_batch(
        &mut self,
        batch: &RaggedBatch,
        places: &[usize],
        computed: &mut [Computed],
    ) -> anyhow::Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        let mut output = self.engine.infer(batch)?;
        let pooled = std::mem::take(&mut output.pooled);
        let width = pooled.len() / batch.len();
        if width == 0 {
            return Err(anyhow!("engine {} gives no sentence vectors", self.engine()));
        }
        let rows = pooled.chunks_exact(width).zip(output.into_messages()?);
        for (place, (pooled, output)) in places.iter().zip(rows) {
            if let Some(computed) = computed.get_mut(*place) {
                *computed = Computed { pooled: pooled.to_vec(), output };
            }
        }
        Ok(())
    }
}

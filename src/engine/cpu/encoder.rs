//! The encoder of the BERT families over a ragged batch, in int8: no padding anywhere.
//!
//! Token vectors are f32 between the parts of a block; each dense layer reads them quantised token by token.

use super::attention::{self, Chunk, Shape};
use super::dense::{FloatDense, Sums, Then};
use super::kernels::{ActivationFormat, Arena, Session, Work, rows};
use super::packing::{PackedDense, QuantizedDense};
use super::quantized::QuantizedRows;
use crate::model::ModelError;
use crate::model::architecture::{Activation, Architecture};
use crate::model::layout::{LayerModules, TensorNames};
use crate::model::weights::{StoredValues, Weights};

/// Whole messages go through a block together until they have this many tokens: enough for the weights of the block to
/// be read from the cache once for all of them, and few enough for what is between to stay there, too.
const CHUNK_TOKENS: usize = 128;
/// Rows whose intermediate vectors are there at a time.
const FEED_FORWARD_ROWS: usize = 128;

/// Weights of an encoder.
#[derive(Debug)]
pub(super) struct Encoder {
    arena: Arena,
    embeddings: Embeddings,
    /// From the width of the embeddings to that of the blocks, where it is another. In f32: every block sees what it
    /// loses, and it costs little.
    projection: Option<FloatDense>,
    layers: Vec<Layer>,
    shape: Shape,
    intermediate: usize,
    activation: Activation,
}

/// Memory of one thread, kept from one batch to the next.
#[derive(Debug, Default)]
pub(super) struct Workspace {
    /// `[T, H]`.
    hidden: Vec<f32>,
    quantized: QuantizedRows,
    /// `[T, E]`, where embeddings have a width of their own.
    embedded: Vec<f32>,
    /// `[chunk, H]`.
    context: Vec<f32>,
    quantized_context: QuantizedRows,
    /// `[rows, intermediate]`.
    intermediate: Vec<f32>,
    quantized_intermediate: QuantizedRows,
    sums: Sums,
    attention: attention::Room,
}

impl Workspace {
    /// Returns the token vectors of the last batch, `[T, H]`.
    pub(super) fn hidden(&self) -> &[f32] {
        &self.hidden
    }
}

impl Encoder {
    /// Packs the weights of a bundle.
    pub(super) fn load(weights: &Weights, architecture: &Architecture) -> Result<Self, ModelError> {
        let names = TensorNames::of(architecture);
        let modules = (0..architecture.layers).map(|index| names.layer(index));
        let read = |modules| LayerParts::read(weights, architecture, &modules);
        let parts = modules.map(read).collect::<Result<Vec<_>, _>>()?;
        let bytes = parts.iter().map(LayerParts::packed_bytes).sum();
        let no_memory = || ModelError::Engine(format!("no memory for {bytes} bytes").into());
        let mut arena = Arena::zeroed(bytes).ok_or_else(no_memory)?;
        let mut start = 0;
        let layers = parts.into_iter().map(|parts| {
            let end = start + parts.packed_bytes();
            let layer = parts.pack(&mut arena, start);
            start = end;
            layer
        });
        let layers = layers.collect::<Option<_>>().ok_or_else(no_memory)?;
        let projection = names.embeddings_projection();
        let projection = projection.map(|module| FloatDense::read(weights, &module));
        Ok(Self {
            arena,
            embeddings: Embeddings::load(weights, architecture, &names)?,
            projection: projection.transpose()?,
            layers,
            shape: shape_of(architecture),
            intermediate: architecture.intermediate_size,
            activation: architecture.activation,
        })
    }

    /// Computes the token vectors of some messages; they are in the workspace then. `None` where a token is not in the
    /// vocabulary or has no position.
    pub(super) fn forward<'a>(
        &self,
        session: Session,
        messages: &(impl Iterator<Item = &'a [u32]> + Clone),
        workspace: &mut Workspace,
    ) -> Option<()> {
        let hidden = self.shape.hidden;
        let tokens: usize = messages.clone().map(<[u32]>::len).sum();
        workspace.hidden.resize(tokens * hidden, 0.0);
        workspace.quantized.resize(tokens, hidden, session.format());
        let Workspace { hidden: vectors, quantized, embedded, .. } = workspace;
        match &self.projection {
            None => {
                self.embeddings.forward(session, messages.clone(), vectors)?;
                self.embeddings.norm.normalize(session, vectors, quantized, 0);
            }
            Some(projection) => {
                embedded.resize(tokens * self.embeddings.width(), 0.0);
                self.embeddings.forward(session, messages.clone(), embedded)?;
                self.embeddings.norm.normalize_only(session, embedded);
                projection.forward_into(session, embedded, vectors);
                quantized.quantize(session, 0, vectors, hidden);
            }
        }
        for layer in &self.layers {
            let mut first = 0;
            let mut lengths = messages.clone().map(<[u32]>::len).peekable();
            let mut taken = Vec::new();
            while let Some(length) = lengths.next() {
                taken.push(length);
                let chunk = Chunk { first, lengths: &taken };
                let tokens = chunk.tokens();
                if lengths.peek().is_none_or(|next| tokens + next > CHUNK_TOKENS) {
                    self.layer(session, layer, chunk, workspace)?;
                    first += tokens;
                    taken.clear();
                }
            }
        }
        Some(())
    }

    /// Sends a chunk of messages through a block.
    fn layer(
        &self,
        session: Session,
        layer: &Layer,
        chunk: Chunk<'_>,
        workspace: &mut Workspace,
    ) -> Option<()> {
        let Workspace { hidden, quantized, context, quantized_context, sums, attention, .. } =
            workspace;
        let width = self.shape.hidden;
        let (first, tokens) = (chunk.first, chunk.tokens());
        let hidden = hidden.get_mut(first * width..(first + tokens) * width)?;

        context.resize(tokens * width, 0.0);
        attention::attend(
            session,
            self.shape,
            (&self.arena, &layer.query_key_value),
            (quantized, chunk),
            (context, attention),
        )?;
        quantized_context.resize(tokens, width, session.format());
        quantized_context.quantize(session, 0, context, width);
        layer.attention_output.forward(
            session,
            &self.arena,
            (quantized_context, 0, tokens),
            Then::Add,
            (sums, hidden),
        )?;
        layer.attention_norm.normalize(session, hidden, quantized, first);

        self.feed_forward(session, layer, first, tokens, workspace)
    }

    /// Sends tokens through the second half of a block, some rows at a time: the intermediate vectors are wide.
    fn feed_forward(
        &self,
        session: Session,
        layer: &Layer,
        first: usize,
        tokens: usize,
        workspace: &mut Workspace,
    ) -> Option<()> {
        let Workspace { hidden, quantized, intermediate, quantized_intermediate, sums, .. } =
            workspace;
        let width = self.shape.hidden;
        for start in (first..first + tokens).step_by(FEED_FORWARD_ROWS) {
            let rows = FEED_FORWARD_ROWS.min(first + tokens - start);
            let hidden = hidden.get_mut(start * width..(start + rows) * width)?;
            intermediate.resize(rows * self.intermediate, 0.0);
            layer.intermediate.forward(
                session,
                &self.arena,
                (quantized, start, rows),
                Then::Activate(self.activation),
                (sums, intermediate),
            )?;
            quantized_intermediate.resize(rows, self.intermediate, session.format());
            quantized_intermediate.quantize(session, 0, intermediate, self.intermediate);
            layer.output.forward(
                session,
                &self.arena,
                (quantized_intermediate, 0, rows),
                Then::Add,
                (sums, hidden),
            )?;
            layer.output_norm.normalize(session, hidden, quantized, start);
        }
        Some(())
    }
}

fn shape_of(architecture: &Architecture) -> Shape {
    Shape {
        hidden: architecture.hidden_size,
        head: architecture.hidden_size / architecture.attention_heads,
    }
}

/// Word, position and token type embeddings.
#[derive(Debug)]
struct Embeddings {
    /// The word embeddings are most of a small model. They stay as stored; the rows that a batch needs are decoded.
    words: Weights,
    words_name: String,
    /// Position embeddings from the first position on, token type 0 added: `[positions, E]`.
    positions: Vec<f32>,
    norm: Norm,
}

impl Embeddings {
    fn load(
        weights: &Weights,
        architecture: &Architecture,
        names: &TensorNames,
    ) -> Result<Self, ModelError> {
        let width = architecture.embedding_size;
        let mut positions = Vec::new();
        if let Some(name) = names.position_embeddings() {
            positions = weights.tensor(&name)?.to_f32();
            positions.drain(..architecture.position_offset * width);
        }
        if let Some(name) = names.token_type_embeddings() {
            let mut token_type = Vec::new();
            weights.tensor(&name)?.append_row(0, &mut token_type);
            for row in positions.chunks_exact_mut(width.max(1)) {
                for (value, added) in row.iter_mut().zip(&token_type) {
                    *value += added;
                }
            }
        }
        Ok(Self {
            words: weights.clone(),
            words_name: names.word_embeddings(),
            positions,
            norm: Norm::read(weights, architecture, &names.embeddings_norm())?,
        })
    }

    /// Returns the width of the embeddings, E.
    fn width(&self) -> usize {
        self.norm.scale.len()
    }

    /// Sums the embeddings of each token into `[T, E]`, not yet normalised.
    fn forward<'a>(
        &self,
        session: Session,
        messages: impl Iterator<Item = &'a [u32]>,
        hidden: &mut [f32],
    ) -> Option<()> {
        let width = self.width().max(1);
        let words = self.words.tensor(&self.words_name).ok()?;
        let mut to = hidden.chunks_exact_mut(width);
        let mut decoded = Vec::new();
        for message in messages {
            let mut positions = self.positions.chunks_exact(width);
            for id in message {
                let row = usize::try_from(*id).ok()?;
                let (to, position) = (to.next()?, positions.next()?);
                if let StoredValues::I8 { values, scales } = words.stored() {
                    let integers = values.get(row * width..(row + 1) * width)?;
                    let scale = scales.get(4 * row..)?.first_chunk()?;
                    let scale = f32::from_le_bytes(*scale);
                    session.run(DecodeAndAdd { integers, scale, position, to });
                } else {
                    decoded.clear();
                    words.append_row(row, &mut decoded);
                    for ((to, value), position) in to.iter_mut().zip(&decoded).zip(position) {
                        *to = value + position;
                    }
                }
            }
        }
        Some(())
    }
}

struct DecodeAndAdd<'a> {
    integers: &'a [u8],
    scale: f32,
    position: &'a [f32],
    to: &'a mut [f32],
}

impl Work for DecodeAndAdd<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        rows::decode_and_add::<FMA>(self.integers, self.scale, self.position, self.to);
    }
}

/// Layer normalisation.
#[derive(Debug)]
struct Norm {
    scale: Vec<f32>,
    shift: Vec<f32>,
    epsilon: f32,
}

impl Norm {
    fn read(
        weights: &Weights,
        architecture: &Architecture,
        module: &str,
    ) -> Result<Self, ModelError> {
        Ok(Self {
            scale: weights.tensor(&format!("{module}.weight"))?.to_f32(),
            shift: weights.tensor(&format!("{module}.bias"))?.to_f32(),
            epsilon: architecture.layer_norm_epsilon,
        })
    }

    /// Normalises each row of `[T, E]`.
    fn normalize_only(&self, session: Session, values: &mut [f32]) {
        session.run(NormalizeOnly { norm: self, values });
    }

    /// Normalises each row of `[T, H]` and quantises it into the rows from `first` on.
    fn normalize(
        &self,
        session: Session,
        values: &mut [f32],
        quantized: &mut QuantizedRows,
        first: usize,
    ) {
        session.run(Normalize { norm: self, values, format: session.format(), quantized, first });
    }
}

struct NormalizeOnly<'a> {
    norm: &'a Norm,
    values: &'a mut [f32],
}

impl Work for NormalizeOnly<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Norm { scale, shift, epsilon } = self.norm;
        for values in self.values.chunks_exact_mut(scale.len().max(1)) {
            rows::normalize::<FMA>(values, scale, shift, *epsilon);
        }
    }
}

struct Normalize<'a> {
    norm: &'a Norm,
    values: &'a mut [f32],
    format: ActivationFormat,
    quantized: &'a mut QuantizedRows,
    first: usize,
}

impl Work for Normalize<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Norm { scale, shift, epsilon } = self.norm;
        let rows = self.values.chunks_exact_mut(scale.len().max(1));
        for (values, (to, row_scale)) in rows.zip(self.quantized.rows_mut(self.first)) {
            rows::normalize::<FMA>(values, scale, shift, *epsilon);
            *row_scale = rows::quantize(values, self.format, to);
        }
    }
}

/// One block, quantised but not yet packed.
struct LayerParts {
    /// In the order in which a batch goes through them.
    query_key_value: QuantizedDense,
    attention_output: QuantizedDense,
    intermediate: QuantizedDense,
    output: QuantizedDense,
    attention_norm: Norm,
    output_norm: Norm,
}

impl LayerParts {
    fn read(
        weights: &Weights,
        architecture: &Architecture,
        modules: &LayerModules,
    ) -> Result<Self, ModelError> {
        let dense = |module| QuantizedDense::read(weights, module);
        let norm = |module| Norm::read(weights, architecture, module);
        Ok(Self {
            query_key_value: QuantizedDense::read_query_key_value(
                weights,
                shape_of(architecture),
                modules,
            )?,
            attention_output: dense(&modules.attention_output)?,
            intermediate: dense(&modules.intermediate)?,
            output: dense(&modules.output)?,
            attention_norm: norm(&modules.attention_norm)?,
            output_norm: norm(&modules.output_norm)?,
        })
    }

    fn packed_bytes(&self) -> usize {
        [&self.query_key_value, &self.attention_output, &self.intermediate, &self.output]
            .map(QuantizedDense::packed_bytes)
            .iter()
            .sum()
    }

    /// Packs the weights in the order in which they are read.
    fn pack(self, arena: &mut Arena, start: usize) -> Option<Layer> {
        let mut start = start;
        let mut pack = |dense: QuantizedDense| {
            let bytes = dense.packed_bytes();
            let packed = dense.pack(arena, start);
            start += bytes;
            packed
        };
        Some(Layer {
            query_key_value: pack(self.query_key_value)?,
            attention_output: pack(self.attention_output)?,
            intermediate: pack(self.intermediate)?,
            output: pack(self.output)?,
            attention_norm: self.attention_norm,
            output_norm: self.output_norm,
        })
    }
}

/// One block.
#[derive(Debug)]
struct Layer {
    /// Queries, keys and values, head by head.
    query_key_value: PackedDense,
    attention_output: PackedDense,
    intermediate: PackedDense,
    output: PackedDense,
    attention_norm: Norm,
    output_norm: Norm,
}

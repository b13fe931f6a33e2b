//! The encoder of the BERT families over a ragged batch: no padding anywhere.
//!
//! Token vectors are f32 between the parts of a block; each dense layer reads them quantised token by token.

#[cfg(test)]
mod tests;

use super::attention::{self, Chunk, Shape};
use super::dense::{FloatDense, Sums, Then};
use super::norm::Norm;
use super::packing::{PackedDense, QuantizedDense};
use super::quantized::QuantizedRows;
use super::{Arena, Lines, Session, WeightsError};
use crate::Activation;

/// Whole messages go through a block together until they have this many tokens: enough for the weights of the block to
/// be read from the cache once for all of them, and few enough for what is between to stay there, too.
const CHUNK_TOKENS: usize = 128;
/// Rows whose intermediate vectors are there at a time.
const FEED_FORWARD_ROWS: usize = 128;

/// Weights of an encoder, as they come from a model.
#[derive(Debug)]
pub struct EncoderWeights {
    /// Sizes of a token vector.
    pub shape: Shape,
    /// Of the sums of a token's embeddings, `[E]`.
    pub embeddings_norm: Norm,
    /// From the width of the embeddings to that of the blocks, `[H, E]`, where it is another. In f32: every block sees
    /// what it loses, and it costs little.
    pub projection: Option<FloatDense>,
    /// Blocks, in the order in which a message goes through them.
    pub layers: Vec<LayerWeights>,
    /// Function between the two dense layers of a block.
    pub activation: Activation,
}

/// Weights of one block; I is the width between its two dense layers.
#[derive(Debug)]
pub struct LayerWeights {
    /// `[H, H]`, head by head.
    pub query: QuantizedDense,
    /// `[H, H]`, head by head.
    pub key: QuantizedDense,
    /// `[H, H]`, head by head.
    pub value: QuantizedDense,
    /// `[H, H]`.
    pub attention_output: QuantizedDense,
    /// `[H]`.
    pub attention_norm: Norm,
    /// `[I, H]`.
    pub intermediate: QuantizedDense,
    /// `[H, I]`.
    pub output: QuantizedDense,
    /// `[H]`.
    pub output_norm: Norm,
}

/// An encoder, packed for the kernels.
#[derive(Debug)]
pub struct Encoder {
    arena: Arena,
    shape: Shape,
    embeddings_norm: Norm,
    projection: Option<FloatDense>,
    layers: Vec<Layer>,
    activation: Activation,
}

/// Memory of one thread, kept from one batch to the next.
#[derive(Debug, Default)]
pub struct Workspace {
    /// `[T, H]`.
    quantized: QuantizedRows,
    /// `[chunk, H]`.
    context: Lines<f32>,
    quantized_context: QuantizedRows,
    /// `[rows, I]`.
    intermediate: Lines<f32>,
    quantized_intermediate: QuantizedRows,
    sums: Sums,
    attention: attention::Room,
}

impl Encoder {
    /// Packs weights.
    ///
    /// # Errors
    /// [`WeightsError`] when their sizes do not match or there is no memory for them.
    pub fn pack(weights: EncoderWeights) -> Result<Self, WeightsError> {
        if !weights.match_in_size() {
            return Err(WeightsError::Sizes);
        }
        let EncoderWeights { shape, embeddings_norm, projection, layers, activation } = weights;
        let parts = layers.into_iter().map(|layer| LayerParts::of(layer, shape));
        let parts: Vec<_> = parts.collect();
        let bytes = parts.iter().map(LayerParts::packed_bytes).sum();
        let mut arena = Arena::zeroed(bytes).ok_or(WeightsError::Memory { bytes })?;
        let mut start = 0;
        let layers = parts.into_iter().map(|parts| {
            let end = start + parts.packed_bytes();
            let layer = parts.pack(&mut arena, start);
            start = end;
            layer
        });
        let layers = layers.collect::<Option<_>>().ok_or(WeightsError::Sizes)?;
        Ok(Self { arena, shape, embeddings_norm, projection, layers, activation })
    }

    /// Computes the token vectors `[T, H]` of messages of that many tokens, one after the other.
    ///
    /// `vectors` holds the sums of the embeddings of each token, `[T, E]`, and takes the result. `None` where the sizes
    /// do not match.
    #[must_use]
    pub fn forward(
        &self,
        session: Session,
        lengths: &[usize],
        vectors: &mut Vec<f32>,
        workspace: &mut Workspace,
    ) -> Option<()> {
        let hidden = self.shape.hidden;
        let tokens: usize = lengths.iter().sum();
        if vectors.len() != tokens * self.embeddings_norm.width() {
            return None;
        }
        workspace.quantized.resize(tokens, hidden, session.format());
        match &self.projection {
            None => {
                self.embeddings_norm.normalize(session, vectors, &mut workspace.quantized, 0);
            }
            Some(projection) => {
                self.embeddings_norm.normalize_only(session, vectors);
                *vectors = projection.forward(session, vectors);
                workspace.quantized.quantize(session, 0, vectors, hidden);
            }
        }
        for layer in &self.layers {
            let mut first = 0;
            let mut rest = lengths;
            while !rest.is_empty() {
                let (taken, left) = rest.split_at_checked(messages_of_a_chunk(rest))?;
                let chunk = Chunk { first, lengths: taken };
                self.layer(session, layer, chunk, vectors, workspace)?;
                first += chunk.tokens();
                rest = left;
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
        vectors: &mut [f32],
        workspace: &mut Workspace,
    ) -> Option<()> {
        let Workspace { quantized, context, quantized_context, sums, attention, .. } = workspace;
        let width = self.shape.hidden;
        let (first, tokens) = (chunk.first, chunk.tokens());
        let hidden = vectors.get_mut(first * width..(first + tokens) * width)?;

        context.resize(tokens * width);
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

        self.feed_forward(session, layer, (first, hidden), workspace)
    }

    /// Sends the tokens from `first` on through the second half of a block, some rows at a time: the intermediate vectors
    /// are wide.
    fn feed_forward(
        &self,
        session: Session,
        layer: &Layer,
        (first, hidden): (usize, &mut [f32]),
        workspace: &mut Workspace,
    ) -> Option<()> {
        let Workspace { quantized, intermediate, quantized_intermediate, sums, .. } = workspace;
        let width = layer.intermediate.outputs();
        let parts = hidden.chunks_mut(FEED_FORWARD_ROWS * self.shape.hidden);
        for (hidden, start) in parts.zip((first..).step_by(FEED_FORWARD_ROWS)) {
            let rows = hidden.len() / self.shape.hidden;
            intermediate.resize(rows * width);
            layer.intermediate.forward(
                session,
                &self.arena,
                (quantized, start, rows),
                Then::Activate(self.activation),
                (sums, intermediate),
            )?;
            quantized_intermediate.resize(rows, width, session.format());
            quantized_intermediate.quantize(session, 0, intermediate, width);
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

/// Returns how many of the next messages go through a block together: at least one.
fn messages_of_a_chunk(lengths: &[usize]) -> usize {
    let mut tokens = 0;
    let fit = lengths.iter().take_while(|length| {
        tokens += **length;
        tokens <= CHUNK_TOKENS
    });
    fit.count().max(1)
}

impl EncoderWeights {
    fn match_in_size(&self) -> bool {
        let Shape { hidden, head } = self.shape;
        let embeddings = self.embeddings_norm.width();
        let projected = match &self.projection {
            None => embeddings == hidden,
            Some(projection) => projection.size() == [hidden, embeddings],
        };
        let layers = self.layers.iter().all(|layer| {
            let [intermediate, _] = layer.intermediate.size();
            [&layer.query, &layer.key, &layer.value, &layer.attention_output]
                .iter()
                .all(|dense| dense.size() == [hidden, hidden])
                && layer.intermediate.size() == [intermediate, hidden]
                && layer.output.size() == [hidden, intermediate]
                && [&layer.attention_norm, &layer.output_norm]
                    .iter()
                    .all(|norm| norm.width() == hidden)
        });
        head > 0 && hidden.is_multiple_of(head) && projected && layers
    }
}

/// One block, joined but not yet packed.
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
    fn of(weights: LayerWeights, shape: Shape) -> Self {
        let LayerWeights { query, key, value, attention_output, intermediate, output, .. } =
            weights;
        Self {
            query_key_value: QuantizedDense::join(shape, query, &key, &value),
            attention_output,
            intermediate,
            output,
            attention_norm: weights.attention_norm,
            output_norm: weights.output_norm,
        }
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

//! DeBERTa's attention: to the content of a token, and to how far away it is.
//!
//! The score of a query i and a key j is (q·k + q·K(i-j) + k·Q(i-j)) / √(D · terms), where K and Q are rows for the
//! distance, projected once at load; either may be absent. Far distances share rows.

use std::ops::Range;
use std::sync::Arc;

use candle_core::{Device, Result, Tensor};
use signalbox_kernels::float::{Before, Matrix, MatrixMut, multiply};

use super::attention::Scores;
use super::operations::{Dense, Norm, activate_in_place};
use super::tensors::{Tensors, refused};
use crate::engine::RaggedBatch;
use crate::model::ModelError;
use crate::model::architecture::{self, Activation, Architecture};
use crate::model::layout::{DistanceModules, LayerModules, TensorNames};

/// What the blocks share.
#[derive(Clone, Debug)]
pub(super) struct Distances {
    options: architecture::Disentangled,
    /// `[2 · span, H]`, normalised where the model wants that.
    embeddings: Tensor,
    rows: Arc<Rows>,
}

/// Which row of the embeddings stands for a distance.
#[derive(Clone, Debug)]
struct Rows {
    span: usize,
    /// For each distance from 0, how far its row is from that of distance 0.
    steps: Vec<usize>,
}

/// The terms for distances of one block. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Disentangled {
    rows: Arc<Rows>,
    hidden_size: usize,
    /// `[2 · span, H]`: what queries look at.
    keys: Option<Arc<[f32]>>,
    /// `[2 · span, H]`, scaled: what looks at keys.
    queries: Option<Arc<[f32]>>,
}

impl Distances {
    pub(super) fn load(
        tensors: Tensors<'_>,
        architecture: &Architecture,
        options: &architecture::Disentangled,
    ) -> std::result::Result<Self, ModelError> {
        let modules = TensorNames::of(architecture).disentangled();
        let mut embeddings = tensors.tensor(&modules.distance_embeddings)?;
        if options.normalizes_distances {
            let norm = tensors.norm(&modules.distance_norm)?;
            embeddings = norm.forward(&embeddings, 1).map_err(refused)?;
        }
        let longest = architecture.max_positions();
        let rows = Arc::new(Rows::new(options.span, options.bucket_limit, longest));
        Ok(Self { options: options.clone(), embeddings, rows })
    }

    /// Projects the distances for a block. `scale` is that of its queries.
    pub(super) fn of_block(
        &self,
        tensors: Tensors<'_>,
        content: &LayerModules,
        own: &DistanceModules,
        scale: f32,
    ) -> std::result::Result<Disentangled, ModelError> {
        let (key, query) = if self.options.shares_projections {
            (&content.key, &content.query)
        } else {
            (&own.key, &own.query)
        };
        let project = |module: &str, scale: f32| {
            let dense = tensors.dense(module)?;
            let projected = dense.forward(&self.embeddings, 1);
            let projected = projected.and_then(|projected| projected.flatten_all()?.to_vec1());
            let mut projected: Vec<f32> = projected.map_err(refused)?;
            projected.iter_mut().for_each(|value| *value *= scale);
            Ok::<_, ModelError>(Arc::from(projected))
        };
        let keys = self.options.content_to_position.then(|| project(key, 1.0));
        let queries = self.options.position_to_content.then(|| project(query, scale));
        Ok(Disentangled {
            rows: Arc::clone(&self.rows),
            hidden_size: self.embeddings.dim(1).map_err(refused)?,
            keys: keys.transpose()?,
            queries: queries.transpose()?,
        })
    }
}

impl Disentangled {
    /// Adds the terms for distances; `None` where sizes do not match.
    pub(super) fn add_to(&self, scores: Scores<'_>) -> Option<()> {
        let Scores { head, asking, asked, queries, keys, values } = scores;
        let rows = self.rows.between(&asking, &asked)?;
        let columns = asked.len().max(1);
        // Distances fall from key to key of a query: its rows are a run of the list, read backwards.
        let of_query = |index: usize| Some(rows.list.get(index..index + asked.len())?.iter().rev());
        if let Some(table) = &self.keys {
            let products = self.products(queries, table, head, &rows)?;
            let products = products.chunks_exact(rows.count);
            for (index, (row, products)) in
                values.chunks_exact_mut(columns).zip(products).enumerate()
            {
                for (value, at) in row.iter_mut().zip(of_query(index)?) {
                    *value += products.get(*at)?;
                }
            }
        }
        if let Some(table) = &self.queries {
            let products = self.products(keys, table, head, &rows)?;
            for (index, row) in values.chunks_exact_mut(columns).enumerate() {
                let products = products.chunks_exact(rows.count);
                for ((value, at), products) in row.iter_mut().zip(of_query(index)?).zip(products) {
                    *value += products.get(*at)?;
                }
            }
        }
        Some(())
    }

    /// Multiplies `[n, D]` with the rows that are needed, as they are for a head: `[n, rows]`.
    fn products(
        &self,
        content: Matrix<'_>,
        table: &[f32],
        head: usize,
        rows: &NeededRows,
    ) -> Option<Vec<f32>> {
        let (tokens, head_width) = content.size();
        let start = rows.first * self.hidden_size + head * head_width;
        let table = Matrix::new(table.get(start..)?, rows.count, head_width, self.hidden_size)?;
        let mut products = vec![0.0; tokens * rows.count];
        let into = MatrixMut::new(&mut products, tokens, rows.count, rows.count)?;
        multiply(content, table.transposed(), into, Before::Overwrite, 1)?;
        Some(products)
    }
}

/// The rows for all distances between two runs of tokens.
struct NeededRows {
    /// The lowest of them.
    first: usize,
    /// How many there are from there on.
    count: usize,
    /// For each distance, from the lowest to the highest, which row it has, counted from the first.
    list: Vec<usize>,
}

impl Rows {
    fn new(span: usize, bucket_limit: Option<usize>, longest: usize) -> Self {
        let step = |distance: usize| match bucket_limit {
            None => distance,
            Some(limit) => bucket(distance, span, limit),
        };
        Self { span, steps: (0..longest).map(step).collect() }
    }

    /// Returns the row for a distance; `None` for those that no message has.
    fn of(&self, distance: isize) -> Option<usize> {
        let step = *self.steps.get(distance.unsigned_abs())?;
        Some(if distance < 0 {
            self.span.saturating_sub(step)
        } else {
            self.span.saturating_add(step).min(2 * self.span - 1)
        })
    }

    /// Returns the rows for all distances from tokens that are asked to tokens that ask.
    fn between(&self, asking: &Range<usize>, asked: &Range<usize>) -> Option<NeededRows> {
        let distance =
            |from: usize, to: usize| Some(isize::try_from(from).ok()? - isize::try_from(to).ok()?);
        let lowest = distance(asking.start, asked.end.checked_sub(1)?)?;
        let highest = distance(asking.end.checked_sub(1)?, asked.start)?;
        let list = (lowest..=highest).map(|distance| self.of(distance));
        let mut list = list.collect::<Option<Vec<_>>>()?;
        let (first, last) = (*list.first()?, *list.last()?);
        list.iter_mut().for_each(|row| *row = row.saturating_sub(first));
        Some(NeededRows { first, count: last.saturating_sub(first) + 1, list })
    }
}

/// Returns the step for a distance: up to half of the span as it is, then by its logarithm, so that `limit` - 1 has the
/// last one.
fn bucket(distance: usize, span: usize, limit: usize) -> usize {
    let half = span / 2;
    if distance <= half {
        return distance;
    }
    // In single precision, as the model was trained: where the result is rounded up decides about the row.
    let ratio = (distance as f32 / half as f32).ln();
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the constant is rounded to f32 there, too"
    )]
    let whole = (((limit - 1) as f64 / half as f64) as f32).ln();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a small whole number of at least 0"
    )]
    let steps = (ratio / whole * (half - 1) as f32).ceil() as usize;
    half.saturating_add(steps)
}

/// A convolution of the embeddings, added to the output of the first block. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Convolution {
    taps: usize,
    /// From `[H · taps]`, in which the taps of an input stand side by side.
    dense: Dense,
    activation: Activation,
    norm: Norm,
}

impl Convolution {
    pub(super) fn load(
        tensors: Tensors<'_>,
        names: &TensorNames,
        options: architecture::Convolution,
    ) -> std::result::Result<Self, ModelError> {
        let modules = names.disentangled();
        Ok(Self {
            taps: options.taps,
            dense: tensors.dense(&modules.convolution)?,
            activation: options.activation,
            norm: tensors.norm(&modules.convolution_norm)?,
        })
    }

    /// Computes `[T, H]` from the embeddings and the output of the first block, both `[T, H]`.
    pub(super) fn forward(
        &self,
        embedded: &Tensor,
        hidden: &Tensor,
        batch: &RaggedBatch,
        threads: usize,
    ) -> Result<Tensor> {
        let (tokens, width) = embedded.dims2()?;
        let values: Vec<f32> = embedded.flatten_all()?.to_vec1()?;
        // Zeros stand before the first token of a message and after its last.
        let mut neighbours = vec![0.0; tokens * width * self.taps];
        let mut rest = (values.as_slice(), neighbours.as_mut_slice());
        for message in batch.messages() {
            let len = message.len() * width;
            let (values, rest_of_values) = rest.0.split_at_checked(len).unwrap_or_default();
            let (to, rest_to) = rest.1.split_at_mut_checked(len * self.taps).unwrap_or_default();
            self.gather(values, to, width);
            rest = (rest_of_values, rest_to);
        }
        let shape = (tokens, width * self.taps);
        let neighbours = Tensor::from_vec(neighbours, shape, &Device::Cpu)?;
        let output = self.dense.forward(&neighbours, threads)?;
        activate_in_place(&output, self.activation, threads)?;
        self.norm.add_and_normalize(&output, hidden, threads)?;
        Ok(output)
    }

    /// Puts each value of a message into the rows of the tokens that see it.
    fn gather(&self, values: &[f32], to: &mut [f32], width: usize) {
        let before = self.taps / 2;
        for (token, row) in to.chunks_exact_mut((width * self.taps).max(1)).enumerate() {
            for tap in 0..self.taps {
                let Some(seen) = (token + tap).checked_sub(before) else { continue };
                let seen = values.chunks_exact(width.max(1)).nth(seen).unwrap_or_default();
                for (place, value) in row.iter_mut().skip(tap).step_by(self.taps).zip(seen) {
                    *place = *value;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Steps for distances 0, 1, 2, …
    fn steps(span: usize, limit: Option<usize>, longest: usize) -> Vec<usize> {
        Rows::new(span, limit, longest).steps
    }

    #[test]
    fn near_distances_have_steps_of_their_own_and_far_ones_share() {
        // make_log_bucket_position of transformers 5.24.0.
        assert_eq!(steps(8, Some(64), 16), [0, 1, 2, 3, 4, 5, 5, 5, 5, 5, 5, 6, 6, 6, 6, 6]);
        assert_eq!(steps(4, None, 6), [0, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn far_distances_have_the_steps_of_the_reference() {
        // Sum and last of what make_log_bucket_position of transformers 5.24.0 gives for that many distances.
        for (span, limit, longest, sum, last) in [
            (256, 512, 512, 87_297, 255),
            (256, 512, 1_024, 236_321, 319),
            (16, 64, 64, 760, 15),
            (32, 128, 128, 3_074, 31),
            (2, 8, 20, 19, 1),
            (3, 16, 16, 15, 1),
            (8, 64, 64, 396, 7),
            (320, 8_192, 8_192, 2_279_828, 319),
            (64, 2_048, 2_048, 114_444, 63),
        ] {
            let steps = steps(span, Some(limit), longest);

            assert_eq!((steps.iter().sum::<usize>(), *steps.last().unwrap()), (sum, last));
        }
    }

    #[test]
    fn rows_rise_with_the_distance_and_end_at_the_table() {
        let rows = Rows::new(8, Some(12), 30);

        let needed = rows.between(&(0..30), &(0..30)).unwrap();

        assert_eq!((needed.first, needed.count, needed.list.len()), (0, 16, 59));
        assert!(needed.list.is_sorted());
        assert_eq!(needed.list[29], 8, "distance 0 is in the middle");
        assert!(rows.between(&(30..31), &(0..1)).is_none(), "no message is that long");
    }

    #[test]
    fn a_convolution_sees_zeros_around_a_message() {
        let dense = Dense {
            weight: Tensor::zeros((6, 2), candle_core::DType::F32, &Device::Cpu).unwrap(),
            bias: Tensor::zeros(2, candle_core::DType::F32, &Device::Cpu).unwrap(),
        };
        let norm = Norm { scale: [1.0; 2].into(), shift: [0.0; 2].into(), epsilon: 1e-7 };
        let convolution = Convolution { taps: 3, dense, activation: Activation::Relu, norm };
        let mut to = vec![0.0; 12];

        convolution.gather(&[1.0, 2.0, 3.0, 4.0], &mut to, 2);

        assert_eq!(to, [0.0, 1.0, 3.0, 0.0, 2.0, 4.0, 1.0, 3.0, 0.0, 2.0, 4.0, 0.0]);
    }
}

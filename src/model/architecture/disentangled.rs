//! DeBERTa's attention to distances, from `config.json`.

use super::{Activation, Sizes, activation, must_be};
use crate::model::error::ModelError;
use crate::model::fields::Object;

/// Taps of the convolution that are accepted at most. Published models have 3.
const MAX_TAPS: usize = 15;

/// Attention in which content looks at content, at distances, and distances at content (DeBERTa, He et al., 2021,
/// arXiv 2006.03654 and 2111.09543).
#[derive(Clone, Debug, PartialEq)]
pub struct Disentangled {
    /// Whether content looks at distances (`c2p`).
    pub content_to_position: bool,
    /// Whether distances look at content (`p2c`).
    pub position_to_content: bool,
    /// Whether distances go through the block's own layers for queries and keys, rather than through their own.
    pub shares_projections: bool,
    /// Whether the embeddings of distances are normalised.
    pub normalizes_distances: bool,
    /// Distances that are told apart on each side: the embeddings have twice as many rows.
    pub span: usize,
    /// Where distances share rows, the longest that was planned for; the logarithm is scaled to it.
    pub bucket_limit: Option<usize>,
    /// Convolution of the embeddings beside the first block.
    pub convolution: Option<Convolution>,
}

/// A convolution over neighbouring tokens.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Convolution {
    /// Tokens that are seen at a time; odd.
    pub taps: usize,
    /// Function behind it.
    pub activation: Activation,
}

impl Disentangled {
    pub(super) fn parse(config: &Object<'_>, sizes: Sizes) -> Result<Self, ModelError> {
        must_be(
            config,
            "attention_head_size",
            sizes.head_width,
            "hidden_size / num_attention_heads",
        )?;
        must_be(config, "pooler_hidden_size", sizes.hidden_size, "hidden_size")?;
        // Without it these are BERT's blocks with another scale, which no published model has.
        if config.optional("relative_attention", Object::boolean)? != Some(true) {
            return Err(config.refuse("relative_attention", "true"));
        }
        let (content_to_position, position_to_content) = terms(config)?;
        let (span, bucket_limit) = span(config, sizes)?;
        Ok(Self {
            content_to_position,
            position_to_content,
            shares_projections: config.optional("share_att_key", Object::boolean)?.unwrap_or(false),
            normalizes_distances: normalizes_distances(config)?,
            span,
            bucket_limit,
            convolution: convolution(config)?,
        })
    }

    /// Returns how many terms a score is the sum of.
    #[must_use]
    pub fn terms(&self) -> u8 {
        1 + u8::from(self.content_to_position) + u8::from(self.position_to_content)
    }
}

/// Reads which terms there are: a list, or a text with bars in older files.
fn terms(config: &Object<'_>) -> Result<(bool, bool), ModelError> {
    const FIELD: &str = "pos_att_type";
    const EXPECTED: &str = "a list of c2p, p2c or both";
    let text = config.text(FIELD).ok();
    let names = match text {
        Some(text) => text.split('|').map(str::trim).collect(),
        None if config.has(FIELD) => config.texts(FIELD)?,
        None => vec![],
    };
    if let Some(unknown) = names.iter().find(|name| !["c2p", "p2c"].contains(name)) {
        return Err(config.refuse_found(FIELD, EXPECTED, format!("{unknown:?}")));
    }
    if names.is_empty() {
        return Err(config.refuse(FIELD, EXPECTED));
    }
    Ok((names.contains(&"c2p"), names.contains(&"p2c")))
}

fn normalizes_distances(config: &Object<'_>) -> Result<bool, ModelError> {
    const FIELD: &str = "norm_rel_ebd";
    match config.optional(FIELD, Object::text)? {
        None | Some("none") => Ok(false),
        Some("layer_norm") => Ok(true),
        Some(_) => Err(config.refuse(FIELD, "one of none, layer_norm")),
    }
}

/// Reads how many distances have rows of their own, and up to which the rest share some.
fn span(config: &Object<'_>, sizes: Sizes) -> Result<(usize, Option<usize>), ModelError> {
    const BUCKETS: &str = "position_buckets";
    const LIMIT: &str = "max_relative_positions";
    // Under 1 means: as many as there are positions.
    let limit = count_or_none(config, LIMIT)?.unwrap_or(sizes.position_rows);
    let Some(buckets) = count_or_none(config, BUCKETS)? else {
        return Ok((limit, None));
    };
    // The first half are distances as they are, the second are scaled by log((limit - 1) / half), which has to be over 0.
    if buckets >= 2 && buckets / 2 < limit.saturating_sub(1) {
        Ok((buckets, Some(limit)))
    } else {
        let most = (2 * limit).saturating_sub(3);
        let expected = format!("-1, or from 2 to {most} with distances up to {limit}");
        Err(config.refuse(BUCKETS, expected))
    }
}

/// Reads a count; absent, 0 or negative there is none.
fn count_or_none(config: &Object<'_>, field: &str) -> Result<Option<usize>, ModelError> {
    /// The embeddings have twice as many rows; below 2^31 no product of sizes overflows.
    const MOST: usize = 1 << 30;
    match config.optional(field, Object::number)? {
        None => Ok(None),
        Some(number) if number < 1.0 => Ok(None),
        Some(_) => match config.size(field)? {
            count @ 1..=MOST => Ok(Some(count)),
            _ => Err(config.refuse(field, format!("at most {MOST}"))),
        },
    }
}

fn convolution(config: &Object<'_>) -> Result<Option<Convolution>, ModelError> {
    const TAPS: &str = "conv_kernel_size";
    let taps = match config.optional(TAPS, Object::size)? {
        None | Some(0) => return Ok(None),
        Some(taps) => taps,
    };
    if taps.is_multiple_of(2) || taps > MAX_TAPS {
        return Err(config.refuse(TAPS, format!("0 or an odd number up to {MAX_TAPS}")));
    }
    must_be(config, "conv_groups", 1, "one group")?;
    Ok(Some(Convolution { taps, activation: activation(config, "conv_act", "tanh")? }))
}

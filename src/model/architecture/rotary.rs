//! ModernBERT's blocks, from `config.json`.

use super::Sizes;
use crate::model::error::ModelError;
use crate::model::fields::{Object, to_f32};

/// Attention to content that is turned by its position, in blocks that see everything and in blocks that see what is
/// near (ModernBERT, Warner et al., 2024, arXiv 2412.13663; rotary positions, Su et al., 2021, arXiv 2104.09864).
#[derive(Clone, Debug, PartialEq)]
pub struct Rotary {
    /// For each block, whether its tokens see only what is near.
    pub is_local: Vec<bool>,
    /// Distance up to which tokens of local blocks see one another.
    pub reach: usize,
    /// Base of the wavelengths in global blocks.
    pub global_theta: f32,
    /// Base of the wavelengths in local blocks.
    pub local_theta: f32,
    /// Which layers have biases.
    pub biases: Biases,
}

/// Which layers have biases.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Biases {
    /// The dense layers of attention.
    pub attention: bool,
    /// The dense layers behind it.
    pub feed_forward: bool,
    /// Layer normalisations.
    pub norm: bool,
    /// The hidden layer of the classifier.
    pub classifier: bool,
}

impl Rotary {
    pub(super) fn parse(config: &Object<'_>, sizes: Sizes) -> Result<Self, ModelError> {
        // Halves of a head are turned against each other.
        if !sizes.head_width.is_multiple_of(2) {
            let expected =
                format!("a divisor of hidden_size = {} with an even quotient", sizes.hidden_size);
            return Err(config.refuse("num_attention_heads", expected));
        }
        if config.has("rope_scaling") {
            return Err(config.refuse("rope_scaling", "absent or null"));
        }
        let flag = |field| Ok(config.optional(field, Object::boolean)?.unwrap_or(false));
        Ok(Self {
            is_local: is_local(config, sizes.layers)?,
            // The window is given as a whole; half of it lies on each side.
            reach: config.optional("local_attention", Object::size)?.unwrap_or(128) / 2,
            global_theta: theta(config, "full_attention", "global_rope_theta", 160_000.0)?,
            local_theta: theta(config, "sliding_attention", "local_rope_theta", 10_000.0)?,
            biases: Biases {
                attention: flag("attention_bias")?,
                feed_forward: flag("mlp_bias")?,
                norm: flag("norm_bias")?,
                classifier: flag("classifier_bias")?,
            },
        })
    }
}

/// Reads the kind of each block: a list, or in older files how often one is global.
fn is_local(config: &Object<'_>, layers: usize) -> Result<Vec<bool>, ModelError> {
    const LIST: &str = "layer_types";
    const EVERY: &str = "global_attn_every_n_layers";
    let Some(kinds) = config.optional(LIST, Object::texts)? else {
        return match config.optional(EVERY, Object::size)?.unwrap_or(3) {
            0 => Err(config.refuse(EVERY, "at least 1")),
            every => Ok((0..layers).map(|index| index % every != 0).collect()),
        };
    };
    if kinds.len() != layers {
        let expected = format!("a list of num_hidden_layers = {layers}");
        return Err(config.refuse(LIST, expected));
    }
    let local = |(index, kind): (usize, &&str)| match *kind {
        "full_attention" => Ok(false),
        "sliding_attention" => Ok(true),
        _ => Err(config.refuse_found(
            &format!("{LIST}[{index}]"),
            "one of full_attention, sliding_attention",
            format!("{kind:?}"),
        )),
    };
    kinds.iter().enumerate().map(local).collect()
}

/// Reads the base of the wavelengths: of a kind of block in `rope_parameters`, or a field of its own in older files.
fn theta(config: &Object<'_>, kind: &str, older: &str, default: f64) -> Result<f32, ModelError> {
    const THETA: &str = "rope_theta";
    const KIND: &str = "rope_type";
    let parameters = config.optional("rope_parameters", Object::object)?;
    let parameters = match parameters {
        Some(parameters) => parameters.optional(kind, Object::object)?,
        None => None,
    };
    if let Some(parameters) = &parameters
        && !matches!(parameters.optional(KIND, Object::text)?, None | Some("default"))
    {
        return Err(parameters.refuse(KIND, "\"default\""));
    }
    let (object, field) = match &parameters {
        Some(parameters) if parameters.has(THETA) => (parameters, THETA),
        Some(_) | None => (config, older),
    };
    let theta = to_f32(object.optional(field, Object::number)?.unwrap_or(default));
    if theta.is_finite() && theta >= 1.0 {
        Ok(theta)
    } else {
        Err(object.refuse(field, "a finite number of at least 1"))
    }
}

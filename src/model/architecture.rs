//! `config.json`: which encoder a model is and how large its parts are.

mod disentangled;
mod rotary;

pub use disentangled::{Convolution, Disentangled};
pub use rotary::{Biases, Rotary};

use super::error::ModelError;
use super::fields::{Object, to_f32};
use super::manifest::Pooling;

/// Layers that are accepted at most; more only costs time before the missing tensors are noticed.
const MAX_LAYERS: usize = 1_024;
/// Positions that are accepted at most where no tensor has a row for each: room for scores grows with them, and four
/// times what any encoder of these families was trained with.
const MAX_POSITIONS_WITHOUT_ROWS: usize = 32_768;

/// Every architecture that is read, as `architectures[0]` spells it.
const SUPPORTED: [(&str, Family, Purpose); 16] = [
    ("BertModel", Family::Bert, Purpose::Encoder),
    ("RobertaModel", Family::Roberta, Purpose::Encoder),
    ("XLMRobertaModel", Family::Roberta, Purpose::Encoder),
    ("CamembertModel", Family::Roberta, Purpose::Encoder),
    ("DistilBertModel", Family::DistilBert, Purpose::Encoder),
    ("ElectraModel", Family::Electra, Purpose::Encoder),
    ("DebertaV2Model", Family::DebertaV2, Purpose::Encoder),
    ("ModernBertModel", Family::ModernBert, Purpose::Encoder),
    ("BertForSequenceClassification", Family::Bert, Purpose::Classifier),
    ("RobertaForSequenceClassification", Family::Roberta, Purpose::Classifier),
    ("XLMRobertaForSequenceClassification", Family::Roberta, Purpose::Classifier),
    ("CamembertForSequenceClassification", Family::Roberta, Purpose::Classifier),
    ("DistilBertForSequenceClassification", Family::DistilBert, Purpose::Classifier),
    ("ElectraForSequenceClassification", Family::Electra, Purpose::Classifier),
    ("DebertaV2ForSequenceClassification", Family::DebertaV2, Purpose::Classifier),
    ("ModernBertForSequenceClassification", Family::ModernBert, Purpose::Classifier),
];

/// Encoders that differ in tensor names, positions or head.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Family {
    /// BERT: positions from 0, token types, pooler.
    Bert,
    /// RoBERTa, XLM-RoBERTa and CamemBERT: as BERT, but positions begin after the id of the padding token.
    Roberta,
    /// DistilBERT: no token types, no pooler.
    DistilBert,
    /// ELECTRA: as BERT, but embeddings may be narrower than the blocks; no pooler.
    Electra,
    /// DeBERTa, versions 2 and 3: BERT's blocks with attention to distances.
    DebertaV2,
    /// ModernBERT: blocks of its own.
    ModernBert,
}

/// What the weights hold beside the encoder.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Purpose {
    /// Nothing that Hugging Face names; the heads are `heads.*` and described by `signalbox.json`.
    Encoder,
    /// The classification head of the family.
    Classifier,
}

/// Function behind a dense layer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Activation {
    /// GELU through the error function (`gelu`).
    Gelu,
    /// GELU through the hyperbolic tangent (`gelu_new`, `gelu_pytorch_tanh`).
    GeluTanh,
    /// Zero below zero (`relu`).
    Relu,
    /// Hyperbolic tangent (`tanh`).
    Tanh,
}

/// How the tokens of a message look at one another.
#[derive(Clone, Debug, PartialEq)]
pub enum Attention {
    /// By their content; positions are in the embeddings. Blocks are normalised at their ends, as BERT's.
    Full,
    /// Also by their distance, in BERT's blocks.
    Disentangled(Disentangled),
    /// By their content, turned by their position, in ModernBERT's blocks.
    Rotary(Rotary),
}

/// Kind and sizes of an encoder, from `config.json`.
#[derive(Clone, Debug, PartialEq)]
pub struct Architecture {
    /// Name as in `architectures[0]`.
    pub name: String,
    /// Family.
    pub family: Family,
    /// What the weights hold beside the encoder.
    pub purpose: Purpose,
    /// Rows of the word embeddings.
    pub vocabulary_size: usize,
    /// Width of a token vector, H.
    pub hidden_size: usize,
    /// Width of the embeddings; where it is not `hidden_size`, a dense layer leads there.
    pub embedding_size: usize,
    /// Blocks.
    pub layers: usize,
    /// Attention heads of a block; divides `hidden_size`.
    pub attention_heads: usize,
    /// Width between the two dense layers of a block.
    pub intermediate_size: usize,
    /// Function between the two dense layers of a block.
    pub activation: Activation,
    /// How tokens look at one another, with what only that form has.
    pub attention: Attention,
    /// Function behind the hidden layer of the family's own classifier, if that has one.
    pub classifier_activation: Activation,
    /// How the family's own classifier makes one vector of the token vectors.
    pub classifier_pooling: Pooling,
    /// Whether positions have embeddings.
    pub embeds_positions: bool,
    /// Positions there are; rows of the position embeddings where there are such.
    pub position_rows: usize,
    /// Row of the first token's position.
    pub position_offset: usize,
    /// Rows of the token type embeddings, 0 if the family has none.
    pub token_types: usize,
    /// Added to the variance in layer normalisation.
    pub layer_norm_epsilon: f32,
    /// Id of the padding token.
    pub pad_token_id: u32,
}

impl Architecture {
    /// Reads `config.json`. Fields that this encoder does not use are ignored.
    pub(super) fn parse(config: &Object<'_>) -> Result<Self, ModelError> {
        let (name, family, purpose) = kind(config)?;
        if let Some(kind) = config.optional("position_embedding_type", Object::text)?
            && kind != "absolute"
        {
            return Err(config.refuse("position_embedding_type", "\"absolute\""));
        }
        let fields = FieldNames::of(family);
        let hidden_size = positive(config, fields.hidden_size)?;
        let attention_heads = attention_heads(config, &fields, hidden_size)?;
        let layers = positive(config, fields.layers)?;
        if layers > MAX_LAYERS {
            return Err(config.refuse(fields.layers, format!("at most {MAX_LAYERS}")));
        }
        let vocabulary_size = positive(config, "vocab_size")?;
        let pad_token_id = pad_token_id(config, family, vocabulary_size)?;
        let embeds_positions = embeds_positions(config, family)?;
        let position_rows = position_rows(config, embeds_positions)?;
        let position_offset = position_offset(config, family, pad_token_id, position_rows)?;
        let sizes =
            Sizes { hidden_size, head_width: hidden_size / attention_heads, layers, position_rows };
        Ok(Self {
            name: name.to_owned(),
            family,
            purpose,
            vocabulary_size,
            hidden_size,
            embedding_size: embedding_size(config, family, hidden_size)?,
            layers,
            attention_heads,
            intermediate_size: positive(config, fields.intermediate_size)?,
            activation: activation(config, fields.activation, "gelu")?,
            attention: attention(config, family, sizes)?,
            classifier_activation: classifier_activation(config, family)?,
            classifier_pooling: classifier_pooling(config, family)?,
            embeds_positions,
            position_rows,
            position_offset,
            token_types: token_types(config, family)?,
            layer_norm_epsilon: layer_norm_epsilon(config, family)?,
            pad_token_id,
        })
    }

    /// Returns the length of the longest message that the encoder has positions for, special tokens included.
    #[must_use]
    pub fn max_positions(&self) -> usize {
        self.position_rows.saturating_sub(self.position_offset)
    }

    /// Tells whether layer normalisations have biases.
    #[must_use]
    pub fn norms_have_biases(&self) -> bool {
        match &self.attention {
            Attention::Full | Attention::Disentangled(_) => true,
            Attention::Rotary(rotary) => rotary.biases.norm,
        }
    }

    /// Returns the width of an attention head; at least 1.
    #[must_use]
    pub fn head_width(&self) -> usize {
        (self.hidden_size / self.attention_heads.max(1)).max(1)
    }
}

/// Sizes that options of a family are checked against.
#[derive(Clone, Copy)]
struct Sizes {
    hidden_size: usize,
    head_width: usize,
    layers: usize,
    position_rows: usize,
}

/// What a family calls the sizes.
struct FieldNames {
    hidden_size: &'static str,
    layers: &'static str,
    attention_heads: &'static str,
    intermediate_size: &'static str,
    activation: &'static str,
}

impl FieldNames {
    fn of(family: Family) -> Self {
        let names = Self {
            hidden_size: "hidden_size",
            layers: "num_hidden_layers",
            attention_heads: "num_attention_heads",
            intermediate_size: "intermediate_size",
            activation: "hidden_act",
        };
        match family {
            Family::Bert | Family::Roberta | Family::Electra | Family::DebertaV2 => names,
            Family::ModernBert => Self { activation: "hidden_activation", ..names },
            Family::DistilBert => Self {
                hidden_size: "dim",
                layers: "n_layers",
                attention_heads: "n_heads",
                intermediate_size: "hidden_dim",
                activation: "activation",
            },
        }
    }
}

fn kind<'a>(config: &Object<'a>) -> Result<(&'a str, Family, Purpose), ModelError> {
    let expected = || {
        let names: Vec<_> = SUPPORTED.iter().map(|(name, ..)| *name).collect();
        format!("one of {}", names.join(", "))
    };
    let names = config.texts("architectures")?;
    let [name] = names.as_slice() else {
        return Err(config.refuse("architectures", format!("a list of {}", expected())));
    };
    match SUPPORTED.iter().find(|(known, ..)| known == name) {
        Some((_, family, purpose)) => Ok((name, *family, *purpose)),
        None => Err(config.refuse_found("architectures[0]", expected(), format!("\"{name}\""))),
    }
}

fn positive(config: &Object<'_>, field: &str) -> Result<usize, ModelError> {
    match config.size(field)? {
        // Tensor shapes are products of two of these; below 2^31 no product overflows.
        size @ 1..=0x7fff_ffff => Ok(size),
        _ => Err(config.refuse(field, "a whole number from 1 to 2147483647")),
    }
}

fn attention_heads(
    config: &Object<'_>,
    fields: &FieldNames,
    hidden_size: usize,
) -> Result<usize, ModelError> {
    let heads = positive(config, fields.attention_heads)?;
    if hidden_size.is_multiple_of(heads) {
        return Ok(heads);
    }
    let expected = format!("a divisor of {} = {hidden_size}", fields.hidden_size);
    Err(config.refuse(fields.attention_heads, expected))
}

/// Reads a function; absent, it is `default`.
fn activation(config: &Object<'_>, field: &str, default: &str) -> Result<Activation, ModelError> {
    match config.optional(field, Object::text)?.unwrap_or(default) {
        "gelu" => Ok(Activation::Gelu),
        "gelu_new" | "gelu_pytorch_tanh" => Ok(Activation::GeluTanh),
        "relu" => Ok(Activation::Relu),
        "tanh" => Ok(Activation::Tanh),
        _ => Err(config.refuse(field, "one of gelu, gelu_new, gelu_pytorch_tanh, relu, tanh")),
    }
}

/// Only ELECTRA has embeddings of another width.
fn embedding_size(
    config: &Object<'_>,
    family: Family,
    hidden_size: usize,
) -> Result<usize, ModelError> {
    const FIELD: &str = "embedding_size";
    match family {
        Family::Electra => positive(config, FIELD),
        Family::DebertaV2 => {
            must_be(config, FIELD, hidden_size, "hidden_size")?;
            Ok(hidden_size)
        }
        Family::Bert | Family::Roberta | Family::DistilBert | Family::ModernBert => Ok(hidden_size),
    }
}

/// Refuses a size that is given and is not `expected`, which `what` calls.
fn must_be(
    config: &Object<'_>,
    field: &str,
    expected: usize,
    what: &str,
) -> Result<(), ModelError> {
    match config.optional(field, Object::size)? {
        Some(size) if size != expected => {
            Err(config.refuse(field, format!("absent or {what} = {expected}")))
        }
        _ => Ok(()),
    }
}

fn attention(config: &Object<'_>, family: Family, sizes: Sizes) -> Result<Attention, ModelError> {
    match family {
        Family::Bert | Family::Roberta | Family::DistilBert | Family::Electra => {
            Ok(Attention::Full)
        }
        Family::DebertaV2 => Disentangled::parse(config, sizes).map(Attention::Disentangled),
        Family::ModernBert => Rotary::parse(config, sizes).map(Attention::Rotary),
    }
}

fn classifier_activation(config: &Object<'_>, family: Family) -> Result<Activation, ModelError> {
    match family {
        // BERT's classifier has no hidden layer; its pooler has one.
        Family::Bert | Family::Roberta => Ok(Activation::Tanh),
        Family::DistilBert => Ok(Activation::Relu),
        Family::Electra => Ok(Activation::Gelu),
        Family::DebertaV2 => activation(config, "pooler_hidden_act", "gelu"),
        Family::ModernBert => activation(config, "classifier_activation", "gelu"),
    }
}

fn classifier_pooling(config: &Object<'_>, family: Family) -> Result<Pooling, ModelError> {
    const FIELD: &str = "classifier_pooling";
    match family {
        Family::Bert => Ok(Pooling::Pooler),
        Family::Roberta | Family::DistilBert | Family::Electra | Family::DebertaV2 => {
            Ok(Pooling::Cls)
        }
        Family::ModernBert => match config.optional(FIELD, Object::text)?.unwrap_or("cls") {
            "cls" => Ok(Pooling::Cls),
            "mean" => Ok(Pooling::Mean),
            _ => Err(config.refuse(FIELD, "one of cls, mean")),
        },
    }
}

/// Absent, the id is 1 for RoBERTa, as its configuration class in transformers has it. For the others it is 0: theirs
/// has that, or it does not matter, since nothing is padded and no position depends on it.
fn pad_token_id(
    config: &Object<'_>,
    family: Family,
    vocabulary_size: usize,
) -> Result<u32, ModelError> {
    let default = match family {
        Family::Roberta => 1,
        Family::Bert
        | Family::DistilBert
        | Family::Electra
        | Family::DebertaV2
        | Family::ModernBert => 0,
    };
    let id = config.optional("pad_token_id", Object::size)?;
    let id = id.unwrap_or(default);
    match u32::try_from(id) {
        Ok(small) if id < vocabulary_size => Ok(small),
        _ => Err(config.refuse_found(
            "pad_token_id",
            format!("an id below vocab_size = {vocabulary_size}"),
            id.to_string(),
        )),
    }
}

fn embeds_positions(config: &Object<'_>, family: Family) -> Result<bool, ModelError> {
    match family {
        Family::Bert | Family::Roberta | Family::DistilBert | Family::Electra => Ok(true),
        Family::DebertaV2 => {
            Ok(config.optional("position_biased_input", Object::boolean)?.unwrap_or(true))
        }
        Family::ModernBert => Ok(false),
    }
}

fn position_rows(config: &Object<'_>, embeds_positions: bool) -> Result<usize, ModelError> {
    const FIELD: &str = "max_position_embeddings";
    let rows = positive(config, FIELD)?;
    if embeds_positions || rows <= MAX_POSITIONS_WITHOUT_ROWS {
        Ok(rows)
    } else {
        Err(config.refuse(FIELD, format!("at most {MAX_POSITIONS_WITHOUT_ROWS}")))
    }
}

fn position_offset(
    config: &Object<'_>,
    family: Family,
    pad_token_id: u32,
    position_rows: usize,
) -> Result<usize, ModelError> {
    let offset = match family {
        Family::Roberta => usize::try_from(pad_token_id).map_or(usize::MAX, |id| id + 1),
        Family::Bert
        | Family::DistilBert
        | Family::Electra
        | Family::DebertaV2
        | Family::ModernBert => 0,
    };
    if offset < position_rows {
        Ok(offset)
    } else {
        Err(config.refuse(
            "max_position_embeddings",
            format!("over {offset}, as positions begin at pad_token_id + 1"),
        ))
    }
}

fn token_types(config: &Object<'_>, family: Family) -> Result<usize, ModelError> {
    const FIELD: &str = "type_vocab_size";
    match family {
        Family::Bert | Family::Roberta | Family::Electra => positive(config, FIELD),
        Family::DebertaV2 => match config.optional(FIELD, Object::size)? {
            None | Some(0) => Ok(0),
            Some(_) => positive(config, FIELD),
        },
        Family::DistilBert | Family::ModernBert => Ok(0),
    }
}

fn layer_norm_epsilon(config: &Object<'_>, family: Family) -> Result<f32, ModelError> {
    let (field, default) = match family {
        Family::Bert | Family::Roberta | Family::Electra => ("layer_norm_eps", 1e-12),
        Family::DebertaV2 => ("layer_norm_eps", 1e-7),
        Family::ModernBert => ("norm_eps", 1e-5),
        // DistilBERT writes the figure into its code, not into its configuration.
        Family::DistilBert => return Ok(1e-12),
    };
    let epsilon = config.optional(field, Object::number)?.unwrap_or(default);
    if (0.0..1.0).contains(&epsilon) {
        Ok(to_f32(epsilon))
    } else {
        Err(config.refuse(field, "a number from 0 to 1"))
    }
}

//! `config.json`: which encoder a model is and how large its parts are.

use super::error::ModelError;
use super::fields::{Object, to_f32};

/// Layers that are accepted at most; more only costs time before the missing tensors are noticed.
const MAX_LAYERS: usize = 1_024;

/// Every architecture that is read, as `architectures[0]` spells it.
const SUPPORTED: [(&str, Family, Purpose); 8] = [
    ("BertModel", Family::Bert, Purpose::Encoder),
    ("RobertaModel", Family::Roberta, Purpose::Encoder),
    ("XLMRobertaModel", Family::Roberta, Purpose::Encoder),
    ("DistilBertModel", Family::DistilBert, Purpose::Encoder),
    ("BertForSequenceClassification", Family::Bert, Purpose::Classifier),
    ("RobertaForSequenceClassification", Family::Roberta, Purpose::Classifier),
    ("XLMRobertaForSequenceClassification", Family::Roberta, Purpose::Classifier),
    ("DistilBertForSequenceClassification", Family::DistilBert, Purpose::Classifier),
];

/// Encoders that differ in tensor names, positions or head.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Family {
    /// BERT: positions from 0, token types, pooler.
    Bert,
    /// RoBERTa and XLM-RoBERTa: as BERT, but positions begin after the id of the padding token.
    Roberta,
    /// DistilBERT: no token types, no pooler.
    DistilBert,
}

/// What the weights hold beside the encoder.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Purpose {
    /// Nothing that Hugging Face names; the heads are `heads.*` and described by `signalbox.json`.
    Encoder,
    /// The classification head of the family.
    Classifier,
}

/// Function between the two dense layers of a block.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Activation {
    /// GELU through the error function (`gelu`).
    Gelu,
    /// GELU through the hyperbolic tangent (`gelu_new`, `gelu_pytorch_tanh`).
    GeluTanh,
    /// Zero below zero (`relu`).
    Relu,
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
    /// Blocks.
    pub layers: usize,
    /// Attention heads of a block; divides `hidden_size`.
    pub attention_heads: usize,
    /// Width between the two dense layers of a block.
    pub intermediate_size: usize,
    /// Function between the two dense layers of a block.
    pub activation: Activation,
    /// Rows of the position embeddings.
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
        let attention_heads = positive(config, fields.attention_heads)?;
        if !hidden_size.is_multiple_of(attention_heads) {
            return Err(config.refuse(
                fields.attention_heads,
                format!("a divisor of {} = {hidden_size}", fields.hidden_size),
            ));
        }
        let layers = positive(config, fields.layers)?;
        if layers > MAX_LAYERS {
            return Err(config.refuse(fields.layers, format!("at most {MAX_LAYERS}")));
        }
        let vocabulary_size = positive(config, "vocab_size")?;
        let pad_token_id = pad_token_id(config, family, vocabulary_size)?;
        let position_rows = positive(config, "max_position_embeddings")?;
        let position_offset = position_offset(config, family, pad_token_id, position_rows)?;
        Ok(Self {
            name: name.to_owned(),
            family,
            purpose,
            vocabulary_size,
            hidden_size,
            layers,
            attention_heads,
            intermediate_size: positive(config, fields.intermediate_size)?,
            activation: activation(config, fields.activation)?,
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
        match family {
            Family::Bert | Family::Roberta => Self {
                hidden_size: "hidden_size",
                layers: "num_hidden_layers",
                attention_heads: "num_attention_heads",
                intermediate_size: "intermediate_size",
                activation: "hidden_act",
            },
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

fn activation(config: &Object<'_>, field: &str) -> Result<Activation, ModelError> {
    // Every family's configuration class defaults to "gelu".
    match config.optional(field, Object::text)?.unwrap_or("gelu") {
        "gelu" => Ok(Activation::Gelu),
        "gelu_new" | "gelu_pytorch_tanh" => Ok(Activation::GeluTanh),
        "relu" => Ok(Activation::Relu),
        _ => Err(config.refuse(field, "one of gelu, gelu_new, gelu_pytorch_tanh, relu")),
    }
}

/// Absent, the id is what the family's configuration class in transformers defaults to.
fn pad_token_id(
    config: &Object<'_>,
    family: Family,
    vocabulary_size: usize,
) -> Result<u32, ModelError> {
    let default = match family {
        Family::Bert | Family::DistilBert => 0,
        Family::Roberta => 1,
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

fn position_offset(
    config: &Object<'_>,
    family: Family,
    pad_token_id: u32,
    position_rows: usize,
) -> Result<usize, ModelError> {
    let offset = match family {
        Family::Bert | Family::DistilBert => 0,
        Family::Roberta => usize::try_from(pad_token_id).map_or(usize::MAX, |id| id + 1),
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
    match family {
        Family::Bert | Family::Roberta => positive(config, "type_vocab_size"),
        Family::DistilBert => Ok(0),
    }
}

fn layer_norm_epsilon(config: &Object<'_>, family: Family) -> Result<f32, ModelError> {
    const FIELD: &str = "layer_norm_eps";
    match family {
        Family::Bert | Family::Roberta => {
            let epsilon = config.optional(FIELD, Object::number)?.unwrap_or(1e-12);
            if (0.0..1.0).contains(&epsilon) {
                Ok(to_f32(epsilon))
            } else {
                Err(config.refuse(FIELD, "a number from 0 to 1"))
            }
        }
        // DistilBERT writes the figure into its code, not into its configuration.
        Family::DistilBert => Ok(1e-12),
    }
}

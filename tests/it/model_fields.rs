//! How a wrong field in a file of a model is refused.

use serde_json::{Value, json};

use crate::fixtures::{
    CLASSIFIER, DEBERTA, DEBERTA_SHARDED, ELECTRA, MODERNBERT, MODERNBERT_MEAN, MULTI_HEAD,
    XLM_ROBERTA,
};
use crate::model_damage::assert_refused;

/// Model, place of the field, its value, and how the error goes on after the name of the file.
type Case = (&'static str, &'static str, Value, &'static str);

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn a_wrong_field_of_the_config_is_named() {
    let cases: Vec<Case> = vec![
        (
            MULTI_HEAD,
            "/architectures",
            json!(["LlamaForCausalLM"]),
            ": field architectures[0] should be one of BertModel, RobertaModel, XLMRobertaModel, CamembertModel, DistilBertModel, ElectraModel, DebertaV2Model, ModernBertModel, BertForSequenceClassification, RobertaForSequenceClassification, XLMRobertaForSequenceClassification, CamembertForSequenceClassification, DistilBertForSequenceClassification, ElectraForSequenceClassification, DebertaV2ForSequenceClassification, ModernBertForSequenceClassification, found \"LlamaForCausalLM\"",
        ),
        (
            MULTI_HEAD,
            "/architectures",
            json!([]),
            ": field architectures should be a list of one of BertModel",
        ),
        (
            MULTI_HEAD,
            "/architectures",
            json!(["BertForSequenceClassification"]),
            ": field architectures[0] should be an encoder such as BertModel",
        ),
        (
            CLASSIFIER,
            "/architectures",
            json!(["BertModel"]),
            ": field architectures[0] should be a ...ForSequenceClassification, as there is no signalbox.json, found \"BertModel\"",
        ),
        (
            MULTI_HEAD,
            "/position_embedding_type",
            json!("relative_key"),
            ": field position_embedding_type should be \"absolute\", found \"relative_key\"",
        ),
        (
            MULTI_HEAD,
            "/hidden_act",
            json!("silu"),
            ": field hidden_act should be one of gelu, gelu_new, gelu_pytorch_tanh, relu, tanh, found \"silu\"",
        ),
        (
            MULTI_HEAD,
            "/hidden_size",
            json!(-1),
            ": field hidden_size should be a whole number, found -1",
        ),
        (
            MULTI_HEAD,
            "/hidden_size",
            json!(0),
            ": field hidden_size should be a whole number from 1 to 2147483647, found 0",
        ),
        (
            MULTI_HEAD,
            "/hidden_size",
            json!(u64::MAX),
            ": field hidden_size should be a whole number from 1 to 2147483647, found 18446744073709551615",
        ),
        (
            MULTI_HEAD,
            "/num_attention_heads",
            json!(5),
            ": field num_attention_heads should be a divisor of hidden_size = 32, found 5",
        ),
        (
            MULTI_HEAD,
            "/num_hidden_layers",
            json!(2_000_000_000),
            ": field num_hidden_layers should be at most 1024, found 2000000000",
        ),
        (
            MULTI_HEAD,
            "/layer_norm_eps",
            json!(-1e-12),
            ": field layer_norm_eps should be a number from 0 to 1, found -1e-12",
        ),
        (
            MULTI_HEAD,
            "/pad_token_id",
            json!(401),
            ": field pad_token_id should be an id below vocab_size = 401, found 401",
        ),
        (
            XLM_ROBERTA,
            "/max_position_embeddings",
            json!(2),
            ": field max_position_embeddings should be over 2, as positions begin at pad_token_id + 1, found 2",
        ),
        (
            CLASSIFIER,
            "/problem_type",
            json!("regression"),
            ": field problem_type should be single_label_classification or multi_label_classification, as only probabilities can be read, found \"regression\"",
        ),
        (
            CLASSIFIER,
            "/id2label",
            json!({"0": "a", "2": "b"}),
            ": field id2label.1 should be a text, found nothing",
        ),
        (
            CLASSIFIER,
            "/id2label",
            json!({"0": "a", "1": "a"}),
            ": field id2label.1 should be a label without control characters that no other output has, found \"a\"",
        ),
        (
            CLASSIFIER,
            "/id2label",
            json!({}),
            ": field id2label should be at least 1 label, found an object",
        ),
    ];
    refuse_all("config.json", cases);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn a_wrong_option_of_a_family_is_named() {
    let cases: Vec<Case> = vec![
        (
            ELECTRA,
            "/embedding_size",
            json!(null),
            ": field embedding_size should be a whole number, found null",
        ),
        (
            DEBERTA,
            "/embedding_size",
            json!(8),
            ": field embedding_size should be absent or hidden_size = 16, found 8",
        ),
        (
            DEBERTA,
            "/attention_head_size",
            json!(16),
            ": field attention_head_size should be absent or hidden_size / num_attention_heads = 8, found 16",
        ),
        (
            DEBERTA,
            "/pooler_hidden_size",
            json!(32),
            ": field pooler_hidden_size should be absent or hidden_size = 16, found 32",
        ),
        (
            DEBERTA,
            "/pooler_hidden_act",
            json!("silu"),
            ": field pooler_hidden_act should be one of gelu, gelu_new, gelu_pytorch_tanh, relu, tanh, found \"silu\"",
        ),
        (
            DEBERTA,
            "/relative_attention",
            json!(false),
            ": field relative_attention should be true, found false",
        ),
        (
            DEBERTA,
            "/pos_att_type",
            json!(["c2p", "p2p"]),
            ": field pos_att_type should be a list of c2p, p2c or both, found \"p2p\"",
        ),
        (
            DEBERTA,
            "/pos_att_type",
            json!("c2c"),
            ": field pos_att_type should be a list of c2p, p2c or both, found \"c2c\"",
        ),
        (
            DEBERTA,
            "/pos_att_type",
            json!([]),
            ": field pos_att_type should be a list of c2p, p2c or both, found a list of 0",
        ),
        (
            DEBERTA,
            "/norm_rel_ebd",
            json!("batch_norm"),
            ": field norm_rel_ebd should be one of none, layer_norm, found \"batch_norm\"",
        ),
        (
            DEBERTA,
            "/share_att_key",
            json!("yes"),
            ": field share_att_key should be true or false, found \"yes\"",
        ),
        (
            DEBERTA_SHARDED,
            "/position_buckets",
            json!(126),
            ": field position_buckets should be -1, or from 2 to 125 with distances up to 64, found 126",
        ),
        (
            DEBERTA_SHARDED,
            "/max_position_embeddings",
            json!(32_769),
            ": field max_position_embeddings should be at most 32768, found 32769",
        ),
        (
            DEBERTA,
            "/max_relative_positions",
            json!(16),
            ": tensor deberta.encoder.rel_embeddings.weight should have shape [32, 16], found [64, 16]",
        ),
        (
            DEBERTA,
            "/conv_kernel_size",
            json!(4),
            ": field conv_kernel_size should be 0 or an odd number up to 15, found 4",
        ),
        (
            DEBERTA,
            "/conv_groups",
            json!(2),
            ": field conv_groups should be absent or one group = 1, found 2",
        ),
        (
            MODERNBERT,
            "/num_attention_heads",
            json!(16),
            ": field num_attention_heads should be a divisor of hidden_size = 16 with an even quotient, found 16",
        ),
        (
            MODERNBERT,
            "/rope_scaling",
            json!({"rope_type": "linear", "factor": 2.0}),
            ": field rope_scaling should be absent or null, found an object",
        ),
        (
            MODERNBERT,
            "/rope_parameters/full_attention/rope_type",
            json!("yarn"),
            ": field rope_parameters.full_attention.rope_type should be \"default\", found \"yarn\"",
        ),
        (
            MODERNBERT,
            "/rope_parameters/sliding_attention/rope_theta",
            json!(0),
            ": field rope_parameters.sliding_attention.rope_theta should be a finite number of at least 1, found 0",
        ),
        (
            MODERNBERT_MEAN,
            "/global_rope_theta",
            json!(-1.0),
            ": field global_rope_theta should be a finite number of at least 1, found -1.0",
        ),
        (
            MODERNBERT_MEAN,
            "/global_attn_every_n_layers",
            json!(0),
            ": field global_attn_every_n_layers should be at least 1, found 0",
        ),
        (
            MODERNBERT,
            "/layer_types/2",
            json!("chunked_attention"),
            ": field layer_types[2] should be one of full_attention, sliding_attention, found \"chunked_attention\"",
        ),
        (
            MODERNBERT,
            "/layer_types",
            json!(["full_attention"]),
            ": field layer_types should be a list of num_hidden_layers = 4, found a list of 1",
        ),
        (
            MODERNBERT,
            "/classifier_pooling",
            json!("max"),
            ": field classifier_pooling should be one of cls, mean, found \"max\"",
        ),
        (
            MODERNBERT,
            "/hidden_activation",
            json!("silu"),
            ": field hidden_activation should be one of gelu, gelu_new, gelu_pytorch_tanh, relu, tanh, found \"silu\"",
        ),
        (
            MODERNBERT,
            "/problem_type",
            json!("regression"),
            ": field problem_type should be single_label_classification or multi_label_classification",
        ),
    ];
    for (model, pointer, value, expected) in cases {
        assert_refused(model, |copy| copy.set("config.json", pointer, value), expected);
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn a_wrong_field_of_the_manifest_is_named() {
    let cases: Vec<Case> = vec![
        (MULTI_HEAD, "/format", json!(2), ": field format should be 1, found 2"),
        (
            MULTI_HEAD,
            "/surprise",
            json!(1),
            ": field surprise should be one of the known fields: format, name",
        ),
        (
            MULTI_HEAD,
            "/heads/0/surprise",
            json!(1),
            ": field heads[0].surprise should be one of the known fields: name, kind, labels, temperature, thresholds, found an unknown field",
        ),
        (
            MULTI_HEAD,
            "/name",
            json!(""),
            ": field name should be 1 to 128 characters, none of them a control character, found \"\"",
        ),
        (
            MULTI_HEAD,
            "/max_tokens",
            json!(65),
            ": field max_tokens should be from 3 to the encoder's 64 positions, found 65",
        ),
        (
            MULTI_HEAD,
            "/max_tokens",
            json!(2),
            ": field max_tokens should be from 3 to the encoder's 64 positions, found 2",
        ),
        (
            MULTI_HEAD,
            "/pooling",
            json!("max"),
            ": field pooling should be one of mean, cls, pooler, found \"max\"",
        ),
        (
            MULTI_HEAD,
            "/heads",
            json!([]),
            ": field heads should be a list with a head named primary or intent, found []",
        ),
        (
            MULTI_HEAD,
            "/heads/2/name",
            json!("mood"),
            ": field heads[2].name should be one of primary, intent, polarity, flags, found \"mood\"",
        ),
        (
            MULTI_HEAD,
            "/heads/2",
            json!({"name": "primary", "kind": "single_label", "labels": ["a"]}),
            ": field heads[2].name should be a name that no other head has, found \"primary\"",
        ),
        (
            MULTI_HEAD,
            "/heads/1/labels/1",
            json!("order.other"),
            ": field heads should be the same labels in the same order in the heads primary and intent, found labels[1] is \"order.cancel\" and \"order.other\"",
        ),
        (
            MULTI_HEAD,
            "/heads/2/labels/4",
            json!("ecstatic"),
            ": field heads[2].labels should be the five steps [very_negative, negative, neutral, positive, very_positive], found [very_negative,",
        ),
        (
            MULTI_HEAD,
            "/heads/0/kind",
            json!("multi_label"),
            ": field heads[0].kind should be single_label for a head named primary, found \"multi_label\"",
        ),
        (
            MULTI_HEAD,
            "/heads/0/labels",
            json!([]),
            ": field heads[0].labels should be a list of at least 1, found a list of 0",
        ),
        (
            MULTI_HEAD,
            "/heads/0/labels/1",
            json!("order.status"),
            ": field heads[0].labels[1] should be a label without control characters that no other output has, found \"order.status\"",
        ),
        (
            MULTI_HEAD,
            "/heads/0/labels/1",
            json!("a\nb"),
            ": field heads[0].labels[1] should be a label without control characters",
        ),
        (
            MULTI_HEAD,
            "/heads/0/temperature",
            json!(0),
            ": field heads[0].temperature should be a finite number over 0, found 0",
        ),
        (
            MULTI_HEAD,
            "/heads/0/temperature",
            json!(-1.5),
            ": field heads[0].temperature should be a finite number over 0, found -1.5",
        ),
        (
            MULTI_HEAD,
            "/heads/0/temperature",
            json!(1e300),
            ": field heads[0].temperature should be a finite number over 0, found 1e+300",
        ),
        (
            MULTI_HEAD,
            "/heads/1/thresholds",
            json!([0.5]),
            ": field heads[1].thresholds should be a list of 6, one for each label, found a list of 1",
        ),
        (
            MULTI_HEAD,
            "/heads/1/thresholds/2",
            json!(1.0),
            ": field heads[1].thresholds[2] should be a number over 0 and under 1, found 1",
        ),
        (
            MULTI_HEAD,
            "/heads/1/thresholds/2",
            json!(0),
            ": field heads[1].thresholds[2] should be a number over 0 and under 1, found 0",
        ),
        (
            MULTI_HEAD,
            "/heads/1/thresholds/2",
            json!("NaN"),
            ": field heads[1].thresholds[2] should be a number, found \"NaN\"",
        ),
        (
            MULTI_HEAD,
            "/heads/1/thresholds/2",
            json!(null),
            ": field heads[1].thresholds[2] should be a number, found null",
        ),
        (
            MULTI_HEAD,
            "/heads/0/thresholds",
            json!([0.5]),
            ": field heads[0].thresholds should be absent in a single_label head, found a list of 1",
        ),
        (
            MULTI_HEAD,
            "/languages",
            json!(["en", "not a tag"]),
            ": field languages[1] should be a BCP-47 tag such as \"en\", found \"not a tag\"",
        ),
        (
            MULTI_HEAD,
            "/abstention",
            json!({"min_primary": 1.5}),
            ": field abstention.min_primary should be a number from 0 to 1, found 1.5",
        ),
        (
            MULTI_HEAD,
            "/abstention",
            json!({"min_luck": 0.5}),
            ": field abstention.min_luck should be one of the known fields",
        ),
        (
            MULTI_HEAD,
            "/files",
            json!({"../../etc/passwd": "sha256:00"}),
            ": field files.../../etc/passwd should be one of the known fields: config.json, tokenizer.json, model.safetensors",
        ),
        (
            MULTI_HEAD,
            "/files",
            json!({"config.json": "md5:00"}),
            ": field files.config.json should be \"sha256:\" and 64 hexadecimal digits, found \"md5:00\"",
        ),
        (
            MULTI_HEAD,
            "/self_check",
            json!([{"text": "hi", "primary": "no.such"}]),
            ": field self_check[0].primary should be a label of the head primary or intent, found \"no.such\"",
        ),
    ];
    refuse_all("signalbox.json", cases);
}

#[test]
fn a_wrong_field_of_the_tokenizer_is_named() {
    let cases: Vec<Case> = vec![
        (
            MULTI_HEAD,
            "/post_processor",
            json!(null),
            ": field post_processor should be 1 to 47 special tokens around the text, found 0",
        ),
        (
            MULTI_HEAD,
            "/post_processor/special_tokens/<s>/ids",
            json!([401]),
            ": field post_processor should be ids below the 401 rows of the word embeddings, found id 401",
        ),
        (MULTI_HEAD, "/model/type", json!("Nonsense"), " is not a tokenizer that can be used: "),
    ];
    refuse_all("tokenizer.json", cases);
}

fn refuse_all(file: &str, cases: Vec<Case>) {
    for (model, pointer, value, expected) in cases {
        let expected = format!("{file}{expected}");
        assert_refused(model, |copy| copy.set(file, pointer, value), &expected);
    }
}

#![allow(clippy::cast_possible_truncation, reason = "values of a test are small")]

use super::super::{InstructionSet, Kernels};
use super::*;

const SHAPE: Shape = Shape { hidden: 12, head: 4 };
const INTERMEDIATE: usize = 20;
const EMBEDDINGS: usize = 8;

/// Numbers from -1 to 1 that repeat late.
fn numbers(len: usize, seed: usize) -> Vec<f32> {
    (0..len).map(|index| (((index + seed) * 37 % 101) as f32 - 50.0) / 50.0).collect()
}

fn dense(outputs: usize, inputs: usize) -> QuantizedDense {
    let weight = numbers(outputs * inputs, outputs);
    QuantizedDense::quantize(&weight, numbers(outputs, inputs)).unwrap()
}

fn norm(width: usize) -> Norm {
    Norm::new(vec![1.0; width], numbers(width, 3), 1e-12).unwrap()
}

fn layer() -> LayerWeights {
    let square = || dense(SHAPE.hidden, SHAPE.hidden);
    LayerWeights {
        query: square(),
        key: square(),
        value: square(),
        attention_output: square(),
        attention_norm: norm(SHAPE.hidden),
        intermediate: dense(INTERMEDIATE, SHAPE.hidden),
        output: dense(SHAPE.hidden, INTERMEDIATE),
        output_norm: norm(SHAPE.hidden),
    }
}

fn weights() -> EncoderWeights {
    let weight = numbers(SHAPE.hidden * EMBEDDINGS, 5);
    EncoderWeights {
        shape: SHAPE,
        embeddings_norm: norm(EMBEDDINGS),
        projection: Some(FloatDense::new(weight, numbers(SHAPE.hidden, 6)).unwrap()),
        layers: vec![layer(), layer()],
        activation: Activation::Gelu,
    }
}

#[test]
fn a_message_has_the_same_vectors_alone_and_among_others() {
    let lengths: &[usize] = if cfg!(miri) { &[3, 2] } else { &[5, 130, 1, 100, 40, 2] };
    let encoder = Encoder::pack(weights()).unwrap();
    let embeddings = numbers(lengths.iter().sum::<usize>() * EMBEDDINGS, 0);
    for instructions in InstructionSet::available() {
        let session = Kernels::new(instructions).unwrap().on_this_thread();
        let mut workspace = Workspace::default();
        let mut together = embeddings.clone();

        encoder.forward(session, lengths, &mut together, &mut workspace).unwrap();

        assert_eq!(together.len(), embeddings.len() / EMBEDDINGS * SHAPE.hidden);
        let mut first = 0;
        for length in lengths {
            let mut alone = embeddings[first * EMBEDDINGS..][..length * EMBEDDINGS].to_vec();
            encoder.forward(session, &[*length], &mut alone, &mut workspace).unwrap();
            assert_eq!(alone, together[first * SHAPE.hidden..][..length * SHAPE.hidden]);
            first += length;
        }
    }
}

#[test]
fn vectors_of_another_number_of_tokens_are_refused() {
    let encoder = Encoder::pack(weights()).unwrap();
    let session = Kernels::new(InstructionSet::fastest()).unwrap().on_this_thread();
    let mut workspace = Workspace::default();

    let forward = |tokens: usize, lengths: &[usize], workspace: &mut Workspace| {
        encoder.forward(session, lengths, &mut numbers(tokens * EMBEDDINGS, 0), workspace)
    };

    assert!(forward(3, &[2, 1], &mut workspace).is_some());
    assert!(forward(3, &[2, 2], &mut workspace).is_none());
    assert!(forward(3, &[2], &mut workspace).is_none());
    assert!(forward(0, &[], &mut workspace).is_some());
}

#[test]
fn weights_that_do_not_match_are_refused() {
    let refused = |change: &dyn Fn(&mut EncoderWeights)| {
        let mut weights = weights();
        change(&mut weights);
        Encoder::pack(weights).unwrap_err()
    };
    let (hidden, sizes) = (SHAPE.hidden, WeightsError::Sizes);

    assert_eq!(refused(&|weights| weights.shape.head = 5), sizes, "no whole heads");
    assert_eq!(refused(&|weights| weights.shape.head = 0), sizes);
    assert_eq!(refused(&|weights| weights.shape.hidden = 16), sizes);
    assert_eq!(refused(&|weights| weights.projection = None), sizes);
    assert_eq!(refused(&|weights| weights.embeddings_norm = norm(hidden)), sizes);
    assert_eq!(refused(&|weights| weights.layers[1].value = dense(hidden, 11)), sizes);
    assert_eq!(refused(&|weights| weights.layers[1].output = dense(hidden, 19)), sizes);
    assert_eq!(refused(&|weights| weights.layers[1].intermediate = dense(20, 11)), sizes);
    assert_eq!(refused(&|weights| weights.layers[1].output_norm = norm(11)), sizes);
}

#[test]
fn layers_of_parts_that_do_not_match_are_refused() {
    let (sizes, bias) = (Some(WeightsError::Sizes), || vec![0.0; 2]);

    assert_eq!(QuantizedDense::new(vec![0; 5], vec![0.0; 2], bias()).err(), sizes);
    assert_eq!(QuantizedDense::new(vec![0; 6], vec![0.0; 3], bias()).err(), sizes);
    assert_eq!(QuantizedDense::new(vec![], vec![], vec![]).err(), sizes);
    assert_eq!(QuantizedDense::quantize(&[0.0; 5], bias()).err(), sizes);
    assert_eq!(FloatDense::new(vec![0.0; 5], bias()).err(), sizes);
    assert_eq!(Norm::new(vec![0.0; 3], bias(), 0.0).err(), sizes);
    assert_eq!(Norm::new(vec![], vec![], 0.0).err(), sizes);
}

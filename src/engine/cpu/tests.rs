#![allow(
    clippy::cast_possible_truncation,
    clippy::single_range_in_vec_init,
    reason = "small values, and lists of runs"
)]

use super::attention::{Room, Shape, attend};
use super::kernels::{InstructionSet, Kernels, Session};
use super::*;

fn sessions() -> Vec<Session> {
    let all = InstructionSet::available().into_iter();
    all.map(|set| Kernels::new(set).unwrap().on_this_thread()).collect()
}

/// Numbers from -1 to 1 without a pattern.
fn numbers(len: usize) -> Vec<f32> {
    let next = |state: &mut u32| {
        *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        Some(f32::from(u16::try_from(*state >> 16).unwrap()) / 32_767.5 - 1.0)
    };
    let mut state = 7;
    std::iter::repeat_with(|| next(&mut state).unwrap()).take(len).collect()
}

/// Attention by its definition, in f64.
fn reference(shape: Shape, input: &[f32], tokens: usize) -> Vec<f32> {
    let Shape { hidden, head } = shape;
    let at = |token: usize, part: usize, column: usize| {
        f64::from(input[token * 3 * hidden + part * hidden + column])
    };
    let mut context = vec![0.0; tokens * hidden];
    for token in 0..tokens {
        for column in 0..hidden {
            let start = column / head * head;
            let score = |other: usize| -> f64 {
                (start..start + head).map(|k| at(token, 0, k) * at(other, 1, k)).sum()
            };
            let weights: Vec<f64> = (0..tokens).map(|other| score(other).exp2()).collect();
            let total: f64 = weights.iter().sum();
            let mixed: f64 = (0..tokens).map(|other| weights[other] * at(other, 2, column)).sum();
            context[token * hidden + column] = (mixed / total) as f32;
        }
    }
    context
}

#[test]
fn attention_is_close_to_its_definition() {
    let mut rooms: Vec<_> =
        sessions().into_iter().map(|session| (session, Room::default())).collect();
    // The room is used again for shorter and longer messages and narrower heads: nothing may be left over from before.
    for (tokens, hidden, head) in
        [(1, 32, 16), (70, 64, 32), (5, 64, 32), (17, 48, 12), (64, 64, 32), (130, 80, 20)]
    {
        let shape = Shape { hidden, head };
        let input = numbers(tokens * 3 * hidden);
        let expected = reference(shape, &input, tokens);
        for (session, room) in &mut rooms {
            let mut context = vec![0.0; tokens * hidden];

            attend(*session, shape, &input, &mut context, room).unwrap();

            for (found, expected) in context.iter().zip(&expected) {
                assert!((found - expected).abs() < 0.02, "{tokens} tokens: {found}, {expected}");
            }
        }
    }
}

#[test]
fn a_batch_is_cut_into_runs_of_about_as_many_tokens() {
    let batch = |lengths: &[usize]| {
        let messages: Vec<Vec<u32>> = lengths.iter().map(|length| vec![1; *length]).collect();
        RaggedBatch::from_messages(messages.iter().map(Vec::as_slice))
    };

    assert_eq!(shares(&batch(&[10, 10, 10, 10]), 2), [0..2, 2..4]);
    assert_eq!(shares(&batch(&[90, 10]), 2), [0..2]);
    assert_eq!(shares(&batch(&[10, 90]), 2), [0..1, 1..2]);
    assert_eq!(shares(&batch(&[1, 1, 1]), 4), [0..1, 1..2, 2..3]);
    assert_eq!(shares(&batch(&[5]), 2), [0..1]);
}

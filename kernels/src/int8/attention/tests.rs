#![allow(clippy::cast_possible_truncation, reason = "values of a test are small")]

use super::super::{InstructionSet, Kernels};
use super::*;

/// Numbers from -1 to 1 without a pattern.
fn numbers(len: usize) -> Vec<f32> {
    let mut state = 7_u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f32::from(u16::try_from(state >> 16).unwrap()) / 32_767.5 - 1.0
    };
    std::iter::repeat_with(next).take(len).collect()
}

/// Projections of one head, the columns past the head 0.
fn projections(shape: Shape, tokens: usize) -> Vec<f32> {
    let padded = shape.head_columns();
    let mut values = numbers(tokens * PARTS * padded);
    for part in values.chunks_exact_mut(padded) {
        part[shape.head..].fill(0.0);
    }
    values
}

/// Attention by its definition, in f64.
fn reference(shape: Shape, projected: &[f32], tokens: usize) -> Vec<f64> {
    let padded = shape.head_columns();
    let at = |token: usize, part: usize, column: usize| {
        f64::from(projected[(token * PARTS + part) * padded + column])
    };
    let mut context = Vec::new();
    for token in 0..tokens {
        let score = |other: usize| -> f64 {
            (0..shape.head).map(|column| at(token, 0, column) * at(other, 1, column)).sum()
        };
        let weights: Vec<f64> = (0..tokens).map(|other| score(other).exp2()).collect();
        let total: f64 = weights.iter().sum();
        for column in 0..shape.head {
            let mixed: f64 = (0..tokens).map(|other| weights[other] * at(other, 2, column)).sum();
            context.push(mixed / total);
        }
    }
    context
}

/// Tokens and columns of a head. The room is used again for shorter and longer messages: nothing may be left over.
const SIZES: &[(usize, usize)] = if cfg!(miri) {
    &[(9, 8), (3, 8), (17, 4)]
} else {
    &[(1, 32), (70, 32), (5, 32), (64, 32), (130, 32), (17, 12), (40, 20)]
};

#[test]
fn attention_is_close_to_its_definition() {
    for instructions in InstructionSet::available() {
        let session = Kernels::new(instructions).unwrap().on_this_thread();
        let mut room = MessageRoom::default();
        let mut last_head = None;
        for &(count, head) in SIZES {
            // Rows of the context are wider than the head, as they are in the encoder.
            let shape = Shape { hidden: head + 3, head };
            if last_head.replace(head).is_some_and(|last| last != head) {
                room = MessageRoom::default();
            }
            let projected = projections(shape, count);
            let expected = reference(shape, &projected, count);
            let mut context = vec![9.0; count * shape.hidden];
            room.resize(shape, Tokens::of(count), session.format());

            room.attend(session, shape, Tokens::of(count), &projected, &mut context).unwrap();

            for (found, expected) in
                context.chunks_exact(shape.hidden).zip(expected.chunks_exact(head))
            {
                for (found, expected) in found.iter().zip(expected) {
                    let distance = (f64::from(*found) - expected).abs();
                    assert!(distance < 0.02, "{instructions}, {count} tokens: {found}, {expected}");
                }
                assert_eq!(found[head..], [9.0; 3], "other heads");
            }
        }
    }
}

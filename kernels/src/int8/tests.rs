#![allow(clippy::cast_possible_truncation, reason = "values of a test are small")]

use super::rows;
use super::*;

/// Integers from -127 to 127 without a pattern.
fn integers(len: usize, seed: u32) -> Vec<i8> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(12_345);
    let next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        i8::try_from(i64::from(state % 255) - 127).unwrap()
    };
    std::iter::repeat_with(next).take(len).collect()
}

/// Numbers from -1 to 1 without a pattern.
fn numbers(len: usize, seed: u32) -> Vec<f32> {
    integers(2 * len, seed)
        .chunks_exact(2)
        .map(|pair| f32::from(pair[0]) / 127.0 + f32::from(pair[1]) / 16_129.0)
        .collect()
}

fn in_format(values: &[i8], format: ActivationFormat) -> Vec<u8> {
    let bytes = |value: i8| match format {
        ActivationFormat::Signed8 => vec![value.to_le_bytes()[0]],
        ActivationFormat::Offset8 => vec![value.to_le_bytes()[0] ^ 0x80],
        ActivationFormat::Signed16 => i16::from(value).to_le_bytes().to_vec(),
    };
    values.iter().flat_map(|value| bytes(*value)).collect()
}

fn packed(weights: &[i8], columns: usize, inner: usize) -> Vec<u8> {
    let mut bytes = vec![0; columns * inner];
    for column in 0..columns {
        for index in 0..inner {
            let place = column / BLOCK * BLOCK * inner
                + index / STEP * BLOCK * STEP
                + column % BLOCK * STEP
                + index % STEP;
            bytes[place] = weights[column * inner + index].to_le_bytes()[0];
        }
    }
    bytes
}

fn sessions() -> Vec<Session> {
    let all = InstructionSet::available().into_iter();
    all.map(|set| Kernels::new(set).unwrap().on_this_thread()).collect()
}

/// Rows, columns and inner size of products; few where an interpreter runs them.
const SIZES: &[(usize, usize, usize)] = if cfg!(miri) {
    &[(1, 16, 64), (2, 32, 128)]
} else {
    &[
        (1, 16, 64),
        (2, 48, 128),
        (7, 64, 64),
        (16, 16, 192),
        (17, 80, 384),
        (33, 32, 1536),
        (64, 64, 384),
    ]
};

#[test]
fn products_are_exact_with_every_instruction_set() {
    for session in sessions() {
        for &(row_count, columns, inner) in SIZES {
            let tiled_rows = row_count.next_multiple_of(TILE_ROWS);
            // The extremes in the first row and column: nothing may saturate.
            let mut values = integers(tiled_rows * inner, 1);
            values[..inner].fill(-127);
            let mut weights = integers(columns * inner, 2);
            weights[..inner].fill(127);
            let sum_of = |column: usize| -> i32 {
                weights[column * inner..][..inner].iter().map(|value| i32::from(*value)).sum()
            };
            let offsets: Vec<i32> = (0..columns).map(|column| -128 * sum_of(column)).collect();
            let stride = columns + 16;
            let mut products = vec![7; tiled_rows * stride];

            let done = session.multiply(
                Activations {
                    bytes: &in_format(&values, session.format()),
                    rows: row_count,
                    inner,
                },
                Blocks { weights: &packed(&weights, columns, inner), offsets: &offsets },
                &mut products,
                stride,
            );

            assert_eq!(done, Some(()));
            for row in 0..row_count {
                for column in 0..columns {
                    let pairs =
                        values[row * inner..][..inner].iter().zip(&weights[column * inner..]);
                    let expected: i32 =
                        pairs.map(|(value, weight)| i32::from(*value) * i32::from(*weight)).sum();
                    let found = products[row * stride + column];
                    assert_eq!(
                        found, expected,
                        "{session:?} row {row}, column {column} of {columns}"
                    );
                }
                assert_eq!(products[row * stride + columns..][..16], [7; 16], "past the columns");
            }
        }
    }
}

#[test]
fn sizes_that_do_not_match_are_refused() {
    let session = Kernels::new(InstructionSet::Portable).unwrap().on_this_thread();
    let bytes = [0; 16 * 64];
    let weights = [0; 16 * 64];
    let offsets = [0; 16];
    let refused = |rows: usize, inner: usize, weights: &[u8], offsets: &[i32], stride: usize| {
        let activations = Activations { bytes: &bytes, rows, inner };
        let blocks = Blocks { weights, offsets };
        session.multiply(activations, blocks, &mut [0; 16 * 16], stride).is_none()
    };

    assert!(!refused(16, 64, &weights, &offsets, 16));
    assert!(refused(17, 64, &weights, &offsets, 16), "rows that are not there");
    assert!(refused(16, 32, &weights, &offsets, 16), "half a tile");
    assert!(refused(16, 64, &weights[1..], &offsets, 16), "half a block");
    assert!(refused(16, 64, &weights, &offsets[1..], 16), "an offset is missing");
    assert!(refused(16, 64, &weights, &offsets, 15), "sums overlap");
    assert!(refused(16, 64, &weights, &offsets, 17), "no room for the sums");
    assert!(refused(usize::MAX, 64, &weights, &offsets, 16));
    assert!(refused(16, usize::MAX - 63, &weights, &offsets, 16));
}

struct OnRows<F>(F);

/// What the rows are worked on with, so that a test can go through every instruction set.
impl<F: FnOnce() -> R, R> Work for OnRows<F> {
    type Output = R;

    #[inline(always)]
    fn run<const FMA: bool>(self) -> R {
        self.0()
    }
}

#[test]
fn rows_are_quantised_to_the_nearest_step_in_every_format() {
    let values = numbers(100, 3);
    let largest = values.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
    for session in sessions() {
        let format = session.format();
        let mut bytes = vec![0; 100 * format.value_bytes()];

        let scale = session.run(OnRows(|| rows::quantize(&values, format, &mut bytes)));

        assert!((scale - largest / 127.0).abs() < 1e-9);
        let nearest: Vec<i8> = values.iter().map(|value| (value / scale).round() as i8).collect();
        assert_eq!(bytes, in_format(&nearest, format), "{session:?}");
    }
}

#[test]
fn what_is_no_number_stays_visible_in_the_scale_or_the_row() {
    let session = Kernels::new(InstructionSet::fastest()).unwrap().on_this_thread();
    let mut bytes = [0; 64];

    let format = session.format();
    let zeros = session.run(OnRows(|| rows::quantize(&[0.0; 16], format, &mut bytes)));
    let infinite =
        session.run(OnRows(|| rows::quantize(&[1.0, f32::INFINITY], format, &mut bytes)));

    assert_eq!((zeros, infinite), (0.0, f32::INFINITY));
}

/// Φ(x) by its series, good to 1e-12 in the range that is tested.
fn phi(x: f64) -> f64 {
    let mut term = x;
    let mut sum = x;
    let mut index = 1.0;
    while term.abs() > 1e-16 {
        term *= -x * x / (2.0 * index) * (2.0 * index - 1.0) / (2.0 * index + 1.0);
        sum += term;
        index += 1.0;
    }
    0.5 + sum / (2.0 * std::f64::consts::PI).sqrt()
}

#[test]
fn activations_are_close_to_their_definitions() {
    let every = if cfg!(miri) { 97 } else { 1 };
    let inputs: Vec<f32> =
        (-600..=600_i16).step_by(every).map(|step| f32::from(step) / 100.0).collect();
    let mut exact = inputs.clone();
    let mut tanh = inputs.clone();
    let mut relu = inputs.clone();

    rows::gelu::<false>(&mut exact);
    rows::gelu_tanh::<false>(&mut tanh);
    rows::relu(&mut relu);

    for (index, input) in inputs.iter().enumerate() {
        let x = f64::from(*input);
        let y = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x.powi(3));
        assert!((f64::from(exact[index]) - x * phi(x)).abs() < 2.5e-4, "gelu({x})");
        let expected = 0.5 * x * (1.0 + y.tanh());
        assert!((f64::from(tanh[index]) - expected).abs() < 5e-4, "gelu_tanh({x}) {}", tanh[index]);
        assert!((relu[index] - input.max(0.0)).abs() < 1e-9);
    }
}

struct Weights<'a>(&'a [i32], f32, ActivationFormat, &'a mut [u8]);

impl Work for Weights<'_> {
    type Output = f32;

    #[inline(always)]
    fn run<const FMA: bool>(self) -> f32 {
        rows::attention_weights::<FMA>(self.0, self.1, self.2, self.3)
    }
}

#[test]
fn attention_weights_are_powers_of_two_in_steps_of_the_largest() {
    for session in sessions() {
        let format = session.format();
        for (count, factor) in
            [(1, 0.02), (15, 0.02), (16, 0.001), (37, 0.02), (64, 0.0), (3, 50.0)]
        {
            let scores: Vec<i32> =
                integers(count, 9).into_iter().map(|value| i32::from(value) * 3).collect();
            let mut bytes = vec![9; 64 * format.value_bytes()];

            let total = session.run(Weights(&scores, factor, format, &mut bytes));

            let largest = *scores.iter().max().unwrap();
            let power = |score: &i32| (f64::from(score - largest) * f64::from(factor)).exp2();
            let mut expected: Vec<i8> =
                scores.iter().map(|score| (127.0 * power(score)).round() as i8).collect();
            let sum: f32 = expected.iter().map(|value| f32::from(*value)).sum();
            expected.resize(count.next_multiple_of(BLOCK), 0);
            let expected = in_format(&expected, format);
            assert_eq!(bytes[..expected.len()], expected, "{session:?}, {count} scores");
            assert!((total - sum).abs() < 1e-3);
        }
        let total = session.run(Weights(&[1, 2], f32::NAN, format, &mut [0; 64]));
        assert!(total.is_nan(), "{session:?}: {total}");
    }
}

#[test]
fn a_normalised_row_has_mean_0_and_variance_1() {
    let mut values = numbers(100, 5);
    let input = values.clone();

    rows::normalize::<false>(&mut values, &[2.0; 100], &[0.5; 100], 1e-12);

    let mean = input.iter().map(|value| f64::from(*value)).sum::<f64>() / 100.0;
    let square = |value: &f32| (f64::from(*value) - mean).powi(2);
    let deviation = (input.iter().map(square).sum::<f64>() / 100.0).sqrt();
    for (value, input) in values.iter().zip(&input) {
        let expected = (f64::from(*input) - mean) / deviation * 2.0 + 0.5;
        assert!((f64::from(*value) - expected).abs() < 1e-5);
    }
}

#[test]
fn an_arena_is_zeroed_and_aligned() {
    let mut arena = Arena::zeroed(5).unwrap();

    assert_eq!(arena.len(), 2 << 20);
    assert!((arena.as_ptr() as usize).is_multiple_of(2 << 20));
    let every = if cfg!(miri) { 4096 } else { 1 };
    assert!(arena.iter().step_by(every).all(|byte| *byte == 0));
    arena[3] = 1;
    assert_eq!(arena[..5], [0, 0, 0, 1, 0]);
    assert!(Arena::zeroed(usize::MAX).is_none());
}

#[test]
fn instruction_sets_have_names() {
    for set in InstructionSet::available() {
        assert_eq!(set.name().parse(), Ok(set));
        assert!(set <= InstructionSet::fastest());
    }
    let error = "sse9".parse::<InstructionSet>().unwrap_err();
    assert!(error.to_string().starts_with("\"sse9\" is none of auto, portable, "), "{error}");
}

#![allow(
    clippy::cast_possible_truncation,
    clippy::single_range_in_vec_init,
    reason = "small values, and lists of runs"
)]

use super::*;

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

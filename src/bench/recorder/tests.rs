//! Counts that add up, and latency that counts from the intended start.

use super::super::outcome::Outcome;
use super::*;

fn answer(total_ms: u64) -> Answer {
    let mut stages = [Duration::ZERO; Stage::COUNT];
    stages[4] = Duration::from_millis(total_ms / 2);
    Answer { stages, total: Duration::from_millis(total_ms), batch_size: 2, tokens: 10 }
}

fn call(intended: u64, started: u64, ended: u64, outcome: Outcome) -> Call {
    let messages = outcome.as_ref().map_or(1, |items| items.len() as u64);
    let at = Duration::from_millis;
    Call {
        intended: at(intended),
        started: at(started),
        ended: at(ended),
        was_held: false,
        messages,
        outcome,
    }
}

fn record(calls: &[Call]) -> Tally {
    let recorder = Recorder::new(Duration::from_secs(1)).unwrap();
    for call in calls {
        recorder.offered(call.intended, call.messages);
        recorder.sent(call.started, call.messages);
        recorder.ended(call);
    }
    recorder.take().unwrap()
}

/// Milliseconds at a quantile, rounded.
fn at(histogram: &Histogram<u32>, quantile: f64) -> f64 {
    milliseconds(histogram.value_at_quantile(quantile)).round()
}

#[test]
fn latency_counts_from_the_intended_start_and_service_from_the_actual_one() {
    let tally = record(&[call(100, 160, 200, Ok(vec![Ok(answer(30))]))]);

    assert!((at(&tally.latency, 1.0) - 100.0).abs() < 1e-9);
    assert!((at(&tally.service, 1.0) - 40.0).abs() < 1e-9);
    assert!((at(&tally.lateness, 1.0) - 60.0).abs() < 1e-9);
    assert!((at(&tally.outside, 1.0) - 10.0).abs() < 1e-9);
    assert!((at(&tally.unaccounted, 1.0) - 15.0).abs() < 1e-9);
    assert!((at(&tally.stages[4], 1.0) - 15.0).abs() < 1e-9);
}

#[test]
fn what_was_sent_is_answered_or_failed() {
    let shed = Failure::Status("RESOURCE_EXHAUSTED");
    let tally = record(&[
        call(0, 0, 10, Ok(vec![Ok(answer(5)), Ok(answer(5))])),
        call(0, 0, 10, Ok(vec![Ok(answer(5)), Err(shed)])),
        call(0, 0, 1, Err(shed)),
        call(0, 0, 900, Err(Failure::TimedOut)),
    ]);

    assert_eq!(tally.calls, Counts { sent: 4, ok: 1, errors: 3 });
    assert_eq!(tally.messages, Counts { sent: 6, ok: 3, errors: 3 });
    assert_eq!(tally.failures[&shed], 2);
    assert_eq!(tally.failures[&Failure::TimedOut], 1);
}

#[test]
fn refusals_do_not_make_latency_look_better_and_timeouts_do_not_go_missing() {
    let tally = record(&[
        call(0, 0, 1, Err(Failure::Status("RESOURCE_EXHAUSTED"))),
        call(0, 0, 50, Ok(vec![Ok(answer(40))])),
        call(0, 0, 900, Err(Failure::TimedOut)),
    ]);

    assert_eq!((tally.latency.len(), tally.refusal.len()), (2, 1));
    assert!((at(&tally.latency, 1.0) - 900.0).abs() < 1.0);
    assert!((at(&tally.refusal, 1.0) - 1.0).abs() < 1e-9);
}

#[test]
fn reply_without_all_items_counts_what_is_missing_as_failed() {
    let mut short = call(0, 0, 10, Ok(vec![Ok(answer(5))]));
    short.messages = 3;

    let tally = record(&[short]);

    assert_eq!(tally.messages, Counts { sent: 3, ok: 1, errors: 2 });
    assert_eq!(tally.calls.errors, 1);
}

#[test]
fn flow_compares_what_is_offered_and_answered_in_the_same_time() {
    // 100 calls a second for 2 s, each takes 300 ms: what is under way at both ends evens out.
    let steady: Vec<Call> =
        (0..200).map(|n| call(n * 10, n * 10, n * 10 + 300, Ok(vec![Ok(answer(5))]))).collect();
    // The same offered, but answers come at half the rate.
    let slow: Vec<Call> =
        (0..200).map(|n| call(n * 10, n * 10, n * 20 + 10, Ok(vec![Ok(answer(5))]))).collect();

    let steady = record(&steady).flow(Duration::from_secs(2));
    let slow = record(&slow).flow(Duration::from_secs(2));

    assert!((steady.answered / steady.offered - 1.0).abs() < 0.01, "{steady:?}");
    assert!((slow.answered / slow.offered - 0.5).abs() < 0.01, "{slow:?}");
    assert!((slow.offered - 100.0).abs() < 1.0, "{slow:?}");
}

#[test]
fn flow_of_a_step_shorter_than_a_tick_is_all_of_it() {
    let flow = record(&[call(0, 0, 10, Ok(vec![Ok(answer(5))]))]).flow(Duration::from_millis(50));

    assert!((flow.answered - 20.0).abs() < 1e-9 && (flow.offered - 20.0).abs() < 1e-9, "{flow:?}");
}

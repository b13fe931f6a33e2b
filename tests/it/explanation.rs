//! The words that carried an answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use signalbox::app::{EngineLoader, engine_loader};
use signalbox::engine::{BatchOutput, EngineError, HeadOutput, RaggedBatch};
use signalbox::grpc::pb;
use signalbox::grpc::pb::classify_result::Outcome;
use signalbox::grpc::pb::classify_stream_response::Outcome as StreamOutcome;
use signalbox::labels::HeadName;
use signalbox::message::Truncation;
use signalbox::tokenization::TextTokenizer;
use tokio_stream::StreamExt;
use tonic::{Code, Request};
use tonic_types::StatusExt;

use crate::fixtures::{MULTI_HEAD, default_model, fixture, load};
use crate::server::{PATIENCE, TestServer, request, stub, until};

/// What a word adds to the logit of a label.
type Weight = (Vec<u32>, HeadName, usize, f32);

/// Words that the scripted engine knows: "order" speaks for order.status (and "cancel" a little), "late" makes the message
/// negative, "now" urgent.
fn weights() -> Vec<Weight> {
    let tokenizer = TextTokenizer::from_bundle(&load(fixture(MULTI_HEAD))).unwrap();
    let ids = |word: &str| {
        let ids = tokenizer.tokenize(word, Truncation::Refuse).unwrap().input_ids;
        ids[1..ids.len() - 1].to_vec()
    };
    vec![
        (ids("order"), HeadName::Primary, 0, 3.0),
        (ids("order"), HeadName::Intent, 0, 6.0),
        (ids("cancel"), HeadName::Primary, 0, 1.0),
        (ids("late"), HeadName::Polarity, 1, 6.0),
        (ids("now"), HeadName::Flags, 2, 6.0),
    ]
}

fn logits(message: &[u32], head: HeadName, label: usize, weights: &[Weight]) -> f32 {
    let base = match (head, label) {
        (HeadName::Polarity, 2) => 3.0,
        (HeadName::Primary | HeadName::Polarity, _) => 0.0,
        (HeadName::Intent | HeadName::Flags, _) => -3.0,
    };
    let said = weights.iter().filter(|(ids, of, at, _)| {
        (*of, *at) == (head, label) && message.windows(ids.len()).any(|part| part == ids)
    });
    base + said.map(|(_, _, _, weight)| weight).sum::<f32>()
}

/// Answers by the words of a message.
fn by_words(batch: &RaggedBatch, weights: &[Weight]) -> BatchOutput {
    let labels = [
        (HeadName::Primary, 6),
        (HeadName::Intent, 6),
        (HeadName::Polarity, 5),
        (HeadName::Flags, 4),
    ];
    let heads = labels.map(|(head, labels)| HeadOutput {
        head,
        labels,
        logits: batch
            .messages()
            .flat_map(|message| (0..labels).map(|label| logits(message, head, label, weights)))
            .collect(),
    });
    BatchOutput { rows: batch.len(), heads: heads.into(), pooled: vec![] }
}

fn words_engine() -> Arc<EngineLoader> {
    let weights = weights();
    stub(move |batch| Ok(by_words(batch, &weights)))
}

/// Messages that an engine computes before it waits to be let go.
#[derive(Clone, Debug, Default)]
struct Barrier {
    left: Arc<AtomicUsize>,
    is_armed: Arc<AtomicBool>,
    order: Arc<std::sync::Mutex<Vec<usize>>>,
}

impl Barrier {
    /// Lets `messages` more pass, one a batch if the server's settings say so.
    fn arm(&self, messages: usize) {
        self.left.store(messages, Ordering::SeqCst);
        self.is_armed.store(true, Ordering::SeqCst);
    }

    fn open(&self) {
        self.is_armed.store(false, Ordering::SeqCst);
    }

    /// Tokens of the messages that were computed, in order.
    fn order(&self) -> Vec<usize> {
        self.order.lock().unwrap().clone()
    }

    fn pass(&self, batch: &RaggedBatch) {
        let started = Instant::now();
        // A test that fails must not keep its server from ending.
        while self.is_armed.load(Ordering::SeqCst)
            && self.left.load(Ordering::SeqCst) < batch.len()
            && started.elapsed() < PATIENCE
        {
            std::thread::sleep(Duration::from_millis(1));
        }
        if self.is_armed.load(Ordering::SeqCst) {
            self.left.fetch_sub(batch.len(), Ordering::SeqCst);
        }
        self.order.lock().unwrap().extend(batch.messages().map(<[u32]>::len));
    }

    fn loader(&self) -> Arc<EngineLoader> {
        let (barrier, weights) = (self.clone(), weights());
        stub(move |batch| {
            barrier.pass(batch);
            Ok(by_words(batch, &weights))
        })
    }
}

/// One message a batch, so that a barrier counts in messages.
const ONE_BY_ONE: &str = "inference.max_batch_messages=1";

fn explained(text: &str) -> pb::ClassifyRequest {
    with(text, pb::ExplainWords::default())
}

fn with(text: &str, explain: pb::ExplainWords) -> pb::ClassifyRequest {
    let options = pb::ClassifyOptions { explain_words: Some(explain), ..Default::default() };
    pb::ClassifyRequest { options: Some(options), ..request(text) }
}

async fn classify(server: &TestServer, request: pb::ClassifyRequest) -> pb::ClassifyResponse {
    server.classifier().await.classify(request).await.unwrap().into_inner()
}

async fn explain(server: &TestServer, request: pb::ClassifyRequest) -> pb::WordExplanation {
    classify(server, request).await.explanation.unwrap()
}

fn label(
    explanation: &pb::WordExplanation,
    part: pb::ExplainedPart,
) -> Option<&pb::LabelExplanation> {
    explanation.labels.iter().find(|label| label.part() == part)
}

/// Cuts the words of a part of an answer from a text, in code points.
fn words(explanation: &pb::WordExplanation, part: pb::ExplainedPart, text: &str) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    let cut = |word: &pb::WordContribution| {
        characters[word.start as usize..word.end as usize].iter().collect()
    };
    label(explanation, part).map_or_else(Vec::new, |l| l.words.iter().map(cut).collect())
}

#[tokio::test]
async fn each_part_of_an_answer_has_its_words() {
    let server = TestServer::start(words_engine(), &[]).await;
    let text = "Please cancel my order, it is late and I want it now!";

    let reply = classify(&server, explained(text)).await;

    let explanation = reply.explanation.unwrap();
    assert_eq!(explanation.status(), pb::ExplanationStatus::Complete, "{explanation:?}");
    assert_eq!((explanation.word_count, explanation.variant_count), (12, 12));
    let parts: Vec<_> = explanation.labels.iter().map(|l| (l.part(), l.name.as_str())).collect();
    let expected = [
        (pb::ExplainedPart::PrimaryIntent, "order.status"),
        (pb::ExplainedPart::Polarity, "negative"),
        (pb::ExplainedPart::Intent, "order.status"),
        (pb::ExplainedPart::Flag, "urgent"),
    ];
    assert_eq!(parts, expected);
    let of = |part| words(&explanation, part, text);
    assert_eq!(of(pb::ExplainedPart::PrimaryIntent), ["order", "cancel"]);
    assert_eq!(of(pb::ExplainedPart::Intent), ["order"]);
    assert_eq!(of(pb::ExplainedPart::Polarity), ["late"]);
    assert_eq!(of(pb::ExplainedPart::Flag), ["now"]);
    // 3 at the temperature of the head, 0.9, and the probability that goes with it.
    let order = &label(&explanation, pb::ExplainedPart::PrimaryIntent).unwrap().words[0];
    assert!((order.log_odds_drop - 3.0 / 0.9).abs() < 1e-4, "{order:?}");
    let share = |logit: f32| (logit / 0.9).exp() / ((logit / 0.9).exp() + 5.0);
    assert!((order.probability_drop - (share(4.0) - share(1.0))).abs() < 1e-5, "{order:?}");
    assert!(reply.timings.unwrap().explanation_us > 0);
    server.stop().await;
}

#[tokio::test]
async fn nothing_is_explained_and_nothing_more_computed_unless_asked_for() {
    let barrier = Barrier::default();
    let server = TestServer::start(barrier.loader(), &[]).await;
    let before = barrier.order().len();
    let trace = pb::ClassifyOptions { explain: true, ..Default::default() };

    let plain = classify(&server, request("where is my order")).await;
    let traced = pb::ClassifyRequest { options: Some(trace), ..request("where is my order") };
    let traced = classify(&server, traced).await;
    let blank = classify(&server, explained(" ")).await;

    assert_eq!((plain.explanation, traced.explanation, blank.explanation), (None, None, None));
    assert_eq!(barrier.order().len() - before, 2);
    server.stop().await;
}

#[tokio::test]
async fn words_stand_where_they_say_in_what_was_sent() {
    let server = TestServer::start(words_engine(), &[]).await;
    let html = "<p>🚚🚚 u\u{308}ber m&#121; <b>ord</b>er &amp; m&ouml;re <i>late</i></p>\
                <blockquote type=\"cite\">order late now</blockquote>";
    let plain = "😀 see https://click.m.example/order?utm_source=order order late\n\n> order now";
    for text in [html, plain] {
        for encoding in [pb::OffsetEncoding::CodePoints, pb::OffsetEncoding::Utf16] {
            let options = pb::ClassifyOptions {
                offset_encoding: encoding.into(),
                explain_words: Some(pb::ExplainWords::default()),
                ..Default::default()
            };
            let subject = "🚚 Is it now?".to_owned();
            let request = pb::ClassifyRequest { subject, options: Some(options), ..request(text) };

            let explanation = explain(&server, request).await;

            let of = |part| {
                let word = &label(&explanation, part).unwrap().words[0];
                let (start, end) = (word.start as usize, word.end as usize);
                let in_subject = word.field() == pb::MessageField::Subject;
                let sent = if in_subject { "🚚 Is it now?" } else { text };
                let cut = if encoding == pb::OffsetEncoding::Utf16 {
                    let units: Vec<u16> = sent.encode_utf16().collect();
                    String::from_utf16(&units[start..end]).unwrap()
                } else {
                    sent.chars().skip(start).take(end - start).collect()
                };
                (word.field(), cut.replace("</b>", ""), start)
            };
            let (field, word, start) = of(pb::ExplainedPart::PrimaryIntent);
            assert_eq!((field, word.as_str()), (pb::MessageField::Text, "order"));
            // Neither the one in the link nor the one in the quote.
            let before: String = text.chars().take(start).collect();
            assert!(!before.contains("late") && (text == html || before.contains("=order ")));
            let (field, word, _) = of(pb::ExplainedPart::Polarity);
            assert_eq!((field, word.as_str()), (pb::MessageField::Text, "late"));
            let (field, word, _) = of(pb::ExplainedPart::Flag);
            assert_eq!((field, word.as_str()), (pb::MessageField::Subject, "now"));
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn longer_messages_are_explained_within_the_budget() {
    let barrier = Barrier::default();
    let server = TestServer::start(barrier.loader(), &["explanation.max_words=12"]).await;
    let text = "so is it a. we are to see it. is my order at me? it is as it is. you are so it";
    let mut computed = barrier.order().len();

    for (max_words, least, single) in [(0, 10, true), (5, 3, false), (1, 1, false), (900, 10, true)]
    {
        let explanation =
            explain(&server, with(text, pb::ExplainWords { max_words, top_k: 0 })).await;

        let budget = if max_words == 0 { 12 } else { max_words.min(12) };
        assert_eq!(explanation.status(), pb::ExplanationStatus::PartialBudget);
        assert_eq!(explanation.word_count, 23);
        let variants = explanation.variant_count;
        assert!(variants <= budget && variants >= least, "{variants} of {budget}");
        let now = barrier.order().len();
        assert_eq!(now - computed, variants as usize + 1, "what is told was computed");
        computed = now;
        let found = &label(&explanation, pb::ExplainedPart::PrimaryIntent).unwrap().words[0];
        let stretch = words(&explanation, pb::ExplainedPart::PrimaryIntent, text).remove(0);
        assert!(stretch.contains("order"), "{stretch}");
        assert_eq!(found.word_count == 1, single, "{stretch}");
    }
    server.stop().await;
}

#[tokio::test]
async fn an_answer_comes_in_time_with_what_was_tried_until_then() {
    let barrier = Barrier::default();
    let server = TestServer::start(barrier.loader(), &[ONE_BY_ONE]).await;
    for (variants, status) in
        [(0, pb::ExplanationStatus::SkippedDeadline), (4, pb::ExplanationStatus::PartialDeadline)]
    {
        barrier.arm(1 + variants);
        let mut call = Request::new(explained("where is my order, it is late"));
        call.metadata_mut().insert("grpc-timeout", "500m".parse().unwrap());

        let reply = server.unhurried_classifier().classify(call).await.unwrap().into_inner();

        assert_eq!(reply.primary_intent.unwrap().name, "order.status");
        let explanation = reply.explanation.unwrap();
        assert_eq!(explanation.status(), status, "{explanation:?}");
        assert_eq!(explanation.variant_count as usize, variants);
        assert_eq!(explanation.labels.is_empty(), variants == 0);
        barrier.open();
        until(async || server.status().await.queue_size == 0).await;
    }
    let counters = server.counters_at_rest().await;
    assert_eq!((counters.offered, counters.answered), (2, 2));
    server.stop().await;
}

#[tokio::test]
async fn an_explanation_that_takes_too_long_is_left_out_without_a_deadline_as_well() {
    let barrier = Barrier::default();
    let server = TestServer::start(barrier.loader(), &["explanation.max_wait=50ms"]).await;
    barrier.arm(1);

    let explanation = explain(&server, explained("where is my order")).await;

    assert_eq!(explanation.status(), pb::ExplanationStatus::SkippedDeadline);
    barrier.open();
    server.stop().await;
}

#[tokio::test]
async fn a_full_server_answers_without_an_explanation() {
    let (is_closed, is_held) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicBool::new(false)));
    let (closed, held, weights) = (Arc::clone(&is_closed), Arc::clone(&is_held), weights());
    // What is left of a message of one word holds one of two threads; everything else passes.
    let loader = stub(move |batch| {
        let started = Instant::now();
        while batch.messages().any(|message| message.len() == 2)
            && closed.load(Ordering::SeqCst)
            && started.elapsed() < PATIENCE
        {
            held.store(true, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(by_words(batch, &weights))
    });
    let settings = [ONE_BY_ONE, "explanation.max_concurrent=1", "inference.instances=2"];
    let server = TestServer::start(loader, &settings).await;
    let mut client = server.classifier().await;
    let first = tokio::spawn(async move { client.classify(explained("order")).await });
    until(async || is_held.load(Ordering::SeqCst)).await;

    let second = explain(&server, explained("my order")).await;

    assert_eq!(second.status(), pb::ExplanationStatus::SkippedOverload);
    assert_eq!((second.labels.len(), second.variant_count), (0, 0));
    is_closed.store(false, Ordering::SeqCst);
    let first = first.await.unwrap().unwrap().into_inner().explanation.unwrap();
    assert_eq!((first.status(), first.variant_count), (pb::ExplanationStatus::Complete, 1));
    let counters = server.counters_at_rest().await;
    assert_eq!((counters.offered, counters.answered), (2, 2));
    server.stop().await;

    let server = TestServer::start(words_engine(), &["inference.max_queue_size=1"]).await;
    let alone = explain(&server, explained("my order")).await;
    assert_eq!(alone.status(), pb::ExplanationStatus::SkippedOverload);
    server.stop().await;
}

#[tokio::test]
async fn a_small_queue_is_filled_by_half_at_a_time() {
    let server = TestServer::start(words_engine(), &["inference.max_queue_size=6"]).await;

    let explanation = explain(&server, explained("where is my order, it is late, so I ask")).await;

    assert_eq!(explanation.status(), pb::ExplanationStatus::Complete, "{explanation:?}");
    assert_eq!(explanation.variant_count, 10);
    server.stop().await;
}

#[tokio::test]
async fn a_single_message_overtakes_the_words_of_an_explanation() {
    let barrier = Barrier::default();
    let server = TestServer::start(barrier.loader(), &[ONE_BY_ONE]).await;
    barrier.arm(1);
    let mut client = server.classifier().await;
    let long = "where is my order, it is late and I want it now";
    let call = tokio::spawn(async move { client.classify(explained(long)).await });
    until(async || server.status().await.queue_size == 11).await;
    let mut client = server.classifier().await;
    let single = tokio::spawn(async move { client.classify(request("a")).await });
    until(async || server.status().await.queue_size == 12).await;
    let before = barrier.order().len();

    barrier.open();

    single.await.unwrap().unwrap();
    let explanation = call.await.unwrap().unwrap().into_inner().explanation.unwrap();
    assert_eq!(explanation.status(), pb::ExplanationStatus::Complete);
    let order = barrier.order();
    let shortest = order[before..].iter().min().unwrap();
    // The variant that was held, then the single message.
    assert_eq!(order[before..].iter().position(|tokens| tokens == shortest), Some(1));
    server.stop().await;
}

#[tokio::test]
async fn items_of_batches_and_streams_wait_for_each_other_and_are_all_explained() {
    let server = TestServer::start(words_engine(), &["explanation.max_concurrent=1"]).await;
    let requests: Vec<pb::ClassifyRequest> = (0..40).map(|_| explained("my order")).collect();
    let complete = |response: pb::ClassifyResponse| {
        let explanation = response.explanation.unwrap();
        assert_eq!(explanation.status(), pb::ExplanationStatus::Complete, "{explanation:?}");
        assert_eq!(words(&explanation, pb::ExplainedPart::PrimaryIntent, "my order"), ["order"]);
    };

    let mut client = server.classifier().await;
    let batch = pb::ClassifyBatchRequest { requests: requests.clone() };
    for result in client.classify_batch(batch).await.unwrap().into_inner().results {
        let Some(Outcome::Response(response)) = result.outcome else { panic!("{result:?}") };
        complete(response);
    }
    let items = requests.into_iter().map(|r| pb::ClassifyStreamRequest { request: Some(r) });
    let replies = client.classify_stream(tokio_stream::iter(items)).await.unwrap();
    let replies: Vec<_> = replies.into_inner().collect().await;
    assert_eq!(replies.len(), 40);
    for reply in replies {
        let Some(StreamOutcome::Response(response)) = reply.unwrap().outcome else {
            panic!("not answered")
        };
        complete(response);
    }
    let counters = server.counters_at_rest().await;
    assert_eq!((counters.offered, counters.answered), (80, 80));
    server.stop().await;
}

#[tokio::test]
async fn the_cache_holds_messages_and_none_of_their_variants() {
    let settings = ["inference.cache_bytes=100000"];
    let server = TestServer::start(words_engine(), &settings).await;
    let cache = async || {
        let models = server.models().await.list_models(pb::ListModelsRequest {}).await;
        let engine = models.unwrap().into_inner().models.remove(0).engine.unwrap();
        engine.output_cache.unwrap()
    };
    let before = cache().await;

    let first = classify(&server, explained("where is my order, it is late")).await;
    let again = classify(&server, explained("where is my order, it is late")).await;
    let variant = classify(&server, request("where is my, it is late")).await;

    let after = cache().await;
    assert_eq!((after.entries - before.entries, after.hits - before.hits), (2, 1));
    assert_eq!((again.batch_size, variant.batch_size), (0, 1));
    let (first, again) = (first.explanation.unwrap(), again.explanation.unwrap());
    assert_eq!((&first.labels, first.variant_count), (&again.labels, again.variant_count));
    server.stop().await;
}

#[tokio::test]
async fn a_fault_in_a_variant_does_not_fail_the_message() {
    let weights = weights();
    let order = weights[0].0.clone();
    let server = TestServer::start(
        stub(move |batch| {
            let late = |message: &[u32]| message.len() == 6;
            if batch.messages().any(late) {
                return Err(EngineError::BadInput { index: 0, what: "test".into() });
            }
            Ok(by_words(batch, &weights))
        }),
        &[ONE_BY_ONE],
    )
    .await;
    // Two tokens for the ends, and one variant with a token less for each word.
    let text = "order order order order order";
    assert_eq!(order.len(), 1);

    let reply = classify(&server, explained(text)).await;

    assert_eq!(reply.primary_intent.unwrap().name, "order.status");
    assert_eq!(reply.explanation.unwrap().status(), pb::ExplanationStatus::Failed);
    assert_eq!(server.counters_at_rest().await.answered, 1);
    server.stop().await;
}

#[tokio::test]
async fn the_operator_can_switch_explanations_off_and_the_limits_are_told() {
    let server = TestServer::start(words_engine(), &["explanation.max_words=0"]).await;

    let explanation = explain(&server, explained("my order")).await;

    assert_eq!(explanation.status(), pb::ExplanationStatus::SkippedDisabled);
    assert!(explanation.labels.is_empty());
    let limits = server.status().await.limits.unwrap();
    assert_eq!((limits.max_explained_words, limits.max_explanations), (0, 4));
    server.stop().await;
}

#[tokio::test]
async fn numbers_out_of_range_are_refused() {
    let server = TestServer::start(words_engine(), &[]).await;
    let far = pb::ExplainWords { max_words: 1_001, top_k: 101 };
    let most = pb::ExplainWords { max_words: 1_000, top_k: 100 };

    let status = server.classifier().await.classify(with("my order", far)).await.unwrap_err();
    let complete = explain(&server, with("my order", most)).await;

    assert_eq!(status.code(), Code::InvalidArgument);
    let violations = status.get_details_bad_request().unwrap().field_violations;
    let fields: Vec<&str> = violations.iter().map(|v| v.field.as_str()).collect();
    assert_eq!(fields, ["options.explain_words.max_words", "options.explain_words.top_k"]);
    assert!(
        violations[0].description.contains("1001") && violations[0].description.contains("1000")
    );
    assert_eq!(complete.status(), pb::ExplanationStatus::Complete);
    server.stop().await;
}

#[tokio::test]
async fn top_k_bounds_the_words_of_each_label() {
    let server = TestServer::start(words_engine(), &[]).await;
    let request = with("cancel my order", pb::ExplainWords { max_words: 0, top_k: 1 });

    let explanation = explain(&server, request).await;

    let found = words(&explanation, pb::ExplainedPart::PrimaryIntent, "cancel my order");
    assert_eq!(found, ["order"]);
    server.stop().await;
}

#[tokio::test]
async fn the_default_model_finds_where_is_my_parcel_in_the_sentence_that_asks_it() {
    let models = format!("models.paths=['{}']", default_model().display());
    let settings = [models.as_str(), "limits.default_timeout=5m", "explanation.max_wait=5m"];
    let server = TestServer::start(engine_loader(), &settings).await;
    let text = "My parcel has not arrived, where is it? Nice shop by the way.";
    let first_sentence = text.find("Nice").unwrap();

    let reply = classify(&server, explained(text)).await;

    let explanation = reply.explanation.unwrap();
    assert_eq!(explanation.status(), pb::ExplanationStatus::Complete);
    assert_eq!(explanation.word_count, 13);
    let primary = label(&explanation, pb::ExplainedPart::PrimaryIntent).unwrap();
    assert_eq!(primary.name, reply.primary_intent.unwrap().name);
    let (inside, outside): (Vec<&pb::WordContribution>, Vec<_>) =
        primary.words.iter().partition(|word| (word.end as usize) <= first_sentence);
    let sum = |words: &[&pb::WordContribution]| words.iter().map(|w| w.log_odds_drop).sum::<f32>();
    assert!(inside.len() >= 2, "{primary:?}");
    assert!((primary.words[0].start as usize) < first_sentence, "{primary:?}");
    assert!(sum(&inside) > 4.0 * sum(&outside), "{primary:?}");
    server.stop().await;
}

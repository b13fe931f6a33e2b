//! Every reply reaches its own caller.

use std::sync::Arc;

use signalbox::grpc::pb;
use signalbox::grpc::pb::classify_stream_response::Outcome;
use signalbox::message::Truncation;
use signalbox::model::ModelBundle;
use signalbox::tokenization::TextTokenizer;
use tokio_stream::StreamExt;

use crate::fixtures::{MULTI_HEAD, fixture, load};
use crate::server::{TestServer, fingerprint, fingerprints, request, stub};

/// Replies that are checked; 1,000,000 takes a few minutes in release.
fn replies() -> usize {
    option_env!("SIGNALBOX_TEST_REPLIES").map_or(10_000, |count| count.parse().unwrap())
}

struct Expectation {
    tokenizer: TextTokenizer,
}

impl Expectation {
    fn new() -> Self {
        let bundle: ModelBundle = load(fixture(MULTI_HEAD));
        Self { tokenizer: TextTokenizer::from_bundle(&bundle).unwrap() }
    }

    /// Fails unless the reply carries what the engine says of this text.
    fn check(&self, text: &str, reply: &pb::ClassifyResponse) {
        let tokens = self.tokenizer.tokenize(text, Truncation::HeadTail).unwrap();
        let expected = fingerprint(&tokens.input_ids);
        let found = reply.raw_logits[0].values[0];
        assert!((expected - found).abs() < f32::EPSILON, "reply of another message for {text:?}");
    }
}

/// Texts that differ in length, so that batches are of every shape.
fn text(kind: &str, caller: usize, number: usize) -> String {
    format!("{kind} {caller} {number}{}", " late".repeat(number % 17))
}

fn with_logits(text: &str) -> pb::ClassifyRequest {
    let options = pb::ClassifyOptions { raw_logits: true, ..Default::default() };
    pb::ClassifyRequest { options: Some(options), ..request(text) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_callers_get_their_own_replies() {
    const CALLERS: usize = 32;
    let server = TestServer::start(
        stub(fingerprints),
        &["inference.instances=2", "limits.max_in_flight=4096", "inference.max_queue_size=4096"],
    )
    .await;
    let expectation = Arc::new(Expectation::new());
    let each = replies() / 2 / CALLERS;

    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..CALLERS {
        let (mut client, expected) = (server.classifier().await, Arc::clone(&expectation));
        callers.spawn(async move {
            for number in 0..each {
                let text = text("unary", caller, number);
                let reply = client.classify(with_logits(&text)).await.unwrap().into_inner();
                expected.check(&text, &reply);
            }
        });
        let (mut client, expected) = (server.classifier().await, Arc::clone(&expectation));
        callers.spawn(async move {
            let requests = (0..each).map(move |number| pb::ClassifyStreamRequest {
                request: Some(pb::ClassifyRequest {
                    id: number.to_string(),
                    ..with_logits(&text("stream", caller, number))
                }),
            });
            let reply = client.classify_stream(tokio_stream::iter(requests)).await;
            let mut replies = reply.unwrap().into_inner();
            let mut count = 0;
            while let Some(reply) = replies.next().await {
                let reply = reply.unwrap();
                assert_eq!(reply.id, reply.sequence.to_string());
                let Some(Outcome::Response(response)) = reply.outcome else {
                    panic!("{reply:?}");
                };
                expected.check(&text("stream", caller, reply.id.parse().unwrap()), &response);
                count += 1;
            }
            assert_eq!(count, each);
        });
    }
    while let Some(result) = callers.join_next().await {
        result.unwrap();
    }

    let counters = server.counters_at_rest().await;
    assert_eq!(counters.answered, (2 * CALLERS * each) as u64);
    server.stop().await;
}

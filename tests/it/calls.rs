//! What callers get back.

use signalbox::grpc::pb;
use signalbox::grpc::pb::classify_result::Outcome;
use signalbox::grpc::pb::classify_stream_response::Outcome as StreamOutcome;
use tokio_stream::StreamExt;
use tonic::Code;
use tonic_types::StatusExt;

use crate::server::{TestServer, fingerprints, request, stub};

async fn server() -> TestServer {
    TestServer::start(stub(fingerprints), &[]).await
}

#[tokio::test]
async fn reply_says_what_answered_and_how_long_it_took() {
    let server = server().await;

    let reply = server.classifier().await.classify(request("where is my order")).await;

    let reply = reply.unwrap().into_inner();
    assert_eq!(reply.id.len(), 36, "the server made an id: {}", reply.id);
    assert_eq!((reply.intents.len(), reply.flags.len(), reply.batch_size), (5, 4, 1));
    assert_eq!(reply.polarity.unwrap().probabilities.len(), 5);
    let revisions = reply.revisions.unwrap();
    assert_eq!(revisions.model_name, "tiny-bert-multihead");
    for digest in [revisions.model_digest, revisions.tokenizer_digest, revisions.taxonomy_digest] {
        assert!(digest.starts_with("sha256:") && digest.len() == 71, "{digest}");
    }
    let timings = reply.timings.unwrap();
    let stages = timings.text_us + timings.tokenize_us + timings.queue_us + timings.inference_us;
    assert!(timings.total_us >= stages, "{timings:?}");
    assert!(reply.token_count > 2 && !reply.truncated);
    server.stop().await;
}

#[tokio::test]
async fn options_shape_the_reply() {
    let server = server().await;
    let options = pb::ClassifyOptions {
        top_k: 6,
        min_probability: 1.0,
        raw_logits: true,
        include_routing: Some(true),
        explain: true,
        ..Default::default()
    };
    let request = pb::ClassifyRequest { options: Some(options), ..request("where") };

    let reply = server.classifier().await.classify(request).await.unwrap().into_inner();

    assert_eq!(reply.intents.len(), 1, "the primary intent stays");
    let heads: Vec<&str> = reply.raw_logits.iter().map(|head| head.head.as_str()).collect();
    assert_eq!(heads, ["primary", "intent", "polarity", "flags"]);
    assert!(reply.raw_logits.iter().all(|head| head.labels.len() == head.values.len()));
    let routing = reply.routing.unwrap();
    assert!(!routing.queue.is_empty());
    assert!(routing.trace.len() > 50, "explain gives every rule");
    server.stop().await;
}

#[tokio::test]
async fn long_text_is_cut_and_says_so_or_is_refused() {
    let server = server().await;
    let mut client = server.classifier().await;
    let text = "where is my order ".repeat(100);
    let refuse =
        pb::ClassifyOptions { truncation: pb::Truncation::Refuse.into(), ..Default::default() };

    let cut = client.classify(request(&text)).await.unwrap().into_inner();
    let refused = client
        .classify(pb::ClassifyRequest { options: Some(refuse), ..request(&text) })
        .await
        .unwrap_err();

    assert!(cut.truncated && cut.token_count == 48);
    assert_eq!(cut.notices[0].code(), pb::NoticeCode::TextTruncated);
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(refused.message().contains("at most 48"), "{}", refused.message());
    server.stop().await;
}

#[tokio::test]
async fn nothing_to_classify_abstains_and_a_subject_alone_is_classified() {
    let server = server().await;
    let mut client = server.classifier().await;

    let blank = client.classify(request(" \n\t\u{200b}")).await.unwrap().into_inner();
    let subject = pb::ClassifyRequest { subject: "Where is it?".into(), ..request("  ") };
    let subject = client.classify(subject).await.unwrap().into_inner();

    assert_eq!(blank.abstention.unwrap().reason(), pb::AbstainReason::Empty);
    assert!(blank.primary_intent.is_none() && blank.batch_size == 0);
    assert!(subject.primary_intent.is_some());
    assert_eq!(subject.notices[0].code(), pb::NoticeCode::SubjectOnly);
    server.stop().await;
}

#[tokio::test]
async fn batch_keeps_its_order_and_a_bad_item_fails_alone() {
    let server = TestServer::start(stub(fingerprints), &["limits.batch_window=3"]).await;
    let mut requests: Vec<pb::ClassifyRequest> = (0..20)
        .map(|n| pb::ClassifyRequest { id: format!("item-{n}"), ..request("where is my order") })
        .collect();
    requests[7].channel = 42;
    requests[7].locale_hint = "!".into();
    requests[9].model = "other".into();

    let mut client = server.classifier().await;
    let reply = client.classify_batch(pb::ClassifyBatchRequest { requests });

    let results = reply.await.unwrap().into_inner().results;
    for (index, result) in results.iter().enumerate() {
        assert_eq!(result.id, format!("item-{index}"));
        match result.outcome.as_ref().unwrap() {
            Outcome::Response(response) => assert_eq!(response.id, result.id),
            Outcome::Error(error) if index == 7 => {
                let fields: Vec<&str> =
                    error.field_violations.iter().map(|v| v.field.as_str()).collect();
                assert_eq!(error.code(), pb::ErrorCode::InvalidArgument);
                assert_eq!(fields, ["channel", "locale_hint"]);
            }
            Outcome::Error(error) => {
                assert_eq!((index, error.code()), (9, pb::ErrorCode::NotFound));
            }
        }
    }
    let counters = server.counters_at_rest().await;
    assert_eq!((counters.offered, counters.answered, counters.rejected), (19, 18, 1));
    server.stop().await;
}

#[tokio::test]
async fn stream_answers_every_message_and_ends_with_its_sender() {
    let server = TestServer::start(stub(fingerprints), &["limits.stream_window=4"]).await;
    let requests = (0..200).map(|n| {
        let channel = if n == 50 { 99 } else { 0 };
        let request = pb::ClassifyRequest { id: format!("m{n}"), channel, ..request("hello") };
        pb::ClassifyStreamRequest { request: (n != 60).then_some(request) }
    });

    let reply = server.classifier().await.classify_stream(tokio_stream::iter(requests)).await;

    let mut replies = reply.unwrap().into_inner();
    let mut seen = [false; 200];
    while let Some(reply) = replies.next().await {
        let reply = reply.unwrap();
        let sequence = usize::try_from(reply.sequence).unwrap();
        assert!(!std::mem::replace(&mut seen[sequence], true), "answered twice");
        match reply.outcome.unwrap() {
            StreamOutcome::Response(_) => assert_eq!(reply.id, format!("m{sequence}")),
            StreamOutcome::Error(error) => {
                assert_eq!(error.code(), pb::ErrorCode::InvalidArgument);
                assert!(sequence == 50 || sequence == 60);
            }
        }
    }
    assert!(seen.iter().all(|seen| *seen));
    server.stop().await;
}

#[tokio::test]
async fn all_violations_come_as_standard_details() {
    let server = server().await;
    let bad = pb::ClassifyRequest {
        channel: 99,
        tenant: "t".repeat(200),
        options: Some(pb::ClassifyOptions { top_k: 5_000, ..Default::default() }),
        ..request("hi")
    };

    let status = server.classifier().await.classify(bad).await.unwrap_err();

    assert_eq!(status.code(), Code::InvalidArgument);
    let details = status.get_error_details();
    let violations = &details.bad_request().unwrap().field_violations;
    let fields: Vec<&str> = violations.iter().map(|v| v.field.as_str()).collect();
    assert_eq!(fields, ["channel", "tenant", "options.top_k"]);
    assert!(violations[1].description.contains("200") && violations[1].description.contains("128"));
    server.stop().await;
}

#[tokio::test]
async fn models_are_listed_and_described() {
    let server = server().await;
    let mut client = server.models().await;

    let listed = client.list_models(pb::ListModelsRequest {}).await.unwrap().into_inner().models;
    let unknown = pb::GetModelRequest { name: "other".into(), version: "3".into() };
    let unknown = client.get_model(unknown).await.unwrap_err();

    let model = &listed[0];
    assert!(listed.len() == 1 && model.is_default);
    assert_eq!(model.state(), pb::ModelState::Ready);
    assert_eq!((model.heads.len(), model.max_tokens), (4, 48));
    assert_eq!(model.languages, ["en", "de", "tr"]);
    assert_eq!(model.engine.as_ref().unwrap().name, "stub");
    assert_eq!(unknown.code(), Code::NotFound);
    let details = unknown.get_error_details();
    assert_eq!(details.resource_info().unwrap().resource_name, "other/3");
    server.stop().await;
}

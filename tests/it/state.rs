//! Health, readiness and the end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signalbox::app::EngineLoader;
use signalbox::engine::{EngineError, ReplicaFactory};
use signalbox::grpc::pb;
use signalbox::lifecycle::ServiceState;
use tokio_stream::StreamExt;
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_types::StatusExt;

use crate::server::{Gate, PATIENCE, TestServer, fingerprints, request, stub, until};

const SERVICES: [&str; 4] = [
    "",
    "signalbox.v1.ClassifierService",
    "signalbox.v1.ModelService",
    "signalbox.v1.ServerService",
];

async fn check(server: &TestServer, service: &str) -> Result<ServingStatus, Status> {
    let request = HealthCheckRequest { service: service.to_owned() };
    server.health().await.check(request).await.map(|reply| reply.into_inner().status())
}

fn assert_not_ready(status: &Status) {
    assert_eq!(status.code(), Code::Unavailable, "{status:?}");
    assert!(status.get_error_details().retry_info().is_some());
}

#[tokio::test]
async fn server_listens_and_says_not_serving_while_models_load() {
    let gate = Gate::default();
    gate.close();
    // The warm-up is held by the gate, so loading does not end.
    let server = TestServer::start_loading(gate.loader(), &[]).await;
    let mut watch = {
        let request = HealthCheckRequest { service: String::new() };
        server.health().await.watch(request).await.unwrap().into_inner()
    };

    for service in SERVICES {
        assert_eq!(check(&server, service).await.unwrap(), ServingStatus::NotServing, "{service}");
    }
    assert_eq!(watch.next().await.unwrap().unwrap().status(), ServingStatus::NotServing);
    assert_not_ready(&server.classifier().await.classify(request("hi")).await.unwrap_err());
    let batch = pb::ClassifyBatchRequest { requests: vec![request("hi")] };
    assert_not_ready(&server.classifier().await.classify_batch(batch).await.unwrap_err());
    assert_not_ready(
        &server.models().await.list_models(pb::ListModelsRequest {}).await.unwrap_err(),
    );
    assert_eq!(server.status().await.state(), pb::ServerState::Starting);

    gate.open();
    server.until(ServiceState::Serving).await;
    for service in SERVICES {
        assert_eq!(check(&server, service).await.unwrap(), ServingStatus::Serving, "{service}");
    }
    assert_eq!(watch.next().await.unwrap().unwrap().status(), ServingStatus::Serving);
    assert_eq!(server.counters_at_rest().await.failed, 2);

    server.signal().await;
    assert_eq!(watch.next().await.unwrap().unwrap().status(), ServingStatus::NotServing);
    assert!(watch.next().await.is_none_or(|end| end.is_err()), "the watcher is let go");
    assert_eq!(server.ended().await.unwrap().cut, 0);
}

#[tokio::test]
async fn health_of_unknown_services_follows_the_protocol() {
    let server = TestServer::start(stub(fingerprints), &[]).await;
    let request = HealthCheckRequest { service: "nobody".to_owned() };

    let checked = check(&server, "nobody").await.unwrap_err();
    let mut watch = server.health().await.watch(request).await.unwrap().into_inner();

    assert_eq!(checked.code(), Code::NotFound);
    assert_eq!(watch.next().await.unwrap().unwrap().status(), ServingStatus::ServiceUnknown);
    server.stop().await;
}

#[tokio::test]
async fn drain_answers_what_is_under_way_and_refuses_the_rest() {
    let gate = Gate::default();
    let server = TestServer::start(gate.loader(), &["server.drain_delay=100ms"]).await;
    gate.close();
    let mut client = server.classifier().await;
    let under_way = tokio::spawn(async move { client.classify(request("under way")).await });
    until(async || gate.held() == 1).await;
    let mut client = server.classifier().await;
    let (items, inbound) = tokio::sync::mpsc::channel(8);
    let inbound = tokio_stream::wrappers::ReceiverStream::new(inbound);
    let mut replies = client.classify_stream(inbound).await.unwrap().into_inner();
    items.send(pb::ClassifyStreamRequest { request: Some(request("item")) }).await.unwrap();
    until(async || server.counters().await.in_flight == 2).await;

    let mut late = server.classifier().await;
    server.signal().await;
    server.until(ServiceState::Draining).await;
    assert_eq!(check(&server, "").await.unwrap(), ServingStatus::NotServing);
    let during = tokio::spawn(async move { late.classify(request("still welcome")).await });
    until(async || server.counters().await.in_flight == 3).await;
    let mut refused = server.classifier().await;
    server.until(ServiceState::Stopping).await;
    // The connection was idle and is closed by now; what the client makes of that is its own affair.
    assert!(refused.classify(request("too late")).await.is_err());

    gate.open();
    under_way.await.unwrap().unwrap();
    during.await.unwrap().unwrap();
    assert!(replies.next().await.unwrap().is_ok(), "what was read is answered");
    let end = tokio::time::timeout(PATIENCE, replies.next()).await.unwrap().unwrap();
    assert_not_ready(&end.unwrap_err());
    let report = server.ended().await.unwrap();
    assert_eq!((report.counters.answered, report.cut), (3, 0));
}

#[tokio::test]
async fn drain_timeout_cuts_what_does_not_end_and_says_so() {
    let gate = Gate::default();
    let server = TestServer::start(gate.loader(), &["server.drain_timeout=50ms"]).await;
    gate.close();
    let mut client = server.classifier().await;
    let stuck = tokio::spawn(async move { client.classify(request("stuck")).await });
    until(async || gate.held() == 1).await;

    server.signal().await;
    server.until(ServiceState::Stopping).await;
    // Long after the timeout the engine moves again, so that its thread can be joined.
    let opener = tokio::spawn(async move {
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        gate.open();
    });

    assert_eq!(server.ended().await.unwrap().cut, 1);
    opener.await.unwrap();
    drop(stuck.await);
}

#[tokio::test]
async fn server_without_inference_threads_is_not_serving() {
    let warmed = Arc::new(AtomicBool::new(false));
    let loader: Arc<EngineLoader> = {
        let warmed = Arc::clone(&warmed);
        Arc::new(move |_, _| {
            let (made, warmed) = (AtomicBool::new(false), Arc::clone(&warmed));
            let factory: Arc<ReplicaFactory> = Arc::new(move || {
                if made.swap(true, Ordering::SeqCst) {
                    return Err(EngineError::Backend("no second replica".into()));
                }
                let warmed = Arc::clone(&warmed);
                Ok(Box::new(signalbox::engine::stub::StubEngine::new(move |batch| {
                    assert!(!warmed.load(Ordering::SeqCst), "broken for good");
                    fingerprints(batch)
                })))
            });
            Ok(factory)
        })
    };
    let server = TestServer::start(loader, &[]).await;
    warmed.store(true, Ordering::SeqCst);
    let mut client = server.classifier().await;

    let last = client.classify(request("the last one")).await.unwrap_err();
    assert_eq!(last.code(), Code::Internal, "whoever broke it should not try again: {last:?}");
    server.until(ServiceState::Failed).await;
    assert_not_ready(&client.classify(request("nobody computes")).await.unwrap_err());
    assert_eq!(check(&server, "").await.unwrap(), ServingStatus::NotServing);
    let models = server.models().await.list_models(pb::ListModelsRequest {}).await.unwrap();
    assert_eq!(models.into_inner().models[0].state(), pb::ModelState::Failed);
    assert_eq!(server.counters_at_rest().await.failed, 2);
    server.stop().await;
}

#[tokio::test]
async fn model_that_can_not_be_served_ends_the_server_with_the_reason() {
    let loader = stub(|_| Err(EngineError::Backend("no such instruction".into())));
    let server = TestServer::start_loading(loader, &[]).await;

    let error = server.ended().await.unwrap_err();

    let text = signalbox::telemetry::events::chain(&error);
    assert!(text.contains("tiny-bert-multihead") && text.contains("warm-up"), "{text}");
    assert!(text.ends_with("no such instruction"), "{text}");
}

#[tokio::test]
async fn batch_under_way_is_answered_to_its_end_while_the_server_stops() {
    let gate = Gate::default();
    let server = TestServer::start(gate.loader(), &["limits.batch_window=4"]).await;
    gate.close();
    let mut client = server.classifier().await;
    let batch = tokio::spawn(async move {
        let requests = (0..100).map(|_| request("where is my order")).collect();
        client.classify_batch(pb::ClassifyBatchRequest { requests }).await
    });
    until(async || server.counters().await.in_flight == 4).await;

    server.signal().await;
    server.until(ServiceState::Stopping).await;
    gate.open();

    let results = batch.await.unwrap().unwrap().into_inner().results;
    let answered = |result: &pb::ClassifyResult| {
        matches!(result.outcome, Some(pb::classify_result::Outcome::Response(_)))
    };
    assert!(results.iter().all(answered));
    let report = server.ended().await.unwrap();
    assert_eq!((report.counters.answered, report.cut), (100, 0));
}

#[tokio::test]
async fn slow_reader_of_a_stream_gets_every_reply_while_the_server_stops() {
    let server = TestServer::start(stub(fingerprints), &["limits.stream_window=1000"]).await;
    let mut client = server.classifier().await;
    let (items, inbound) = tokio::sync::mpsc::channel(1_000);
    let options = pb::ClassifyOptions { raw_logits: true, top_k: 6, ..Default::default() };
    for _ in 0..500 {
        let request = pb::ClassifyRequest { options: Some(options.clone()), ..request("hello") };
        items.send(pb::ClassifyStreamRequest { request: Some(request) }).await.unwrap();
    }
    let inbound = tokio_stream::wrappers::ReceiverStream::new(inbound);
    let mut replies = client.classify_stream(inbound).await.unwrap().into_inner();
    until(async || server.counters().await.answered == 500).await;

    server.signal().await;
    server.until(ServiceState::Stopping).await;
    // Longer than anything but the drain timeout that could end the call.
    tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
    let mut count = 0;
    while let Some(Ok(_)) = replies.next().await {
        count += 1;
    }

    assert_eq!(count, 500);
    assert_eq!(server.ended().await.unwrap().cut, 0);
}

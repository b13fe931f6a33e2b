//! Full queues, deadlines, callers that go, engines that fail.

use std::time::Duration;

use signalbox::engine::RaggedBatch;
use signalbox::grpc::pb;
use signalbox::grpc::pb::classify_result::Outcome;
use signalbox::grpc::pb::classify_stream_response::Outcome as StreamOutcome;
use signalbox::lifecycle::ServiceState;
use tokio_stream::StreamExt;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

use crate::server::{
    Gate, PATIENCE, TestServer, contains, fingerprint_of, fingerprints, request, stub, until,
};

/// A server whose engine is held with one message, so that everything else waits.
async fn held_server(
    gate: &Gate,
    settings: &[&str],
) -> (TestServer, tokio::task::JoinHandle<Result<(), Status>>) {
    let server = TestServer::start(gate.loader(), settings).await;
    gate.close();
    let mut client = server.classifier().await;
    let first = tokio::spawn(async move { client.classify(request("first")).await.map(drop) });
    until(async || gate.held() == 1).await;
    (server, first)
}

fn assert_overloaded(status: &Status) {
    assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
    let details = status.get_error_details();
    assert!(details.retry_info().unwrap().retry_delay.unwrap() > Duration::ZERO);
}

#[tokio::test]
async fn full_server_sheds_on_every_path_and_says_when_to_retry() {
    for setting in ["limits.max_in_flight=2", "inference.max_queue_size=1"] {
        let gate = Gate::default();
        let (server, first) = held_server(&gate, &[setting]).await;
        let mut client = server.classifier().await;
        let second =
            tokio::spawn(async move { client.classify(request("second")).await.map(drop) });
        until(async || server.status().await.queue_size == 1).await;
        let mut client = server.classifier().await;

        assert_overloaded(&client.classify(request("third")).await.unwrap_err());
        let requests = vec![request("a"), request("b")];
        let batch = client.classify_batch(pb::ClassifyBatchRequest { requests }).await.unwrap();
        for result in batch.into_inner().results {
            let Some(Outcome::Error(error)) = result.outcome else { panic!("not shed") };
            assert_eq!(error.code(), pb::ErrorCode::Overloaded);
            assert!(error.retry_after.is_some());
        }
        let item = pb::ClassifyStreamRequest { request: Some(request("c")) };
        let reply = client.classify_stream(tokio_stream::once(item)).await.unwrap();
        let reply = reply.into_inner().next().await.unwrap().unwrap();
        let Some(StreamOutcome::Error(error)) = reply.outcome else { panic!("not shed") };
        assert_eq!(error.code(), pb::ErrorCode::Overloaded);
        assert!(error.retry_after.is_some());

        gate.open();
        first.await.unwrap().unwrap();
        second.await.unwrap().unwrap();
        let counters = server.counters_at_rest().await;
        assert_eq!((counters.answered, counters.shed), (2, 4), "{setting}");
        server.stop().await;
    }
}

#[tokio::test]
async fn deadline_in_the_queue_is_deadline_exceeded_and_nothing_is_computed() {
    let gate = Gate::default();
    let (server, first) = held_server(&gate, &[]).await;
    let computed = gate.computed();
    let mut client = server.unhurried_classifier();
    let timed = |text: &str| {
        let mut request = Request::new(request(text));
        request.metadata_mut().insert("grpc-timeout", "300m".parse().unwrap());
        request
    };

    let status = client.classify(timed("late")).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded, "{status:?}");
    let details = status.get_error_details();
    assert_eq!(details.error_info().unwrap().metadata["stage"], "queue");

    let mut batch =
        Request::new(pb::ClassifyBatchRequest { requests: vec![request("a"), request("b")] });
    batch.metadata_mut().insert("grpc-timeout", "300m".parse().unwrap());
    for result in client.classify_batch(batch).await.unwrap().into_inner().results {
        let Some(Outcome::Error(error)) = result.outcome else { panic!("answered") };
        assert_eq!(
            (error.code(), error.stage.as_str()),
            (pb::ErrorCode::DeadlineExceeded, "queue")
        );
    }

    gate.open();
    first.await.unwrap().unwrap();
    let counters = server.counters_at_rest().await;
    assert_eq!((counters.expired, counters.answered), (3, 1));
    until(async || server.status().await.queue_size == 0).await;
    assert_eq!(gate.computed() - computed, 1, "a message past its deadline was computed");
    server.stop().await;
}

#[tokio::test]
async fn cancelled_calls_free_their_place_and_are_never_computed() {
    let gate = Gate::default();
    let (server, first) = held_server(&gate, &["limits.max_in_flight=4"]).await;
    let computed = gate.computed();
    let mut calls = Vec::new();
    for _ in 0..3 {
        let mut client = server.classifier().await;
        calls.push(tokio::spawn(async move { client.classify(request("given up")).await }));
    }
    until(async || server.status().await.queue_size == 3).await;

    for call in &calls {
        call.abort();
    }
    until(async || server.counters().await.cancelled == 3).await;

    let mut client = server.classifier().await;
    let next = tokio::spawn(async move { client.classify(request("next")).await.map(drop) });
    until(async || server.counters().await.in_flight == 2).await;
    gate.open();
    first.await.unwrap().unwrap();
    next.await.unwrap().unwrap();
    assert_eq!(gate.computed() - computed, 2, "a message of a caller that went was computed");
    let counters = server.counters_at_rest().await;
    assert_eq!((counters.answered, counters.cancelled, counters.shed), (2, 3, 0));
    server.stop().await;
}

#[tokio::test]
async fn dropped_batches_and_streams_give_up_every_item() {
    let gate = Gate::default();
    let (server, first) =
        held_server(&gate, &["limits.batch_window=8", "limits.stream_window=8"]).await;
    let mut client = server.classifier().await;
    let batch = tokio::spawn(async move {
        let requests = (0..8).map(|_| request("batch")).collect();
        client.classify_batch(pb::ClassifyBatchRequest { requests }).await.map(drop)
    });
    let mut client = server.classifier().await;
    let stream = tokio::spawn(async move {
        // Dropped with the task: hyper's client resets a call only once its request body has ended as well.
        let (items, inbound) = tokio::sync::mpsc::channel(8);
        for _ in 0..8 {
            let item = pb::ClassifyStreamRequest { request: Some(request("item")) };
            items.send(item).await.unwrap();
        }
        let inbound = tokio_stream::wrappers::ReceiverStream::new(inbound);
        let reply = client.classify_stream(inbound).await.unwrap().into_inner().next().await;
        drop(items);
        reply.map(drop)
    });
    until(async || server.status().await.queue_size == 16).await;

    batch.abort();
    stream.abort();

    until(async || server.counters().await.cancelled == 16).await;
    gate.open();
    first.await.unwrap().unwrap();
    assert_eq!(server.counters_at_rest().await.answered, 1);
    server.stop().await;
}

#[tokio::test]
async fn window_holds_the_sender_of_a_stream() {
    let gate = Gate::default();
    let server = TestServer::start(gate.loader(), &["limits.stream_window=3"]).await;
    gate.close();
    let mut client = server.classifier().await;
    let stream = tokio::spawn(async move {
        let items = (0..50).map(|_| pb::ClassifyStreamRequest { request: Some(request("item")) });
        let reply = client.classify_stream(tokio_stream::iter(items)).await.unwrap();
        reply.into_inner().map(Result::unwrap).collect::<Vec<_>>().await.len()
    });
    until(async || server.counters().await.in_flight == 3).await;

    // Time for more to be taken, were it to be taken.
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(server.counters().await.offered, 3);
    gate.open();
    assert_eq!(stream.await.unwrap(), 50);
    server.stop().await;
}

#[tokio::test]
async fn panic_in_the_engine_costs_its_message_only() {
    let poison = fingerprint_of("poison");
    let script = move |batch: &RaggedBatch| {
        assert!(!contains(batch, poison), "poisoned");
        fingerprints(batch)
    };
    let server = TestServer::start(stub(script), &[]).await;
    let texts = ["where is my order", "poison", "where is my order now"];
    let requests = texts.map(request).to_vec();

    let reply =
        server.classifier().await.classify_batch(pb::ClassifyBatchRequest { requests }).await;

    let results = reply.unwrap().into_inner().results;
    let failed: Vec<bool> =
        results.iter().map(|r| matches!(r.outcome, Some(Outcome::Error(_)))).collect();
    assert_eq!(failed, [false, true, false]);
    let Some(Outcome::Error(error)) = &results[1].outcome else { unreachable!() };
    assert_eq!((error.code(), error.error_id.len()), (pb::ErrorCode::Internal, 36));
    assert!(!error.message.contains("poisoned"), "{}", error.message);
    assert_eq!(server.lifecycle.state(), ServiceState::Serving);
    let counters = server.counters_at_rest().await;
    assert_eq!((counters.answered, counters.failed), (2, 1));
    server.stop().await;
}

#[tokio::test]
async fn outputs_that_are_not_finite_are_internal_errors() {
    let poison = fingerprint_of("poison");
    let server = TestServer::start(
        stub(move |batch| {
            let mut output = fingerprints(batch)?;
            if contains(batch, poison) {
                output.heads[0].logits[0] = f32::NAN;
            }
            Ok(output)
        }),
        &[],
    )
    .await;
    let mut client = server.classifier().await;

    let status = client.classify(request("poison")).await.unwrap_err();

    assert_eq!(status.code(), Code::Internal);
    assert!(client.classify(request("where is my order")).await.is_ok());
    server.stop().await;
}

#[tokio::test]
async fn mixed_load_keeps_the_counters_identity() {
    let server = TestServer::start(
        stub(|batch| {
            // Longer than the callers below wait that give up.
            std::thread::sleep(Duration::from_millis(3));
            fingerprints(batch)
        }),
        &["limits.max_in_flight=8", "inference.max_queue_size=4"],
    )
    .await;
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..400 {
        let mut client = server.classifier().await;
        calls.spawn(async move {
            let mut call = Request::new(request("where is my order"));
            if number % 3 == 0 {
                call.metadata_mut().insert("grpc-timeout", "5m".parse().unwrap());
            }
            if number % 7 == 0 {
                call.get_mut().channel = 77;
            }
            let call = client.classify(call);
            if number % 5 == 0 {
                drop(tokio::time::timeout(Duration::from_millis(1), call).await);
            } else {
                drop(call.await);
            }
        });
        if number % 16 == 0 {
            server.counters().await;
        }
    }
    while let Some(result) = calls.join_next().await {
        result.unwrap();
    }

    let counters = server.counters_at_rest().await;
    let seen = [counters.answered, counters.rejected, counters.expired + counters.cancelled];
    assert!(seen.iter().all(|count| *count > 0) && counters.failed == 0, "{counters:?}");
    let report = server.stop().await;
    assert_eq!(report.counters.in_flight, 0);
}

#[tokio::test]
async fn large_batches_and_streams_wait_for_room_of_their_own_and_shed_nothing() {
    for setting in ["limits.max_in_flight=4", "inference.max_queue_size=4"] {
        let server = TestServer::start(stub(fingerprints), &[setting]).await;
        let mut client = server.classifier().await;
        let requests = (0..200).map(|_| request("where is my order")).collect();

        let batch = client.classify_batch(pb::ClassifyBatchRequest { requests }).await.unwrap();
        let answered =
            |result: &pb::ClassifyResult| matches!(result.outcome, Some(Outcome::Response(_)));
        assert!(batch.into_inner().results.iter().all(answered), "{setting}");
        let items = (0..200).map(|_| pb::ClassifyStreamRequest { request: Some(request("item")) });
        let replies = client.classify_stream(tokio_stream::iter(items)).await.unwrap();
        let outcomes = replies.into_inner().map(|reply| reply.unwrap().outcome.unwrap());
        let outcomes: Vec<StreamOutcome> = outcomes.collect().await;

        assert!(outcomes.iter().all(|o| matches!(o, StreamOutcome::Response(_))), "{setting}");
        assert_eq!(server.counters_at_rest().await.shed, 0);
        server.stop().await;
    }
}

#[tokio::test]
async fn long_texts_of_callers_that_have_gone_are_not_worked_on() {
    // Many long texts wait for the few threads that clean them; all are given up before most of them had their turn.
    let gate = Gate::default();
    let server = TestServer::start(gate.loader(), &["limits.max_in_flight=64"]).await;
    let text = "where is my order ".repeat(3_600);
    let mut calls = Vec::new();
    for _ in 0..40 {
        let (mut client, text) = (server.classifier().await, text.clone());
        calls.push(tokio::spawn(async move { client.classify(request(&text)).await.map(drop) }));
    }
    until(async || server.counters().await.offered > 0).await;

    for call in &calls {
        call.abort();
    }

    // Places come back with the work, so a full set of calls fits in again.
    until(async || server.counters().await.in_flight == 0).await;
    let requests = vec![request(&text); 8];
    let batch = pb::ClassifyBatchRequest { requests };
    let batch = server.classifier().await.classify_batch(batch).await.unwrap().into_inner();
    let answered =
        |result: &pb::ClassifyResult| matches!(result.outcome, Some(Outcome::Response(_)));
    assert!(batch.results.iter().all(answered));
    server.stop().await;
}

#[tokio::test]
async fn request_that_never_ends_is_answered_at_its_deadline() {
    let server = TestServer::start(stub(fingerprints), &["limits.default_timeout=300ms"]).await;
    for timeout in [Some("200m"), None] {
        let (client, origin) = server.unhurried();
        let mut client = tonic::client::Grpc::with_origin(client, origin);
        client.ready().await.unwrap();
        let mut call = Request::new(tokio_stream::pending::<pb::ClassifyRequest>());
        if let Some(timeout) = timeout {
            call.metadata_mut().insert("grpc-timeout", timeout.parse().unwrap());
        }
        let path = "/signalbox.v1.ClassifierService/Classify".parse().unwrap();
        let codec = tonic_prost::ProstCodec::<pb::ClassifyRequest, pb::ClassifyResponse>::default();

        let status = client.client_streaming(call, path, codec).await.unwrap_err();

        assert_eq!(status.code(), Code::DeadlineExceeded, "{status:?}");
        let details = status.get_error_details();
        assert_eq!(details.error_info().unwrap().metadata["stage"], "receiving");
    }
    server.stop().await;
}

#[tokio::test]
async fn idle_stream_ends_at_its_deadline() {
    let server = TestServer::start(stub(fingerprints), &[]).await;
    let mut call = Request::new(tokio_stream::pending::<pb::ClassifyStreamRequest>());
    call.metadata_mut().insert("grpc-timeout", "200m".parse().unwrap());

    let mut client = server.unhurried_classifier();
    let mut replies = client.classify_stream(call).await.unwrap().into_inner();

    let status = replies.next().await.unwrap().unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded, "{status:?}");
    server.stop().await;
}

#[tokio::test]
async fn failed_items_and_calls_carry_the_id_of_their_message() {
    let server = TestServer::start(stub(fingerprints), &[]).await;
    let mut client = server.classifier().await;
    let unknown = || pb::ClassifyRequest { model: "other".into(), ..request("hi") };
    let named = || pb::ClassifyRequest { id: "ticket-1".into(), ..unknown() };

    let status = client.classify(named()).await.unwrap_err();
    let requests = vec![named(), unknown()];
    let batch = client.classify_batch(pb::ClassifyBatchRequest { requests }).await.unwrap();

    assert_eq!(status.get_error_details().error_info().unwrap().metadata["id"], "ticket-1");
    let ids: Vec<String> = batch.into_inner().results.into_iter().map(|r| r.id).collect();
    assert_eq!((ids[0].as_str(), ids[1].len()), ("ticket-1", 36));
    server.stop().await;
}

#[tokio::test]
async fn connection_that_says_nothing_is_closed() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let server = TestServer::start(stub(fingerprints), &["server.handshake_timeout=100ms"]).await;
    let address = server.address.trim_start_matches("http://");
    for said in ["", "PRI * HTTP"] {
        let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
        socket.write_all(said.as_bytes()).await.unwrap();

        let closed = tokio::time::timeout(PATIENCE, socket.read(&mut [0; 64])).await.unwrap();

        // An orderly end, or a reset because of the bytes that were never taken.
        assert!(closed.is_err() || closed.is_ok_and(|bytes| bytes == 0));
    }
    server.stop().await;
}

#[tokio::test]
async fn single_message_overtakes_a_large_batch_of_another_caller() {
    let gate = Gate::default();
    let (server, first) =
        held_server(&gate, &["inference.max_batch_messages=4", "limits.batch_window=64"]).await;
    let mut client = server.classifier().await;
    let batch = tokio::spawn(async move {
        let requests = (0..64).map(|_| request("where is my order")).collect();
        client.classify_batch(pb::ClassifyBatchRequest { requests }).await.map(drop)
    });
    until(async || server.status().await.queue_size == 64).await;
    let mut client = server.classifier().await;
    let single = tokio::spawn(async move { client.classify(request("single")).await });
    until(async || server.status().await.queue_size == 65).await;

    let before = gate.batches().len();
    gate.open();

    single.await.unwrap().unwrap();
    first.await.unwrap().unwrap();
    batch.await.unwrap().unwrap();
    let wanted = fingerprint_of("single");
    let is_in = |batch: &Vec<f32>| batch.iter().any(|found| (found - wanted).abs() < f32::EPSILON);
    // The batch that was held, then the one with the single message.
    assert_eq!(gate.batches().iter().skip(before).position(is_in), Some(1));
    server.stop().await;
}

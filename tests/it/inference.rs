//! The Open Inference Protocol: tensors in, tensors out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::{Duration, Instant};

use signalbox::app::EngineLoader;
use signalbox::engine::EngineError;
use signalbox::grpc::inference::pb as oip;
use signalbox::grpc::inference::pb::grpc_inference_service_client::GrpcInferenceServiceClient;
use signalbox::grpc::inference::pb::infer_parameter::ParameterChoice;
use signalbox::grpc::inference::pb::model_infer_request::{
    InferInputTensor, InferRequestedOutputTensor,
};
use signalbox::grpc::pb;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tonic::codec::CompressionEncoding;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::fixtures::MULTI_HEAD;
use crate::repository::{Repository, by_version, label};
use crate::rollout::{canary, second_version_does, shadow};
use crate::server::{
    Gate, PATIENCE, TestServer, contains, fingerprint_of, fingerprints, request, stub, until,
};

type Client = GrpcInferenceServiceClient<Channel>;

async fn server(settings: &[&str]) -> TestServer {
    TestServer::start(stub(fingerprints), settings).await
}

async fn client(server: &TestServer) -> Client {
    GrpcInferenceServiceClient::new(server.channel().await)
}

/// Lays elements out as `raw_input_contents` wants them.
fn raw(elements: &[&[u8]]) -> Vec<u8> {
    let length = |element: &[u8]| u32::try_from(element.len()).unwrap().to_le_bytes();
    elements.iter().flat_map(|element| [&length(element)[..], element].concat()).collect()
}

fn elements(raw: &[u8]) -> Vec<String> {
    let (mut rest, mut elements) = (raw, Vec::new());
    while let Some((length, after)) = rest.split_first_chunk() {
        let (element, after) = after.split_at(u32::from_le_bytes(*length) as usize);
        elements.push(String::from_utf8(element.to_vec()).unwrap());
        rest = after;
    }
    elements
}

fn floats(raw: &[u8]) -> Vec<f32> {
    let (values, rest) = raw.as_chunks();
    assert!(rest.is_empty());
    values.iter().map(|value| f32::from_le_bytes(*value)).collect()
}

fn tensor(name: &str, items: usize) -> InferInputTensor {
    InferInputTensor {
        name: name.into(),
        datatype: "BYTES".into(),
        shape: vec![i64::try_from(items).unwrap()],
        ..Default::default()
    }
}

fn infer(texts: &[&str]) -> oip::ModelInferRequest {
    let bytes: Vec<&[u8]> = texts.iter().map(|text| text.as_bytes()).collect();
    oip::ModelInferRequest {
        inputs: vec![tensor("TEXT", texts.len())],
        raw_input_contents: vec![raw(&bytes)],
        ..Default::default()
    }
}

fn asking(texts: &[&str], outputs: &[&str]) -> oip::ModelInferRequest {
    let outputs = outputs
        .iter()
        .map(|name| InferRequestedOutputTensor { name: (*name).into(), ..Default::default() });
    oip::ModelInferRequest { outputs: outputs.collect(), ..infer(texts) }
}

fn parameter(choice: ParameterChoice) -> oip::InferParameter {
    oip::InferParameter { parameter_choice: Some(choice) }
}

fn with_parameter(
    request: oip::ModelInferRequest,
    name: &str,
    choice: ParameterChoice,
) -> oip::ModelInferRequest {
    let parameters = BTreeMap::from([(name.to_owned(), parameter(choice))]);
    oip::ModelInferRequest { parameters, ..request }
}

/// The contents of an output, by name.
fn contents<'a>(reply: &'a oip::ModelInferResponse, name: &str) -> &'a [u8] {
    let position = reply.outputs.iter().position(|output| output.name == name).unwrap();
    &reply.raw_output_contents[position]
}

async fn infer_with(
    server: &TestServer,
    request: oip::ModelInferRequest,
) -> oip::ModelInferResponse {
    client(server).await.model_infer(request).await.unwrap().into_inner()
}

async fn refused(server: &TestServer, request: oip::ModelInferRequest) -> Status {
    client(server).await.model_infer(request).await.unwrap_err()
}

#[tokio::test]
async fn probabilities_are_those_of_the_native_api() {
    let server = server(&[]).await;
    let texts = ["where is my order", "thanks a lot"];

    let reply = infer_with(&server, infer(&texts)).await;

    let shapes: Vec<(&str, &str, &[i64])> = reply
        .outputs
        .iter()
        .map(|o| (o.name.as_str(), o.datatype.as_str(), o.shape.as_slice()))
        .collect();
    let expected: [(&str, &str, &[i64]); 4] = [
        ("primary_probabilities", "FP32", &[2, 6]),
        ("intent_probabilities", "FP32", &[2, 6]),
        ("polarity_probabilities", "FP32", &[2, 5]),
        ("flags_probabilities", "FP32", &[2, 4]),
    ];
    assert_eq!(shapes, expected);
    let (polarity, flags) =
        (contents(&reply, "polarity_probabilities"), contents(&reply, "flags_probabilities"));
    let (polarity, flags) = (floats(polarity), floats(flags));
    for (row, text) in texts.into_iter().enumerate() {
        let native = server.classifier().await.classify(request(text)).await.unwrap().into_inner();
        let steps = native.polarity.unwrap().probabilities;
        let steps: Vec<f32> = steps.iter().map(|step| step.probability).collect();
        let present: Vec<f32> = native.flags.iter().map(|flag| flag.probability).collect();
        assert_eq!(polarity[row * 5..][..5], steps);
        assert_eq!(flags[row * 4..][..4], present);
    }
    server.stop().await;
}

#[tokio::test]
async fn rows_keep_the_order_of_the_messages_however_they_came() {
    let server = server(&["limits.batch_window=3"]).await;
    let texts: Vec<String> = (0..40).map(|n| format!("where is order number {n}")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let expected: Vec<f32> = texts.iter().flat_map(|text| vec![fingerprint_of(text); 6]).collect();
    let mut typed = asking(&texts, &["primary_logits"]);
    typed.raw_input_contents.clear();
    typed.inputs[0].shape.push(1);
    typed.inputs[0].contents = Some(oip::InferTensorContents {
        bytes_contents: texts.iter().map(|text| text.as_bytes().to_vec()).collect(),
        ..Default::default()
    });

    let raw = infer_with(&server, asking(&texts, &["primary_logits"])).await;
    let typed = infer_with(&server, typed).await;

    assert_eq!(raw.outputs[0].shape, [40, 6]);
    assert_eq!(floats(contents(&raw, "primary_logits")), expected);
    assert_eq!(raw, typed);
    server.stop().await;
}

#[tokio::test]
async fn best_labels_come_by_falling_value_and_equal_ones_in_label_order() {
    // Half of the labels of each head are better than the others.
    let loader = stub(|batch| {
        let mut output = fingerprints(batch)?;
        for head in &mut output.heads {
            for (index, logit) in head.logits.iter_mut().enumerate() {
                *logit = if index % head.labels % 2 == 1 { 2.5 } else { -1.0 };
            }
        }
        Ok(output)
    });
    let server = TestServer::start(loader, &[]).await;
    let mut request = asking(&["hi", "ho"], &["primary_logits", "flags_logits"]);
    for (output, count) in request.outputs.iter_mut().zip([3, 1_000]) {
        let best = parameter(ParameterChoice::Int64Param(count));
        output.parameters.insert("classification".into(), best);
    }

    let reply = infer_with(&server, request).await;

    assert_eq!(
        (reply.outputs[0].datatype.as_str(), &*reply.outputs[0].shape),
        ("BYTES", &[2, 3][..])
    );
    let best =
        ["2.500000:1:order.cancel", "2.500000:3:refund.status", "2.500000:5:feedback.praise"];
    assert_eq!(elements(contents(&reply, "primary_logits")), [best, best].concat());
    assert_eq!(reply.outputs[1].shape, [2, 4], "there are no more labels");
    let flags = elements(contents(&reply, "flags_logits"));
    let start: Vec<&str> = flags[..4].iter().map(|flag| flag.rsplit_once(':').unwrap().0).collect();
    assert_eq!(start, ["2.500000:1", "2.500000:3", "-1.000000:0", "-1.000000:2"]);
    server.stop().await;
}

#[tokio::test]
async fn native_reply_comes_as_json_and_optional_inputs_reach_it() {
    let server = server(&[]).await;
    let mut asked = asking(&["", "where is it"], &["RESPONSE", "ABSTENTION"]);
    for (name, values) in [
        ("SUBJECT", ["order 48213", ""]),
        ("CHANNEL", ["email", ""]),
        ("LANGUAGE", ["de", "en-GB"]),
        ("TENANT", ["", "shop"]),
    ] {
        asked.inputs.push(tensor(name, 2));
        asked.raw_input_contents.push(raw(&values.map(str::as_bytes)));
    }
    asked.id = "r1".into();

    let reply = infer_with(&server, asked).await;

    let json: Vec<serde_json::Value> = elements(contents(&reply, "RESPONSE"))
        .iter()
        .map(|json| serde_json::from_str(json).unwrap())
        .collect();
    assert_eq!(json[0]["notices"][0]["code"], "NOTICE_CODE_SUBJECT_ONLY");
    assert_eq!(json[0]["entities"][0]["value"], "48213");
    for reply in &json {
        assert_eq!(reply["id"], "r1");
        assert!(reply["routing"]["queue"].is_string() && reply["raw_logits"].is_null(), "{reply}");
    }
    assert_eq!(elements(contents(&reply, "ABSTENTION")).len(), 2);
    server.stop().await;
}

#[tokio::test]
async fn message_in_which_nothing_is_left_has_zeros() {
    let server = server(&[]).await;

    let asked = asking(&["  ", "hello"], &["flags_probabilities", "flags_logits", "ABSTENTION"]);
    let reply = infer_with(&server, asked).await;

    for name in ["flags_probabilities", "flags_logits"] {
        let values = floats(contents(&reply, name));
        assert_eq!(values[..4], [0.0; 4], "{name}");
        assert!(values[4..].iter().all(|value| *value > 0.0), "{name} {values:?}");
    }
    assert_eq!(elements(contents(&reply, "ABSTENTION"))[0], "empty");
    server.stop().await;
}

type Broken = Vec<(oip::ModelInferRequest, &'static str)>;

/// Two messages of five characters, changed in one way.
fn changed(change: impl FnOnce(&mut oip::ModelInferRequest)) -> oip::ModelInferRequest {
    let mut request = asking(&["hello", "there"], &["primary_logits"]);
    change(&mut request);
    request
}

fn with_input(name: &str, elements: &[&[u8]]) -> oip::ModelInferRequest {
    changed(|r| {
        r.inputs.push(tensor(name, elements.len()));
        r.raw_input_contents.push(raw(elements));
    })
}

/// What is wrong with names, types and shapes, and what the error must say.
fn broken_tensors() -> Broken {
    let shape = |shape: &[i64]| changed(|r| r.inputs[0].shape = shape.to_vec());
    let region = parameter(ParameterChoice::StringParam("region".into()));
    vec![
        (
            changed(|r| r.inputs.clear()),
            "raw_input_contents is 1 buffers, expected one for each of the 0",
        ),
        (
            changed(|r| r.inputs[0].name = "text".into()),
            "inputs[0].name is \"text\", known are TEXT, SUBJECT",
        ),
        (
            changed(|r| r.inputs[0].datatype = "FP32".into()),
            "TEXT.datatype is \"FP32\", expected \"BYTES\"",
        ),
        (
            changed(|r| drop(r.inputs[0].parameters.insert("shared_memory_region".into(), region))),
            "TEXT.parameters is \"shared_memory_region\", expected none",
        ),
        (shape(&[1, 2]), "TEXT.shape is [1, 2], expected [n] or [n, 1]"),
        (shape(&[-1]), "TEXT.shape is [-1], expected"),
        (shape(&[0]), "TEXT is missing"),
        (shape(&[3]), "TEXT.raw_input_contents is cut off within element 2"),
        (shape(&[1]), "is longer than its 1 elements by 9 bytes"),
        (shape(&[i64::MAX]), "TEXT has 9223372036854775807 items, at most 4"),
        (
            with_input("TEXT", &[b"a", b"b"]),
            "inputs[1].name is TEXT again, expected each input once",
        ),
        (with_input("CHANNEL", &[b"chat"]), "CHANNEL.shape is [1], expected [2] or [2, 1] as TEXT"),
    ]
}

/// What is wrong with the elements of tensors.
fn broken_contents() -> Broken {
    let typed = |contents: oip::InferTensorContents| {
        changed(|r| {
            r.raw_input_contents.clear();
            r.inputs[0].contents = Some(contents);
        })
    };
    let bytes_contents = vec![b"hello".to_vec()];
    let one = oip::InferTensorContents { bytes_contents, ..Default::default() };
    let numbers = oip::InferTensorContents { int_contents: vec![1], ..Default::default() };
    let beside = numbers.clone();
    vec![
        (typed(one), "TEXT.contents is of 1 elements, expected 2"),
        (typed(numbers), "TEXT.contents is of another type, expected bytes_contents"),
        (
            changed(|r| r.inputs[0].contents = Some(beside)),
            "TEXT.contents is set, expected none beside raw_input_contents",
        ),
        (changed(|r| r.raw_input_contents[0][4] = 0xff), "TEXT[0] is not UTF-8 from byte 0 on"),
        (
            with_input("CHANNEL", &[b"chat", b"pigeon"]),
            "CHANNEL[1] is \"pigeon\", known are unknown, chat, email",
        ),
        (with_input("LANGUAGE", &[b"de", b"!"]), "LANGUAGE[1] is not a BCP-47 language tag"),
        (infer(&["hello", "this text is too long"]), "TEXT[1] has 21 characters, at most 15"),
    ]
}

/// What is wrong with what is asked for.
fn broken_wishes() -> Broken {
    let best = |name: &'static str, count| {
        changed(|r| {
            r.outputs[0].name = name.into();
            let count = parameter(ParameterChoice::Int64Param(count));
            r.outputs[0].parameters.insert("classification".into(), count);
        })
    };
    let set = |name, choice| with_parameter(infer(&["hello"]), name, choice);
    let priority = |choice| set("priority", choice);
    let timeout = |choice| set("timeout", choice);
    vec![
        (
            changed(|r| r.outputs[0].name = "logits".into()),
            "outputs[0].name is \"logits\", known are primary_",
        ),
        (
            changed(|r| r.outputs.push(r.outputs[0].clone())),
            "outputs[1].name is primary_logits again",
        ),
        (best("RESPONSE", 3), "RESPONSE.parameters.classification is asked of BYTES"),
        (
            best("primary_logits", -3),
            "primary_logits.parameters.classification is -3, must lie between 0 and",
        ),
        (
            priority(ParameterChoice::Uint64Param(7)),
            "parameters.priority is 7, must lie between 0 and 2",
        ),
        (
            priority(ParameterChoice::BoolParam(true)),
            "parameters.priority is true, expected a whole number",
        ),
        (
            timeout(ParameterChoice::Int64Param(-1)),
            "parameters.timeout is -1, must lie between 0 and 86400000000",
        ),
        (
            set("sequence_id", ParameterChoice::Int64Param(1)),
            "parameters is \"sequence_id\", known are priority, timeout",
        ),
        (changed(|r| r.id = "i".repeat(129)), "id has 129 characters, at most 128"),
        (changed(|r| r.model_name = "m\n".into()), "model_name has the control character U+000A"),
    ]
}

#[tokio::test]
async fn broken_rule_names_tensor_limit_and_value() {
    let server = server(&["limits.max_batch_items=4", "limits.max_text_chars=15"]).await;
    let broken = [broken_tensors(), broken_contents(), broken_wishes()].concat();
    let rejected = u64::try_from(broken.len()).unwrap();

    for (request, expected) in broken {
        let status = refused(&server, request).await;

        assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
        assert!(status.message().contains(expected), "{} lacks {expected}", status.message());
        assert!(status.get_error_details().bad_request().is_some(), "{expected}");
    }
    let counters = server.counters_at_rest().await;
    assert_eq!((counters.offered, counters.rejected), (0, rejected));
    server.stop().await;
}

#[tokio::test]
async fn id_and_version_come_back_and_an_unknown_model_is_not_found() {
    let repository = Repository::new(&["shop/9", "shop/10"]);
    let settings = ["models.version_policy=all"];
    let server = repository.serve(stub(fingerprints), &settings).await;
    let label = pb::SetModelLabelRequest {
        name: "shop".into(),
        label: "canary".into(),
        version: "9".into(),
    };
    server.models().await.set_model_label(label).await.unwrap();
    let of = |name: &str, version: &str| oip::ModelInferRequest {
        id: "my request".into(),
        model_name: name.into(),
        model_version: version.into(),
        ..infer(&["hello", "you"])
    };

    for (name, version, answers) in
        [("", "", "10"), ("shop", "", "10"), ("shop", "9", "9"), ("shop", "canary", "9")]
    {
        let reply = infer_with(&server, of(name, version)).await;
        let found = (reply.model_name.as_str(), reply.model_version.as_str(), reply.id.as_str());
        assert_eq!(found, ("shop", answers, "my request"));
    }
    let unknown = refused(&server, of("shop", "8")).await;
    assert_eq!(unknown.code(), Code::NotFound);
    assert!(unknown.message().contains("loaded are shop/10, shop/9"), "{}", unknown.message());
    assert_eq!(unknown.get_error_details().error_info().unwrap().metadata["id"], "my request");
    assert_eq!(server.counters_at_rest().await.failed, 1);
    server.stop().await;
}

#[tokio::test]
async fn timeout_ends_a_request_that_waits() {
    let gate = Gate::default();
    let server = TestServer::start(gate.loader(), &[]).await;
    gate.close();

    let timeout = ParameterChoice::Int64Param(50_000);
    let single =
        refused(&server, with_parameter(infer(&["one"]), "timeout", timeout.clone())).await;
    let several = with_parameter(infer(&["one", "two"]), "timeout", timeout);
    let several = refused(&server, several).await;

    assert_eq!((single.code(), several.code()), (Code::DeadlineExceeded, Code::DeadlineExceeded));
    let counters = server.counters_at_rest().await;
    assert_eq!((counters.expired + counters.cancelled, counters.answered), (3, 0));
    gate.open();
    server.stop().await;
}

#[tokio::test]
async fn less_urgent_request_lets_a_later_one_pass() {
    let gate = Gate::default();
    let server = TestServer::start(gate.loader(), &["inference.max_batch_messages=1"]).await;
    let warm_up = gate.batches().len();
    gate.close();
    let mut calls = tokio::task::JoinSet::new();
    let texts = ["held", "patient", "urgent"];
    for (waiting, (text, priority)) in texts.into_iter().zip([1, 2, 1]).enumerate() {
        let priority = ParameterChoice::Uint64Param(priority);
        let (request, mut client) =
            (with_parameter(infer(&[text]), "priority", priority), client(&server).await);
        calls.spawn(async move { client.model_infer(request).await.unwrap() });
        let queued = u64::try_from(waiting).unwrap();
        until(async || gate.held() == 1 && server.status().await.queue_size == queued).await;
    }

    gate.open();
    calls.join_all().await;

    let computed = gate.batches().split_off(warm_up).concat();
    assert_eq!(computed, [texts[0], texts[2], texts[1]].map(fingerprint_of));
    server.stop().await;
}

#[tokio::test]
async fn full_server_sheds_a_request_but_not_the_rest_of_one_that_it_has_taken() {
    let gate = Gate::default();
    let server = TestServer::start(gate.loader(), &["limits.max_in_flight=1"]).await;

    let many: Vec<&str> = vec!["hello"; 20];
    assert_eq!(infer_with(&server, infer(&many)).await.outputs[0].shape, [20, 6]);
    gate.close();
    let mut other = client(&server).await;
    let under_way = tokio::spawn(async move { other.model_infer(infer(&["held"])).await });
    until(async || gate.held() == 1).await;
    let shed = refused(&server, infer(&["one too many"])).await;

    assert_eq!(shed.code(), Code::ResourceExhausted);
    assert!(shed.message().contains("1 messages are in flight"), "{}", shed.message());
    assert!(shed.get_error_details().retry_info().is_some());
    gate.open();
    under_way.await.unwrap().unwrap();
    server.stop().await;
}

#[tokio::test]
async fn stream_answers_in_order_and_goes_on_after_a_bad_request() {
    let server = server(&["limits.stream_window=4"]).await;
    let texts: Vec<String> = (0..30).map(|n| format!("message {n}")).collect();
    let requests: Vec<oip::ModelInferRequest> = texts
        .iter()
        .enumerate()
        .map(|(n, text)| {
            // Large and small ones, so that the later would overtake the earlier if they could.
            let several = vec![text.as_str(); 1 + (n * 7) % 5];
            let mut request = asking(&several, &["flags_logits"]);
            request.id = n.to_string();
            request.model_version = if n == 7 { "none".into() } else { String::new() };
            let says_final = ParameterChoice::BoolParam(true);
            with_parameter(request, "triton_enable_empty_final_response", says_final)
        })
        .collect();

    let mut client = client(&server).await;
    let replies = client.model_stream_infer(tokio_stream::iter(requests)).await;

    let mut replies = replies.unwrap().into_inner();
    for (n, text) in texts.iter().enumerate() {
        let reply = replies.next().await.unwrap().unwrap();
        let response = reply.infer_response.unwrap();
        assert_eq!(response.id, n.to_string());
        if n == 7 {
            assert!(
                reply.error_message.contains("version \"none\" is not loaded"),
                "{}",
                reply.error_message
            );
            assert!(response.outputs.is_empty());
        } else {
            assert_eq!(reply.error_message, "");
            let expected = vec![fingerprint_of(text); 4 * (1 + (n * 7) % 5)];
            assert_eq!(floats(contents(&response, "flags_logits")), expected);
            let mark = &response.parameters["triton_final_response"];
            assert_eq!(mark.parameter_choice, Some(ParameterChoice::BoolParam(true)));
        }
    }
    assert!(replies.next().await.is_none());
    server.stop().await;
}

#[tokio::test]
async fn stopping_server_answers_what_a_stream_has_sent_and_ends_it() {
    let gate = Gate::default();
    let server = TestServer::start(gate.loader(), &[]).await;
    gate.close();
    let (requests, inbound) = tokio::sync::mpsc::channel(8);
    let mut client = client(&server).await;
    let replies = client.model_stream_infer(ReceiverStream::new(inbound)).await;
    let mut replies = replies.unwrap().into_inner();
    for text in ["one", "two"] {
        requests.send(infer(&[text])).await.unwrap();
    }
    until(async || server.counters().await.in_flight == 2).await;

    server.signal().await;
    server.until(signalbox::lifecycle::ServiceState::Stopping).await;
    gate.open();

    for _ in 0..2 {
        assert_eq!(replies.next().await.unwrap().unwrap().error_message, "");
    }
    assert_eq!(replies.next().await.unwrap().unwrap_err().code(), Code::Unavailable);
    drop(replies);
    assert_eq!(server.ended().await.unwrap().cut, 0);
}

#[tokio::test]
async fn caller_that_goes_away_frees_every_place() {
    let gate = Gate::default();
    let server = TestServer::start(gate.loader(), &[]).await;
    gate.close();
    let (requests, inbound) = tokio::sync::mpsc::channel(8);
    let mut client = client(&server).await;
    let stream = client.model_stream_infer(ReceiverStream::new(inbound)).await.unwrap();
    let mut unary = client.clone();
    let call = tokio::spawn(async move { unary.model_infer(infer(&["a", "b", "c"])).await });
    requests.send(infer(&["d", "e"])).await.unwrap();
    until(async || server.counters().await.in_flight == 5).await;

    call.abort();
    drop((stream, requests));

    until(async || server.counters().await.in_flight == 0).await;
    assert_eq!(server.counters().await.cancelled, 5);
    gate.open();
    server.stop().await;
}

#[tokio::test]
async fn request_is_answered_by_the_model_that_it_began_with() {
    let repository = Repository::new(&["shop/1"]);
    let (slow, late) = (fingerprint_of("slow"), fingerprint_of("late"));
    let (is_held, is_released) =
        (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (held, released) = (Arc::clone(&is_held), Arc::clone(&is_released));
    let first = stub(move |batch| {
        // Only the message itself is held: the model that comes has to be warmed meanwhile.
        if contains(batch, slow) {
            held.store(true, SeqCst);
            let started = Instant::now();
            while !released.load(SeqCst) && started.elapsed() < PATIENCE {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        fingerprints(batch)
    });
    let second = stub(move |batch| {
        let is_late = contains(batch, late);
        if is_late { Err(EngineError::Backend("test".into())) } else { fingerprints(batch) }
    });
    let is_loaded = AtomicBool::new(false);
    let loader: Arc<EngineLoader> = Arc::new(move |bundle, settings| {
        if is_loaded.swap(true, SeqCst) {
            second(bundle, settings)
        } else {
            first(bundle, settings)
        }
    });
    let server = repository.serve(loader, &["limits.batch_window=1"]).await;
    let mut other = client(&server).await;
    let call = tokio::spawn(async move { other.model_infer(infer(&["slow", "late"])).await });
    until(async || is_held.load(SeqCst)).await;

    let manifest = repository.path("shop/1").join("signalbox.json");
    let text = std::fs::read_to_string(&manifest).unwrap();
    std::fs::write(&manifest, text + "\n").unwrap();
    let load = oip::RepositoryModelLoadRequest { model_name: "shop".into(), ..Default::default() };
    client(&server).await.repository_model_load(load).await.unwrap();
    let by_second = refused(&server, infer(&["late"])).await;
    is_released.store(true, SeqCst);

    assert_eq!(by_second.code(), Code::Internal);
    let reply = tokio::time::timeout(PATIENCE, call).await.unwrap().unwrap().unwrap();
    assert_eq!(reply.into_inner().outputs[0].shape, [2, 6]);
    server.stop().await;
}

/// Serves two versions; the first is what callers get who name none.
async fn two_versions(repository: &Repository, loader: Arc<EngineLoader>) -> TestServer {
    let server = repository.serve(loader, &["models.version_policy=all"]).await;
    server.models().await.set_model_label(label("shop", "stable", "1")).await.unwrap();
    server
}

async fn version_of(server: &TestServer, request: oip::ModelInferRequest) -> String {
    infer_with(server, request).await.model_version
}

async fn rollout(server: &TestServer) -> pb::Rollout {
    let asked = pb::GetRolloutRequest { name: "shop".into() };
    server.models().await.get_rollout(asked).await.unwrap().into_inner().rollout.unwrap()
}

#[tokio::test]
async fn canary_answers_its_share_of_requests_whole_as_it_does_for_native_messages() {
    let repository = Repository::new(&["shop/1", "shop/2"]);
    let server = two_versions(&repository, by_version()).await;
    let mut models = server.models().await;
    models.set_rollout(canary("2", 50.0, pb::RolloutKey::Message)).await.unwrap();

    let mut found = BTreeSet::new();
    for id in (0..40).map(|id| format!("m-{id}")) {
        let sent = oip::ModelInferRequest { id: id.clone(), ..infer(&["a", "b", "c"]) };
        let version = version_of(&server, sent).await;
        let native = pb::ClassifyRequest { id, ..request("a") };
        let native = server.classifier().await.classify(native).await.unwrap().into_inner();
        assert_eq!(version, native.revisions.unwrap().model_version);
        found.insert(version);
    }
    assert_eq!(found.len(), 2);
    let mut without_id = BTreeSet::new();
    for _ in 0..40 {
        without_id.insert(version_of(&server, infer(&["a", "b"])).await);
    }
    assert_eq!(without_id.len(), 2, "those without an id fall anywhere");

    models.set_rollout(canary("2", 100.0, pb::RolloutKey::Message)).await.unwrap();
    for (named, expected) in [("", "2"), ("1", "1"), ("stable", "1")] {
        let sent = oip::ModelInferRequest { model_version: named.into(), ..infer(&["a"]) };
        assert_eq!(version_of(&server, sent).await, expected, "{named:?}");
    }
    // Tenants have a side of their own, and a reply has one version.
    models.set_rollout(canary("2", 50.0, pb::RolloutKey::Tenant)).await.unwrap();
    for (tenants, expected) in [(["t-17", "t-17"], "2"), (["t-17", "acme"], "1")] {
        let mut sent = infer(&["a", "b"]);
        sent.inputs.push(tensor("TENANT", 2));
        sent.raw_input_contents.push(raw(&tenants.map(str::as_bytes)));
        assert_eq!(version_of(&server, sent).await, expected, "{tenants:?}");
    }
    server.stop().await;
}

#[tokio::test]
async fn request_that_a_canary_fails_is_answered_by_the_primary_version() {
    let is_broken = Arc::new(AtomicBool::new(false));
    let broken = Arc::clone(&is_broken);
    let loader = second_version_does(move |_| {
        broken.load(SeqCst).then(|| Err(EngineError::Backend("test".into())))
    });
    let repository = Repository::new(&["shop/1", "shop/2"]);
    let server = two_versions(&repository, loader).await;
    server.models().await.set_rollout(canary("2", 100.0, pb::RolloutKey::Message)).await.unwrap();
    is_broken.store(true, SeqCst);

    for texts in [&["a"][..], &["a", "b"]] {
        assert_eq!(version_of(&server, infer(texts)).await, "1");
    }

    let status = rollout(&server).await.canary.unwrap();
    assert_eq!((status.offered, status.answered, status.fell_back), (2, 0, 2));
    server.stop().await;
}

#[tokio::test]
async fn shadow_reads_the_messages_of_requests() {
    let repository = Repository::new(&["shop/1", "shop/2"]);
    let server = two_versions(&repository, by_version()).await;
    server.models().await.set_rollout(shadow("2", 100.0)).await.unwrap();

    assert_eq!(version_of(&server, infer(&["a", "b"])).await, "1");
    let named = oip::ModelInferRequest { model_version: "1".into(), ..infer(&["a"]) };
    assert_eq!(version_of(&server, named).await, "1");

    let report = rollout(&server).await.shadow.unwrap().report.unwrap();
    assert_eq!(report.sampled, 2, "{report:?}");
    server.stop().await;
}

#[tokio::test]
async fn output_that_a_canary_does_not_have_comes_from_the_primary_version() {
    let repository = Repository::new(&["shop/1"]);
    repository.add_changed("shop/2", |model| {
        model.edit("signalbox.json", |manifest| {
            let heads = manifest["heads"].as_array_mut().unwrap();
            heads.retain(|head| head["name"] != "flags");
        });
        model.edit_tensors(|tensors| tensors.retain(|name, _| !name.starts_with("heads.flags.")));
    });
    let server = two_versions(&repository, by_version()).await;
    server.models().await.set_rollout(canary("2", 100.0, pb::RolloutKey::Message)).await.unwrap();

    let everything = infer_with(&server, infer(&["a"])).await;
    let flags = infer_with(&server, asking(&["a"], &["flags_probabilities"])).await;

    assert_eq!((everything.model_version.as_str(), everything.outputs.len()), ("2", 3));
    assert_eq!((flags.model_version.as_str(), flags.outputs.len()), ("1", 1));
    server.stop().await;
}

#[tokio::test]
async fn compressed_requests_are_taken_within_the_limit_of_what_they_unpack_to() {
    let server = server(&["server.max_request_bytes=20000", "limits.max_text_chars=1000000"]).await;
    for encoding in [CompressionEncoding::Gzip, CompressionEncoding::Deflate] {
        let mut client =
            client(&server).await.send_compressed(encoding).accept_compressed(encoding);

        let fits = client.model_infer(infer(&["hello ".repeat(3_000).as_str()])).await;
        let bomb = client.model_infer(infer(&["hello ".repeat(100_000).as_str()])).await;

        assert_eq!(fits.unwrap().into_inner().outputs.len(), 4);
        let bomb = bomb.unwrap_err();
        assert!(matches!(bomb.code(), Code::OutOfRange | Code::ResourceExhausted), "{bomb:?}");
        assert!(bomb.message().contains("20000"), "{}", bomb.message());
    }
    server.stop().await;
}

#[tokio::test]
async fn model_is_described_with_its_tensors_labels_and_limits() {
    let server = server(&["limits.max_batch_items=99", "limits.default_timeout='3s'"]).await;
    let mut client = client(&server).await;
    let asked = oip::ModelMetadataRequest { name: MULTI_HEAD.into(), ..Default::default() };

    let metadata = client.model_metadata(asked).await.unwrap().into_inner();
    let config = client.model_config(oip::ModelConfigRequest::default()).await;

    let config = config.unwrap().into_inner().config.unwrap();
    assert_eq!((metadata.name.as_str(), metadata.platform.as_str()), (MULTI_HEAD, "signalbox"));
    let inputs: Vec<&str> = metadata.inputs.iter().map(|input| input.name.as_str()).collect();
    assert_eq!(inputs, ["TEXT", "SUBJECT", "LANGUAGE", "CHANNEL", "TENANT"]);
    assert!(metadata.inputs.iter().all(|i| i.datatype == "BYTES" && i.shape == [-1, 1]));
    let required: Vec<bool> = config.input.iter().map(|input| !input.optional).collect();
    assert_eq!(required, [true, false, false, false, false]);
    assert_eq!(metadata.outputs.len(), 10);
    for (described, configured) in metadata.outputs.iter().zip(&config.output) {
        assert_eq!(described.name, configured.name);
        assert_eq!(described.shape, [&[-1][..], &configured.dims].concat());
        let is_float = configured.data_type() == oip::DataType::TypeFp32;
        assert_eq!(described.datatype, if is_float { "FP32" } else { "BYTES" });
    }
    assert_eq!(config.max_batch_size, 99);
    assert_eq!(
        (config.instance_group[0].count, config.instance_group[0].name.as_str()),
        (1, "stub")
    );
    let fact = |name: &str| config.parameters[name].string_value.as_str();
    assert!(fact("primary.labels").starts_with(r#"["order.status","order.cancel","#));
    assert_eq!((fact("polarity.kind"), fact("languages")), ("ordinal", r#"["en","de","tr"]"#));
    let Some(oip::model_config::SchedulingChoice::DynamicBatching(batching)) =
        config.scheduling_choice
    else {
        panic!("no scheduling");
    };
    let policy = batching.default_queue_policy.unwrap();
    assert_eq!((batching.priority_levels, policy.default_timeout_microseconds), (2, 3_000_000));
    server.stop().await;
}

#[tokio::test]
async fn statistics_count_the_messages_of_both_apis() {
    let gate = Gate::default();
    let server = TestServer::start(gate.loader(), &["inference.cache_bytes=1000000"]).await;
    let mut client = client(&server).await;
    infer_with(&server, infer(&["one", "two"])).await;
    server.classifier().await.classify(request("one")).await.unwrap();
    infer_with(&server, infer(&[""])).await;
    gate.close();
    let late = with_parameter(infer(&["late"]), "timeout", ParameterChoice::Int64Param(50_000));
    refused(&server, late).await;
    gate.open();

    let all = client.model_statistics(oip::ModelStatisticsRequest::default()).await;
    let unknown = oip::ModelStatisticsRequest { name: "none".into(), ..Default::default() };
    let unknown = client.model_statistics(unknown).await.unwrap_err();

    let all = all.unwrap().into_inner().model_stats;
    assert_eq!((all.len(), all[0].name.as_str(), all[0].inference_count), (1, MULTI_HEAD, 4));
    let stats = all[0].inference_stats.unwrap();
    let counts =
        |durations: [Option<oip::StatisticDuration>; 6]| durations.map(|d| d.unwrap().count);
    let of = [
        stats.success,
        stats.fail,
        stats.queue,
        stats.compute_infer,
        stats.compute_input,
        stats.compute_output,
    ];
    // The third message was kept from before, the fourth had nothing to compute.
    assert_eq!(counts(of), [4, 1, 2, 2, 4, 4]);
    assert_eq!(stats.cache_hit.unwrap().count, 1);
    let waited = stats.queue.unwrap().ns + stats.compute_infer.unwrap().ns;
    assert!(stats.success.unwrap().ns >= waited, "{stats:?}");
    assert!(stats.fail.unwrap().ns >= 40_000_000, "{stats:?}");
    assert!(all[0].last_inference > 1_700_000_000_000);
    assert_eq!(unknown.code(), Code::NotFound);
    server.stop().await;
}

async fn index(server: &TestServer, ready: bool) -> Vec<String> {
    let asked = oip::RepositoryIndexRequest { ready, ..Default::default() };
    let listed = client(server).await.repository_index(asked).await.unwrap().into_inner().models;
    listed
        .into_iter()
        .map(|m| format!("{}/{} {} {}", m.name, m.version, m.state, m.reason))
        .collect()
}

#[tokio::test]
async fn repository_is_listed_loaded_and_unloaded() {
    let repository = Repository::new(&["shop/9", "shop/10", "returns/1"]);
    let server = repository.serve(stub(fingerprints), &["models.default=shop"]).await;
    let mut client = client(&server).await;
    let load = |name: &str, parameters: &[(&str, &str)]| {
        use oip::model_repository_parameter::ParameterChoice::StringParam;
        let parameter = |(key, value): &(&str, &str)| {
            let value = oip::ModelRepositoryParameter {
                parameter_choice: Some(StringParam((*value).into())),
            };
            ((*key).to_owned(), value)
        };
        oip::RepositoryModelLoadRequest {
            model_name: name.into(),
            parameters: parameters.iter().map(parameter).collect(),
            ..Default::default()
        }
    };
    let unload = |name: &str| oip::RepositoryModelUnloadRequest {
        model_name: name.into(),
        ..Default::default()
    };
    let is_ready = async |name: &str, version: &str| {
        let mut client = GrpcInferenceServiceClient::new(server.channel().await);
        let asked = oip::ModelReadyRequest { name: name.into(), version: version.into() };
        client.model_ready(asked).await.unwrap().into_inner().ready
    };

    assert_eq!(index(&server, true).await, ["returns/1 READY ", "shop/10 READY "]);
    let not_loaded = "shop/9 UNAVAILABLE not loaded";
    assert_eq!(index(&server, false).await, ["returns/1 READY ", "shop/10 READY ", not_loaded]);
    assert!(!is_ready("shop", "9").await);

    client.repository_model_load(load("shop", &[("version", "9")])).await.unwrap();
    assert!(is_ready("shop", "9").await && is_ready("returns", "").await);
    client.repository_model_unload(unload("returns")).await.unwrap();
    assert!(!is_ready("returns", "").await && !is_ready("none", "").await);

    let default = client.repository_model_unload(unload("shop")).await.unwrap_err();
    assert_eq!(default.code(), Code::FailedPrecondition);
    let unknown = client.repository_model_load(load("none", &[])).await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);
    let config = client.repository_model_load(load("shop", &[("config", "{}")])).await.unwrap_err();
    assert!(config.message().contains("\"config\", known are version"), "{}", config.message());
    let nameless = client.repository_model_load(load("", &[])).await.unwrap_err();
    assert!(nameless.message().contains("model_name is missing"), "{}", nameless.message());
    let other = oip::RepositoryIndexRequest { repository_name: "other".into(), ready: false };
    let other = client.repository_index(other).await.unwrap_err();
    assert!(other.message().contains("repository_name is \"other\""), "{}", other.message());
    server.stop().await;
}

#[tokio::test]
async fn models_are_not_changed_without_leave() {
    let server = server(&[]).await;
    let mut client = client(&server).await;
    let load = oip::RepositoryModelLoadRequest { model_name: "m".into(), ..Default::default() };
    let unload = oip::RepositoryModelUnloadRequest { model_name: "m".into(), ..Default::default() };

    let load = client.repository_model_load(load).await.unwrap_err();
    let unload = client.repository_model_unload(unload).await.unwrap_err();

    assert_eq!((load.code(), unload.code()), (Code::PermissionDenied, Code::PermissionDenied));
    assert_eq!(index(&server, true).await, [format!("{MULTI_HEAD}/2026.11.1 READY ")]);
    server.stop().await;
}

#[tokio::test]
async fn loading_server_is_live_and_not_ready() {
    let gate = Gate::default();
    gate.close();
    let server = TestServer::start_loading(gate.loader(), &[]).await;
    let mut client = client(&server).await;

    let live = client.server_live(oip::ServerLiveRequest {}).await.unwrap().into_inner().live;
    let ready = client.server_ready(oip::ServerReadyRequest {}).await.unwrap().into_inner().ready;
    let model = client.model_ready(oip::ModelReadyRequest::default()).await.unwrap().into_inner();
    let described = client.model_metadata(oip::ModelMetadataRequest::default()).await.unwrap_err();
    let answered = client.model_infer(infer(&["hello"])).await.unwrap_err();
    let stream = client.model_stream_infer(tokio_stream::iter([infer(&["hello"])])).await;

    assert!(live && !ready && !model.ready);
    assert_eq!(described.code(), Code::Unavailable);
    assert_eq!(answered.code(), Code::Unavailable);
    assert_eq!(stream.unwrap_err().code(), Code::Unavailable);
    gate.open();
    server.until(signalbox::lifecycle::ServiceState::Serving).await;
    assert!(client.server_ready(oip::ServerReadyRequest {}).await.unwrap().into_inner().ready);
    server.stop().await;
}

#[tokio::test]
async fn what_is_not_offered_is_unimplemented() {
    let server = server(&[]).await;
    let mut client = client(&server).await;

    let codes = [
        client
            .system_shared_memory_status(oip::SystemSharedMemoryStatusRequest::default())
            .await
            .err(),
        client
            .system_shared_memory_register(oip::SystemSharedMemoryRegisterRequest::default())
            .await
            .err(),
        client
            .system_shared_memory_unregister(oip::SystemSharedMemoryUnregisterRequest::default())
            .await
            .err(),
        client.cuda_shared_memory_status(oip::CudaSharedMemoryStatusRequest::default()).await.err(),
        client
            .cuda_shared_memory_register(oip::CudaSharedMemoryRegisterRequest::default())
            .await
            .err(),
        client
            .cuda_shared_memory_unregister(oip::CudaSharedMemoryUnregisterRequest::default())
            .await
            .err(),
        client.trace_setting(oip::TraceSettingRequest::default()).await.err(),
        client.log_settings(oip::LogSettingsRequest::default()).await.err(),
    ];

    assert_eq!(codes.map(|status| status.unwrap().code()), [Code::Unimplemented; 8]);
    server.stop().await;
}

#[tokio::test]
async fn callers_deadline_is_kept() {
    let gate = Gate::default();
    let server = TestServer::start(gate.loader(), &[]).await;
    gate.close();
    let mut late = tonic::Request::new(infer(&["one", "two"]));
    late.set_timeout(Duration::from_millis(100));

    let status = client(&server).await.model_infer(late).await.unwrap_err();

    assert!(matches!(status.code(), Code::DeadlineExceeded | Code::Cancelled), "{status:?}");
    until(async || server.counters().await.in_flight == 0).await;
    gate.open();
    server.stop().await;
}

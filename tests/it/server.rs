//! A whole server on a real socket, with an engine that does what a test says.

use std::sync::Arc;
use std::time::Duration;

use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use signalbox::app::{App, AppError, EngineLoader, Report};
use signalbox::config::sources::{self, Sources, Variables};
use signalbox::engine::stub::StubEngine;
use signalbox::engine::{BatchOutput, EngineError, HeadOutput, RaggedBatch, ReplicaFactory};
use signalbox::grpc::pb;
use signalbox::grpc::pb::classifier_service_client::ClassifierServiceClient;
use signalbox::grpc::pb::model_service_client::ModelServiceClient;
use signalbox::grpc::pb::server_service_client::ServerServiceClient;
use signalbox::labels::HeadName;
use signalbox::lifecycle::{Lifecycle, ServiceState};
use signalbox::message::Truncation;
use signalbox::tokenization::TextTokenizer;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;
use tonic::body::Body;
use tonic::transport::Channel;
use tonic_health::pb::health_client::HealthClient;

use crate::fixtures::{MULTI_HEAD, fixture, load};

/// Labels of each head of the small model, in the order of its manifest.
const HEADS: [(HeadName, usize); 4] =
    [(HeadName::Primary, 6), (HeadName::Intent, 6), (HeadName::Polarity, 5), (HeadName::Flags, 4)];

/// A connection that does not read `grpc-timeout`. tonic's channel does, and may answer before the server.
pub(crate) type Unhurried = legacy::Client<HttpConnector, Body>;

/// How long a test waits for something that should come at once.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A number that depends on every token id and its position (FNV-1a), in [0, 1).
pub(crate) fn fingerprint(input_ids: &[u32]) -> f32 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for id in input_ids {
        hash = (hash ^ u64::from(*id)).wrapping_mul(0x0100_0000_01b3);
    }
    // 24 bits are exact in f32.
    (hash >> 40) as f32 / (1 << 24) as f32
}

/// The fingerprint that a text has after the small model's tokenizer.
pub(crate) fn fingerprint_of(text: &str) -> f32 {
    let tokenizer = TextTokenizer::from_bundle(&load(fixture(MULTI_HEAD))).unwrap();
    fingerprint(&tokenizer.tokenize(text, Truncation::HeadTail).unwrap().input_ids)
}

/// Tells whether a message of a batch has a fingerprint.
pub(crate) fn contains(batch: &RaggedBatch, wanted: f32) -> bool {
    batch.messages().any(|message| (fingerprint(message) - wanted).abs() < f32::EPSILON)
}

/// Answers every message with logits that only its own tokens give.
pub(crate) fn fingerprints(batch: &RaggedBatch) -> Result<BatchOutput, EngineError> {
    let heads = HEADS
        .iter()
        .map(|&(head, labels)| HeadOutput {
            head,
            labels,
            logits: batch
                .messages()
                .flat_map(|message| vec![fingerprint(message); labels])
                .collect(),
        })
        .collect();
    Ok(BatchOutput { rows: batch.len(), heads, pooled: vec![] })
}

/// A loader of engines that run `script`.
pub(crate) fn stub(
    script: impl Fn(&RaggedBatch) -> Result<BatchOutput, EngineError> + Clone + Send + Sync + 'static,
) -> Arc<EngineLoader> {
    Arc::new(move |_, _| {
        let script = script.clone();
        let factory: Arc<ReplicaFactory> =
            Arc::new(move || Ok(Box::new(StubEngine::new(script.clone()))));
        Ok(factory)
    })
}

pub(crate) struct TestServer {
    pub(crate) address: String,
    pub(crate) lifecycle: Lifecycle,
    signals: mpsc::Sender<&'static str>,
    task: JoinHandle<Result<Report, AppError>>,
}

impl TestServer {
    /// Starts a server with the small model and waits until it serves.
    pub(crate) async fn start(loader: Arc<EngineLoader>, settings: &[&str]) -> Self {
        let server = Self::start_loading(loader, settings).await;
        server.until(ServiceState::Serving).await;
        server
    }

    /// Starts a server and waits until it listens.
    pub(crate) async fn start_loading(loader: Arc<EngineLoader>, settings: &[&str]) -> Self {
        let mut assignments =
            vec!["server.listen=127.0.0.1:0".to_owned(), "inference.instances=1".to_owned()];
        assignments.push(format!("models.paths=['{}']", fixture(MULTI_HEAD).display()));
        assignments.extend(settings.iter().map(|setting| (*setting).to_owned()));
        let all = Sources { assignments: &assignments, ..Sources::default() };
        let config = sources::load(all, &Variables::new()).unwrap();
        let app = App::new(config.resolved(2).unwrap(), loader);
        let lifecycle = app.lifecycle().clone();
        let (signals, receiver) = mpsc::channel(2);
        let (announce, announced) = tokio::sync::oneshot::channel();
        let task = tokio::spawn(app.serve(
            move |address| {
                announce.send(address).unwrap();
                Ok(())
            },
            ReceiverStream::new(receiver),
        ));
        let address = format!("http://{}", announced.await.unwrap());
        Self { address, lifecycle, signals, task }
    }

    pub(crate) async fn until(&self, wanted: ServiceState) {
        let mut state = self.lifecycle.subscribe();
        let reached = state.wait_for(|state| *state == wanted);
        tokio::time::timeout(PATIENCE, reached).await.unwrap().unwrap();
    }

    pub(crate) async fn channel(&self) -> Channel {
        Channel::from_shared(self.address.clone()).unwrap().connect().await.unwrap()
    }

    pub(crate) fn unhurried(&self) -> (Unhurried, http::Uri) {
        let client = legacy::Client::builder(TokioExecutor::new()).http2_only(true).build_http();
        (client, self.address.parse().unwrap())
    }

    pub(crate) fn unhurried_classifier(&self) -> ClassifierServiceClient<Unhurried> {
        let (client, origin) = self.unhurried();
        ClassifierServiceClient::with_origin(client, origin)
    }

    pub(crate) async fn classifier(&self) -> ClassifierServiceClient<Channel> {
        ClassifierServiceClient::new(self.channel().await)
            .max_decoding_message_size(1 << 28)
            .max_encoding_message_size(1 << 28)
    }

    pub(crate) async fn models(&self) -> ModelServiceClient<Channel> {
        ModelServiceClient::new(self.channel().await)
    }

    pub(crate) async fn health(&self) -> HealthClient<Channel> {
        HealthClient::new(self.channel().await)
    }

    pub(crate) async fn status(&self) -> pb::GetStatusResponse {
        let mut client = ServerServiceClient::new(self.channel().await);
        client.get_status(pb::GetStatusRequest {}).await.unwrap().into_inner()
    }

    pub(crate) async fn counters(&self) -> pb::MessageCounters {
        let counters = self.status().await.counters.unwrap();
        assert_eq!(counters.offered, settled(&counters) + counters.in_flight, "{counters:?}");
        counters
    }

    /// Waits until no message is in flight, then returns the counters.
    pub(crate) async fn counters_at_rest(&self) -> pb::MessageCounters {
        until(async || self.counters().await.in_flight == 0).await;
        let counters = self.counters().await;
        assert_eq!(counters.offered, settled(&counters), "{counters:?}");
        counters
    }

    pub(crate) async fn signal(&self) {
        self.signals.send("test").await.unwrap();
    }

    /// Asks the server to stop and waits for its end.
    pub(crate) async fn stop(self) -> Report {
        self.signal().await;
        self.ended().await.unwrap()
    }

    pub(crate) async fn ended(self) -> Result<Report, AppError> {
        tokio::time::timeout(PATIENCE, self.task).await.unwrap().unwrap()
    }
}

fn settled(counters: &pb::MessageCounters) -> u64 {
    counters.answered + counters.shed + counters.expired + counters.cancelled + counters.failed
}

/// Polls for a state; a test that hangs fails after [`PATIENCE`].
pub(crate) async fn until(mut condition: impl AsyncFnMut() -> bool) {
    let polling = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(PATIENCE, polling).await.expect("the state is never reached");
}

pub(crate) fn request(text: &str) -> pb::ClassifyRequest {
    pb::ClassifyRequest { text: text.to_owned(), ..Default::default() }
}

/// A gate that holds the engine: closed, every batch waits; the tests see how many messages have been computed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gate {
    inner: Arc<GateState>,
}

#[derive(Debug, Default)]
struct GateState {
    closed: std::sync::Mutex<bool>,
    changed: std::sync::Condvar,
    computed: std::sync::atomic::AtomicUsize,
    batches: std::sync::Mutex<Vec<Vec<f32>>>,
    waiting: std::sync::atomic::AtomicUsize,
}

impl Gate {
    pub(crate) fn close(&self) {
        *self.inner.closed.lock().unwrap() = true;
    }

    pub(crate) fn open(&self) {
        *self.inner.closed.lock().unwrap() = false;
        self.inner.changed.notify_all();
    }

    /// Messages that the engine has computed.
    pub(crate) fn computed(&self) -> usize {
        self.inner.computed.load(std::sync::atomic::Ordering::SeqCst)
    }

    /// Fingerprints of the messages of every batch that the engine has computed, in order.
    pub(crate) fn batches(&self) -> Vec<Vec<f32>> {
        self.inner.batches.lock().unwrap().clone()
    }

    /// Messages that the engine has begun with and is held at.
    pub(crate) fn held(&self) -> usize {
        self.inner.waiting.load(std::sync::atomic::Ordering::SeqCst)
    }

    /// Waits while the gate is closed.
    pub(crate) fn pass(&self) {
        let started = std::time::Instant::now();
        let mut closed = self.inner.closed.lock().unwrap();
        while *closed {
            // A test that fails leaves its gate closed; its server must still end.
            closed = self.inner.changed.wait_timeout(closed, PATIENCE).unwrap().0;
            if started.elapsed() > PATIENCE {
                break;
            }
        }
    }

    pub(crate) fn loader(&self) -> Arc<EngineLoader> {
        let gate = self.clone();
        stub(move |batch| {
            use std::sync::atomic::Ordering::SeqCst;
            gate.inner.waiting.fetch_add(batch.len(), SeqCst);
            gate.pass();
            gate.inner.waiting.fetch_sub(batch.len(), SeqCst);
            gate.inner.computed.fetch_add(batch.len(), SeqCst);
            gate.inner.batches.lock().unwrap().push(batch.messages().map(fingerprint).collect());
            fingerprints(batch)
        })
    }
}

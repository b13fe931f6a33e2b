//! A repository of models: versions that come, go, are refused, and take each other's place while calls are answered.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use signalbox::app::{AppError, EngineLoader};
use signalbox::engine::stub::StubEngine;
use signalbox::engine::{BatchOutput, EngineError, RaggedBatch, ReplicaFactory};
use signalbox::grpc::pb;
use signalbox::grpc::pb::ModelVersionState as State;
use signalbox::labels::HeadName;
use tempfile::TempDir;
use tonic::Code;

use crate::damage::ModelCopy;
use crate::fixtures::MULTI_HEAD;
use crate::server::{Gate, TestServer, fingerprints, request, stub, until};

/// A folder with versions of the small model.
pub(crate) struct Repository(TempDir);

impl Repository {
    pub(crate) fn new(versions: &[&str]) -> Self {
        let repository = Self(TempDir::new().unwrap());
        for version in versions {
            repository.add(version);
        }
        repository
    }

    pub(crate) fn path(&self, version: &str) -> PathBuf {
        self.0.path().join(version)
    }

    /// Puts a version into its place at once, as a careful copy does.
    pub(crate) fn add(&self, version: &str) {
        self.add_changed(version, |_| ());
    }

    pub(crate) fn add_changed(&self, version: &str, change: impl FnOnce(&ModelCopy)) {
        let copy = ModelCopy::of(MULTI_HEAD);
        change(&copy);
        let path = self.path(version);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let part = path.with_file_name(".part");
        std::fs::create_dir(&part).unwrap();
        for file in std::fs::read_dir(copy.directory()).unwrap() {
            let file = file.unwrap().path();
            std::fs::copy(&file, part.join(file.file_name().unwrap())).unwrap();
        }
        std::fs::rename(part, path).unwrap();
    }

    fn settings(&self) -> Vec<String> {
        vec![
            "models.paths=[]".to_owned(),
            format!("models.repository='{}'", self.0.path().display()),
            "models.allow_control=true".to_owned(),
            "models.quiet_period='0s'".to_owned(),
        ]
    }

    pub(crate) async fn serve(&self, loader: Arc<EngineLoader>, more: &[&str]) -> TestServer {
        let settings = self.settings();
        let all: Vec<&str> =
            settings.iter().map(String::as_str).chain(more.iter().copied()).collect();
        TestServer::start(loader, &all).await
    }
}

/// Labels of the small model, as in its manifest.
pub(crate) const LABELS: [&str; 6] = [
    "order.status",
    "order.cancel",
    "return.request",
    "refund.status",
    "item.damaged",
    "feedback.praise",
];

/// Engines whose leading intent is that with the number of the model's version, so that a reply tells who computed it.
pub(crate) fn by_version() -> Arc<EngineLoader> {
    Arc::new(|bundle, _| {
        let version: usize = bundle.manifest().version.parse().unwrap();
        let script = move |batch: &RaggedBatch| -> Result<BatchOutput, EngineError> {
            let mut output = fingerprints(batch)?;
            for head in output.heads.iter_mut().filter(|head| head.head == HeadName::Primary) {
                for row in head.logits.chunks_exact_mut(head.labels) {
                    row.fill(0.0);
                    row[version % head.labels] = 9.0;
                }
            }
            Ok(output)
        };
        let factory: Arc<ReplicaFactory> = Arc::new(move || Ok(Box::new(StubEngine::new(script))));
        Ok(factory)
    })
}

pub(crate) fn load(name: &str, version: &str) -> pb::LoadModelRequest {
    pb::LoadModelRequest { name: name.into(), version: version.into() }
}

pub(crate) fn unload(name: &str, version: &str) -> pb::UnloadModelRequest {
    pb::UnloadModelRequest { name: name.into(), version: version.into() }
}

pub(crate) fn label(name: &str, label: &str, version: &str) -> pb::SetModelLabelRequest {
    pb::SetModelLabelRequest { name: name.into(), label: label.into(), version: version.into() }
}

async fn versions(server: &TestServer) -> Vec<(String, State)> {
    let mut models = server.models().await;
    let list = models.list_model_versions(pb::ListModelVersionsRequest::default()).await.unwrap();
    let versions = list.into_inner().versions.into_iter();
    versions.map(|v| (format!("{}/{}", v.name, v.version), v.state())).collect()
}

pub(crate) async fn state_of(server: &TestServer, version: &str) -> Option<State> {
    versions(server).await.into_iter().find(|(key, _)| key == version).map(|(_, state)| state)
}

/// The version that answers a call.
pub(crate) async fn answered_by(
    server: &TestServer,
    model: &str,
    version: &str,
) -> Result<String, tonic::Status> {
    let mut call = request("where is my order");
    (call.model, call.model_version) = (model.into(), version.into());
    let reply = server.classifier().await.classify(call).await?.into_inner();
    let revisions = reply.revisions.unwrap();
    Ok(format!("{}/{}", revisions.model_name, revisions.model_version))
}

#[tokio::test]
async fn latest_versions_serve_and_folders_name_them() {
    let repository = Repository::new(&["shop/9", "shop/10", "returns/1"]);
    let server = repository.serve(stub(fingerprints), &["models.default=shop"]).await;

    assert_eq!(answered_by(&server, "", "").await.unwrap(), "shop/10");
    assert_eq!(answered_by(&server, "returns", "").await.unwrap(), "returns/1");
    assert_eq!(answered_by(&server, "shop", "9").await.unwrap_err().code(), Code::NotFound);
    let expected =
        [("returns/1", State::Ready), ("shop/10", State::Ready), ("shop/9", State::Available)];
    assert_eq!(versions(&server).await, expected.map(|(key, state)| (key.to_owned(), state)));
    server.stop().await;
}

#[tokio::test]
async fn version_policies_say_what_is_loaded() {
    let repository = Repository::new(&["shop/1", "shop/2", "shop/3", "returns/1", "returns/2"]);
    let policies = ["models.version_policy=latest:2", "models.versions={returns='1'}"];
    let server = repository.serve(stub(fingerprints), &policies).await;

    let ready = versions(&server).await.into_iter().filter(|(_, state)| *state == State::Ready);
    assert_eq!(ready.map(|(key, _)| key).collect::<Vec<_>>(), ["returns/1", "shop/3", "shop/2"]);
    server.stop().await;
}

#[tokio::test]
async fn new_version_takes_over_and_messages_under_way_keep_theirs() {
    let repository = Repository::new(&["shop/1"]);
    let gate = Gate::default();
    // Only the old version is held; the new one has to warm up.
    let (held, free) = (gate.loader(), stub(fingerprints));
    let loader: Arc<EngineLoader> = Arc::new(move |bundle, settings| {
        let is_old = bundle.manifest().version == "1";
        if is_old { held(bundle, settings) } else { free(bundle, settings) }
    });
    let server = repository.serve(loader, &["models.poll_interval=20ms"]).await;
    gate.close();
    let mut classifier = server.classifier().await;
    let waiting = tokio::spawn(async move { classifier.classify(request("hold on")).await });
    until(async || gate.held() == 1).await;

    repository.add("shop/2");
    until(async || state_of(&server, "shop/2").await == Some(State::Ready)).await;

    assert_eq!(answered_by(&server, "", "").await.unwrap(), "shop/2");
    assert_eq!(state_of(&server, "shop/1").await, Some(State::Unloading));
    gate.open();
    let revisions = waiting.await.unwrap().unwrap().into_inner().revisions.unwrap();
    assert_eq!(revisions.model_version, "1");
    until(async || state_of(&server, "shop/1").await == Some(State::Available)).await;
    assert_eq!(server.stop().await.cut, 0);
}

#[tokio::test]
async fn refused_version_leaves_the_old_one_and_is_tried_again_when_it_changes() {
    let repository = Repository::new(&["shop/1"]);
    let server = repository.serve(stub(fingerprints), &["models.poll_interval=20ms"]).await;
    let weights = repository.path("shop/1/model.safetensors");
    let bytes = std::fs::read(&weights).unwrap();

    // Half copied.
    let path = repository.path("shop/2");
    std::fs::create_dir(&path).unwrap();
    for file in ["config.json", "tokenizer.json", "signalbox.json"] {
        std::fs::copy(repository.path("shop/1").join(file), path.join(file)).unwrap();
    }
    std::fs::write(path.join("model.safetensors"), &bytes[..bytes.len() / 2]).unwrap();
    let mut models = server.models().await;
    // Polls that saw even less were refused for other reasons.
    until(async || {
        let list = pb::ListModelVersionsRequest { name: "shop".into() };
        let list = server.models().await.list_model_versions(list).await.unwrap().into_inner();
        let latest = &list.versions[0];
        latest.version == "2"
            && latest.state() == State::Failed
            && latest.fault.contains("model.safetensors")
    })
    .await;

    assert_eq!(answered_by(&server, "", "").await.unwrap(), "shop/1");
    let refused = models.load_model(load("shop", "2")).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert!(refused.message().starts_with("model shop/2: "), "{refused:?}");

    std::fs::write(path.join("model.safetensors"), &bytes).unwrap();
    until(async || state_of(&server, "shop/2").await == Some(State::Ready)).await;
    assert_eq!(answered_by(&server, "", "").await.unwrap(), "shop/2");
    server.stop().await;
}

#[tokio::test]
async fn files_that_still_change_are_not_loaded() {
    let repository = Repository::new(&["shop/1"]);
    let patient = ["models.poll_interval=10ms", "models.quiet_period=1h"];
    let server = repository.serve(stub(fingerprints), &patient).await;

    repository.add("shop/2");
    until(async || state_of(&server, "shop/2").await == Some(State::Settling)).await;

    assert_eq!(answered_by(&server, "", "").await.unwrap(), "shop/1");
    // Who asks for it by name gets it: its files are verified all the same.
    let loaded = server.models().await.load_model(load("shop", "")).await.unwrap().into_inner();
    assert_eq!(loaded.model.unwrap().version, "2");
    assert_eq!(answered_by(&server, "", "").await.unwrap(), "shop/2");
    server.stop().await;
}

#[tokio::test]
async fn load_that_takes_longer_than_a_request_may_is_answered_when_it_is_done() {
    const RECEIVE_TIMEOUT: Duration = Duration::from_millis(500);
    let repository = Repository::new(&["shop/1"]);
    let usual = by_version();
    let slow: Arc<EngineLoader> = Arc::new(move |bundle, settings| {
        if bundle.manifest().version == "2" {
            std::thread::sleep(2 * RECEIVE_TIMEOUT);
        }
        usual(bundle, settings)
    });
    let server = repository.serve(slow, &["server.receive_timeout=500ms"]).await;
    repository.add("shop/2");

    let loaded = server.models().await.load_model(load("shop", "2")).await.unwrap();

    assert_eq!(loaded.into_inner().model.unwrap().version, "2");
    server.stop().await;
}

#[tokio::test]
async fn vanished_folder_keeps_serving_until_somebody_says_otherwise() {
    let repository = Repository::new(&["shop/1", "other/1"]);
    let settings = ["models.poll_interval=10ms", "models.default=shop"];
    let server = repository.serve(stub(fingerprints), &settings).await;

    std::fs::rename(repository.path("shop"), repository.path(".gone")).unwrap();
    std::fs::rename(repository.path("other"), repository.path(".other")).unwrap();
    repository.add("third/1");
    until(async || state_of(&server, "third/1").await == Some(State::Ready)).await;

    assert_eq!(answered_by(&server, "", "").await.unwrap(), "shop/1");
    let mut models = server.models().await;
    models.unload_model(unload("other", "")).await.unwrap();
    assert_eq!(answered_by(&server, "other", "").await.unwrap_err().code(), Code::NotFound);
    let last = models.unload_model(unload("shop", "1")).await.unwrap_err();
    assert_eq!(last.code(), Code::FailedPrecondition);
    assert!(last.message().contains("no version of the default model would be left"), "{last:?}");
    server.stop().await;
}

#[tokio::test]
async fn labels_point_to_versions_that_serve_and_survive_a_restart() {
    let repository = Repository::new(&["shop/1", "shop/2"]);
    let folder = TempDir::new().unwrap();
    let state = format!("models.state_path='{}'", folder.path().join("models.json").display());
    let server = repository.serve(by_version(), &["models.version_policy=all", &state]).await;
    let mut models = server.models().await;

    models.set_model_label(label("shop", "stable", "1")).await.unwrap();
    models.set_model_label(label("shop", "canary", "2")).await.unwrap();

    for (version, expected) in
        [("", "shop/1"), ("stable", "shop/1"), ("canary", "shop/2"), ("2", "shop/2")]
    {
        assert_eq!(answered_by(&server, "", version).await.unwrap(), expected, "{version:?}");
        assert_eq!(answered_by(&server, "shop", version).await.unwrap(), expected, "{version:?}");
    }
    for (wanted, code) in [
        (label("shop", "canary", "3"), Code::NotFound),
        (label("nobody", "canary", "1"), Code::NotFound),
        (label("shop", "2", "1"), Code::FailedPrecondition),
        (label("shop", "two words", "1"), Code::FailedPrecondition),
        (label("shop", "", "1"), Code::InvalidArgument),
    ] {
        assert_eq!(
            models.set_model_label(wanted.clone()).await.unwrap_err().code(),
            code,
            "{wanted:?}"
        );
    }
    let in_use = models.unload_model(unload("shop", "2")).await.unwrap_err();
    assert_eq!(in_use.code(), Code::FailedPrecondition);
    assert!(in_use.message().contains("label \"canary\" points to it"), "{in_use:?}");
    server.stop().await;

    let again = repository.serve(by_version(), &["models.version_policy=latest:1", &state]).await;
    assert_eq!(answered_by(&again, "", "").await.unwrap(), "shop/1");
    let mut models = again.models().await;
    let remove =
        |label: &str| pb::RemoveModelLabelRequest { name: "shop".into(), label: label.into() };
    models.remove_model_label(remove("canary")).await.unwrap();
    assert_eq!(
        models.remove_model_label(remove("canary")).await.unwrap_err().code(),
        Code::NotFound
    );
    models.unload_model(unload("shop", "2")).await.unwrap();
    assert_eq!(answered_by(&again, "shop", "2").await.unwrap_err().code(), Code::NotFound);
    again.stop().await;

    let third = repository.serve(by_version(), &["models.version_policy=all", &state]).await;
    assert_eq!(
        state_of(&third, "shop/2").await,
        Some(State::Available),
        "was unloaded by a person"
    );
    third.stop().await;
}

#[tokio::test]
async fn control_is_off_unless_the_operator_allows_it() {
    let repository = Repository::new(&["shop/1"]);
    let server = repository.serve(stub(fingerprints), &["models.allow_control=false"]).await;
    let plain = TestServer::start(stub(fingerprints), &["models.allow_control=true"]).await;

    for (server, expected) in
        [(&server, Code::PermissionDenied), (&plain, Code::FailedPrecondition)]
    {
        let mut models = server.models().await;
        let codes = [
            models.load_model(load("shop", "1")).await.unwrap_err().code(),
            models.unload_model(unload("shop", "1")).await.unwrap_err().code(),
            models.set_model_label(label("shop", "a", "1")).await.unwrap_err().code(),
        ];
        assert_eq!(codes, [expected; 3]);
        assert_eq!(
            models.load_model(load("", "")).await.unwrap_err().code(),
            Code::InvalidArgument
        );
    }
    server.stop().await;
    plain.stop().await;
}

#[tokio::test]
async fn repository_without_a_model_that_can_serve_ends_the_server_with_the_reasons() {
    let repository = Repository::new(&["shop/1"]);
    std::fs::write(repository.path("shop/1/config.json"), "{}").unwrap();
    let settings = repository.settings();
    let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
    let server = TestServer::start_loading(stub(fingerprints), &settings).await;

    let error = server.ended().await.unwrap_err();

    let AppError::Models(reason) = error else { panic!("{error:?}") };
    assert!(reason.to_string().contains("shop/1: "), "{reason}");
}

/// Versions take each other's place again and again while callers call: no call fails, and each reply is of one version.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn swaps_under_load_lose_and_mix_nothing() {
    const SWAPS: usize = 30;
    let repository = Repository::new(&["shop/0"]);
    let server = repository.serve(by_version(), &[]).await;
    let over = Arc::new(AtomicBool::new(false));
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let (mut classifier, over) = (server.classifier().await, Arc::clone(&over));
        callers.spawn(async move {
            let mut calls = 0;
            while !over.load(Ordering::Relaxed) {
                let reply =
                    classifier.classify(request("where is my order")).await.unwrap().into_inner();
                let revisions = reply.revisions.unwrap();
                let version: usize = revisions.model_version.parse().unwrap();
                assert_eq!(reply.primary_intent.unwrap().name, LABELS[version % 6], "{version}");
                calls += 1;
            }
            calls
        });
    }
    let mut models = server.models().await;
    for version in 1..=SWAPS {
        repository.add(&format!("shop/{version}"));
        models.load_model(load("shop", &version.to_string())).await.unwrap();
        models.unload_model(unload("shop", &(version - 1).to_string())).await.unwrap();
        assert_eq!(answered_by(&server, "", "").await.unwrap(), format!("shop/{version}"));
        std::fs::remove_dir_all(repository.path(&format!("shop/{}", version - 1))).unwrap();
    }
    over.store(true, Ordering::Relaxed);
    let calls: usize = callers.join_all().await.into_iter().sum();
    assert!(calls >= SWAPS, "{calls}");
    let counters = server.counters_at_rest().await;
    assert_eq!((counters.failed, counters.shed, counters.expired), (0, 0, 0));
    until(async || versions(&server).await.iter().all(|(_, state)| *state != State::Unloading))
        .await;
    server.stop().await;
}

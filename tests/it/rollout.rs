//! Rollouts: a canary that answers a share of the calls, and a shadow that reads a share of them and is never heard.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use signalbox::app::EngineLoader;
use signalbox::engine::stub::StubEngine;
use signalbox::engine::{BatchOutput, EngineError, RaggedBatch, ReplicaFactory};
use signalbox::grpc::pb;
use signalbox::grpc::pb::{ModelVersionState, RolloutKey};
use tempfile::TempDir;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::repository::{
    LABELS, Repository, answered_by, by_version, label, load, state_of, unload,
};
use crate::server::{Gate, TestServer, request, until};

const TEXT: &str = "where is my order";

/// Both versions serve, and the older one is what callers get who name none.
const BOTH: &str = "models.version_policy=all";

pub(crate) fn canary(version: &str, percent: f64, key: RolloutKey) -> pb::SetRolloutRequest {
    let canary = pb::Canary { version: version.into(), percent, key: key.into() };
    pb::SetRolloutRequest { name: "shop".into(), canary: Some(canary), shadow: None }
}

pub(crate) fn shadow(version: &str, percent: f64) -> pb::SetRolloutRequest {
    let shadow = pb::Shadow { version: version.into(), percent };
    pb::SetRolloutRequest { name: "shop".into(), canary: None, shadow: Some(shadow) }
}

fn clear() -> pb::ClearRolloutRequest {
    pb::ClearRolloutRequest { name: "shop".into() }
}

async fn serve(repository: &Repository, loader: Arc<EngineLoader>, more: &[&str]) -> TestServer {
    let settings: Vec<&str> = [BOTH].into_iter().chain(more.iter().copied()).collect();
    let server = repository.serve(loader, &settings).await;
    server.models().await.set_model_label(label("shop", "stable", "1")).await.unwrap();
    server
}

async fn set(server: &TestServer, rollout: pb::SetRolloutRequest) -> Result<pb::Rollout, Status> {
    let reply = server.models().await.set_rollout(rollout).await?;
    Ok(reply.into_inner().rollout.unwrap())
}

async fn rollout(server: &TestServer) -> pb::Rollout {
    let asked = pb::GetRolloutRequest { name: "shop".into() };
    server.models().await.get_rollout(asked).await.unwrap().into_inner().rollout.unwrap()
}

async fn canary_status(server: &TestServer) -> pb::CanaryStatus {
    rollout(server).await.canary.unwrap()
}

async fn report(server: &TestServer) -> pb::ShadowReport {
    let report = rollout(server).await.shadow.unwrap().report.unwrap();
    let settled = report.compared + report.dropped + report.failed + report.waiting;
    assert_eq!(report.sampled, settled, "{report:?}");
    report
}

/// Waits until the shadow has read what it was given.
async fn report_at_rest(server: &TestServer) -> pb::ShadowReport {
    until(async || report(server).await.waiting == 0).await;
    report(server).await
}

/// Returns the version that answered, after checking that the whole reply is of that version.
fn version_of(reply: &pb::ClassifyResponse) -> String {
    let version = reply.revisions.as_ref().unwrap().model_version.clone();
    let label = LABELS[version.parse::<usize>().unwrap() % LABELS.len()];
    assert_eq!(reply.primary_intent.as_ref().unwrap().name, label, "a mixed reply");
    version
}

/// Sends messages one after the other and returns the version that answered each.
async fn versions(
    server: &TestServer,
    messages: impl IntoIterator<Item = pb::ClassifyRequest>,
) -> Vec<String> {
    let mut classifier = server.classifier().await;
    let mut versions = Vec::new();
    for message in messages {
        versions.push(version_of(classifier.classify(message).await.unwrap().get_ref()));
    }
    versions
}

fn of_tenants(count: usize) -> impl Iterator<Item = pb::ClassifyRequest> {
    (0..count).map(|tenant| pb::ClassifyRequest { tenant: format!("t-{tenant}"), ..request(TEXT) })
}

/// A script for the engine of version 2; version 1 answers as [`by_version`] does.
pub(crate) fn second_version_does(
    script: impl Fn(&RaggedBatch) -> Option<Result<BatchOutput, EngineError>>
    + Clone
    + Send
    + Sync
    + 'static,
) -> Arc<EngineLoader> {
    let usual = by_version();
    Arc::new(move |bundle, settings| {
        let usual = usual(bundle, settings)?;
        if bundle.manifest().version != "2" {
            return Ok(usual);
        }
        let script = script.clone();
        let factory: Arc<ReplicaFactory> = Arc::new(move || {
            let (mut usual, script) = (usual()?, script.clone());
            let both =
                move |batch: &RaggedBatch| script(batch).unwrap_or_else(|| usual.infer(batch));
            Ok(Box::new(StubEngine::new(both)))
        });
        Ok(factory)
    })
}

/// Tells whether it is asked on the thread of a shadow.
fn is_shadow() -> bool {
    std::thread::current().name() == Some("shadow")
}

#[tokio::test]
async fn keys_stick_to_their_side_and_only_move_towards_a_rising_canary() {
    const TENANTS: usize = 200;
    let repository = Repository::new(&["shop/1", "shop/2"]);
    let server = serve(&repository, by_version(), &[]).await;
    let mut before = vec!["1".to_owned(); TENANTS];

    for percent in [0.0, 10.0, 35.5, 100.0] {
        set(&server, canary("2", percent, RolloutKey::Tenant)).await.unwrap();
        let now = versions(&server, of_tenants(TENANTS)).await;
        assert_eq!(versions(&server, of_tenants(TENANTS)).await, now, "{percent}: sticky");

        let moved_back = before.iter().zip(&now).filter(|(b, n)| *b == "2" && *n == "1").count();
        assert_eq!(moved_back, 0, "{percent}");
        let found = now.iter().filter(|version| *version == "2").count() as f64;
        let (count, share) = (TENANTS as f64, percent / 100.0);
        // Five standard deviations of the binomial distribution.
        let bound = 5.0 * (count * share * (1.0 - share)).sqrt();
        assert!((found - count * share).abs() <= bound, "{percent} %: {found} of {TENANTS}");
        before = now;
    }
    let status = canary_status(&server).await;
    assert_eq!(status.offered, status.answered);
    assert_eq!((status.fell_back, status.bypassed), (0, 0));
    server.stop().await;
}

#[tokio::test]
async fn conversation_keeps_its_messages_together_and_the_message_decides_without_one() {
    let repository = Repository::new(&["shop/1", "shop/2"]);
    let server = serve(&repository, by_version(), &[]).await;
    set(&server, canary("2", 50.0, RolloutKey::Unspecified)).await.unwrap();

    let mut sides = BTreeMap::new();
    for conversation in 0..40 {
        let messages = (0..3).map(|_| pb::ClassifyRequest {
            conversation_id: format!("c-{conversation}"),
            ..request(TEXT)
        });
        let answered = versions(&server, messages).await;
        assert!(answered.iter().all(|version| *version == answered[0]), "{answered:?}");
        *sides.entry(answered[0].clone()).or_insert(0) += 1;
    }
    assert_eq!(sides.len(), 2, "{sides:?}");

    let named = |id: &str| pb::ClassifyRequest { id: id.into(), ..request(TEXT) };
    let ids: Vec<String> = (0..40).map(|id| format!("m-{id}")).collect();
    let first = versions(&server, ids.iter().map(|id| named(id))).await;
    assert_eq!(versions(&server, ids.iter().map(|id| named(id))).await, first);
    assert!(first.iter().any(|version| version == "1") && first.iter().any(|v| v == "2"));
    // As a conversation of that name would.
    let as_conversation =
        ids.iter().map(|id| pb::ClassifyRequest { conversation_id: id.clone(), ..request(TEXT) });
    assert_eq!(versions(&server, as_conversation).await, first);
    server.stop().await;
}

#[tokio::test]
async fn canary_by_label_follows_the_label_and_named_versions_are_left_alone() {
    let repository = Repository::new(&["shop/1", "shop/2", "shop/3"]);
    let server = serve(&repository, by_version(), &[]).await;
    let mut models = server.models().await;
    models.set_model_label(label("shop", "canary", "2")).await.unwrap();
    let set = set(&server, canary("canary", 100.0, RolloutKey::Message)).await.unwrap();
    assert_eq!(set.primary_version, "1");
    assert_eq!(set.canary.unwrap().version, "2");

    for (named, expected) in
        [("", "shop/2"), ("1", "shop/1"), ("stable", "shop/1"), ("3", "shop/3")]
    {
        assert_eq!(answered_by(&server, "", named).await.unwrap(), expected, "{named:?}");
        assert_eq!(answered_by(&server, "shop", named).await.unwrap(), expected, "{named:?}");
    }
    let in_use = models
        .remove_model_label(pb::RemoveModelLabelRequest {
            name: "shop".into(),
            label: "canary".into(),
        })
        .await
        .unwrap_err();
    assert_eq!(in_use.code(), Code::FailedPrecondition);
    assert!(in_use.message().contains("the canary of a rollout names it"), "{in_use:?}");

    models.set_model_label(label("shop", "canary", "3")).await.unwrap();
    assert_eq!(answered_by(&server, "", "").await.unwrap(), "shop/3");
    assert_eq!(canary_status(&server).await.offered, 1, "another pair counts anew");
    // Promoted: the canary is what everybody gets, and has nothing left to do.
    models.set_model_label(label("shop", "stable", "3")).await.unwrap();
    assert_eq!(answered_by(&server, "", "").await.unwrap(), "shop/3");
    let status = canary_status(&server).await;
    assert_eq!(status.version, "");
    assert!(status.inactive_reason.contains("is the one that answers"), "{status:?}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rollback_under_load_holds_from_the_next_message_on_and_loses_none() {
    let repository = Repository::new(&["shop/1", "shop/2"]);
    let server = serve(&repository, by_version(), &[]).await;
    for by_clearing in [false, true] {
        set(&server, canary("2", 50.0, RolloutKey::Message)).await.unwrap();
        let (is_back, over) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let mut callers = tokio::task::JoinSet::new();
        for _ in 0..4 {
            let mut classifier = server.classifier().await;
            let (is_back, over) = (Arc::clone(&is_back), Arc::clone(&over));
            callers.spawn(async move {
                let mut canaries = [0, 0];
                while !over.load(Ordering::SeqCst) {
                    let after = is_back.load(Ordering::SeqCst);
                    let reply = classifier.classify(request(TEXT)).await.unwrap().into_inner();
                    canaries[usize::from(after)] += usize::from(version_of(&reply) == "2");
                }
                canaries
            });
        }
        let offered = canary_status(&server).await.offered;
        until(async || canary_status(&server).await.offered >= offered + 20).await;

        if by_clearing {
            server.models().await.clear_rollout(clear()).await.unwrap();
        } else {
            set(&server, canary("2", 0.0, RolloutKey::Message)).await.unwrap();
        }
        is_back.store(true, Ordering::SeqCst);
        let answered = server.counters().await.answered;
        until(async || server.counters().await.answered >= answered + 50).await;
        over.store(true, Ordering::SeqCst);

        let counts = callers.join_all().await;
        assert!(counts.iter().map(|[before, _]| before).sum::<usize>() >= 20, "{counts:?}");
        assert!(counts.iter().all(|[_, after]| *after == 0), "{counts:?}");
    }
    let counters = server.counters_at_rest().await;
    assert_eq!(counters.offered, counters.answered);
    server.stop().await;
}

#[tokio::test]
async fn canary_that_fails_or_panics_loses_no_call_and_is_passed_by() {
    for panics in [false, true] {
        let broken = Arc::new(AtomicBool::new(false));
        let loader = second_version_does({
            let broken = Arc::clone(&broken);
            move |_| {
                if !broken.load(Ordering::SeqCst) {
                    return None;
                }
                assert!(!panics, "test");
                Some(Err(EngineError::Backend("test".into())))
            }
        });
        let repository = Repository::new(&["shop/1", "shop/2"]);
        let server = serve(&repository, loader, &[]).await;
        set(&server, canary("2", 100.0, RolloutKey::Message)).await.unwrap();
        broken.store(true, Ordering::SeqCst);

        let answered = versions(&server, (0..20).map(|_| request(TEXT))).await;

        assert_eq!(answered, vec!["1"; 20]);
        let status = canary_status(&server).await;
        assert_eq!((status.offered, status.answered), (8, 0));
        assert_eq!((status.fell_back, status.bypassed), (8, 12));
        let counters = server.counters_at_rest().await;
        assert_eq!((counters.offered, counters.answered), (20, 20), "each message counts once");
        server.stop().await;
    }
}

#[tokio::test]
async fn canary_that_hangs_leaves_time_for_the_primary_version() {
    let gate = Gate::default();
    let held = gate.clone();
    let loader = second_version_does(move |_| {
        held.pass();
        None
    });
    let repository = Repository::new(&["shop/1", "shop/2"]);
    let server = serve(&repository, loader, &[]).await;
    set(&server, canary("2", 100.0, RolloutKey::Message)).await.unwrap();
    gate.close();
    let mut call = tonic::Request::new(request(TEXT));
    call.set_timeout(Duration::from_secs(3));

    let reply = server.classifier().await.classify(call).await.unwrap().into_inner();

    assert_eq!(version_of(&reply), "1");
    assert_eq!(canary_status(&server).await.fell_back, 1);
    gate.open();
    assert_eq!(server.stop().await.counters.answered, 1);
}

#[tokio::test]
async fn lost_canary_leaves_the_server_serving() {
    let broken = Arc::new(AtomicBool::new(false));
    let usual = by_version();
    // Neither the engine nor a new replica can be had once it is broken.
    let loader: Arc<EngineLoader> = {
        let broken = Arc::clone(&broken);
        Arc::new(move |bundle, settings| {
            let (usual, broken) = (usual(bundle, settings)?, Arc::clone(&broken));
            let is_second = bundle.manifest().version == "2";
            let factory: Arc<ReplicaFactory> = Arc::new(move || {
                if is_second && broken.load(Ordering::SeqCst) {
                    return Err(EngineError::Backend("test".into()));
                }
                let (mut usual, broken) = (usual()?, Arc::clone(&broken));
                Ok(Box::new(StubEngine::new(move |batch: &RaggedBatch| {
                    assert!(!(is_second && broken.load(Ordering::SeqCst)), "test");
                    usual.infer(batch)
                })))
            });
            Ok(factory)
        })
    };
    let repository = Repository::new(&["shop/1", "shop/2"]);
    let server = serve(&repository, loader, &[]).await;
    let models = server.models().await.list_models(pb::ListModelsRequest {}).await.unwrap();
    let models = models.into_inner().models;
    assert_eq!(
        (models[0].version.as_str(), models[0].is_default),
        ("1", true),
        "stable is default"
    );
    set(&server, canary("2", 100.0, RolloutKey::Message)).await.unwrap();
    broken.store(true, Ordering::SeqCst);

    assert_eq!(versions(&server, (0..3).map(|_| request(TEXT))).await, ["1", "1", "1"]);

    let status = server.status().await;
    assert_eq!(status.state(), pb::ServerState::Serving, "the default model is fine");
    server.stop().await;
}

#[tokio::test]
async fn shadow_is_compared_and_never_heard() {
    const MESSAGES: u64 = 30;
    let repository = Repository::new(&["shop/1", "shop/2", "shop/7"]);
    let server = serve(&repository, by_version(), &[]).await;
    let messages = |from: u64| {
        (from..from + MESSAGES)
            .map(|id| pb::ClassifyRequest { id: format!("ticket-{id}"), ..request(TEXT) })
    };

    // Versions 1 and 7 have the same leading intent.
    for (version, agreed) in [("2", 0), ("7", MESSAGES)] {
        set(&server, shadow(version, 100.0)).await.unwrap();
        // Fewer at once than it may keep waiting, so that none is dropped.
        let answered = versions(&server, messages(0)).await;
        assert!(answered.iter().all(|answered| answered == "1"), "{answered:?}");

        let report = report_at_rest(&server).await;
        assert_eq!((report.compared, report.failed, report.dropped), (MESSAGES, 0, 0));
        let of =
            |agreement: Option<pb::VersionAgreement>| agreement.map(|a| (a.compared, a.agreed));
        assert_eq!(of(report.primary_intent), Some((MESSAGES, agreed)));
        assert_eq!(of(report.all), Some((MESSAGES, agreed)));
        for same in [report.intents, report.polarity, report.flags] {
            assert_eq!(of(same), Some((MESSAGES, MESSAGES)));
        }
        assert_eq!(report.shadow_inference.unwrap().count, MESSAGES);
        let ids: Vec<&str> = report.disagreements.iter().map(|d| d.id.as_str()).collect();
        if agreed == 0 {
            assert_eq!((ids.len(), ids[0], ids[29]), (30, "ticket-29", "ticket-0"));
            let first = &report.disagreements[0];
            assert_eq!(first.primary.as_ref().unwrap().primary_intent, LABELS[1]);
            assert_eq!(first.shadow.as_ref().unwrap().primary_intent, LABELS[2]);
        } else {
            assert!(ids.is_empty(), "{ids:?}");
        }
    }
    let counters = server.counters_at_rest().await;
    assert_eq!((counters.offered, counters.answered), (2 * MESSAGES, 2 * MESSAGES));

    // A share, chosen by the message's id: the same messages again.
    set(&server, shadow("2", 40.0)).await.unwrap();
    versions(&server, messages(100)).await;
    let sampled = report_at_rest(&server).await.sampled;
    assert!((1..MESSAGES).contains(&sampled), "{sampled}");
    versions(&server, messages(100)).await;
    assert_eq!(report_at_rest(&server).await.sampled, 2 * sampled);
    server.stop().await;
}

#[tokio::test]
async fn shadow_that_hangs_delays_and_fails_nothing() {
    const MESSAGES: u64 = 200;
    let gate = Gate::default();
    let held = gate.clone();
    let loader = second_version_does(move |_| {
        if is_shadow() {
            held.pass();
        }
        None
    });
    let repository = Repository::new(&["shop/1", "shop/2"]);
    let server = serve(&repository, loader, &[]).await;
    set(&server, shadow("2", 100.0)).await.unwrap();
    gate.close();

    versions(&server, (0..MESSAGES).map(|_| request(TEXT))).await;

    // All are answered, and nothing has passed the gate.
    let held = report(&server).await;
    assert_eq!((held.sampled, held.compared, held.failed), (MESSAGES, 0, 0));
    assert!((64..=65).contains(&held.waiting), "64 wait and one is read: {held:?}");
    // The candidate itself is fine, and the shadow can be taken away while it hangs.
    assert_eq!(answered_by(&server, "shop", "2").await.unwrap(), "shop/2");
    server.models().await.clear_rollout(clear()).await.unwrap();
    server.models().await.unload_model(unload("shop", "2")).await.unwrap();
    assert_eq!(answered_by(&server, "", "").await.unwrap(), "shop/1");
    assert_eq!(state_of(&server, "shop/2").await, Some(ModelVersionState::Unloading));
    gate.open();
    until(async || state_of(&server, "shop/2").await == Some(ModelVersionState::Available)).await;
    let counters = server.counters_at_rest().await;
    assert_eq!(counters.offered, counters.answered);
    server.stop().await;
}

#[tokio::test]
async fn shadow_that_panics_or_fails_is_counted_and_goes_on() {
    let calls = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let loader = second_version_does(move |_| {
        if !is_shadow() {
            return None;
        }
        match calls.fetch_add(1, Ordering::SeqCst) % 3 {
            0 => panic!("test"),
            1 => Some(Err(EngineError::Backend("test".into()))),
            _ => None,
        }
    });
    let repository = Repository::new(&["shop/1", "shop/2"]);
    let server = serve(&repository, loader, &[]).await;
    set(&server, shadow("2", 100.0)).await.unwrap();

    versions(&server, (0..30).map(|_| request(TEXT))).await;

    let report = report_at_rest(&server).await;
    assert_eq!((report.compared, report.failed, report.dropped), (10, 20, 0));
    let counters = server.counters_at_rest().await;
    assert_eq!((counters.offered, counters.answered), (30, 30));
    server.stop().await;
}

#[tokio::test]
async fn rollout_survives_a_restart_and_waits_for_a_version_that_is_missing() {
    let repository = Repository::new(&["shop/1", "shop/2", "shop/3"]);
    let folder = TempDir::new().unwrap();
    let state = format!("models.state_path='{}'", folder.path().join("models.json").display());
    let latest = ["models.version_policy=latest:1", "models.poll_interval=20ms", &state];
    let server = serve(&repository, by_version(), &[&state]).await;
    let mut both = canary("2", 100.0, RolloutKey::Tenant);
    both.shadow = Some(pb::Shadow { version: "3".into(), percent: 12.5 });
    set(&server, both.clone()).await.unwrap();
    let in_use = server.models().await.unload_model(unload("shop", "3")).await.unwrap_err();
    assert_eq!(in_use.code(), Code::FailedPrecondition);
    assert!(in_use.message().contains("it is the shadow of a rollout"), "{in_use:?}");
    server.stop().await;

    // What a rollout needs is loaded, whatever the policy says.
    let again = repository.serve(by_version(), &latest).await;
    assert_eq!(answered_by(&again, "", "").await.unwrap(), "shop/2");
    let kept = rollout(&again).await;
    assert_eq!(kept.canary.unwrap().canary, both.canary);
    assert_eq!(kept.shadow.unwrap().shadow, both.shadow);
    again.stop().await;

    std::fs::rename(repository.path("shop/2"), repository.path("shop/.2")).unwrap();
    let third = repository.serve(by_version(), &latest).await;
    assert_eq!(answered_by(&third, "", "").await.unwrap(), "shop/1");
    let status = canary_status(&third).await;
    assert_eq!(status.canary, both.canary, "kept");
    assert_eq!(status.inactive_reason, "version \"2\" does not serve");
    std::fs::rename(repository.path("shop/.2"), repository.path("shop/2")).unwrap();
    until(async || canary_status(&third).await.version == "2").await;
    assert_eq!(answered_by(&third, "", "").await.unwrap(), "shop/2");
    third.models().await.clear_rollout(clear()).await.unwrap();
    third.stop().await;

    let fourth = repository.serve(by_version(), &latest).await;
    assert_eq!(answered_by(&fourth, "", "").await.unwrap(), "shop/1");
    assert_eq!(rollout(&fourth).await.canary, None);
    fourth.stop().await;
}

#[tokio::test]
async fn new_files_of_a_version_take_their_place_in_the_rollout() {
    let repository = Repository::new(&["shop/1", "shop/2"]);
    let server = serve(&repository, by_version(), &[]).await;
    let mut both = canary("2", 50.0, RolloutKey::Message);
    both.shadow = Some(pb::Shadow { version: "2".into(), percent: 100.0 });
    set(&server, both).await.unwrap();
    versions(&server, (0..20).map(|_| request(TEXT))).await;
    assert!(report_at_rest(&server).await.compared > 0);
    std::fs::write(repository.path("shop/2/README.md"), "other files").unwrap();

    server.models().await.load_model(load("shop", "2")).await.unwrap();

    assert_eq!(report_at_rest(&server).await.sampled, 0, "other files are another version");

    versions(&server, (0..20).map(|_| request(TEXT))).await;
    let report = report_at_rest(&server).await;
    assert!(report.compared > 0 && report.failed == 0, "{report:?}");
    assert_eq!(canary_status(&server).await.fell_back, 0);
    server.stop().await;
}

#[tokio::test]
async fn rollouts_that_can_not_be_are_refused_and_change_nothing() {
    let repository = Repository::new(&["shop/1", "shop/2"]);
    let server = serve(&repository, by_version(), &[]).await;
    set(&server, canary("2", 100.0, RolloutKey::Tenant)).await.unwrap();
    let before = rollout(&server).await;

    for (wanted, code, told) in [
        (canary("3", 1.0, RolloutKey::Tenant), Code::NotFound, "version \"3\" is not loaded"),
        (canary("canary", 1.0, RolloutKey::Tenant), Code::NotFound, "\"canary\" is not loaded"),
        (shadow("3", 1.0), Code::NotFound, "version \"3\" is not loaded"),
        (canary("1", 1.0, RolloutKey::Tenant), Code::FailedPrecondition, "canary.version: "),
        (shadow("stable", 1.0), Code::FailedPrecondition, "shadow.version: "),
        (
            pb::SetRolloutRequest { name: "nobody".into(), ..shadow("1", 1.0) },
            Code::NotFound,
            "\"nobody\"",
        ),
    ] {
        let refused = set(&server, wanted.clone()).await.unwrap_err();
        assert_eq!(refused.code(), code, "{wanted:?}");
        assert!(refused.message().contains(told), "{refused:?}");
    }

    let mut wrong = canary("", 100.5, RolloutKey::Tenant);
    wrong.canary.as_mut().unwrap().key = 9;
    wrong.shadow = Some(pb::Shadow { version: "2".into(), percent: f64::NAN });
    wrong.name.clear();
    let refused = set(&server, wrong).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    let details = refused.get_error_details();
    let told: Vec<(String, String)> = details
        .bad_request()
        .unwrap()
        .field_violations
        .iter()
        .map(|violation| (violation.field.clone(), violation.description.clone()))
        .collect();
    let expected = [
        ("name", "is missing"),
        ("canary.version", "is missing"),
        ("canary.percent", "is 100.5, must lie between 0 and 100"),
        ("canary.key", "has the unknown value 9"),
        ("shadow.percent", "is NaN, must lie between 0 and 100"),
    ];
    assert_eq!(told, expected.map(|(field, told)| (field.to_owned(), told.to_owned())));
    let nothing = pb::SetRolloutRequest { name: "shop".into(), ..Default::default() };
    assert_eq!(set(&server, nothing).await.unwrap_err().code(), Code::InvalidArgument);

    assert_eq!(rollout(&server).await, before);
    let mut models = server.models().await;
    models.clear_rollout(clear()).await.unwrap();
    assert_eq!(models.clear_rollout(clear()).await.unwrap_err().code(), Code::NotFound);
    server.stop().await;
}

#[tokio::test]
async fn rollouts_need_the_operators_leave_but_can_be_read() {
    let repository = Repository::new(&["shop/1", "shop/2"]);
    let server = repository.serve(by_version(), &[BOTH, "models.allow_control=false"]).await;

    let set = set(&server, shadow("1", 1.0)).await.unwrap_err();
    let cleared = server.models().await.clear_rollout(clear()).await.unwrap_err();

    assert_eq!((set.code(), cleared.code()), (Code::PermissionDenied, Code::PermissionDenied));
    let none =
        pb::Rollout { name: "shop".into(), primary_version: "2".into(), ..pb::Rollout::default() };
    assert_eq!(rollout(&server).await, none);
    let mut models = server.models().await;
    let of_default = models.get_rollout(pb::GetRolloutRequest::default()).await.unwrap();
    assert_eq!(of_default.into_inner().rollout, Some(none));
    let unknown = pb::GetRolloutRequest { name: "nobody".into() };
    assert_eq!(models.get_rollout(unknown).await.unwrap_err().code(), Code::NotFound);
    server.stop().await;
}

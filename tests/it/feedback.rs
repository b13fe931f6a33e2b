//! What people say about answers: checked, kept, found again, exported.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use signalbox::grpc::pb;
use signalbox::grpc::pb::feedback_service_client::FeedbackServiceClient;
use tokio::task::JoinSet;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::binary::{Server, json_lines, run, signalbox, tiny};
use crate::fixtures::MULTI_HEAD;
use crate::server::{TestServer, fingerprints, request, stub, until};

type Client = FeedbackServiceClient<Channel>;

/// Version of the small model.
const VERSION: &str = "2026.11.1";

fn list(labels: &[&str]) -> Option<pb::LabelList> {
    Some(pb::LabelList { labels: labels.iter().map(|label| (*label).to_owned()).collect() })
}

/// A correction of one message, with a key of its own.
fn correction(key: &str) -> pb::SubmitRequest {
    pb::SubmitRequest {
        message_id: format!("message-{key}"),
        model_name: MULTI_HEAD.into(),
        model_version: VERSION.into(),
        predicted: Some(pb::FeedbackLabels {
            intents: list(&["order.status"]),
            polarity: Some("neutral".into()),
            flags: list(&[]),
        }),
        corrected: Some(pb::FeedbackLabels {
            intents: list(&["order.cancel", "order.status"]),
            polarity: Some("negative".into()),
            flags: list(&["angry"]),
        }),
        agent: "a-17".into(),
        idempotency_key: key.into(),
        ..Default::default()
    }
}

/// A folder with a place for feedback.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("feedback.db")
    }

    fn setting(&self) -> String {
        format!("feedback.path='{}'", self.path().display())
    }

    async fn server(&self, settings: &[&str]) -> TestServer {
        let path = self.setting();
        let all: Vec<&str> = [path.as_str()].into_iter().chain(settings.iter().copied()).collect();
        TestServer::start(stub(fingerprints), &all).await
    }
}

async fn client(server: &TestServer) -> Client {
    FeedbackServiceClient::new(server.channel().await)
}

async fn submit(
    client: &mut Client,
    request: pb::SubmitRequest,
) -> Result<pb::SubmitResponse, Status> {
    client.submit(request).await.map(tonic::Response::into_inner)
}

async fn summary(client: &mut Client) -> Vec<pb::ModelAgreement> {
    let asked = pb::GetFeedbackSummaryRequest::default();
    client.get_feedback_summary(asked).await.unwrap().into_inner().models
}

/// Messages that something was submitted about.
async fn messages(client: &mut Client) -> u64 {
    summary(client).await.iter().map(|model| model.messages).sum()
}

fn fields(status: &Status) -> BTreeMap<String, String> {
    let details = status.get_error_details();
    let violations = details.bad_request().unwrap().field_violations.clone();
    violations.into_iter().map(|one| (one.field, one.description)).collect()
}

#[tokio::test]
async fn every_broken_rule_is_told_with_its_field() {
    let place = Place::new();
    let server = place.server(&[]).await;
    let mut client = client(&server).await;
    let wrong = pb::SubmitRequest {
        message_id: String::new(),
        agent: "a\nb".into(),
        note: "n".repeat(4_097),
        channel: 99,
        corrected: Some(pb::FeedbackLabels {
            intents: list(&["order.status", "order.cancle"]),
            polarity: Some("negativ".into()),
            flags: list(&["angri"]),
        }),
        ..correction("k")
    };

    let status = submit(&mut client, wrong).await.unwrap_err();

    assert_eq!(status.code(), Code::InvalidArgument);
    let told = fields(&status);
    let expected = [
        ("agent", "control character"),
        ("channel", "unknown value 99"),
        ("corrected.flags.labels[0]", "(did you mean \"angry\"?)"),
        ("corrected.intents.labels[1]", "(did you mean \"order.cancel\"?)"),
        ("corrected.polarity", "(did you mean \"negative\"?)"),
        ("message_id", "is missing"),
        ("note", "has 4097 characters, at most 4096"),
    ];
    assert_eq!(told.len(), expected.len(), "{told:?}");
    for (field, description) in expected {
        assert!(told[field].contains(description), "{field}: {}", told[field]);
    }
    assert_eq!(server.status().await.feedback.unwrap().rejected, 1);
    assert_eq!(messages(&mut client).await, 0);
    server.stop().await;
}

#[tokio::test]
async fn without_a_path_the_setting_is_named_and_nothing_else_changes() {
    let server = TestServer::start(stub(fingerprints), &[]).await;
    let mut client = client(&server).await;

    let asked = pb::GetFeedbackSummaryRequest::default();
    let batch = pb::SubmitBatchRequest { requests: vec![correction("k")] };
    let refused = [
        client.submit(correction("k")).await.unwrap_err(),
        client.submit_batch(batch).await.unwrap_err(),
        client.get_feedback_summary(asked).await.unwrap_err(),
    ];

    for status in refused {
        assert_eq!(status.code(), Code::FailedPrecondition);
        assert!(status.message().contains("feedback.path"), "{status}");
    }
    assert!(server.status().await.feedback.is_none());
    server.classifier().await.classify(request("hello")).await.unwrap();
    server.stop().await;
}

#[tokio::test]
async fn repetition_is_answered_as_the_first_time_also_after_a_restart() {
    let place = Place::new();
    let server = place.server(&[]).await;
    let mut first_client = client(&server).await;
    let first = submit(&mut first_client, correction("k")).await.unwrap();

    let again = submit(&mut first_client, correction("k")).await.unwrap();
    let other = pb::SubmitRequest { note: "another".into(), ..correction("k") };
    let refused = submit(&mut first_client, other.clone()).await.unwrap_err();
    let counters = server.status().await.feedback.unwrap();
    server.stop().await;
    let server = place.server(&[]).await;
    let mut second_client = client(&server).await;
    let restarted = submit(&mut second_client, correction("k")).await.unwrap();
    let still_refused = submit(&mut second_client, other).await.unwrap_err();

    assert!(first.submitted_at.is_some() && !first.text_stored, "{first:?}");
    assert_eq!((&again, &restarted), (&first, &first));
    for status in [refused, still_refused] {
        assert_eq!(status.code(), Code::InvalidArgument);
        assert!(fields(&status)["idempotency_key"].contains("other content"), "{status}");
    }
    let expected = pb::FeedbackCounters {
        stored: 1,
        repeated_submissions: 1,
        rejected: 1,
        failed: 0,
        commits: 1,
    };
    assert_eq!(counters, expected);
    assert_eq!(messages(&mut second_client).await, 1);
    server.stop().await;
}

#[tokio::test]
async fn batch_keeps_what_is_good_in_one_write() {
    let place = Place::new();
    let server = place.server(&[]).await;
    let mut client = client(&server).await;
    let mut requests: Vec<_> = (0..50).map(|n| correction(&n.to_string())).collect();
    requests[7].corrected = None;
    requests[8] = pb::SubmitRequest { agent: "another".into(), ..correction("6") };

    let reply = client.submit_batch(pb::SubmitBatchRequest { requests }).await.unwrap();
    let empty = client.submit_batch(pb::SubmitBatchRequest::default()).await.unwrap_err();

    let mut faults = BTreeMap::new();
    for (index, result) in reply.into_inner().results.into_iter().enumerate() {
        if let Some(pb::submit_result::Outcome::Error(error)) = result.outcome {
            assert_eq!(error.code(), pb::ErrorCode::InvalidArgument);
            faults.insert(index, error.field_violations[0].field.clone());
        }
    }
    let expected = [(7, "corrected".to_owned()), (8, "idempotency_key".to_owned())];
    assert_eq!(faults, BTreeMap::from(expected));
    assert_eq!(fields(&empty)["requests"], "is missing");
    let counters = server.status().await.feedback.unwrap();
    assert_eq!((counters.stored, counters.rejected, counters.commits), (48, 3, 1));
    assert_eq!(messages(&mut client).await, 48);
    server.stop().await;
}

#[tokio::test]
async fn submissions_that_arrive_together_share_a_write() {
    const CALLS: usize = 100;
    let place = Place::new();
    let server = place.server(&[]).await;
    let mut first = client(&server).await;
    submit(&mut first, correction("before")).await.unwrap();
    // Somebody else writes to the file, so that everything has to wait.
    let other = rusqlite::Connection::open(place.path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut calls = JoinSet::new();
    for number in 0..CALLS {
        let mut client = first.clone();
        calls.spawn(async move { submit(&mut client, correction(&number.to_string())).await });
    }
    until(async || server.lifecycle.open_calls() == CALLS).await;
    other.execute_batch("COMMIT").unwrap();

    let ids: BTreeSet<String> =
        calls.join_all().await.into_iter().map(|reply| reply.unwrap().feedback_id).collect();

    assert_eq!(ids.len(), CALLS);
    let counters = server.status().await.feedback.unwrap();
    assert_eq!(counters.stored, CALLS as u64 + 1);
    assert!(counters.commits < CALLS as u64 / 2, "{counters:?}");
    assert_eq!(messages(&mut first).await, CALLS as u64 + 1);
    server.stop().await;
}

#[tokio::test]
async fn the_same_submission_made_many_times_at_once_is_kept_once() {
    let place = Place::new();
    let server = place.server(&[]).await;
    let mut first = client(&server).await;
    let mut calls = JoinSet::new();
    for _ in 0..50 {
        let mut client = first.clone();
        calls.spawn(async move { submit(&mut client, correction("k")).await.unwrap() });
    }

    let ids: BTreeSet<String> =
        calls.join_all().await.into_iter().map(|reply| reply.feedback_id).collect();

    assert_eq!(ids.len(), 1);
    let counters = server.status().await.feedback.unwrap();
    assert_eq!((counters.stored, counters.repeated_submissions), (1, 49));
    assert_eq!(messages(&mut first).await, 1);
    server.stop().await;
}

#[tokio::test]
async fn store_that_can_not_be_written_is_told_and_costs_no_answer() {
    let place = Place::new();
    let folder = place.0.path().join("later");
    let path = format!("feedback.path='{}'", folder.join("feedback.db").display());
    let server = TestServer::start(stub(fingerprints), &[&path]).await;
    let mut client = client(&server).await;

    let refused = submit(&mut client, correction("k")).await.unwrap_err();
    let answer = server.classifier().await.classify(request("hello")).await;
    std::fs::create_dir(&folder).unwrap();
    let kept = submit(&mut client, correction("k")).await;

    assert_eq!(refused.code(), Code::Unavailable);
    assert!(refused.message().contains("feedback.path"), "{refused}");
    assert!(refused.message().contains("nothing was kept"), "{refused}");
    assert!(refused.get_error_details().retry_info().is_some());
    answer.unwrap();
    kept.unwrap();
    let counters = server.status().await.feedback.unwrap();
    assert_eq!((counters.stored, counters.failed), (1, 1));
    server.stop().await;
}

#[tokio::test]
async fn feedback_is_deleted_when_its_time_has_come() {
    let place = Place::new();
    let server = place.server(&["feedback.retention=\"1s\""]).await;
    let mut client = client(&server).await;
    let first = submit(&mut client, correction("k")).await.unwrap();

    until(async || messages(&mut client.clone()).await == 0).await;

    let second = submit(&mut client, correction("k")).await.unwrap();
    assert_ne!(first.feedback_id, second.feedback_id, "the key is free again");
    server.stop().await;
}

#[tokio::test]
async fn summary_counts_by_version_kind_and_label() {
    let place = Place::new();
    let server = place.server(&[]).await;
    let mut client = client(&server).await;
    let mut confirmed = correction("2");
    confirmed.corrected.clone_from(&confirmed.predicted);
    // Its labels are not known any more; what is right is checked all the same.
    let mut gone = correction("3");
    gone.model_version = "2025.1.1".into();
    gone.predicted.as_mut().unwrap().intents = list(&["old.intent"]);
    for request in [correction("1"), confirmed, gone] {
        submit(&mut client, request).await.unwrap();
    }

    let models = summary(&mut client).await;
    let asked = pb::GetFeedbackSummaryRequest {
        model_version: VERSION.into(),
        since: Some(std::time::SystemTime::UNIX_EPOCH.into()),
        ..Default::default()
    };
    let one = client.get_feedback_summary(asked).await.unwrap().into_inner().models;

    let [old, current] = models.as_slice() else { panic!("{models:?}") };
    assert_eq!((old.model_version.as_str(), old.messages), ("2025.1.1", 1));
    assert_eq!(one, std::slice::from_ref(current));
    let primary = current.primary.as_ref().unwrap();
    assert_eq!((current.messages, primary.judged, primary.agreed), (2, 2, 1));
    let expected = [("order.cancel", 0, 1, 0), ("order.status", 2, 1, 1)];
    let labels: Vec<_> = primary
        .labels
        .iter()
        .map(|one| (one.label.as_str(), one.predicted, one.corrected, one.agreed))
        .collect();
    assert_eq!(labels, expected);
    server.stop().await;
}

/// Starts the program with a place for feedback; `before` are commands of a shell to run first.
fn start(place: &Place, before: &str, filter: &str, settings: &[&str]) -> Server {
    let log = place.0.path().join("log");
    let program = signalbox(&[]);
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{before} exec \"$@\""), "sh"]).arg(program.get_program());
    command.env_remove("RUST_LOG").stdin(std::process::Stdio::null());
    command.env("SIGNALBOX_FEEDBACK__PATH", place.path());
    for setting in settings {
        let (name, value) = setting.split_once('=').unwrap();
        command.env(name, value);
    }
    Server::start_as(command, place.0.path(), filter, log)
}

async fn connect(server: &Server) -> Client {
    server.ready().await;
    FeedbackServiceClient::connect(server.address.clone()).await.unwrap()
}

/// Submits one after the other until the server is gone, and returns what was acknowledged.
async fn submit_until_killed(mut client: Client, worker: usize) -> Vec<(String, String)> {
    let mut acknowledged = Vec::new();
    for number in 0.. {
        let key = format!("{worker}-{number}");
        match submit(&mut client, correction(&key)).await {
            Ok(reply) => acknowledged.push((key, reply.feedback_id)),
            Err(_) => break,
        }
    }
    acknowledged
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_the_program_is_killed() {
    let place = Place::new();
    let mut acknowledged = Vec::new();
    for round in 0..3 {
        let server = start(&place, "", "info", &[]);
        let first = connect(&server).await;
        let mut workers = JoinSet::new();
        for worker in 0..16 {
            workers.spawn(submit_until_killed(first.clone(), round * 16 + worker));
        }
        let mut asking = first.clone();
        let before = acknowledged.len() as u64;
        until(async || messages(&mut asking).await > before + 100).await;

        server.kill();
        acknowledged.extend(workers.join_all().await.into_iter().flatten());
    }

    let server = start(&place, "", "info", &[]);
    let mut client = connect(&server).await;
    // Each once, and nothing is torn: what was under way when it was killed may be there as well, but whole.
    let kept = kept(&place.path());
    for (key, feedback_id) in &acknowledged {
        assert_eq!(kept.get(key).map(Vec::as_slice), Some(&[feedback_id.clone()][..]), "{key}");
        let again = submit(&mut client, correction(key)).await.unwrap();
        assert_eq!(&again.feedback_id, feedback_id);
    }
    assert!(kept.values().all(|ids| ids.len() == 1));
    assert!(acknowledged.len() > 200 && kept.len() <= acknowledged.len() + 3 * 16);
    assert_eq!(messages(&mut client).await, kept.len() as u64);
    assert_eq!(server.terminate().0, 0);
}

/// Reads the file as anybody can: ids by key.
fn kept(path: &Path) -> BTreeMap<String, Vec<String>> {
    let database = rusqlite::Connection::open(path).unwrap();
    let sql = "SELECT idempotency_key, feedback_id FROM submissions";
    let mut statement = database.prepare(sql).unwrap();
    let mut rows = statement.query([]).unwrap();
    let mut kept: BTreeMap<String, Vec<String>> = BTreeMap::new();
    while let Some(row) = rows.next().unwrap() {
        kept.entry(row.get(0).unwrap()).or_default().push(row.get(1).unwrap());
    }
    kept
}

#[tokio::test]
async fn full_disk_is_told_and_what_was_acknowledged_before_is_there() {
    let place = Place::new();
    // No file may grow beyond 128 KiB or so: a write then fails as on a full disk.
    let server = start(&place, "ulimit -f 256; trap '' XFSZ;", "info", &[]);
    let mut client = connect(&server).await;
    let bulky = |key: &str| pb::SubmitRequest { note: "n".repeat(4_000), ..correction(key) };
    let (mut acknowledged, mut refused) = (Vec::new(), Vec::new());
    for number in 0..300 {
        let key = number.to_string();
        match submit(&mut client, bulky(&key)).await {
            Ok(reply) => acknowledged.push((key, reply)),
            Err(status) => refused.push((key, status)),
        }
        if refused.len() == 5 {
            break;
        }
    }
    let mut classifier =
        pb::classifier_service_client::ClassifierServiceClient::connect(server.address.clone())
            .await
            .unwrap();
    classifier.classify(request("hello")).await.unwrap();
    assert_eq!(server.terminate().0, 0);

    assert_eq!(refused.len(), 5, "{} acknowledged", acknowledged.len());
    for (_, status) in &refused {
        assert_eq!(status.code(), Code::Unavailable);
        assert!(status.message().contains("feedback.path"), "{status}");
    }
    let server = start(&place, "", "info", &[]);
    let mut client = connect(&server).await;
    for (key, reply) in &acknowledged {
        assert_eq!(&submit(&mut client, bulky(key)).await.unwrap(), reply);
    }
    for (key, _) in &refused {
        submit(&mut client, bulky(key)).await.unwrap();
    }
    let kept = (acknowledged.len() + refused.len()) as u64;
    assert_eq!(messages(&mut client).await, kept);
    assert_eq!(server.terminate().0, 0);
}

#[tokio::test]
async fn export_is_what_eval_reads_and_no_text_reaches_the_log() {
    const SECRET: &str = "xyzzy-plugh";
    let place = Place::new();
    let server = start(&place, "", "trace", &["SIGNALBOX_FEEDBACK__STORE_TEXT=true"]);
    let mut client = connect(&server).await;
    let with_text = |key: &str, language: &str| pb::SubmitRequest {
        text: format!("{SECRET} {key}"),
        note: SECRET.into(),
        language: language.into(),
        channel: pb::Channel::Email.into(),
        ..correction(key)
    };
    for request in [with_text("1", "de"), with_text("2", ""), correction("3")] {
        submit(&mut client, request).await.unwrap();
    }
    let mut wrong = with_text("4", "de");
    wrong.corrected.as_mut().unwrap().polarity = Some(SECRET.into());
    submit(&mut client, wrong).await.unwrap_err();

    // While the service runs.
    let store = place.path().display().to_string();
    let out = place.0.path().join("export.jsonl");
    let (code, _, err) =
        run(signalbox(&["feedback", "export", "--store", &store, "--out"]).arg(&out));
    let exported = std::fs::read_to_string(&out).unwrap();
    let (eval_code, shown, eval_err) =
        run(signalbox(&["eval", "--model", &tiny(), "--bootstrap", "0", "--quiet"]).arg(&out));
    let (_, log) = server.terminate();
    let (_, same, _) =
        run(signalbox(&["feedback", "export"]).env("SIGNALBOX_FEEDBACK__PATH", &store));

    assert_eq!(code, 0, "{err}");
    assert!(err.starts_with("2 messages exported; left out: 1 whose text was not kept"), "{err}");
    let lines = json_lines(&exported);
    assert_eq!(lines[0]["text"], format!("{SECRET} 1"));
    assert_eq!((&lines[0]["lang"], &lines[1]["lang"]), (&"de".into(), &"und".into()));
    assert_eq!(lines[0]["intents"][0], "order.cancel");
    assert_eq!((&lines[0]["channel"], &lines[0]["batch"]), (&"email".into(), &"feedback".into()));
    assert_eq!((eval_code, eval_err.as_str()), (0, ""));
    assert!(shown.contains("2 messages from 1 file(s)"), "{shown}");
    assert_eq!(same, exported);
    assert!(!log.contains(SECRET), "the log shows what a customer wrote");
}

#[tokio::test]
async fn report_shows_agreement_as_tables_and_json() {
    let place = Place::new();
    let server = place.server(&[]).await;
    let mut client = client(&server).await;
    submit(&mut client, correction("1")).await.unwrap();
    server.stop().await;
    let store = place.path().display().to_string();
    let report = ["feedback", "report", "--store", &store];

    let (code, table, _) = run(&mut signalbox(&report));
    let (_, json, _) = run(signalbox(&report).arg("--json"));
    let (_, other, _) = run(signalbox(&report).args(["--tenant", "acme"]));

    assert_eq!(code, 0);
    assert!(table.contains("leading intent, worst first") && table.contains("order.cancel"));
    let json = &json_lines(&json)[0];
    let model = &json["models"][0];
    assert_eq!(
        (&model["model_name"], &model["model_version"]),
        (&MULTI_HEAD.into(), &VERSION.into())
    );
    assert_eq!(model["primary"]["labels"]["order.status"]["predicted"], 1);
    assert_eq!(other, "no feedback\n");
}

#[test]
fn export_that_can_do_nothing_says_why_and_leaves_files_alone() {
    let place = Place::new();
    let missing = place.path().display().to_string();
    let file = place.0.path().join("words");
    std::fs::write(&file, "precious words").unwrap();
    let words = file.display().to_string();

    let (none, _, no_setting) = run(&mut signalbox(&["feedback", "export"]));
    let (_, _, no_file) = run(&mut signalbox(&["feedback", "report", "--store", &missing]));
    let (_, _, no_feedback) =
        run(&mut signalbox(&["feedback", "export", "--store", &words, "--out", &words]));

    assert_eq!(none, 1);
    assert!(no_setting.contains("feedback.path"), "{no_setting}");
    assert!(no_file.contains(&missing), "{no_file}");
    assert!(no_feedback.contains(&format!("can't read {words}")), "{no_feedback}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "precious words");
    assert!(!place.path().exists(), "reading makes no file");
}

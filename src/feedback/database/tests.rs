use super::*;
use crate::feedback::submission::tests::{draft, submission, texts};
use crate::feedback::{FeedbackReader, Needed};

const START: SystemTime = SystemTime::UNIX_EPOCH;

/// A file in a folder of its own.
fn file() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("feedback.db");
    (folder, path)
}

fn keyed(key: &str) -> Submission {
    submission(SubmissionDraft {
        message_id: format!("message of {key}"),
        idempotency_key: key.into(),
        text: "Wo bleibt mein Paket?".into(),
        language: "de".into(),
        ..draft()
    })
}

fn days(count: u64) -> Duration {
    Duration::from_secs(count * 24 * 60 * 60)
}

fn ids(database: &Database) -> Vec<String> {
    let mut ids = Vec::new();
    let all = Filter::default();
    let visit = |stored: Stored| {
        ids.push(stored.submission.message_id);
        Ok::<_, DatabaseError>(())
    };
    database.for_each(&all, visit).unwrap();
    ids
}

#[test]
fn submission_comes_back_as_it_was_kept() {
    let (_folder, path) = file();
    let full = submission(SubmissionDraft {
        ticket_id: "t-1".into(),
        tenant: "acme".into(),
        agent: "a-17".into(),
        note: "not\0a \"mistake\"".into(),
        text: "Wo?".into(),
        language: "de".into(),
        channel: Channel::Chat,
        idempotency_key: "k".into(),
        ..draft()
    });
    let mut database = Database::open(&path).unwrap();
    database.record(std::slice::from_ref(&full), true, START + days(1)).unwrap();
    drop(database);

    let mut found = Vec::new();
    let visit = |stored: Stored| {
        found.push(stored);
        Ok::<_, DatabaseError>(())
    };
    Database::open_to_read(&path).unwrap().for_each(&Filter::default(), visit).unwrap();

    assert_eq!(found.len(), 1);
    assert_eq!(found[0].submission, *full);
    assert_eq!(found[0].receipt.submitted_at(), START + days(1));
}

#[test]
fn same_key_is_answered_as_the_first_time_also_after_a_restart() {
    let (_folder, path) = file();
    let mut database = Database::open(&path).unwrap();
    let first = database.record(&[keyed("k")], false, START + days(1)).unwrap();
    let Recorded::New(receipt) = first[0] else { panic!("{first:?}") };

    let again = database.record(&[keyed("k")], false, START + days(2)).unwrap();
    drop(database);
    let mut database = Database::open(&path).unwrap();
    // A text that was not kept can't differ, whatever the setting says now.
    let restarted = database.record(&[keyed("k")], true, START + days(3)).unwrap();

    assert_eq!(again, [Recorded::Repeated(receipt)]);
    assert_eq!(restarted, [Recorded::Repeated(receipt)]);
    assert_eq!(ids(&database).len(), 1);
}

#[test]
fn same_key_with_other_content_is_refused_alone_and_tenants_have_keys_of_their_own() {
    let (_folder, path) = file();
    let mut database = Database::open(&path).unwrap();
    let with = |change: fn(&mut SubmissionDraft)| {
        let mut draft = SubmissionDraft::clone(&keyed("k"));
        change(&mut draft);
        submission(draft)
    };

    let recorded = database
        .record(
            &[
                keyed("k"),
                with(|draft| draft.note = "another".into()),
                with(|draft| draft.text = "Wo denn?".into()),
                with(|draft| draft.tenant = "acme".into()),
            ],
            true,
            START,
        )
        .unwrap();

    let [first, note, text, tenant] = recorded.as_slice() else { panic!("{recorded:?}") };
    assert!(matches!(first, Recorded::New(_)) && matches!(tenant, Recorded::New(_)));
    assert_eq!((*note, *text), (Recorded::KeyReused, Recorded::KeyReused));
    assert_eq!(ids(&database).len(), 2);
}

#[test]
fn submissions_without_a_key_are_all_kept() {
    let (_folder, path) = file();
    let mut database = Database::open(&path).unwrap();

    database.record(&[keyed(""), keyed("")], false, START).unwrap();

    assert_eq!(ids(&database).len(), 2);
}

#[test]
fn text_is_kept_only_when_asked_for_and_is_gone_from_disk_when_its_time_has_come() {
    let (folder, path) = file();
    let holds_text = || {
        std::fs::read_dir(folder.path()).unwrap().any(|entry| {
            let bytes = std::fs::read(entry.unwrap().path()).unwrap();
            bytes.windows(6).any(|window| window == b"bleibt")
        })
    };
    let mut database = Database::open(&path).unwrap();

    database.record(&[keyed("without")], false, START + days(1)).unwrap();
    assert!(!holds_text());
    database.record(&[keyed("with")], true, START + days(1)).unwrap();
    assert!(holds_text());
    database.record(&[keyed("later")], false, START + days(9)).unwrap();
    let pruned = database.prune(START + days(5)).unwrap();

    assert_eq!(pruned, Pruned { deleted: 2, is_unfinished: false });
    assert_eq!(ids(&database), ["message of later"]);
    assert!(!holds_text());
}

#[test]
fn pruned_space_is_given_back_and_many_are_pruned_in_pieces() {
    let (_folder, path) = file();
    let mut database = Database::open(&path).unwrap();
    let many: Vec<Submission> = (0..2_500).map(|number| keyed(&number.to_string())).collect();
    database.record(&many, true, START).unwrap();
    database.checkpoint().unwrap();
    let full = path.metadata().unwrap().len();

    let rounds: Vec<Pruned> = (0..3).map(|_| database.prune(START + days(1)).unwrap()).collect();

    let round = |deleted, is_unfinished| Pruned { deleted, is_unfinished };
    assert_eq!(rounds, [round(1_000, true), round(1_000, true), round(500, false)]);
    let pruned_to = path.metadata().unwrap().len();
    assert!(pruned_to < full / 4, "{full} → {pruned_to}");
    // The key is free again.
    assert!(matches!(database.record(&many[..1], true, START).unwrap()[0], Recorded::New(_)));
}

#[test]
fn deleted_text_leaves_the_log_once_nobody_reads_it() {
    let (_folder, path) = file();
    let mut database = Database::open(&path).unwrap();
    database.record(&[keyed("1")], true, START).unwrap();
    let log = || std::fs::metadata(format!("{}-wal", path.display())).unwrap().len();
    let reader = Database::open_to_read(&path).unwrap();
    let mut first = None;

    let visit = |stored: Stored| {
        first = Some(stored.submission.message_id);
        let while_read = database.prune(START + days(1)).unwrap();
        assert_eq!(while_read, Pruned { deleted: 1, is_unfinished: true });
        Ok::<_, DatabaseError>(())
    };
    reader.for_each(&Filter::default(), visit).unwrap();
    assert!(log() > 0);
    let after = database.prune(START + days(1)).unwrap();

    assert_eq!(after, Pruned { deleted: 0, is_unfinished: false });
    assert_eq!((first.as_deref(), log()), (Some("message of 1"), 0));
}

#[test]
fn sum_that_nobody_wants_any_more_ends() {
    let (_folder, path) = file();
    let mut database = Database::open(&path).unwrap();
    database.record(&[keyed("1"), keyed("2")], false, START).unwrap();
    let asked = std::cell::Cell::new(0);
    let is_wanted = || {
        asked.set(asked.get() + 1);
        false
    };

    let error =
        FeedbackReader::open(&path).unwrap().agreement(&Filter::default(), is_wanted).unwrap_err();

    assert!(matches!(error, DatabaseError::Unwanted), "{error}");
    assert_eq!(asked.get(), 1);
}

/// Copies the file and its log as a crash would leave them: without closing anything.
fn crashed(path: &Path, change: impl FnOnce(Vec<u8>) -> Vec<u8>) -> (tempfile::TempDir, PathBuf) {
    let (folder, copy) = file();
    std::fs::copy(path, &copy).unwrap();
    let log = |path: &Path| PathBuf::from(format!("{}-wal", path.display()));
    let bytes = std::fs::read(log(path)).unwrap();
    std::fs::write(log(&copy), change(bytes)).unwrap();
    (folder, copy)
}

#[test]
fn torn_record_is_left_out_and_what_came_before_it_is_there() {
    let (_folder, path) = file();
    let mut database = Database::open(&path).unwrap();
    database.record(&[keyed("1")], true, START).unwrap();
    let whole = std::fs::read(format!("{}-wal", path.display())).unwrap().len();
    database.record(&[keyed("2")], true, START).unwrap();

    for cut in [1, 100, 4_096, 5_000] {
        let (_copy_folder, copy) = crashed(&path, |mut log| {
            // At least the beginning of the second transaction is left.
            log.truncate((log.len() - cut).max(whole + 1));
            log
        });
        let mut restarted = Database::open(&copy).unwrap();
        assert_eq!(ids(&restarted), ["message of 1"], "{cut} bytes cut");
        let again = restarted.record(&[keyed("1"), keyed("2")], true, START).unwrap();
        assert!(matches!(again[0], Recorded::Repeated(_)), "{again:?}");
        assert!(matches!(again[1], Recorded::New(_)), "{again:?}");
    }
}

#[test]
fn garbage_after_the_last_record_costs_nothing() {
    let (_folder, path) = file();
    let mut database = Database::open(&path).unwrap();
    database.record(&[keyed("1"), keyed("2")], true, START).unwrap();

    let (_copy_folder, copy) = crashed(&path, |mut log| {
        log.extend([0xa5; 6_000]);
        log
    });

    assert_eq!(ids(&Database::open(&copy).unwrap()), ["message of 1", "message of 2"]);
}

#[test]
fn files_that_keep_no_feedback_are_refused_and_left_alone() {
    let (_folder, path) = file();
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE orders (number INTEGER)").unwrap();
    drop(other);
    let foreign = Database::open(&path).unwrap_err();
    assert!(foreign.to_string().contains("keeps no feedback"), "{foreign}");

    let (_folder, path) = file();
    std::fs::write(&path, "precious words\n".repeat(500)).unwrap();
    Database::open(&path).unwrap_err();
    assert!(std::fs::read_to_string(&path).unwrap().starts_with("precious"));

    let (_folder, path) = file();
    Database::open(&path).unwrap().connection.pragma_update(None, "user_version", 2).unwrap();
    let newer = FeedbackReader::open(&path).unwrap_err();
    assert!(newer.to_string().contains("has format 2, must be 1"), "{newer}");
}

#[test]
fn file_is_for_its_owner_alone_and_what_is_in_the_way_is_told() {
    use std::os::unix::fs::PermissionsExt;
    let (folder, path) = file();
    let mut database = Database::open(&path).unwrap();
    database.record(&[keyed("1")], true, START).unwrap();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let mode = entry.unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{mode:o}");
    }

    let missing = Database::open(&folder.path().join("nowhere/feedback.db")).unwrap_err();

    let told = crate::telemetry::events::chain(&missing);
    assert!(told.contains("nowhere/feedback.db") && told.contains("No such file"), "{told}");
}

#[test]
fn last_word_counts_in_figures_and_exports_kind_by_kind() {
    let (_folder, path) = file();
    let mut database = Database::open(&path).unwrap();
    let said = |message: &str, change: fn(&mut SubmissionDraft)| {
        let mut draft = SubmissionDraft {
            message_id: message.into(),
            text: format!("text of {message}"),
            language: "pt_BR".into(),
            ..draft()
        };
        change(&mut draft);
        submission(draft)
    };
    let all = [
        said("a", |draft| draft.corrected.intents = texts(&["order.status"])),
        said("b", |draft| draft.text.clear()),
        said("a", |draft| {
            draft.corrected = Labels { polarity: Some("negative".into()), ..Labels::default() };
            draft.text.clear();
            draft.channel = Channel::Email;
        }),
        said("c", |draft| {
            draft.corrected = Labels { flags: texts(&[]), ..Labels::default() };
        }),
        said("d", |draft| draft.predicted = Labels::default()),
        said("e", |draft| draft.model_version = "2".into()),
        said("d", |draft| draft.corrected.intents = texts(&["order.status", "order.cancel"])),
    ];
    database.record(&all, true, START).unwrap();
    let reader = FeedbackReader::open(&path).unwrap();

    let agreement = reader.agreement(&Filter::default(), || true).unwrap();
    let mut lines = Vec::new();
    let counts = reader
        .export(&Filter::default(), Needed::Intents, |record| {
            lines.push(serde_json::to_string(record)?);
            Ok::<_, DatabaseError>(())
        })
        .unwrap();

    let [first, second] = agreement.models.as_slice() else { panic!("{agreement:?}") };
    assert_eq!((first.messages, second.messages), (4, 1));
    // a: agreed; b: order.cancel instead; d: corrected to another leading one, and then back.
    assert_eq!((first.primary.judged, first.primary.agreed), (3, 2));
    assert_eq!((first.intents.judged, first.intents.agreed), (3, 1));
    assert_eq!((first.polarity.judged, first.polarity.agreed), (1, 0));
    assert_eq!((first.flags.judged, first.flags.agreed), (1, 1));
    let status = first.primary.labels["order.status"];
    assert_eq!((status.predicted, status.corrected, status.agreed), (3, 2, 2));
    assert_eq!((status.precision(), status.recall()), (Some(2.0 / 3.0), Some(1.0)));
    assert_eq!(first.primary.labels["order.cancel"].recall(), Some(0.0));
    assert_eq!((counts.exported, counts.without_text, counts.unjudged), (3, 1, 1));
    assert_eq!(
        lines[0],
        "{\"text\":\"text of a\",\"lang\":\"pt-BR\",\"intents\":[\"order.status\"],\
         \"polarity\":\"negative\",\"channel\":\"email\",\"batch\":\"feedback\",\"id\":\"a\"}"
    );
    assert!(lines[1].contains("\"intents\":[\"order.status\",\"order.cancel\"]"), "{}", lines[1]);
    let complete = reader
        .export(&Filter::default(), Needed::Everything, |_| Ok::<_, DatabaseError>(()))
        .unwrap();
    assert_eq!((complete.exported, complete.without_text, complete.unjudged), (0, 1, 4));
}

#[test]
fn filters_leave_out_what_does_not_fit() {
    let (_folder, path) = file();
    let mut database = Database::open(&path).unwrap();
    let of = |message: &str, tenant: &str, version: &str| {
        submission(SubmissionDraft {
            message_id: message.into(),
            tenant: tenant.into(),
            model_version: version.into(),
            ..draft()
        })
    };
    database.record(&[of("1", "", "1"), of("2", "acme", "2")], false, START).unwrap();
    database.record(&[of("3", "acme", "1")], false, START + days(2)).unwrap();
    let found = |filter: Filter| {
        let mut found = Vec::new();
        let visit = |stored: Stored| {
            found.push(stored.submission.message_id);
            Ok::<_, DatabaseError>(())
        };
        database.for_each(&filter, visit).unwrap();
        found
    };

    assert_eq!(found(Filter { tenant: "acme".into(), ..Filter::default() }), ["2", "3"]);
    assert_eq!(found(Filter { model_version: "1".into(), ..Filter::default() }), ["1", "3"]);
    assert_eq!(found(Filter { model_name: "other".into(), ..Filter::default() }), [""; 0]);
    assert_eq!(found(Filter { since: Some(START + days(2)), ..Filter::default() }), ["3"]);
}

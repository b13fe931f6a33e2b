//! The real program: arguments, files, exit statuses, signals, logs.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use signalbox::grpc::pb::classifier_service_client::ClassifierServiceClient;
use signalbox::grpc::pb::server_service_client::ServerServiceClient;
use signalbox::grpc::pb::{GetStatusRequest, ServerState};

use crate::fixtures::{MULTI_HEAD, fixture};
use crate::server::{PATIENCE, request, until};

/// The program with the small model and nothing of our environment that could change it.
pub(crate) fn signalbox(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_signalbox"));
    command.args(arguments).env_remove("RUST_LOG").stdin(Stdio::null());
    command
}

pub(crate) fn tiny() -> String {
    fixture(MULTI_HEAD).display().to_string()
}

pub(crate) fn run(command: &mut Command) -> (i32, String, String) {
    outcome(&command.output().unwrap())
}

fn run_with_input(command: &mut Command, input: &[u8]) -> (i32, String, String) {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    outcome(&child.wait_with_output().unwrap())
}

fn outcome(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

pub(crate) fn json_lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn classify_answers_arguments_in_order() {
    let (code, out, _) = run(&mut signalbox(&["classify", "--model", &tiny(), "one", "", "two"]));

    let lines = json_lines(&out);
    assert_eq!((code, lines.len()), (0, 3));
    assert_eq!(lines[0]["line"], 1);
    assert_eq!(lines[0]["model"], MULTI_HEAD);
    assert_eq!(lines[1]["abstention"]["reason"], "empty");
    assert_eq!(lines[2]["intents"].as_array().unwrap().len(), 5);
}

#[test]
fn classify_reports_bad_lines_and_goes_on() {
    let input =
        b"{\"text\":\"a\",\"id\":\"x1\"}\nnot json\n{\"text\":\"\xff\"}\n{\"text\":\"b\"}\n";
    let mut command = signalbox(&["classify", "--model", &tiny(), "--input-format", "jsonl"]);

    let (code, out, err) = run_with_input(&mut command, input);

    let lines = json_lines(&out);
    assert_eq!((code, lines.len()), (3, 4));
    assert_eq!(lines[0]["id"], "x1");
    assert!(lines[1]["error"].as_str().unwrap().contains("not JSON"));
    assert!(lines[2]["error"].as_str().unwrap().contains("not UTF-8"));
    assert_eq!(lines[3]["line"], 4);
    assert!(err.contains("line 2: ") && err.contains("line 3: "), "{err}");
    assert!(err.contains("2 of 4 records were not classified"), "{err}");
}

#[test]
fn classify_reads_csv_by_extension_and_writes_a_file() {
    let directory = tempfile::tempdir().unwrap();
    let (input, output) = (directory.path().join("in.csv"), directory.path().join("out.jsonl"));
    let rows: String = (0..300).map(|n| format!("{n},\"message, number {n}\"\n")).collect();
    std::fs::write(&input, format!("id,text\n{rows}")).unwrap();
    let mut command = signalbox(&["classify", "--model", &tiny()]);
    command.arg("--input").arg(&input).arg("--output").arg(&output);

    let (code, out, err) = run(&mut command);

    assert_eq!((code, out.as_str(), err.as_str()), (0, "", ""));
    let lines = json_lines(&std::fs::read_to_string(output).unwrap());
    let ids: Vec<&str> = lines.iter().map(|line| line["id"].as_str().unwrap()).collect();
    assert_eq!(ids, (0..300).map(|n| n.to_string()).collect::<Vec<_>>());
}

#[test]
fn classify_shows_a_table_with_colours_only_when_asked() {
    let arguments = ["classify", "--model", &tiny(), "--format", "table", "where\u{7} is it"];

    let (_, plain, _) = run(&mut signalbox(&arguments));
    let (_, coloured, _) = run(signalbox(&arguments).args(["--color", "always"]));

    assert!(plain.contains("where is it") && plain.contains("mood"), "{plain}");
    assert!(!plain.contains('\u{1b}') && coloured.contains('\u{1b}'));
}

#[test]
fn classify_tells_the_words_behind_an_answer_when_asked() {
    let arguments = ["classify", "--model", &tiny(), "--explain-words", "where is my order", ""];

    let (_, out, _) = run(&mut signalbox(&arguments));
    let (_, table, _) = run(signalbox(&arguments).args(["--format", "table"]));
    let (_, without, _) = run(&mut signalbox(&["classify", "--model", &tiny(), "where is it"]));

    let lines = json_lines(&out);
    let explanation = &lines[0]["explanation"];
    assert_eq!(explanation["status"], "complete");
    assert_eq!((&explanation["word_count"], &explanation["variant_count"]), (&4.into(), &4.into()));
    assert_eq!(explanation["labels"][0]["part"], "primary_intent");
    assert_eq!(explanation["labels"][0]["name"], lines[0]["primary_intent"]["name"]);
    for word in explanation["labels"][0]["words"].as_array().unwrap() {
        assert_eq!((&word["field"], &word["word_count"]), (&"text".into(), &1.into()));
    }
    assert!(lines[1].get("explanation").is_none() && !without.contains("explanation"));
    assert!(
        table.lines().any(|line| line.contains("routing") && line.contains("words")),
        "{table}"
    );
}

#[test]
fn classify_ends_quietly_when_nobody_reads_on() {
    let mut child = signalbox(&["classify", "--model", &tiny()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    // The program may end before it has read all of it.
    drop(child.stdin.take().unwrap().write_all("message\n".repeat(5_000).as_bytes()));

    let (code, _, err) = outcome(&child.wait_with_output().unwrap());

    assert_eq!((code, err.as_str()), (0, ""));
}

#[test]
fn classify_logs_what_it_is_asked_for_and_else_only_warnings() {
    let arguments = ["classify", "--model", &tiny(), "hello"];

    let (_, _, quiet) = run(&mut signalbox(&arguments));
    let (_, _, by_variable) = run(signalbox(&arguments).env("RUST_LOG", "info"));
    let (_, _, by_flag) = run(signalbox(&arguments).args(["--log", "info"]));

    assert_eq!(quiet, "");
    assert!(by_variable.contains("model ready") && by_flag.contains("model ready"));
}

#[test]
fn classify_answers_a_pipe_line_by_line() {
    use std::io::{BufRead, BufReader};
    let mut child = signalbox(&["classify", "--model", &tiny()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap()).lines();

    for text in ["one\n", "two\n"] {
        input.write_all(text.as_bytes()).unwrap();
        // Hangs if the answer is held back.
        let line: Value = serde_json::from_str(&output.next().unwrap().unwrap()).unwrap();
        assert!(line["primary_intent"].is_object());
    }
    drop(input);
    assert!(child.wait().unwrap().success());
}

#[test]
fn classify_refuses_unknown_channels_and_to_write_over_its_input() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("in.jsonl");
    std::fs::write(&file, "{\"text\":\"a\",\"channel\":\"fax\"}\n").unwrap();
    let mut command = signalbox(&["classify", "--model", &tiny(), "--input"]);

    let (code, out, _) = run(command.arg(&file));
    let (same, _, err) = run(command.arg("--output").arg(&file));

    assert!(code == 3 && out.contains("channel is none of chat, email"), "{out}");
    assert!(same == 1 && err.contains("the same file"), "{err}");
    assert!(std::fs::read(&file).unwrap().len() > 10, "the input is still there");
}

#[test]
fn missing_input_is_an_error_that_names_it() {
    let (code, _, err) =
        run(&mut signalbox(&["classify", "--model", &tiny(), "--input", "/nowhere/in.txt"]));

    assert_eq!(code, 1);
    assert!(err.contains("/nowhere/in.txt"), "{err}");
}

#[test]
fn model_is_shown_and_verified() {
    let (code, out, _) = run(&mut signalbox(&["model", "show", "--json", &tiny()]));
    let shown: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, shown["heads"].as_array().unwrap().len()), (0, 4));

    let (code, out, _) = run(&mut signalbox(&["model", "show", &tiny()]));
    assert!(code == 0 && out.contains("order: status cancel"), "{out}");

    let (code, out, _) = run(&mut signalbox(&["model", "verify", &tiny()]));
    assert!(code == 0 && out.starts_with("ok: tiny-bert-multihead 2026.11.1"), "{out}");
}

#[test]
fn damaged_model_is_refused_with_file_and_reason() {
    let directory = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(fixture(MULTI_HEAD)).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), directory.path().join(entry.file_name())).unwrap();
    }
    let weights = directory.path().join("model.safetensors");
    let mut bytes = std::fs::read(&weights).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&weights, bytes).unwrap();

    let (code, _, err) =
        run(&mut signalbox(&["model", "verify", directory.path().to_str().unwrap()]));

    assert_eq!(code, 1);
    assert!(err.contains("model.safetensors") && err.contains("sha256:"), "{err}");
}

#[test]
fn print_config_shows_what_is_in_force() {
    let arguments = ["serve", "--print-config", "--listen", "0.0.0.0:9", "--set", "log.filter=off"];

    let (code, out, _) = run(&mut signalbox(&arguments));

    let shown: toml::Table = out.parse().unwrap();
    assert_eq!(code, 0);
    assert_eq!(shown["server"]["listen"].as_str(), Some("0.0.0.0:9"));
    assert_eq!(shown["log"]["filter"].as_str(), Some("off"));
}

#[test]
fn bad_settings_and_models_end_the_program_with_the_reason() {
    let cases: [(&[&str], &str); 4] = [
        (&["serve", "--set", "limits.max_in_flite=1"], "max_in_flite"),
        (&["serve", "--set", "limits.max_in_flight=0"], "limits.max_in_flight is 0"),
        (&["serve", "--config", "/nowhere.toml"], "/nowhere.toml"),
        (&["serve", "--listen", "127.0.0.1:0", "--model", "/nowhere"], "/nowhere"),
    ];
    for (arguments, reason) in cases {
        let (code, _, err) = run(&mut signalbox(arguments));
        assert_eq!(code, 1, "{arguments:?}: {err}");
        assert!(err.contains(reason), "{arguments:?}: {err}");
    }
    let (code, ..) = run(&mut signalbox(&["serve", "--no-such-flag"]));
    assert_eq!(code, 2);
}

/// The program as a server; killed with its owner.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: String,
    log: PathBuf,
}

impl Server {
    fn start(directory: &Path, filter: &str) -> Self {
        Self::start_with_log(directory, filter, directory.join("log"))
    }

    fn start_with_log(directory: &Path, filter: &str, log: PathBuf) -> Self {
        Self::start_as(signalbox(&[]), directory, filter, log)
    }

    /// Starts a command that takes the arguments of the program and becomes it.
    pub(crate) fn start_as(
        mut command: Command,
        directory: &Path,
        filter: &str,
        log: PathBuf,
    ) -> Self {
        let port_file = directory.join("address");
        // That of the server before, if this is a restart.
        drop(std::fs::remove_file(&port_file));
        let child = command
            .args(["serve", "--listen", "127.0.0.1:0", "--model", &tiny()])
            .arg("--port-file")
            .arg(&port_file)
            .env("RUST_LOG", filter)
            .stderr(std::fs::OpenOptions::new().create(true).append(true).open(&log).unwrap())
            .spawn()
            .unwrap();
        let started = Instant::now();
        let address = loop {
            match std::fs::read_to_string(&port_file) {
                Ok(address) if address.ends_with('\n') => break address,
                _ if started.elapsed() > PATIENCE => panic!("the server does not listen"),
                _ => std::thread::sleep(Duration::from_millis(5)),
            }
        };
        Self { child, address: format!("http://{}", address.trim()), log }
    }

    pub(crate) async fn ready(&self) {
        until(async || {
            let Ok(mut client) = ServerServiceClient::connect(self.address.clone()).await else {
                return false;
            };
            let status = client.get_status(GetStatusRequest {}).await.unwrap().into_inner();
            status.state() == ServerState::Serving
        })
        .await;
    }

    fn signal(&self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    }

    /// Ends it without a chance to do anything about it.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn terminate(mut self) -> (i32, String) {
        self.signal();
        let code = self.child.wait().unwrap().code().unwrap();
        (code, std::fs::read_to_string(&self.log).unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[tokio::test]
async fn logs_carry_the_id_and_never_the_text() {
    const SECRET: &str = "xyzzy-plugh";
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path(), "trace");
    server.ready().await;
    let mut client = ClassifierServiceClient::connect(server.address.clone()).await.unwrap();
    let mut message = request(SECRET);
    message.id = "ticket-77".into();
    message.subject = SECRET.into();
    client.classify(message.clone()).await.unwrap();
    message.channel = 99;
    message.locale_hint = SECRET.into();
    client.classify(message).await.unwrap_err();

    let (code, log) = server.terminate();

    assert_eq!(code, 0);
    assert!(log.contains("ticket-77"), "{log}");
    assert!(!log.contains(SECRET), "the log shows what a customer wrote");
    assert!(log.contains(r#""message":"stopped""#) && log.contains(r#""answered":1"#));
}

#[tokio::test]
async fn address_in_use_is_an_error_that_names_it() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path(), "info");
    let address = server.address.trim_start_matches("http://").to_owned();

    let (code, _, err) = run(&mut signalbox(&["serve", "--listen", &address, "--model", &tiny()]));

    assert_eq!(code, 1);
    assert!(err.contains(&address) && err.contains("server.listen"), "{err}");
}

#[tokio::test]
async fn second_signal_cuts_the_drain_short() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path(), "info");
    server.ready().await;
    let log = server.log.clone();
    let logged = |text: &str| std::fs::read_to_string(&log).unwrap().contains(text);

    // Both at once, as a process group gets them.
    server.signal();
    let (code, text) = server.terminate();

    assert_eq!(code, 0, "{text}");
    assert!(logged(r#""message":"stopped""#) && !logged("panic"), "{text}");
}

#[tokio::test]
async fn log_that_can_not_be_written_costs_nothing_but_the_log() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start_with_log(directory.path(), "debug", "/dev/full".into());
    server.ready().await;
    let mut client = ClassifierServiceClient::connect(server.address.clone()).await.unwrap();

    for _ in 0..20 {
        let mut unknown = request("hello");
        unknown.model = "other".into();
        assert_eq!(client.classify(unknown).await.unwrap_err().code(), tonic::Code::NotFound);
        client.classify(request("hello")).await.unwrap();
    }

    server.signal();
    let mut server = server;
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
}

#[test]
fn run_that_can_do_nothing_leaves_files_alone() {
    let directory = tempfile::tempdir().unwrap();
    let kept = directory.path().join("kept");
    let link = directory.path().join("link");
    std::fs::write(&kept, "precious\n").unwrap();
    std::fs::hard_link(&kept, &link).unwrap();

    let mut no_model = signalbox(&["classify", "hi", "--model", "/nowhere", "--output"]);
    let (code, ..) = run(no_model.arg(&kept));
    let mut linked = signalbox(&["classify", "--model", &tiny(), "--input"]);
    let (same, ..) = run(linked.arg(&kept).arg("--output").arg(&link));

    assert_eq!((code, same), (1, 1));
    assert_eq!(std::fs::read_to_string(&kept).unwrap(), "precious\n");
}

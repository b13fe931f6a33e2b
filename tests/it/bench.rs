//! `signalbox bench`: the real program against a real server.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::binary::{run, signalbox};
use crate::server::{Gate, PATIENCE, TestServer, fingerprints, stub, until};

struct Workplace(tempfile::TempDir);

impl Workplace {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs in its folder, on a thread that does not hold up the server.
    async fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let mut command = self.command(arguments);
        tokio::task::spawn_blocking(move || run(&mut command)).await.unwrap()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = signalbox(&["bench"]);
        command.args(arguments).current_dir(self.0.path());
        command
    }

    fn json(&self, name: &str) -> Value {
        serde_json::from_slice(&std::fs::read(self.path(name)).unwrap()).unwrap()
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }
}

async fn server() -> TestServer {
    TestServer::start(stub(fingerprints), &[]).await
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is not a count"))
}

/// What has to hold for every step of every run.
fn check_counts(step: &Value) {
    for unit in ["calls", "messages"] {
        let counts = &step[unit];
        let ended = number(&counts["ok"]) + number(&counts["errors"]);
        assert_eq!(number(&counts["sent"]), ended, "{unit}: {step}");
    }
    let offered = number(&step["offered_calls"]);
    assert_eq!(offered, number(&step["calls"]["sent"]) + number(&step["unsent_calls"]), "{step}");
    let by_name: u64 = step["errors"].as_object().unwrap().values().map(number).sum();
    assert_eq!(by_name, number(&step["messages"]["errors"]), "{step}");
    let over_time = |what: &str| -> u64 {
        step["timeline"].as_array().unwrap().iter().map(|stretch| number(&stretch[what])).sum()
    };
    assert_eq!(over_time("sent"), number(&step["calls"]["sent"]), "{step}");
    assert_eq!(over_time("ok"), number(&step["calls"]["ok"]), "{step}");
    assert_eq!(over_time("errors"), number(&step["calls"]["errors"]), "{step}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closed_loop_counts_what_the_server_counts_and_writes_every_report() {
    let (place, server) = (Workplace::new(), server().await);
    let outputs = ["--json", "run.json", "--csv", "run.csv", "--html", "run.html"];

    let mut arguments = vec![server.address.as_str(), "--calls", "200", "--warm-up", "0s"];
    arguments.extend(outputs);
    let (code, out, err) = place.run(&arguments).await;

    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    let report = place.json("run.json");
    let step = &report["steps"][0];
    check_counts(step);
    assert_eq!(
        (report["schema"].as_str(), number(&step["calls"]["ok"])),
        (Some("signalbox.bench"), 200)
    );
    assert_eq!(number(&step["latency"]["count"]), 200);
    assert_eq!(step["stages"].as_array().unwrap().len(), 9);
    assert!(report["saturation"].is_null() && step["rate"].is_null());
    assert_eq!(server.counters_at_rest().await.answered, 200);
    assert!(out.contains("closed loop") && out.contains("inference"), "{out}");
    let rows: Vec<String> = place.text("run.csv").lines().map(str::to_owned).collect();
    let columns = |row: &String| row.split(',').count();
    assert!(rows.len() == 2 && columns(&rows[0]) == columns(&rows[1]), "{rows:?}");
    let page = place.text("run.html");
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("Where the time goes"));
    assert!(!page.contains("NaN") && !page.contains("inf "), "a drawing holds no number");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn open_loop_sends_what_its_schedule_has_and_steps_go_up() {
    let (place, server) = (Workplace::new(), server().await);
    let arguments = [
        server.address.as_str(),
        "--steps",
        "200,300,400",
        "--calls",
        "60",
        "--warm-up",
        "0s",
        "--min-goodput",
        "0",
        "--json",
        "run.json",
    ];

    let (code, out, _) = place.run(&arguments).await;

    let report = place.json("run.json");
    let steps = report["steps"].as_array().unwrap();
    assert_eq!((code, steps.len()), (0, 3), "{out}");
    for (step, rate) in steps.iter().zip([200.0, 300.0, 400.0]) {
        check_counts(step);
        assert_eq!((step["rate"].as_f64(), number(&step["calls"]["ok"])), (Some(rate), 60));
    }
    assert_eq!(report["saturation"]["highest_sustained"].as_f64(), Some(400.0));
    assert!(out.contains("every step was sustained"), "{out}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_count_calls_and_the_messages_in_them() {
    let (place, server) = (Workplace::new(), server().await);
    let arguments = [
        server.address.as_str(),
        "--batch",
        "5",
        "--calls",
        "10",
        "--warm-up",
        "0s",
        "--json",
        "run.json",
    ];

    let (code, ..) = place.run(&arguments).await;

    let step = &place.json("run.json")["steps"][0];
    check_counts(step);
    assert_eq!((code, number(&step["calls"]["ok"]), number(&step["messages"]["ok"])), (0, 10, 50));
    assert_eq!(server.counters_at_rest().await.answered, 50);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn saturated_server_ends_the_steps_and_its_refusals_are_named() {
    let (place, gate) = (Workplace::new(), Gate::default());
    let server = TestServer::start(gate.loader(), &["limits.max_in_flight=1"]).await;
    gate.close();
    let arguments = [
        server.address.as_str(),
        "--steps",
        "100,200",
        "--calls",
        "30",
        "--warm-up",
        "0s",
        "--timeout",
        "300ms",
        "--json",
        "run.json",
        "--html",
        "run.html",
        "--csv",
        "run.csv",
    ];

    let (code, out, _) = place.run(&arguments).await;

    let report = place.json("run.json");
    let steps = report["steps"].as_array().unwrap();
    assert_eq!((code, steps.len()), (1, 1), "nothing was answered: {out}");
    check_counts(&steps[0]);
    assert!(number(&steps[0]["shed"]) > 0 && number(&steps[0]["errors"]["RESOURCE_EXHAUSTED"]) > 0);
    assert!(steps[0]["faults"].as_array().unwrap().contains(&"errors".into()), "{out}");
    assert_eq!(report["saturation"]["saturated_at"].as_f64(), Some(100.0));
    assert!(report["saturation"]["highest_sustained"].is_null());
    assert!(out.contains("RESOURCE_EXHAUSTED") && out.contains("saturated"), "{out}");
    gate.open();
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn warm_up_that_finds_no_answer_ends_the_run() {
    let (place, gate) = (Workplace::new(), Gate::default());
    let server = TestServer::start(gate.loader(), &["limits.max_in_flight=1"]).await;
    gate.close();
    let arguments =
        [server.address.as_str(), "--warm-up", "1ms", "--timeout", "100ms", "--json", "run.json"];

    let (code, _, err) = place.run(&arguments).await;

    assert!(code == 1 && err.contains("no call of the warm-up was answered: "), "{err}");
    assert!(!place.path("run.json").exists());
    gate.open();
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_runs_are_compared_by_their_ratios() {
    let (place, server) = (Workplace::new(), server().await);
    for (name, connections) in [("a.json", "1"), ("b.json", "2")] {
        let arguments = [
            server.address.as_str(),
            "--rate",
            "500",
            "--calls",
            "40",
            "--warm-up",
            "0s",
            "--connections",
            connections,
            "--json",
            name,
        ];
        let (code, out, err) = place.run(&arguments).await;
        assert_eq!(code, 0, "{out}{err}");
    }
    server.stop().await;

    let arguments = ["--compare", "a.json", "b.json", "--json", "both.json", "--html", "both.html"];
    let (code, out, err) = place.run(&arguments).await;

    assert_eq!((code, err.as_str()), (0, ""));
    let both = place.json("both.json");
    let figures = both["pairs"][0]["figures"].as_array().unwrap();
    for figure in figures {
        let [first, second] = ["first", "second"].map(|side| figure[side].as_f64());
        if let (Some(first), Some(second), Some(ratio)) = (first, second, figure["ratio"].as_f64())
        {
            assert!((ratio - second / first).abs() < 1e-3, "{figure}");
        }
    }
    assert!(figures.iter().any(|figure| figure["figure"] == "latency p99, ms"));
    assert_eq!(both["differences"], serde_json::json!(["connections: 1 / 2"]));
    assert!(out.contains("500 calls/s") && out.contains("connections: 1 / 2"), "{out}");
    assert!(place.text("both.html").contains("a.json and b.json compared"));
}

#[tokio::test]
async fn wrong_flags_are_told_with_flag_value_and_limit() {
    let place = Workplace::new();
    let cases: [(&[&str], &[&str]); 9] = [
        (&["--rate", "0"], &["--rate", "0", "0.01", "1000000"]),
        (&["--steps", "9:1:1"], &["--steps", "9:1:1", "ascend"]),
        (&["--rate", "5", "--steps", "1,2"], &["--rate", "--steps"]),
        (&["--connections", "0"], &["--connections", "0", "1..=1024"]),
        (&["--batch", "70000"], &["--batch", "70000", "65536"]),
        (&["--duration", "ten"], &["--duration", "ten", "10s"]),
        (&["--timeout", "11m"], &["--timeout", "11m", "10m"]),
        (&["--max-errors", "2"], &["--max-errors", "between 0 and 1"]),
        (&["--compare", "a.json"], &["--compare", "2"]),
    ];
    for (arguments, told) in cases {
        let (code, _, err) = place.run(arguments).await;
        assert_eq!(code, 2, "{arguments:?}: {err}");
        assert!(told.iter().all(|part| err.contains(part)), "{arguments:?}: {err}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_can_not_be_measured_is_told_with_its_reason() {
    let (place, server) = (Workplace::new(), server().await);
    std::fs::write(place.path("empty.txt"), "\n \n").unwrap();
    std::fs::write(place.path("bad.jsonl"), "{\"text\":\"a\"}\n{\"txt\":1}\n").unwrap();
    std::fs::write(place.path("other.json"), "{\"schema\":\"x\"}").unwrap();
    let stranger = stranger().await;
    let address = server.address.as_str();
    let cases: [(&[&str], &str); 9] = [
        (&["127.0.0.1:1"], "no server can be reached at 127.0.0.1:1"),
        (&[&stranger], "is not a Signalbox server"),
        (&["https://127.0.0.1:1"], "TLS"),
        (&["nowhere"], "\"nowhere\" is not an address"),
        (&[address, "--input", "empty.txt"], "there is no text to send in empty.txt"),
        (&[address, "--input", "bad.jsonl"], "bad.jsonl, line 2: "),
        (&[address, "--batch", "2000"], "--batch is 2000, the server takes at most 1024"),
        (&[address, "--json", "nowhere/a.json"], "nowhere/a.json"),
        (&["--compare", "other.json", "other.json"], "not a report of `signalbox bench --json`"),
    ];
    for (arguments, reason) in cases {
        let (code, _, err) = place.run(arguments).await;
        assert_eq!(code, 1, "{arguments:?}: {err}");
        assert!(err.contains(reason), "{arguments:?}: {err}");
    }
    server.stop().await;
}

/// Listens and talks something else.
async fn stranger() -> String {
    use tokio::io::AsyncWriteExt;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            drop(socket.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await);
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn server_that_does_not_serve_yet_is_not_measured() {
    use std::sync::mpsc::channel;
    let (release, released) = channel::<()>();
    let released = std::sync::Mutex::new(released);
    let loader: std::sync::Arc<signalbox::app::EngineLoader> =
        std::sync::Arc::new(move |bundle, config| {
            released.lock().unwrap().recv_timeout(PATIENCE).ok();
            stub(fingerprints)(bundle, config)
        });
    let (place, server) = (Workplace::new(), TestServer::start_loading(loader, &[]).await);

    let (code, _, err) = place.run(&[server.address.as_str()]).await;

    assert!(code == 1 && err.contains("does not serve: it is starting"), "{err}");
    release.send(()).unwrap();
    server.until(signalbox::lifecycle::ServiceState::Serving).await;
    server.stop().await;
}

/// A run that is under way; ended with its owner.
struct Running(Child);

impl Running {
    fn start(place: &Path, arguments: &[&str]) -> Self {
        let mut command = signalbox(&["bench"]);
        command.args(arguments).current_dir(place).stdout(Stdio::null()).stderr(Stdio::null());
        Self(command.spawn().unwrap())
    }

    fn interrupt(&self) {
        let pid = self.0.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    }

    /// Interrupts until it has ended.
    async fn ended(&mut self, again: bool) -> i32 {
        self.interrupt();
        let mut status = None;
        until(async || {
            status = self.0.try_wait().unwrap();
            if again && status.is_none() {
                self.interrupt();
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            status.is_some()
        })
        .await;
        status.unwrap().code().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn interrupted_run_still_writes_its_report() {
    let (place, server) = (Workplace::new(), server().await);
    let arguments = [
        server.address.as_str(),
        "--duration",
        "10m",
        "--rate",
        "200",
        "--warm-up",
        "0s",
        "--json",
        "run.json",
    ];
    let mut running = Running::start(place.0.path(), &arguments);
    until(async || server.counters().await.answered > 20).await;

    let code = running.ended(false).await;

    let report = place.json("run.json");
    assert_eq!((code, &report["interrupted"]), (1, &Value::Bool(true)));
    check_counts(&report["steps"][0]);
    assert!(number(&report["steps"][0]["calls"]["ok"]) > 20);
    assert!(
        report["steps"][0]["errors"].as_object().unwrap().is_empty(),
        "calls under way were waited for"
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn second_interrupt_gives_up_the_calls_that_are_under_way() {
    let (place, gate) = (Workplace::new(), Gate::default());
    let server = TestServer::start(gate.loader(), &[]).await;
    gate.close();
    let arguments = [
        server.address.as_str(),
        "--duration",
        "10m",
        "--timeout",
        "10m",
        "--warm-up",
        "0s",
        "--json",
        "run.json",
    ];
    let mut running = Running::start(place.0.path(), &arguments);
    until(async || gate.held() > 0).await;

    let code = running.ended(true).await;

    let step = &place.json("run.json")["steps"][0];
    check_counts(step);
    assert_eq!((code, number(&step["errors"]["cut_off"])), (1, number(&step["calls"]["sent"])));
    gate.open();
    server.stop().await;
}

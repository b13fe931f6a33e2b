//! `signalbox bench`: how fast a running server is.

mod arguments;
mod messages;
mod progress;
mod summary;

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

pub(super) use self::arguments::BenchArguments;
use self::messages::Messages;
use super::{EXIT_FAILED, EXIT_OK};
use crate::bench::comparison::Comparison;
use crate::bench::generator::Stop;
use crate::bench::plan::Plan;
use crate::bench::report::{Report, SCHEMA, Surroundings, VERSION};
use crate::bench::runner::Runner;
use crate::bench::target::Target;
use crate::bench::{html, spreadsheet};

pub(super) fn run(arguments: &BenchArguments) -> anyhow::Result<u8> {
    for output in arguments.outputs() {
        check_output(output, arguments)?;
    }
    if let [first, second] = arguments.compare.as_slice() {
        return compare(arguments, first, second);
    }
    let plan = arguments.plan()?;
    let messages = Messages::of(arguments)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(arguments.threads())
        .enable_all()
        .build()
        .context("the runtime can't start")?;
    let result = runtime.block_on(measure(arguments, &plan, &messages));
    runtime.shutdown_background();
    let report = result?;
    write(arguments, &report)?;
    // An interrupted run is one that was cut off, whatever it wrote.
    let is_answered = report.steps.iter().any(|step| step.messages.ok > 0);
    Ok(if is_answered && !report.interrupted { EXIT_OK } else { EXIT_FAILED })
}

async fn measure(
    arguments: &BenchArguments,
    plan: &Plan,
    messages: &Messages,
) -> anyhow::Result<Report> {
    let stop = stop_on_signals()?;
    let first = Target::connect(&arguments.address).await?;
    let server = first.server().await?;
    if let Some(items) = plan.batch.filter(|items| *items > server.max_batch_items) {
        bail!("--batch is {items}, the server takes at most {}", server.max_batch_items);
    }
    let payloads = first.payloads(&messages.drafts);
    let mut targets = vec![first];
    for _ in 1..plan.connections {
        targets.push(Target::connect(&arguments.address).await?);
    }
    let around = Surroundings {
        started_at: jiff::Timestamp::now().to_string(),
        address: &arguments.address,
        server: &server,
        messages: messages.source.clone(),
        message_count: messages.drafts.len(),
        mean_chars: messages.mean_chars(),
        threads: arguments.threads(),
    };
    let runner = Runner { plan, targets: Arc::from(targets), payloads, stop };
    let bar = progress::Bar::new(arguments.quiet);
    let run = runner.run(|progress| bar.show(&progress)).await;
    bar.clear();
    Ok(Report::of(run?, plan, &around))
}

/// The first signal ends a run, the second does not wait for the calls that are under way.
fn stop_on_signals() -> anyhow::Result<watch::Receiver<Stop>> {
    let (sender, receiver) = watch::channel(Stop::Go);
    let mut interrupt = signal(SignalKind::interrupt()).context("signals can't be caught")?;
    let mut terminate = signal(SignalKind::terminate()).context("signals can't be caught")?;
    // Ends with the runtime, which is shut down after the run.
    drop(tokio::spawn(async move {
        for stop in [Stop::Finish, Stop::Cut] {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            sender.send_replace(stop);
        }
        // Kept, so that whoever listens does not take its end for a signal.
        std::future::pending::<()>().await;
    }));
    Ok(receiver)
}

fn compare(arguments: &BenchArguments, first: &Path, second: &Path) -> anyhow::Result<u8> {
    let (one, other) = (read(first)?, read(second)?);
    let (first, second) = (first.display().to_string(), second.display().to_string());
    let comparison = Comparison::of((&first, &one), (&second, &other));
    if let Some(path) = &arguments.json {
        save(path, &json(&comparison)?)?;
    }
    if let Some(path) = &arguments.html {
        save(path, html::comparison_page(&comparison, &one, &other).as_bytes())?;
    }
    writeln!(std::io::stdout(), "{}", summary::of_comparison(&comparison))?;
    Ok(EXIT_OK)
}

fn read(path: &Path) -> anyhow::Result<Report> {
    let name = path.display();
    let bytes = std::fs::read(path).with_context(|| format!("can't read {name}"))?;
    let value: serde_json::Value =
        serde_json::from_slice(&bytes).with_context(|| format!("{name} is not JSON"))?;
    if value.get("schema").and_then(|schema| schema.as_str()) != Some(SCHEMA) {
        bail!("{name} is not a report of `signalbox bench --json`: its schema is not {SCHEMA:?}");
    }
    let version = value.get("version").and_then(serde_json::Value::as_u64).unwrap_or_default();
    if version != u64::from(VERSION) {
        bail!("{name} has version {version} of the report, this program reads {VERSION}");
    }
    serde_json::from_value(value).with_context(|| format!("{name} can't be read"))
}

/// Finds out before the work whether its result can be kept, and refuses to write over what is read.
fn check_output(output: &Path, arguments: &BenchArguments) -> anyhow::Result<()> {
    let folder = output.parent().filter(|folder| !folder.as_os_str().is_empty());
    if output.is_dir() || folder.is_some_and(|folder| !folder.is_dir()) {
        bail!("can't write {}: it is a directory, or is to lie in none", output.display());
    }
    let identity = |path: &Path| path.canonicalize().ok();
    let own = identity(output);
    if own.is_some() && arguments.inputs().any(|input| identity(input) == own) {
        bail!("{} is one of the files to read", output.display());
    }
    Ok(())
}

fn write(arguments: &BenchArguments, report: &Report) -> anyhow::Result<()> {
    if let Some(path) = &arguments.json {
        save(path, &json(report)?)?;
    }
    if let Some(path) = &arguments.csv {
        save(path, &spreadsheet::table(report)?)?;
    }
    if let Some(path) = &arguments.html {
        save(path, html::page(report).as_bytes())?;
    }
    writeln!(std::io::stdout(), "{}", summary::of(report))?;
    Ok(())
}

fn json(value: &impl serde::Serialize) -> serde_json::Result<Vec<u8>> {
    let mut json = serde_json::to_vec(value)?;
    json.push(b'\n');
    Ok(json)
}

fn save(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    std::fs::write(path, bytes).with_context(|| format!("can't write {}", path.display()))
}

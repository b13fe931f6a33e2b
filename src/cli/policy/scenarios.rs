//! `signalbox policy test`: scenarios against a policy.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::Args;

use super::super::{ConfigArguments, EXIT_FAILED, EXIT_OK, start_logging};
use super::load;
use crate::batching::Lane;
use crate::message::{Attachment, Limits, Message, MessageDraft, ValidationErrors};
use crate::pipeline::Pipeline;
use crate::policies::{self, ActivePolicy};
use crate::policy::scenario::{Scenario, ScenarioFile, TextFacts};
use crate::policy::{DecideOptions, Routing, Vocabulary};

/// How long one message may take.
const TIMEOUT: Duration = Duration::from_secs(60);

#[derive(Args, Debug)]
pub(in crate::cli) struct TestArguments {
    /// Scenario files, or directories of them
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
    /// Policy to test [default: what the scenario file names, else that of the settings, or the one inside the program]
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// List the scenarios that pass as well
    #[arg(long, short)]
    verbose: bool,
    #[command(flatten)]
    config: ConfigArguments,
}

pub(in crate::cli) fn run(arguments: &TestArguments) -> anyhow::Result<u8> {
    let config = arguments.config.resolve(&["log.filter=warn"], &[])?;
    let _logging = start_logging(&config)?;
    let files = files(&arguments.paths)?;
    let runtime = tokio::runtime::Runtime::new().context("the runtime can't start")?;
    let app = load(config, arguments.policy.as_deref())?;
    let mut runner = Runner {
        pipeline: Arc::clone(app.pipeline()),
        overridden: arguments.policy.is_some(),
        vocabulary: app.pipeline().policies().vocabulary(),
        policies: BTreeMap::new(),
    };
    let mut tally = Tally { verbose: arguments.verbose, ..Tally::default() };
    for file in &files {
        runtime.block_on(runner.run(file, &mut tally))?;
    }
    runtime.block_on(app.unload())?;
    let Tally { passed, failed, .. } = tally;
    writeln!(std::io::stdout(), "{passed} passed, {failed} failed, in {} files", files.len())?;
    if passed + failed == 0 {
        bail!("no scenario was found");
    }
    Ok(if failed == 0 { EXIT_OK } else { EXIT_FAILED })
}

/// Finds every scenario file, in order.
fn files(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            let mut found = Vec::new();
            for entry in std::fs::read_dir(path)? {
                let path = entry?.path();
                if matches!(path.extension().and_then(|e| e.to_str()), Some("yaml" | "yml")) {
                    found.push(path);
                }
            }
            found.sort();
            files.extend(found);
        } else {
            files.push(path.clone());
        }
    }
    Ok(files)
}

#[derive(Default)]
struct Tally {
    verbose: bool,
    passed: u32,
    failed: u32,
}

impl Tally {
    fn note(&mut self, place: &str, name: &str, differences: &[String]) -> std::io::Result<()> {
        let mut out = std::io::stdout().lock();
        if differences.is_empty() {
            self.passed += 1;
            if self.verbose {
                writeln!(out, "ok    {place}: {name}")?;
            }
            return Ok(());
        }
        self.failed += 1;
        writeln!(out, "FAIL  {place}: {name}")?;
        for difference in differences {
            writeln!(out, "      {difference}")?;
        }
        Ok(())
    }
}

/// What runs scenarios.
struct Runner {
    pipeline: Arc<Pipeline>,
    /// The command line names the policy.
    overridden: bool,
    vocabulary: Vocabulary,
    /// Policies that scenario files name.
    policies: BTreeMap<PathBuf, Arc<ActivePolicy>>,
}

impl Runner {
    async fn run(&mut self, path: &Path, tally: &mut Tally) -> anyhow::Result<()> {
        let origin = path.display().to_string();
        let yaml = std::fs::read_to_string(path).with_context(|| format!("can't read {origin}"))?;
        let file = ScenarioFile::parse(&yaml, &origin, &self.vocabulary)?;
        let named = file.policy.as_ref().filter(|_| !self.overridden);
        let own = match named {
            Some(name) => Some(self.policy(&path.parent().unwrap_or(Path::new("")).join(name))?),
            None => None,
        };
        for scenario in &file.scenarios {
            let routing = self.route(scenario, own.as_ref()).await;
            let differences = match routing {
                Ok(routing) => scenario.expect.differences(&routing),
                Err(error) => vec![format!("{error:#}")],
            };
            let place = format!("{origin}:{}", scenario.line);
            tally.note(&place, &scenario.name, &differences)?;
        }
        Ok(())
    }

    fn policy(&mut self, path: &Path) -> anyhow::Result<Arc<ActivePolicy>> {
        if let Some(policy) = self.policies.get(path) {
            return Ok(Arc::clone(policy));
        }
        let policy = Arc::new(policies::parse("", path, &self.vocabulary)?);
        self.policies.insert(path.to_owned(), Arc::clone(&policy));
        Ok(policy)
    }

    /// Decides about a scenario: with the prediction that it gives, or with the model's own.
    async fn route(
        &self,
        scenario: &Scenario,
        own: Option<&Arc<ActivePolicy>>,
    ) -> anyhow::Result<Routing> {
        let current = self.pipeline.policies().current().context("no policy is loaded")?;
        let active = own.unwrap_or_else(|| current.of_tenant(&scenario.tenant));
        let message = message_of(scenario)?;
        if scenario.prediction.is_some() {
            let reading = self.pipeline.read(&message)?;
            let mut entities: Vec<&str> = Vec::new();
            for found in &reading.entities {
                let kind = found.entity.kind.as_str();
                if !entities.contains(&kind) {
                    entities.push(kind);
                }
            }
            let text = TextFacts {
                language: &reading.language.tag,
                entities,
                message_length: reading.body_chars,
            };
            let facts = scenario.facts(Some(&text)).context("the scenario has no prediction")?;
            return Ok(active.policy.decide(&facts, DecideOptions::default()));
        }
        let deadline = Instant::now() + TIMEOUT;
        let triage =
            self.pipeline.classify(message.clone(), Lane::Interactive, deadline, None).await?;
        Ok(self.pipeline.decide(&triage, &message, active))
    }
}

fn message_of(scenario: &Scenario) -> anyhow::Result<Message> {
    let attachment =
        |media_type: &String| Attachment { media_type: media_type.clone(), size_bytes: 0 };
    let draft = MessageDraft {
        text: scenario.text.clone(),
        subject: scenario.subject.clone(),
        channel: scenario.channel,
        locale_hint: scenario.locale_hint.clone(),
        thread: scenario.thread.clone(),
        customer: scenario.customer.clone(),
        order: scenario.order.clone(),
        tenant: scenario.tenant.clone(),
        sent_at: scenario.sent_at,
        attachments: scenario.attachments.iter().map(attachment).collect(),
        ..MessageDraft::default()
    };
    Ok(draft.validate(&Limits::default(), ValidationErrors::default())?)
}

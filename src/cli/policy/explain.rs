//! `signalbox policy explain`: one message, its decision and the reasons.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};

use super::super::routing::{RoutingLine, outcome_name};
use super::super::{ConfigArguments, EXIT_OK, start_logging};
use super::load;
use crate::batching::Lane;
use crate::message::{Channel, Limits, MessageRecord, ValidationErrors};
use crate::policy::{Routing, RuleOutcome};

/// How long the message may take.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Bytes of a record at most.
const MAX_RECORD_BYTES: u64 = 16 << 20;

#[derive(Args, Debug)]
pub(in crate::cli) struct ExplainArguments {
    /// What the customer wrote
    #[arg(value_name = "MESSAGE", required_unless_present = "record")]
    message: Option<String>,
    /// File with the message as a JSON object, with the fields of a request (see the README); `-` is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "message")]
    record: Option<PathBuf>,
    /// Where the message came in
    #[arg(long, value_name = "CHANNEL", value_parser = Channel::NAMED.map(Channel::as_str))]
    channel: Option<String>,
    /// Policy to ask [default: that of the settings, or the one inside the program]
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// How the answer looks
    #[arg(long, short, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Show the rules that did not match, too
    #[arg(long, short)]
    all: bool,
    #[command(flatten)]
    config: ConfigArguments,
}

/// How the answer looks.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For programs
    Json,
}

pub(in crate::cli) fn run(arguments: &ExplainArguments) -> anyhow::Result<u8> {
    let config = arguments.config.resolve(&["log.filter=warn"], &[])?;
    let _logging = start_logging(&config)?;
    let mut record = record(arguments)?;
    if let Some(channel) = arguments.channel.as_deref().and_then(Channel::from_name) {
        record.channel = Some(channel);
    }
    let mut draft = record.draft()?;
    draft.options.explain = true;
    let message = draft.validate(&Limits::default(), ValidationErrors::default())?;
    let runtime = tokio::runtime::Runtime::new().context("the runtime can't start")?;
    let app = load(config, arguments.policy.as_deref())?;
    let pipeline = Arc::clone(app.pipeline());
    let triage = runtime.block_on(async {
        let deadline = Instant::now() + TIMEOUT;
        let triage = pipeline.classify(message, Lane::Interactive, deadline, None).await?;
        app.unload().await?;
        anyhow::Ok(triage)
    })?;
    let Some((routing, _)) = &triage.routing else { bail!("there is no decision") };
    let mut out = std::io::stdout().lock();
    match arguments.format {
        Format::Json => {
            serde_json::to_writer_pretty(&mut out, &RoutingLine::of(routing))?;
            writeln!(out)?;
        }
        Format::Text => show(&mut out, routing, arguments.all)?,
    }
    Ok(EXIT_OK)
}

fn record(arguments: &ExplainArguments) -> anyhow::Result<MessageRecord> {
    let Some(path) = &arguments.record else {
        let text = arguments.message.clone().unwrap_or_default();
        return Ok(MessageRecord { text, ..MessageRecord::default() });
    };
    let mut json = String::new();
    let source: Box<dyn Read> = if path.as_os_str() == "-" {
        Box::new(std::io::stdin())
    } else {
        Box::new(
            std::fs::File::open(path).with_context(|| format!("can't open {}", path.display()))?,
        )
    };
    source.take(MAX_RECORD_BYTES).read_to_string(&mut json).context("the record can't be read")?;
    let mut deserializer = serde_json::Deserializer::from_str(&json);
    serde_path_to_error::deserialize(&mut deserializer)
        .map_err(|error| anyhow::anyhow!("the record is not valid at {}", error.path()))
}

fn show(out: &mut impl Write, routing: &Routing, all: bool) -> std::io::Result<()> {
    let level = &routing.service_level;
    let time = |duration| humantime::format_duration(duration).to_string();
    writeln!(out, "queue       {}", joined(&routing.queue, &routing.alternatives))?;
    let raised = routing.raised_by.as_ref().map(|rule| format!(", raised by {rule}"));
    let priority = routing.priority.as_str();
    writeln!(
        out,
        "priority    {priority} ({} points{})",
        routing.score,
        raised.unwrap_or_default()
    )?;
    for part in &routing.contributions {
        writeln!(out, "            {:+4}  {}", part.points, part.reason)?;
    }
    let (first, last) = (time(level.first_response), time(level.resolution));
    writeln!(out, "SLA         {}: first response {first}, resolution {last}", level.name)?;
    writeln!(
        out,
        "escalation  {}",
        joined(routing.escalation.level.as_str(), &routing.escalation.reasons)
    )?;
    let action = &routing.action;
    let details: Vec<String> = action.flow.iter().chain(&action.macro_id).cloned().collect();
    let kind = format!("{} ({})", action.kind.as_str(), action.tier.as_str());
    writeln!(out, "action      {}", joined(&kind, &details))?;
    for reason in &action.automation_off {
        writeln!(out, "            no automation: {reason}")?;
    }
    writeln!(out, "tags        {}", routing.tags.join(", "))?;
    for missing in &routing.missing_entities {
        writeln!(
            out,
            "missing     {} for {}",
            missing.any_of.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(" or "),
            missing.intent
        )?;
    }
    writeln!(out, "policy      {}", routing.policy)?;
    for rule in &routing.trace {
        if !all && rule.outcome == RuleOutcome::NotMatched {
            continue;
        }
        writeln!(
            out,
            "\n{}: {}\n  when {}",
            rule.rule_id,
            outcome_name(rule.outcome),
            rule.condition
        )?;
        for term in &rule.terms {
            let mark = if term.result { "✓" } else { "✗" };
            writeln!(out, "  {mark} {}  [{}]", term.expression, term.value)?;
        }
    }
    Ok(())
}

/// Puts details behind a value.
fn joined(value: &str, details: &[String]) -> String {
    if details.is_empty() { value.to_owned() } else { format!("{value}; {}", details.join("; ")) }
}

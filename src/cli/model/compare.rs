//! `signalbox model compare`: how the rollout of a running server goes.

use std::io::Write;

use anyhow::Context;
use clap::Args;
use comfy_table::{CellAlignment, Table};
use jiff::Timestamp;
use serde::Serialize;

use crate::cli::{EXIT_OK, table};
use crate::grpc::client::Client;
use crate::grpc::pb;

/// Disagreements that the table shows; JSON has all that the server keeps.
const SHOWN: usize = 20;

#[derive(Args, Debug)]
pub(in crate::cli) struct CompareArguments {
    /// Address of the server
    #[arg(value_name = "ADDRESS", default_value = "127.0.0.1:50051")]
    address: String,
    /// Name of the model [default: the server's default model]
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    model: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &CompareArguments) -> anyhow::Result<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the runtime can't start")?;
    let rollout = runtime.block_on(async {
        let client = Client::connect(&arguments.address).await?;
        client.rollout(&arguments.model).await
    })?;
    let report = Report::of(rollout);
    let mut out = std::io::stdout();
    if arguments.json {
        serde_json::to_writer_pretty(&mut out, &report)?;
        writeln!(out)?;
    } else {
        write!(out, "{}", report.text())?;
    }
    Ok(EXIT_OK)
}

/// What is printed.
#[derive(Debug, Serialize)]
struct Report {
    model: String,
    primary_version: String,
    canary: Option<Canary>,
    shadow: Option<Shadow>,
}

#[derive(Debug, Serialize)]
struct Canary {
    asked_for: String,
    version: String,
    inactive_reason: Option<String>,
    percent: f64,
    key: &'static str,
    offered: u64,
    answered: u64,
    fell_back: u64,
    bypassed: u64,
}

#[derive(Debug, Serialize)]
struct Shadow {
    asked_for: String,
    version: String,
    inactive_reason: Option<String>,
    percent: f64,
    report: Option<Compared>,
}

#[derive(Debug, Serialize)]
struct Compared {
    since: Option<String>,
    sampled: u64,
    compared: u64,
    dropped: u64,
    failed: u64,
    waiting: u64,
    agreement: Vec<Agreement>,
    primary_inference: Latency,
    shadow_inference: Latency,
    disagreements: Vec<Disagreement>,
}

#[derive(Debug, Serialize)]
struct Agreement {
    head: &'static str,
    compared: u64,
    agreed: u64,
    /// Agreed of compared; null when nothing was.
    share: Option<f64>,
}

#[derive(Debug, Serialize)]
struct Latency {
    count: u64,
    p50_ms: f64,
    p95_ms: f64,
    p99_ms: f64,
    max_ms: f64,
}

#[derive(Debug, Serialize)]
struct Disagreement {
    id: String,
    compared_at: Option<String>,
    primary: Answer,
    shadow: Answer,
}

#[derive(Debug, Default, Eq, PartialEq, Serialize)]
struct Answer {
    primary_intent: String,
    intents: Vec<String>,
    polarity: String,
    flags: Vec<String>,
}

impl Report {
    fn of(rollout: pb::Rollout) -> Self {
        let pb::Rollout { name, primary_version, canary, shadow } = rollout;
        Self {
            model: name,
            primary_version,
            canary: canary.map(Canary::of),
            shadow: shadow.map(Shadow::of),
        }
    }

    fn text(&self) -> String {
        let Self { model, primary_version, canary, shadow } = self;
        let version = if primary_version.is_empty() { "no version" } else { primary_version };
        let mut text = format!("model {model}: {version} answers calls that name no version\n");
        match canary {
            Some(canary) => text.push_str(&canary.text()),
            None => text.push_str("canary: none\n"),
        }
        match shadow {
            Some(shadow) => text.push_str(&shadow.text()),
            None => text.push_str("shadow: none\n"),
        }
        text
    }
}

impl Canary {
    fn of(status: pb::CanaryStatus) -> Self {
        let rule = status.canary.unwrap_or_default();
        let key = match rule.key() {
            pb::RolloutKey::Unspecified | pb::RolloutKey::Conversation => "conversation",
            pb::RolloutKey::Tenant => "tenant",
            pb::RolloutKey::Message => "message",
        };
        Self {
            asked_for: rule.version,
            version: status.version,
            inactive_reason: Some(status.inactive_reason).filter(|reason| !reason.is_empty()),
            percent: rule.percent,
            key,
            offered: status.offered,
            answered: status.answered,
            fell_back: status.fell_back,
            bypassed: status.bypassed,
        }
    }

    fn text(&self) -> String {
        let Self { percent, key, offered, answered, fell_back, bypassed, .. } = self;
        if let Some(reason) = &self.inactive_reason {
            return format!("canary: {} is not in force: {reason}\n", self.asked_for);
        }
        format!(
            "canary: {} for {percent} % by {key}: {offered} offered, {answered} answered, {fell_back} fell back, {bypassed} bypassed\n",
            named(&self.asked_for, &self.version)
        )
    }
}

impl Shadow {
    fn of(status: pb::ShadowStatus) -> Self {
        let rule = status.shadow.unwrap_or_default();
        Self {
            asked_for: rule.version,
            version: status.version,
            inactive_reason: Some(status.inactive_reason).filter(|reason| !reason.is_empty()),
            percent: rule.percent,
            report: status.report.map(Compared::of),
        }
    }

    fn text(&self) -> String {
        if let Some(reason) = &self.inactive_reason {
            return format!("shadow: {} is not in force: {reason}\n", self.asked_for);
        }
        let name = named(&self.asked_for, &self.version);
        let mut text = format!("shadow: {name} for {} %\n", self.percent);
        if let Some(report) = &self.report {
            text.push_str(&report.text());
        }
        text
    }
}

impl Compared {
    fn of(report: pb::ShadowReport) -> Self {
        Self {
            since: report.since.and_then(|at| time(at.seconds, at.nanos)),
            sampled: report.sampled,
            compared: report.compared,
            dropped: report.dropped,
            failed: report.failed,
            waiting: report.waiting,
            agreement: [
                ("all", report.all),
                ("primary", report.primary_intent),
                ("intents", report.intents),
                ("polarity", report.polarity),
                ("flags", report.flags),
            ]
            .map(|(head, agreement)| Agreement::of(head, agreement.unwrap_or_default()))
            .into(),
            primary_inference: Latency::of(report.primary_inference.unwrap_or_default()),
            shadow_inference: Latency::of(report.shadow_inference.unwrap_or_default()),
            disagreements: report.disagreements.into_iter().map(Disagreement::of).collect(),
        }
    }

    fn text(&self) -> String {
        let Self { sampled, compared, dropped, failed, waiting, .. } = self;
        let since = self.since.as_deref().unwrap_or("the start");
        let mut text = format!(
            "since {since}: {sampled} sampled, {compared} compared, {dropped} dropped, {failed} failed, {waiting} waiting\n"
        );
        let mut tables = vec![self.agreement_table(), self.latency_table()];
        if !self.disagreements.is_empty() {
            tables.push(self.disagreement_table());
        }
        for table in tables {
            text.push_str(&format!("\n{table}\n"));
        }
        text
    }

    fn agreement_table(&self) -> Table {
        let mut table = table::empty(&["agreement", "compared", "agreed", "share"]);
        for Agreement { head, compared, agreed, share } in &self.agreement {
            let share = share.map_or_else(|| "-".to_owned(), |s| format!("{:.2} %", s * 100.0));
            table.add_row([(*head).to_owned(), compared.to_string(), agreed.to_string(), share]);
        }
        table
    }

    fn latency_table(&self) -> Table {
        let mut table = table::empty(&["inference (ms)", "messages", "p50", "p95", "p99", "max"]);
        for (name, times) in
            [("primary", &self.primary_inference), ("shadow", &self.shadow_inference)]
        {
            let Latency { count, p50_ms, p95_ms, p99_ms, max_ms } = times;
            let mut row = vec![name.to_owned(), count.to_string()];
            row.extend([p50_ms, p95_ms, p99_ms, max_ms].map(|ms| format!("{ms:.2}")));
            table.add_row(row);
        }
        table
    }

    fn disagreement_table(&self) -> Table {
        let mut table = table::empty(&["latest disagreements", "primary", "shadow"]);
        for column in table.column_iter_mut() {
            column.set_cell_alignment(CellAlignment::Left);
        }
        for Disagreement { id, primary, shadow, .. } in self.disagreements.iter().take(SHOWN) {
            let (one, other) = primary.differences(shadow);
            table.add_row([id.as_str(), &one, &other]);
        }
        table
    }
}

impl Agreement {
    #[expect(clippy::cast_precision_loss, reason = "a share needs no 53 bits")]
    fn of(head: &'static str, agreement: pb::VersionAgreement) -> Self {
        let pb::VersionAgreement { compared, agreed } = agreement;
        let share = (compared > 0).then(|| agreed as f64 / compared as f64);
        Self { head, compared, agreed, share }
    }
}

impl Latency {
    #[expect(clippy::cast_precision_loss, reason = "times are ten minutes at most")]
    fn of(summary: pb::LatencySummary) -> Self {
        let pb::LatencySummary { count, p50_us, p95_us, p99_us, max_us } = summary;
        let [p50_ms, p95_ms, p99_ms, max_ms] =
            [p50_us, p95_us, p99_us, max_us].map(|time| time as f64 / 1_000.0);
        Self { count, p50_ms, p95_ms, p99_ms, max_ms }
    }
}

impl Disagreement {
    fn of(disagreement: pb::Disagreement) -> Self {
        Self {
            id: disagreement.id,
            compared_at: disagreement.compared_at.and_then(|at| time(at.seconds, at.nanos)),
            primary: Answer::of(disagreement.primary.unwrap_or_default()),
            shadow: Answer::of(disagreement.shadow.unwrap_or_default()),
        }
    }
}

impl Answer {
    fn of(answer: pb::ComparedAnswer) -> Self {
        let pb::ComparedAnswer { primary_intent, intents, polarity, flags } = answer;
        Self { primary_intent, intents, polarity, flags }
    }

    /// Says for each side, in one line, what the other does not say as well.
    fn differences(&self, other: &Self) -> (String, String) {
        let rows = [
            ("primary", &self.primary_intent, &other.primary_intent),
            ("polarity", &self.polarity, &other.polarity),
        ];
        let mut sides = (Vec::new(), Vec::new());
        for (head, one, two) in rows.into_iter().filter(|(_, one, two)| one != two) {
            sides.0.push(format!("{head} {one}"));
            sides.1.push(format!("{head} {two}"));
        }
        for (head, one, two) in
            [("intent", &self.intents, &other.intents), ("flag", &self.flags, &other.flags)]
        {
            let only = |these: &[String], those: &[String]| -> Vec<String> {
                let more = these.iter().filter(|name| !those.contains(name));
                more.map(|name| format!("{head} {name}")).collect()
            };
            sides.0.extend(only(one, two));
            sides.1.extend(only(two, one));
        }
        (sides.0.join(", "), sides.1.join(", "))
    }
}

/// A version, with the label that it was asked for by.
fn named(asked_for: &str, version: &str) -> String {
    if asked_for == version { version.to_owned() } else { format!("{version} ({asked_for})") }
}

/// A point in time as RFC 3339.
fn time(seconds: i64, nanos: i32) -> Option<String> {
    Timestamp::new(seconds, nanos).ok().map(|time| time.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(primary: &str, intents: &[&str], flags: &[&str]) -> Answer {
        let owned = |names: &[&str]| names.iter().copied().map(str::to_owned).collect();
        Answer {
            primary_intent: primary.into(),
            intents: owned(intents),
            polarity: "neutral".into(),
            flags: owned(flags),
        }
    }

    #[test]
    fn each_side_shows_what_the_other_does_not_say() {
        let one = answer("order.status", &["order.status", "order.cancel"], &[]);
        let other = answer("order.cancel", &["order.cancel"], &["angry"]);

        let (primary, shadow) = one.differences(&other);

        assert_eq!(primary, "primary order.status, intent order.status");
        assert_eq!(shadow, "primary order.cancel, flag angry");
    }

    #[test]
    fn report_without_shadow_and_canary_says_so() {
        let rollout = pb::Rollout {
            name: "shop".into(),
            primary_version: "1".into(),
            ..pb::Rollout::default()
        };

        let text = Report::of(rollout).text();

        assert_eq!(
            text,
            "model shop: 1 answers calls that name no version\ncanary: none\nshadow: none\n"
        );
    }

    #[test]
    fn report_shows_agreement_times_and_examples() {
        let agreement = Some(pb::VersionAgreement { compared: 4, agreed: 3 });
        let answered = |primary: &str| pb::ComparedAnswer {
            primary_intent: primary.into(),
            ..pb::ComparedAnswer::default()
        };
        let report = pb::ShadowReport {
            sampled: 5,
            compared: 4,
            dropped: 1,
            all: agreement,
            primary_intent: agreement,
            shadow_inference: Some(pb::LatencySummary {
                count: 4,
                p50_us: 1_500,
                ..Default::default()
            }),
            disagreements: vec![pb::Disagreement {
                id: "ticket-1".into(),
                primary: Some(answered("order.status")),
                shadow: Some(answered("order.cancel")),
                ..pb::Disagreement::default()
            }],
            ..pb::ShadowReport::default()
        };
        let rollout = pb::Rollout {
            shadow: Some(pb::ShadowStatus {
                shadow: Some(pb::Shadow { version: "next".into(), percent: 12.5 }),
                version: "2".into(),
                report: Some(report),
                ..pb::ShadowStatus::default()
            }),
            ..pb::Rollout::default()
        };

        let text = Report::of(rollout).text();

        for expected in
            ["shadow: 2 (next) for 12.5 %", "75.00 %", "1.50", "ticket-1", "primary order.cancel"]
        {
            assert!(text.contains(expected), "{expected}: {text}");
        }
    }
}

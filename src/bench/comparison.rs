//! Two runs side by side.

use serde::Serialize;

use super::figures::Distribution;
use super::plan::Loop;
use super::report::{LoadReport, Report, ServerReport, StepReport};
use super::schedule::Arrivals;

/// What the file is.
pub const SCHEMA: &str = "signalbox.bench.comparison";
/// Changes when a field goes or means something else.
pub const VERSION: u32 = 1;

/// Whether more is better.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    /// More.
    Higher,
    /// Less.
    Lower,
}

/// Two values of the same figure.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ratio {
    /// Which figure, with its unit.
    pub figure: &'static str,
    /// Whether more is better.
    pub better: Better,
    /// In the first run.
    pub first: Option<f64>,
    /// In the second.
    pub second: Option<f64>,
    /// Second divided by first; unset when one is missing or the first is 0.
    pub ratio: Option<f64>,
}

impl Ratio {
    fn of(figure: &'static str, better: Better, first: Option<f64>, second: Option<f64>) -> Self {
        let divided = first.zip(second).filter(|(first, _)| *first > 0.0);
        let ratio = divided.map(|(first, second)| (second / first * 1e4).round() / 1e4);
        Self { figure, better, first, second, ratio }
    }
}

/// The same load in both runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Pair {
    /// Its rate in calls a second; unset for a closed loop.
    pub rate: Option<f64>,
    /// Each figure.
    pub figures: Vec<Ratio>,
}

/// One of the runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Side {
    /// Name of its file.
    pub name: String,
    /// When it began (RFC 3339).
    pub started_at: String,
    /// What was measured.
    pub server: ServerReport,
    /// With what.
    pub load: LoadReport,
}

/// Both.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// [`VERSION`].
    pub version: u32,
    /// The first run.
    pub first: Side,
    /// The second.
    pub second: Side,
    /// In what the loads differ, so that the figures can't simply be compared.
    pub differences: Vec<String>,
    /// What both servers sustain; steps of rates only.
    pub saturation: Vec<Ratio>,
    /// Loads that both runs have.
    pub pairs: Vec<Pair>,
    /// Rates that only one of them has. Calls a second.
    pub unpaired: Vec<f64>,
}

impl Comparison {
    /// Compares two runs; names are those of their files.
    #[must_use]
    pub fn of(first: (&str, &Report), second: (&str, &Report)) -> Self {
        let side = |(name, report): (&str, &Report)| Side {
            name: name.to_owned(),
            started_at: report.started_at.clone(),
            server: report.server.clone(),
            load: report.load.clone(),
        };
        let (one, other) = (first.1, second.1);
        Self {
            schema: SCHEMA,
            version: VERSION,
            first: side(first),
            second: side(second),
            differences: differences(&one.load, &other.load),
            saturation: saturation(one, other),
            pairs: pairs(one, other),
            unpaired: unpaired(one, other),
        }
    }
}

/// Rates are the same when they are as they are written.
fn is_same(one: Option<f64>, other: Option<f64>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => (one - other).abs() < 1e-6,
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    }
}

fn has(report: &Report, rate: Option<f64>) -> Option<&StepReport> {
    report.steps.iter().find(|step| is_same(step.rate, rate))
}

fn pairs(one: &Report, other: &Report) -> Vec<Pair> {
    one.steps
        .iter()
        .filter_map(|step| {
            let second = has(other, step.rate)?;
            Some(Pair { rate: step.rate, figures: figures(step, second) })
        })
        .collect()
}

fn unpaired(one: &Report, other: &Report) -> Vec<f64> {
    let missing = |from: &Report, to: &Report| -> Vec<f64> {
        from.steps
            .iter()
            .filter(|step| has(to, step.rate).is_none())
            .filter_map(|step| step.rate)
            .collect()
    };
    let mut rates = missing(one, other);
    rates.extend(missing(other, one));
    rates.sort_by(f64::total_cmp);
    rates
}

fn figures(one: &StepReport, other: &StepReport) -> Vec<Ratio> {
    type Value = fn(&Distribution) -> f64;
    let time = |figure, of: fn(&StepReport) -> Option<&Distribution>, value: Value| {
        Ratio::of(figure, Better::Lower, of(one).map(value), of(other).map(value))
    };
    let latency = |figure, value: Value| time(figure, |step| step.latency.as_ref(), value);
    let mut figures = vec![
        goodput(one, other),
        Ratio::of(
            "failed messages, share",
            Better::Lower,
            Some(one.error_share),
            Some(other.error_share),
        ),
        latency("latency mean, ms", |time| time.mean_ms),
        latency("latency p50, ms", |time| time.p50_ms),
        latency("latency p90, ms", |time| time.p90_ms),
        latency("latency p99, ms", |time| time.p99_ms),
        latency("latency p99.9, ms", |time| time.p999_ms),
        latency("latency max, ms", |time| time.max_ms),
        time("server mean, ms", |step| step.server.as_ref(), |time| time.mean_ms),
    ];
    for (stage, figure) in [("queue", "queue mean, ms"), ("inference", "inference mean, ms")] {
        let mean = |step: &StepReport| {
            step.stages.iter().find(|other| other.stage == stage).map(|stage| stage.time.mean_ms)
        };
        figures.push(Ratio::of(figure, Better::Lower, mean(one), mean(other)));
    }
    figures.push(time("outside mean, ms", |step| step.outside.as_ref(), |time| time.mean_ms));
    figures
}

/// In an open loop the schedule says how much can be answered, and by chance it differs between runs.
fn goodput(one: &StepReport, other: &StepReport) -> Ratio {
    if one.rate.is_none() {
        let (first, second) = (Some(one.goodput), Some(other.goodput));
        return Ratio::of("goodput, messages/s", Better::Higher, first, second);
    }
    let share = |step: &StepReport| (step.offered > 0.0).then(|| step.goodput / step.offered);
    Ratio::of("goodput / offered", Better::Higher, share(one), share(other))
}

fn saturation(one: &Report, other: &Report) -> Vec<Ratio> {
    let (Some(first), Some(second)) = (&one.saturation, &other.saturation) else {
        return Vec::new();
    };
    let rate = |figure, first, second| Ratio::of(figure, Better::Higher, first, second);
    vec![
        rate("highest sustained, calls/s", first.highest_sustained, second.highest_sustained),
        rate("knee, calls/s", first.knee, second.knee),
    ]
}

fn differences(one: &LoadReport, other: &LoadReport) -> Vec<String> {
    let shown = |load: &LoadReport| {
        let kind = match (load.kind, load.arrivals) {
            (Loop::Closed, _) => "closed",
            (Loop::Open, Some(Arrivals::Constant)) => "open, constant",
            (Loop::Open, Some(Arrivals::Poisson) | None) => "open, Poisson",
        };
        let or_none = |value: Option<String>| value.unwrap_or_else(|| "none".to_owned());
        [
            ("loop and arrivals", kind.to_owned()),
            ("connections", load.connections.to_string()),
            ("concurrency", load.concurrency.to_string()),
            ("batch", or_none(load.batch.map(|items| items.to_string()))),
            ("timeout", format!("{} s", load.timeout_s)),
            ("warm-up", format!("{} s", load.warm_up_s)),
            ("duration", format!("{} s", load.duration_s)),
            ("calls at most", or_none(load.max_calls.map(|calls| calls.to_string()))),
            ("messages", format!("{} of {}", load.message_count, load.messages)),
        ]
    };
    shown(one)
        .into_iter()
        .zip(shown(other))
        .filter(|(first, second)| first != second)
        .map(|((name, first), (_, second))| format!("{name}: {first} / {second}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratio_is_second_by_first_and_needs_both() {
        let ratio = |first, second| Ratio::of("x", Better::Lower, first, second).ratio;

        assert_eq!(ratio(Some(20.0), Some(5.0)), Some(0.25));
        assert_eq!(ratio(Some(0.0), Some(5.0)), None);
        assert_eq!(ratio(None, Some(5.0)), None);
    }
}

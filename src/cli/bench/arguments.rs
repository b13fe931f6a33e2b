//! Flags, and the plan that they make.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::bail;
use clap::{Args, ValueEnum};

use super::super::input::Format;
use crate::bench::corpus::Length;
use crate::bench::plan::{Load, Plan, Rates, rate};
use crate::bench::saturation::Rule;
use crate::bench::schedule::Arrivals;

/// Calls under way on each connection in an open loop at most: what a server takes at once by default
/// (`server.max_concurrent_streams`).
const OPEN_CONCURRENCY: usize = 256;

/// Longest timeout and step, so that times fit their histograms.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(600);
const LONGEST_STEP: Duration = Duration::from_secs(86_400);

/// Threads at most, unless asked for more.
const MAX_THREADS: usize = 4;

#[derive(Args, Debug)]
pub(in crate::cli) struct BenchArguments {
    /// Address of the server
    #[arg(value_name = "ADDRESS", default_value = "127.0.0.1:50051")]
    pub(super) address: String,
    /// Calls a second, whatever becomes of those before (open loop); without --rate and --steps each call waits for the
    /// one before (closed loop)
    #[arg(long, value_name = "CALLS", value_parser = rate)]
    rate: Option<f64>,
    /// Rates in calls a second, one after the other until one is not sustained: 100:1000:50 (by 50), 100:6400:x2
    /// (doubled) or 100,250,400
    #[arg(long, value_name = "RATES", conflicts_with = "rate")]
    steps: Option<Rates>,
    /// How the starts of calls are spread in an open loop
    #[arg(long, value_enum, value_name = "HOW", default_value_t = Spread::Poisson)]
    arrivals: Spread,
    /// Connections
    #[arg(long, value_name = "COUNT", default_value_t = 8)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1_024))]
    connections: u32,
    /// Calls under way on each connection: always in a closed loop [default: 1], at most in an open one [default: 256]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    concurrency: Option<u32>,
    /// Send this many messages in each call (ClassifyBatch) instead of one (Classify)
    #[arg(long, value_name = "MESSAGES", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    batch: Option<u32>,
    /// How long each step takes
    #[arg(long, short, value_name = "TIME", default_value = "10s", value_parser = step_time)]
    duration: Duration,
    /// How long the first load runs before anything is counted; 0s for not at all
    #[arg(long, value_name = "TIME", default_value = "3s", value_parser = warm_up_time)]
    warm_up: Duration,
    /// Calls of each step at most
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    calls: Option<u64>,
    /// How long a call may take; the server is told
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = timeout)]
    timeout: Duration,
    /// Messages to send: plain text (one a line), CSV or JSON Lines by extension, as for `classify`
    #[arg(long, short, value_name = "FILE")]
    pub(super) input: Option<PathBuf>,
    /// What --input looks like [default: by the file's extension, else text]
    #[arg(long, value_enum, value_name = "FORMAT", requires = "input")]
    pub(super) input_format: Option<Format>,
    /// Which of the messages inside the program to send
    #[arg(long, value_enum, value_name = "LENGTH", default_value_t = Texts::Mixed, conflicts_with = "input")]
    texts: Texts,
    /// Share of the offered messages that has to be answered for a rate to be sustained
    #[arg(long, value_name = "SHARE", default_value_t = 0.95, value_parser = share)]
    min_goodput: f64,
    /// Share of the messages that may fail for a rate to be sustained
    #[arg(long, value_name = "SHARE", default_value_t = 0.01, value_parser = share)]
    max_errors: f64,
    /// 99th percentile of latency at most for a rate to be sustained [default: any]
    #[arg(long, value_name = "TIME", value_parser = timeout)]
    max_p99: Option<Duration>,
    /// Start of the random numbers, for arrivals and messages
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    /// Threads of the load generator [default: as many as cores, at most 4]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=256))]
    threads: Option<u32>,
    /// Compare two runs that --json has written instead of making one
    #[arg(long, value_names = ["A.json", "B.json"], num_args = 2)]
    #[arg(conflicts_with_all = ["address", "rate", "steps", "input", "batch", "calls", "csv"])]
    pub(super) compare: Vec<PathBuf>,
    /// File to write everything to, as JSON
    #[arg(long, value_name = "FILE")]
    pub(super) json: Option<PathBuf>,
    /// File to write a row for each step to, as CSV
    #[arg(long, value_name = "FILE")]
    pub(super) csv: Option<PathBuf>,
    /// File to write a report to, as one HTML page that needs nothing else
    #[arg(long, value_name = "FILE")]
    pub(super) html: Option<PathBuf>,
    /// Show no progress
    #[arg(long, short)]
    pub(super) quiet: bool,
}

/// How starts of calls are spread.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Spread {
    /// At random, as independent customers send (exponentially distributed gaps)
    Poisson,
    /// Equally far apart
    Constant,
}

/// Messages inside the program.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Texts {
    /// 9 to 80 characters, as in a chat
    Short,
    /// 41 to 267 characters, as in a form
    Medium,
    /// 495 to 942 characters, as in an e-mail
    Long,
    /// All of them: 24 short, 24 medium, 14 long
    Mixed,
}

impl BenchArguments {
    /// Makes the plan.
    pub(super) fn plan(&self) -> anyhow::Result<Plan> {
        let arrivals = match self.arrivals {
            Spread::Poisson => Arrivals::Poisson,
            Spread::Constant => Arrivals::Constant,
        };
        let rates = self.steps.as_ref().map(|steps| steps.0.clone());
        let load = match rates.or(self.rate.map(|rate| vec![rate])) {
            Some(rates) => Load::Open { arrivals, rates },
            None => Load::Closed,
        };
        let usual = if load == Load::Closed { 1 } else { OPEN_CONCURRENCY };
        let plan = Plan {
            load,
            connections: self.connections as usize,
            concurrency: self.concurrency.map_or(usual, |count| count as usize),
            batch: self.batch.map(|items| items as usize),
            timeout: self.timeout,
            warm_up: self.warm_up,
            duration: self.duration,
            max_calls: self.calls,
            seed: self.seed,
            rule: Rule {
                min_goodput: self.min_goodput,
                max_errors: self.max_errors,
                max_p99: self.max_p99,
            },
        };
        let most = plan.connections.saturating_mul(plan.concurrency);
        if most > 1 << 20 {
            bail!("--connections times --concurrency is {most}, at most {} are possible", 1 << 20);
        }
        Ok(plan)
    }

    /// Which of the embedded messages are meant.
    pub(super) fn length(&self) -> Length {
        match self.texts {
            Texts::Short => Length::Short,
            Texts::Medium => Length::Medium,
            Texts::Long => Length::Long,
            Texts::Mixed => Length::Mixed,
        }
    }

    pub(super) fn threads(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS);
        self.threads.map_or_else(cores, |threads| threads as usize)
    }

    /// Files that are written.
    pub(super) fn outputs(&self) -> impl Iterator<Item = &Path> {
        [&self.json, &self.csv, &self.html].into_iter().flatten().map(PathBuf::as_path)
    }

    /// Files that are read.
    pub(super) fn inputs(&self) -> impl Iterator<Item = &Path> {
        self.input.iter().chain(&self.compare).map(PathBuf::as_path)
    }
}

fn time(text: &str, least: Duration, most: Duration) -> Result<Duration, String> {
    let time = humantime::parse_duration(text)
        .map_err(|error| format!("{error}; write for example 500ms, 10s or 2m"))?;
    if (least..=most).contains(&time) {
        return Ok(time);
    }
    let shown = humantime::format_duration;
    Err(format!("must lie between {} and {}", shown(least), shown(most)))
}

fn step_time(text: &str) -> Result<Duration, String> {
    time(text, Duration::from_millis(100), LONGEST_STEP)
}

fn warm_up_time(text: &str) -> Result<Duration, String> {
    time(text, Duration::ZERO, LONGEST_STEP)
}

fn timeout(text: &str) -> Result<Duration, String> {
    time(text, Duration::from_millis(1), LONGEST_TIMEOUT)
}

fn share(text: &str) -> Result<f64, String> {
    let share: f64 = text.parse().map_err(|_| "is not a number".to_owned())?;
    if (0.0..=1.0).contains(&share) {
        Ok(share)
    } else {
        Err("must lie between 0 and 1".to_owned())
    }
}

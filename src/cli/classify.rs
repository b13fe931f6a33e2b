//! `signalbox classify`: messages from the command line or a file, without a server.

mod output;

use std::fs::File;
use std::io::{IsTerminal, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use futures_util::{StreamExt, stream};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::sync::mpsc;

use self::output::{Outcome, Sent, Target, Writer};
use super::input::{self, Format as InputFormat, Line};
use super::offline::{Answered, Offline, classify_all};
use super::{ConfigArguments, EXIT_OK, EXIT_PARTIAL, start_logging};
use crate::message::{Channel, ExplainWords, MessageDraft, MessageRecord};
use crate::pipeline::Pipeline;

#[derive(Args, Debug)]
pub(super) struct ClassifyArguments {
    /// Messages to classify; without any, they are read from --input or standard input
    #[arg(value_name = "MESSAGE")]
    messages: Vec<String>,
    /// File to read messages from; `-` is standard input
    #[arg(long, short, value_name = "FILE", conflicts_with = "messages")]
    input: Option<PathBuf>,
    /// What the input looks like [default: by the file's extension, else text]
    #[arg(long, value_enum, value_name = "FORMAT")]
    input_format: Option<InputFormat>,
    /// File to write results to [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// How results look [default: table on a terminal, else jsonl]
    #[arg(long, short, value_enum, value_name = "FORMAT")]
    format: Option<output::Format>,
    /// When to use colours
    #[arg(long, value_enum, default_value_t = Color::Auto)]
    color: Color,
    /// Intents to show for each message at most
    #[arg(long, default_value_t = crate::message::DEFAULT_TOP_K, value_name = "COUNT")]
    top_k: usize,
    /// Where the messages came in, unless a record says so itself
    #[arg(long, value_name = "CHANNEL", value_parser = Channel::NAMED.map(Channel::as_str))]
    channel: Option<String>,
    /// Add every rule of the routing policy with its condition as it was evaluated
    #[arg(long)]
    explain: bool,
    /// Add the words that carried each answer; takes about as long again for each word of a message
    #[arg(long)]
    explain_words: bool,
    /// Show no progress
    #[arg(long, short)]
    quiet: bool,
    #[command(flatten)]
    config: ConfigArguments,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Color {
    /// On a terminal
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

pub(super) fn run(arguments: &ClassifyArguments) -> anyhow::Result<u8> {
    // Warnings only, unless asked for more: results and logs often share a terminal. Nobody waits on the other end.
    let defaults = ["log.filter=warn", "explanation.max_wait=10m"];
    let config = arguments.config.resolve(&defaults, &[])?;
    let _logging = start_logging(&config)?;
    let source = Source::of(arguments)?;
    refuse_same_file(arguments)?;
    let offline = Offline::start(config)?;
    let defaults = Defaults {
        top_k: arguments.top_k,
        explain: arguments.explain,
        explain_words: arguments.explain_words,
        channel: arguments.channel.as_deref().and_then(Channel::from_name).unwrap_or_default(),
    };
    let progress = progress(arguments, &source);
    // Not before the models are loaded: a run that can't do anything must not empty a file.
    let writer = writer(arguments)?;
    let (pipeline, window) = (Arc::clone(offline.pipeline()), offline.window());
    let work = Work { pipeline, defaults, window, progress };
    let bad = offline.run(work.run(source, writer))?;
    Ok(if bad == 0 { EXIT_OK } else { EXIT_PARTIAL })
}

/// What a record leaves open.
#[derive(Clone, Copy, Debug)]
struct Defaults {
    top_k: usize,
    channel: Channel,
    explain: bool,
    explain_words: bool,
}

/// Where a message stands in the input, and its text.
struct Place {
    number: u64,
    end: u64,
    sent: Sent,
}

impl Defaults {
    /// Makes the draft of the message on a line.
    fn take(self, line: Line) -> (Place, Result<MessageDraft, String>) {
        let Line { number, end, record } = line;
        let sent = record
            .as_ref()
            .map(|record| Sent { text: record.text.clone(), subject: record.subject.clone() });
        let place = Place { number, end, sent: sent.unwrap_or_default() };
        (place, record.and_then(|record| self.draft(record)))
    }

    /// Makes the draft of a message, or says which field is wrong.
    fn draft(self, mut record: MessageRecord) -> Result<MessageDraft, String> {
        record.channel.get_or_insert(self.channel);
        let mut draft = record.draft().map_err(|error| error.to_string())?;
        draft.options.top_k = self.top_k.max(1);
        draft.options.explain = self.explain;
        draft.options.explain_words = self.explain_words.then(ExplainWords::default);
        Ok(draft)
    }
}

/// Where messages come from.
enum Source {
    Messages(Vec<String>),
    Reader { reader: input::Reader, format: InputFormat, bytes: Option<u64> },
}

impl Source {
    fn of(arguments: &ClassifyArguments) -> anyhow::Result<Self> {
        if !arguments.messages.is_empty() {
            return Ok(Self::Messages(arguments.messages.clone()));
        }
        let path = arguments.input.as_deref().filter(|path| *path != Path::new("-"));
        let format = arguments.input_format.or_else(|| path.and_then(InputFormat::by_extension));
        let format = format.unwrap_or(InputFormat::Text);
        let Some(path) = path else {
            if arguments.input.is_none() && std::io::stdin().is_terminal() {
                bail!("no message given: pass one as an argument, --input FILE, or pipe some in");
            }
            let reader: input::Reader = Box::new(std::io::stdin());
            return Ok(Self::Reader { reader, format, bytes: None });
        };
        let file = File::open(path).with_context(|| format!("can't open {}", path.display()))?;
        let bytes = file.metadata().ok().filter(std::fs::Metadata::is_file).map(|meta| meta.len());
        Ok(Self::Reader { reader: Box::new(file), format, bytes })
    }

    /// Sends every record; ends early when nobody listens any more.
    fn send_all(self, lines: &mpsc::Sender<Line>) -> anyhow::Result<()> {
        match self {
            Self::Messages(messages) => {
                for (index, text) in messages.into_iter().enumerate() {
                    let line = Line::of_text(index as u64 + 1, 0, text);
                    if lines.blocking_send(line).is_err() {
                        break;
                    }
                }
                Ok(())
            }
            Self::Reader { reader, format, .. } => {
                input::read(reader, format, |line| lines.blocking_send(line).is_ok())
            }
        }
    }
}

fn writer(arguments: &ClassifyArguments) -> anyhow::Result<Writer> {
    let target = match &arguments.output {
        Some(_) => Target::File,
        None if std::io::stdout().is_terminal() => Target::Terminal,
        None => Target::Pipe,
    };
    let to_terminal = target == Target::Terminal;
    let sink: Box<dyn Write + Send> = match &arguments.output {
        Some(path) => {
            Box::new(File::create(path).with_context(|| format!("can't write {}", path.display()))?)
        }
        None => Box::new(std::io::stdout()),
    };
    let default = if to_terminal { output::Format::Table } else { output::Format::Jsonl };
    let color = match arguments.color {
        Color::Auto => to_terminal,
        Color::Always => true,
        Color::Never => false,
    };
    let format = arguments.format.unwrap_or(default);
    Ok(Writer::new(sink, format, color, target, arguments.explain_words))
}

/// Writing over the input would empty it before it is read.
fn refuse_same_file(arguments: &ClassifyArguments) -> anyhow::Result<()> {
    let (Some(input), Some(output)) = (&arguments.input, &arguments.output) else { return Ok(()) };
    // The same name or another link to it.
    let identity = |path: &Path| path.metadata().ok().map(|meta| (meta.dev(), meta.ino()));
    if identity(input).is_some_and(|input| Some(input) == identity(output)) {
        bail!("--input and --output are the same file: {}", output.display());
    }
    Ok(())
}

/// A bar over the bytes of a file, so that the remaining time is known without counting lines first.
fn progress(arguments: &ClassifyArguments, source: &Source) -> ProgressBar {
    let Source::Reader { bytes, .. } = source else {
        return ProgressBar::hidden();
    };
    if arguments.quiet || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let (bar, template) = match bytes {
        Some(bytes) => (ProgressBar::new(*bytes), "{bar:40} {percent:>3} %  {msg}  {eta} left"),
        None => (ProgressBar::no_length(), "{spinner} {msg}  {elapsed}"),
    };
    bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(5));
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

struct Work {
    pipeline: Arc<Pipeline>,
    defaults: Defaults,
    window: usize,
    progress: ProgressBar,
}

impl Work {
    /// Classifies everything in order and returns how many records were bad.
    async fn run(self, source: Source, mut writer: Writer) -> anyhow::Result<u64> {
        let (sender, receiver) = mpsc::channel(self.window);
        let reading = tokio::task::spawn_blocking(move || source.send_all(&sender));
        let lines = stream::unfold(receiver, async |mut receiver| {
            receiver.recv().await.map(|line| (line, receiver))
        });
        let draft = move |line: Line| self.defaults.take(line);
        let outcomes = classify_all(&self.pipeline, self.window, lines, draft);
        let mut outcomes = std::pin::pin!(outcomes);
        let (started, mut done, mut bad) = (Instant::now(), 0_u64, 0_u64);
        while let Some(outcome) = outcomes.next().await {
            let outcome = outcome_of(outcome?);
            done += 1;
            if let Err(reason) = &outcome.result {
                bad += 1;
                let number = outcome.number;
                self.progress.suspend(|| {
                    // Standard error may be closed; the results still say it.
                    drop(writeln!(std::io::stderr(), "line {number}: {reason}"));
                });
            }
            self.show(outcome.end, done, started.elapsed());
            writer.write(&outcome)?;
        }
        writer.finish()?;
        self.progress.finish_and_clear();
        reading.await.context("reading panicked")??;
        if bad > 0 {
            drop(writeln!(std::io::stderr(), "{bad} of {done} records were not classified"));
        }
        Ok(bad)
    }

    fn show(&self, position: u64, done: u64, elapsed: Duration) {
        self.progress.set_position(position);
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let rate = done as f64 / elapsed.as_secs_f64().max(1e-3);
        self.progress.set_message(format!("{done} messages, {rate:.0}/s"));
    }
}

/// Puts a result back to its line.
fn outcome_of((place, result): Answered<Place>) -> Outcome {
    let Place { number, end, sent } = place;
    Outcome { number, end, result: result.map(|triage| (sent, triage)) }
}

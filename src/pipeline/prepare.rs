//! From the message as it came to what the model reads, and what is found on the way.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::time::timeout_at;

use super::Tools;
use super::explain::Readable;
use super::thread::{self, EarlierMessage};
use crate::batching::AdmissionPermit;
use crate::entities::Reference;
use crate::error::{Error, Stage};
use crate::language::Language;
use crate::message::{Message, MessageField, OffsetEncoding, ValidationError, ValidationErrors};
use crate::registry::LoadedModel;
use crate::text::{CleanedText, NormalizedText};
use crate::tokenization::{TokenizationError, TokenizedMessage};
use crate::triage::FoundEntity;

/// Messages up to this size are prepared on the async thread that received them; longer ones would hold it for more than
/// 500 µs and go to a thread for blocking work.
///
/// Measured between inferences, when caches are cold: about 330 µs for a chat message of 230 bytes (tokenising 144,
/// entities 113, language 61, cleaning 8), 800 to 1,200 µs for 2,040 bytes.
const INLINE_BYTES: usize = 512;

/// Entities of a message at most; a hostile text could name thousands, and the reply would be several times its size.
pub(super) const MAX_ENTITIES: usize = 256;

/// A message ready for the queue.
pub(super) struct Prepared {
    /// Nothing of the text was left; the subject alone is read.
    pub(super) subject_only: bool,
    /// What the model reads.
    pub(super) text: String,
    pub(super) reading: TextReading,
    /// `None` when nothing is left to classify.
    pub(super) tokens: Option<TokenizedMessage>,
    /// The words, when the answer is to be explained and the operator allows it.
    pub(super) readable: Option<Readable>,
    /// Earlier messages of the customer, oldest first.
    pub(super) earlier: Vec<EarlierMessage>,
    pub(super) timings: PreparationTimings,
}

/// Where the time went.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PreparationTimings {
    pub(super) text: Duration,
    pub(super) language: Duration,
    pub(super) entities: Duration,
    pub(super) tokenize: Duration,
}

/// Prepares a message, on this thread if that is quick.
///
/// On another thread the place goes along: a caller that gives up must not leave work behind that nothing bounds.
pub(super) async fn prepare(
    message: Message,
    model: &Arc<LoadedModel>,
    tools: &Arc<Tools>,
    deadline: Instant,
    permit: Arc<AdmissionPermit>,
) -> Result<(Message, Prepared, Arc<AdmissionPermit>), Error> {
    let thread_bytes = thread::bytes_to_read(&message, &tools.thread);
    let is_short = message.text.len() + message.subject.len() + thread_bytes <= INLINE_BYTES;
    // Finding words comes on top of everything else.
    if is_short && message.options.explain_words.is_none() {
        let prepared = prepare_now(&message, model, tools)?;
        return Ok((message, prepared, permit));
    }
    let (model, tools) = (Arc::clone(model), Arc::clone(tools));
    let work = tokio::task::spawn_blocking(move || {
        if deadline <= Instant::now() {
            return Err(Error::DeadlineExceeded { stage: Stage::Text });
        }
        prepare_now(&message, &model, &tools).map(|prepared| (message, prepared, permit))
    });
    // Work that has not begun when this future is dropped never begins.
    let _abort = AbortOnDrop(work.abort_handle());
    match timeout_at(deadline.into(), work).await {
        Err(_) => Err(Error::DeadlineExceeded { stage: Stage::Text }),
        Ok(Err(_)) => Err(Error::internal("cleaning or splitting the text panicked")),
        Ok(Ok(result)) => result,
    }
}

/// Ends a task with its owner.
struct AbortOnDrop(tokio::task::AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn prepare_now(message: &Message, model: &LoadedModel, tools: &Tools) -> Result<Prepared, Error> {
    let (mut stopwatch, mut timings) = (Stopwatch::start(), PreparationTimings::default());
    let (normalized, reading) = read(message, model, tools, &mut stopwatch, &mut timings);
    let (tokens, readable) = if normalized.is_blank() {
        (None, None)
    } else {
        let (tokens, readable) = tokenize(message, &normalized, model, tools)?;
        (Some(tokens), readable)
    };
    let earlier = thread::tokenize(message, model, &tools.thread);
    timings.tokenize = stopwatch.lap();
    let NormalizedText { text, subject_only, .. } = normalized;
    Ok(Prepared { subject_only, text, reading, tokens, readable, earlier, timings })
}

/// Splits what the model reads into tokens, and finds the words of them if the answer is to be explained.
fn tokenize(
    message: &Message,
    normalized: &NormalizedText,
    model: &LoadedModel,
    tools: &Tools,
) -> Result<(TokenizedMessage, Option<Readable>), Error> {
    let (tokenizer, truncation) = (model.tokenizer(), message.options.truncation);
    if message.options.explain_words.is_none() || !tools.explainer.is_enabled() {
        let tokens = tokenizer.tokenize(&normalized.text, truncation);
        return Ok((tokens.map_err(tokenization_error)?, None));
    }
    let located = tokenizer.tokenize_located(&normalized.text, truncation);
    let located = located.map_err(tokenization_error)?;
    let readable = Readable::of(normalized, &located, message.options.offset_encoding);
    Ok((located.tokens, Some(readable)))
}

/// What the text of a message tells without a model.
#[derive(Clone, Debug)]
pub struct TextReading {
    /// Its language.
    pub language: Language,
    /// What it names.
    pub entities: Vec<FoundEntity>,
    /// Code points of what a model would read.
    pub body_chars: usize,
    /// When it was sent, or else received.
    pub sent_at: SystemTime,
}

impl TextReading {
    /// Reads a message as [`prepare`] does, up to the model.
    pub(super) fn of(message: &Message, model: &LoadedModel, tools: &Tools) -> Self {
        let mut timings = PreparationTimings::default();
        read(message, model, tools, &mut Stopwatch::start(), &mut timings).1
    }
}

/// Cleans a message and reads what it tells without a model.
fn read(
    message: &Message,
    model: &LoadedModel,
    tools: &Tools,
    stopwatch: &mut Stopwatch,
    timings: &mut PreparationTimings,
) -> (NormalizedText, TextReading) {
    let normalized = NormalizedText::of(message);
    timings.text = stopwatch.lap();
    let language = model.languages().identify(&normalized.text, &message.locale_hint);
    timings.language = stopwatch.lap();
    let sent_at = message.sent_at.unwrap_or_else(SystemTime::now);
    let entities = find_entities(message, &normalized, &language, sent_at, tools);
    timings.entities = stopwatch.lap();
    let body_chars = normalized.text.chars().count();
    (normalized, TextReading { language, entities, body_chars, sent_at })
}

/// Measures one stage after the other.
struct Stopwatch(Instant);

impl Stopwatch {
    fn start() -> Self {
        Self(Instant::now())
    }

    fn lap(&mut self) -> Duration {
        let now = Instant::now();
        now.saturating_duration_since(std::mem::replace(&mut self.0, now))
    }
}

/// Finds entities in the whole of subject and text, quotes and signatures too: the number of an order often stands only
/// in the shop's own mail that the customer answers.
fn find_entities(
    message: &Message,
    normalized: &NormalizedText,
    language: &Language,
    sent_at: SystemTime,
    tools: &Tools,
) -> Vec<FoundEntity> {
    let reference = Reference { language: &language.tag, locale: &message.locale_hint, sent_at };
    let encoding = message.options.offset_encoding;
    let fields =
        [(MessageField::Subject, &normalized.subject), (MessageField::Text, &normalized.body)];
    let mut found = Vec::new();
    for (field, cleaned) in fields {
        for entity in tools.entities.find(cleaned.plain(), &reference) {
            let section = cleaned.section_at(entity.span.start);
            let (start, end) = positions(cleaned, entity.span.clone(), encoding);
            found.push(FoundEntity { entity, field, section, start, end });
            if found.len() > MAX_ENTITIES {
                return found;
            }
        }
    }
    found
}

/// Returns where a span of the plain text stands in the text as it was sent.
pub(super) fn positions(
    cleaned: &CleanedText,
    span: std::ops::Range<usize>,
    encoding: OffsetEncoding,
) -> (usize, usize) {
    let original = match encoding {
        OffsetEncoding::CodePoints => cleaned.original_span(span),
        OffsetEncoding::Utf16 => cleaned.original_span_utf16(span),
    };
    (original.start, original.end)
}

fn tokenization_error(error: TokenizationError) -> Error {
    match error {
        TokenizationError::TooLong { tokens, max_tokens: limit } => {
            let error = ValidationError::TooManyTokens { tokens, limit };
            ValidationErrors::single("text", error).into()
        }
        failure @ TokenizationError::Failed(_) => Error::internal(failure),
    }
}

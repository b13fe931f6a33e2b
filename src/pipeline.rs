//! One message through every stage.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::timeout_at;

use crate::batching::{Admission, AdmissionPermit, Computed, Lane, QueueError};
use crate::error::{Error, FullLimit, NotReadyReason, Stage};
use crate::language::Language;
use crate::lifecycle::{Lifecycle, ServiceState};
use crate::message::{Limits, Message, MessageDraft, ValidationError, ValidationErrors};
use crate::registry::{LoadedModel, Registry};
use crate::scoring::{AbstainReason, Abstention, Prediction};
use crate::telemetry::counters::{Counters, Outcome};
use crate::telemetry::events;
use crate::text::NormalizedText;
use crate::tokenization::{TokenizationError, TokenizedMessage};
use crate::triage::{Notice, Timings, Triage};

/// Messages up to this size are cleaned and tokenised on the async thread that received them; longer ones would hold
/// it for more than 500 µs and go to a thread for blocking work.
const INLINE_BYTES: usize = 2_048;

/// Everything that a message passes through. Cheap to share.
#[derive(Debug)]
pub struct Pipeline {
    registry: Arc<Registry>,
    admission: Admission,
    counters: Arc<Counters>,
    lifecycle: Lifecycle,
    limits: Limits,
}

/// A message ready for the queue.
struct Prepared {
    normalized: NormalizedText,
    language: Language,
    /// `None` when nothing is left to classify.
    tokens: Option<TokenizedMessage>,
    text: Duration,
    tokenize: Duration,
}

impl Pipeline {
    /// Puts the parts together.
    #[must_use]
    pub fn new(
        registry: Arc<Registry>,
        admission: Admission,
        counters: Arc<Counters>,
        lifecycle: Lifecycle,
        limits: Limits,
    ) -> Self {
        Self { registry, admission, counters, lifecycle, limits }
    }

    /// Returns where models are found.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Returns what became of every message.
    #[must_use]
    pub fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    /// Checks a message; one that breaks a rule is counted as rejected.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] with every broken rule.
    pub fn validate(&self, draft: MessageDraft, found: ValidationErrors) -> Result<Message, Error> {
        draft.validate(&self.limits, found).map_err(|errors| {
            self.counters.reject();
            Error::InvalidArgument(errors)
        })
    }

    /// Takes a place for one more message of a call that has several, if enough are free.
    #[must_use]
    pub fn try_admit_bulk(&self) -> Option<AdmissionPermit> {
        self.admission.try_admit_bulk()
    }

    /// Classifies one message. Dropping the future gives the message up: its place is free at once, and it is not
    /// computed if that has not begun.
    ///
    /// `permit` is a place that was taken before; without one, the message takes one or is shed. Whether messages are
    /// answered at all is asked once for a call, with [`Self::check_ready`]: what has been taken up is answered, even
    /// while the server stops.
    ///
    /// # Errors
    /// [`Error`]; every cause is one of [`crate::error::ErrorKind`].
    pub async fn classify(
        &self,
        message: Message,
        lane: Lane,
        deadline: Instant,
        permit: Option<AdmissionPermit>,
    ) -> Result<Triage, Error> {
        let ticket = self.counters.offer();
        let id = message.id.clone();
        let result = self.admit_and_run(message, lane, deadline, permit).await;
        match &result {
            Ok(triage) => {
                ticket.settle(Outcome::Answered);
                let model = &triage.model.manifest().name;
                events::message_answered(&id, model, triage.batch_size, triage.timings.total);
            }
            Err(error) => {
                ticket.settle(Outcome::of(error));
                events::message_failed(&id, error);
            }
        }
        result
    }

    async fn admit_and_run(
        &self,
        message: Message,
        lane: Lane,
        deadline: Instant,
        permit: Option<AdmissionPermit>,
    ) -> Result<Triage, Error> {
        let model = self.registry.resolve(&message.model)?;
        if deadline <= Instant::now() {
            return Err(Error::DeadlineExceeded { stage: Stage::Admission });
        }
        let permit = permit.or_else(|| self.admission.try_admit()).ok_or(Error::Overloaded {
            limit: FullLimit::InFlight { limit: self.admission.limit() },
        })?;
        run(message, model, lane, deadline, permit).await
    }

    /// Tells whether messages can be answered at all; `messages` that come with a call are counted as failed if not.
    ///
    /// # Errors
    /// [`Error::NotReady`] while models are loading and once the server stops.
    pub fn check_ready(&self, messages: usize) -> Result<(), Error> {
        self.check_state().inspect_err(|_| {
            for _ in 0..messages {
                self.counters.offer().settle(Outcome::Failed);
            }
        })
    }

    fn check_state(&self) -> Result<(), Error> {
        match self.lifecycle.state() {
            ServiceState::Starting => Err(Error::NotReady { reason: NotReadyReason::Starting }),
            ServiceState::Stopping => Err(Error::NotReady { reason: NotReadyReason::Draining }),
            ServiceState::Serving | ServiceState::Draining | ServiceState::Failed => Ok(()),
        }
    }
}

/// Text → language → tokens → queue → engine → scoring → result.
async fn run(
    message: Message,
    model: Arc<LoadedModel>,
    lane: Lane,
    deadline: Instant,
    permit: AdmissionPermit,
) -> Result<Triage, Error> {
    let started = Instant::now();
    // The place is held until the answer is made; it goes with the future when the caller does.
    let (message, prepared, _permit) = prepare(message, &model, deadline, permit).await?;
    let Prepared { normalized, language, tokens, text, tokenize } = prepared;
    let mut timings = Timings { text, tokenize, ..Timings::default() };
    let mut triage = Triage {
        id: message.id.clone(),
        prediction: nothing_to_classify(),
        language,
        truncated: false,
        token_count: 0,
        batch_size: 0,
        raw: None,
        notices: notices(&message, &normalized),
        timings,
        model: Arc::clone(&model),
        options: message.options.clone(),
    };
    if let Some(tokens) = tokens {
        triage.truncated = tokens.truncated;
        triage.token_count = tokens.input_ids.len();
        let unknown_share = tokens.unknown_share();
        let computed = compute(&model, tokens, lane, deadline).await?;
        timings.queue = computed.queued;
        timings.inference = computed.inference;
        triage.batch_size = computed.batch_size;

        let scoring = Instant::now();
        triage.prediction =
            model.scorer().predict(&computed.output, unknown_share).map_err(Error::internal)?;
        refuse_unsupported_language(&mut triage);
        triage.raw = message.options.raw_logits.then_some(computed.output);
        timings.scoring = scoring.elapsed();
    }
    if triage.truncated {
        triage.notices.push(Notice::TextTruncated);
    }
    timings.total = started.elapsed();
    triage.timings = timings;
    Ok(triage)
}

/// Cleans and tokenises, on this thread if that is quick.
///
/// On another thread the place goes along: a caller that gives up must not leave work behind that nothing bounds.
async fn prepare(
    message: Message,
    model: &Arc<LoadedModel>,
    deadline: Instant,
    permit: AdmissionPermit,
) -> Result<(Message, Prepared, AdmissionPermit), Error> {
    if message.text.len() + message.subject.len() <= INLINE_BYTES {
        let prepared = prepare_now(&message, model)?;
        return Ok((message, prepared, permit));
    }
    let model = Arc::clone(model);
    let work = tokio::task::spawn_blocking(move || {
        if deadline <= Instant::now() {
            return Err(Error::DeadlineExceeded { stage: Stage::Text });
        }
        prepare_now(&message, &model).map(|prepared| (message, prepared, permit))
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

fn prepare_now(message: &Message, model: &LoadedModel) -> Result<Prepared, Error> {
    let started = Instant::now();
    let normalized = NormalizedText::of(message);
    let language = model.languages().identify(&normalized.text, &message.locale_hint);
    let text = started.elapsed();
    if normalized.is_blank() {
        let tokenize = Duration::ZERO;
        return Ok(Prepared { normalized, language, tokens: None, text, tokenize });
    }
    let tokens = model
        .tokenizer()
        .tokenize(&normalized.text, message.options.truncation)
        .map_err(tokenization_error)?;
    let tokenize = started.elapsed().saturating_sub(text);
    Ok(Prepared { normalized, language, tokens: Some(tokens), text, tokenize })
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

/// Queues a message and waits for its outputs.
async fn compute(
    model: &LoadedModel,
    tokens: TokenizedMessage,
    lane: Lane,
    deadline: Instant,
) -> Result<Computed, Error> {
    let submitted = model.submit(tokens, lane, deadline).map_err(queue_error)?;
    match timeout_at(deadline.into(), submitted.result).await {
        Err(_) => {
            let computing = submitted.state.is_computing();
            let stage = if computing { Stage::Inference } else { Stage::Queue };
            Err(Error::DeadlineExceeded { stage })
        }
        Ok(Err(_)) => Err(Error::NotReady { reason: NotReadyReason::WorkersLost }),
        Ok(Ok(result)) => result.map_err(queue_error),
    }
}

fn queue_error(error: QueueError) -> Error {
    match error {
        QueueError::Full { limit } => Error::Overloaded { limit: FullLimit::Queue { limit } },
        QueueError::Closed => Error::NotReady { reason: NotReadyReason::WorkersLost },
        QueueError::Expired => Error::DeadlineExceeded { stage: Stage::Queue },
        fault @ (QueueError::Engine(_) | QueueError::Panicked) => Error::internal(fault),
    }
}

fn nothing_to_classify() -> Prediction {
    let detail = "nothing is left to classify in text and subject".to_owned();
    let abstention = Some(Abstention { reason: AbstainReason::Empty, detail });
    Prediction { abstention, ..Prediction::default() }
}

/// What a model says about a language that it does not know is kept, but nobody should act on it.
fn refuse_unsupported_language(triage: &mut Triage) {
    if !triage.language.supported {
        let detail = format!("the model does not support the language {}", triage.language.tag);
        let reason = AbstainReason::UnsupportedLanguage;
        triage.prediction.abstention = Some(Abstention { reason, detail });
        triage.prediction.group_fallback = None;
    }
}

fn notices(message: &Message, normalized: &NormalizedText) -> Vec<Notice> {
    let mut notices = Vec::new();
    if message.options.include_routing == Some(true) {
        notices.push(Notice::RoutingUnavailable);
    }
    if message.options.explain {
        notices.push(Notice::ExplanationUnavailable);
    }
    if normalized.subject_only {
        notices.push(Notice::SubjectOnly);
    }
    notices
}

//! One message through every stage.

mod explain;
mod facts;
mod prepare;
mod thread;

use std::sync::Arc;
use std::time::Instant;

use tokio::time::timeout_at;

use crate::batching::{Admission, AdmissionPermit, Computed, Lane, QueueError, Submitted};
use crate::engine::MessageOutput;
use crate::entities::EntityFinder;
use crate::error::{Error, FullLimit, NotReadyReason, Stage};
use crate::explanation::{Explanation, ExplanationStatus};
use crate::lifecycle::{Lifecycle, ServiceState};
use crate::message::{
    ExplainWords, Limits, Message, MessageDraft, ValidationError, ValidationErrors,
};
use crate::policies::{ActivePolicy, Policies};
use crate::policy::Routing;
use crate::registry::rollout::{Canary, Route, ShadowJob, ShadowTap, Verdict};
use crate::registry::{LoadedModel, Registry};
use crate::scoring::{AbstainReason, Abstention, Prediction};
use crate::taxonomy::{Taxonomy, View};
use crate::telemetry::counters::{Counters, Outcome};
use crate::telemetry::events;
use crate::telemetry::usage::StageTimes;
use crate::tokenization::TokenizedMessage;
use crate::triage::{Notice, ThreadMood, Timings, Triage};

use self::explain::{Explainer, Readable};
use self::prepare::{MAX_ENTITIES, Prepared};
use self::thread::{EarlierMessage, EarlierUnavailable, LookedAt};

pub use self::explain::ExplanationSettings;
pub use self::prepare::TextReading;
pub use self::thread::ThreadSettings;

/// Everything that a message passes through. Cheap to share.
#[derive(Debug)]
pub struct Pipeline {
    registry: Arc<Registry>,
    policies: Arc<Policies>,
    admission: Admission,
    counters: Arc<Counters>,
    lifecycle: Lifecycle,
    limits: Limits,
    tools: Arc<Tools>,
}

/// What prepares messages, shared by all of them.
#[derive(Debug)]
struct Tools {
    entities: EntityFinder,
    thread: ThreadSettings,
    explainer: Explainer,
}

/// What an operator may set.
#[derive(Clone, Copy, Debug)]
pub struct PipelineSettings {
    /// What a message is checked against.
    pub limits: Limits,
    /// What is computed for the earlier messages of a conversation.
    pub thread: ThreadSettings,
    /// How the words that carried an answer are found.
    pub explanation: ExplanationSettings,
}

impl Pipeline {
    /// Puts the parts together.
    #[must_use]
    pub fn new(
        registry: Arc<Registry>,
        policies: Arc<Policies>,
        admission: Admission,
        lifecycle: Lifecycle,
        settings: PipelineSettings,
    ) -> Self {
        let PipelineSettings { limits, thread, explanation } = settings;
        let counters = Arc::new(Counters::default());
        let (entities, explainer) = (EntityFinder::new(), Explainer::new(explanation));
        let tools = Arc::new(Tools { entities, thread, explainer });
        Self { registry, policies, admission, counters, lifecycle, limits, tools }
    }

    /// Returns where models are found.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Returns where routing policies are found.
    #[must_use]
    pub fn policies(&self) -> &Policies {
        &self.policies
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
        let route = self.registry.route(&message);
        self.count(route, message, lane, deadline, permit).await
    }

    /// Classifies one message as [`Self::classify`] does, by models that were chosen before: several messages may have to
    /// be answered by the same.
    ///
    /// # Errors
    /// [`Error`]; every cause is one of [`crate::error::ErrorKind`].
    pub async fn classify_by(
        &self,
        route: Route,
        message: Message,
        lane: Lane,
        deadline: Instant,
        permit: Option<AdmissionPermit>,
    ) -> Result<Triage, Error> {
        self.count(Ok(route), message, lane, deadline, permit).await
    }

    async fn count(
        &self,
        route: Result<Route, Error>,
        message: Message,
        lane: Lane,
        deadline: Instant,
        permit: Option<AdmissionPermit>,
    ) -> Result<Triage, Error> {
        let ticket = self.counters.offer();
        let id = message.id.clone();
        let result = match route {
            Ok(route) => self.admit_and_run(route, message, lane, deadline, permit).await,
            Err(unknown) => Err(unknown),
        };
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

    /// Says what the text of a message tells without a model: language and entities. The default model says which
    /// languages there are. Blocks while it works.
    ///
    /// # Errors
    /// [`Error::NotReady`] before models are loaded.
    pub fn read(&self, message: &Message) -> Result<TextReading, Error> {
        let model = self.registry.resolve(&message.model)?;
        Ok(TextReading::of(message, &model, &self.tools))
    }

    /// Lets another policy decide about a message that was answered.
    #[must_use]
    pub fn decide(&self, triage: &Triage, message: &Message, active: &ActivePolicy) -> Routing {
        facts::decide(triage, message, active)
    }

    async fn admit_and_run(
        &self,
        route: Route,
        message: Message,
        lane: Lane,
        deadline: Instant,
        permit: Option<AdmissionPermit>,
    ) -> Result<Triage, Error> {
        let Route { primary, canary, shadow } = route;
        if deadline <= Instant::now() {
            return Err(Error::DeadlineExceeded { stage: Stage::Admission });
        }
        let permit = permit.or_else(|| self.admission.try_admit()).ok_or(Error::Overloaded {
            limit: FullLimit::InFlight { limit: self.admission.limit() },
        })?;
        let policies = self.policies.current();
        let policies = policies.ok_or(Error::NotReady { reason: NotReadyReason::Starting })?;
        let policy = Arc::clone(policies.of_tenant(&message.tenant));
        // Shared: a thread that a canary's message still occupies keeps the place as well.
        let permit = Arc::new(permit);
        let work =
            Work { model: primary, policy, tools: Arc::clone(&self.tools), lane, deadline, shadow };
        if let Some(attempt) = canary.and_then(Canary::attempt) {
            let deadline = attempt.deadline(Instant::now(), deadline);
            let work = work.by_canary(Arc::clone(attempt.model()), deadline);
            let answer = work.run(message.clone(), Arc::clone(&permit)).await;
            attempt.settle(&answer);
            if answer.is_ok() {
                return answer;
            }
        }
        // From the beginning: nothing of what a canary has done is taken over.
        work.run(message, permit).await
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

/// One message's work: model and policy are taken once, so that a change in between never mixes versions in an answer.
struct Work {
    model: Arc<LoadedModel>,
    policy: Arc<ActivePolicy>,
    tools: Arc<Tools>,
    lane: Lane,
    deadline: Instant,
    /// Reads what is answered.
    shadow: Option<ShadowTap>,
}

impl Work {
    /// The same work by another model, until its own deadline.
    fn by_canary(&self, model: Arc<LoadedModel>, deadline: Instant) -> Self {
        Self {
            model,
            policy: Arc::clone(&self.policy),
            tools: Arc::clone(&self.tools),
            lane: self.lane,
            deadline,
            shadow: None,
        }
    }

    /// Does the work and counts it as the model's.
    async fn run(&self, message: Message, permit: Arc<AdmissionPermit>) -> Result<Triage, Error> {
        let started = Instant::now();
        let result = self.answer(message, permit).await;
        match &result {
            Ok(triage) => self.model.usage().answered(&stage_times(triage)),
            Err(_) => self.model.usage().failed(started.elapsed()),
        }
        result
    }

    /// Text → language → entities → tokens → queue → engine → scoring → policy → result.
    async fn answer(
        &self,
        message: Message,
        permit: Arc<AdmissionPermit>,
    ) -> Result<Triage, Error> {
        let started = Instant::now();
        check_views(&message.options.views, self.model.taxonomy())?;
        // The place is held until the answer is made; it goes with the future when the caller does.
        let (message, mut prepared, _permit) =
            prepare::prepare(message, &self.model, &self.tools, self.deadline, permit).await?;
        let (tokens, earlier) = (prepared.tokens.take(), std::mem::take(&mut prepared.earlier));
        let (readable, text) = (prepared.readable.take(), std::mem::take(&mut prepared.text));
        let mut triage = self.unclassified(&message, prepared);
        if let Some(tokens) = tokens {
            let output = self.classify(&mut triage, tokens, earlier).await?;
            self.show(&triage, text);
            if let Some(options) = message.options.explain_words {
                let explanation = Instant::now();
                let found = self.explain(&triage, &output, readable.as_ref(), options).await;
                triage.explanation = Some(found);
                triage.timings.explanation = explanation.elapsed();
            }
            triage.raw = message.options.raw_logits.then_some(output);
        }
        let policy = Instant::now();
        if message.options.include_routing {
            let decision = facts::decide(&triage, &message, &self.policy);
            triage.routing = Some((decision, Arc::clone(&self.policy)));
        }
        triage.views = facts::views(&triage, &self.policy);
        triage.timings.policy = policy.elapsed();
        triage.timings.total = started.elapsed();
        Ok(triage)
    }

    /// Hands a message to the shadow, if it is to read it. What a model says about a text that it can't read is no measure.
    fn show(&self, triage: &Triage, text: String) {
        let Some(shadow) = self.shadow.as_ref().filter(|_| !triage.is_foreign()) else { return };
        shadow.offer(ShadowJob {
            id: triage.id.clone(),
            text,
            truncation: triage.options.truncation,
            said: Verdict::of(&triage.prediction, self.model.scorer()),
            inference: (triage.batch_size > 0).then_some(triage.timings.inference),
        });
    }

    /// Returns what is known before the model has read the message.
    fn unclassified(&self, message: &Message, prepared: Prepared) -> Triage {
        let Prepared { subject_only, reading, timings, .. } = prepared;
        let TextReading { language, mut entities, body_chars, sent_at } = reading;
        let mut notices = Vec::new();
        if subject_only {
            notices.push(Notice::SubjectOnly);
        }
        if entities.len() > MAX_ENTITIES {
            entities.truncate(MAX_ENTITIES);
            notices.push(Notice::EntitiesCut);
        }
        Triage {
            id: message.id.clone(),
            prediction: nothing_to_classify(),
            sent_at,
            body_chars,
            language,
            entities,
            thread_mood: None,
            explanation: None,
            earlier_person_required: Vec::new(),
            routing: None,
            views: Vec::new(),
            truncated: false,
            token_count: 0,
            batch_size: 0,
            raw: None,
            notices,
            timings: Timings {
                text: timings.text,
                language: timings.language,
                entities: timings.entities,
                tokenize: timings.tokenize,
                ..Timings::default()
            },
            model: Arc::clone(&self.model),
            options: message.options.clone(),
        }
    }

    /// Finds the words that carried the answer. Whatever comes of it, the message is answered.
    async fn explain(
        &self,
        triage: &Triage,
        output: &MessageOutput,
        readable: Option<&Readable>,
        options: ExplainWords,
    ) -> Explanation {
        let Some(readable) = readable else {
            return Explanation::without_words(ExplanationStatus::SkippedDisabled);
        };
        let asked = explain::Asked { triage, output, readable, options };
        self.tools.explainer.explain(&asked, self.lane, self.deadline).await
    }

    /// Lets the model read the message, and beside it the customer's earlier ones; returns what it said of the message.
    async fn classify(
        &self,
        triage: &mut Triage,
        tokens: TokenizedMessage,
        earlier: Vec<EarlierMessage>,
    ) -> Result<MessageOutput, Error> {
        let model = &self.model;
        triage.truncated = tokens.truncated;
        triage.token_count = tokens.input_ids.len();
        if tokens.truncated {
            triage.notices.push(Notice::TextTruncated);
        }
        let unknown_share = tokens.unknown_share();
        let submitted = model.submit(tokens, self.lane, self.deadline).map_err(queue_error)?;
        let expects_mood = !earlier.is_empty();
        let pending = thread::submit(earlier, model, self.lane, self.deadline);
        let computed = wait(submitted, self.deadline).await?;
        triage.timings.queue = computed.queued;
        triage.timings.inference = computed.inference;
        triage.batch_size = computed.batch_size;

        let scoring = Instant::now();
        let prediction = model.scorer().predict(&computed.output, unknown_share);
        triage.prediction = prediction.map_err(Error::internal)?;
        refuse_unsupported_language(triage);
        triage.timings.scoring = scoring.elapsed();

        if expects_mood {
            let until = self.deadline.min(Instant::now() + self.tools.thread.max_wait);
            let looked_at = match pending {
                Some(pending) => thread::wait(pending, model, until).await,
                None => Err(EarlierUnavailable),
            };
            match looked_at {
                Ok(earlier) => compare(triage, earlier),
                Err(EarlierUnavailable) => triage.notices.push(Notice::ThreadMoodUnavailable),
            }
        }
        Ok(computed.output)
    }
}

/// Puts a message beside the customer's earlier ones.
fn compare(triage: &mut Triage, earlier: LookedAt) {
    triage.earlier_person_required = earlier.person_required;
    // What the model says about the mood of a text that it can't read is no measure.
    if !triage.is_foreign()
        && let Some(polarity) = &triage.prediction.polarity
    {
        triage.thread_mood = ThreadMood::of(earlier.scores, polarity.score);
    }
}

fn stage_times(triage: &Triage) -> StageTimes {
    let times = &triage.timings;
    StageTimes {
        input: times.text + times.language + times.entities + times.tokenize,
        // A reply from the cache has waited for no thread.
        computed: (triage.batch_size > 0).then_some((times.queue, times.inference)),
        output: times.scoring + times.policy,
        total: times.total,
    }
}

/// Waits for the outputs of a message.
async fn wait(submitted: Submitted, deadline: Instant) -> Result<Computed, Error> {
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

/// Tells a caller which of the views that were asked for there are not.
fn check_views(names: &[String], taxonomy: &Taxonomy) -> Result<(), Error> {
    let mut errors = ValidationErrors::default();
    for (index, name) in names.iter().enumerate() {
        if taxonomy.view(name).is_none() {
            let value = name.chars().take(32).collect();
            let known: Vec<&str> = taxonomy.views().map(View::name).collect();
            let error = ValidationError::UnknownName { value, known: known.join(", ") };
            errors.push(format!("options.views[{index}]"), error);
        }
    }
    if errors.violations().is_empty() { Ok(()) } else { Err(errors.into()) }
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

//! Messages through the pipeline without a server: models are loaded once, several messages are under way at a time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use futures_util::{Stream, StreamExt};
use tokio::runtime::Runtime;

use crate::app::{App, engine_loader};
use crate::batching::Lane;
use crate::config::Config;
use crate::message::{MessageDraft, ValidationErrors};
use crate::pipeline::Pipeline;
use crate::triage::Triage;

/// How long one message may take. Nobody waits on the other end, so only a hang should be cut.
const TIMEOUT: Duration = Duration::from_secs(600);

/// Messages that are worked on at once: enough for full batches, few enough to keep memory and the queue small.
const WINDOW: usize = 128;

/// Loaded models and what they run on.
pub(super) struct Offline {
    runtime: Runtime,
    app: App,
    window: usize,
}

impl Offline {
    /// Loads the models that the settings name. Blocks.
    pub(super) fn start(config: Config) -> anyhow::Result<Self> {
        let window = WINDOW.min(config.limits.max_in_flight).min(config.inference.max_queue_size);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(config.server.worker_threads)
            .max_blocking_threads(config.server.text_threads + 1)
            .enable_all()
            .build()
            .context("the runtime can't start")?;
        let app = App::new(config, engine_loader());
        app.load_models()?;
        Ok(Self { runtime, app, window })
    }

    /// Returns what messages pass through.
    pub(super) fn pipeline(&self) -> &Arc<Pipeline> {
        self.app.pipeline()
    }

    /// Returns how many messages are worked on at once.
    pub(super) fn window(&self) -> usize {
        self.window
    }

    /// Does work, then lets go of the models.
    pub(super) fn run<T>(self, work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
        let Self { runtime, app, .. } = self;
        let result = runtime.block_on(async {
            let done = work.await?;
            app.unload().await?;
            Ok(done)
        });
        // After an error a reader may still wait for input that never comes.
        runtime.shutdown_background();
        result
    }
}

/// What became of a message: its key, and the result or why there is none.
pub(super) type Answered<K> = (K, Result<Box<Triage>, String>);

/// Classifies messages, `window` of them at once, and gives what became of them in their order.
///
/// `draft` makes a message of an item, or says what is wrong with it.
pub(super) fn classify_all<T, K>(
    pipeline: &Arc<Pipeline>,
    window: usize,
    items: impl Stream<Item = T>,
    draft: impl Fn(T) -> (K, Result<MessageDraft, String>) + Clone + Send + 'static,
) -> impl Stream<Item = anyhow::Result<Answered<K>>>
where
    T: Send + 'static,
    K: Send + 'static,
{
    items
        .map(move |item| {
            let (pipeline, draft) = (Arc::clone(pipeline), draft.clone());
            tokio::spawn(async move {
                let (key, draft) = draft(item);
                let result = match draft {
                    Ok(draft) => classify(&pipeline, draft).await,
                    Err(reason) => Err(reason),
                };
                (key, result)
            })
        })
        .buffered(window)
        .map(|joined| joined.context("a message's task panicked"))
}

async fn classify(pipeline: &Pipeline, draft: MessageDraft) -> Result<Box<Triage>, String> {
    let message =
        pipeline.validate(draft, ValidationErrors::default()).map_err(|error| error.to_string())?;
    pipeline
        .classify(message, Lane::Bulk, Instant::now() + TIMEOUT, None)
        .await
        .map(Box::new)
        .map_err(|error| crate::telemetry::events::chain(&error))
}

//! Builds the parts in order, owns them, and takes them down in reverse.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::future::FusedFuture;
use futures_util::{FutureExt, Stream, StreamExt};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

use crate::batching::Admission;
use crate::config::Config;
use crate::engine::candle::CandleModel;
use crate::engine::cpu::{CpuModel, InstructionSet};
use crate::engine::{EngineKind, ReplicaFactory};
use crate::feedback::FeedbackStore;
use crate::grpc::{self, GrpcError};
use crate::lifecycle::{Lifecycle, ServiceState};
use crate::model::{ModelBundle, ModelSource};
use crate::pipeline::{Pipeline, PipelineSettings};
use crate::policies::{Policies, PolicyLoadErrors};
use crate::policy::Vocabulary;
use crate::registry::{LoadError, LoadedModel, ModelManager, Registry, Snapshot, taxonomy_of};

pub use crate::registry::EngineLoader;
use crate::taxonomy::{DEFAULT_YAML, Taxonomy, TaxonomyError};
use crate::telemetry::counters::CounterSnapshot;
use crate::telemetry::events;

/// How long the last replies get to leave the connection's buffers when something else keeps it open.
const FLUSH_GRACE: Duration = Duration::from_secs(1);

/// How often the drain looks whether calls are still open.
const DRAIN_POLL: Duration = Duration::from_millis(10);

/// How often models that were taken out are looked at: their last messages take seconds at most.
const RETIRE_PAUSE: Duration = Duration::from_millis(250);

/// Why the service can't run.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The address can't be listened on.
    #[error("can't listen on {address} (server.listen)")]
    Listen {
        /// What is configured.
        address: SocketAddr,
        /// What the operating system says.
        #[source]
        source: std::io::Error,
    },
    /// The address can't be announced, for example in a port file.
    #[error("the address can't be announced")]
    Announce(#[source] std::io::Error),
    /// A model can't be read.
    #[error("model {path} can't be served")]
    Load {
        /// Which one.
        path: String,
        /// Why not.
        #[source]
        source: LoadError,
    },
    /// The taxonomy can't be read.
    #[error("can't read the taxonomy {path} (taxonomy.path)")]
    ReadTaxonomy {
        /// What is configured.
        path: PathBuf,
        /// What the operating system says.
        #[source]
        source: std::io::Error,
    },
    /// The taxonomy has faults.
    #[error("the taxonomy is not valid")]
    Taxonomy(#[from] TaxonomyError),
    /// A routing policy can't be taken up.
    #[error("a routing policy can't be taken up")]
    Policy(#[from] PolicyLoadErrors),
    /// The models can't be served.
    #[error("the models can't be served")]
    Models(#[source] LoadError),
    /// The thread that keeps feedback can't start.
    #[error("feedback can't be kept")]
    Feedback(#[source] std::io::Error),
    /// The transport failed.
    #[error("the gRPC server failed")]
    Grpc(#[from] GrpcError),
    /// A task of the service itself panicked.
    #[error("a task of the service failed")]
    Task(#[from] tokio::task::JoinError),
}

/// How the service ended.
#[derive(Clone, Copy, Debug)]
pub struct Report {
    /// What became of every message.
    pub counters: CounterSnapshot,
    /// Calls that were still open when the drain timeout passed.
    pub cut: usize,
}

/// Returns the loader for the engines of this build.
#[must_use]
pub fn engine_loader() -> Arc<EngineLoader> {
    Arc::new(|bundle, settings| {
        let threads = settings.threads_per_instance;
        let takes_int8 = match settings.engine {
            EngineKind::Auto => CpuModel::computes(bundle.architecture()),
            EngineKind::Cpu => true,
            EngineKind::Candle => false,
        };
        let factory: Arc<ReplicaFactory> = if takes_int8 {
            let instructions = settings.instruction_set.unwrap_or_else(InstructionSet::fastest);
            let model = CpuModel::load(bundle, instructions)?;
            Arc::new(move || model.replica(threads))
        } else {
            let model = CandleModel::load(bundle)?;
            Arc::new(move || model.replica(threads))
        };
        Ok(factory)
    })
}

/// Reads a taxonomy; an empty path means the one inside the program.
///
/// # Errors
/// [`AppError`] when the file can't be read or has faults.
pub fn load_taxonomy(path: &Path) -> Result<Arc<Taxonomy>, AppError> {
    let taxonomy = if path.as_os_str().is_empty() {
        Taxonomy::parse(DEFAULT_YAML, "(embedded)")?
    } else {
        let failed = |source| AppError::ReadTaxonomy { path: path.to_owned(), source };
        let yaml = std::fs::read_to_string(path).map_err(failed)?;
        Taxonomy::parse(&yaml, &path.display().to_string())?
    };
    Ok(Arc::new(taxonomy))
}

/// The parts of the service that do not depend on a transport.
#[derive(Clone)]
pub struct App {
    config: Config,
    models: Arc<ModelManager>,
    registry: Arc<Registry>,
    policies: Arc<Policies>,
    lifecycle: Lifecycle,
    pipeline: Arc<Pipeline>,
}

impl std::fmt::Debug for App {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("App").field("config", &self.config).finish_non_exhaustive()
    }
}

impl App {
    /// Puts the parts together; nothing is loaded yet. `config` must be resolved.
    #[must_use]
    pub fn new(config: Config, loader: Arc<EngineLoader>) -> Self {
        let registry = Arc::new(Registry::default());
        let lifecycle = Lifecycle::default();
        let policies = Arc::new(Policies::new(config.policy.clone()));
        let pipeline = Arc::new(Pipeline::new(
            Arc::clone(&registry),
            Arc::clone(&policies),
            Admission::new(config.limits.max_in_flight),
            lifecycle.clone(),
            PipelineSettings {
                limits: config.limits.message(),
                thread: config.thread,
                explanation: config.explanation,
            },
        ));
        let models = Arc::new(ModelManager::new(
            config.models.clone(),
            config.inference,
            loader,
            Arc::clone(&registry),
        ));
        Self { config, models, registry, policies, lifecycle, pipeline }
    }

    /// Returns what messages pass through.
    #[must_use]
    pub fn pipeline(&self) -> &Arc<Pipeline> {
        &self.pipeline
    }

    /// Returns the state of the service.
    #[must_use]
    pub fn lifecycle(&self) -> &Lifecycle {
        &self.lifecycle
    }

    /// Loads, warms and checks every configured model, takes up the policies, and begins to serve. Blocks.
    ///
    /// # Errors
    /// [`AppError`] for the first model or policy that can't be served; nothing is served then.
    pub fn load_models(&self) -> Result<(), AppError> {
        let taxonomy = load_taxonomy(&self.config.taxonomy.path)?;
        self.models.start(Arc::clone(&taxonomy)).map_err(|error| {
            if let LoadError::At { path, source } = error {
                AppError::Load { path, source: *source }
            } else {
                AppError::Models(error)
            }
        })?;
        let snapshot = self.registry.snapshot();
        self.policies.load(vocabulary_of(&taxonomy, &snapshot))?;
        // A stop that was asked for meanwhile stands.
        if self.lifecycle.advance(ServiceState::Serving) {
            events::serving(snapshot.models().len());
        }
        Ok(())
    }

    /// Returns what policies may name: the labels of the service's taxonomy and those of configured models that bring
    /// their own. Nothing is computed or served. Blocks.
    ///
    /// # Errors
    /// [`AppError`] when the taxonomy or a model can't be read.
    pub fn vocabulary(&self) -> Result<Vocabulary, AppError> {
        let service = load_taxonomy(&self.config.taxonomy.path)?;
        let mut taxonomies = vec![Arc::clone(&service)];
        for path in &self.config.models.paths {
            let failed = |source| AppError::Load { path: path.display().to_string(), source };
            let bundle = ModelBundle::load(&ModelSource::Directory(path.clone()))
                .map_err(|error| failed(error.into()))?;
            let own = taxonomy_of(&bundle, &service, &mut bundle.manifest().clone());
            taxonomies.push(own.map_err(failed)?);
        }
        Ok(Vocabulary::of(taxonomies.iter().map(AsRef::as_ref)))
    }

    /// Listens, loads the models, serves until `shutdown` resolves, and drains.
    ///
    /// The socket is there before the models: an address in use is found at once, and health says NOT_SERVING while
    /// they load. `signals` yields the names of signals: the first begins the drain, the second cuts it short.
    ///
    /// # Errors
    /// [`AppError`] when the service can't start or its transport fails.
    pub async fn serve(
        self,
        on_listening: impl FnOnce(SocketAddr) -> std::io::Result<()>,
        mut signals: impl Stream<Item = &'static str> + Unpin,
    ) -> Result<Report, AppError> {
        let address = self.config.server.listen;
        let listen_error = |source| AppError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(listen_error)?;
        let address = listener.local_addr().map_err(listen_error)?;
        events::listening(address);
        on_listening(address).map_err(AppError::Announce)?;

        let feedback = FeedbackStore::start(&self.config.feedback).map_err(AppError::Feedback)?;
        let feedback = feedback.map(Arc::new);
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let server = self.spawn_server(listener, feedback.clone(), async {
            // A dropped sender means a stop as well.
            drop(stopped.await);
        });
        let mut server = AbortOnDrop(server);
        let signal = tokio::select! {
            error = self.start_and_watch() => return Err(error),
            result = &mut server.0 => {
                result??;
                "the transport ended"
            }
            signal = next_signal(&mut signals) => signal,
        };
        events::draining(signal);
        // Fused: asked again after the drain, whether or not it has come by then.
        let mut second_signal = std::pin::pin!(next_signal(&mut signals).fuse());
        let cut = self.drain(&mut server.0, stop, second_signal.as_mut()).await;
        let report = Report { counters: self.pipeline.counters().snapshot(), cut };
        let patience = self.config.server.drain_timeout;
        tokio::select! {
            closed = self.close(feedback) => closed?,
            // An engine that does not come back must not keep the program from ending.
            () = tokio::time::sleep(patience) => events::threads_left(),
            _ = second_signal.as_mut(), if !second_signal.is_terminated() => events::threads_left(),
        }
        events::stopped(&report.counters, cut);
        Ok(report)
    }

    fn spawn_server(
        &self,
        listener: TcpListener,
        feedback: Option<Arc<FeedbackStore>>,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> JoinHandle<Result<(), GrpcError>> {
        let parts = grpc::Parts {
            pipeline: Arc::clone(&self.pipeline),
            models: Arc::clone(&self.models),
            feedback,
            lifecycle: self.lifecycle.clone(),
        };
        let config = self.config.clone();
        tokio::spawn(async move { grpc::serve(listener, parts, &config, stop).await })
    }

    /// Lets go of the models and closes the feedback store, and waits for their threads.
    async fn close(self, feedback: Option<Arc<FeedbackStore>>) -> Result<(), AppError> {
        let closing = feedback.map(|store| tokio::task::spawn_blocking(move || store.close()));
        self.unload().await?;
        if let Some(closing) = closing {
            closing.await?;
        }
        Ok(())
    }

    /// Loads models and policies and then watches inference threads, policy files and the model repository; resolves only
    /// to an error.
    async fn start_and_watch(&self) -> AppError {
        let app = self.clone();
        match tokio::task::spawn_blocking(move || app.load_models()).await {
            Err(panicked) => return panicked.into(),
            Ok(Err(error)) => return error,
            Ok(Ok(())) => {}
        }
        tokio::join!(
            self.watch_models(),
            self.watch_policies(),
            self.watch_repository(),
            self.retire_models()
        );
        std::future::pending().await
    }

    /// Looks at the policy files again and again.
    async fn watch_policies(&self) {
        let pause = self.policies.settings().reload_interval;
        if pause.is_zero() {
            return;
        }
        loop {
            tokio::time::sleep(pause).await;
            let policies = Arc::clone(&self.policies);
            if tokio::task::spawn_blocking(move || policies.reload()).await.is_err() {
                events::policy_reload_failed();
            }
        }
    }

    /// Looks at the model repository again and again.
    async fn watch_repository(&self) {
        let pause = self.models.settings().poll_interval;
        if pause.is_zero() {
            return;
        }
        loop {
            tokio::time::sleep(pause).await;
            let models = Arc::clone(&self.models);
            if tokio::task::spawn_blocking(move || models.poll()).await.is_err() {
                events::repository_poll_failed();
            }
        }
    }

    /// Lets go of models that were taken out, once nobody needs them.
    async fn retire_models(&self) {
        loop {
            tokio::time::sleep(RETIRE_PAUSE).await;
            if self.models.is_retiring() {
                let models = Arc::clone(&self.models);
                if tokio::task::spawn_blocking(move || models.retire()).await.is_err() {
                    events::repository_poll_failed();
                }
            }
        }
    }

    /// Keeps up with the models that serve: what policies may name, and whether their inference threads are alive.
    async fn watch_models(&self) {
        let mut changes = self.registry.subscribe();
        let mut watched: Vec<Weak<LoadedModel>> = Vec::new();
        let mut watchers = JoinSet::new();
        loop {
            let snapshot = self.registry.snapshot();
            if let Some(taxonomy) = self.models.taxonomy() {
                self.policies.set_vocabulary(vocabulary_of(&taxonomy, &snapshot));
            }
            watched.retain(|model| model.strong_count() > 0);
            for model in snapshot.models() {
                let is_known = |known: &Weak<_>| std::ptr::eq(known.as_ptr(), Arc::as_ptr(model));
                if watched.iter().any(is_known) {
                    continue;
                }
                // Not the model itself: it could never be let go of.
                let (weak, mut alive) = (Arc::downgrade(model), model.alive());
                watched.push(Weak::clone(&weak));
                let app = self.clone();
                watchers.spawn(async move {
                    // The sender lives in the threads themselves, so an error means that all of them are gone.
                    drop(alive.wait_for(|alive| *alive == 0).await);
                    app.note_lost(&weak);
                });
            }
            drop(snapshot);
            tokio::select! {
                changed = changes.changed() => if changed.is_err() { return },
                Some(_) = watchers.join_next() => {}
            }
        }
    }

    /// The threads of a model have ended. Those of one that was taken out have done so because of that.
    fn note_lost(&self, model: &Weak<LoadedModel>) {
        let snapshot = self.registry.snapshot();
        let is_it = |other: &Arc<LoadedModel>| std::ptr::eq(model.as_ptr(), Arc::as_ptr(other));
        let Some(place) = snapshot.models().iter().position(is_it) else { return };
        if let Some(model) = snapshot.models().get(place) {
            events::model_lost(&model.manifest().name, &model.manifest().version);
        }
        if place == 0 {
            self.lifecycle.advance(ServiceState::Failed);
        }
    }

    /// NOT_SERVING → drain delay → no new connections and calls → calls under way end, or time is up.
    ///
    /// Returns the number of calls that were cut off.
    async fn drain(
        &self,
        server: &mut JoinHandle<Result<(), GrpcError>>,
        stop: tokio::sync::oneshot::Sender<()>,
        mut second_signal: Pin<&mut impl FusedFuture<Output = &'static str>>,
    ) -> usize {
        self.lifecycle.advance(ServiceState::Draining);
        let in_a_hurry = tokio::select! {
            () = tokio::time::sleep(self.config.server.drain_delay) => false,
            _ = &mut second_signal, if !second_signal.is_terminated() => true,
        };
        self.lifecycle.advance(ServiceState::Stopping);
        if stop.send(()).is_err() {
            // The server has ended by itself already.
        }
        if !in_a_hurry && !server.is_finished() {
            tokio::select! {
                _ = server => {}
                () = self.all_answered() => {}
                () = tokio::time::sleep(self.config.server.drain_timeout) => {}
                _ = second_signal.as_mut(), if !second_signal.is_terminated() => {}
            }
        }
        self.lifecycle.open_calls()
    }

    /// Resolves when every reply has been handed over and had time to leave. What else keeps a connection open then,
    /// such as a reflection stream, is not waited for.
    async fn all_answered(&self) {
        while self.lifecycle.open_calls() > 0 {
            tokio::time::sleep(DRAIN_POLL).await;
        }
        tokio::time::sleep(FLUSH_GRACE).await;
    }

    /// Lets go of the models and waits for their threads.
    ///
    /// # Errors
    /// [`AppError::Task`] should that panic.
    pub async fn unload(self) -> Result<(), AppError> {
        let models = self.models;
        Ok(tokio::task::spawn_blocking(move || models.close()).await?)
    }
}

/// What policies may name: the labels of the service's taxonomy and those of models that bring their own.
fn vocabulary_of(service: &Taxonomy, snapshot: &Snapshot) -> Vocabulary {
    let of_models = snapshot.models().iter().map(|model| model.taxonomy().as_ref());
    Vocabulary::of(std::iter::once(service).chain(of_models))
}

/// Waits for the next signal; a stream that has ended brings none.
async fn next_signal(signals: &mut (impl Stream<Item = &'static str> + Unpin)) -> &'static str {
    match signals.next().await {
        Some(signal) => signal,
        None => std::future::pending().await,
    }
}

/// Ends a task with its owner.
struct AbortOnDrop<T>(JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

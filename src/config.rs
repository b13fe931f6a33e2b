//! Settings: defaults < file < environment < flags.

pub mod sources;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::feedback::FeedbackSettings;
use crate::message::{Limits, MAX_EXPLAINED_WORDS, MAX_THREAD_MESSAGES};
use crate::pipeline::{ExplanationSettings, ThreadSettings};
use crate::policies::PolicySettings;
use crate::registry::{InferenceSettings, ModelSettings};
use crate::telemetry::logging::LogFormat;

/// Every setting of the service; `config/default.toml` says what each means.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Sockets and draining.
    pub server: ServerConfig,
    /// What one message or call may ask for.
    pub limits: LimitsConfig,
    /// How models are computed.
    pub inference: InferenceSettings,
    /// Which models are loaded.
    pub models: ModelSettings,
    /// What labels mean and are called.
    pub taxonomy: TaxonomyConfig,
    /// How messages are routed.
    pub policy: PolicySettings,
    /// What is computed for the earlier messages of a conversation.
    pub thread: ThreadSettings,
    /// How the words that carried an answer are found.
    pub explanation: ExplanationSettings,
    /// What people say about answers.
    pub feedback: FeedbackSettings,
    /// What is logged.
    pub log: LogConfig,
}

/// Sockets and draining.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ServerConfig {
    /// Address and port to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Threads for sockets, timers and short texts. 0: one for each core, at most 4.
    pub worker_threads: usize,
    /// Threads for long texts. 0: one for each core.
    pub text_threads: usize,
    /// Size of one request at most, in bytes.
    pub max_request_bytes: usize,
    /// Size of all metadata of one request at most, in bytes.
    pub max_metadata_bytes: u32,
    /// How long a request may take to come in.
    #[serde(with = "humantime_serde")]
    pub receive_timeout: Duration,
    /// How long a new connection may take to say that it speaks HTTP/2.
    #[serde(with = "humantime_serde")]
    pub handshake_timeout: Duration,
    /// Calls at once on one connection at most.
    pub max_concurrent_streams: u32,
    /// How long calls are still taken after a signal.
    #[serde(with = "humantime_serde")]
    pub drain_delay: Duration,
    /// How long calls under way get after that.
    #[serde(with = "humantime_serde")]
    pub drain_timeout: Duration,
    /// Time between pings.
    #[serde(with = "humantime_serde")]
    pub keepalive_interval: Duration,
    /// How long a ping may stay unanswered.
    #[serde(with = "humantime_serde")]
    pub keepalive_timeout: Duration,
}

/// What one message or call may ask for.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LimitsConfig {
    /// Code points of a text at most.
    pub max_text_chars: usize,
    /// Items of one batch call at most.
    pub max_batch_items: usize,
    /// Items of one batch call that are worked on at once.
    pub batch_window: usize,
    /// Messages of one stream that are worked on at once.
    pub stream_window: usize,
    /// Messages in flight at most, over all calls.
    pub max_in_flight: usize,
    /// How long a message may take whose caller sets no deadline.
    #[serde(with = "humantime_serde")]
    pub default_timeout: Duration,
}

impl LimitsConfig {
    /// Returns the limits that a single message is checked against.
    #[must_use]
    pub fn message(&self) -> Limits {
        Limits { max_text_chars: self.max_text_chars }
    }
}

/// What labels mean and are called.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TaxonomyConfig {
    /// Taxonomy file. Empty: the one inside the program.
    pub path: PathBuf,
}

/// What is logged.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LogConfig {
    /// In the syntax of `RUST_LOG`.
    pub filter: String,
    /// How a line looks.
    pub format: LogFormat,
}

/// Why settings are not valid.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A source can't be read, has an unknown key, or a value of the wrong kind.
    #[error("the configuration is not valid")]
    Source(#[from] config::ConfigError),
    /// A flag of the form `key=value` is not.
    #[error("--set {given:?} is not of the form section.key=value")]
    Assignment {
        /// What was given.
        given: String,
    },
    /// A number outside its range.
    #[error("{key} is {value}, must lie between {min} and {max}")]
    OutOfRange {
        /// Which setting.
        key: &'static str,
        /// Number found.
        value: u128,
        /// Least number accepted.
        min: u128,
        /// Largest number accepted.
        max: u128,
    },
    /// The settings can't be written as TOML.
    #[error("the configuration can't be shown")]
    Show(#[from] toml::ser::Error),
}

impl Config {
    /// Checks what types can't say and fills in what depends on the machine.
    ///
    /// # Errors
    /// [`ConfigError::OutOfRange`] for the first number outside its range.
    pub fn resolved(mut self, cores: usize) -> Result<Self, ConfigError> {
        let cores = cores.max(1);
        let or_default = |value: usize, default: usize| if value == 0 { default } else { value };
        let server = &mut self.server;
        server.worker_threads = or_default(server.worker_threads, cores.min(4));
        server.text_threads = or_default(server.text_threads, cores);
        self.inference.instances = or_default(self.inference.instances, cores.min(4));
        self.check()?;

        // A call must not fill the server by itself and then be turned away by what it has filled.
        let room = self.limits.max_in_flight.min(self.inference.max_queue_size);
        self.limits.batch_window = self.limits.batch_window.min(room);
        self.limits.stream_window = self.limits.stream_window.min(room);
        Ok(self)
    }

    fn check(&self) -> Result<(), ConfigError> {
        let (server, limits, inference) = (&self.server, &self.limits, &self.inference);
        let explanation = &self.explanation;
        let ranges: [(&'static str, usize, usize, usize); 17] = [
            ("server.worker_threads", server.worker_threads, 1, 1_024),
            ("server.text_threads", server.text_threads, 1, 1_024),
            ("server.max_request_bytes", server.max_request_bytes, 1_024, 1 << 30),
            ("limits.max_text_chars", limits.max_text_chars, 1, 1 << 24),
            ("limits.max_batch_items", limits.max_batch_items, 1, 1 << 20),
            ("limits.batch_window", limits.batch_window, 1, 1 << 20),
            ("limits.stream_window", limits.stream_window, 1, 1 << 20),
            ("limits.max_in_flight", limits.max_in_flight, 1, 1 << 24),
            ("inference.instances", inference.instances, 1, 1_024),
            ("inference.threads_per_instance", inference.threads_per_instance, 1, 1_024),
            ("inference.max_batch_tokens", inference.max_batch_tokens, 1, 1 << 24),
            ("inference.max_batch_messages", inference.max_batch_messages, 1, 1 << 20),
            ("inference.max_queue_size", inference.max_queue_size, 1, 1 << 24),
            ("thread.max_messages", self.thread.max_messages, 0, MAX_THREAD_MESSAGES),
            ("thread.max_tokens", self.thread.max_tokens, 8, 1 << 16),
            ("explanation.max_words", explanation.max_words, 0, MAX_EXPLAINED_WORDS as usize),
            ("explanation.max_concurrent", explanation.max_concurrent, 1, 1 << 20),
        ];
        for (key, value, min, max) in ranges {
            check_range(key, value as u128, min as u128, max as u128)?;
        }
        check_range("inference.cache_bytes", u128::from(inference.cache_bytes), 0, 1 << 40)?;
        server.check()?;
        check_time("thread.max_wait (ms)", self.thread.max_wait, 0)?;
        check_time("explanation.max_wait (ms)", explanation.max_wait, 0)?;
        check_time("policy.reload_interval (ms)", self.policy.reload_interval, 0)?;
        check_time("models.poll_interval (ms)", self.models.poll_interval, 0)?;
        check_time("models.quiet_period (ms)", self.models.quiet_period, 0)?;
        // A hundred years, so that no sum of times can overflow.
        let retention = u128::from(self.feedback.retention.as_secs());
        check_range("feedback.retention (s)", retention, 0, 100 * 365 * 24 * 60 * 60)?;
        check_time("limits.default_timeout (ms)", limits.default_timeout, 1)
    }

    /// Returns the settings as a TOML file.
    ///
    /// # Errors
    /// [`ConfigError::Show`] should a value not be representable.
    pub fn to_toml(&self) -> Result<String, ConfigError> {
        Ok(toml::to_string_pretty(self)?)
    }
}

impl ServerConfig {
    fn check(&self) -> Result<(), ConfigError> {
        let metadata = u128::from(self.max_metadata_bytes);
        check_range("server.max_metadata_bytes", metadata, 1_024, 1 << 24)?;
        let streams = u128::from(self.max_concurrent_streams);
        check_range("server.max_concurrent_streams", streams, 1, 1 << 20)?;
        check_time("server.receive_timeout (ms)", self.receive_timeout, 1)?;
        check_time("server.handshake_timeout (ms)", self.handshake_timeout, 1)?;
        check_time("server.drain_delay (ms)", self.drain_delay, 0)?;
        check_time("server.drain_timeout (ms)", self.drain_timeout, 0)?;
        check_time("server.keepalive_interval (ms)", self.keepalive_interval, 1_000)?;
        check_time("server.keepalive_timeout (ms)", self.keepalive_timeout, 1_000)
    }
}

/// A day bounds every wait, so that no sum of times can overflow.
fn check_time(key: &'static str, duration: Duration, min_ms: u128) -> Result<(), ConfigError> {
    const DAY_MS: u128 = 24 * 60 * 60 * 1_000;
    check_range(key, duration.as_millis(), min_ms, DAY_MS)
}

fn check_range(key: &'static str, value: u128, min: u128, max: u128) -> Result<(), ConfigError> {
    if (min..=max).contains(&value) {
        Ok(())
    } else {
        Err(ConfigError::OutOfRange { key, value, min, max })
    }
}

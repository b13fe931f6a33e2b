//! The other end: calls to a running server, for the load generator and for commands that ask a server.

use std::time::Duration;

use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};

use super::pb;
use super::pb::classifier_service_client::ClassifierServiceClient;
use super::pb::model_service_client::ModelServiceClient;
use super::pb::server_service_client::ServerServiceClient;
use crate::message::{Author, Channel as MessageChannel, MessageDraft};

/// How long a connection and the first questions may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Largest reply that is read: a full batch with everything that a reply can have. Bytes.
const MAX_REPLY_BYTES: usize = 256 << 20;

/// Why a server can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Not an address.
    #[error("{address:?} is not an address such as 127.0.0.1:50051 or http://host:50051")]
    Address {
        /// As it was given.
        address: String,
    },
    /// Encrypted.
    #[error(
        "{address} asks for TLS, which is not supported; name the port behind the proxy that ends it"
    )]
    Tls {
        /// As it was given.
        address: String,
    },
    /// Nobody answers.
    #[error("no server can be reached at {address}")]
    Unreachable {
        /// As it was given.
        address: String,
        /// Why.
        #[source]
        source: tonic::transport::Error,
    },
    /// Somebody answers, but not as a Signalbox server would.
    #[error("what answers at {address} is not a Signalbox server: {code} {message:?}")]
    NotSignalbox {
        /// As it was given.
        address: String,
        /// gRPC code of the answer.
        code: &'static str,
        /// Its text.
        message: String,
    },
    /// It has no such model.
    #[error("the server at {address}: {message}")]
    NoModel {
        /// As it was given.
        address: String,
        /// What the server says.
        message: String,
    },
    /// It does not answer calls at the moment.
    #[error("the server at {address} does not serve: it is {state}")]
    NotServing {
        /// As it was given.
        address: String,
        /// What it does instead.
        state: &'static str,
    },
}

/// What a server says about itself.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ServerInfo {
    /// Version of the program.
    pub version: String,
    /// Name of the default model.
    pub model: String,
    /// Its version.
    pub model_version: String,
    /// What computes it.
    pub engine: String,
    /// Items of a batch at most.
    pub max_batch_items: u32,
}

/// A call without an answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CallFailure {
    /// Name of the gRPC code.
    pub code: &'static str,
    /// Whether the server did not say so itself: the connection failed, or the client's own clock ran out.
    pub is_local: bool,
}

/// Whether a message of a batch was answered: its reply, or the name of a gRPC code.
pub type ItemResult = Result<pb::ClassifyResponse, &'static str>;

/// A connection to a server.
#[derive(Clone, Debug)]
pub struct Client {
    channel: Channel,
    address: String,
}

impl Client {
    /// Connects to `host:port` or `http://host:port`.
    ///
    /// # Errors
    /// [`ClientError`] when that is no address, or nobody answers there.
    pub async fn connect(address: &str) -> Result<Self, ClientError> {
        let wrong = || ClientError::Address { address: address.to_owned() };
        let full =
            if address.contains("://") { address.to_owned() } else { format!("http://{address}") };
        let uri: http::Uri = full.parse().map_err(|_| wrong())?;
        match uri.scheme_str() {
            Some("http") => {}
            Some("https") => return Err(ClientError::Tls { address: address.to_owned() }),
            _ => return Err(wrong()),
        }
        if uri.host().is_none_or(str::is_empty) || uri.port_u16().is_none() {
            return Err(wrong());
        }
        let endpoint = Endpoint::from_shared(full)
            .and_then(|endpoint| {
                endpoint.user_agent(concat!("signalbox-bench/", env!("CARGO_PKG_VERSION")))
            })
            .map_err(|_| wrong())?
            .connect_timeout(PATIENCE)
            .tcp_nodelay(true);
        let channel = endpoint
            .connect()
            .await
            .map_err(|source| ClientError::Unreachable { address: address.to_owned(), source })?;
        Ok(Self { channel, address: address.to_owned() })
    }

    /// Asks a server what it is.
    ///
    /// # Errors
    /// [`ClientError`] when it is no Signalbox server, or does not serve.
    pub async fn server(&self) -> Result<ServerInfo, ClientError> {
        let stranger = |status: Status| self.stranger(&status);
        let status = ServerServiceClient::new(self.channel.clone())
            .get_status(first(pb::GetStatusRequest {}))
            .await
            .map_err(stranger)?
            .into_inner();
        let state = match status.state() {
            pb::ServerState::Serving => None,
            pb::ServerState::Unspecified => Some("in no state that this program knows"),
            pb::ServerState::Starting => Some("starting"),
            pb::ServerState::Draining => Some("stopping"),
            pb::ServerState::Failed => Some("failed"),
        };
        if let Some(state) = state {
            return Err(ClientError::NotServing { address: self.address.clone(), state });
        }
        let models = ModelServiceClient::new(self.channel.clone())
            .list_models(first(pb::ListModelsRequest {}))
            .await
            .map_err(stranger)?
            .into_inner()
            .models;
        let model = models.into_iter().find(|model| model.is_default).unwrap_or_default();
        Ok(ServerInfo {
            version: status.version,
            model: model.name,
            model_version: model.version,
            engine: model.engine.unwrap_or_default().name,
            max_batch_items: status.limits.unwrap_or_default().max_batch_items,
        })
    }

    /// Lets the server classify one message.
    ///
    /// # Errors
    /// [`CallFailure`] when there is no answer.
    pub async fn classify(
        &self,
        request: pb::ClassifyRequest,
        timeout: Duration,
    ) -> Result<pb::ClassifyResponse, CallFailure> {
        let mut client = ClassifierServiceClient::new(self.channel.clone())
            .max_decoding_message_size(MAX_REPLY_BYTES);
        let reply = client.classify(within(request, timeout)).await;
        reply.map(tonic::Response::into_inner).map_err(|status| failure(&status))
    }

    /// Lets the server classify several.
    ///
    /// # Errors
    /// [`CallFailure`] when there is no answer to the whole.
    pub async fn classify_batch(
        &self,
        requests: Vec<pb::ClassifyRequest>,
        timeout: Duration,
    ) -> Result<Vec<ItemResult>, CallFailure> {
        let mut client = ClassifierServiceClient::new(self.channel.clone())
            .max_decoding_message_size(MAX_REPLY_BYTES)
            .max_encoding_message_size(usize::MAX);
        let reply = client
            .classify_batch(within(pb::ClassifyBatchRequest { requests }, timeout))
            .await
            .map_err(|status| failure(&status))?;
        Ok(reply.into_inner().results.into_iter().map(item).collect())
    }

    /// Asks for the rollout of a model; an empty name means the default model.
    ///
    /// # Errors
    /// [`ClientError`] when there is no answer.
    pub async fn rollout(&self, name: &str) -> Result<pb::Rollout, ClientError> {
        let reply = ModelServiceClient::new(self.channel.clone())
            .get_rollout(first(pb::GetRolloutRequest { name: name.to_owned() }))
            .await
            .map_err(|status| {
                if status.code() != Code::NotFound {
                    return self.stranger(&status);
                }
                let message = status.message().to_owned();
                ClientError::NoModel { address: self.address.clone(), message }
            })?;
        Ok(reply.into_inner().rollout.unwrap_or_default())
    }

    fn stranger(&self, status: &Status) -> ClientError {
        ClientError::NotSignalbox {
            address: self.address.clone(),
            code: name(status.code()),
            message: status.message().to_owned(),
        }
    }
}

/// Makes a request of a message. What only routing reads (customer, order, attachments) is left out.
#[must_use]
pub fn request(draft: &MessageDraft) -> pb::ClassifyRequest {
    let thread = draft.thread.iter().map(|earlier| pb::ThreadMessage {
        author: match earlier.author {
            Author::Customer => pb::Author::Customer,
            Author::Agent => pb::Author::Agent,
            Author::Bot => pb::Author::Bot,
        }
        .into(),
        text: earlier.text.clone(),
        sent_at: None,
    });
    let channel = match draft.channel {
        MessageChannel::Unknown => pb::Channel::Unspecified,
        MessageChannel::Chat => pb::Channel::Chat,
        MessageChannel::Email => pb::Channel::Email,
        MessageChannel::Social => pb::Channel::Social,
        MessageChannel::Sms => pb::Channel::Sms,
        MessageChannel::Form => pb::Channel::Form,
        MessageChannel::Review => pb::Channel::Review,
    };
    pb::ClassifyRequest {
        text: draft.text.clone(),
        subject: draft.subject.clone(),
        channel: channel.into(),
        locale_hint: draft.locale_hint.clone(),
        thread: thread.collect(),
        tenant: draft.tenant.clone(),
        ..Default::default()
    }
}

fn first<T>(message: T) -> Request<T> {
    within(message, PATIENCE)
}

fn within<T>(message: T, timeout: Duration) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(timeout);
    request
}

fn failure(status: &Status) -> CallFailure {
    // tonic keeps the cause of what it says itself; what a server says has none.
    let is_local = std::error::Error::source(status).is_some();
    CallFailure { code: name(status.code()), is_local }
}

fn item(result: pb::ClassifyResult) -> ItemResult {
    match result.outcome {
        Some(pb::classify_result::Outcome::Response(response)) => Ok(response),
        Some(pb::classify_result::Outcome::Error(error)) => Err(match error.code() {
            pb::ErrorCode::InvalidArgument => name(Code::InvalidArgument),
            pb::ErrorCode::NotFound => name(Code::NotFound),
            pb::ErrorCode::Unauthenticated => name(Code::Unauthenticated),
            pb::ErrorCode::PermissionDenied => name(Code::PermissionDenied),
            pb::ErrorCode::FailedPrecondition => name(Code::FailedPrecondition),
            pb::ErrorCode::Overloaded => name(Code::ResourceExhausted),
            pb::ErrorCode::DeadlineExceeded => name(Code::DeadlineExceeded),
            pb::ErrorCode::NotReady => name(Code::Unavailable),
            pb::ErrorCode::Internal => name(Code::Internal),
            pb::ErrorCode::Unspecified => name(Code::Unknown),
        }),
        None => Err(name(Code::Unknown)),
    }
}

/// Names of the codes, as gRPC writes them.
fn name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

//! Around every call: its deadline counts from the moment it arrives, and it is open until its reply has left.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http_body::{Frame, SizeHint};
use tokio::time::timeout_at;
use tonic::body::Body;
use tower::Service;

use super::deadline;
use super::status::from_error;
use crate::error::{Error, Stage};
use crate::lifecycle::{Lifecycle, OpenCall};

/// Calls whose path begins like one of these are waited for when the server stops.
const WAITED_FOR: [&str; 3] = [
    "/signalbox.v1.ClassifierService/",
    "/signalbox.v1.FeedbackService/",
    "/inference.GRPCInferenceService/",
];

/// Stamps calls with their deadline, ends those whose request does not come in in time, and keeps count of open ones.
///
/// A request whose body never comes to its end would otherwise be waited for for ever, and a slow one would be computed
/// after its deadline: handlers start only once the whole request is there.
#[derive(Clone, Debug)]
pub(super) struct Calls<S> {
    inner: S,
    lifecycle: Lifecycle,
    default_timeout: Duration,
    receive_timeout: Duration,
}

impl<S> Calls<S> {
    pub(super) fn new(
        inner: S,
        lifecycle: Lifecycle,
        default_timeout: Duration,
        receive_timeout: Duration,
    ) -> Self {
        Self { inner, lifecycle, default_timeout, receive_timeout }
    }
}

type Answer = Result<http::Response<Body>, Infallible>;

impl<S, B> Service<http::Request<B>> for Calls<S>
where
    S: Service<http::Request<B>, Response = http::Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Answer> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: http::Request<B>) -> Self::Future {
        let deadline = match deadline::of(request.headers(), self.default_timeout) {
            Ok(deadline) => deadline,
            Err(error) => return Box::pin(std::future::ready(Ok(from_error(&error).into_http()))),
        };
        request.extensions_mut().insert(deadline.clone());
        let path = request.uri().path();
        let is_waited_for = WAITED_FOR.iter().any(|prefix| path.starts_with(prefix));
        let open = is_waited_for.then(|| self.lifecycle.open_call());
        let received = deadline.at.min(Instant::now() + self.receive_timeout);
        let answer = self.inner.call(request);
        Box::pin(async move {
            let mut answer = std::pin::pin!(answer);
            let response = match timeout_at(received.into(), &mut answer).await {
                Ok(response) => response,
                Err(_) if deadline.is_taken_over() => answer.await,
                Err(_) => {
                    let error = Error::DeadlineExceeded { stage: Stage::Receiving };
                    return Ok(from_error(&error).into_http());
                }
            };
            Ok(response?.map(|body| Body::new(Tracked { body, _open: open })))
        })
    }
}

/// A reply that keeps its call open until it has been handed over to the connection.
struct Tracked {
    body: Body,
    _open: Option<OpenCall>,
}

impl http_body::Body for Tracked {
    type Data = <Body as http_body::Body>::Data;
    type Error = <Body as http_body::Body>::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

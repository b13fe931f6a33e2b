//! A stream of requests, worked on a few at a time.

use std::collections::VecDeque;
use std::future::Future;
use std::time::{Duration, Instant};

use futures_util::{Stream, stream};
use tokio::sync::watch;
use tokio::task::{self, JoinError, JoinSet};
use tonic::{Status, Streaming};

use super::Context;
use super::status::from_error;
use crate::batching::AdmissionPermit;
use crate::error::{Error, NotReadyReason, Stage};
use crate::lifecycle::ServiceState;
use crate::telemetry::events;

/// How far the status that breaks a stream off stays behind the last reply. Clients on gRPC's C core (Python, C++, Ruby,
/// PHP) throw away what their program has not read yet when such a status comes in.
const TIME_TO_READ: Duration = Duration::from_millis(100);

/// Which reply goes first.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Order {
    /// Whichever is ready.
    AsReady,
    /// That to the request that came first.
    AsAsked,
}

/// How the requests of a stream are worked on.
pub(super) struct Terms<Q> {
    pub(super) order: Order,
    /// Until when the stream may go on; each request has `limits.default_timeout` in any case.
    pub(super) deadline: Option<Instant>,
    /// Says how many messages a request brings; it counts as one at least.
    pub(super) messages_of: fn(&Q) -> usize,
}

/// What a request has when it is begun with.
pub(super) struct Turn {
    /// Until when it must be answered.
    pub(super) deadline: Instant,
    /// A place for its first message; `None` while the server is full and the stream has nothing under way.
    pub(super) permit: Option<AdmissionPermit>,
}

/// Answers a stream of requests, each with what `begin` makes of it; requests with `limits.stream_window` messages in all
/// are worked on at once. All of the work belongs to the returned stream: dropping it gives everything up.
pub(super) fn replies<Q, R, F>(
    inbound: Streaming<Q>,
    context: Context,
    terms: Terms<Q>,
    begin: impl FnMut(Q, Turn) -> F,
) -> impl Stream<Item = Result<R, Status>>
where
    R: Send + 'static,
    F: Future<Output = R> + Send + 'static,
{
    let exchange = Exchange {
        state: context.lifecycle.subscribe(),
        inbound: Some(inbound),
        read: None,
        running: Running::new(terms.order),
        end: None,
        last_reply: None,
        context,
        terms,
        begin,
    };
    stream::unfold(exchange, Exchange::next)
}

/// One stream under way.
struct Exchange<Q, R, B> {
    /// `None` once nothing more is read.
    inbound: Option<Streaming<Q>>,
    /// Read, but not begun.
    read: Option<Box<Q>>,
    running: Running<R>,
    /// The status to end with, after everything that was read is answered.
    end: Option<Status>,
    last_reply: Option<Instant>,
    context: Context,
    terms: Terms<Q>,
    state: watch::Receiver<ServiceState>,
    begin: B,
}

/// What happened next.
enum Event<Q, R> {
    Request(Option<Box<Q>>),
    Broken(Status),
    Reply(Result<Box<R>, JoinError>),
    Stopping,
    Expired,
}

impl<Q, R, B, F> Exchange<Q, R, B>
where
    R: Send + 'static,
    B: FnMut(Q, Turn) -> F,
    F: Future<Output = R> + Send + 'static,
{
    async fn next(mut self) -> Option<(Result<R, Status>, Self)> {
        loop {
            self.start();
            if self.inbound.is_none() && self.running.is_empty() {
                let status = self.end.take()?;
                if let Some(last) = self.last_reply {
                    tokio::time::sleep_until((last + TIME_TO_READ).into()).await;
                }
                return Some((Err(status), self));
            }
            match self.event().await {
                Event::Request(Some(request)) => self.read = Some(request),
                Event::Request(None) => self.inbound = None,
                Event::Broken(status) => self.stop_reading(status),
                Event::Stopping => {
                    let error = Error::NotReady { reason: NotReadyReason::Draining };
                    self.stop_reading(from_error(&error));
                }
                Event::Expired => {
                    // Requests have the same deadline and answer for themselves.
                    let error = Error::DeadlineExceeded { stage: Stage::Admission };
                    self.stop_reading(from_error(&error));
                }
                Event::Reply(Ok(reply)) => {
                    self.last_reply = Some(Instant::now());
                    return Some((Ok(*reply), self));
                }
                Event::Reply(Err(_)) => {
                    // The reply that the sender waits for is lost, so the stream can't go on as if nothing happened.
                    let error = Error::internal("a request's task panicked");
                    events::stream_failed(&error);
                    self.stop_reading(from_error(&error));
                }
            }
        }
    }

    /// Waits for a reply, or for a request while the window has room.
    async fn event(&mut self) -> Event<Q, R> {
        let window = self.context.limits.stream_window;
        let has_room = self.read.is_none() && self.running.messages() < window;
        let reading = self.inbound.is_some();
        tokio::select! {
            // Replies first: they make room.
            biased;
            Some(reply) = self.running.next() => Event::Reply(reply.map(Box::new)),
            () = stopping(&mut self.state), if reading => Event::Stopping,
            () = until(self.terms.deadline), if reading => Event::Expired,
            request = read(self.inbound.as_mut()), if reading && has_room => match request {
                Ok(request) => Event::Request(request.map(Box::new)),
                Err(status) => Event::Broken(status),
            },
        }
    }

    /// Begins with the request that was read, unless the server is full and a request of our own will make room.
    fn start(&mut self) {
        let permit = self.context.pipeline.try_admit_bulk();
        if permit.is_none() && !self.running.is_empty() {
            return;
        }
        let Some(request) = self.read.take() else { return };
        let latest = Instant::now() + self.context.limits.default_timeout;
        let deadline = self.terms.deadline.map_or(latest, |deadline| deadline.min(latest));
        let window = self.context.limits.stream_window;
        let messages = (self.terms.messages_of)(&request).min(window).max(1);
        self.running.spawn(messages, (self.begin)(*request, Turn { deadline, permit }));
    }

    fn stop_reading(&mut self, status: Status) {
        self.inbound = None;
        self.end = Some(status);
    }
}

/// The requests that are being answered.
struct Running<R> {
    order: Order,
    tasks: JoinSet<R>,
    /// As they came.
    places: VecDeque<Place<R>>,
}

struct Place<R> {
    task: task::Id,
    messages: usize,
    /// Ready, but not its turn.
    reply: Option<R>,
}

impl<R: Send + 'static> Running<R> {
    fn new(order: Order) -> Self {
        Self { order, tasks: JoinSet::new(), places: VecDeque::new() }
    }

    fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    fn messages(&self) -> usize {
        self.places.iter().map(|place| place.messages).sum()
    }

    fn spawn(&mut self, messages: usize, work: impl Future<Output = R> + Send + 'static) {
        let task = self.tasks.spawn(work).id();
        self.places.push_back(Place { task, messages, reply: None });
    }

    /// Waits for the reply whose turn it is, or the end of a task without one; `None` when nothing is running. Nothing is
    /// lost when it is dropped.
    async fn next(&mut self) -> Option<Result<R, JoinError>> {
        loop {
            if let Some(reply) = self.places.front_mut().and_then(|first| first.reply.take()) {
                self.places.pop_front();
                return Some(Ok(reply));
            }
            match self.tasks.join_next_with_id().await? {
                Ok((task, reply)) => match self.order {
                    Order::AsReady => {
                        self.remove(task);
                        return Some(Ok(reply));
                    }
                    Order::AsAsked => {
                        let mut places = self.places.iter_mut();
                        if let Some(place) = places.find(|place| place.task == task) {
                            place.reply = Some(reply);
                        }
                    }
                },
                Err(panicked) => {
                    self.remove(panicked.id());
                    return Some(Err(panicked));
                }
            }
        }
    }

    fn remove(&mut self, task: task::Id) {
        self.places.retain(|place| place.task != task);
    }
}

/// Reads the next request; `None` after the last one, or when nothing is read any more.
async fn read<T>(inbound: Option<&mut Streaming<T>>) -> Result<Option<T>, Status> {
    match inbound {
        Some(inbound) => inbound.message().await,
        None => Ok(None),
    }
}

/// Waits for a moment; without one for ever.
async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}

/// Waits until the server takes no more calls.
async fn stopping(state: &mut watch::Receiver<ServiceState>) {
    // The sender lives as long as the server; should it go, the server stops as well.
    drop(state.wait_for(|state| *state == ServiceState::Stopping).await);
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use tokio::sync::oneshot;

    use super::*;

    /// Runs four tasks that end in the order second, third (a panic), fourth, first.
    async fn all(order: Order) -> Vec<Option<u32>> {
        let (second, after_second) = oneshot::channel();
        let (fourth, after_fourth) = oneshot::channel();
        let mut running = Running::new(order);
        running.spawn(1, after_fourth.map(|_| 1));
        running.spawn(2, async move { second.send(()).map_or(0, |()| 2) });
        running.spawn(1, async { panic!("test") });
        running.spawn(1, after_second.map(|_| fourth.send(()).map_or(0, |()| 4)));
        assert_eq!(running.messages(), 5);
        let mut replies = Vec::new();
        while let Some(reply) = running.next().await {
            replies.push(reply.ok());
        }
        assert!(running.is_empty());
        replies
    }

    #[tokio::test]
    async fn replies_come_as_they_are_ready_or_as_they_were_asked_for() {
        assert_eq!(all(Order::AsReady).await, [Some(2), None, Some(4), Some(1)]);
        assert_eq!(all(Order::AsAsked).await, [None, Some(1), Some(2), Some(4)]);
    }

    #[tokio::test]
    async fn waiting_may_be_given_up_without_losing_a_reply() {
        let (first, after_first) = oneshot::channel();
        let mut running = Running::new(Order::AsAsked);
        running.spawn(1, after_first.map(|_| 1));
        running.spawn(1, std::future::ready(2));
        while running.tasks.len() == 2 {
            tokio::task::yield_now().await;
            assert!(running.next().now_or_never().is_none());
        }

        first.send(()).unwrap();

        assert_eq!(running.next().await.unwrap().unwrap(), 1);
        assert_eq!(running.next().await.unwrap().unwrap(), 2);
        assert!(running.next().await.is_none());
    }
}

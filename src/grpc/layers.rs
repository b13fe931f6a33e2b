//! Layers around every service.

use std::any::Any;

use tonic::Status;
use tonic::body::Body;
use tower_http::catch_panic::{CatchPanicLayer, ResponseForPanic};

use crate::error::Error;
use crate::telemetry::events;

/// Turns a panic in a handler into INTERNAL; without it the client sees CANCELLED.
pub(super) type CatchPanic = CatchPanicLayer<PanicResponse>;

/// Makes [`CatchPanic`].
pub(super) fn catch_panic() -> CatchPanic {
    CatchPanicLayer::custom(PanicResponse)
}

#[derive(Clone, Debug)]
pub(super) struct PanicResponse;

impl ResponseForPanic for PanicResponse {
    type ResponseBody = Body;

    fn response_for_panic(&mut self, payload: Box<dyn Any + Send>) -> http::Response<Body> {
        // What a panic says may quote a message; the panic hook has told its place.
        drop(payload);
        let error = Error::internal("a handler panicked");
        events::handler_panicked(&error);
        let status: Status = super::status::from_error(&error);
        status.into_http()
    }
}

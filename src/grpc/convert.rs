//! Requests to messages and results to replies.

mod explanation;
mod reply;
mod request;
mod routing;

pub(super) use reply::response;
pub(super) use request::{channel_of, draft, identify, time_of};

//! `grpc.health.v1`: whether the service can answer.
//!
//! tonic-health's own service says SERVING before anything is loaded, answers `Watch` of an unknown name with NOT_FOUND
//! where the protocol wants SERVICE_UNKNOWN, and keeps watchers open for ever, which holds up a drain.

use std::pin::Pin;

use futures_util::{Stream, stream};
use tokio::sync::watch;
use tonic::server::NamedService;
use tonic::{Request, Response, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use super::classifier::Classifier;
use super::feedback::Feedback;
use super::inference::InferenceService;
use super::inference::pb::grpc_inference_service_server::GrpcInferenceServiceServer;
use super::models::Models;
use super::pb::classifier_service_server::ClassifierServiceServer;
use super::pb::feedback_service_server::FeedbackServiceServer;
use super::pb::model_service_server::ModelServiceServer;
use super::pb::policy_service_server::PolicyServiceServer;
use super::pb::server_service_server::ServerServiceServer;
use super::pb::taxonomy_service_server::TaxonomyServiceServer;
use super::policies::Policies;
use super::server_status::ServerStatus;
use super::taxonomy::Taxonomies;
use crate::lifecycle::{Lifecycle, ServiceState};

/// Makes the health service.
pub(super) fn service(lifecycle: Lifecycle) -> HealthServer<impl Health> {
    HealthServer::new(HealthService { lifecycle })
}

struct HealthService {
    lifecycle: Lifecycle,
}

/// Names that can be asked for; the empty one means the whole server.
fn is_known(service: &str) -> bool {
    [
        "",
        ClassifierServiceServer::<Classifier>::NAME,
        FeedbackServiceServer::<Feedback>::NAME,
        ModelServiceServer::<Models>::NAME,
        PolicyServiceServer::<Policies>::NAME,
        ServerServiceServer::<ServerStatus>::NAME,
        TaxonomyServiceServer::<Taxonomies>::NAME,
        GrpcInferenceServiceServer::<InferenceService>::NAME,
    ]
    .contains(&service)
}

fn status_of(state: ServiceState) -> ServingStatus {
    match state {
        ServiceState::Serving => ServingStatus::Serving,
        ServiceState::Starting
        | ServiceState::Draining
        | ServiceState::Stopping
        | ServiceState::Failed => ServingStatus::NotServing,
    }
}

fn response(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse { status: status.into() }
}

/// A watcher: what it saw last, and where it sees changes.
struct Watcher {
    known: bool,
    last: Option<ServingStatus>,
    state: watch::Receiver<ServiceState>,
}

impl Watcher {
    /// Waits for the next status that differs from the last; `None` once the server stops.
    async fn next(mut self) -> Option<(Result<HealthCheckResponse, Status>, Self)> {
        loop {
            let state = *self.state.borrow_and_update();
            let status = if self.known { status_of(state) } else { ServingStatus::ServiceUnknown };
            if self.last != Some(status) {
                self.last = Some(status);
                return Some((Ok(response(status)), self));
            }
            if state == ServiceState::Stopping || self.state.changed().await.is_err() {
                return None;
            }
        }
    }
}

#[tonic::async_trait]
impl Health for HealthService {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        if !is_known(&request.get_ref().service) {
            return Err(Status::not_found("the service is not known"));
        }
        Ok(Response::new(response(status_of(self.lifecycle.state()))))
    }

    type WatchStream = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let known = is_known(&request.get_ref().service);
        let watcher = Watcher { known, last: None, state: self.lifecycle.subscribe() };
        Ok(Response::new(Box::pin(stream::unfold(watcher, Watcher::next))))
    }
}

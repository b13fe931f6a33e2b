//! `GRPCInferenceService`: the Open Inference Protocol (version 2) of KServe and Triton, on the pipeline of the native
//! API. docs/inference-protocol.md says which tensors and parameters there are.

mod contents;
mod describe;
mod infer;
mod input;
mod json;
mod output;
mod parameters;
mod reply;
mod repository;
mod request;
mod stream;

use std::pin::Pin;
use std::sync::Arc;

use futures_util::Stream;
use tonic::codec::CompressionEncoding;
use tonic::{Request, Response, Status, Streaming};

use self::infer::{Call, Inference};
use self::json::ReplyJson;
use self::pb::grpc_inference_service_server::{GrpcInferenceService, GrpcInferenceServiceServer};
use super::Context;
use super::deadline;
use super::models::Models;
use super::status::{from_error, from_message_error};
use crate::lifecycle::ServiceState;
use crate::message::MAX_NAME_CHARS;

pub use self::json::ReplyJsonError;

/// Code generated from `proto/inference`.
#[allow(
    missing_docs,
    unreachable_pub,
    missing_debug_implementations,
    clippy::all,
    clippy::pedantic,
    clippy::restriction,
    reason = "generated"
)]
pub mod pb {
    tonic::include_proto!("inference");
}

/// What the service and its models call the platform.
const PLATFORM: &str = "signalbox";

/// Extensions of the protocol that are spoken, by Triton's names.
const EXTENSIONS: [&str; 5] =
    ["classification", "model_configuration", "model_repository", "schedule_policy", "statistics"];

/// Makes the service.
///
/// Requests may be compressed. Replies are not: stock clients say with every call that they take compressed ones, and
/// most of them are too small to gain by it.
///
/// # Errors
/// [`ReplyJsonError`] when the definitions inside the program are damaged.
pub(super) fn service(
    context: Context,
) -> Result<GrpcInferenceServiceServer<InferenceService>, ReplyJsonError> {
    let limit = context.max_request_bytes;
    let json = Arc::new(ReplyJson::new()?);
    let models = Models::new(context.clone());
    let service = InferenceService { inference: Inference { context, json }, models };
    Ok(GrpcInferenceServiceServer::new(service)
        .max_decoding_message_size(limit)
        .accept_compressed(CompressionEncoding::Gzip)
        .accept_compressed(CompressionEncoding::Deflate))
}

#[derive(Clone, Debug)]
pub(super) struct InferenceService {
    inference: Inference,
    models: Models,
}

impl InferenceService {
    fn context(&self) -> &Context {
        &self.inference.context
    }
}

#[tonic::async_trait]
impl GrpcInferenceService for InferenceService {
    async fn server_live(
        &self,
        _request: Request<pb::ServerLiveRequest>,
    ) -> Result<Response<pb::ServerLiveResponse>, Status> {
        Ok(Response::new(pb::ServerLiveResponse { live: true }))
    }

    async fn server_ready(
        &self,
        _request: Request<pb::ServerReadyRequest>,
    ) -> Result<Response<pb::ServerReadyResponse>, Status> {
        let ready = self.context().lifecycle.state() == ServiceState::Serving;
        Ok(Response::new(pb::ServerReadyResponse { ready }))
    }

    async fn model_ready(
        &self,
        request: Request<pb::ModelReadyRequest>,
    ) -> Result<Response<pb::ModelReadyResponse>, Status> {
        let pb::ModelReadyRequest { name, version } = request.into_inner();
        let ready = self.context().pipeline.check_ready(0).is_ok()
            && describe::find(self.context(), name, version)
                .is_ok_and(|model| describe::is_alive(&model));
        Ok(Response::new(pb::ModelReadyResponse { ready }))
    }

    async fn server_metadata(
        &self,
        _request: Request<pb::ServerMetadataRequest>,
    ) -> Result<Response<pb::ServerMetadataResponse>, Status> {
        Ok(Response::new(pb::ServerMetadataResponse {
            name: PLATFORM.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            extensions: EXTENSIONS.map(str::to_owned).into(),
        }))
    }

    async fn model_metadata(
        &self,
        request: Request<pb::ModelMetadataRequest>,
    ) -> Result<Response<pb::ModelMetadataResponse>, Status> {
        self.models.check_started()?;
        let pb::ModelMetadataRequest { name, version } = request.into_inner();
        let model = describe::find(self.context(), name, version)?;
        let snapshot = self.context().pipeline.registry().snapshot();
        Ok(Response::new(describe::metadata(&model, &snapshot)))
    }

    async fn model_infer(
        &self,
        request: Request<pb::ModelInferRequest>,
    ) -> Result<Response<pb::ModelInferResponse>, Status> {
        let deadline = deadline::take_over(&request, self.context().limits.default_timeout);
        let request = request.into_inner();
        let id: String = request.id.chars().take(MAX_NAME_CHARS).collect();
        let answer = async {
            self.context().pipeline.check_ready(1)?;
            let deadline = deadline.from_caller.then_some(deadline.at);
            self.inference.infer(request, Call { deadline, is_streamed: false, permit: None }).await
        };
        answer.await.map(Response::new).map_err(|error| match id.as_str() {
            "" => from_error(&error),
            id => from_message_error(id, &error),
        })
    }

    type ModelStreamInferStream =
        Pin<Box<dyn Stream<Item = Result<pb::ModelStreamInferResponse, Status>> + Send>>;

    async fn model_stream_infer(
        &self,
        request: Request<Streaming<pb::ModelInferRequest>>,
    ) -> Result<Response<Self::ModelStreamInferStream>, Status> {
        // Without a deadline of the caller a stream may stay open for ever; each request still has its own.
        let deadline = deadline::take_over(&request, self.context().limits.default_timeout);
        let deadline = deadline.from_caller.then_some(deadline.at);
        self.context().pipeline.check_ready(0).map_err(|error| from_error(&error))?;
        let replies = stream::replies(request.into_inner(), self.inference.clone(), deadline);
        Ok(Response::new(Box::pin(replies)))
    }

    async fn model_config(
        &self,
        request: Request<pb::ModelConfigRequest>,
    ) -> Result<Response<pb::ModelConfigResponse>, Status> {
        self.models.check_started()?;
        let pb::ModelConfigRequest { name, version } = request.into_inner();
        let model = describe::find(self.context(), name, version)?;
        let config = describe::config(&model, &self.context().limits);
        Ok(Response::new(pb::ModelConfigResponse { config: Some(config) }))
    }

    async fn model_statistics(
        &self,
        request: Request<pb::ModelStatisticsRequest>,
    ) -> Result<Response<pb::ModelStatisticsResponse>, Status> {
        self.models.check_started()?;
        let pb::ModelStatisticsRequest { name, version } = request.into_inner();
        let models = describe::find_all(self.context(), name, version)?;
        let model_stats = models.iter().map(|model| describe::statistics(model)).collect();
        Ok(Response::new(pb::ModelStatisticsResponse { model_stats }))
    }

    async fn repository_index(
        &self,
        request: Request<pb::RepositoryIndexRequest>,
    ) -> Result<Response<pb::RepositoryIndexResponse>, Status> {
        self.models.check_started()?;
        let pb::RepositoryIndexRequest { repository_name, ready } = request.into_inner();
        repository::check_repository(&repository_name)?;
        let models = repository::index(self.context(), ready);
        Ok(Response::new(pb::RepositoryIndexResponse { models }))
    }

    async fn repository_model_load(
        &self,
        request: Request<pb::RepositoryModelLoadRequest>,
    ) -> Result<Response<pb::RepositoryModelLoadResponse>, Status> {
        let pb::RepositoryModelLoadRequest { repository_name, model_name, parameters } =
            request.into_inner();
        repository::check_repository(&repository_name)?;
        let (name, version) = repository::version_to_load(model_name, parameters)?;
        self.models.change(move |models| models.load(&name, &version)).await?;
        Ok(Response::new(pb::RepositoryModelLoadResponse {}))
    }

    async fn repository_model_unload(
        &self,
        request: Request<pb::RepositoryModelUnloadRequest>,
    ) -> Result<Response<pb::RepositoryModelUnloadResponse>, Status> {
        let pb::RepositoryModelUnloadRequest { repository_name, model_name, parameters } =
            request.into_inner();
        repository::check_repository(&repository_name)?;
        let (name, version) = repository::version_to_unload(model_name, parameters)?;
        self.models.change(move |models| models.unload(&name, &version)).await?;
        Ok(Response::new(pb::RepositoryModelUnloadResponse {}))
    }

    async fn system_shared_memory_status(
        &self,
        _request: Request<pb::SystemSharedMemoryStatusRequest>,
    ) -> Result<Response<pb::SystemSharedMemoryStatusResponse>, Status> {
        Err(no_shared_memory())
    }

    async fn system_shared_memory_register(
        &self,
        _request: Request<pb::SystemSharedMemoryRegisterRequest>,
    ) -> Result<Response<pb::SystemSharedMemoryRegisterResponse>, Status> {
        Err(no_shared_memory())
    }

    async fn system_shared_memory_unregister(
        &self,
        _request: Request<pb::SystemSharedMemoryUnregisterRequest>,
    ) -> Result<Response<pb::SystemSharedMemoryUnregisterResponse>, Status> {
        Err(no_shared_memory())
    }

    async fn cuda_shared_memory_status(
        &self,
        _request: Request<pb::CudaSharedMemoryStatusRequest>,
    ) -> Result<Response<pb::CudaSharedMemoryStatusResponse>, Status> {
        Err(no_shared_memory())
    }

    async fn cuda_shared_memory_register(
        &self,
        _request: Request<pb::CudaSharedMemoryRegisterRequest>,
    ) -> Result<Response<pb::CudaSharedMemoryRegisterResponse>, Status> {
        Err(no_shared_memory())
    }

    async fn cuda_shared_memory_unregister(
        &self,
        _request: Request<pb::CudaSharedMemoryUnregisterRequest>,
    ) -> Result<Response<pb::CudaSharedMemoryUnregisterResponse>, Status> {
        Err(no_shared_memory())
    }

    async fn trace_setting(
        &self,
        _request: Request<pb::TraceSettingRequest>,
    ) -> Result<Response<pb::TraceSettingResponse>, Status> {
        Err(Status::unimplemented("traces have no settings that calls may read or change"))
    }

    async fn log_settings(
        &self,
        _request: Request<pb::LogSettingsRequest>,
    ) -> Result<Response<pb::LogSettingsResponse>, Status> {
        Err(Status::unimplemented("the log has no settings that calls may read or change"))
    }
}

fn no_shared_memory() -> Status {
    Status::unimplemented("tensors travel in the request and the reply, not in shared memory")
}

/// Shows what a caller sent in an error: quoted, at most 32 characters of it.
fn shown(value: &str) -> String {
    const SHOWN_CHARS: usize = 32;
    let cut: String = value.chars().take(SHOWN_CHARS).collect();
    format!("{cut:?}")
}

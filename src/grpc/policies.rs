//! `PolicyService`: which routing policies are in force.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use super::Context;
use super::pb;
use super::pb::policy_service_server::{PolicyService, PolicyServiceServer};
use super::status::from_error;
use super::{MAX_QUESTION_BYTES, to_u32};
use crate::error::{Error, NotReadyReason};
use crate::policies::{ActivePolicy, PolicyFault, PolicySet};

/// Makes the service.
pub(super) fn service(context: Context) -> PolicyServiceServer<Policies> {
    PolicyServiceServer::new(Policies { context }).max_decoding_message_size(MAX_QUESTION_BYTES)
}

#[derive(Clone, Debug)]
pub(super) struct Policies {
    context: Context,
}

impl Policies {
    fn current(&self) -> Result<Arc<PolicySet>, Status> {
        let starting = || from_error(&Error::NotReady { reason: NotReadyReason::Starting });
        self.context.pipeline.policies().current().ok_or_else(starting)
    }
}

#[tonic::async_trait]
impl PolicyService for Policies {
    async fn list_policies(
        &self,
        _request: Request<pb::ListPoliciesRequest>,
    ) -> Result<Response<pb::ListPoliciesResponse>, Status> {
        let current = self.current()?;
        Ok(Response::new(pb::ListPoliciesResponse {
            policies: current.iter().map(|policy| describe(policy)).collect(),
            faults: current.faults().iter().map(fault).collect(),
        }))
    }

    async fn get_policy(
        &self,
        request: Request<pb::GetPolicyRequest>,
    ) -> Result<Response<pb::GetPolicyResponse>, Status> {
        let current = self.current()?;
        let policy = current.of_tenant(&request.get_ref().tenant);
        Ok(Response::new(pb::GetPolicyResponse {
            policy: Some(describe(policy)),
            source: policy.source.clone(),
        }))
    }
}

fn describe(active: &ActivePolicy) -> pb::Policy {
    pb::Policy {
        name: active.policy.name().to_owned(),
        tenant: active.tenant.clone(),
        digest: active.policy.digest().to_owned(),
        origin: active.origin.clone(),
        loaded_at: Some(active.loaded_at.into()),
        rule_count: to_u32(active.policy.rule_ids().count()),
    }
}

fn fault(fault: &PolicyFault) -> pb::PolicyFault {
    pb::PolicyFault {
        origin: fault.origin.clone(),
        message: fault.message.clone(),
        found_at: Some(fault.found_at.into()),
    }
}

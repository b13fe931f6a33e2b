//! One code per cause: the table that maps [`ErrorKind`] to gRPC.

use std::collections::HashMap;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

use super::pb;
use crate::error::{Error, ErrorKind};

/// Domain of the error reasons in `google.rpc.ErrorInfo`.
const DOMAIN: &str = "signalbox";

/// Returns the gRPC code and the in-band code of a cause.
fn codes(kind: ErrorKind) -> (Code, pb::ErrorCode) {
    match kind {
        ErrorKind::InvalidArgument => (Code::InvalidArgument, pb::ErrorCode::InvalidArgument),
        ErrorKind::NotFound => (Code::NotFound, pb::ErrorCode::NotFound),
        ErrorKind::FailedPrecondition => {
            (Code::FailedPrecondition, pb::ErrorCode::FailedPrecondition)
        }
        ErrorKind::PermissionDenied => (Code::PermissionDenied, pb::ErrorCode::PermissionDenied),
        ErrorKind::Overloaded => (Code::ResourceExhausted, pb::ErrorCode::Overloaded),
        ErrorKind::DeadlineExceeded => (Code::DeadlineExceeded, pb::ErrorCode::DeadlineExceeded),
        ErrorKind::NotReady => (Code::Unavailable, pb::ErrorCode::NotReady),
        ErrorKind::Internal => (Code::Internal, pb::ErrorCode::Internal),
    }
}

/// Returns the status of a failed call, with the standard details.
pub(super) fn from_error(error: &Error) -> Status {
    with_metadata(error, HashMap::new())
}

/// Returns the status of a call for one message; its details carry the message's id, as the log does.
pub(super) fn from_message_error(id: &str, error: &Error) -> Status {
    with_metadata(error, HashMap::from([("id".to_owned(), id.to_owned())]))
}

fn with_metadata(error: &Error, mut metadata: HashMap<String, String>) -> Status {
    let (code, item_code) = codes(error.kind());
    let reason = item_code.as_str_name().trim_start_matches("ERROR_CODE_");
    let mut details = ErrorDetails::new();
    match error {
        Error::InvalidArgument(errors) => {
            let violations = errors
                .violations()
                .iter()
                .map(|violation| {
                    FieldViolation::new(violation.field.clone(), violation.error.to_string())
                })
                .collect::<Vec<_>>();
            details.set_bad_request(violations);
        }
        Error::ModelNotFound { name, version, .. } => {
            let resource =
                if version.is_empty() { name.clone() } else { format!("{name}/{version}") };
            details.set_resource_info("model", resource, "", error.to_string());
        }
        Error::DeadlineExceeded { stage } => {
            metadata.insert("stage".to_owned(), stage.as_str().to_owned());
        }
        Error::Internal { id, .. } => {
            metadata.insert("error_id".to_owned(), id.to_string());
        }
        Error::FailedPrecondition { .. }
        | Error::PermissionDenied { .. }
        | Error::Overloaded { .. }
        | Error::NotReady { .. } => {}
    }
    if let Some(delay) = error.retry_after() {
        details.set_retry_info(Some(delay));
    }
    details.set_error_info(reason, DOMAIN, metadata);
    Status::with_error_details(code, error.to_string(), details)
}

/// Returns the in-band error of a batch or stream item.
pub(super) fn item_error(error: &Error) -> pb::Error {
    let (_, code) = codes(error.kind());
    let mut item = pb::Error {
        code: code.into(),
        message: error.to_string(),
        retry_after: error.retry_after().and_then(|delay| delay.try_into().ok()),
        ..pb::Error::default()
    };
    match error {
        Error::InvalidArgument(errors) => {
            item.field_violations = errors
                .violations()
                .iter()
                .map(|violation| pb::FieldViolation {
                    field: violation.field.clone(),
                    description: violation.error.to_string(),
                })
                .collect();
        }
        Error::DeadlineExceeded { stage } => stage.as_str().clone_into(&mut item.stage),
        Error::Internal { id, .. } => item.error_id = id.to_string(),
        Error::ModelNotFound { .. }
        | Error::FailedPrecondition { .. }
        | Error::PermissionDenied { .. }
        | Error::Overloaded { .. }
        | Error::NotReady { .. } => {}
    }
    item
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{FullLimit, NotReadyReason, Stage};
    use crate::message::{ValidationError, ValidationErrors};

    /// Every cause with the code that a unary call and an item must carry, and whether it says when to retry.
    fn table() -> Vec<(Error, Code, pb::ErrorCode, bool)> {
        let mut errors = ValidationErrors::single("text", ValidationError::Missing);
        errors.push("id", ValidationError::Missing);
        vec![
            (errors.into(), Code::InvalidArgument, pb::ErrorCode::InvalidArgument, false),
            (
                Error::ModelNotFound {
                    name: "x".into(),
                    version: "1".into(),
                    loaded: "default/1".into(),
                },
                Code::NotFound,
                pb::ErrorCode::NotFound,
                false,
            ),
            (
                Error::Overloaded { limit: FullLimit::Queue { limit: 3 } },
                Code::ResourceExhausted,
                pb::ErrorCode::Overloaded,
                true,
            ),
            (
                Error::DeadlineExceeded { stage: Stage::Queue },
                Code::DeadlineExceeded,
                pb::ErrorCode::DeadlineExceeded,
                false,
            ),
            (
                Error::NotReady { reason: NotReadyReason::Draining },
                Code::Unavailable,
                pb::ErrorCode::NotReady,
                true,
            ),
            (
                Error::FailedPrecondition { reason: "in use".into() },
                Code::FailedPrecondition,
                pb::ErrorCode::FailedPrecondition,
                false,
            ),
            (
                Error::PermissionDenied { reason: "off".into() },
                Code::PermissionDenied,
                pb::ErrorCode::PermissionDenied,
                false,
            ),
            (Error::internal("cause"), Code::Internal, pb::ErrorCode::Internal, false),
        ]
    }

    #[test]
    fn every_cause_has_one_code_on_every_path() {
        for (error, code, item_code, retry) in table() {
            let status = from_error(&error);
            let item = item_error(&error);

            assert_eq!((status.code(), item.code()), (code, item_code));
            let details = status.get_error_details();
            assert_eq!(details.retry_info().is_some(), retry, "{error}");
            assert_eq!(item.retry_after.is_some(), retry, "{error}");
            assert!(details.error_info().is_some(), "{error}");
        }
    }

    #[test]
    fn all_violations_are_told_on_both_paths() {
        let (error, ..) = table().remove(0);

        let status = from_error(&error);

        let details = status.get_error_details();
        let fields: Vec<&str> = details
            .bad_request()
            .unwrap()
            .field_violations
            .iter()
            .map(|violation| violation.field.as_str())
            .collect();
        assert_eq!(fields, ["text", "id"]);
        assert_eq!(item_error(&error).field_violations.len(), 2);
    }

    #[test]
    fn internal_errors_tell_only_their_id() {
        let error = Error::internal("secret cause");

        let status = from_error(&error);

        assert!(!format!("{status:?}").contains("secret"));
        assert_eq!(item_error(&error).error_id.len(), 36);
    }
}

//! Parameters of a request.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::{pb, shown};
use crate::message::{ValidationError, ValidationErrors};
use pb::infer_parameter::ParameterChoice;

/// Priorities that a request may name, from 1, the most urgent, on.
pub(super) const PRIORITY_LEVELS: u32 = 2;

/// Time that a request may ask for at most, in microseconds: a day, so that no sum of times can overflow.
const MAX_TIMEOUT_US: i64 = 24 * 60 * 60 * 1_000_000;

const PRIORITY: &str = "priority";
const TIMEOUT: &str = "timeout";
const FINAL_RESPONSE: &str = "triton_enable_empty_final_response";

/// What a request asks for beside its tensors.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Parameters {
    /// From 1 to [`PRIORITY_LEVELS`]; `None` leaves it to the server.
    pub(super) priority: Option<u32>,
    /// How long the request may take.
    pub(super) timeout: Option<Duration>,
    /// The reply shall say that no other will come.
    pub(super) marks_final: bool,
}

impl Parameters {
    /// Reads the parameters of a request. What is wrong is noted.
    pub(super) fn read(
        parameters: &BTreeMap<String, pb::InferParameter>,
        is_streamed: bool,
        errors: &mut ValidationErrors,
    ) -> Self {
        let mut read = Self::default();
        for (key, parameter) in parameters {
            let field = format!("parameters.{key}");
            match key.as_str() {
                PRIORITY => {
                    let levels = 0..=i64::from(PRIORITY_LEVELS);
                    let priority = whole_number(&field, parameter, levels, errors);
                    read.priority = priority.and_then(|level| u32::try_from(level).ok());
                    // As Triton has it, 0 leaves it to the server.
                    read.priority = read.priority.filter(|level| *level > 0);
                }
                TIMEOUT => {
                    let timeout = whole_number(&field, parameter, 0..=MAX_TIMEOUT_US, errors);
                    let microseconds = timeout.and_then(|us| u64::try_from(us).ok());
                    // As Triton has it, 0 is no limit.
                    read.timeout = microseconds.filter(|us| *us > 0).map(Duration::from_micros);
                }
                FINAL_RESPONSE if is_streamed => {
                    read.marks_final = truth(&field, parameter, errors).unwrap_or_default();
                }
                _ => {
                    let known = if is_streamed {
                        [PRIORITY, TIMEOUT, FINAL_RESPONSE].join(", ")
                    } else {
                        [PRIORITY, TIMEOUT].join(", ")
                    };
                    let value = key.chars().take(32).collect();
                    errors.push("parameters", ValidationError::UnknownName { value, known });
                }
            }
        }
        read
    }
}

/// Reads a whole number within a range.
pub(super) fn whole_number(
    field: &str,
    parameter: &pb::InferParameter,
    range: RangeInclusive<i64>,
    errors: &mut ValidationErrors,
) -> Option<i64> {
    let number = match &parameter.parameter_choice {
        Some(ParameterChoice::Int64Param(number)) => i128::from(*number),
        Some(ParameterChoice::Uint64Param(number)) => i128::from(*number),
        other => {
            refuse_kind(field, other.as_ref(), "a whole number", errors);
            return None;
        }
    };
    if let Some(number) = i64::try_from(number).ok().filter(|number| range.contains(number)) {
        return Some(number);
    }
    #[expect(clippy::cast_precision_loss, reason = "the numbers are only shown")]
    let error = ValidationError::OutOfRange {
        value: number as f64,
        min: *range.start() as f64,
        max: *range.end() as f64,
    };
    errors.push(field, error);
    None
}

fn truth(
    field: &str,
    parameter: &pb::InferParameter,
    errors: &mut ValidationErrors,
) -> Option<bool> {
    match &parameter.parameter_choice {
        Some(ParameterChoice::BoolParam(truth)) => Some(*truth),
        other => {
            refuse_kind(field, other.as_ref(), "true or false", errors);
            None
        }
    }
}

fn refuse_kind(
    field: &str,
    found: Option<&ParameterChoice>,
    expected: &str,
    errors: &mut ValidationErrors,
) {
    let found = match found {
        None => "unset".to_owned(),
        Some(ParameterChoice::BoolParam(truth)) => truth.to_string(),
        Some(ParameterChoice::Int64Param(number)) => number.to_string(),
        Some(ParameterChoice::Uint64Param(number)) => number.to_string(),
        Some(ParameterChoice::DoubleParam(number)) => format!("{number:e}"),
        Some(ParameterChoice::StringParam(text)) => shown(text),
    };
    let expected = expected.to_owned();
    errors.push(field, ValidationError::Unexpected { found, expected });
}

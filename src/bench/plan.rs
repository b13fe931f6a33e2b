//! What a run does: loads, one after the other.

use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::saturation::Rule;
use super::schedule::Arrivals;

/// Least and highest rate. Calls a second.
pub const MIN_RATE: f64 = 0.01;
/// See [`MIN_RATE`].
pub const MAX_RATE: f64 = 1e6;

/// Steps of a run at most.
pub const MAX_STEPS: usize = 200;

/// What decides when a call begins.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Loop {
    /// A schedule, whatever becomes of the calls before.
    Open,
    /// The answer to the call before.
    Closed,
}

/// How calls begin.
#[derive(Clone, Debug, PartialEq)]
pub enum Load {
    /// Each worker sends its next call when the one before has been answered.
    Closed,
    /// At rates in calls a second, one after the other, until one is not sustained.
    Open {
        /// How starts are spread.
        arrivals: Arrivals,
        /// Each step's rate.
        rates: Vec<f64>,
    },
}

impl Load {
    /// Returns the rate of each step in calls a second; `None` for a closed loop.
    #[must_use]
    pub fn steps(&self) -> Vec<Option<f64>> {
        match self {
            Self::Closed => vec![None],
            Self::Open { rates, .. } => rates.iter().copied().map(Some).collect(),
        }
    }
}

/// A run.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// How calls begin.
    pub load: Load,
    /// Connections.
    pub connections: usize,
    /// Calls under way on each connection: in an open loop at most, in a closed one always.
    pub concurrency: usize,
    /// Messages in a call; `None` for unary calls.
    pub batch: Option<usize>,
    /// How long a call may take.
    pub timeout: Duration,
    /// How long the first load runs before anything is counted.
    pub warm_up: Duration,
    /// How long each step takes.
    pub duration: Duration,
    /// Calls of a step at most.
    pub max_calls: Option<u64>,
    /// Start of the random numbers.
    pub seed: u64,
    /// When a rate counts as sustained.
    pub rule: Rule,
}

impl Plan {
    /// Returns how many messages a call has.
    #[must_use]
    pub fn messages_per_call(&self) -> usize {
        self.batch.unwrap_or(1)
    }
}

/// Rates that can't be read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RateError {
    /// Not a number.
    #[error("{0:?} is not a number")]
    NotANumber(String),
    /// Too low or too high.
    #[error("{0} calls a second are not between {MIN_RATE} and {MAX_RATE}")]
    OutOfRange(String),
    /// Neither a list nor a range.
    #[error("{0:?} is neither FROM:TO:BY, nor FROM:TO:xFACTOR, nor rates with commas between")]
    Form(String),
    /// Would never end.
    #[error("a step by {0} does not lead to higher rates")]
    Step(String),
    /// Not ascending.
    #[error("rates must ascend")]
    Order,
    /// Too many.
    #[error("over {MAX_STEPS} steps")]
    TooMany,
}

/// Reads a rate.
///
/// # Errors
/// [`RateError`] when it is not a number in the range.
pub fn rate(text: &str) -> Result<f64, RateError> {
    let rate = number(text)?;
    if (MIN_RATE..=MAX_RATE).contains(&rate) {
        Ok(rate)
    } else {
        Err(RateError::OutOfRange(text.trim().to_owned()))
    }
}

fn number(text: &str) -> Result<f64, RateError> {
    let text = text.trim();
    text.parse::<f64>().map_err(|_| RateError::NotANumber(text.to_owned()))
}

/// Rates that a run goes through, in calls a second, ascending: `100:1000:50`, `100:6400:x2` or `100,250,400`.
#[derive(Clone, Debug, PartialEq)]
pub struct Rates(pub Vec<f64>);

impl FromStr for Rates {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, RateError> {
        let parts: Vec<&str> = text.split(':').collect();
        let rates = match parts.as_slice() {
            [list] => list.split(',').map(rate).collect::<Result<Vec<f64>, _>>()?,
            [from, to, step] => range(rate(from)?, rate(to)?, step.trim())?,
            _ => return Err(RateError::Form(text.to_owned())),
        };
        if rates.len() > MAX_STEPS {
            return Err(RateError::TooMany);
        }
        if !rates.is_sorted_by(|one, next| one < next) {
            return Err(RateError::Order);
        }
        Ok(Self(rates))
    }
}

fn range(from: f64, to: f64, step: &str) -> Result<Vec<f64>, RateError> {
    if from > to {
        return Err(RateError::Order);
    }
    let wrong = || RateError::Step(step.to_owned());
    let factor = step.strip_prefix('x').map(number).transpose()?;
    let by = if factor.is_some() { None } else { Some(number(step)?) };
    let grows = factor.is_none_or(|factor| factor > 1.0 && factor.is_finite())
        && by.is_none_or(|by| by > 0.0 && by.is_finite());
    if !grows {
        return Err(wrong());
    }
    let mut rates = Vec::new();
    // Counted, not added up; a hair of room for rounding at the end.
    for index in 0..=i32::try_from(MAX_STEPS).unwrap_or(i32::MAX) {
        let rate = match (factor, by) {
            (Some(factor), _) => from * factor.powi(index),
            (None, Some(by)) => f64::from(index).mul_add(by, from),
            (None, None) => return Err(wrong()),
        };
        if rate > to * (1.0 + 1e-9) {
            break;
        }
        rates.push((rate * 1e3).round() / 1e3);
    }
    Ok(rates)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(text: &str) -> Result<Vec<f64>, RateError> {
        text.parse::<Rates>().map(|rates| rates.0)
    }

    #[test]
    fn rates_are_a_list_or_grow_by_a_step_or_a_factor() {
        assert_eq!(rates("100, 250,400"), Ok(vec![100.0, 250.0, 400.0]));
        assert_eq!(rates("100:300:50"), Ok(vec![100.0, 150.0, 200.0, 250.0, 300.0]));
        assert_eq!(rates("100:900:x2"), Ok(vec![100.0, 200.0, 400.0, 800.0]));
        assert_eq!(rates("0.1:0.3:0.1"), Ok(vec![0.1, 0.2, 0.3]));
        assert_eq!(rates("50"), Ok(vec![50.0]));
    }

    #[test]
    fn rates_that_can_not_be_meant_say_what_is_wrong() {
        assert_eq!(rates("fast"), Err(RateError::NotANumber("fast".into())));
        assert_eq!(rates("0"), Err(RateError::OutOfRange("0".into())));
        assert_eq!(rates("nan"), Err(RateError::OutOfRange("nan".into())));
        assert_eq!(rates("1:2"), Err(RateError::Form("1:2".into())));
        assert_eq!(rates("1:9:x1"), Err(RateError::Step("x1".into())));
        assert_eq!(rates("1:9:0"), Err(RateError::Step("0".into())));
        assert_eq!(rates("9:1:1"), Err(RateError::Order));
        assert_eq!(rates("2,2"), Err(RateError::Order));
        assert_eq!(rates("1:1000:1"), Err(RateError::TooMany));
    }
}

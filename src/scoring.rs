//! Raw outputs of the heads become probabilities and decisions.

mod activation;
mod decision;

pub use activation::{ScoringError, sigmoid, softmax};
pub use decision::{
    AbstainReason, Abstention, GroupScore, PolarityPrediction, Prediction, RankedIntent, Scorer,
};

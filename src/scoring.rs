//! Raw outputs of the heads become probabilities and decisions.

mod activation;
mod decision;

pub use activation::{ScoringError, sigmoid, sigmoid_log_odds, softmax, softmax_log_odds};
pub use decision::{
    AbstainReason, Abstention, GroupScore, LabelStrength, PolarityPrediction, Prediction,
    RankedIntent, Scorer,
};

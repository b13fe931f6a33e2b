//! Encoders through candle.

//! An engine whose outputs and faults are scripted by a closure, for tests of everything around an engine.

use std::fmt;

use super::{BatchOutput, Engine, EngineError, EngineInfo, RaggedBatch};

type Script = dyn FnMut(&RaggedBatch) -> Result<BatchOutput, EngineError> + Send;

/// An engine that answers what its script says.
pub struct StubEngine {
    info: EngineInfo,
    script: Box<Script>,
}

impl StubEngine {
    /// Makes an engine that calls `script` for every batch; the script may block or panic.
    pub fn new(
        script: impl FnMut(&RaggedBatch) -> Result<BatchOutput, EngineError> + Send + 'static,
    ) -> Self {
        let info = EngineInfo {
            name: "stub",
            device: "cpu".to_owned(),
            compute_type: "none",
            instruction_set: "",
        };
        Self { info, script: Box::new(script) }
    }
}

impl fmt::Debug for StubEngine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("StubEngine").finish_non_exhaustive()
    }
}

impl Engine for StubEngine {
    fn info(&self) -> &EngineInfo {
        &self.info
    }

    fn infer(&mut self, batch: &RaggedBatch) -> Result<BatchOutput, EngineError> {
        (self.script)(batch)
    }
}

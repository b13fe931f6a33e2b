//! A server that pads and batches by count, as most do, to compare with: everything else is the same.
//!
//! `cargo bench --bench padded -- ADDRESS COUNT` serves the model inside the program at ADDRESS. Each batch has at most
//! COUNT messages, whatever their length, and all of them are brought to the length of the longest. The engine computes
//! the padding like any other token: that costs what a masked token costs in an engine that is given rectangles, but
//! **the answers are of no use**. `benches/peers/service.py` compares its throughput with that of `signalbox serve`.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a bench")]

use std::sync::Arc;

use signalbox::app::{App, EngineLoader, engine_loader};
use signalbox::config::sources::{self, Sources, Variables};
use signalbox::engine::{
    BatchOutput, Engine, EngineError, EngineInfo, RaggedBatch, ReplicaFactory,
};
use tokio_stream::wrappers::ReceiverStream;

struct Padded {
    engine: Box<dyn Engine>,
    pad_token_id: u32,
}

impl Engine for Padded {
    fn info(&self) -> &EngineInfo {
        self.engine.info()
    }

    fn infer(&mut self, batch: &RaggedBatch) -> Result<BatchOutput, EngineError> {
        let longest = batch.messages().map(<[u32]>::len).max().unwrap_or(0);
        let pad = |message: &[u32]| {
            let mut padded = message.to_vec();
            padded.resize(longest, self.pad_token_id);
            padded
        };
        let padded: Vec<Vec<u32>> = batch.messages().map(pad).collect();
        self.engine.infer(&RaggedBatch::from_messages(padded.iter().map(Vec::as_slice)))
    }
}

fn padding_loader() -> Arc<EngineLoader> {
    let loader = engine_loader();
    Arc::new(move |bundle, settings| {
        let factory = loader(bundle, settings)?;
        let pad_token_id = bundle.architecture().pad_token_id;
        let padded: Arc<ReplicaFactory> = Arc::new(move || {
            let engine = factory()?;
            Ok(Box::new(Padded { engine, pad_token_id }) as Box<dyn Engine>)
        });
        Ok(padded)
    })
}

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with("--"));
    let (Some(address), Some(count)) = (arguments.next(), arguments.next()) else {
        println!("ADDRESS and COUNT are missing: nothing to serve");
        return;
    };
    let assignments = [
        format!("server.listen={address}"),
        format!("inference.max_batch_messages={count}"),
        "inference.max_batch_tokens=1000000".to_owned(),
        "log.filter=warn".to_owned(),
    ];
    let all = Sources { assignments: &assignments, ..Sources::default() };
    let config = sources::load(all, &Variables::new()).unwrap();
    let cores = std::thread::available_parallelism().unwrap().get();
    let app = App::new(config.resolved(cores).unwrap(), padding_loader());
    let (_signals, receiver) = tokio::sync::mpsc::channel(1);
    app.serve(|_| Ok(()), ReceiverStream::new(receiver)).await.unwrap();
}

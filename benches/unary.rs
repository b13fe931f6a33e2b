//! Latency of one unary call at a time, over a real socket, with the model inside the program.
//!
//! `taskset -c 0 cargo bench --bench unary` keeps client and server on one core. Every reply is checked for its token
//! count, so that what is timed is what is claimed.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::indexing_slicing, reason = "a bench")]

use std::time::{Duration, Instant};

use signalbox::app::{App, engine_loader};
use signalbox::config::sources::{self, Sources, Variables};
use signalbox::grpc::pb::ClassifyRequest;
use signalbox::grpc::pb::classifier_service_client::ClassifierServiceClient;
use signalbox::lifecycle::ServiceState;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;

/// Token counts that are timed, special tokens included.
const LENGTHS: [usize; 3] = [16, 64, 256];
const WARM_UP: usize = 20;
const CALLS: usize = 300;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let assignments = ["server.listen=127.0.0.1:0", "inference.instances=1", "log.filter=off"];
    let assignments = assignments.map(str::to_owned);
    let all = Sources { assignments: &assignments, ..Sources::default() };
    let config = sources::load(all, &Variables::new()).unwrap();
    let started = Instant::now();
    let app = App::new(config.resolved(1).unwrap(), engine_loader());
    let mut state = app.lifecycle().subscribe();
    let (signals, receiver) = tokio::sync::mpsc::channel(1);
    let (announce, announced) = tokio::sync::oneshot::channel();
    let on_listening = move |address| {
        announce.send(address).unwrap();
        Ok(())
    };
    let server = tokio::spawn(app.serve(on_listening, ReceiverStream::new(receiver)));
    state.wait_for(|state| *state == ServiceState::Serving).await.unwrap();
    println!("serving after {} ms", started.elapsed().as_millis());

    let address = format!("http://{}", announced.await.unwrap());
    let mut client = ClassifierServiceClient::connect(address).await.unwrap();
    println!("tokens   median      p90      p99   inference (median of the server's own timing)");
    for tokens in LENGTHS {
        let text = text_of(&mut client, tokens).await;
        let mut timings = Vec::new();
        for call in 0..WARM_UP + CALLS {
            let timing = timed_call(&mut client, &text, tokens).await;
            if call >= WARM_UP {
                timings.push(timing);
            }
        }
        report(tokens, &timings);
    }
    signals.send("the bench is over").await.unwrap();
    server.await.unwrap().unwrap();
}

/// Finds a text of exactly that many tokens by adding words.
async fn text_of(client: &mut ClassifierServiceClient<Channel>, tokens: usize) -> String {
    const WORDS: [&str; 6] = [" where", " is", " my", " order", " please", " today"];
    let mut text = String::from("hello");
    for word in WORDS.iter().cycle().take(2 * tokens) {
        let request = ClassifyRequest { text: text.clone(), ..Default::default() };
        let reply = client.classify(request).await.unwrap().into_inner();
        if reply.token_count as usize == tokens {
            return text;
        }
        text.push_str(word);
    }
    unreachable!("words of one token each reach every count")
}

/// Round trip as the client sees it, and the server's own inference time.
async fn timed_call(
    client: &mut ClassifierServiceClient<Channel>,
    text: &str,
    tokens: usize,
) -> (Duration, Duration) {
    let request = ClassifyRequest { text: text.to_owned(), ..Default::default() };
    let started = Instant::now();
    let reply = client.classify(request).await.unwrap().into_inner();
    let round_trip = started.elapsed();
    assert_eq!(reply.token_count as usize, tokens);
    let inference = Duration::from_micros(reply.timings.unwrap().inference_us);
    (round_trip, inference)
}

fn report(tokens: usize, timings: &[(Duration, Duration)]) {
    let mut round_trips: Vec<Duration> = timings.iter().map(|(total, _)| *total).collect();
    let mut inference: Vec<Duration> = timings.iter().map(|(_, inference)| *inference).collect();
    round_trips.sort_unstable();
    inference.sort_unstable();
    let at = |sorted: &[Duration], percent: usize| {
        sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)].as_secs_f64() * 1e3
    };
    println!(
        "{tokens:>6} {:>8.2} {:>8.2} {:>8.2} {:>11.2}   ms",
        at(&round_trips, 50),
        at(&round_trips, 90),
        at(&round_trips, 99),
        at(&inference, 50)
    );
}

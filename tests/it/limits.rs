//! Input just under, at and over every limit, and bytes that are no message at all.

use prost::Message;
use prost::bytes::{Buf, BufMut, Bytes};
use signalbox::grpc::pb;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

use crate::server::{TestServer, fingerprints, request, stub};

async fn server() -> TestServer {
    TestServer::start(stub(fingerprints), &[]).await
}

#[tokio::test]
async fn text_is_accepted_up_to_its_limit_in_any_script() {
    let server = server().await;
    let mut client = server.classifier().await;
    // One, two, three and four bytes each; combining marks, right-to-left, emoji, NUL, a lone variation selector.
    for unit in ["a", "é", "語", "🚚", "\u{301}", "ש", "\0", "\u{fe0f}", " ", "\n", "٣"] {
        for count in [65_535, 65_536] {
            let reply = client.classify(request(&unit.repeat(count))).await;
            assert!(reply.is_ok(), "{unit:?} × {count}: {:?}", reply.unwrap_err());
        }
        let status = client.classify(request(&unit.repeat(65_537))).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert_eq!(status.message(), "text has 65537 characters, at most 65536 are accepted");
    }
    server.stop().await;
}

#[tokio::test]
async fn repetition_and_long_words_are_bounded_work() {
    let server = server().await;
    let mut client = server.classifier().await;
    for text in [
        "ab".repeat(32_768),
        "a ".repeat(32_768),
        "🏳️‍🌈".repeat(10_000),
        "\u{202e}abc".repeat(16_384),
        "ﷺ".repeat(65_536),
        "e\u{301}\u{323}".repeat(21_000),
    ] {
        let reply = client.classify(request(&text)).await.unwrap().into_inner();
        assert!(reply.token_count <= 48);
    }
    server.stop().await;
}

#[tokio::test]
async fn fields_are_accepted_at_their_limits_and_refused_over_them() {
    let server = server().await;
    let mut client = server.classifier().await;
    let thread = |count: usize| {
        vec![pb::ThreadMessage { author: 1, text: "hi".into(), sent_at: None }; count]
    };
    let tags = |count: usize, chars: usize| pb::CustomerFacts {
        tags: vec!["t".repeat(chars); count],
        ..Default::default()
    };
    let base = || request("hi");
    let at_limit = [
        pb::ClassifyRequest { id: "ü".repeat(128), ..base() },
        pb::ClassifyRequest { subject: "ü".repeat(1_024), ..base() },
        pb::ClassifyRequest { locale_hint: "de-aaaaaaaa-bbbbbbbb-cccccccc-ddddd".into(), ..base() },
        pb::ClassifyRequest { thread: thread(50), ..base() },
        pb::ClassifyRequest { customer: Some(tags(64, 64)), ..base() },
        pb::ClassifyRequest { tenant: "t".repeat(128), ..base() },
    ];
    let over_limit = [
        ("id", pb::ClassifyRequest { id: "ü".repeat(129), ..base() }),
        ("subject", pb::ClassifyRequest { subject: "ü".repeat(1_025), ..base() }),
        ("locale_hint", pb::ClassifyRequest { locale_hint: "d".repeat(36), ..base() }),
        ("thread", pb::ClassifyRequest { thread: thread(51), ..base() }),
        ("customer.tags", pb::ClassifyRequest { customer: Some(tags(65, 1)), ..base() }),
        ("customer.tags[0]", pb::ClassifyRequest { customer: Some(tags(1, 65)), ..base() }),
        ("tenant", pb::ClassifyRequest { tenant: "t".repeat(129), ..base() }),
        ("model", pb::ClassifyRequest { model: "m".repeat(129), ..base() }),
    ];

    for request in at_limit {
        client.classify(request).await.unwrap();
    }
    for (field, request) in over_limit {
        let status = client.classify(request).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{field}");
        let details = status.get_error_details();
        assert_eq!(details.bad_request().unwrap().field_violations[0].field, field);
    }
    server.stop().await;
}

#[tokio::test]
async fn batch_is_accepted_up_to_its_limit() {
    let server = server().await;
    let mut client = server.classifier().await;
    let batch = |count: usize| pb::ClassifyBatchRequest { requests: vec![request("hi"); count] };

    let full = client.classify_batch(batch(1_024)).await.unwrap().into_inner();
    let over = client.classify_batch(batch(1_025)).await.unwrap_err();
    let empty = client.classify_batch(batch(0)).await.unwrap_err();

    assert_eq!(full.results.len(), 1_024);
    assert_eq!(over.code(), Code::InvalidArgument);
    assert_eq!(over.message(), "requests has 1025 items, at most 1024 are accepted");
    assert_eq!((empty.code(), empty.message()), (Code::InvalidArgument, "requests is missing"));
    server.stop().await;
}

#[tokio::test]
async fn request_over_the_size_limit_is_out_of_range_and_names_both_sizes() {
    let server = TestServer::start(stub(fingerprints), &["server.max_request_bytes=2000"]).await;
    let mut client = server.classifier().await;
    let size = |text: &str| request(text).encoded_len();
    let at_limit = "a".repeat(1_997);
    assert_eq!(size(&at_limit), 2_000);

    client.classify(request(&at_limit)).await.unwrap();
    let status = client.classify(request(&"a".repeat(1_998))).await.unwrap_err();

    assert_eq!(status.code(), Code::OutOfRange);
    assert!(status.message().contains("2001") && status.message().contains("2000"), "{status}");
    server.stop().await;
}

#[tokio::test]
async fn metadata_over_its_limit_fails_the_call_and_not_the_server() {
    let server = server().await;
    let mut client = server.classifier().await;
    let with_metadata = |bytes: usize| {
        let mut call = Request::new(request("hi"));
        call.metadata_mut().insert("x-filler", "f".repeat(bytes).parse().unwrap());
        call
    };

    // What counts is name, value and 32 bytes for each header (RFC 9113); gRPC's own take a few hundred of the 16,384.
    client.classify(with_metadata(15_900)).await.unwrap();
    let status = client.classify(with_metadata(16_400)).await.unwrap_err();
    // hyper answers HTTP 431, which clients report as they like.
    assert!(
        [Code::Internal, Code::Unknown, Code::Unavailable].contains(&status.code()),
        "{status:?}"
    );
    server.classifier().await.classify(request("hi")).await.unwrap();
    server.stop().await;
}

#[tokio::test]
async fn endless_violations_are_cheap_and_fit_into_headers() {
    let server = server().await;
    let mut client = server.classifier().await;
    for count in [100, 1_000_000] {
        let thread = vec![pb::ThreadMessage::default(); count];
        let status =
            client.classify(pb::ClassifyRequest { thread, ..request("hi") }).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
        assert!(status.message().len() + status.details().len() < 1_000);
    }
    let thread = vec![pb::ThreadMessage::default(); 50];
    let status =
        client.classify(pb::ClassifyRequest { thread, ..request("hi") }).await.unwrap_err();
    assert!(status.message().ends_with("and 46 more"), "{}", status.message());
    assert!(status.message().len() + status.details().len() < 4_000);
    server.stop().await;
}

#[tokio::test]
async fn undecodable_bytes_are_invalid_arguments() {
    let server = server().await;
    // Field 2 (text), length-delimited; then what is no UTF-8: a stray byte, a lone surrogate, an overlong slash.
    let text_of = |bytes: &[u8]| {
        let mut message = vec![0x12, u8::try_from(bytes.len()).unwrap()];
        message.extend_from_slice(bytes);
        message
    };
    let cases = [
        text_of(b"\xff"),
        text_of(b"ok \xed\xa0\x80"),
        text_of(b"\xc0\xaf"),
        b"\x12\x7fshort".to_vec(),
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff".to_vec(),
        b"\x0b".to_vec(),
    ];
    for bytes in cases {
        let status = raw_call(&server, bytes.clone()).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{bytes:02x?}: {status:?}");
        assert!(status.get_error_details().bad_request().is_some());
    }
    // Unknown fields are no fault: a newer client may send them.
    raw_call(&server, vec![0xaa, 0x3e, 0x01, 0x00]).await.unwrap();
    server.stop().await;
}

async fn raw_call(server: &TestServer, bytes: Vec<u8>) -> Result<(), Status> {
    let mut client = tonic::client::Grpc::new(server.channel().await);
    client.ready().await.unwrap();
    let path = "/signalbox.v1.ClassifierService/Classify".parse().unwrap();
    client.unary(Request::new(Bytes::from(bytes)), path, RawCodec).await.map(drop)
}

/// Sends bytes as they are.
#[derive(Clone, Copy, Debug, Default)]
struct RawCodec;

impl Codec for RawCodec {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(item);
        Ok(())
    }
}

impl Decoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        let length = buffer.remaining();
        Ok(Some(buffer.copy_to_bytes(length)))
    }
}

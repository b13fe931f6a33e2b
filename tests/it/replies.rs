//! What a reply says beyond the model: entities, routing, views, mood over a conversation.

use signalbox::engine::{BatchOutput, EngineError, HeadOutput, RaggedBatch};
use signalbox::grpc::pb;
use signalbox::grpc::pb::policy_service_client::PolicyServiceClient;
use signalbox::grpc::pb::taxonomy_service_client::TaxonomyServiceClient;
use signalbox::labels::HeadName;
use tonic::Code;
use tonic_types::StatusExt;

use crate::server::{TestServer, request, stub};

/// Tokens from which the scripted engine calls a message very negative; shorter ones are very positive.
const LONG: usize = 12;

/// Every message asks for an order; long ones in anger.
fn orders(batch: &RaggedBatch) -> Result<BatchOutput, EngineError> {
    let lengths: Vec<usize> = batch.messages().map(<[u32]>::len).collect();
    let head = |head, labels, row: &dyn Fn(usize) -> Vec<f32>| HeadOutput {
        head,
        labels,
        logits: lengths.iter().flat_map(|&length| row(length)).collect(),
    };
    let order = |_| vec![9.0, -9.0, -9.0, -9.0, -9.0, -9.0];
    let heads = vec![
        head(HeadName::Primary, 6, &order),
        head(HeadName::Intent, 6, &order),
        head(HeadName::Polarity, 5, &|length| {
            if length >= LONG {
                vec![9.0, 0.0, 0.0, 0.0, 0.0]
            } else {
                vec![0.0, 0.0, 0.0, 0.0, 9.0]
            }
        }),
        head(HeadName::Flags, 4, &|length| {
            vec![if length >= LONG { 9.0 } else { -9.0 }, -9.0, -9.0, -9.0]
        }),
    ];
    Ok(BatchOutput { rows: batch.len(), heads, pooled: vec![] })
}

/// As [`orders`], but nobody is angry.
fn calm(batch: &RaggedBatch) -> Result<BatchOutput, EngineError> {
    let mut output = orders(batch)?;
    for head in &mut output.heads {
        if head.head == HeadName::Flags {
            head.logits.fill(-9.0);
        }
    }
    Ok(output)
}

async fn classify(server: &TestServer, request: pb::ClassifyRequest) -> pb::ClassifyResponse {
    server.classifier().await.classify(request).await.unwrap().into_inner()
}

fn with_options(text: &str, options: pb::ClassifyOptions) -> pb::ClassifyRequest {
    pb::ClassifyRequest { options: Some(options), ..request(text) }
}

#[tokio::test]
async fn entities_stand_where_they_say_in_the_text_as_it_was_sent() {
    let server = TestServer::start(stub(orders), &[]).await;
    let text =
        "\u{feff}🚚🚚 u\u{308}ber order 48213, <jo@example.com>\n\n> Your order 77001 has shipped";
    let utf16 = pb::ClassifyOptions {
        offset_encoding: pb::OffsetEncoding::Utf16.into(),
        ..Default::default()
    };
    let subject = pb::ClassifyRequest { subject: "Order 90210".into(), ..request(text) };

    let by_characters = classify(&server, subject).await.entities;
    let by_units = classify(&server, with_options(text, utf16)).await.entities;

    let characters: Vec<char> = text.chars().collect();
    let units: Vec<u16> = text.encode_utf16().collect();
    let first = &by_characters[0];
    assert_eq!((first.field(), first.value.as_str()), (pb::MessageField::Subject, "90210"));
    for entity in &by_characters[1..] {
        let cut: String = characters[entity.start as usize..entity.end as usize].iter().collect();
        assert_eq!(cut, entity.value, "{entity:?}");
    }
    for entity in &by_units {
        let cut = String::from_utf16(&units[entity.start as usize..entity.end as usize]).unwrap();
        assert_eq!(cut, entity.value, "{entity:?}");
    }
    let found: Vec<_> = by_units.iter().map(|e| (e.r#type(), e.section())).collect();
    let expected = [
        (pb::EntityType::OrderNumber, pb::Section::Body),
        (pb::EntityType::Email, pb::Section::Body),
        (pb::EntityType::OrderNumber, pb::Section::Quote),
    ];
    assert_eq!(found, expected);
    server.stop().await;
}

#[tokio::test]
async fn cards_and_accounts_leave_masked_only() {
    let server = TestServer::start(stub(orders), &[]).await;
    let text = "card 4111 1111 1111 1111, IBAN DE89 3704 0044 0532 0130 00";
    let explain = pb::ClassifyOptions { explain: true, ..Default::default() };

    let reply = classify(&server, with_options(text, explain)).await;

    let values: Vec<&str> = reply.entities.iter().map(|entity| entity.value.as_str()).collect();
    assert_eq!(values, ["************1111", "DE89**************3000"]);
    assert!(!format!("{reply:?}").contains("4111"));
    server.stop().await;
}

#[tokio::test]
async fn calm_question_is_deflected_and_an_angry_one_never() {
    let server = TestServer::start(stub(orders), &[]).await;

    let calm = classify(&server, request("order 48213?")).await.routing.unwrap();
    let text = "order 48213 where is it where is it where is it where is it";
    let angry = classify(&server, request(text)).await.routing.unwrap();

    let action = calm.action.unwrap();
    assert_eq!(action.r#type(), pb::ActionType::SelfService, "{action:?}");
    assert_eq!((action.flow.as_str(), action.automation_off.len()), ("track", 0));
    assert_eq!(action.confidence_tier(), pb::ConfidenceTier::Auto);
    let action = angry.action.unwrap();
    assert_eq!(action.r#type(), pb::ActionType::Human, "{action:?}");
    assert!(action.flow.is_empty() && !action.automation_off.is_empty());
    assert_ne!(action.confidence_tier(), pb::ConfidenceTier::Auto);
    server.stop().await;
}

#[tokio::test]
async fn nothing_runs_without_a_person_where_the_model_has_not_read_everything() {
    let server = TestServer::start(stub(calm), &[]).await;

    let whole = classify(&server, request("order 48213?")).await;
    let cut = classify(&server, request(&"order 48213? ".repeat(60))).await;

    assert!(cut.truncated);
    let action = |reply: pb::ClassifyResponse| reply.routing.unwrap().action.unwrap();
    assert_eq!(action(whole).r#type(), pb::ActionType::SelfService);
    let action = action(cut);
    assert_eq!(action.r#type(), pb::ActionType::Human, "{action:?}");
    assert!(action.automation_off[0].contains("too long"), "{action:?}");
    server.stop().await;
}

#[tokio::test]
async fn anger_in_an_earlier_message_calls_for_a_person_too() {
    let server = TestServer::start(stub(orders), &[]).await;
    let said = |text: &str| pb::ClassifyRequest {
        thread: vec![said(pb::Author::Customer, text)],
        ..request("order 48213?")
    };

    let calm = classify(&server, said("hello")).await;
    let angry = classify(&server, said(&"where is it ".repeat(8))).await;

    let action = |reply: pb::ClassifyResponse| reply.routing.unwrap().action.unwrap();
    assert_eq!(action(calm).r#type(), pb::ActionType::SelfService);
    let action = action(angry);
    assert_eq!(action.r#type(), pb::ActionType::Human, "{action:?}");
    assert!(action.automation_off[0].contains("earlier message"), "{action:?}");
    server.stop().await;
}

#[tokio::test]
async fn due_time_counts_from_when_the_message_was_sent() {
    let server = TestServer::start(stub(orders), &[]).await;
    let sent_at = Some(prost_types::Timestamp { seconds: 1_795_165_200, nanos: 0 });

    let reply = classify(&server, pb::ClassifyRequest { sent_at, ..request("order 1?") }).await;

    let level = reply.routing.unwrap().service_level.unwrap();
    let promised = level.first_response.unwrap().seconds;
    assert!(promised > 0);
    assert_eq!(level.first_response_due_at.unwrap().seconds, 1_795_165_200 + promised);
    server.stop().await;
}

#[tokio::test]
async fn routing_can_be_left_out() {
    let server = TestServer::start(stub(orders), &[]).await;
    let options = pb::ClassifyOptions { include_routing: Some(false), ..Default::default() };

    let reply = classify(&server, with_options("order 1?", options)).await;

    assert_eq!(reply.routing, None);
    assert_eq!(reply.revisions.unwrap().policy_digest, "");
    server.stop().await;
}

#[tokio::test]
async fn views_speak_other_products_words_and_unknown_ones_are_refused() {
    let server = TestServer::start(stub(orders), &[]).await;
    let views = |names: &[&str]| pb::ClassifyOptions {
        views: names.iter().map(|name| (*name).to_owned()).collect(),
        ..Default::default()
    };
    let all = ["gorgias", "zendesk", "comprehend", "google", "freshdesk", "nps"];

    let reply = classify(&server, with_options("order 1?", views(&all))).await;
    let refused = with_options("order 1?", views(&["gorgias", "intercom"]));
    let refused = server.classifier().await.classify(refused).await.unwrap_err();

    let names: Vec<&str> = reply.views.iter().map(|view| view.name.as_str()).collect();
    assert_eq!(names, all);
    assert_eq!(reply.views[0].intents.len(), 1, "{:?}", reply.views[0]);
    assert_eq!(refused.code(), Code::InvalidArgument);
    let violation = refused.get_details_bad_request().unwrap().field_violations.remove(0);
    assert_eq!(violation.field, "options.views[1]");
    assert!(violation.description.contains("zendesk"), "{violation:?}");
    server.stop().await;
}

fn said(author: pb::Author, text: &str) -> pb::ThreadMessage {
    pb::ThreadMessage { author: author.into(), text: text.into(), sent_at: None }
}

/// A customer who was content four times and is no longer.
fn conversation() -> pb::ClassifyRequest {
    let happy = || said(pb::Author::Customer, "thanks a lot");
    let thread = vec![
        happy(),
        said(pb::Author::Agent, "you are welcome"),
        happy(),
        happy(),
        said(pb::Author::Customer, " "),
        happy(),
    ];
    let text = "where is my order where is my order where is my order now";
    pb::ClassifyRequest { thread, ..request(text) }
}

#[tokio::test]
async fn mood_is_compared_with_the_latest_messages_of_the_customer() {
    let server = TestServer::start(stub(orders), &["thread.max_messages=3"]).await;

    let mood = classify(&server, conversation()).await.thread_mood.unwrap();

    assert_eq!(mood.trend(), pb::MoodTrend::Falling);
    assert!((-2.0..-1.9).contains(&mood.change), "{mood:?}");
    // The blank one is looked at and says nothing.
    let looked_at: Vec<u32> = mood.earlier.iter().map(|earlier| earlier.index).collect();
    assert_eq!(looked_at, [3, 5]);
    server.stop().await;
}

#[tokio::test]
async fn mood_is_left_out_where_it_is_switched_off_or_unknown() {
    let server = TestServer::start(stub(orders), &["thread.max_messages=0"]).await;
    let off = classify(&server, conversation()).await;
    server.stop().await;
    let server = TestServer::start(stub(orders), &[]).await;
    let alone = classify(&server, request("hello")).await;
    server.stop().await;

    assert_eq!((off.thread_mood, off.notices), (None, vec![]));
    assert_eq!((alone.thread_mood, alone.notices), (None, vec![]));
}

#[tokio::test]
async fn earlier_messages_never_fail_the_message_itself() {
    let server = TestServer::start(stub(orders), &["inference.max_queue_size=1"]).await;

    let reply = classify(&server, conversation()).await;

    assert_eq!(reply.primary_intent.unwrap().name, "order.status");
    let notices: Vec<_> = reply.notices.iter().map(pb::Notice::code).collect();
    assert_eq!(notices, [pb::NoticeCode::ThreadMoodUnavailable]);
    server.stop().await;
}

#[tokio::test]
async fn quoted_text_is_not_classified_and_a_bare_quote_leaves_the_subject() {
    let server = TestServer::start(stub(orders), &[]).await;
    let quote = "\n\n> Dear customer, where is it where is it where is it where is it where is it";
    let bare = pb::ClassifyRequest { subject: "Order".into(), ..request(quote) };

    let short = classify(&server, request(&format!("ok thanks{quote}"))).await;
    let bare = classify(&server, bare).await;

    assert!(short.token_count < 10, "{}", short.token_count);
    assert_eq!(bare.notices[0].code(), pb::NoticeCode::SubjectOnly);
    server.stop().await;
}

#[tokio::test]
async fn taxonomy_is_told_in_the_language_asked_for() {
    let server = TestServer::start(stub(orders), &[]).await;
    let mut client = TaxonomyServiceClient::new(server.channel().await);
    let mut ask = async |language: &str| {
        let request = pb::GetTaxonomyRequest { language: language.into(), ..Default::default() };
        client.get_taxonomy(request).await.unwrap().into_inner()
    };

    let (german, unknown, english) = (ask("de-AT").await, ask("tlh").await, ask("en").await);

    let title = |taxonomy: &pb::GetTaxonomyResponse| taxonomy.intents[0].display_name.clone();
    assert_ne!(title(&german), title(&english));
    assert_eq!(title(&unknown), title(&english));
    assert_eq!((english.intents.len(), english.flags.len(), english.polarity.len()), (50, 12, 5));
    assert!(english.intents[0].aliases.contains(&"where-is-my-order".to_owned()));
    assert_eq!(english.views.len(), 6);
    server.stop().await;
}

#[tokio::test]
async fn policies_are_told_with_their_text() {
    let server = TestServer::start(stub(orders), &[]).await;
    let mut client = PolicyServiceClient::new(server.channel().await);

    let listed = client.list_policies(pb::ListPoliciesRequest {}).await.unwrap().into_inner();
    let request = pb::GetPolicyRequest { tenant: "acme".into() };
    let policy = client.get_policy(request).await.unwrap().into_inner();
    let reply = classify(&server, crate::server::request("order 1?")).await;

    assert_eq!((listed.policies.len(), listed.faults.len()), (1, 0));
    assert_eq!(policy.policy, Some(listed.policies[0].clone()));
    assert!(policy.source.contains("rules:"));
    assert_eq!(reply.revisions.unwrap().policy_digest, listed.policies[0].digest);
    server.stop().await;
}

#[tokio::test]
async fn a_message_that_came_before_is_answered_from_the_cache_and_counted() {
    let server = TestServer::start(stub(orders), &["inference.cache_bytes=100000"]).await;
    let with_id = |id: &str, text: &str| pb::ClassifyRequest { id: id.into(), ..request(text) };

    let first = classify(&server, with_id("a", "where is order 4711?")).await;
    let again = classify(&server, with_id("b", "where is order 4711?")).await;
    let other = classify(&server, with_id("c", "where is order 4712?")).await;

    assert_eq!((first.batch_size, again.batch_size, other.batch_size), (1, 0, 1));
    assert_eq!((again.id.as_str(), &again.intents), ("b", &first.intents));
    assert_eq!(again.entities, first.entities);
    assert_eq!(server.counters_at_rest().await.answered, 3);
    let mut models = server.models().await;
    let listed = models.list_models(pb::ListModelsRequest {}).await.unwrap().into_inner().models;
    let cache = listed[0].engine.clone().unwrap().output_cache.unwrap();
    assert_eq!((cache.hits, cache.capacity_bytes), (1, 100_000));
    server.stop().await;
}

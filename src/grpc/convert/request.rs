//! Wire requests become message drafts. What the wire types can't rule out is noted as a violation.
//!
//! Requests are taken apart field by field, so that a new field does not compile until it is dealt with.

use std::time::SystemTime;

use crate::grpc::pb;
use crate::message::{
    Attachment, Author, Channel, Customer, CustomerTier, DEFAULT_CARRIERS, DEFAULT_TOP_K,
    ExplainWords, MAX_NAME_CHARS, MAX_THREAD_MESSAGES, MessageDraft, ModelSelector, Money,
    OffsetEncoding, Options, Order, OrderState, TagStyle, ThreadMessage, Truncation,
    ValidationError, ValidationErrors,
};

/// Turns a request into a draft and the violations met on the way.
pub(in crate::grpc) fn draft(request: pb::ClassifyRequest) -> (MessageDraft, ValidationErrors) {
    let pb::ClassifyRequest {
        id,
        text,
        subject,
        channel,
        locale_hint,
        thread,
        customer,
        order,
        tenant,
        model,
        model_version,
        options,
        sent_at,
        attachments,
        conversation_id,
    } = request;
    let mut errors = ValidationErrors::default();
    let draft = MessageDraft {
        id,
        text,
        subject,
        channel: channel_of(channel, &mut errors),
        locale_hint,
        thread: thread_of(thread, &mut errors),
        customer: customer_of(customer.unwrap_or_default(), &mut errors),
        order: order_of(order.unwrap_or_default(), &mut errors),
        tenant,
        model: ModelSelector { name: model, version: model_version },
        options: options_of(options.unwrap_or_default(), &mut errors),
        sent_at: time_of("sent_at", sent_at, &mut errors),
        attachments: attachments.into_iter().map(attachment_of).collect(),
        conversation_id,
    };
    (draft, errors)
}

/// Gives a request without an id one, so that reply and log speak of the same, and returns it. An overlong id, which
/// will be refused, is returned cut.
pub(in crate::grpc) fn identify(request: &mut pb::ClassifyRequest) -> String {
    if request.id.is_empty() {
        request.id = uuid::Uuid::now_v7().to_string();
    }
    request.id.chars().take(MAX_NAME_CHARS).collect()
}

/// Reads an enum; a number without a name is noted and read as the default.
fn known<T>(field: impl Into<String>, value: i32, errors: &mut ValidationErrors) -> T
where
    T: TryFrom<i32> + Default,
{
    T::try_from(value).unwrap_or_else(|_| {
        errors.push(field, ValidationError::UnknownValue { value });
        T::default()
    })
}

/// Reads a channel; a number without a name is noted and read as unknown.
pub(in crate::grpc) fn channel_of(value: i32, errors: &mut ValidationErrors) -> Channel {
    match known::<pb::Channel>("channel", value, errors) {
        pb::Channel::Unspecified => Channel::Unknown,
        pb::Channel::Chat => Channel::Chat,
        pb::Channel::Email => Channel::Email,
        pb::Channel::Social => Channel::Social,
        pb::Channel::Sms => Channel::Sms,
        pb::Channel::Form => Channel::Form,
        pb::Channel::Review => Channel::Review,
    }
}

fn thread_of(thread: Vec<pb::ThreadMessage>, errors: &mut ValidationErrors) -> Vec<ThreadMessage> {
    // Counted before each message is looked at: millions of empty ones fit into a request.
    if thread.len() > MAX_THREAD_MESSAGES {
        let (items, limit) = (thread.len(), MAX_THREAD_MESSAGES);
        errors.push("thread", ValidationError::TooMany { items, limit });
        return Vec::new();
    }
    let mut messages = Vec::with_capacity(thread.len());
    for (index, pb::ThreadMessage { author, text, sent_at }) in thread.into_iter().enumerate() {
        let field = format!("thread[{index}].author");
        let author = match known::<pb::Author>(field.as_str(), author, errors) {
            pb::Author::Customer => Author::Customer,
            pb::Author::Agent => Author::Agent,
            pb::Author::Bot => Author::Bot,
            pb::Author::Unspecified => {
                // An unknown number has been noted already.
                if author == 0 {
                    errors.push(field, ValidationError::Missing);
                }
                Author::Customer
            }
        };
        let sent_at = time_of(format!("thread[{index}].sent_at"), sent_at, errors);
        messages.push(ThreadMessage { author, text, sent_at });
    }
    messages
}

fn customer_of(customer: pb::CustomerFacts, errors: &mut ValidationErrors) -> Customer {
    let pb::CustomerFacts { tier, lifetime_orders, contacts_7d, refunds_90d, tags } = customer;
    let tier = match known::<pb::CustomerTier>("customer.tier", tier, errors) {
        pb::CustomerTier::Unspecified => CustomerTier::Unknown,
        pb::CustomerTier::Standard => CustomerTier::Standard,
        pb::CustomerTier::Loyal => CustomerTier::Loyal,
        pb::CustomerTier::Vip => CustomerTier::Vip,
    };
    Customer { tier, lifetime_orders, contacts_7d, refunds_90d, tags }
}

fn order_of(order: pb::OrderFacts, errors: &mut ValidationErrors) -> Order {
    let pb::OrderFacts { state, promised_by, value } = order;
    let state = match known::<pb::OrderState>("order.state", state, errors) {
        pb::OrderState::Unspecified => OrderState::Unknown,
        pb::OrderState::Pending => OrderState::Pending,
        pb::OrderState::Processing => OrderState::Processing,
        pb::OrderState::Shipped => OrderState::Shipped,
        pb::OrderState::Delivered => OrderState::Delivered,
        pb::OrderState::Cancelled => OrderState::Cancelled,
        pb::OrderState::Returned => OrderState::Returned,
    };
    let value = value
        .map(|pb::Money { currency_code, amount_micros }| Money { currency_code, amount_micros });
    Order { state, promised_by: time_of("order.promised_by", promised_by, errors), value }
}

fn attachment_of(attachment: pb::Attachment) -> Attachment {
    let pb::Attachment { media_type, size_bytes } = attachment;
    Attachment { media_type, size_bytes }
}

fn tag_style_of(value: i32, errors: &mut ValidationErrors) -> Option<TagStyle> {
    match known::<pb::TagStyle>("options.tag_style", value, errors) {
        pb::TagStyle::Unspecified => None,
        pb::TagStyle::Dotted => Some(TagStyle::Dotted),
        pb::TagStyle::Kebab => Some(TagStyle::Kebab),
        pb::TagStyle::Snake => Some(TagStyle::Snake),
        pb::TagStyle::Slash => Some(TagStyle::Slash),
    }
}

fn offset_encoding_of(value: i32, errors: &mut ValidationErrors) -> OffsetEncoding {
    match known::<pb::OffsetEncoding>("options.offset_encoding", value, errors) {
        pb::OffsetEncoding::Unspecified | pb::OffsetEncoding::CodePoints => {
            OffsetEncoding::CodePoints
        }
        pb::OffsetEncoding::Utf16 => OffsetEncoding::Utf16,
    }
}

fn options_of(options: pb::ClassifyOptions, errors: &mut ValidationErrors) -> Options {
    let pb::ClassifyOptions {
        top_k,
        min_probability,
        raw_logits,
        include_routing,
        explain,
        truncation,
        offset_encoding,
        views,
        tag_style,
        explain_words,
    } = options;
    let truncation = match known::<pb::Truncation>("options.truncation", truncation, errors) {
        pb::Truncation::Unspecified | pb::Truncation::HeadTail => Truncation::HeadTail,
        pb::Truncation::Head => Truncation::Head,
        pb::Truncation::Refuse => Truncation::Refuse,
    };
    let top_k = if top_k == 0 { DEFAULT_TOP_K } else { top_k as usize };
    Options {
        top_k,
        min_probability,
        raw_logits,
        include_routing: include_routing.unwrap_or(true),
        explain,
        truncation,
        offset_encoding: offset_encoding_of(offset_encoding, errors),
        views,
        tag_style: tag_style_of(tag_style, errors),
        explain_words: explain_words.map(explain_words_of),
    }
}

fn explain_words_of(explain: pb::ExplainWords) -> ExplainWords {
    let pb::ExplainWords { max_words, top_k } = explain;
    ExplainWords {
        max_words: (max_words > 0).then_some(max_words as usize),
        top_k: if top_k == 0 { DEFAULT_CARRIERS } else { top_k as usize },
    }
}

/// Reads a point in time in the range that the protobuf type documents: years 0001 to 9999.
pub(in crate::grpc) fn time_of(
    field: impl Into<String>,
    timestamp: Option<prost_types::Timestamp>,
    errors: &mut ValidationErrors,
) -> Option<SystemTime> {
    const FIRST: i64 = -62_135_596_800;
    const LAST: i64 = 253_402_300_799;
    let timestamp = timestamp?;
    let in_range = (FIRST..=LAST).contains(&timestamp.seconds)
        && (0..1_000_000_000).contains(&timestamp.nanos);
    let time = if in_range { SystemTime::try_from(timestamp).ok() } else { None };
    if time.is_none() {
        errors.push(field, ValidationError::NotATimestamp);
    }
    time
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(request: pb::ClassifyRequest) -> Vec<String> {
        let (_, errors) = draft(request);
        errors.violations().iter().map(|violation| violation.field.clone()).collect()
    }

    #[test]
    fn unknown_enum_values_are_violations_not_panics() {
        let request = pb::ClassifyRequest {
            channel: 99,
            thread: vec![pb::ThreadMessage { author: -1, ..Default::default() }],
            customer: Some(pb::CustomerFacts { tier: 77, ..Default::default() }),
            order: Some(pb::OrderFacts { state: i32::MAX, ..Default::default() }),
            options: Some(pb::ClassifyOptions { truncation: 9, ..Default::default() }),
            ..Default::default()
        };

        let expected =
            ["channel", "thread[0].author", "customer.tier", "order.state", "options.truncation"];
        assert_eq!(fields(request), expected);
    }

    #[test]
    fn thread_message_needs_an_author() {
        let thread = vec![pb::ThreadMessage::default()];

        assert_eq!(
            fields(pb::ClassifyRequest { thread, ..Default::default() }),
            ["thread[0].author"]
        );
    }

    #[test]
    fn times_outside_the_documented_range_are_violations() {
        for (seconds, nanos) in [(i64::MAX, 0), (i64::MIN, 0), (0, -1), (0, 1_000_000_000)] {
            let order = pb::OrderFacts {
                promised_by: Some(prost_types::Timestamp { seconds, nanos }),
                ..Default::default()
            };
            let request = pb::ClassifyRequest { order: Some(order), ..Default::default() };
            assert_eq!(fields(request), ["order.promised_by"], "{seconds}.{nanos}");
        }
    }

    #[test]
    fn absent_options_are_the_documented_defaults() {
        let (draft, errors) = draft(pb::ClassifyRequest::default());

        assert!(errors.violations().is_empty());
        assert_eq!(draft.options, Options::default());
    }
}

//! The message of a customer, with what is known about it. Valid because it exists.

mod record;
mod validation;

use std::time::SystemTime;

use serde::Deserialize;

pub use record::{MessageRecord, RecordError};

pub use validation::{Limits, ValidationError, ValidationErrors, Violation};

/// Code points of a subject at most.
pub const MAX_SUBJECT_CHARS: usize = 1_024;
/// Code points of an id, of a message or a conversation, of a tenant, a model name or a version at most.
pub const MAX_NAME_CHARS: usize = 128;
/// Characters of a language tag at most (RFC 5646, section 4.4.1, recommends room for 35).
pub const MAX_LANGUAGE_TAG_CHARS: usize = 35;
/// Earlier messages of a conversation at most.
pub const MAX_THREAD_MESSAGES: usize = 50;
/// Tags of a customer at most.
pub const MAX_CUSTOMER_TAGS: usize = 64;
/// Code points of one tag of a customer at most.
pub const MAX_TAG_CHARS: usize = 64;
/// Files of a message at most.
pub const MAX_ATTACHMENTS: usize = 100;
/// Words that an explanation may be asked to try at most; the server has a limit of its own.
pub const MAX_EXPLAINED_WORDS: u32 = 1_000;
/// Words of an explanation for each label at most.
pub const MAX_CARRIERS: u32 = 100;
/// Words of an explanation for each label when the caller does not say.
pub const DEFAULT_CARRIERS: usize = 8;
/// Compatibility views in a reply at most.
pub const MAX_VIEWS: usize = 16;
/// Intents in a reply at most.
pub const MAX_TOP_K: u32 = 1_000;
/// Intents in a reply when the caller does not say.
pub const DEFAULT_TOP_K: usize = 5;

/// Where a message came in.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Channel {
    /// Not said.
    #[default]
    Unknown,
    /// Live chat, messenger, in-app conversation.
    Chat,
    /// E-mail.
    Email,
    /// Public post or comment.
    Social,
    /// Text message.
    Sms,
    /// Contact form.
    Form,
    /// Product or shop review.
    Review,
}

impl Channel {
    /// Every channel.
    pub const ALL: [Self; 7] =
        [Self::Unknown, Self::Chat, Self::Email, Self::Social, Self::Sms, Self::Form, Self::Review];

    /// Every channel but the unknown one.
    pub const NAMED: [Self; 6] =
        [Self::Chat, Self::Email, Self::Social, Self::Sms, Self::Form, Self::Review];

    /// Returns the name as files and policies spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Chat => "chat",
            Self::Email => "email",
            Self::Social => "social",
            Self::Sms => "sms",
            Self::Form => "form",
            Self::Review => "review",
        }
    }

    /// Finds a channel by its name in any case.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let named = |channel: &Self| channel.as_str().eq_ignore_ascii_case(name.trim());
        Self::ALL.into_iter().find(named)
    }
}

/// Who wrote a message of a conversation.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum Author {
    /// The customer.
    Customer,
    /// A person of the helpdesk.
    Agent,
    /// An automatic reply.
    Bot,
}

/// An earlier message of the same conversation.
#[derive(Clone, Debug, PartialEq)]
pub struct ThreadMessage {
    /// Who wrote it.
    pub author: Author,
    /// What was written.
    pub text: String,
    /// When it was sent, if known.
    pub sent_at: Option<SystemTime>,
}

/// How the shop ranks a customer.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum CustomerTier {
    /// Not known.
    #[default]
    Unknown,
    /// No rank of its own.
    Standard,
    /// Loyal by the shop's own measure.
    Loyal,
    /// To be served first.
    Vip,
}

impl CustomerTier {
    /// Every rank.
    pub const ALL: [Self; 4] = [Self::Unknown, Self::Standard, Self::Loyal, Self::Vip];

    /// Returns the name as files and policies spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Standard => "standard",
            Self::Loyal => "loyal",
            Self::Vip => "vip",
        }
    }
}

/// What the shop knows about the customer. `None` means unknown.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Customer {
    /// Rank.
    pub tier: CustomerTier,
    /// Orders ever placed.
    pub lifetime_orders: Option<u32>,
    /// Contacts in the last 7 days, without this one.
    pub contacts_7d: Option<u32>,
    /// Refunds paid in the last 90 days.
    pub refunds_90d: Option<u32>,
    /// The helpdesk's own tags.
    pub tags: Vec<String>,
}

/// How far an order has come.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum OrderState {
    /// Not known.
    #[default]
    Unknown,
    /// Placed, not yet paid.
    Pending,
    /// Paid, waiting or being packed.
    Processing,
    /// Handed to the carrier.
    Shipped,
    /// Reported as delivered.
    Delivered,
    /// Cancelled by either side.
    Cancelled,
    /// Sent back, wholly or in part.
    Returned,
}

impl OrderState {
    /// Every state.
    pub const ALL: [Self; 7] = [
        Self::Unknown,
        Self::Pending,
        Self::Processing,
        Self::Shipped,
        Self::Delivered,
        Self::Cancelled,
        Self::Returned,
    ];

    /// Returns the name as files and policies spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Pending => "pending",
            Self::Processing => "processing",
            Self::Shipped => "shipped",
            Self::Delivered => "delivered",
            Self::Cancelled => "cancelled",
            Self::Returned => "returned",
        }
    }
}

/// What the shop knows about the order that the message is about.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Order {
    /// How far it has come.
    pub state: OrderState,
    /// Until when delivery was promised, if known.
    pub promised_by: Option<SystemTime>,
    /// What it is worth, if known.
    pub value: Option<Money>,
}

/// An amount of money.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Money {
    /// ISO 4217 code, three capital letters.
    pub currency_code: String,
    /// Millionths of the currency's main unit, 0 or more.
    pub amount_micros: i64,
}

/// A file that came with a message; what is in it stays where it is.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Attachment {
    /// Media type (RFC 6838), such as `image/jpeg`.
    pub media_type: String,
    /// Size in bytes; 0 when unknown.
    pub size_bytes: u64,
}

/// What positions in a text are counted in.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum OffsetEncoding {
    /// Unicode code points, as Python counts.
    #[default]
    CodePoints,
    /// UTF-16 code units, as JavaScript, Java and C# count.
    Utf16,
}

/// How the names of labels are spelled as tags.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum TagStyle {
    /// As the labels themselves: `support.human_agent`.
    #[default]
    Dotted,
    /// `support-human-agent`.
    Kebab,
    /// `support_human_agent`.
    Snake,
    /// `support/human_agent`.
    Slash,
}

impl TagStyle {
    /// Every style.
    pub const ALL: [Self; 4] = [Self::Dotted, Self::Kebab, Self::Snake, Self::Slash];

    /// Returns the style as policies and requests spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dotted => "dotted",
            Self::Kebab => "kebab",
            Self::Snake => "snake",
            Self::Slash => "slash",
        }
    }

    /// Spells the name of a label in this style.
    #[must_use]
    pub fn spell(self, label: &str) -> String {
        match self {
            Self::Dotted => label.to_owned(),
            Self::Kebab => label.replace(['.', '_'], "-"),
            Self::Snake => label.replace(['.', '-'], "_"),
            Self::Slash => label.replace('.', "/"),
        }
    }
}

/// What to do with a text that is longer than the model reads.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Truncation {
    /// Keep the first three quarters and the last quarter of what fits.
    #[default]
    HeadTail,
    /// Keep the beginning.
    Head,
    /// Refuse the message.
    Refuse,
}

/// Which words of an explanation are tried and told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ExplainWords {
    /// Words, or stretches of them, that are left out at most; `None` for as many as the server allows.
    pub max_words: Option<usize>,
    /// Words for each label at most, 1 or more.
    pub top_k: usize,
}

impl Default for ExplainWords {
    fn default() -> Self {
        Self { max_words: None, top_k: DEFAULT_CARRIERS }
    }
}

/// How to answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Intents to return at most, 1 or more.
    pub top_k: usize,
    /// Intents less probable are left out, in [0, 1]; the primary one stays.
    pub min_probability: f32,
    /// Return raw outputs as well.
    pub raw_logits: bool,
    /// Evaluate the routing policy.
    pub include_routing: bool,
    /// Return every rule of the policy as it was evaluated.
    pub explain: bool,
    /// What to do with a text that is too long.
    pub truncation: Truncation,
    /// What positions of entities are counted in.
    pub offset_encoding: OffsetEncoding,
    /// Names of compatibility views to add; empty leaves it to the policy.
    pub views: Vec<String>,
    /// How tags are spelled; `None` leaves it to the policy.
    pub tag_style: Option<TagStyle>,
    /// Tell which words carried the answer; `None` for not.
    pub explain_words: Option<ExplainWords>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            top_k: DEFAULT_TOP_K,
            min_probability: 0.0,
            raw_logits: false,
            include_routing: true,
            explain: false,
            truncation: Truncation::default(),
            offset_encoding: OffsetEncoding::default(),
            views: Vec::new(),
            tag_style: None,
            explain_words: None,
        }
    }
}

/// Which field of a message something stands in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum MessageField {
    /// The subject.
    Subject,
    /// The text.
    Text,
}

/// Which model shall answer; empty strings leave the choice to the server.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct ModelSelector {
    /// Name of the model.
    pub name: String,
    /// Version of that model.
    pub version: String,
}

/// Fields of a message before they are checked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MessageDraft {
    /// Identifier chosen by the caller; empty lets the server make one.
    pub id: String,
    /// What the customer wrote.
    pub text: String,
    /// Subject line.
    pub subject: String,
    /// Where it came in.
    pub channel: Channel,
    /// Language that the caller expects, as a BCP-47 tag; empty for none.
    pub locale_hint: String,
    /// Earlier messages, oldest first.
    pub thread: Vec<ThreadMessage>,
    /// What is known about the customer.
    pub customer: Customer,
    /// What is known about the order.
    pub order: Order,
    /// Shop or brand; empty for none.
    pub tenant: String,
    /// Which model shall answer.
    pub model: ModelSelector,
    /// How to answer.
    pub options: Options,
    /// When the customer sent it; `None` when that was about now.
    pub sent_at: Option<SystemTime>,
    /// Files that came with it.
    pub attachments: Vec<Attachment>,
    /// Conversation that it belongs to; empty for none.
    pub conversation_id: String,
}

/// A message within all limits.
#[derive(Clone, Debug, PartialEq)]
pub struct Message(MessageDraft);

impl std::ops::Deref for Message {
    type Target = MessageDraft;

    fn deref(&self) -> &MessageDraft {
        &self.0
    }
}

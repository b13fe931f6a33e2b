//! The message of a customer, with what is known about it. Valid because it exists.

mod validation;

use std::time::SystemTime;

pub use validation::{Limits, ValidationError, ValidationErrors, Violation};

/// Code points of a subject at most.
pub const MAX_SUBJECT_CHARS: usize = 1_024;
/// Code points of an id, a tenant, a model name or a version at most.
pub const MAX_NAME_CHARS: usize = 128;
/// Characters of a language tag at most (RFC 5646, section 4.4.1, recommends room for 35).
pub const MAX_LANGUAGE_TAG_CHARS: usize = 35;
/// Earlier messages of a conversation at most.
pub const MAX_THREAD_MESSAGES: usize = 50;
/// Tags of a customer at most.
pub const MAX_CUSTOMER_TAGS: usize = 64;
/// Code points of one tag of a customer at most.
pub const MAX_TAG_CHARS: usize = 64;
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

/// Who wrote a message of a conversation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
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
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
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
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
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

/// How to answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Intents to return at most, 1 or more.
    pub top_k: usize,
    /// Intents less probable are left out, in [0, 1]; the primary one stays.
    pub min_probability: f32,
    /// Return raw outputs as well.
    pub raw_logits: bool,
    /// Evaluate the routing policy; `None` leaves it to the server.
    pub include_routing: Option<bool>,
    /// Return why.
    pub explain: bool,
    /// What to do with a text that is too long.
    pub truncation: Truncation,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            top_k: DEFAULT_TOP_K,
            min_probability: 0.0,
            raw_logits: false,
            include_routing: None,
            explain: false,
            truncation: Truncation::default(),
        }
    }
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

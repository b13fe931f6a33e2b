//! Text to token ids, cut to what the model reads.

use std::fmt;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::Deserialize;
use tokenizers::{Encoding, Tokenizer};

use crate::message::Truncation;
use crate::model::{ModelBundle, ModelError, TOKENIZER};

/// Characters that are read for each token of the limit.
///
/// Tokens of the supported vocabularies stand for up to 16 characters and for 1 to 5 on average, so a cut text
/// still fills the limit several times over and the tokens that are kept are the same, unless most of it is blanks or
/// unknown characters, which make few tokens.
const MAX_CHARS_PER_TOKEN: usize = 32;

/// Limits below this are raised to it: room for the special tokens of every supported family and some content.
const MIN_TOKENS: usize = 8;

/// Token ids of one message.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct TokenizedMessage {
    /// Ids in order with special tokens: at least 1 and at most the model's `max_tokens`, each below the rows of the
    /// embeddings.
    pub input_ids: Vec<u32>,
    /// Whether something was left out.
    pub truncated: bool,
    /// Tokens before truncation without special tokens. Of a text that was cut unseen (over 32 characters for each
    /// token of the limit), those of the part that was read.
    pub content_tokens: usize,
    /// How many of `content_tokens` are unknown to the vocabulary. Unigram vocabularies count a run of unknown
    /// characters as one.
    pub unknown_tokens: usize,
}

impl TokenizedMessage {
    /// Returns the share of content tokens that are unknown to the vocabulary, in [0, 1]; 0 without content.
    #[must_use]
    pub fn unknown_share(&self) -> f32 {
        if self.content_tokens == 0 {
            return 0.0;
        }
        self.unknown_tokens as f32 / self.content_tokens as f32
    }
}

/// Token ids of one message that know where they stand in its text.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct LocatedTokens {
    /// As without places.
    pub tokens: TokenizedMessage,
    /// For each of `tokens.input_ids` the bytes of the text that it stands for; `None` for special tokens. In order, white
    /// space before a word included. Neighbours may share a character.
    pub places: Vec<Option<Range<usize>>>,
}

/// Why a text has no token ids.
#[derive(Debug, thiserror::Error)]
pub enum TokenizationError {
    /// The text has more tokens than the model reads, and [`Truncation::Refuse`] was asked for.
    #[error("text has {tokens} tokens or more, at most {max_tokens} are accepted")]
    TooLong {
        /// Tokens that were counted, special tokens included.
        tokens: usize,
        /// Tokens that are accepted.
        max_tokens: usize,
    },
    /// The tokenizer failed; the text is not part of the error.
    #[error("the tokenizer failed")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The tokenizer of one model. Any number of threads may use it at the same time.
pub struct TextTokenizer {
    tokenizer: Tokenizer,
    unknown_id: Option<u32>,
    /// Marks of the model itself, such as `</s>` and `[SEP]`; never the unknown token.
    marks: Vec<u32>,
    max_tokens: usize,
}

impl fmt::Debug for TextTokenizer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("TextTokenizer")
            .field("max_tokens", &self.max_tokens)
            .finish_non_exhaustive()
    }
}

impl TextTokenizer {
    /// Builds the tokenizer of a model. Truncation and padding in `tokenizer.json` are switched off.
    ///
    /// # Errors
    /// [`ModelError`] when `tokenizer.json` is damaged, adds no special tokens, or has ids past the last row of the
    /// embeddings.
    pub fn from_bundle(bundle: &ModelBundle) -> Result<Self, ModelError> {
        let json = bundle.tokenizer_json();
        let mut tokenizer = contained(|| Tokenizer::from_bytes(json)).map_err(refused)?;
        tokenizer.with_padding(None).with_truncation(None).map_err(refused)?;
        let vocabulary = tokenizer.get_vocab(true);
        let rows = bundle.architecture().vocabulary_size;
        let largest = vocabulary.values().copied().max().unwrap_or_default();
        if index(largest) >= rows {
            let expected = format!("ids below the {rows} rows of the word embeddings");
            return Err(refused_field("model.vocab", expected, format!("id {largest}")));
        }
        let unknown_id = unknown_id(json, &tokenizer)?;
        let this = Self {
            unknown_id,
            marks: marks(&tokenizer, unknown_id),
            max_tokens: bundle.manifest().max_tokens,
            tokenizer,
        };
        this.check_special_tokens(rows)?;
        Ok(this)
    }

    /// Turns a text into token ids.
    ///
    /// Work is bounded: of a text with over 32 characters for each token of the limit, the middle (or the end, for
    /// [`Truncation::Head`]) is not looked at.
    ///
    /// # Errors
    /// [`TokenizationError::TooLong`] for [`Truncation::Refuse`], [`TokenizationError::Failed`] when a damaged
    /// `tokenizer.json` makes the tokenizer fail.
    pub fn tokenize(
        &self,
        text: &str,
        truncation: Truncation,
    ) -> Result<TokenizedMessage, TokenizationError> {
        self.tokenize_within(text, truncation, self.max_tokens)
    }

    /// As [`Self::tokenize`], with a limit of `max_tokens` tokens where that is below the model's own. A limit that
    /// leaves no room for content beside the special tokens is raised to one that does.
    ///
    /// # Errors
    /// As [`Self::tokenize`].
    pub fn tokenize_within(
        &self,
        text: &str,
        truncation: Truncation,
        max_tokens: usize,
    ) -> Result<TokenizedMessage, TokenizationError> {
        let max_tokens = max_tokens.max(MIN_TOKENS).min(self.max_tokens);
        let cut = cut_text(text, max_tokens.saturating_mul(MAX_CHARS_PER_TOKEN), truncation);
        let encoding = self.encode(cut.as_deref().unwrap_or(text));
        let encoding = encoding.map_err(TokenizationError::Failed)?;
        let (ids, mask): (Vec<u32>, Vec<u32>) =
            self.disarmed(&encoding).map(|(id, special, _)| (id, special)).unzip();
        self.message(&ids, &mask, cut.is_some(), max_tokens, truncation)
    }

    /// As [`Self::tokenize`], with the place of each token; takes a little longer.
    ///
    /// # Errors
    /// As [`Self::tokenize`].
    pub fn tokenize_located(
        &self,
        text: &str,
        truncation: Truncation,
    ) -> Result<LocatedTokens, TokenizationError> {
        let max_tokens = self.max_tokens;
        let limit = max_tokens.saturating_mul(MAX_CHARS_PER_TOKEN);
        let cut = cut_text(text, limit, truncation);
        let read = cut.as_deref().unwrap_or(text);
        let encoding = contained(|| self.tokenizer.encode(read, true));
        let encoding = encoding.map_err(TokenizationError::Failed)?;
        // What stands behind the gap of a cut text stands further back in the whole one.
        let gap = match (&cut, truncation) {
            (Some(_), Truncation::HeadTail) => head_end(text, head_share(limit)),
            (Some(_), Truncation::Head | Truncation::Refuse) | (None, _) => text.len(),
        };
        let moved = |(start, end): (usize, usize)| {
            // The space between the two halves is not in the text.
            let by = if end > gap { text.len() - read.len() } else { 0 };
            let start = if end > gap { start.max(gap + 1).min(end) } else { start };
            start + by..end + by
        };
        let (mut ids, mut mask, mut places) = (Vec::new(), Vec::new(), Vec::new());
        for (id, special, place) in self.disarmed(&encoding) {
            ids.push(id);
            mask.push(special);
            places.push((special == 0).then(|| moved(place)));
        }
        let tokens = self.message(&ids, &mask, cut.is_some(), max_tokens, truncation)?;
        Ok(LocatedTokens { tokens, places: truncate(&places, &mask, max_tokens, truncation) })
    }

    /// Cuts ids to what the model reads; `mask` is 0 for each that is no special token, `cut` tells that there were more.
    fn message(
        &self,
        ids: &[u32],
        mask: &[u32],
        cut: bool,
        max_tokens: usize,
        truncation: Truncation,
    ) -> Result<TokenizedMessage, TokenizationError> {
        let tokens = ids.len();
        if truncation == Truncation::Refuse && (cut || tokens > max_tokens) {
            return Err(TokenizationError::TooLong { tokens, max_tokens });
        }
        let content = || {
            let ids = ids.iter().zip(mask);
            ids.filter_map(|(id, special)| (*special == 0).then_some(*id))
        };
        Ok(TokenizedMessage {
            truncated: cut || tokens > max_tokens,
            content_tokens: content().count(),
            unknown_tokens: content().filter(|id| Some(*id) == self.unknown_id).count(),
            input_ids: truncate(ids, mask, max_tokens, truncation),
        })
    }

    /// Makes unknown tokens of marks that the sender typed, or drops them if the vocabulary has no unknown token:
    /// whoever writes "</s>" means these characters, and the model must not take them for the end of the message.
    ///
    /// Done on ids, because a mark can also come out of normalisation (full-width "＜/s＞") or, with Unigram, out of the
    /// vocabulary itself, where the crate's own switch does not reach. Returns ids, special tokens mask and places, which
    /// are those of the text where the encoding has them.
    fn disarmed(&self, encoding: &Encoding) -> impl Iterator<Item = (u32, u32, (usize, usize))> {
        let tokens = encoding.get_ids().iter().zip(encoding.get_special_tokens_mask());
        tokens.zip(encoding.get_offsets()).filter_map(|((&id, &special), &place)| {
            let typed = special == 0 && self.marks.contains(&id);
            let id = if typed { self.unknown_id? } else { id };
            Some((id, special, place))
        })
    }

    fn encode(&self, text: &str) -> Result<Encoding, Cause> {
        // Not `encode_batch`, which starts a thread pool.
        contained(|| self.tokenizer.encode_fast(text, true))
    }

    /// Makes sure that even a text without content has ids, and that they fit.
    fn check_special_tokens(&self, rows: usize) -> Result<(), ModelError> {
        const FIELD: &str = "post_processor";
        let encoding = self.encode("").map_err(refused)?;
        let ids = encoding.get_ids();
        if ids.is_empty() || ids.len() >= self.max_tokens {
            let most = self.max_tokens.saturating_sub(1);
            let expected = format!("1 to {most} special tokens around the text");
            return Err(refused_field(FIELD, expected, ids.len().to_string()));
        }
        match ids.iter().find(|id| index(**id) >= rows) {
            None => Ok(()),
            Some(id) => {
                let expected = format!("ids below the {rows} rows of the word embeddings");
                Err(refused_field(FIELD, expected, format!("id {id}")))
            }
        }
    }
}

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Runs code of the tokenizers crate, which panics on some damaged files (indexing in `Precompiled`, for instance).
fn contained<T>(work: impl FnOnce() -> tokenizers::Result<T>) -> Result<T, Cause> {
    // The closures only read, and what they make is dropped on a panic.
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err("the tokenizers crate panicked".into()))
}

fn refused(source: Cause) -> ModelError {
    ModelError::Tokenizer { file: TOKENIZER, source }
}

fn refused_field(field: &str, expected: String, found: String) -> ModelError {
    ModelError::Field { file: TOKENIZER, field: field.to_owned(), expected, found }
}

fn index(id: u32) -> usize {
    usize::try_from(id).unwrap_or(usize::MAX)
}

/// The part of `tokenizer.json` that says which token is the unknown one; the crate does not give it away.
#[derive(Deserialize)]
struct TokenizerFile {
    model: ModelPart,
}

#[derive(Deserialize)]
struct ModelPart {
    unk_id: Option<u32>,
    unk_token: Option<String>,
}

fn unknown_id(json: &[u8], tokenizer: &Tokenizer) -> Result<Option<u32>, ModelError> {
    let file: TokenizerFile = serde_json::from_slice(json)
        .map_err(|source| ModelError::Json { file: TOKENIZER, source })?;
    let by_token = || tokenizer.token_to_id(file.model.unk_token.as_deref()?);
    Ok(file.model.unk_id.or_else(by_token))
}

/// Ids of the special tokens without the unknown one.
fn marks(tokenizer: &Tokenizer, unknown_id: Option<u32>) -> Vec<u32> {
    let added = tokenizer.get_added_tokens_decoder();
    let special = added.into_iter().filter(|(_, token)| token.special);
    special.map(|(id, _)| id).filter(|id| Some(*id) != unknown_id).collect()
}

/// Leaves out the middle or the end of a text of more than `limit` characters; `None` if it is short enough.
fn cut_text(text: &str, limit: usize, truncation: Truncation) -> Option<String> {
    // A character has at least one byte: most texts need no counting.
    if text.len() <= limit {
        return None;
    }
    text.char_indices().nth(limit)?;
    let head_chars = match truncation {
        Truncation::HeadTail => head_share(limit),
        Truncation::Head | Truncation::Refuse => limit,
    };
    let head = text.get(..head_end(text, head_chars))?;
    let tail_chars = limit - head_chars;
    let Some(last) = tail_chars.checked_sub(1) else {
        return Some(head.to_owned());
    };
    let tail_start = text.char_indices().rev().nth(last)?.0;
    // The space keeps the two halves from making a word that the text does not have.
    Some(format!("{head} {}", text.get(tail_start..)?))
}

/// Returns where the first `chars` characters of a text end.
fn head_end(text: &str, chars: usize) -> usize {
    text.char_indices().nth(chars).map_or(text.len(), |(end, _)| end)
}

/// Three quarters, rounded down.
fn head_share(limit: usize) -> usize {
    limit - limit.div_ceil(4)
}

/// Takes out of what belongs to each token what belongs to those that the model reads.
fn truncate<T: Clone>(
    tokens: &[T],
    special_tokens_mask: &[u32],
    max_tokens: usize,
    truncation: Truncation,
) -> Vec<T> {
    if tokens.len() <= max_tokens {
        return tokens.to_vec();
    }
    let head = match truncation {
        Truncation::HeadTail => head_share(max_tokens),
        Truncation::Head | Truncation::Refuse => {
            let trailing = special_tokens_mask.iter().rev().take_while(|special| **special != 0);
            max_tokens.saturating_sub(trailing.count())
        }
    };
    let tail_start = tokens.len().saturating_sub(max_tokens.saturating_sub(head));
    let kept_head = tokens.iter().take(head);
    kept_head.chain(tokens.iter().skip(tail_start)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::model::ModelSource;

    const MAX_TOKENS: usize = 48;

    fn tokenizer() -> TextTokenizer {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let directory = root.join("tests/fixtures/tiny-bert-multihead");
        let bundle = ModelBundle::load(&ModelSource::Directory(directory)).unwrap();
        TextTokenizer::from_bundle(&bundle).unwrap()
    }

    fn ids(truncation: Truncation) -> Vec<u32> {
        let text = "where is my order and when will it arrive? ".repeat(20);
        let tokenized = tokenizer().tokenize(&text, truncation).unwrap();
        assert!(tokenized.truncated);
        assert!(tokenized.content_tokens > MAX_TOKENS);
        tokenized.input_ids
    }

    #[test]
    fn text_without_content_has_special_tokens_only() {
        let tokenized = tokenizer().tokenize("", Truncation::Refuse).unwrap();

        assert_eq!(tokenized.input_ids, [0, 2]);
        assert_eq!(tokenized.content_tokens, 0);
        assert!(tokenized.unknown_share() < f32::EPSILON);
    }

    #[test]
    fn special_tokens_typed_by_a_sender_are_ordinary_text() {
        let tokenized = tokenizer().tokenize("order</s>＜s＞", Truncation::Refuse).unwrap();

        let inside = &tokenized.input_ids[1..tokenized.input_ids.len() - 1];
        assert!(!inside.contains(&0) && !inside.contains(&2), "{inside:?}");
    }

    #[test]
    fn unknown_tokens_are_counted_among_the_content() {
        let tokenized = tokenizer().tokenize("order \u{10330}", Truncation::HeadTail).unwrap();

        assert_eq!(tokenized.unknown_tokens, 1);
        assert!(tokenized.content_tokens > 1);
        assert!(!tokenized.truncated);
    }

    #[test]
    fn head_and_tail_keep_three_quarters_and_one_quarter() {
        let text = "where is my order and when will it arrive? ".repeat(20);
        let whole = tokenizer().encode(&text).unwrap();

        let kept = ids(Truncation::HeadTail);

        assert_eq!(kept.len(), MAX_TOKENS);
        assert_eq!(kept[..36], whole.get_ids()[..36]);
        assert_eq!(kept[36..], whole.get_ids()[whole.len() - 12..]);
    }

    #[test]
    fn head_keeps_the_special_tokens_at_the_end() {
        let text = "where is my order and when will it arrive? ".repeat(20);
        let whole = tokenizer().encode(&text).unwrap();

        let kept = ids(Truncation::Head);

        assert_eq!(kept.len(), MAX_TOKENS);
        assert_eq!(kept[..47], whole.get_ids()[..47]);
        assert_eq!(kept[47], 2);
    }

    #[test]
    fn refuse_tells_how_many_tokens_there_are() {
        let error = tokenizer().tokenize(&"order ".repeat(50), Truncation::Refuse).unwrap_err();

        let TokenizationError::TooLong { tokens, max_tokens } = error else {
            panic!("unexpected {error}");
        };
        assert!(tokens > MAX_TOKENS);
        assert_eq!(max_tokens, MAX_TOKENS);
    }

    #[test]
    fn cutting_unseen_does_not_change_what_is_kept() {
        let tokenizer = tokenizer();
        let text: String = (0..2_000).map(|number| format!("order {number} 😀 ")).collect();
        assert!(text.chars().count() > MAX_TOKENS * MAX_CHARS_PER_TOKEN);

        for truncation in [Truncation::HeadTail, Truncation::Head] {
            let whole = tokenizer.encode(&text).unwrap();
            let tokenized = tokenizer.tokenize(&text, truncation).unwrap();

            assert_eq!(
                tokenized.input_ids,
                truncate(whole.get_ids(), whole.get_special_tokens_mask(), MAX_TOKENS, truncation)
            );
            assert!(tokenized.truncated);
            assert!(tokenized.content_tokens < whole.len() - 2);
        }
    }

    #[test]
    fn located_tokens_are_the_same_and_stand_where_they_say() {
        let tokenizer = tokenizer();
        let long: String = (0..2_000).map(|number| format!("order {number} 😀 ")).collect();
        for text in ["", "Where is my order 4711?", "ﬁne \u{1f600}\n\n届きました。", long.as_str()]
        {
            for truncation in [Truncation::HeadTail, Truncation::Head] {
                let LocatedTokens { tokens, places } =
                    tokenizer.tokenize_located(text, truncation).unwrap();

                assert_eq!(tokens, tokenizer.tokenize(text, truncation).unwrap());
                assert_eq!(places.len(), tokens.input_ids.len());
                for (id, place) in tokens.input_ids.iter().zip(&places) {
                    let Some(place) = place else { continue };
                    let token = tokenizer.tokenizer.id_to_token(*id).unwrap().replace('▁', " ");
                    let part = text.get(place.clone()).unwrap();
                    let plain = |text: &str| text.trim().replace('ﬁ', "fi");
                    assert!(
                        *id == 3 || plain(part).contains(&plain(&token)),
                        "{token:?} is not {part:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn text_is_cut_between_characters_only_over_the_limit() {
        assert_eq!(cut_text("abcd", 4, Truncation::HeadTail), None);
        assert_eq!(cut_text("éé", 4, Truncation::HeadTail), None);
        assert_eq!(cut_text("😀😀", 4, Truncation::HeadTail), None);
        assert_eq!(cut_text("aébcdefg", 4, Truncation::HeadTail).unwrap(), "aéb g");
        assert_eq!(cut_text("ééééé", 4, Truncation::Head).unwrap(), "éééé");
        assert_eq!(cut_text("abc", 0, Truncation::HeadTail).unwrap(), "");
    }

    #[test]
    fn head_share_is_three_quarters_rounded_down() {
        for limit in 0..1_000 {
            assert_eq!(head_share(limit), limit * 3 / 4);
        }
    }
}

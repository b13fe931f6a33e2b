//! Softmax over hashed character n-grams, trained on messages to shops in 15 languages.
//!
//! `models/language/README.md` describes the file of its weights, `training/language.py` makes it.

/// Languages of the weights, in the order of their columns.
pub(super) const LANGUAGES: [&str; CLASSES] =
    ["en", "de", "tr", "ja", "zh", "fr", "es", "it", "pt", "nl", "pl", "sv", "ru", "ar", "ko"];

const CLASSES: usize = 15;

/// Longest n-gram in characters; a word counts with a space before and after it.
const MAX_NGRAM: usize = 5;

const MAGIC: [u8; 4] = *b"SBLN";
const FORMAT: u32 = 1;
const MAX_BUCKET_BITS: u32 = 20;

/// Basis and prime of the 64-bit FNV-1a hash, http://www.isthe.com/chongo/tech/comp/fnv/.
const FNV_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0100_0000_01b3;

/// 2^64 divided by the golden ratio: spreads a state over its upper bits.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// A file of weights that can't be used.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NgramsError {
    /// The file does not begin as weights of n-grams do, or is of another format version.
    #[error("not a file of n-gram weights of format {FORMAT}")]
    Format,
    /// The file is for other languages than this program.
    #[error("weights for other languages than those of this program")]
    Languages,
    /// The file is shorter or longer than its head says.
    #[error("the size of the file does not fit its head")]
    Size,
    /// A scale, a bias or the temperature is no usable number.
    #[error("scales, biases and temperature have to be finite, and the temperature above 0")]
    NotFinite,
    /// The content is not what was written.
    #[error("the digest in the file's head does not fit its content")]
    Digest,
}

/// Weights of the n-grams of 15 languages.
#[derive(Clone, Copy, Debug)]
pub struct Ngrams {
    bucket_bits: u32,
    temperature: f32,
    /// Size of one step of a weight, for each language.
    scales: [f32; CLASSES],
    biases: [f32; CLASSES],
    /// A row for each bucket.
    weights: &'static [[u8; CLASSES]],
}

/// Probabilities of the languages, in [`LANGUAGES`]' order; they sum to 1 ± 1e-5.
pub(super) type Probabilities = [f32; CLASSES];

impl Ngrams {
    /// Returns the weights inside the program. A file that [`Self::parse`] refuses does not compile.
    #[must_use]
    pub const fn embedded() -> Self {
        const EMBEDDED: Ngrams =
            match Ngrams::parse(include_bytes!("../../models/language/ngrams.bin")) {
                Ok(ngrams) => ngrams,
                // The compiler evaluates this, not the program.
                Err(_) => panic!("models/language/ngrams.bin is damaged"),
            };
        EMBEDDED
    }

    /// Reads weights as `training/language.py` writes them.
    ///
    /// # Errors
    /// [`NgramsError`] says what does not fit: format, languages, size or digest.
    pub const fn parse(file: &'static [u8]) -> Result<Self, NgramsError> {
        let Some((&MAGIC, rest)) = file.split_first_chunk::<4>() else {
            return Err(NgramsError::Format);
        };
        let Some((version, rest)) = rest.split_first_chunk::<4>() else {
            return Err(NgramsError::Format);
        };
        let Some((bits, rest)) = rest.split_first_chunk::<4>() else {
            return Err(NgramsError::Format);
        };
        let Some((classes, rest)) = rest.split_first_chunk::<4>() else {
            return Err(NgramsError::Format);
        };
        let Some((digest, body)) = rest.split_first_chunk::<8>() else {
            return Err(NgramsError::Format);
        };
        if u32::from_le_bytes(*version) != FORMAT {
            return Err(NgramsError::Format);
        }
        if u32::from_le_bytes(*classes) as usize != CLASSES {
            return Err(NgramsError::Languages);
        }
        if digest_of(body) != u64::from_le_bytes(*digest) {
            return Err(NgramsError::Digest);
        }
        Self::parse_body(body, u32::from_le_bytes(*bits))
    }

    const fn parse_body(body: &'static [u8], bucket_bits: u32) -> Result<Self, NgramsError> {
        let Some((temperature, rest)) = body.split_first_chunk::<4>() else {
            return Err(NgramsError::Size);
        };
        let Some((tags, rest)) = rest.split_first_chunk::<{ 2 * CLASSES + 2 }>() else {
            return Err(NgramsError::Size);
        };
        let Some((scales, rest)) = rest.split_first_chunk::<{ 4 * CLASSES }>() else {
            return Err(NgramsError::Size);
        };
        let Some((biases, rest)) = rest.split_first_chunk::<{ 4 * CLASSES }>() else {
            return Err(NgramsError::Size);
        };
        let Some((_padding, rest)) = rest.split_first_chunk::<4>() else {
            return Err(NgramsError::Size);
        };
        let (weights, remainder) = rest.as_chunks::<CLASSES>();
        if bucket_bits == 0
            || bucket_bits > MAX_BUCKET_BITS
            || weights.len() != 1 << bucket_bits
            || !remainder.is_empty()
        {
            return Err(NgramsError::Size);
        }
        if !are_languages(tags) {
            return Err(NgramsError::Languages);
        }
        let temperature = f32::from_le_bytes(*temperature);
        let (scales, biases) = (floats(scales), floats(biases));
        if !(temperature.is_finite()
            && temperature > 0.0
            && are_finite(&scales)
            && are_finite(&biases))
        {
            return Err(NgramsError::NotFinite);
        }
        Ok(Self { bucket_bits, temperature, scales, biases, weights })
    }

    /// Adds the n-grams of a word, given in lower case with a space before and after it.
    pub(super) fn add(&self, word: &[char], evidence: &mut Evidence) {
        self.for_each_bucket(word, |bucket| {
            let Some(row) = self.weights.get(bucket) else { return };
            for (sum, weight) in evidence.sums.iter_mut().zip(row) {
                *sum += i32::from(weight.cast_signed());
            }
            evidence.ngrams += 1;
        });
    }

    fn for_each_bucket(&self, word: &[char], mut add: impl FnMut(usize)) {
        for start in 0..word.len() {
            let mut state = FNV_BASIS;
            let ngrams = word.iter().skip(start).take(MAX_NGRAM).enumerate();
            for (index, character) in ngrams {
                state = mixed(state, *character);
                let bucket = state.wrapping_mul(SPREAD) >> (64 - self.bucket_bits);
                // A space alone is no n-gram.
                if index > 0 || *character != ' ' {
                    #[expect(clippy::cast_possible_truncation, reason = "under 2^MAX_BUCKET_BITS")]
                    add(bucket as usize);
                }
            }
        }
    }

    /// Returns how likely each language is; none for a text without n-grams.
    pub(super) fn probabilities(&self, evidence: &Evidence) -> Option<Probabilities> {
        if evidence.ngrams == 0 {
            return None;
        }
        #[expect(clippy::cast_precision_loss, reason = "at most 5,000 n-grams of at most 127")]
        let root = (evidence.ngrams as f32).sqrt();
        let mut scores = self.biases;
        for ((score, sum), scale) in scores.iter_mut().zip(evidence.sums).zip(self.scales) {
            #[expect(clippy::cast_precision_loss, reason = "under 2^24")]
            let sum = sum as f32;
            *score = (*score + sum * scale / root) / self.temperature;
        }
        // Subtract the maximum first: exp(89) already overflows f32.
        let highest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let powers = scores.map(|score| (score - highest).exp());
        let total: f32 = powers.iter().sum();
        Some(powers.map(|power| power / total))
    }
}

/// What the n-grams of a text say.
#[derive(Clone, Debug, Default)]
pub(super) struct Evidence {
    /// Sums of whole-number weights, for each language.
    sums: [i32; CLASSES],
    ngrams: usize,
}

/// Returns a number for a whole word.
pub(super) fn hash_of(word: impl IntoIterator<Item = char>) -> u64 {
    word.into_iter().fold(FNV_BASIS, mixed)
}

fn mixed(state: u64, character: char) -> u64 {
    let state = (state ^ u64::from(character)).wrapping_mul(FNV_PRIME);
    state ^ (state >> 29)
}

/// Returns FNV-1a over little-endian words of 8 bytes, which the compiler computes eight times as fast as over bytes.
/// Guards against damage, not against forgery.
const fn digest_of(body: &[u8]) -> u64 {
    let (mut words, _) = body.as_chunks::<8>();
    let mut state = FNV_BASIS;
    while let Some((word, following)) = words.split_first() {
        state = (state ^ u64::from_le_bytes(*word)).wrapping_mul(FNV_PRIME);
        words = following;
    }
    state
}

const fn are_languages(tags: &[u8; 2 * CLASSES + 2]) -> bool {
    let mut tags: &[u8] = tags;
    let mut languages: &[&str] = &LANGUAGES;
    while let Some((language, following)) = languages.split_first() {
        let (Some(([first, second], rest)), [a, b]) =
            (tags.split_first_chunk::<2>(), language.as_bytes())
        else {
            return false;
        };
        if *first != *a || *second != *b {
            return false;
        }
        (tags, languages) = (rest, following);
    }
    true
}

const fn are_finite(floats: &[f32]) -> bool {
    let mut rest = floats;
    while let Some((float, following)) = rest.split_first() {
        if !float.is_finite() {
            return false;
        }
        rest = following;
    }
    true
}

const fn floats(bytes: &[u8; 4 * CLASSES]) -> [f32; CLASSES] {
    let (mut words, _) = bytes.as_chunks::<4>();
    let mut floats = [0.0; CLASSES];
    let mut rest: &mut [f32] = &mut floats;
    while let (Some((word, following)), Some((float, others))) =
        (words.split_first(), rest.split_first_mut())
    {
        *float = f32::from_le_bytes(*word);
        (words, rest) = (following, others);
    }
    floats
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::language::letters::for_each_word;

    const FILE: &[u8] = include_bytes!("../../models/language/ngrams.bin");

    fn leaked(file: Vec<u8>) -> &'static [u8] {
        Vec::leak(file)
    }

    #[test]
    fn buckets_and_probabilities_are_those_of_the_recipe() {
        let cases: Vec<Value> = serde_json::from_str(include_str!("ngrams-parity.json")).unwrap();
        let ngrams = Ngrams::embedded();
        for case in &cases {
            let text = case["text"].as_str().unwrap();
            let mut buckets = Vec::new();
            let mut evidence = Evidence::default();

            for_each_word(text, |word| {
                ngrams.for_each_bucket(word, |bucket| buckets.push(bucket as u64));
                ngrams.add(word, &mut evidence);
            });
            let probabilities = ngrams.probabilities(&evidence);

            assert_eq!(case["ngrams"].as_u64(), Some(buckets.len() as u64), "{text}");
            let first = case["first_buckets"].as_array().unwrap();
            assert!(
                first.iter().filter_map(Value::as_u64).eq(buckets.into_iter().take(40)),
                "{text}"
            );
            let Some(expected) = case["probabilities"].as_array() else {
                assert_eq!(probabilities, None, "{text}");
                continue;
            };
            assert_eq!(expected.len(), CLASSES);
            for (expected, found) in expected.iter().zip(probabilities.unwrap()) {
                assert!((expected.as_f64().unwrap() - f64::from(found)).abs() < 1e-4, "{text}");
            }
        }
        assert!(cases.len() > 10);
    }

    #[test]
    fn damaged_files_are_refused() {
        let flipped = |index: usize| {
            let mut file = FILE.to_vec();
            file[index] ^= 1;
            leaked(file)
        };

        assert!(Ngrams::parse(FILE).is_ok());
        assert_eq!(Ngrams::parse(&[]).err(), Some(NgramsError::Format));
        assert_eq!(Ngrams::parse(flipped(0)).err(), Some(NgramsError::Format));
        assert_eq!(Ngrams::parse(flipped(4)).err(), Some(NgramsError::Format));
        assert_eq!(Ngrams::parse(flipped(8)).err(), Some(NgramsError::Size));
        assert_eq!(Ngrams::parse(flipped(12)).err(), Some(NgramsError::Languages));
        assert_eq!(Ngrams::parse(flipped(16)).err(), Some(NgramsError::Digest));
        assert_eq!(Ngrams::parse(flipped(300_000)).err(), Some(NgramsError::Digest));
        assert_eq!(Ngrams::parse(&FILE[..FILE.len() - 8]).err(), Some(NgramsError::Digest));
    }

    #[test]
    fn other_languages_and_numbers_that_are_none_are_refused_with_a_fitting_digest() {
        let resealed = |index: usize, byte: u8| {
            let mut file = FILE.to_vec();
            file[index] = byte;
            let digest = digest_of(&file[24..]).to_le_bytes();
            file[16..24].copy_from_slice(&digest);
            leaked(file)
        };
        let with_nan = |start: usize| {
            let mut file = FILE.to_vec();
            file[start..start + 4].copy_from_slice(&f32::NAN.to_le_bytes());
            let digest = digest_of(&file[24..]).to_le_bytes();
            file[16..24].copy_from_slice(&digest);
            leaked(file)
        };

        assert_eq!(Ngrams::parse(resealed(28, b'x')).err(), Some(NgramsError::Languages));
        assert_eq!(Ngrams::parse(with_nan(24)).err(), Some(NgramsError::NotFinite));
        assert_eq!(Ngrams::parse(with_nan(60)).err(), Some(NgramsError::NotFinite));
        assert_eq!(Ngrams::parse(with_nan(120)).err(), Some(NgramsError::NotFinite));
    }
}

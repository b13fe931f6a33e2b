//! Random numbers that are the same for ever: a report must not change because a library chose another generator.

/// SplitMix64 (Steele, Lea and Flood, 2014).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Starts a sequence. Every (seed, stream) gives one of its own.
    #[must_use]
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut random = Self(seed);
        let start = random.next_u64() ^ stream.wrapping_mul(0xd6e8_feb8_6659_fd93);
        Self(start)
    }

    /// Returns the next number.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number below `end`; 0 if that is 0.
    pub fn below(&mut self, end: usize) -> usize {
        // Lemire's multiplication; off by less than end / 2⁶⁴, which no resample can show.
        let wide = u128::from(self.next_u64()) * end as u128;
        #[expect(clippy::cast_possible_truncation, reason = "less than `end`, which is a usize")]
        let below = (wide >> 64) as usize;
        below
    }

    /// Returns a number in [0, 1).
    pub fn unit(&mut self) -> f64 {
        // 53 bits are exact in f64.
        (self.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Returns one of several; `None` without any.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.get(self.below(items.len()))
    }
}

/// Returns a number that depends on every byte (FNV-1a), to make a stream of a text.
#[must_use]
pub fn stream_of(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequence_is_the_published_one() {
        // The first values of SplitMix64 from state 1234567.
        let mut random = Random(1_234_567);

        assert_eq!(random.next_u64(), 6_457_827_717_110_365_317);
        assert_eq!(random.next_u64(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn streams_differ_and_numbers_stay_below_the_end() {
        let (mut one, mut other) = (Random::new(1, 0), Random::new(1, 1));
        assert_ne!(one.next_u64(), other.next_u64());

        let mut seen = [0_u32; 5];
        for _ in 0..5_000 {
            seen[one.below(5)] += 1;
        }
        assert!(seen.iter().all(|count| (800..1_200).contains(count)), "{seen:?}");
        assert_eq!(one.below(0), 0);
        assert_eq!(one.pick::<u8>(&[]), None);
    }
}

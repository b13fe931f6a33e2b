//! Every figure over every part of the messages, once as they are and once for each resample.

use rayon::prelude::*;

use super::answers::Answer;
use super::bootstrap::resample;
use super::figures::{Figures, Part, Sample};
use super::outcomes::Outcome;
use super::records::Case;
use super::tally::{Counts, Tally};
use super::vocabulary::Vocabulary;
use crate::message::Channel;

/// Lengths by which messages are told apart: name and most tokens, special tokens included.
const LENGTHS: [(&str, usize); 6] =
    [("1-8", 8), ("9-16", 16), ("17-32", 32), ("33-64", 64), ("65-128", 128), ("129+", usize::MAX)];

/// How resamples are drawn.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Bootstrap {
    /// Resamples; 0 for none.
    pub draws: u64,
    /// Start of the random numbers.
    pub seed: u64,
}

/// A model's answers, judged, with the parts of the messages that figures are computed for.
#[derive(Clone, Debug)]
pub struct Judged {
    /// Outcome of each message.
    pub outcomes: Vec<Outcome>,
    /// All messages.
    pub overall: Part,
    /// Messages by language, sorted by its name.
    pub languages: Vec<Part>,
    /// Messages by channel.
    pub channels: Vec<Part>,
    /// Messages by length, shortest first.
    pub lengths: Vec<Part>,
    intents: usize,
    flags: usize,
}

/// Every figure over every part.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measurement {
    /// Over all messages: each counts the same.
    pub overall: Figures,
    /// Mean over languages: each counts the same.
    pub macro_language: Figures,
    /// By language, in the order of [`Judged::languages`].
    pub languages: Vec<Figures>,
    /// By channel, in the order of [`Judged::channels`].
    pub channels: Vec<Figures>,
    /// By length, in the order of [`Judged::lengths`].
    pub lengths: Vec<Figures>,
    /// F1 of each intent at its threshold over all messages.
    pub intents_f1: Vec<Option<f64>>,
    /// F1 of each flag at its threshold over all messages.
    pub flags_f1: Vec<Option<f64>>,
}

/// What was measured, and what resamples of the same messages gave.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Over the messages as they are.
    pub point: Measurement,
    /// Over each resample.
    pub draws: Vec<Measurement>,
}

impl Judged {
    /// Judges every answer. Cases and answers go together by position.
    #[must_use]
    pub fn new(cases: &[Case], answers: &[Answer], vocabulary: &Vocabulary) -> Self {
        let outcomes: Vec<Outcome> = cases
            .iter()
            .zip(answers)
            .map(|(case, answer)| Outcome::of(case, answer, vocabulary))
            .collect();
        let part = |name: &str, belongs: &dyn Fn(&Case, &Answer) -> bool| {
            let pairs = cases.iter().zip(answers).enumerate();
            let members = pairs.filter(|(_, (case, answer))| belongs(case, answer));
            Part::new(name, members.map(|(index, _)| index).collect(), &outcomes)
        };
        let mut names: Vec<&str> = cases.iter().map(|case| case.language.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        let by_language = |name: &&str| part(name, &|case, _| case.language == *name);
        let by_channel =
            |channel: Channel| part(channel.as_str(), &|case, _| case.channel == channel);
        let by_length = |(index, (name, most)): (usize, (&str, usize))| {
            let least = index
                .checked_sub(1)
                .and_then(|before| LENGTHS.get(before))
                .map_or(0, |band| band.1 + 1);
            part(name, &|_, answer| (least..=most).contains(&answer.tokens))
        };
        let there = |part: &Part| !part.is_empty();
        Self {
            overall: part("overall", &|_, _| true),
            languages: names.iter().map(by_language).collect(),
            channels: Channel::ALL.map(by_channel).into_iter().filter(there).collect(),
            lengths: LENGTHS.into_iter().enumerate().map(by_length).filter(there).collect(),
            intents: vocabulary.intents.len(),
            flags: vocabulary.flags.len(),
            outcomes,
        }
    }

    /// Counts over all messages as they are.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.tally_of(&self.overall)
    }

    /// Counts over a part of the messages as they are.
    #[must_use]
    pub fn tally_of(&self, part: &Part) -> Tally {
        part.tally(&self.sample(None))
    }

    /// Measures the messages as they are, and resamples of them within each language.
    ///
    /// With the same bootstrap, draw k of two models over the same messages has the same messages.
    #[must_use]
    pub fn measure(&self, bootstrap: Bootstrap) -> Measured {
        let strata: Vec<&[usize]> = self.languages.iter().map(Part::members).collect();
        let draw = |draw| {
            let weights = resample(&strata, self.outcomes.len(), bootstrap.seed, draw);
            self.once(&self.sample(Some(&weights)))
        };
        Measured {
            point: self.once(&self.sample(None)),
            draws: (0..bootstrap.draws).into_par_iter().map(draw).collect(),
        }
    }

    fn sample<'a>(&'a self, weights: Option<&'a [u32]>) -> Sample<'a> {
        Sample { outcomes: &self.outcomes, weights, intents: self.intents, flags: self.flags }
    }

    fn once(&self, sample: &Sample<'_>) -> Measurement {
        let figures = |part: &Part| part.figures(sample, &part.tally(sample));
        let tally = self.overall.tally(sample);
        let languages: Vec<Figures> = self.languages.iter().map(figures).collect();
        Measurement {
            overall: self.overall.figures(sample, &tally),
            macro_language: Figures::mean(&languages),
            languages,
            channels: self.channels.iter().map(figures).collect(),
            lengths: self.lengths.iter().map(figures).collect(),
            intents_f1: tally.verdicts.intents.iter().map(Counts::f1).collect(),
            flags_f1: tally.verdicts.flags.iter().map(Counts::f1).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::bootstrap::interval;
    use super::super::figures::Figure;
    use super::super::outcomes::tests::{answer, case};
    use super::super::vocabulary::tests::vocabulary;
    use super::*;

    fn judged() -> Judged {
        let vocabulary = vocabulary(&["order.status", "order.cancel"], &["angry"]);
        let mut cases = Vec::new();
        let mut answers = Vec::new();
        for index in 0..60 {
            let language = if index % 3 == 0 { "de" } else { "en" };
            cases.push(case(language, &[index % 2]));
            let mut answer = answer(&[0.6, 0.4], 2, &[0.2]);
            answer.tokens = index;
            answers.push(answer);
        }
        Judged::new(&cases, &answers, &vocabulary)
    }

    #[test]
    fn messages_are_told_apart_by_language_channel_and_length() {
        let judged = judged();

        let sizes = |parts: &[Part]| {
            parts.iter().map(|part| (part.name.clone(), part.len())).collect::<Vec<_>>()
        };
        assert_eq!(sizes(&judged.languages), [("de".to_owned(), 20), ("en".to_owned(), 40)]);
        assert_eq!(sizes(&judged.channels), [("chat".to_owned(), 60)]);
        let lengths = sizes(&judged.lengths);
        assert_eq!(lengths[..2], [("1-8".to_owned(), 9), ("9-16".to_owned(), 8)]);
        assert_eq!(lengths.iter().map(|(_, size)| size).sum::<usize>(), 60);
    }

    #[test]
    fn resamples_lie_around_what_was_measured_and_are_the_same_every_time() {
        let judged = judged();
        let bootstrap = Bootstrap { draws: 200, seed: 5 };

        let measured = judged.measure(bootstrap);

        let point = measured.point.overall.get(Figure::PrimaryAccuracy).unwrap();
        let draws = measured.draws.iter().map(|draw| draw.overall.get(Figure::PrimaryAccuracy));
        let interval = interval(draws).unwrap();
        assert!(interval.low < point && point < interval.high, "{interval:?}");
        assert_eq!(measured.draws, judged.measure(bootstrap).draws);
        assert_eq!(measured.point.macro_language.get(Figure::PrimaryAccuracy), Some(0.5));
    }
}

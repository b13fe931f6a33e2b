//! Figures over parts of the messages, with their intervals.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::super::bootstrap::{Interval, centred, interval};
use super::super::figures::{Figure, Figures, Part};
use super::super::measurement::{Judged, Measured, Measurement};

/// Rounds to six digits, far below what any number of messages can tell; a negative zero becomes a plain one.
#[must_use]
pub fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6 + 0.0
}

/// Things by name, in an order that tells something. Written as an object.
#[derive(Clone, Debug, Default)]
pub struct Named<T>(pub Vec<(String, T)>);

impl<T: Serialize> Serialize for Named<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

/// Figures with their intervals.
#[derive(Clone, Debug, Default)]
pub struct FiguresReport {
    /// The figures.
    pub figures: Figures,
    /// 95 % interval of each, in the order of [`Figure::ALL`].
    intervals: Vec<Option<Interval>>,
}

impl FiguresReport {
    /// Takes figures and what resamples gave for them.
    #[must_use]
    pub fn new(figures: Figures, draws: &[Figures]) -> Self {
        let of = |figure: Figure| {
            let values = draws.iter().map(|draw| draw.get(figure)).collect();
            let shifted = figure.is_shifted_by_resampling();
            interval(if shifted { centred(values, figures.get(figure)) } else { values })
        };
        Self { figures, intervals: Figure::ALL.map(of).to_vec() }
    }

    /// Returns the value of a figure.
    #[must_use]
    pub fn get(&self, figure: Figure) -> Option<f64> {
        self.figures.get(figure)
    }

    /// Returns the 95 % interval of a figure.
    #[must_use]
    pub fn interval(&self, figure: Figure) -> Option<Interval> {
        self.intervals.get(figure as usize).copied().flatten()
    }

    fn entries<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        for figure in Figure::ALL {
            map.serialize_entry(figure.as_str(), &self.get(figure).map(rounded))?;
        }
        let there = Figure::ALL.into_iter().filter_map(|figure| {
            let Interval { low, high } = self.interval(figure)?;
            Some((figure.as_str().to_owned(), [rounded(low), rounded(high)]))
        });
        map.serialize_entry("intervals", &Named(there.collect()))
    }
}

impl Serialize for FiguresReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.entries(&mut map)?;
        map.end()
    }
}

/// Figures over a part of the messages.
#[derive(Clone, Debug, Default)]
pub struct PartReport {
    /// Messages.
    pub messages: u64,
    /// Messages whose mood is labelled.
    pub polarity_labelled: u64,
    /// Messages whose flags are labelled.
    pub flags_labelled: u64,
    /// The figures.
    pub figures: FiguresReport,
}

impl Serialize for PartReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("n", &self.messages)?;
        map.serialize_entry("n_polarity", &self.polarity_labelled)?;
        map.serialize_entry("n_flags", &self.flags_labelled)?;
        self.figures.entries(&mut map)?;
        map.end()
    }
}

/// Reports on one part; `figures` finds its figures in a measurement.
fn report<'a>(
    judged: &Judged,
    part: &Part,
    measured: &'a Measured,
    figures: impl Fn(&'a Measurement) -> Option<&'a Figures>,
) -> PartReport {
    let draws: Vec<Figures> =
        measured.draws.iter().filter_map(|draw| figures(draw).copied()).collect();
    let tally = judged.tally_of(part);
    PartReport {
        messages: tally.verdicts.messages,
        polarity_labelled: tally.verdicts.polarity.labelled(),
        flags_labelled: tally.verdicts.flags_labelled,
        figures: FiguresReport::new(figures(&measured.point).copied().unwrap_or_default(), &draws),
    }
}

fn each(
    judged: &Judged,
    parts: &[Part],
    measured: &Measured,
    figures: fn(&Measurement) -> &Vec<Figures>,
) -> Named<PartReport> {
    let one = |(index, part): (usize, &Part)| {
        let report = report(judged, part, measured, |measurement| figures(measurement).get(index));
        (part.name.clone(), report)
    };
    Named(parts.iter().enumerate().map(one).collect())
}

/// Over all messages.
#[must_use]
pub fn overall(judged: &Judged, measured: &Measured) -> PartReport {
    report(judged, &judged.overall, measured, |measurement| Some(&measurement.overall))
}

/// Mean over languages.
#[must_use]
pub fn macro_language(measured: &Measured) -> FiguresReport {
    let draws: Vec<Figures> = measured.draws.iter().map(|draw| draw.macro_language).collect();
    FiguresReport::new(measured.point.macro_language, &draws)
}

/// By language.
#[must_use]
pub fn by_language(judged: &Judged, measured: &Measured) -> Named<PartReport> {
    each(judged, &judged.languages, measured, |measurement| &measurement.languages)
}

/// By channel.
#[must_use]
pub fn by_channel(judged: &Judged, measured: &Measured) -> Named<PartReport> {
    each(judged, &judged.channels, measured, |measurement| &measurement.channels)
}

/// By length.
#[must_use]
pub fn by_length(judged: &Judged, measured: &Measured) -> Named<PartReport> {
    each(judged, &judged.lengths, measured, |measurement| &measurement.lengths)
}

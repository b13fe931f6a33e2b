//! Tracking numbers: by their shape, their check digit or the words around them.

use std::ops::Range;

use super::groups::{capitals_before, chain_ends, compact, compact_length, parcel_end};
use super::quantity::is_quantity;
use super::{ANNOUNCED, Candidate, Verdict};
use crate::entities::announcement::{self, Announcement};
use crate::entities::context::Topic;
use crate::entities::reading::Reading;
use crate::entities::tokens::looks_like_date;
use crate::entities::tracking::{self, Shape};
use crate::entities::{Entity, EntityType};

/// How far from a number, in bytes, the name of its carrier may stand.
const CARRIER_REACH: usize = 160;

/// How sure a tracking number is that nothing else looks like.
const CERTAIN: f32 = 0.98;

/// How sure a tracking number is whose check digit is not the named carrier's.
const DOUBTFUL: f32 = 0.7;

/// Adds the tracking numbers that need no words, and keeps those with a wrong check digit from being found as anything
/// else unless a word plainly calls them tracking numbers.
pub(in crate::entities) fn find_certain(reading: &mut Reading<'_>, found: &mut Vec<Entity>) {
    for place in 0..reading.tokens.len() {
        let Some((range, shape)) = certain_at(reading, place) else { continue };
        let carrier = match shape {
            Shape::Certain(carrier) => carrier,
            Shape::Broken | Shape::Open => "unknown",
        };
        if shape != Shape::Broken || is_called_tracking(reading, range.start) {
            found.push(tracking_entity(reading, &range, carrier, CERTAIN));
        }
        reading.take(&range);
    }
}

/// Adds the numbers whose check digit is that of a carrier which is named not far from them.
pub(in crate::entities) fn find_checked(reading: &mut Reading<'_>, found: &mut Vec<Entity>) {
    for place in 0..reading.tokens.len() {
        let Some(token) =
            reading.tokens.get(place).filter(|token| !token.taken && token.letters == 0)
        else {
            continue;
        };
        let range = token.start..parcel_end(reading, place);
        let code = compact(reading.text.slice(range.clone()));
        let carrier = carrier_near(reading, &range);
        if tracking::is_checked(carrier, &code) && !is_quantity(reading, token) {
            found.push(tracking_entity(reading, &range, carrier, ANNOUNCED));
            reading.take(&range);
        }
    }
}

/// Judges a number that a word about parcels or a carrier's name announces.
pub(super) fn tracking_verdict(
    reading: &Reading<'_>,
    candidate: &Candidate,
    announcement: &Announcement,
) -> Verdict {
    let is_adjacent = announcement.topic == Topic::Tracking && announcement.words == 0;
    let range = [&candidate.chain, &candidate.token.range()]
        .into_iter()
        .find(|range| is_tracking_shape(reading, range, is_adjacent))
        .cloned();
    let Some(range) = range else { return Verdict::Unknown };
    if is_unfinished(reading, range.end) {
        return Verdict::IsNothing;
    }
    let code = compact(reading.text.slice(range.clone()));
    let carrier = carrier_near(reading, &range);
    if carrier == "unknown" || tracking::agrees_with(carrier, &code) {
        return Verdict::Is(tracking_entity(reading, &range, carrier, ANNOUNCED), range);
    }
    if announcement.topic == Topic::Tracking {
        return Verdict::Is(tracking_entity(reading, &range, "unknown", DOUBTFUL), range);
    }
    Verdict::IsNothing
}

fn is_tracking_shape(reading: &Reading<'_>, range: &Range<usize>, is_adjacent: bool) -> bool {
    let text = reading.text.slice(range.clone());
    let phone_sign = reading.text.byte_before(range.start) == Some(b'+');
    tracking::is_plausible(&compact(text), is_adjacent)
        && !phone_sign
        && !text.contains('/')
        && !text.split(' ').any(looks_like_date)
}

/// Tells whether the writer breaks off: `RX 4471 2209 .. moment`.
fn is_unfinished(reading: &Reading<'_>, end: usize) -> bool {
    let rest = reading.text.slice(end..reading.text.as_str().len()).trim_start_matches(' ');
    rest.starts_with("..") || rest.starts_with('…')
}

/// Returns the carrier that is named nearest before a number, else nearest after it, else "unknown".
fn carrier_near(reading: &Reading<'_>, range: &Range<usize>) -> &'static str {
    let carrier = |topic| if let Topic::Carrier(carrier) = topic { Some(carrier) } else { None };
    let before = reading
        .hits_before(range.start)
        .take_while(|hit| range.start - hit.range.end <= CARRIER_REACH)
        .find_map(|hit| carrier(hit.topic));
    let after = || {
        reading
            .hits_after(range.end)
            .take_while(|hit| hit.range.start - range.end <= CARRIER_REACH)
            .find_map(|hit| carrier(hit.topic))
    };
    before.or_else(after).unwrap_or("unknown")
}

/// Returns the longest tracking number with a shape of its own that begins with a token.
fn certain_at(reading: &Reading<'_>, place: usize) -> Option<(Range<usize>, Shape)> {
    let token = reading.tokens.get(place).filter(|token| !token.taken)?;
    let ends = chain_ends(reading, place);
    let last = ends.last().copied()?;
    if last - token.start < tracking::MIN_CERTAIN - 2 {
        return None;
    }
    let starts = [capitals_before(reading, token), Some(token.start)];
    starts.into_iter().flatten().find_map(|start| {
        let mut code = compact(reading.text.slice(start..last));
        ends.iter().rev().find_map(|end| {
            code.truncate(compact_length(reading.text.slice(start..*end)));
            let shape = tracking::shape(&code);
            (shape != Shape::Open).then_some((start..*end, shape))
        })
    })
}

/// Tells whether the sentence plainly calls what follows a tracking number.
fn is_called_tracking(reading: &Reading<'_>, at: usize) -> bool {
    announcement::before(reading, at).first().is_some_and(|announcement| {
        announcement.topic == Topic::Tracking && announcement.words <= 2
    })
}

fn tracking_entity(
    reading: &Reading<'_>,
    range: &Range<usize>,
    carrier: &str,
    confidence: f32,
) -> Entity {
    let value = reading.text.code(range).replace(['-', '.', '/'], "");
    let mut entity = reading.entity(EntityType::TrackingNumber, range, value, confidence);
    entity.attributes.insert("carrier", carrier.to_owned());
    entity
}

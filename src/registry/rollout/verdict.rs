//! What a model says about a message, by names, so that models with other labels can be compared.

use std::collections::BTreeSet;

use crate::labels::HeadName;
use crate::scoring::{Prediction, Scorer};

/// What is compared.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ComparedHead {
    /// The primary intent.
    Primary,
    /// The set of intents that are present.
    Intents,
    /// The step of polarity.
    Polarity,
    /// The set of flags that are present.
    Flags,
}

impl ComparedHead {
    /// Everything that is compared.
    pub const ALL: [Self; 4] = [Self::Primary, Self::Intents, Self::Polarity, Self::Flags];
}

/// What a model says about a message, by names.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Verdict {
    /// Primary intent; `None` from a model without intents.
    pub primary: Option<String>,
    /// Intents that are present; `None` from a model without intents.
    pub intents: Option<BTreeSet<String>>,
    /// Step of polarity; `None` without that head.
    pub polarity: Option<String>,
    /// Flags that are present; `None` without that head.
    pub flags: Option<BTreeSet<String>>,
}

impl Verdict {
    /// Names what a prediction says.
    #[must_use]
    pub fn of(prediction: &Prediction, scorer: &Scorer) -> Self {
        let name = |head: HeadName, id| {
            let labels = match head {
                HeadName::Primary | HeadName::Intent => Some(scorer.intents()),
                HeadName::Polarity | HeadName::Flags => scorer.labels(head),
            };
            labels.and_then(|labels| labels.get(id)).map(str::to_owned)
        };
        let first = prediction.intents.first();
        let present = prediction.intents.iter().filter(|intent| intent.presence.above());
        let present = present.filter_map(|intent| name(HeadName::Intent, intent.presence.id));
        let polarity = prediction.polarity.as_ref();
        let set = prediction.flags.iter().filter(|flag| flag.above());
        let set = set.filter_map(|flag| name(HeadName::Flags, flag.id));
        Self {
            primary: first.and_then(|intent| name(HeadName::Primary, intent.presence.id)),
            intents: first.map(|_| present.collect()),
            polarity: polarity.and_then(|polarity| name(HeadName::Polarity, polarity.label)),
            flags: scorer.labels(HeadName::Flags).map(|_| set.collect()),
        }
    }

    /// Tells whether two verdicts agree; `None` where one of them says nothing.
    #[must_use]
    pub fn agrees(&self, other: &Self, head: ComparedHead) -> Option<bool> {
        fn same<T: PartialEq>(one: Option<&T>, other: Option<&T>) -> Option<bool> {
            Some(one? == other?)
        }
        match head {
            ComparedHead::Primary => same(self.primary.as_ref(), other.primary.as_ref()),
            ComparedHead::Intents => same(self.intents.as_ref(), other.intents.as_ref()),
            ComparedHead::Polarity => same(self.polarity.as_ref(), other.polarity.as_ref()),
            ComparedHead::Flags => same(self.flags.as_ref(), other.flags.as_ref()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_agree_by_name_and_only_where_both_models_have_them() {
        let one = Verdict {
            primary: Some("order.status".into()),
            intents: Some(["order.status".to_owned()].into()),
            polarity: Some("negative".into()),
            flags: Some([].into()),
        };
        let other = Verdict {
            intents: Some(["order.status".to_owned(), "order.cancel".to_owned()].into()),
            polarity: None,
            ..one.clone()
        };

        let agree = ComparedHead::ALL.map(|head| one.agrees(&other, head));

        assert_eq!(agree, [Some(true), Some(false), None, Some(true)]);
    }
}

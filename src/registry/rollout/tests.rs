use proptest::prelude::*;

use super::*;

fn share(percent: f64) -> Share {
    Share::try_from(percent).unwrap()
}

#[test]
fn percentages_are_read_to_thousandths_and_refused_outside_of_their_range() {
    for (given, kept) in [(0.0, 0.0), (0.1, 0.1), (12.5, 12.5), (0.0006, 0.001), (100.0, 100.0)] {
        assert!((share(given).percent() - kept).abs() < 1e-9, "{given}");
    }
    for given in [-0.1, 100.1, f64::NAN, f64::INFINITY] {
        let error = Share::try_from(given).unwrap_err().to_string();
        assert_eq!(error, format!("percent is {given}, must lie between 0 and 100"));
    }
}

/// The places of a few keys, computed with another implementation (docs/rollout.md shows it): callers rely on them.
#[test]
fn places_of_keys_are_those_that_are_documented() {
    for (purpose, model, key, place) in PLACES {
        let below = Share(place);
        let above = Share(place + 1);
        assert!(!below.has(purpose, model, key), "{model} {key}");
        assert!(above.has(purpose, model, key), "{model} {key}");
    }
}

const PLACES: [(Purpose, &str, &str, u32); 4] = [
    (Purpose::Canary, "shop", "acme", 81_745),
    (Purpose::Canary, "shop", "ticket-4711", 95_359),
    (Purpose::Canary, "returns", "acme", 6_200),
    (Purpose::Shadow, "shop", "acme", 65_757),
];

#[test]
fn share_has_about_as_many_keys_as_it_says() {
    const KEYS: u32 = 20_000;
    for percent in [0.1, 1.0, 10.0, 50.0, 99.0] {
        let share = share(percent);
        let has = |key: &u32| share.has(Purpose::Canary, "shop", &format!("key-{key}"));
        let found = f64::from(u32::try_from((0..KEYS).filter(has).count()).unwrap());

        let (count, p) = (f64::from(KEYS), percent / 100.0);
        // Five standard deviations of the binomial distribution.
        let bound = 5.0 * (count * p * (1.0 - p)).sqrt();
        assert!((found - count * p).abs() <= bound, "{percent} %: {found} of {KEYS}");
    }
}

#[test]
fn canary_and_shadow_choose_independently() {
    let half = share(50.0);
    let both = (0..10_000).filter(|key| {
        let key = format!("key-{key}");
        half.has(Purpose::Canary, "shop", &key) && half.has(Purpose::Shadow, "shop", &key)
    });
    // A quarter of them, within five standard deviations (43).
    assert!((both.count().abs_diff(2_500)) <= 217);
}

proptest! {
    #[test]
    fn larger_share_keeps_the_keys_of_a_smaller_one(
        key in ".{0,40}",
        model in "[a-z]{1,8}",
        a in 0_u32..=WHOLE,
        b in 0_u32..=WHOLE,
    ) {
        let (small, large) = (Share(a.min(b)), Share(a.max(b)));
        prop_assert!(
            !small.has(Purpose::Canary, &model, &key) || large.has(Purpose::Canary, &model, &key)
        );
        prop_assert!(!Share(0).has(Purpose::Canary, &model, &key));
        prop_assert!(Share(WHOLE).has(Purpose::Canary, &model, &key));
    }
}

#[test]
fn rules_come_back_from_a_file_as_they_were_written() {
    let rule = Rollout {
        canary: Some(CanaryRule {
            version: "canary".into(),
            share: share(12.345),
            key: RolloutKey::Tenant,
        }),
        shadow: Some(ShadowRule { version: "2".into(), share: share(0.1) }),
    };

    let json = serde_json::to_string(&rule).unwrap();

    assert_eq!(
        json,
        r#"{"canary":{"version":"canary","percent":12.345,"key":"tenant"},"shadow":{"version":"2","percent":0.1}}"#
    );
    assert_eq!(serde_json::from_str::<Rollout>(&json).unwrap(), rule);
    let error = serde_json::from_str::<Rollout>(&json.replace("12.345", "101")).unwrap_err();
    assert!(error.to_string().contains("percent is 101"), "{error}");
}

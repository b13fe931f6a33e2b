//! Policy files that change while they are in force.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use signalbox::app::load_taxonomy;
use signalbox::message::{Customer, Order, OrderState};
use signalbox::policies::{Policies, PolicySettings};
use signalbox::policy::{DecideOptions, Facts, Policy, Vocabulary};

const ORDER: Order = Order { state: OrderState::Unknown, promised_by: None, value: None };

/// A directory with the files of an operator.
struct Files {
    directory: tempfile::TempDir,
}

impl Files {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("tenants")).unwrap();
        Self { directory }
    }

    fn write(&self, file: &str, text: &str) -> PathBuf {
        let path = self.directory.path().join(file);
        // As careful operators do it: another inode, swapped in at once.
        let draft = self.directory.path().join("draft");
        std::fs::write(&draft, text).unwrap();
        std::fs::rename(draft, &path).unwrap();
        path
    }

    fn policies(&self) -> Policies {
        let policies = Policies::new(PolicySettings {
            path: self.directory.path().join("policy.yaml"),
            tenants: self.directory.path().join("tenants"),
            reload_interval: Duration::ZERO,
        });
        let taxonomy = load_taxonomy(Path::new("")).unwrap();
        policies.load(Vocabulary::of(std::iter::once(taxonomy.as_ref()))).unwrap();
        policies
    }
}

fn policy(name: &str) -> String {
    format!(
        "format: 1\nname: {name}\nqueues:\n  general: {{}}\n\
         priority:\n  levels: {{ P1: 80, P2: 50, P3: 20 }}\nconfidence: {{ auto: 0.9, suggest: 0.6 }}\n\
         service_levels:\n  standard:\n    P1: {{ first_response: 1h, resolution: 1d }}\n    \
         P2: {{ first_response: 1h, resolution: 1d }}\n    P3: {{ first_response: 1h, resolution: 1d }}\n    \
         P4: {{ first_response: 1h, resolution: 1d }}\ndefault_service_level: standard\n\
         rules:\n  - id: all\n    when: 'channel != \"sms\"'\n    then: {{ points: 5 }}\n"
    )
}

fn names(policies: &Policies) -> Vec<(String, String)> {
    let set = policies.current().unwrap();
    set.iter().map(|active| (active.tenant.clone(), active.policy.name().to_owned())).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|&(tenant, name)| (tenant.to_owned(), name.to_owned())).collect()
}

#[test]
fn change_is_taken_up_at_the_second_look() {
    let files = Files::new();
    files.write("policy.yaml", &policy("first"));
    let policies = files.policies();
    let before = policies.current().unwrap();
    files.write("policy.yaml", &policy("second"));

    policies.reload();
    let after_one = names(&policies);
    policies.reload();

    assert_eq!(after_one, pairs(&[("", "first")]), "it may still be being written");
    assert_eq!(names(&policies), pairs(&[("", "second")]));
    assert_eq!(before.of_tenant("").policy.name(), "first", "who began with it keeps it");
}

#[test]
fn file_with_faults_leaves_the_old_policy_and_says_where() {
    let files = Files::new();
    files.write("policy.yaml", &policy("good"));
    let policies = files.policies();
    let path = files.write("policy.yaml", &policy("bad").replace("channel !=", "chanel !="));

    policies.reload();
    policies.reload();

    assert_eq!(names(&policies), pairs(&[("", "good")]));
    let set = policies.current().unwrap();
    let [fault] = set.faults() else { panic!("{:?}", set.faults()) };
    assert_eq!(fault.origin, path.display().to_string());
    assert!(fault.message.contains(":17:12:") && fault.message.contains("channel"), "{fault:?}");

    files.write("policy.yaml", &policy("mended"));
    policies.reload();
    policies.reload();

    assert_eq!(names(&policies), pairs(&[("", "mended")]));
    assert_eq!(policies.current().unwrap().faults(), []);
}

#[test]
fn tenants_come_and_go_and_fall_back_to_the_default() {
    let files = Files::new();
    files.write("policy.yaml", &policy("common"));
    files.write("tenants/acme.yaml", &policy("acme"));
    let policies = files.policies();
    let name_for =
        |tenant: &str| policies.current().unwrap().of_tenant(tenant).policy.name().to_owned();

    assert_eq!((name_for("acme"), name_for("other")), ("acme".into(), "common".into()));
    assert_eq!(name_for("../policy"), "common", "names are looked up, not opened");

    files.write("tenants/beta.yml", &policy("beta"));
    let acme = files.directory.path().join("tenants/acme.yaml");
    std::fs::remove_file(acme).unwrap();
    files.write("tenants/broken.yaml", "format: 2");
    policies.reload();
    policies.reload();

    assert_eq!(names(&policies), pairs(&[("", "common"), ("beta", "beta")]));
    assert_eq!((name_for("acme"), name_for("broken")), ("common".into(), "common".into()));
    assert_eq!(policies.current().unwrap().faults().len(), 1);
}

#[test]
fn unreadable_directory_keeps_everything_in_force() {
    let files = Files::new();
    files.write("policy.yaml", &policy("common"));
    files.write("tenants/acme.yaml", &policy("acme"));
    let policies = files.policies();
    let tenants = files.directory.path().join("tenants");
    let aside = files.directory.path().join("aside");
    std::fs::rename(&tenants, &aside).unwrap();

    policies.reload();
    policies.reload();

    assert_eq!(names(&policies), pairs(&[("", "common"), ("acme", "acme")]));
    assert_eq!(policies.current().unwrap().faults().len(), 1);

    std::fs::rename(&aside, &tenants).unwrap();
    policies.reload();
    policies.reload();

    assert_eq!(names(&policies), pairs(&[("", "common"), ("acme", "acme")]));
    assert_eq!(policies.current().unwrap().faults(), []);
}

#[test]
fn file_that_vanishes_keeps_its_policy_in_force() {
    let files = Files::new();
    let path = files.write("policy.yaml", &policy("common"));
    let policies = files.policies();
    std::fs::remove_file(path).unwrap();

    policies.reload();
    policies.reload();

    assert_eq!(names(&policies), pairs(&[("", "common")]));
    assert_eq!(policies.current().unwrap().faults().len(), 1);
}

#[test]
fn bad_files_refuse_the_start() {
    for (file, text) in [
        ("policy.yaml", "format: 1\nname: x\n".to_owned()),
        ("tenants/a.yaml", "[".to_owned()),
        ("tenants/a.yml", policy("twice")),
    ] {
        let files = Files::new();
        files.write("policy.yaml", &policy("common"));
        files.write("tenants/a.yaml", &policy("a"));
        files.write(file, &text);
        let policies = Policies::new(PolicySettings {
            path: files.directory.path().join("policy.yaml"),
            tenants: files.directory.path().join("tenants"),
            reload_interval: Duration::ZERO,
        });
        let taxonomy = load_taxonomy(Path::new("")).unwrap();

        let result = policies.load(Vocabulary::of(std::iter::once(taxonomy.as_ref())));

        assert!(result.is_err(), "{file}");
        assert!(policies.current().is_none(), "{file}");
    }
}

#[test]
fn conditions_may_not_cost_more_than_a_message_may_take() {
    let taxonomy = load_taxonomy(Path::new("")).unwrap();
    let vocabulary = Vocabulary::of(std::iter::once(taxonomy.as_ref()));
    let with_rules = |condition: &str, rules: usize| {
        let mut text = policy("large");
        for rule in 0..rules {
            writeln!(text, "  - id: r{rule}\n    when: '{condition}'\n    then: {{ points: 1 }}")
                .unwrap();
        }
        Policy::parse(&text, "large", &vocabulary).map(|_| ()).map_err(|faults| faults.to_string())
    };

    let long = vec!["channel == \"sms\""; 200].join(" || ");
    let many_patterns = ["tenant.matches(\"a+\")"; 10].join(" || ");

    assert!(with_rules(&long, 50).is_ok() && with_rules(&many_patterns, 20).is_ok());
    assert!(with_rules(&long, 80).unwrap_err().contains("more than 262144 bytes"));
    assert!(with_rules(&many_patterns, 21).unwrap_err().contains("more than 200 patterns"));
}

#[test]
fn explanation_is_bounded_and_names_every_rule() {
    let tags = ["x"; 64].map(|tag| tag.repeat(64));
    let customer = Customer { tags: tags.to_vec(), ..Customer::default() };
    let condition = vec!["customer.tags.exists(t, t == \"no\")"; 40].join(" || ");
    let mut text = policy("large");
    for rule in 0..130 {
        writeln!(text, "  - id: r{rule}\n    when: '{condition}'\n    then: {{ points: 1 }}")
            .unwrap();
    }
    let taxonomy = load_taxonomy(Path::new("")).unwrap();
    let vocabulary = Vocabulary::of(std::iter::once(taxonomy.as_ref()));
    let large = Policy::parse(&text, "large", &vocabulary).unwrap();
    let facts = Facts::new(&customer, &ORDER, SystemTime::UNIX_EPOCH);

    let routing = large.decide(&facts, DecideOptions { explain: true, tag_style: None });

    assert_eq!(routing.trace.len(), 131);
    let bytes: usize = routing
        .trace
        .iter()
        .map(|rule| {
            let terms = rule.terms.iter().map(|term| term.expression.len() + term.value.len());
            rule.condition.len() + terms.sum::<usize>()
        })
        .sum();
    assert!((100_000..200_000).contains(&bytes), "{bytes}");
}

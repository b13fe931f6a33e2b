//! Where settings come from. The only place that reads the environment.

use std::collections::HashMap;
use std::path::Path;

use config::{Config as Layers, Environment, File, FileFormat};

use super::{Config, ConfigError};

/// The defaults, as shipped in `config/default.toml`.
pub const DEFAULTS: &str = include_str!("../../config/default.toml");

/// Variables that hold settings begin with this, as in `SIGNALBOX_LIMITS__MAX_IN_FLIGHT`.
const PREFIX: &str = "SIGNALBOX";

/// Environment variables by name.
pub type Variables = HashMap<String, String>;

/// Reads the environment of this process; variables that are not Unicode are left out.
#[must_use]
pub fn process_environment() -> Variables {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// Where the settings of one run of the program come from, the weakest first.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sources<'a> {
    /// Defaults of a subcommand that differ from those in the file, as `section.key=value`.
    pub defaults: &'a [&'a str],
    /// A settings file.
    pub file: Option<&'a Path>,
    /// Settings given as flags, as `section.key=value`.
    pub assignments: &'a [String],
}

/// Puts the layers together: defaults, then the file, then the environment, then the assignments.
///
/// # Errors
/// [`ConfigError`] when a source can't be read, names an unknown key, or holds a value of the wrong kind.
pub fn load(sources: Sources<'_>, variables: &Variables) -> Result<Config, ConfigError> {
    let mut layers = Layers::builder().add_source(File::from_str(DEFAULTS, FileFormat::Toml));
    for assignment in sources.defaults {
        let (key, value) = parse_assignment(assignment)?;
        layers = layers.add_source(Layers::builder().set_override(key, value)?.build()?);
    }
    if let Some(path) = sources.file {
        layers = layers.add_source(File::from(path).format(FileFormat::Toml));
    }
    // Kubernetes puts SIGNALBOX_PORT and the like beside a service of that name; every key of ours has a section.
    let settings: Variables = variables
        .iter()
        .filter(|(name, _)| name.starts_with("SIGNALBOX_") && name.contains("__"))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    layers = layers.add_source(
        Environment::with_prefix(PREFIX)
            .prefix_separator("_")
            .separator("__")
            .list_separator(",")
            .with_list_parse_key("models.paths")
            .try_parsing(true)
            .source(Some(settings)),
    );
    if let Some(filter) = variables.get("RUST_LOG").filter(|filter| !filter.is_empty()) {
        layers = layers.set_override("log.filter", filter.clone())?;
    }
    if let Some(name) = variables.get("SIGNALBOX_ISA").filter(|name| !name.is_empty()) {
        layers = layers.set_override("inference.instruction_set", name.clone())?;
    }
    for assignment in sources.assignments {
        let (key, value) = parse_assignment(assignment)?;
        layers = layers.set_override(key, value)?;
    }
    Ok(layers.build()?.try_deserialize()?)
}

/// Reads `section.key=value`; the value may be anything that TOML knows, or bare text.
fn parse_assignment(assignment: &str) -> Result<(&str, config::Value), ConfigError> {
    let bad = || ConfigError::Assignment { given: assignment.to_owned() };
    let (key, text) = assignment.split_once('=').ok_or_else(bad)?;
    let (key, text) = (key.trim(), text.trim());
    if key.is_empty() || !key.split('.').all(|part| !part.is_empty()) {
        return Err(bad());
    }
    let document = format!("value = {text}");
    let parsed = Layers::builder()
        .add_source(File::from_str(&document, FileFormat::Toml))
        .build()
        .and_then(|layers| layers.get::<config::Value>("value"));
    // What is no TOML value is taken as it stands, so that strings need no quotes.
    let origin = "--set".to_owned();
    Ok((key, parsed.unwrap_or_else(|_| config::Value::new(Some(&origin), text))))
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::time::Duration;

    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> Variables {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn with_flag(assignment: &str) -> Result<Config, ConfigError> {
        let assignments = &[assignment.to_owned()];
        load(Sources { assignments, ..Sources::default() }, &Variables::new())
    }

    fn error_text(result: Result<Config, ConfigError>) -> String {
        crate::telemetry::events::chain(&result.unwrap_err())
    }

    #[test]
    fn defaults_alone_are_valid() {
        let config = load(Sources::default(), &Variables::new()).unwrap().resolved(2).unwrap();

        assert_eq!(config.inference.instances, 2);
        assert_eq!(config.limits.default_timeout, Duration::from_secs(10));
    }

    #[test]
    fn flags_beat_environment_beats_file_beats_defaults() {
        let mut file = tempfile::NamedTempFile::with_suffix(".toml").unwrap();
        file.write_all(b"[limits]\nmax_in_flight = 1\nmax_batch_items = 2\nstream_window = 3\n")
            .unwrap();
        let environment = variables(&[
            ("SIGNALBOX_LIMITS__MAX_BATCH_ITEMS", "20"),
            ("SIGNALBOX_LIMITS__STREAM_WINDOW", "30"),
            ("RUST_LOG", "debug"),
        ]);

        let config = load(
            Sources {
                defaults: &["limits.max_in_flight=9", "limits.batch_window=8"],
                file: Some(file.path()),
                assignments: &["limits.stream_window=300".to_owned()],
            },
            &environment,
        )
        .unwrap();

        let limits = &config.limits;
        assert_eq!(
            (limits.max_in_flight, limits.max_batch_items, limits.stream_window),
            (1, 20, 300)
        );
        assert_eq!(config.log.filter, "debug");
        assert_eq!(limits.batch_window, 8, "a subcommand's own default");
    }

    #[test]
    fn lists_and_durations_come_from_the_environment_too() {
        let environment = variables(&[
            ("SIGNALBOX_MODELS__PATHS", "a,b"),
            ("SIGNALBOX_SERVER__DRAIN_TIMEOUT", "3s"),
        ]);

        let config = load(Sources::default(), &environment).unwrap();

        assert_eq!(config.models.paths.len(), 2);
        assert_eq!(config.server.drain_timeout, Duration::from_secs(3));
    }

    #[test]
    fn variables_that_kubernetes_sets_for_a_service_are_left_alone() {
        let environment = variables(&[
            ("SIGNALBOX_PORT", "tcp://10.0.0.1:50051"),
            ("SIGNALBOX_SERVICE_HOST", "10.0.0.1"),
        ]);

        assert!(load(Sources::default(), &environment).is_ok());
    }

    #[test]
    fn unknown_keys_are_refused_wherever_they_stand() {
        let from_flag = with_flag("limits.max_inflight=1");
        let from_variable =
            load(Sources::default(), &variables(&[("SIGNALBOX_LIMITS__MAX_INFLIGHT", "1")]));

        assert!(error_text(from_flag).contains("max_inflight"));
        assert!(error_text(from_variable).contains("max_inflight"));
    }

    #[test]
    fn value_of_the_wrong_kind_names_its_key() {
        let result = with_flag("limits.max_in_flight=many");

        assert!(error_text(result).contains("limits.max_in_flight"));
    }

    #[test]
    fn assignment_without_equals_sign_is_refused() {
        let result = with_flag("limits.max_in_flight");

        assert!(matches!(result, Err(ConfigError::Assignment { .. })));
    }

    #[test]
    fn number_outside_its_range_is_refused_with_the_range() {
        let config = with_flag("limits.max_text_chars=0");

        let text = crate::telemetry::events::chain(&config.unwrap().resolved(1).unwrap_err());
        assert_eq!(text, "limits.max_text_chars is 0, must lie between 1 and 16777216");
    }

    #[test]
    fn shown_configuration_can_be_read_back() {
        let config = load(Sources::default(), &Variables::new()).unwrap().resolved(2).unwrap();
        let mut file = tempfile::NamedTempFile::with_suffix(".toml").unwrap();
        file.write_all(config.to_toml().unwrap().as_bytes()).unwrap();

        assert_eq!(
            load(Sources { file: Some(file.path()), ..Sources::default() }, &Variables::new())
                .unwrap(),
            config
        );
    }
}

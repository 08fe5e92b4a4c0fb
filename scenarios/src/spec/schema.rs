//! The JSON schema of scenario files and plans, for editors: made from the types that read them.
//!
//! It knows what the types know: keys, kinds of values, words. Ranges, and what depends on other keys, `rnic check` says.

use super::Scenario;
use crate::plan::Plan;
use schemars::generate::SchemaSettings;
use schemars::transform::{Transform, transform_subschemas};
use schemars::{JsonSchema, Schema};
use serde_json::Value;

/// Endings of keys, and the units that they stand for.
const UNITS: [(&str, &str); 9] = [
    ("_ps", "picoseconds"),
    ("_ns", "nanoseconds"),
    ("_us", "microseconds"),
    ("_ms", "milliseconds"),
    ("_m", "metres"),
    ("_bytes", "bytes"),
    ("_gbps", "10^9 bit/s"),
    ("_permille", "thousandths"),
    ("_packets", "packets"),
];

/// The schema of scenario files.
#[must_use]
pub fn scenario() -> Schema {
    of::<Scenario>("A scenario of rnic")
}

/// The schema of plans, which are the `[[fault...]]` rows of a scenario alone.
#[must_use]
pub fn plan() -> Schema {
    of::<Plan>("A plan of faults of rnic")
}

/// Draft 7: what Taplo, and with it most editors of TOML, reads.
fn of<T: JsonSchema>(title: &str) -> Schema {
    let settings = SchemaSettings::draft07().with_transform(Polish);
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    schema.insert("title".to_owned(), title.into());
    schema
}

/// What the types' own comments leave out, and what is said in other words in TOML.
#[derive(Clone)]
struct Polish;

impl Transform for Polish {
    fn transform(&mut self, schema: &mut Schema) {
        if let Some(Value::Object(keys)) = schema.get_mut("properties") {
            for (key, value) in keys {
                name_unit(key, value);
                drop_null(value);
            }
        }
        transform_subschemas(self, schema);
    }
}

/// Appends the unit of a key to its description.
fn name_unit(key: &str, value: &mut Value) {
    let said = |unit: &str| value["description"].as_str().is_some_and(|text| text.to_lowercase().contains(unit));
    let unit = UNITS.iter().find_map(|(ending, unit)| key.ends_with(ending).then_some(*unit));
    if let (Some(unit), Some(Value::String(text))) = (unit.filter(|unit| !said(unit)), value.get_mut("description")) {
        *text = format!("{text} Unit: {unit}.");
    }
}

/// TOML has no null: an optional key is absent.
fn drop_null(value: &mut Value) {
    if let Some(Value::Array(types)) = value.get_mut("type") {
        types.retain(|name| name != "null");
    }
    if let Some(Value::Array(choices)) = value.get_mut("anyOf") {
        choices.retain(|choice| choice["type"] != "null");
    }
    if let Some(Value::Array(words)) = value.get_mut("enum") {
        words.retain(|word| !word.is_null());
    }
    if value.get("default").is_some_and(Value::is_null) {
        value.as_object_mut().map(|value| value.remove("default"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use boon::{Compiler, SchemaIndex, Schemas};
    use std::fs;
    use std::path::Path;

    /// A schema and what judges by it.
    struct Judge(Schemas, SchemaIndex);

    impl Judge {
        fn new(schema: Schema) -> Self {
            let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
            compiler.add_resource("rnic.json", schema.into()).expect("the schema is JSON");
            let index = compiler.compile("rnic.json", &mut schemas).expect("the schema is one");
            Self(schemas, index)
        }

        /// What it says about a file; `None` if that is no TOML at all.
        fn verdict(&self, text: &str) -> Option<Result<(), String>> {
            let value = serde_json::to_value(toml::from_str::<toml::Value>(text).ok()?).expect("TOML is JSON");
            Some(self.0.validate(&value, self.1).map_err(|error| error.to_string()))
        }
    }

    #[test]
    fn the_whole_library_is_accepted_as_written_and_with_all_defaults() {
        let judge = Judge::new(scenario());
        let library = Path::new(env!("CARGO_MANIFEST_DIR")).join("library");
        let mut files = 0;
        for folder in [library.clone(), library.join("speed")] {
            for entry in fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.extension().is_some_and(|extension| extension == "toml") {
                    let text = fs::read_to_string(&path).expect("a text");
                    let shown = Scenario::parse("x.toml", &text).expect("a scenario").to_toml();
                    assert_eq!(
                        [&text, &shown].map(|text| judge.verdict(text)),
                        [Some(Ok(())), Some(Ok(()))],
                        "{path:?}"
                    );
                    files += 1;
                }
            }
        }
        assert!(files >= 20, "{files} files");
    }

    /// Whatever the types refuse, the schema refuses; but for fractions, of which it knows the form alone.
    #[test]
    fn mistakes_of_form_are_refused() {
        let (judge, mut refused) = (Judge::new(scenario()), 0);
        for &(rest, ..) in crate::spec::tests::MISTAKES {
            let text = format!("[scenario]\nname = \"a\"\n{rest}");
            let of_form = toml::from_str::<Scenario>(&text).is_err() && !rest.contains("\"2/1\"");
            let Some(verdict) = judge.verdict(&text).filter(|_| of_form) else { continue };
            assert!(verdict.is_err(), "accepted: {rest}");
            refused += 1;
        }
        assert!(refused >= 25, "{refused}");
        assert!(judge.verdict("").is_some_and(|verdict| verdict.is_err()), "a scenario has a name");
    }

    #[test]
    fn plans_have_rows_and_nothing_else() {
        let judge = Judge::new(plan());
        let row = "[[fault.create]]\nkind = \"qp\"\neffect = \"pend\"\n";
        assert_eq!(judge.verdict(row), Some(Ok(())));
        for bad in [row.replace("pend", "bend"), row.replace("kind", "kin"), format!("{row}[cluster]\nnodes = 2\n")] {
            assert!(judge.verdict(&bad).is_some_and(|verdict| verdict.is_err()), "{bad}");
        }
    }

    #[test]
    fn keys_are_described_with_their_units() {
        let schema = Value::from(scenario());
        let latency = &schema["definitions"]["Cluster"]["properties"]["link_latency_ns"];
        assert_eq!(latency["description"], "Latency of every cable that has no table of its own. Unit: nanoseconds.");
        assert_eq!(latency["default"], 500);
        let length = &schema["definitions"]["CableDelay"]["properties"]["length_m"];
        assert_eq!((&length["description"], &length["default"]), (&"Length. Unit: metres.".into(), &0.into()));
        assert!(!schema.to_string().contains("null"), "TOML has no null");
    }
}

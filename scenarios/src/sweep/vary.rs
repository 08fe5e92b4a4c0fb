//! A scenario's file with other values in it.

use super::case::Setting;
use crate::spec::{Problem, Scenario, ScenarioError, ScenarioFile};
use toml::{Table, Value};

/// The scenario of `file` with these settings; read and checked as if they stood in the file.
///
/// # Errors
/// A key that cannot be there, or a value that is wrong.
pub fn apply(file: &ScenarioFile, settings: &[Setting]) -> Result<Scenario, ScenarioError> {
    if settings.is_empty() {
        return Ok(file.scenario.clone());
    }
    let name = file.path.display().to_string();
    let mut table: Table = toml::from_str(&file.text).map_err(|error| problem(&name, &error.to_string()))?;
    for setting in settings {
        let path: Vec<&str> = setting.key.split('.').collect();
        let placed = place(&mut table, &path, value(&setting.value));
        placed.map_err(|why| problem(&format!("--set {setting}"), &why))?;
    }
    let text = toml::to_string(&table).map_err(|error| problem(&name, &error.to_string()))?;
    let words: Vec<String> = settings.iter().map(|setting| format!("--set {setting}")).collect();
    Scenario::parse(&format!("{name} {}", words.join(" ")), &text)
}

fn problem(file: &str, message: &str) -> ScenarioError {
    let remedy = "keys are written as in the file, with points: cluster.nodes, fault.wire.0.nth".to_owned();
    Problem { file: file.to_owned(), place: None, message: message.to_owned(), remedy }.into()
}

/// What is no TOML is a word.
fn value(text: &str) -> Value {
    let parsed = toml::from_str::<Table>(&format!("value = {text}")).ok();
    parsed.and_then(|mut table| table.remove("value")).unwrap_or_else(|| Value::String(text.to_owned()))
}

fn place(table: &mut Table, path: &[&str], value: Value) -> Result<(), String> {
    match path {
        [] => Ok(()),
        [last] => {
            table.insert((*last).to_owned(), value);
            Ok(())
        }
        [first, rest @ ..] => descend(table.entry(*first).or_insert_with(|| Value::Table(Table::new())), rest, value),
    }
}

fn descend(inside: &mut Value, path: &[&str], value: Value) -> Result<(), String> {
    match (inside, path) {
        (place, []) => {
            *place = value;
            Ok(())
        }
        (Value::Table(table), path) => place(table, path, value),
        (Value::Array(rows), [number, rest @ ..]) => {
            let count = rows.len();
            let row = number.parse::<usize>().ok().and_then(|number| rows.get_mut(number));
            descend(row.ok_or_else(|| format!("there is no row {number}: the list has {count}"))?, rest, value)
        }
        (_, [key, ..]) => Err(format!("`{key}` stands below a value that has no keys")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn varied(settings: &[&str]) -> Result<Scenario, ScenarioError> {
        let text = "[scenario]\nname = \"a\"\n[workload.replicate]\n[[fault.wire]]\nlink = \"node0->switch\"\neffect = \"drop\"\nnth = 4\n";
        let scenario = Scenario::parse("a.toml", text).expect("a scenario");
        let file = ScenarioFile { path: PathBuf::from("a.toml"), text: text.to_owned(), scenario };
        let settings: Vec<Setting> = settings.iter().map(|text| text.parse().expect("a setting")).collect();
        apply(&file, &settings)
    }

    #[test]
    fn settings_stand_where_the_file_would_have_them() {
        let scenario = varied(&["cluster.nodes=8", "fault.wire.0.nth=9", "nic.time=zero"]).expect("a scenario");
        assert_eq!((scenario.cluster.nodes, scenario.fault.wire[0].nth), (8, Some(9)));
        assert_eq!(scenario.nic.time, crate::spec::NicTime::Zero);
    }

    #[test]
    fn wrong_settings_are_named() {
        for (setting, part) in [
            ("cluster.nodes=0", "no nodes"),
            ("cluster.colour=red", "unknown key `colour`"),
            ("fault.wire.1.nth=9", "there is no row 1"),
            ("scenario.name.first=b", "no keys"),
        ] {
            let message = varied(&[setting]).expect_err("it is wrong").to_string();
            assert!(message.contains(part) && message.contains(setting), "no {part:?} in\n{message}");
        }
    }
}

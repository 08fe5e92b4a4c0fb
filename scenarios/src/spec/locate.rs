//! Where in a scenario file a key is.

use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The bytes of `text` that hold the value at `path`, such as `fault.create[1].status`.
///
/// A path that the text does not go all the way (a default is at fault, say) gives the last part that it does go.
pub(super) fn span_of(text: &str, path: &str) -> Range<usize> {
    let Ok(root) = DeTable::parse(text) else { return 0..0 };
    let (mut table, mut span) = (Some(root.get_ref()), 0..0);
    for step in path.split('.') {
        let (key, index) = match step.trim_end_matches(']').split_once('[') {
            Some((key, index)) => (key, index.parse::<usize>().ok()),
            None => (step, None),
        };
        let Some((name, value)) = table.and_then(|table| entry(table, key)) else { return span };
        let value = match (index, value.get_ref()) {
            (Some(index), DeValue::Array(items)) => items.get(index),
            _ => Some(value),
        };
        let Some(value) = value else { return name };
        table = value.get_ref().as_table();
        // A table may be spread over the file: its name says more than its extent.
        span = if table.is_some() && index.is_none() { name } else { value.span() };
    }
    span
}

fn entry<'t, 'i>(table: &'t DeTable<'i>, key: &str) -> Option<(Range<usize>, &'t Spanned<DeValue<'i>>)> {
    table.iter().find(|(name, _)| name.get_ref() == key).map(|(name, value)| (name.span(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "[cluster]\nnodes = 4\n\n[[fault.create]]\nkind = \"qp\"\n[[fault.create]]\nkind = \"cq\"\n\
                        [workload.replicate]\nstyles = [\"async\", \"callbacks\"]\n";

    #[test]
    fn values_keys_and_rows_are_found() {
        for (path, expected) in [
            ("cluster.nodes", "4"),
            ("cluster.mtu_bytes", "cluster"),
            ("fault.create[1].kind", "\"cq\""),
            ("fault.create[0].status", "[[fault.create]]"),
            ("workload.replicate.styles[1]", "\"callbacks\""),
            ("workload.replicate.styles[7]", "styles"),
            ("workload.replicate.input", "replicate"),
            ("nowhere", ""),
        ] {
            assert_eq!(&TEXT[span_of(TEXT, path)], expected, "{path}");
        }
    }
}

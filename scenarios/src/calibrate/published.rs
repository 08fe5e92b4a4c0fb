//! What was measured on hardware: one file an experiment, each point with its source.

use super::Milli;
use serde::Deserialize;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Series {
    profile: String,
    series: String,
    /// Where the values are from.
    source: String,
    /// Places on the axis, with values as they were printed.
    points: Vec<(u64, String)>,
}

/// The published points of an experiment.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Published {
    series: Vec<Series>,
}

const FILES: [(u8, &str); 8] = [
    (1, include_str!("published/01-dma.toml")),
    (2, include_str!("published/02-iotlb.toml")),
    (3, include_str!("published/03-rates.toml")),
    (5, include_str!("published/05-link-bytes.toml")),
    (6, include_str!("published/06-bottlenecks.toml")),
    (7, include_str!("published/07-payload.toml")),
    (8, include_str!("published/08-atomics.toml")),
    (14, include_str!("published/14-contexts.toml")),
];

/// The points of an experiment.
pub(super) fn load(experiment: u8) -> Published {
    let (_, text) =
        FILES.iter().find(|(number, _)| *number == experiment).expect("every experiment has published data");
    toml::from_str(text).unwrap_or_else(|error| panic!("published data of experiment {experiment}: {error}"))
}

impl Published {
    /// The value at one place of a curve.
    pub(super) fn value(&self, profile: &str, series: &str, x: u64) -> Option<Milli> {
        let curve = self
            .series
            .iter()
            .find(|curve| curve.profile == profile && curve.series == series && !curve.source.is_empty())?;
        let (_, text) = curve.points.iter().find(|(at, _)| *at == x)?;
        Some(milli(text).unwrap_or_else(|| panic!("{series} at {x}: {text} is no number with up to three decimals")))
    }
}

/// Thousandths of a decimal number.
fn milli(text: &str) -> Option<Milli> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let padded = format!("{decimals:0<3}");
    (padded.len() == 3).then_some(())?;
    Some(whole.parse::<Milli>().ok()? * 1_000 + padded.parse::<Milli>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_well_written() {
        for (number, _) in FILES {
            let published = load(number);
            for curve in &published.series {
                assert!(!curve.source.is_empty() && !curve.points.is_empty(), "{number}: {}", curve.series);
                assert!(curve.points.iter().all(|(_, text)| milli(text).is_some()), "{number}: {}", curve.series);
            }
        }
        assert_eq!((milli("2.24"), milli("80"), milli("1.2345")), (Some(2_240), Some(80_000), None));
    }
}

//! Points as text: a table with the error of each, the quality of each curve, and JSON.

use super::{Experiment, Milli, Point};
use serde_json::{Number, Value, json};
use std::fmt::Write;

/// How well a curve is met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Number of the experiment.
    pub experiment: u8,
    /// Adapter.
    pub profile: &'static str,
    /// The curve.
    pub series: String,
    /// Points with a published value.
    pub compared: usize,
    /// Median of their errors, in tenths of a percent, without sign.
    pub median: u64,
    /// The largest.
    pub worst: u64,
}

/// The error of a point in tenths of a percent: above zero if the model gives more.
fn error(point: &Point) -> Option<i64> {
    let published = i64::try_from(point.published.filter(|value| *value > 0)?).ok()?;
    let model = i64::try_from(point.model).ok()?;
    Some((model - published) * 1_000 / published)
}

/// How well each curve with published points is met, in the order of the points.
#[must_use]
pub fn quality(points: &[Point]) -> Vec<Row> {
    let mut rows: Vec<(Row, Vec<u64>)> = Vec::new();
    for point in points {
        let Some(error) = error(point) else { continue };
        let of = |row: &Row| {
            row.experiment == point.experiment && row.profile == point.profile && row.series == point.series
        };
        let position = rows.iter().position(|(row, _)| of(row)).unwrap_or_else(|| {
            let (experiment, profile, series) = (point.experiment, point.profile, point.series.clone());
            rows.push((Row { experiment, profile, series, compared: 0, median: 0, worst: 0 }, Vec::new()));
            rows.len() - 1
        });
        rows[position].1.push(error.unsigned_abs());
    }
    let judge = |(row, mut errors): (Row, Vec<u64>)| {
        errors.sort_unstable();
        let (compared, worst) = (errors.len(), errors.last().copied().unwrap_or(0));
        // Of an even number of errors, the mean of the two in the middle.
        let median = (errors[(compared - 1) / 2] + errors[compared / 2]) / 2;
        Row { compared, median, worst, ..row }
    };
    rows.into_iter().map(judge).collect()
}

/// A value with its decimals: three below ten, one below a thousand.
fn decimal(milli: Milli) -> String {
    match milli {
        0..10_000 => format!("{}.{:03}", milli / 1_000, milli % 1_000),
        10_000..1_000_000 => format!("{}.{}", milli / 1_000, milli % 1_000 / 100),
        _ => (milli / 1_000).to_string(),
    }
}

fn percent(tenths: i64) -> String {
    format!("{}{}.{} %", if tenths < 0 { '-' } else { '+' }, tenths.abs() / 10, tenths.abs() % 10)
}

/// The points of an experiment, and how well its curves are met.
#[must_use]
pub fn human(experiment: &Experiment, points: &[Point]) -> String {
    let mut text = format!("Experiment {}: {}\n", experiment.number, experiment.title);
    let names = points.iter().map(|point| point.series.len()).chain([6]).max().unwrap_or(6);
    let profiles = points.iter().map(|point| point.profile.len()).chain([7]).max().unwrap_or(7);
    let axis = experiment.axis.len().max(7);
    let header = format!(
        "  {:profiles$}  {:names$}  {:>axis$}  {:>9}  {:>9}  {:>8}  unit",
        "profile", "series", experiment.axis, "model", "published", "error"
    );
    text.push_str(header.trim_end());
    text.push('\n');
    let mut ordered: Vec<&Point> = points.iter().collect();
    ordered.sort_by(|a, b| (a.profile, &a.series, a.x).cmp(&(b.profile, &b.series, b.x)));
    for point in ordered {
        let Point { profile, series, x, unit, model, published, .. } = point;
        let (published, error) =
            (published.map_or_else(String::new, decimal), error(point).map_or_else(String::new, percent));
        let model = decimal(*model);
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "  {profile:profiles$}  {series:names$}  {x:>axis$}  {model:>9}  {published:>9}  {error:>8}  {unit}"
        );
    }
    let tenths = |error: u64| format!("{}.{} %", error / 10, error % 10);
    for Row { profile, series, compared, median, worst, .. } in quality(points) {
        let (median, worst) = (tenths(median), tenths(worst));
        let _ = writeln!(
            text,
            "  {profile:profiles$}  {series:names$}  {compared:>axis$} compared: median error {median}, worst {worst}"
        );
    }
    text
}

/// The points, for scripts.
#[must_use]
pub fn json(points: &[Point]) -> Value {
    let number = |milli: Milli| -> Value {
        let text = format!("{}.{:03}", milli / 1_000, milli % 1_000);
        text.parse().ok().and_then(Number::from_f64).map_or(Value::Null, Value::Number)
    };
    let object = |point: &Point| {
        json!({
            "experiment": point.experiment,
            "profile": point.profile,
            "series": point.series,
            "x": point.x,
            "unit": point.unit,
            "model": number(point.model),
            "published": point.published.map_or(Value::Null, number),
        })
    };
    json!({ "points": points.iter().map(object).collect::<Vec<_>>() })
}

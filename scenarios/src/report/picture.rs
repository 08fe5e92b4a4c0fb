//! Pictures of a study, as SVG.
//!
//! Reading order: [`slowdowns`] (flows by size), [`completions`] (how many flows were done in which time), [`queues`] (queues
//! and congestion over time); here is what they share.
//!
//! Whole numbers throughout: logarithms are those of binary numbers, part by part.

mod completion;
mod slowdown;
mod time;

pub use completion::completions;
pub use slowdown::slowdowns;
pub use time::queues;

const WIDTH: u64 = 720;
const HEIGHT: u64 = 420;
/// Room for the longest label, as `1023.99 KiB`.
const MARGIN: u64 = 80;
/// The right end of the axes.
const RIGHT: u64 = WIDTH - MARGIN;
/// Parts of a power of two.
const PARTS: u64 = 1_024;

/// The beginning of a picture, with its title.
fn opening(title: &str, height: u64) -> String {
    let size = format!(r#"viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}""#);
    let font = r#"font-family="Helvetica, Arial, sans-serif" font-size="11""#;
    let svg = format!(r#"<svg xmlns="http://www.w3.org/2000/svg" {size} {font}>"#);
    let ground = r#"<rect width="100%" height="100%" fill="white"/>"#;
    format!("{svg}\n{ground}\n<text x=\"{MARGIN}\" y=\"28\" font-size=\"15\">{}</text>", escaped(title))
}

/// A line across, with its value.
fn level(y: u64, label: &str) -> String {
    let line = format!(r##"<line x1="{MARGIN}" y1="{y}" x2="{RIGHT}" y2="{y}" stroke="#e4e8ee"/>"##);
    format!("{line}\n<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{label}</text>", MARGIN - 6, y + 4)
}

/// A line upwards from the axis of a picture of the usual height, with its value.
fn upright(x: u64, label: &str) -> String {
    let low = HEIGHT - MARGIN;
    let line = format!(r##"<line x1="{x}" y1="{MARGIN}" x2="{x}" y2="{low}" stroke="#e4e8ee"/>"##);
    format!("{line}\n<text x=\"{x}\" y=\"{}\" text-anchor=\"middle\">{label}</text>", low + 16)
}

/// What the axes of a picture of the usual height are.
fn axis_titles(across: &str, upwards: &str) -> String {
    let (x, y, middle) = (WIDTH / 2, HEIGHT - MARGIN + 38, HEIGHT / 2);
    let across = format!(r#"<text x="{x}" y="{y}" text-anchor="middle">{across}</text>"#);
    let turned = format!(r#"transform="rotate(-90 22 {middle})" text-anchor="middle""#);
    format!("{across}\n<text x=\"22\" y=\"{middle}\" {turned}>{upwards}</text>")
}

/// The name of a line, in a row of its own below the title.
fn legend(row: u64, colour: &str, text: &str) -> String {
    format!(r#"<text x="{MARGIN}" y="{}" fill="{colour}">{text}</text>"#, 46 + row * 16)
}

/// Logarithm to base two, in parts; linear between powers.
const fn log2(number: u64) -> u64 {
    let number = if number == 0 { 1 } else { number };
    let power = number.ilog2() as u64;
    let rest = number - (1 << power);
    power * PARTS + ((rest as u128 * PARTS as u128) >> power) as u64
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithms_grow_without_jumps() {
        assert_eq!([1, 2, 3, 4, 1_024].map(log2), [0, 1_024, 1_536, 2_048, 10_240]);
        assert!((1..5_000).all(|number| log2(number) <= log2(number + 1)));
    }
}

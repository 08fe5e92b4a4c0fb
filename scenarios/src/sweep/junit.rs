//! A sweep as JUnit XML, as CI systems read it.
//!
//! The layout is the common part of what Jenkins, GitLab and GitHub's actions take: `testsuites`, `testsuite`, `testcase`, `failure`.

use super::outcome::Outcome;
use super::summary::SweepReport;
use std::fmt::Write;

/// The document.
#[must_use]
pub fn document(report: &SweepReport) -> String {
    let (tests, failures) = (report.outcomes.len(), report.failures().count());
    let name = escaped(&report.scenario);
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(out, "<testsuites tests=\"{tests}\" failures=\"{failures}\">");
    let _ = writeln!(out, "  <testsuite name=\"{name}\" tests=\"{tests}\" failures=\"{failures}\">");
    report.outcomes.iter().for_each(|outcome| case(&mut out, &name, outcome));
    out.push_str("  </testsuite>\n</testsuites>\n");
    out
}

fn case(out: &mut String, suite: &str, outcome: &Outcome) {
    let mut name = format!("seed {}", outcome.seed);
    outcome.settings.iter().for_each(|setting| name.extend([" ", setting.as_str()]));
    let _ = write!(out, "    <testcase classname=\"{suite}\" name=\"{}\"", escaped(&name));
    let Some(first) = outcome.causes.first() else {
        out.push_str("/>\n");
        return;
    };
    let _ = writeln!(out, ">\n      <failure type=\"{}\" message=\"{}\">", outcome.status, escaped(&first.what));
    for cause in &outcome.causes {
        let _ = writeln!(out, "{}: {}", escaped(&cause.what), escaped(&cause.seen));
    }
    let _ = writeln!(out, "{}</failure>\n    </testcase>", escaped(&outcome.command));
}

/// Text as XML 1.0 takes it: five characters by name, and control characters not at all.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() => out.push('?'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_is_a_test_and_text_is_escaped() {
        let report = super::super::summary::tests::report("1/1", &[0, 1, 2]);
        let text = document(&report);
        assert_eq!(text.matches("<testcase ").count(), 3);
        assert_eq!(text.matches("<failure ").count(), 1);
        assert!(text.contains("tests=\"3\" failures=\"1\"") && text.contains("node1: &lt;late&gt;"), "{text}");
        assert!(text.contains("rnic run a.toml --seed 11</failure>"), "{text}");
        assert_eq!(escaped("\u{7}a'b"), "?a&apos;b");
    }
}

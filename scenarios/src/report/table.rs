//! Aligned columns, with colour where the reader has it.

use std::fmt::Write;

/// How a piece of text stands out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// Not at all.
    #[default]
    Plain,
    /// Headings of sections.
    Bold,
    /// Headings of columns, and zeros.
    Dim,
    /// As it should be.
    Good,
    /// Not as it should be.
    Bad,
    /// Worth a look, such as a fault that struck.
    Notable,
}

/// Whether to write colours (ANSI escape sequences).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// For a terminal.
    On,
    /// For a file or a pipe.
    Off,
}

impl Colour {
    /// `text` in this tone.
    #[must_use]
    pub fn paint(self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Plain => "",
            Tone::Bold => "1",
            Tone::Dim => "2",
            Tone::Good => "32",
            Tone::Bad => "1;31",
            Tone::Notable => "33",
        };
        if self == Self::Off || code.is_empty() { text.to_owned() } else { format!("\x1b[{code}m{text}\x1b[0m") }
    }
}

/// Text with its tone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// What it says.
    pub text: String,
    /// How it stands out.
    pub tone: Tone,
}

impl Cell {
    /// Text in this tone.
    #[must_use]
    pub fn toned(text: impl Into<String>, tone: Tone) -> Self {
        Self { text: text.into(), tone }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::toned(text, Tone::Plain)
    }
}

/// The side that a column leans on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// Rows below headings.
#[derive(Clone, Debug)]
pub struct Table {
    title: String,
    columns: Vec<(String, Align)>,
    rows: Vec<Vec<Cell>>,
    rows_max: usize,
}

/// Rows printed of one table; the rest is in `summary.json`.
const ROWS_MAX: usize = 48;

impl Table {
    /// An empty table. A column whose heading begins with `>` holds numbers.
    #[must_use]
    pub fn new(title: &str, headings: &[&str]) -> Self {
        let column = |heading: &&str| match heading.strip_prefix('>') {
            Some(heading) => (heading.to_owned(), Align::Right),
            None => ((*heading).to_owned(), Align::Left),
        };
        Self {
            title: title.to_owned(),
            columns: headings.iter().map(column).collect(),
            rows: Vec::new(),
            rows_max: ROWS_MAX,
        }
    }

    /// The same, with every row printed however many there are.
    #[must_use]
    pub fn whole(self) -> Self {
        Self { rows_max: usize::MAX, ..self }
    }

    /// Adds a row.
    ///
    /// # Panics
    /// If it has another number of cells than there are columns.
    pub fn row(&mut self, cells: Vec<Cell>) {
        assert_eq!(cells.len(), self.columns.len(), "table {} has a row of another length", self.title);
        self.rows.push(cells);
    }

    /// What stands above it.
    pub(super) fn title(&self) -> &str {
        &self.title
    }

    /// Its headings.
    pub(super) fn columns(&self) -> &[(String, Align)] {
        &self.columns
    }

    /// All its rows.
    pub(super) fn rows(&self) -> &[Vec<Cell>] {
        &self.rows
    }

    /// Writes title, headings and rows and an empty line; nothing if there are no rows.
    pub fn write(&self, out: &mut String, colour: Colour) {
        if self.rows.is_empty() {
            return;
        }
        let shown = &self.rows[..self.rows.len().min(self.rows_max)];
        let width = |index: usize| {
            let cells = shown.iter().map(|row| row[index].text.chars().count());
            cells.chain([self.columns[index].0.chars().count()]).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        let headings: Vec<Cell> = self.columns.iter().map(|(name, _)| Cell::toned(name, Tone::Dim)).collect();
        let _ = writeln!(out, "{}", colour.paint(Tone::Bold, &self.title));
        for row in std::iter::once(&headings).chain(shown) {
            let mut line = String::from(" ");
            for ((cell, &width), (_, align)) in row.iter().zip(&widths).zip(&self.columns) {
                let blank = " ".repeat(width - cell.text.chars().count());
                let text = colour.paint(cell.tone, &cell.text);
                let _ = match align {
                    Align::Left => write!(line, " {text}{blank} "),
                    Align::Right => write!(line, " {blank}{text} "),
                };
            }
            let _ = writeln!(out, "{}", line.trim_end());
        }
        if self.rows.len() > shown.len() {
            let more = format!("  and {} more rows in summary.json", self.rows.len() - shown.len());
            let _ = writeln!(out, "{}", colour.paint(Tone::Dim, &more));
        }
        out.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_colour_takes_no_room() {
        let mut table = Table::new("Links", &["link", ">frames"]);
        table.row(vec!["a".into(), Cell::toned("7", Tone::Bad)]);
        table.row(vec!["long".into(), "1,234".into()]);
        let (mut plain, mut coloured) = (String::new(), String::new());
        table.write(&mut plain, Colour::Off);
        table.write(&mut coloured, Colour::On);
        assert_eq!(plain, "Links\n  link  frames\n  a          7\n  long   1,234\n\n");
        assert!(coloured.contains("    \x1b[1;31m7\x1b[0m"), "{coloured:?}");
    }

    #[test]
    fn an_empty_table_is_not_printed_and_a_long_one_is_cut() {
        let mut table = Table::new("Rows", &["row"]);
        let mut text = String::new();
        table.write(&mut text, Colour::Off);
        assert_eq!(text, "");
        (0..60).for_each(|row: u32| table.row(vec![row.to_string().into()]));
        table.write(&mut text, Colour::Off);
        assert!(text.ends_with("  47\n  and 12 more rows in summary.json\n\n"), "{text}");
    }
}

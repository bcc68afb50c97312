//! What the columns of a table are: found by their titles, and by how their texts look.
//!
//! A column is never an amount by its figures alone.

use super::cut::Table;
use super::figures::{figure_of, has_decimal_comma, is_blank, is_grouped, sign_word, word_behind};
use super::toml::{CONFIRM, quoted};
use super::words::{
    CLOCKS, DAYS, FEES, HALF_DAY_CLOCKS, NO_FEES, SIGN_WORDS, SYMBOLS, TIMES, day_titles, is_of_other_side,
    is_side_word, side_of, takes_back, unit_of,
};
use crate::ingest::formats::profile::TimePattern;

/// Texts of a column that are drafted one by one.
pub(super) const TEXTS_MAX: usize = 24;

/// Where a row says what it moves.
#[derive(Clone, Copy)]
pub(super) enum Moves {
    /// Nobody knows.
    Unknown,
    /// Columns of what came in and what went out.
    Sides(usize, usize),
    /// As above, where what went out has a minus sign.
    Negative(usize, usize),
    /// A column with a sign.
    Signed(usize),
    /// A column without one, the column that says it, and one of rows that take another back.
    BySide(usize, usize, Option<usize>),
}

impl Table {
    /// The column of the first title that fits, whole titles before parts of them.
    pub(super) fn column(&self, titles: &[&str], taken: &[usize]) -> Option<usize> {
        let lower: Vec<String> = self.titles.iter().map(|title| title.to_lowercase()).collect();
        // What a title says of the other side is nobody's own account or name.
        let of_other_side = titles.iter().any(|wanted| is_of_other_side(wanted));
        let free = |at: &usize| !taken.contains(at) && (of_other_side || !is_of_other_side(&lower[*at]));
        titles
            .iter()
            .find_map(|wanted| (0..lower.len()).filter(free).find(|at| lower[*at] == *wanted))
            .or_else(|| {
                titles
                    .iter()
                    .filter(|wanted| wanted.chars().count() > 2 || !wanted.is_ascii())
                    .find_map(|wanted| {
                        (0..lower.len())
                            .filter(free)
                            .find(|at| lower[*at].contains(wanted))
                    })
            })
    }

    /// The column that says the side of an amount: by its title, else, where no amount has a minus sign, one that has nothing but
    /// words for both sides.
    pub(super) fn side(&self, titles: &[&str], taken: &[usize], amount: Option<usize>) -> Option<usize> {
        let titled = self.column(titles, taken);
        if titled.is_some() || amount.is_none_or(|at| self.has_minus(at)) {
            return titled;
        }
        let says = |at: &usize| {
            let words: Vec<&str> = self.values(*at).filter(|text| !is_blank(text)).collect();
            let has = |side: &str| words.iter().any(|word| side_of(word) == Some(side));
            !taken.contains(at) && words.iter().all(|word| is_side_word(word)) && has("C") && has("D")
        };
        (0..self.titles.len()).find(says)
    }

    /// True where a figure of a column has a minus sign.
    pub(super) fn has_minus(&self, column: usize) -> bool {
        self.values(column).filter_map(figure_of).any(|figure| figure < 0)
    }

    pub(super) fn values(&self, column: usize) -> impl Iterator<Item = &str> {
        self.rows
            .iter()
            .filter_map(move |row| row.get(column))
            .map(String::as_str)
            .filter(|cell| !cell.is_empty())
    }

    /// The pattern that all days or times of a column fit.
    pub(super) fn pattern(&self, column: usize) -> Option<&'static str> {
        self.pattern_of(&TIMES, column)
    }

    /// The column of the day and the pattern of both, where a column has times of day alone.
    pub(super) fn day_and_clock(&self, column: usize) -> Option<(usize, String)> {
        let clock = match self.pattern_of(&CLOCKS, column) {
            Some(clock) => clock.to_owned(),
            None => self.rare_patterns_of(&[""], column).into_iter().next()?,
        };
        let day = self.column(&day_titles(), &[column])?;
        let pattern = self.pattern(day).filter(|pattern| !pattern.contains("HH"))?;
        Some((day, format!("{pattern} {clock}")))
    }

    pub(super) fn pattern_of(&self, known: &[(&'static str, &str)], column: usize) -> Option<&'static str> {
        self.patterns_of(known, column).first().copied()
    }

    /// All patterns that the days or times of a column fit: of `03/04/2026` nobody can tell which is the month.
    pub(super) fn patterns_of(&self, known: &[(&'static str, &str)], column: usize) -> Vec<&'static str> {
        let fits = |pattern: &str, shape: &str, cell: &str| {
            let alike = cell.chars().count() == shape.len()
                && cell.chars().zip(shape.chars()).all(|(c, wanted)| match wanted {
                    'd' => c.is_ascii_digit(),
                    wanted => c == wanted,
                });
            let part = |name: &str, most: u32| {
                let at = pattern.find(name);
                let digits = at.and_then(|at| cell.get(at..at + 2));
                at.is_none()
                    || digits
                        .and_then(|digits| digits.parse().ok())
                        .is_some_and(|number: u32| (1..=most).contains(&number))
            };
            alike && part("MM", 12) && part("dd", 31)
        };
        if self.values(column).next().is_none() {
            return Vec::new();
        }
        known
            .iter()
            .filter(|(pattern, shape)| self.values(column).all(|cell| fits(pattern, shape, cell)))
            .map(|(pattern, _)| *pattern)
            .collect()
    }

    /// All patterns with AM and PM, or with the name of the month, that the texts of a column fit; their days are of `days`.
    pub(super) fn rare_patterns_of(&self, days: &[&str], column: usize) -> Vec<String> {
        if self.values(column).next().is_none() {
            return Vec::new();
        }
        let clocks = HALF_DAY_CLOCKS.iter().copied();
        let clocks = clocks.chain(["HH:mm:ss", "HH:mm", ""]);
        let all = clocks.flat_map(|clock| {
            let join = move |day: &&str| format!("{day} {clock}").trim().to_owned();
            days.iter().map(join).collect::<Vec<_>>()
        });
        // A pattern has a day: where a column has none, one goes before both.
        let (day, of_day) = if days == [""] {
            ("yyyy-MM-dd ", "2000-01-01 ")
        } else {
            ("", "")
        };
        let fits = |pattern: &String| {
            TimePattern::parse(&format!("{day}{pattern}")).is_ok_and(|pattern| {
                self.values(column)
                    .all(|cell| pattern.read(&format!("{of_day}{cell}")).is_some())
            })
        };
        let mut fitting: Vec<String> = all.filter(|pattern| !pattern.is_empty()).filter(fits).collect();
        // A part of one digit or two fits what one of two does.
        let letters = |pattern: &String, letter: char| pattern.matches(letter).count();
        if let Some(first) = fitting.first().cloned() {
            fitting.retain(|other| {
                ['d', 'h']
                    .iter()
                    .all(|c| letters(other, *c) == letters(&first, *c))
            });
        }
        fitting
    }

    /// The patterns of days and times that all texts of a column fit.
    pub(super) fn time_patterns(&self, column: usize) -> Vec<String> {
        let usual = self.patterns_of(&TIMES, column);
        if usual.is_empty() {
            return self.rare_patterns_of(&DAYS, column);
        }
        usual.into_iter().map(str::to_owned).collect()
    }

    /// Columns that look like fees: by their title, and as all that stands in them are figures.
    pub(super) fn fees(&self) -> Vec<usize> {
        let is_fee = |title: &str| {
            let title = title.to_lowercase();
            FEES.iter().any(|part| title.contains(part)) && !NO_FEES.iter().any(|part| title.contains(part))
        };
        (0..self.titles.len())
            .filter(|at| is_fee(&self.titles[*at]) && self.values(*at).all(|cell| figure_of(cell).is_some()))
            .collect()
    }

    /// What a row moves, in parts of a minor unit; `None` where its figures do not read.
    pub(super) fn moved(&self, row: &[String], moves: Moves) -> Option<i128> {
        let figure = |at: usize| figure_of(row.get(at)?);
        match moves {
            Moves::Unknown => None,
            Moves::Sides(credit, debit) => Some(figure(credit)? - figure(debit)?),
            Moves::Negative(credit, debit) => Some(figure(credit)? + figure(debit)?),
            Moves::Signed(amount) => figure(amount),
            Moves::BySide(amount, side, back) => {
                let minor = figure(amount)?;
                let taken_back = back.and_then(|at| row.get(at)).and_then(|text| takes_back(text));
                let into = (side_of(row.get(side)?)? == "C") != taken_back.unwrap_or(false);
                Some(if into { minor } else { -minor })
            }
        }
    }

    /// The order in which the balances of a column follow from one another, if they do in the rows that were looked at.
    pub(super) fn order_of_balances(&self, column: usize, moves: Moves) -> Option<&'static str> {
        // What stands behind the rows, such as a total, has no balance.
        let with_balance = self
            .rows
            .iter()
            .map_while(|row| Some((row, row.get(column).filter(|cell| !cell.is_empty())?)));
        let links: Vec<(i128, i128)> = with_balance
            .map(|(row, cell)| Some((figure_of(cell)?, self.moved(row, moves)?)))
            .collect::<Option<_>>()?;
        if links.len() < 2 {
            return None;
        }
        let down = links.windows(2).all(|pair| pair[0].0 + pair[1].1 == pair[1].0);
        let up = links.windows(2).all(|pair| pair[1].0 + pair[0].1 == pair[0].0);
        match (down, up) {
            (true, true) => Some("either"),
            (true, false) => Some("oldest first"),
            (false, true) => Some("newest first"),
            (false, false) => None,
        }
    }

    /// How the figures of some columns are written, as keys of a profile.
    pub(super) fn number_keys(&self, columns: &[usize], keys: &mut Vec<String>) {
        let any = |test: &dyn Fn(&str) -> bool| columns.iter().any(|at| self.values(*at).any(test));
        if any(&has_decimal_comma) {
            keys.push("decimal = \",\"".to_owned());
            if any(&|cell| cell.contains('.')) {
                keys.push("thousands = \".\"".to_owned());
            }
        } else if any(&|cell| cell.contains(',')) {
            // `1,000` alone may be one with three decimals.
            let is_plain = any(&|cell| is_grouped(cell));
            let doubt = format!("{CONFIRM}: or is it before decimals? The first rows do not tell");
            keys.push(format!("thousands = \",\"{}", if is_plain { "" } else { &doubt }));
        }
        let unit = columns.iter().find_map(|at| unit_of(&self.titles[*at]));
        if let Some(unit) = unit.flatten() {
            keys.push(format!("unit = {}{CONFIRM}: as the title says", quoted(unit)));
        }
        let symbol = SYMBOLS.iter().find(|symbol| any(&|cell| cell.contains(*symbol)));
        if let Some(symbol) = symbol {
            keys.push(format!("symbols = [{}]", quoted(symbol)));
        }
        if any(&|cell| cell.starts_with('+')) {
            keys.push(format!("plus = true{CONFIRM}"));
        }
        let ends =
            |end: char| move |cell: &str| cell.len() > 1 && cell.ends_with(end) && figure_of(cell).is_some();
        if any(&|cell| ends('-')(cell) && !is_blank(cell)) {
            keys.push(format!(
                "sign_behind = true{CONFIRM}: a minus sign behind an amount"
            ));
        }
        if any(&ends(')')) {
            keys.push(format!("parentheses = true{CONFIRM}: they are a minus sign"));
        }
        let all = || columns.iter().flat_map(|at| self.values(*at));
        let mut words: Vec<&str> = all().filter_map(word_behind).map(|(_, word)| word).collect();
        words.sort_unstable();
        words.dedup();
        let (known, unknown): (Vec<&str>, Vec<&str>) =
            words.into_iter().partition(|word| sign_word(word).is_some());
        if !known.is_empty() {
            let (pluses, minuses) = SIGN_WORDS;
            let pairs = pluses.iter().zip(minuses);
            let pairs = pairs.filter(|(plus, minus)| known.contains(*plus) || known.contains(*minus));
            let words: Vec<String> = pairs
                .map(|(plus, minus)| format!("{plus} = \"+\", {minus} = \"-\""))
                .collect();
            keys.push(format!("sign_words = {{ {} }}{CONFIRM}", words.join(", ")));
        }
        for word in unknown.iter().take(TEXTS_MAX) {
            keys.push(format!(
                "# {} stands behind amounts: what it means is not known",
                quoted(word)
            ));
        }
        let mut blanks: Vec<&str> = all().filter(|cell| is_blank(cell)).collect();
        blanks.sort_unstable();
        blanks.dedup();
        if !blanks.is_empty() {
            let blanks: Vec<String> = blanks.into_iter().map(quoted).collect();
            keys.push(format!("blank = [{}]{CONFIRM}", blanks.join(", ")));
        }
    }

    /// The texts of a column, each once.
    pub(super) fn texts(&self, column: usize) -> Vec<&str> {
        let mut texts: Vec<&str> = self.values(column).collect();
        texts.sort_unstable();
        texts.dedup();
        texts.truncate(TEXTS_MAX);
        texts
    }

    /// The direction of entries by two columns: the side, and which rows take another back. `None` where a text of the
    /// second says nothing that is known.
    pub(super) fn direction_of_both(&self, side: usize, back: usize) -> Option<String> {
        let mut backs: Vec<(&str, bool)> = self
            .texts(back)
            .into_iter()
            .map(|text| Some((text, takes_back(text)?)))
            .collect::<Option<_>>()?;
        for (seen, other, is_back) in [("蓝", "红", true), ("红", "蓝", false)] {
            if backs.iter().any(|(text, _)| *text == seen) && !backs.iter().any(|(text, _)| *text == other) {
                backs.push((other, is_back));
            }
        }
        let mut out = String::new();
        for text in self.texts(side) {
            for (back_text, is_back) in &backs {
                let into = (side_of(text)? == "C") != *is_back;
                out += &format!(
                    "\n[[fields.direction]]\nwhen = [{{ column = {}, is = {} }}, {{ column = {}, is = {} }}]{CONFIRM}\nvalue = {}{CONFIRM}",
                    quoted(&self.titles[side]),
                    quoted(text),
                    quoted(&self.titles[back]),
                    quoted(back_text),
                    quoted(if into { "C" } else { "D" })
                );
            }
        }
        (!out.is_empty()).then_some(out)
    }
}

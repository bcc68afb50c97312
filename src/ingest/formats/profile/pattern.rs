//! Patterns of frame lines and times: literals with named holes, no regular expressions.

use crate::ingest::formats::values::WallTime;
use crate::terms::date::Date;

/// A line with holes: `#交易合计：{count}笔，商家实收共{paid}元`. A hole takes the shortest text up to the literal behind
/// it; `{}` is a hole whose text nobody wants.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LinePattern {
    start: String,
    /// Name of a hole, and the literal behind it.
    holes: Vec<(String, String)>,
}

impl LinePattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(text: &str) -> Result<LinePattern, String> {
        let mut parts = text.split('{');
        let start = parts.next().unwrap_or_default();
        if start.is_empty() {
            return Err(format!(
                "`{text}` must begin with a text, or it would fit every line"
            ));
        }
        let mut holes: Vec<(String, String)> = Vec::new();
        for part in parts {
            let Some((name, literal)) = part.split_once('}') else {
                return Err(format!("`{text}`: a hole begins with `{{` but has no `}}`"));
            };
            if holes.last().is_some_and(|(_, literal)| literal.is_empty()) {
                return Err(format!("`{text}`: two holes need a text between them"));
            }
            if !name.is_empty() && holes.iter().any(|(known, _)| known == name) {
                return Err(format!("`{text}`: the hole {{{name}}} stands twice"));
            }
            holes.push((name.to_owned(), literal.to_owned()));
        }
        if start.contains('}') || holes.iter().any(|(_, literal)| literal.contains('}')) {
            return Err(format!("`{text}`: a hole ends with `}}` but has no `{{`"));
        }
        Ok(LinePattern {
            start: start.to_owned(),
            holes,
        })
    }

    /// True when a hole of this name exists.
    pub fn has(&self, name: &str) -> bool {
        self.holes.iter().any(|(known, _)| known == name)
    }

    /// Texts of the named holes, or `None` where the line is another.
    pub fn fit<'p, 'l>(&'p self, line: &'l str) -> Option<Vec<(&'p str, &'l str)>> {
        let mut rest = line.strip_prefix(self.start.as_str())?;
        let mut found = Vec::with_capacity(self.holes.len());
        for (index, (name, literal)) in self.holes.iter().enumerate() {
            let last = index + 1 == self.holes.len();
            let (text, behind) = match (literal.is_empty(), last) {
                (true, _) => (rest, ""),
                (false, true) => (rest.strip_suffix(literal.as_str())?, ""),
                (false, false) => rest.split_once(literal.as_str())?,
            };
            rest = behind;
            if !name.is_empty() {
                found.push((name.as_str(), text));
            }
        }
        rest.is_empty().then_some(found)
    }
}

/// A time as a sequence of fixed-width numbers: `yyyy-MM-dd HH:mm:ss`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TimePattern {
    parts: Vec<Part>,
    /// True when it holds a time of day.
    pub has_time: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Part {
    Number(Unit, usize),
    Literal(char),
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Unit {
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
}

const UNITS: [(&str, Unit); 6] = [
    ("yyyy", Unit::Year),
    ("MM", Unit::Month),
    ("dd", Unit::Day),
    ("HH", Unit::Hour),
    ("mm", Unit::Minute),
    ("ss", Unit::Second),
];

impl TimePattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(text: &str) -> Result<TimePattern, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            if let Some((name, unit)) = UNITS.iter().find(|(name, _)| rest.starts_with(name)) {
                parts.push(Part::Number(*unit, name.len()));
                rest = &rest[name.len()..];
            } else if first.is_ascii_alphabetic() && first != 'T' {
                return Err(format!(
                    "`{text}`: expected yyyy, MM, dd, HH, mm, ss and signs between them"
                ));
            } else {
                parts.push(Part::Literal(first));
                rest = &rest[first.len_utf8()..];
            }
        }
        let mut units: Vec<Unit> = parts
            .iter()
            .filter_map(|part| match part {
                Part::Number(unit, _) => Some(*unit),
                Part::Literal(_) => None,
            })
            .collect();
        units.sort();
        let day = [Unit::Year, Unit::Month, Unit::Day];
        let full = UNITS.map(|(_, unit)| unit);
        if units != day && units != full {
            return Err(format!(
                "`{text}`: expected a day (yyyy, MM, dd) or a day and a time to the second, each part once"
            ));
        }
        Ok(TimePattern {
            parts,
            has_time: units == full,
        })
    }

    /// The time of a text; midnight where the pattern has none. `None` where it does not fit or does not exist.
    pub fn read(&self, text: &str) -> Option<WallTime> {
        let mut numbers = [0u32; 6];
        let mut rest = text;
        for part in &self.parts {
            match part {
                Part::Literal(sign) => rest = rest.strip_prefix(*sign)?,
                Part::Number(unit, width) => {
                    let digits = rest.get(..*width)?;
                    if !digits.bytes().all(|b| b.is_ascii_digit()) {
                        return None;
                    }
                    numbers[*unit as usize] = digits.parse().ok()?;
                    rest = &rest[*width..];
                }
            }
        }
        let [year, month, day, hour, minute, second] = numbers;
        if !rest.is_empty() || hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        Some(WallTime {
            date: Date::from_ymd(i32::try_from(year).ok()?, month, day)?,
            hour,
            minute,
            second,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_take_the_shortest_text() {
        let check = |pattern: &str, line: &str, expected: Option<&[(&str, &str)]>| {
            let pattern = LinePattern::parse(pattern).unwrap();
            assert_eq!(pattern.fit(line).as_deref(), expected, "{line}");
        };
        let total = "#交易合计：{n}笔，共{sum}元";
        check(
            total,
            "#交易合计：6笔，共0.06元",
            Some(&[("n", "6"), ("sum", "0.06")]),
        );
        check(total, "#交易合计：6笔，共0.06", None);
        check(
            total,
            "#交易合计：6笔，共0.06元元",
            Some(&[("n", "6"), ("sum", "0.06元")]),
        );
        check("#-{}列表-{}", "#---列表---", Some(&[]));
        check("#-{}列表-{}", "#---列表结束---", None);
        check("#a", "#a", Some(&[]));
        check("#a", "#ab", None);
        for bad in ["", "{a}", "#{a}{b}", "#{a", "#a}", "#{a}x{a}"] {
            assert!(LinePattern::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn times_are_read_exactly() {
        let pattern = TimePattern::parse("yyyy-MM-dd HH:mm:ss").unwrap();
        assert!(pattern.read("2019-09-16 10:55:23").is_some());
        for bad in [
            "2019-09-16 10:55",
            "2019-9-16 10:55:23",
            "2019-02-29 10:55:23",
            "2019-09-16 24:00:00",
            "2019-09-16 10:55:23 ",
            "2019-09-16 １0:55:23",
            "",
        ] {
            assert!(pattern.read(bad).is_none(), "{bad}");
        }
        assert!(TimePattern::parse("yyyyMMdd").unwrap().read("20190916").is_some());
        for bad in ["yyyy-MM", "yyyy-MM-dd HH:mm", "dd/MMM/yyyy", "yyyy-MM-dd dd"] {
            assert!(TimePattern::parse(bad).is_err(), "{bad}");
        }
    }
}

//! Patterns of frame lines and times: literals with named holes, no regular expressions.

use encoding_rs::Encoding;

use crate::ingest::formats::values::WallTime;
use crate::terms::date::{Date, Instant};
use crate::terms::short_text::same;

/// A line with holes: `#交易合计：{count}笔，商家实收共{paid}元`. A hole takes the shortest text up to the literal behind
/// it, or, as in `T{count:8}{sum:16}`, so many bytes of the line as delivered; `{}` is a hole whose text nobody wants.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LinePattern {
    start: String,
    holes: Vec<Hole>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Hole {
    /// Empty where nobody wants its text.
    name: String,
    /// Its bytes, where it has a width.
    width: Option<usize>,
    /// The literal behind it.
    literal: String,
}

/// A wider hole is a slip of the pen.
const HOLE_BYTES_MAX: usize = 64 << 10;

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
        let mut holes: Vec<Hole> = Vec::new();
        for part in parts {
            let Some((hole, literal)) = part.split_once('}') else {
                return Err(format!("`{text}`: a hole begins with `{{` but has no `}}`"));
            };
            let (name, width) = match hole.split_once(':') {
                None => (hole, None),
                Some((name, width)) => {
                    let bytes = width.parse().ok();
                    let bytes = bytes.filter(|bytes| (1..=HOLE_BYTES_MAX).contains(bytes));
                    let Some(bytes) = bytes else {
                        return Err(format!(
                            "`{text}`: the hole {{{name}}} has the width `{width}`, expected a number of bytes, such as {{{name}:8}}"
                        ));
                    };
                    (name, Some(bytes))
                }
            };
            let is_open = |before: &Hole| before.literal.is_empty() && before.width.is_none();
            if holes.last().is_some_and(is_open) {
                return Err(format!(
                    "`{text}`: two holes need a text between them, or the first of them a width such as {{count:8}}"
                ));
            }
            if !name.is_empty() && holes.iter().any(|known| known.name == name) {
                return Err(format!("`{text}`: the hole {{{name}}} stands twice"));
            }
            holes.push(Hole {
                name: name.to_owned(),
                width,
                literal: literal.to_owned(),
            });
        }
        if start.contains('}') || holes.iter().any(|hole| hole.literal.contains('}')) {
            return Err(format!("`{text}`: a hole ends with `}}` but has no `{{`"));
        }
        Ok(LinePattern {
            start: start.to_owned(),
            holes,
        })
    }

    /// As it stands in the profile.
    pub fn text(&self) -> String {
        let mut text = self.start.clone();
        for Hole { name, width, literal } in &self.holes {
            let width = width.map(|width| format!(":{width}")).unwrap_or_default();
            text += &format!("{{{name}{width}}}{literal}");
        }
        text
    }

    /// True when a hole of this name exists.
    pub fn has(&self, name: &str) -> bool {
        self.holes.iter().any(|known| known.name == name)
    }

    /// Names of its named holes.
    pub fn names(&self) -> Vec<&str> {
        self.holes
            .iter()
            .map(|hole| hole.name.as_str())
            .filter(|name| !name.is_empty())
            .collect()
    }

    /// The text with which every line begins that it fits.
    pub fn start(&self) -> &str {
        &self.start
    }

    /// The first byte of every line that it fits.
    pub fn first_byte(&self) -> u8 {
        self.start.as_bytes().first().copied().unwrap_or(0)
    }

    /// True when this character is part of its texts.
    pub fn mentions(&self, c: char) -> bool {
        self.start.contains(c) || self.holes.iter().any(|hole| hole.literal.contains(c))
    }

    /// Texts of the named holes, or `None` where the line is another. Widths are bytes of the line in `encoding`.
    pub fn fit<'p, 'l>(
        &'p self,
        line: &'l str,
        encoding: &'static Encoding,
    ) -> Option<Vec<(&'p str, &'l str)>> {
        let mut rest = line.strip_prefix(self.start.as_str())?;
        let mut found = Vec::with_capacity(self.holes.len());
        for (index, Hole { name, width, literal }) in self.holes.iter().enumerate() {
            let last = index + 1 == self.holes.len();
            let (text, behind) = match (width, literal.is_empty(), last) {
                (Some(width), ..) => {
                    let (text, behind) = split_at_bytes(rest, *width, encoding)?;
                    (text, behind.strip_prefix(literal.as_str())?)
                }
                (None, true, _) => (rest, ""),
                (None, false, true) => (rest.strip_suffix(literal.as_str())?, ""),
                (None, false, false) => rest.split_once(literal.as_str())?,
            };
            rest = behind;
            if !name.is_empty() {
                found.push((name.as_str(), text));
            }
        }
        rest.is_empty().then_some(found)
    }
}

/// The text of the first `width` bytes as delivered and the rest; `None` where the line is shorter or a character
/// stands across the end.
fn split_at_bytes<'l>(
    line: &'l str,
    width: usize,
    encoding: &'static Encoding,
) -> Option<(&'l str, &'l str)> {
    let (mut bytes, mut end) = (0, 0);
    let mut room = [0; 4];
    for c in line.chars() {
        if bytes >= width {
            break;
        }
        // What is decoded to UTF-8 before it is read, UTF-16, is counted in that, as records of fixed places are.
        bytes += if c.is_ascii() {
            1
        } else {
            encoding.encode(c.encode_utf8(&mut room)).0.len()
        };
        end += c.len_utf8();
    }
    (bytes == width).then(|| line.split_at(end))
}

/// A key inside a longer text: `订单号{word}` is the run of letters, digits, `-` and `_` behind `订单号`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Extract {
    before: String,
    kind: Run,
    after: String,
}

/// Which characters a key is made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Run {
    Digits,
    Word,
    Any,
}

impl Extract {
    /// Reads a pattern with one of the holes `{digits}`, `{word}` and `{text}`.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(text: &str) -> Result<Extract, String> {
        let holes = [
            ("{digits}", Run::Digits),
            ("{word}", Run::Word),
            ("{text}", Run::Any),
        ];
        for (hole, kind) in holes {
            if let Some((before, after)) = text.split_once(hole) {
                return Ok(Extract {
                    before: before.to_owned(),
                    kind,
                    after: after.to_owned(),
                });
            }
        }
        Err(format!(
            "`{text}` has no hole, expected one of {{digits}}, {{word}}, {{text}}"
        ))
    }

    /// The key in a text; empty where there is none. The first place where all parts fit is taken.
    pub fn find<'t>(&self, text: &'t str) -> &'t str {
        let key = self.find_bytes(text.as_bytes());
        // What is part of a key is ASCII, or stands between two texts: characters stay whole.
        std::str::from_utf8(key).unwrap_or_default()
    }

    /// As [`Extract::find`], in the bytes of a text.
    #[inline]
    pub fn find_bytes<'t>(&self, text: &'t [u8]) -> &'t [u8] {
        if self.kind != Run::Any
            && self.after.is_empty()
            && let Some((start, rest)) = text.split_at_checked(self.before.len())
            && same(start, self.before.as_bytes())
        {
            let length = self.run_of(rest);
            if length > 0 {
                return &rest[..length];
            }
        }
        self.search(text)
    }

    /// Length of the run of the key's characters at the beginning of a text.
    #[inline]
    fn run_of(&self, text: &[u8]) -> usize {
        let is = match self.kind {
            Run::Digits => &IS_DIGIT,
            Run::Word => &IS_OF_WORD,
            Run::Any => return text.len(),
        };
        let of_key = |byte: u8| is[usize::from(byte)];
        let mut length = 0;
        while let Some(eight) = text[length..].first_chunk()
            && are_digits(eight)
        {
            length += 8;
        }
        if length > 0
            && let Some(last) = text.last_chunk()
            && text.len() < length + 8
            && are_digits(last)
        {
            return text.len();
        }
        while let Some([a, b, c, d]) = text[length..].first_chunk()
            && of_key(*a) & of_key(*b) & of_key(*c) & of_key(*d)
        {
            length += 4;
        }
        length + text[length..].iter().take_while(|byte| of_key(**byte)).count()
    }

    #[inline(never)]
    fn search<'t>(&self, text: &'t [u8]) -> &'t [u8] {
        let (before, after) = (self.before.as_bytes(), self.after.as_bytes());
        let mut from = 0;
        while let Some(found) = place_of(&text[from..], before) {
            let start = from + found + before.len();
            let rest = &text[start..];
            let run = self.run_of(rest);
            let key = match self.kind {
                Run::Any if !after.is_empty() => {
                    memchr::memmem::find(rest, after).map_or(&b""[..], |at| &rest[..at])
                }
                _ if rest[run..].starts_with(after) => &rest[..run],
                _ => b"",
            };
            if !key.is_empty() {
                return key;
            }
            // Go on behind this place; for an empty `before` behind the run that did not fit, a whole character at least.
            let trails = rest.iter().skip(1).take_while(|byte| **byte & 0xc0 == 0x80);
            let step = run.max(1 + trails.count());
            from = start + if before.is_empty() { step } else { 0 };
            if from >= text.len() {
                return b"";
            }
        }
        b""
    }
}

/// The decimal digits.
const IS_DIGIT: [bool; 256] = {
    let mut digit = [false; 256];
    let mut byte = b'0';
    while byte <= b'9' {
        digit[byte as usize] = true;
        byte += 1;
    }
    digit
};

/// Bytes of which words are made.
const IS_OF_WORD: [bool; 256] = {
    let mut of_word = [false; 256];
    let mut byte = 0;
    while byte < of_word.len() {
        of_word[byte] = (byte as u8).is_ascii_alphanumeric() || matches!(byte as u8, b'-' | b'_');
        byte += 1;
    }
    of_word
};

/// True of eight digits, of which most keys are made.
#[inline(always)]
fn are_digits(eight: &[u8; 8]) -> bool {
    const ZEROS: u64 = u64::from_le_bytes([b'0'; 8]);
    // What is no digit has a high bit, or gets one.
    const MOST: u64 = u64::from_le_bytes([0x76; 8]);
    let values = u64::from_le_bytes(*eight) ^ ZEROS;
    (values.wrapping_add(MOST) | values) & (u64::MAX / 255 * 128) == 0
}

/// Where a text begins that is short and seldom there.
fn place_of(text: &[u8], part: &[u8]) -> Option<usize> {
    let Some(first) = part.first() else {
        return Some(0);
    };
    // Keys mostly stand at the beginning.
    if text.starts_with(part) {
        return Some(0);
    }
    memchr::memchr_iter(*first, text).find(|at| text[*at..].starts_with(part))
}

/// A time as a sequence of numbers: `yyyy-MM-dd HH:mm:ss`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TimePattern {
    /// As it stands in the profile.
    text: String,
    parts: Vec<Part>,
    /// Digits behind the hour's own of a time of day in digits alone that may lack leading zeros.
    behind_hour: Option<usize>,
    /// True when it holds a time of day.
    pub has_time: bool,
    /// True when it holds a year.
    pub has_year: bool,
    shape: Shape,
}

/// Shapes of times that are read fast.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// `yyyy-MM-dd HH:mm:ss`.
    Plain,
    /// RFC 3339.
    Rfc3339,
    /// A day with its year, in whatever form.
    Day,
    /// All others.
    Other,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Part {
    /// Exactly so many digits.
    Number(Unit, usize),
    /// One or two digits.
    Short(Unit),
    /// The last two digits of a year.
    ShortYear,
    /// A month by the first three letters of its English name, small or capital.
    MonthName,
    /// `AM` or `PM`, small or capital: the hour is one of twelve.
    Half,
    Literal(char),
    /// `Z`, `+hh:mm` or `+hhmm`.
    Offset,
    /// Digits that are not looked at: parts of a second.
    Fraction,
    /// Seconds since 1970 in UTC, ten digits: all of the text.
    UnixSeconds,
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

const UNITS: [(&str, Part); 16] = [
    ("yyyy", Part::Number(Unit::Year, 4)),
    ("yy", Part::ShortYear),
    ("MMM", Part::MonthName),
    ("MM", Part::Number(Unit::Month, 2)),
    ("dd", Part::Number(Unit::Day, 2)),
    ("HH", Part::Number(Unit::Hour, 2)),
    ("mm", Part::Number(Unit::Minute, 2)),
    ("ss", Part::Number(Unit::Second, 2)),
    ("M", Part::Short(Unit::Month)),
    ("d", Part::Short(Unit::Day)),
    ("H", Part::Short(Unit::Hour)),
    ("hh", Part::Number(Unit::Hour, 2)),
    ("h", Part::Short(Unit::Hour)),
    ("a", Part::Half),
    ("Z", Part::Offset),
    ("S", Part::Fraction),
];

const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];

/// Years of two digits from this one on are of the century before, as in MT940.
const LAST_CENTURY_FROM: u32 = 80;

impl Part {
    fn unit(&self) -> Option<Unit> {
        match self {
            Part::Number(unit, _) | Part::Short(unit) => Some(*unit),
            Part::ShortYear => Some(Unit::Year),
            Part::MonthName => Some(Unit::Month),
            Part::Half | Part::Literal(_) | Part::Offset | Part::Fraction | Part::UnixSeconds => None,
        }
    }

    /// The digits that it always has; `None` where it has none, or more or fewer.
    fn digits(&self) -> Option<usize> {
        match self {
            Part::Number(_, width) => Some(*width),
            Part::ShortYear => Some(2),
            _ => None,
        }
    }

    /// True where it is digits, however many.
    fn is_digits(&self) -> bool {
        self.digits().is_some() || matches!(self, Part::Short(_) | Part::Fraction)
    }
}

/// A time that a text says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Read {
    /// As a clock on the wall; the year is 2000 where the pattern has none.
    pub wall: WallTime,
    /// Minutes east of UTC, where the text says so.
    pub offset_minutes: Option<i32>,
}

impl TimePattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(text: &str) -> Result<TimePattern, String> {
        if text == "RFC 3339" {
            return Ok(TimePattern {
                text: text.to_owned(),
                parts: Vec::new(),
                behind_hour: None,
                has_time: true,
                has_year: true,
                shape: Shape::Rfc3339,
            });
        }
        if text == "unix seconds" {
            return Ok(TimePattern {
                text: text.to_owned(),
                parts: vec![Part::UnixSeconds],
                behind_hour: None,
                has_time: true,
                has_year: true,
                shape: Shape::Other,
            });
        }
        let mut parts = Vec::new();
        let (mut rest, mut of_twelve) = (text, false);
        while let Some(first) = rest.chars().next() {
            if let Some((name, part)) = UNITS.iter().find(|(name, _)| rest.starts_with(name)) {
                of_twelve |= first == 'h';
                parts.push(*part);
                rest = &rest[name.len()..];
            } else if first.is_ascii_alphabetic() && first != 'T' {
                return Err(format!(
                    "`{text}`: expected yyyy or yy, MM or MMM (NOV), dd, HH, mm, ss (M, d, H for one or two digits), hh or h with a for AM and PM, S for parts of a second, Z for an offset, and signs between them"
                ));
            } else {
                parts.push(Part::Literal(first));
                rest = &rest[first.len_utf8()..];
            }
        }
        let mut units: Vec<Unit> = parts.iter().filter_map(Part::unit).collect();
        units.sort();
        let full = [
            Unit::Year,
            Unit::Month,
            Unit::Day,
            Unit::Hour,
            Unit::Minute,
            Unit::Second,
        ];
        let known = [&full[..], &full[..3], &full[..5], &full[1..], &full[1..3]];
        if !known.contains(&units.as_slice()) {
            return Err(format!(
                "`{text}`: expected a day (yyyy, MM, dd) or a day and a time to the second or minute, each part once"
            ));
        }
        let halves = parts.iter().filter(|part| **part == Part::Half).count();
        if halves != usize::from(of_twelve) {
            return Err(format!(
                "`{text}`: hh or h (1 to 12) goes with a (AM or PM), and HH or H (0 to 23) without"
            ));
        }
        let mut runs = parts.chunk_by(|part, next| part.is_digits() && next.is_digits());
        let loose = |run: &[Part]| {
            let shorts = run.iter().filter(|part| matches!(part, Part::Short(_))).count();
            shorts > 1 || (shorts == 1 && run.contains(&Part::Fraction))
        };
        if runs.any(loose) {
            return Err(format!(
                "`{text}`: where one part ends and the next begins cannot be told; expected a sign between them, or MM, dd, HH in the place of M, d, H"
            ));
        }
        let has_time = units.contains(&Unit::Hour);
        let has_year = units.first() == Some(&Unit::Year);
        let has_offset = parts.contains(&Part::Offset);
        Ok(TimePattern {
            text: text.to_owned(),
            behind_hour: behind_hour(&parts),
            has_time,
            has_year,
            shape: match text {
                "yyyy-MM-dd HH:mm:ss" => Shape::Plain,
                _ if has_year && !has_time && !has_offset => Shape::Day,
                _ => Shape::Other,
            },
            parts,
        })
    }

    /// As it stands in the profile.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What it looks like.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// The time of a text; midnight where the pattern has none. `None` where it does not fit or does not exist.
    pub fn read(&self, text: &str) -> Option<Read> {
        match self.shape {
            Shape::Plain => return plain_time(text),
            Shape::Rfc3339 => return rfc3339_time(text),
            Shape::Day | Shape::Other => {}
        }
        let mut numbers = [0u32; 6];
        if !self.has_year {
            numbers[0] = 2000;
        }
        let (mut offset_minutes, mut is_afternoon) = (None, None);
        let mut rest = text;
        let filled;
        if let Some(all) = self.filled_up(text) {
            filled = all;
            rest = &filled;
        }
        for (at, part) in self.parts.iter().enumerate() {
            match part {
                Part::UnixSeconds => return unix_time(rest),
                Part::Literal(sign) => rest = rest.strip_prefix(*sign)?,
                Part::Number(unit, width) => {
                    numbers[*unit as usize] = digits(rest.as_bytes().get(..*width)?)?;
                    rest = rest.get(*width..)?;
                }
                Part::Short(unit) => {
                    let width = self.short_width(at, rest);
                    numbers[*unit as usize] = digits(rest.as_bytes().get(..width)?)?;
                    rest = rest.get(width..)?;
                }
                Part::ShortYear => {
                    let year = digits(rest.as_bytes().get(..2)?)?;
                    let century = if year >= LAST_CENTURY_FROM { 1900 } else { 2000 };
                    numbers[Unit::Year as usize] = century + year;
                    rest = rest.get(2..)?;
                }
                Part::MonthName => {
                    let name = rest.get(..3)?;
                    let month = MONTHS.iter().position(|known| name.eq_ignore_ascii_case(known))?;
                    numbers[Unit::Month as usize] = month as u32 + 1;
                    rest = &rest[3..];
                }
                Part::Half => {
                    let half = rest.get(..2)?;
                    is_afternoon = Some(half.eq_ignore_ascii_case("pm"));
                    if is_afternoon == Some(false) && !half.eq_ignore_ascii_case("am") {
                        return None;
                    }
                    rest = &rest[2..];
                }
                Part::Fraction => rest = rest.trim_start_matches(|c: char| c.is_ascii_digit()),
                Part::Offset => {
                    let (minutes, behind) = offset(rest)?;
                    offset_minutes = Some(minutes);
                    rest = behind;
                }
            }
        }
        if let Some(is_afternoon) = is_afternoon {
            let hour = &mut numbers[Unit::Hour as usize];
            if !(1..=12).contains(hour) {
                return None;
            }
            // Twelve is the hour before one: 12 AM is midnight, 12 PM noon.
            *hour = *hour % 12 + if is_afternoon { 12 } else { 0 };
        }
        let [year, month, day, hour, minute, second] = numbers;
        if !rest.is_empty() || hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        Some(Read {
            wall: WallTime {
                date: Date::from_ymd(i32::try_from(year).ok()?, month, day)?,
                hour,
                minute,
                second,
            },
            offset_minutes,
        })
    }
}

impl TimePattern {
    /// How many digits the part at `at` has, one of one or two: those of its run that the other parts leave, or else all.
    fn short_width(&self, at: usize, rest: &str) -> usize {
        let behind = self.parts.get(at + 1..).unwrap_or_default();
        let behind = behind.iter().map_while(Part::digits).sum::<usize>();
        let has = digits_at_start(rest);
        1 + usize::from(has >= 2 + behind)
    }

    /// A time of day in digits alone that is delivered as a number has lost its leading zeros: `Hmmss` of `3005` is 00:30:05.
    /// The text with those zeros that the hour's own digit does not account for, where they are missing.
    fn filled_up(&self, text: &str) -> Option<String> {
        let behind = self.behind_hour?;
        let start = text.trim_end_matches(|c: char| c.is_ascii_digit()).len();
        let (before, clock) = text.split_at(start);
        // A number does not begin with a zero: what does is another form of time, or was cut.
        if clock.is_empty() || clock.len() > behind || (clock.starts_with('0') && clock.len() > 1) {
            return None;
        }
        Some(format!("{before}{clock:0>width$}", width = behind + 1))
    }
}

/// The digits behind an hour of one or two digits with which a time of day in digits alone begins, at the end of a text.
fn behind_hour(parts: &[Part]) -> Option<usize> {
    let at = parts.iter().position(|part| *part == Part::Short(Unit::Hour))?;
    let (before, behind) = (&parts[..at], &parts[at + 1..]);
    let is_alone = !behind.is_empty() && !before.last().is_some_and(Part::is_digits);
    let digits: Option<usize> = behind.iter().map(Part::digits).sum();
    digits.filter(|_| is_alone)
}

fn digits_at_start(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

fn digits(bytes: &[u8]) -> Option<u32> {
    let mut number = 0;
    for byte in bytes {
        if !byte.is_ascii_digit() {
            return None;
        }
        number = number * 10 + u32::from(byte - b'0');
    }
    Some(number)
}

fn plain_time(text: &str) -> Option<Read> {
    let bytes: &[u8; 19] = text.as_bytes().try_into().ok()?;
    if (bytes[4], bytes[7]) != (b'-', b'-') {
        return None;
    }
    let year = i32::try_from(digits(&bytes[..4])?).ok()?;
    let date = Date::from_ymd(year, digits(&bytes[5..7])?, digits(&bytes[8..10])?)?;
    Some(Read {
        wall: clock_of(bytes, b' ', date)?,
        offset_minutes: None,
    })
}

/// The time of day `HH:mm:ss` behind a day that is known already and the sign between them.
#[inline(always)]
pub fn clock_of(bytes: &[u8; 19], between: u8, date: Date) -> Option<WallTime> {
    if bytes[10] != between {
        return None;
    }
    time_of_day(bytes.last_chunk()?, date)
}

/// A time of day as `HH:mm:ss`.
#[inline(always)]
pub fn time_of_day(bytes: &[u8; 8], date: Date) -> Option<WallTime> {
    // Digits become their values and colons 0; more than 9, or than 0, sets a high bit.
    const FORM: u64 = u64::from_le_bytes(*b"00:00:00");
    const MOST: u64 = u64::from_le_bytes([0x76, 0x76, 0x7f, 0x76, 0x76, 0x7f, 0x76, 0x76]);
    const HIGH: u64 = u64::MAX / 255 * 128;
    // As above of 23, 59 and 59, where the hour, the minute and the second stand.
    const MOST_OF_DAY: u64 = u64::from_le_bytes([127 - 23, 0, 0, 127 - 59, 0, 0, 127 - 59, 0]);
    const HIGH_OF_DAY: u64 = u64::from_le_bytes([128, 0, 0, 128, 0, 0, 128, 0]);
    let values = u64::from_le_bytes(*bytes) ^ FORM;
    // Ten times each digit and the one behind it.
    let numbers = values.wrapping_mul(10).wrapping_add(values >> 8);
    let too_much = numbers.wrapping_add(MOST_OF_DAY) & HIGH_OF_DAY;
    if (values.wrapping_add(MOST) | values) & HIGH | too_much != 0 {
        return None;
    }
    let number = |at: u32| (numbers >> (8 * at)) as u32 & 0xff;
    let (hour, minute, second) = (number(0), number(3), number(6));
    Some(WallTime {
        date,
        hour,
        minute,
        second,
    })
}

/// Seconds since 1970 of this age: ten digits, 2001 to 2286.
fn unix_time(text: &str) -> Option<Read> {
    let is_usual =
        text.len() == 10 && !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
    let seconds: u64 = text.parse().ok().filter(|_| is_usual)?;
    let of_day = (seconds % 86_400) as u32;
    Some(Read {
        wall: WallTime {
            date: Date((seconds / 86_400) as i32),
            hour: of_day / 3600,
            minute: of_day / 60 % 60,
            second: of_day % 60,
        },
        offset_minutes: Some(0),
    })
}

fn rfc3339_time(text: &str) -> Option<Read> {
    Instant::parse_rfc3339(text.as_bytes())?;
    let number = |at: usize| digits(text.as_bytes().get(at..at + 2)?);
    let behind = text.get(19..)?;
    let zone = behind.trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
    Some(Read {
        wall: WallTime {
            date: Date::parse(text.as_bytes().get(..10)?)?,
            hour: number(11)?,
            minute: number(14)?,
            second: number(17)?,
        },
        offset_minutes: Some(offset(zone)?.0),
    })
}

/// `Z`, `+hh:mm` or `+hhmm` as minutes east of UTC, and what stands behind.
pub fn offset(text: &str) -> Option<(i32, &str)> {
    if let Some(behind) = text.strip_prefix(['Z', 'z']) {
        return Some((0, behind));
    }
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let hours = digits(text.as_bytes().get(1..3)?)?;
    let colon = usize::from(text.as_bytes().get(3) == Some(&b':'));
    let minutes = digits(text.as_bytes().get(3 + colon..5 + colon)?)?;
    if hours > 23 || minutes > 59 {
        return None;
    }
    Some((sign * (hours * 60 + minutes) as i32, text.get(5 + colon..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As [`time_of_day`], digit by digit.
    fn time_by_digits(bytes: &[u8; 8]) -> Option<(u32, u32, u32)> {
        let number = |at: usize, most: u32| {
            let digit = |at: usize| char::from(bytes[at]).to_digit(10);
            let number = digit(at)? * 10 + digit(at + 1)?;
            (number <= most).then_some(number)
        };
        let colons = bytes[2] == b':' && bytes[5] == b':';
        colons
            .then(|| Some((number(0, 23)?, number(3, 59)?, number(6, 59)?)))
            .flatten()
    }

    #[test]
    fn a_time_of_day_has_an_hour_a_minute_and_a_second_of_a_day() {
        let check = |bytes: &[u8; 8]| {
            let found = time_of_day(bytes, Date(0)).map(|wall| (wall.hour, wall.minute, wall.second));
            assert_eq!(found, time_by_digits(bytes), "{bytes:?}");
        };
        for number in 0..100 {
            for (hour, minute, second) in [
                (number, 0, 59),
                (23, number, 0),
                (0, 59, number),
                (number, number, number),
            ] {
                check(
                    format!("{hour:02}:{minute:02}:{second:02}")
                        .as_bytes()
                        .first_chunk()
                        .unwrap(),
                );
            }
        }
        for good in [b"00:00:00", b"09:59:10", b"23:59:59", b"19:09:39"] {
            for at in 0..8 {
                for byte in 0..=255 {
                    let mut bytes = *good;
                    bytes[at] = byte;
                    check(&bytes);
                    bytes[(at + 1) % 8] = !byte;
                    check(&bytes);
                }
            }
        }
    }

    #[test]
    fn holes_take_the_shortest_text() {
        let check = |pattern: &str, line: &str, expected: Option<&[(&str, &str)]>| {
            let pattern = LinePattern::parse(pattern).unwrap();
            assert_eq!(
                pattern.fit(line, encoding_rs::UTF_8).as_deref(),
                expected,
                "{line}"
            );
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
    fn holes_of_a_width_take_their_bytes() {
        let check = |pattern: &str, line: &str, expected: Option<&[(&str, &str)]>| {
            let pattern = LinePattern::parse(pattern).unwrap();
            let found = pattern.fit(line, encoding_rs::GB18030);
            assert_eq!(found.as_deref(), expected, "{line}");
        };
        let trailer = "T{count:8}{sum:16}";
        check(
            trailer,
            "T000003000000000000123456",
            Some(&[("count", "00000300"), ("sum", "0000000000123456")]),
        );
        // A figure that is cut off is none, and neither is a longer one.
        check(trailer, "T00000300000000000012345", None);
        check(trailer, "T0000030000000000001234567", None);
        check("T{count:8}{}", "T00000300", Some(&[("count", "00000300")]));
        check(
            "T{count:3};{:2}-{b}",
            "T300;xx-7",
            Some(&[("count", "300"), ("b", "7")]),
        );
        // 支 has two bytes in GBK, and no hole ends in the middle of it.
        check("H{a:4}{b:1}", "H支付x", Some(&[("a", "支付"), ("b", "x")]));
        check("H{a:3}{b:2}", "H支付x", None);
        let wide = LinePattern::parse("H{a:3}{b}").unwrap();
        assert_eq!(
            wide.fit("H支付", encoding_rs::UTF_8).as_deref(),
            Some(&[("a", "支"), ("b", "付")][..])
        );
        assert_eq!(wide.text(), "H{a:3}{b}");
        for bad in [
            "T{a:0}",
            "T{a:x}",
            "T{a:}",
            "T{a:-1}",
            "T{a:99999999999999999999}",
            "T{a}{b:8}",
        ] {
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
        for bad in [
            "yyyy-MM",
            "yyyy-MM-dd HH",
            "dd/MMMM/yyyy",
            "yyyy-MM-dd dd",
            "yyy-MM-dd",
            "yyyy-MM-dd hh:mm",
            "yyyy-MM-dd HH:mm a",
            "yyyy-MM-dd hh:mm a a",
            "yyyy-MM-dd a",
            "yyyyMd",
            "yyyy-M-dH:mm",
            "yyyy-MM-d Hmmss yy",
            "dd.MM.yy HHmmHss",
        ] {
            assert!(TimePattern::parse(bad).is_err(), "{bad}");
        }
        // Parts of a second behind an hour of one or two digits: where the one ends cannot be told.
        assert!(TimePattern::parse("yyyy-MM-dd HmmssS").is_err());
        assert!(TimePattern::parse("yyyy-MM-dd HHmmssS").is_ok());
    }

    #[test]
    fn times_of_other_shapes_are_read() {
        let check = |pattern: &str, text: &str, expected: Option<(&str, Option<i32>)>| {
            let read = TimePattern::parse(pattern).unwrap().read(text);
            let shown = read.map(|read| {
                let wall = read.wall;
                let text = format!(
                    "{} {:02}:{:02}:{:02}",
                    wall.date, wall.hour, wall.minute, wall.second
                );
                (text, read.offset_minutes)
            });
            let expected = expected.map(|(text, offset)| (text.to_owned(), offset));
            assert_eq!(shown, expected, "{pattern} {text}");
        };
        check("MMddHHmmss", "0906112203", Some(("2000-09-06 11:22:03", None)));
        check("MMddHHmmss", "0230112203", None);
        check(
            "yyyy/M/d H:mm",
            "2026/3/1 9:05",
            Some(("2026-03-01 09:05:00", None)),
        );
        check("yyyy/M/d H:mm", "2026/13/1 9:05", None);
        check(
            "yyyy/MM/dd HH:mm:ss Z",
            "2026/01/06 00:00:30 -0800",
            Some(("2026-01-06 00:00:30", Some(-480))),
        );
        check("yyyy/MM/dd HH:mm:ss Z", "2026/01/06 00:00:30 -08", None);
        check("yyyy/MM/dd HH:mm:ss Z", "2026/01/06 00:00:30 支", None);
        check(
            "yyyy-MM-ddTHH:mm:ss.S",
            "2026-01-06T00:00:30.123",
            Some(("2026-01-06 00:00:30", None)),
        );
        check(
            "RFC 3339",
            "2026-01-06T00:00:30.5+05:30",
            Some(("2026-01-06 00:00:30", Some(330))),
        );
        check("RFC 3339", "2026-01-06T00:00:30", None);
        check(
            "unix seconds",
            "1767657630",
            Some(("2026-01-06 00:00:30", Some(0))),
        );
        for no_time in [
            "176765763",
            "17676576301",
            "1767657630.5",
            "0767657630",
            "17676支0",
        ] {
            check("unix seconds", no_time, None);
        }
        check("yyyyMMdd", "2026支1", None);
        for (text, expected) in [
            ("20/11/2026 12:00:05 AM", "2026-11-20 00:00:05"),
            ("20/11/2026 12:59:05 pm", "2026-11-20 12:59:05"),
            ("20/11/2026 01:00:05 Pm", "2026-11-20 13:00:05"),
            ("20/11/2026 11:59:59 AM", "2026-11-20 11:59:59"),
        ] {
            check("dd/MM/yyyy hh:mm:ss a", text, Some((expected, None)));
        }
        for no_time in [
            "20/11/2026 00:00:05 AM",
            "20/11/2026 13:00:05 PM",
            "20/11/2026 11:00:05",
            "20/11/2026 11:00:05 XM",
            "20/11/2026 11:00:05 支",
            "20/11/2026 11:00:05 P",
        ] {
            check("dd/MM/yyyy hh:mm:ss a", no_time, None);
        }
        check(
            "M/d/yy h:mma",
            "1/2/26 9:05PM",
            Some(("2026-01-02 21:05:00", None)),
        );
        check("dd.MM.yy", "31.12.79", Some(("2079-12-31 00:00:00", None)));
        check("dd.MM.yy", "31.12.80", Some(("1980-12-31 00:00:00", None)));
        check("dd.MM.yy", "31.12.2026", None);
        check("yyMMdd", "260229", None);
        for text in ["20-NOV-2026", "20-Nov-2026", "20-nov-2026"] {
            check("dd-MMM-yyyy", text, Some(("2026-11-20 00:00:00", None)));
        }
        for no_day in [
            "20-11-2026",
            "20-NO-2026",
            "20-NOVE-2026",
            "31-NOV-2026",
            "20-支-2026",
            "20-N支",
        ] {
            check("dd-MMM-yyyy", no_day, None);
        }
    }

    #[test]
    fn a_clock_in_digits_alone_may_lack_leading_zeros() {
        let check = |pattern: &str, text: &str, expected: Option<&str>| {
            let read = TimePattern::parse(pattern).unwrap().read(text);
            let clock = |read: Read| {
                let wall = read.wall;
                format!(
                    "{} {:02}:{:02}:{:02}",
                    wall.date, wall.hour, wall.minute, wall.second
                )
            };
            assert_eq!(read.map(clock).as_deref(), expected, "{pattern} {text}");
        };
        let day = "yyyy-MM-dd Hmmss";
        check(day, "2026-11-20 93005", Some("2026-11-20 09:30:05"));
        check(day, "2026-11-20 093005", Some("2026-11-20 09:30:05"));
        check(day, "2026-11-20 120102", Some("2026-11-20 12:01:02"));
        check(day, "2026-11-20 3005", Some("2026-11-20 00:30:05"));
        check(day, "2026-11-20 5", Some("2026-11-20 00:00:05"));
        check(day, "2026-11-20 0", Some("2026-11-20 00:00:00"));
        for no_time in [
            "2026-11-20 0930",
            "2026-11-20 00",
            "2026-11-20 9300",
            "2026-11-20 ",
            "2026-11-20",
            "2026-11-20 1201020",
        ] {
            check(day, no_time, None);
        }
        check("yyyyMMddHmmss", "2026112093005", Some("2026-11-20 09:30:05"));
        check("yyyyMMddHmmss", "20261120193005", Some("2026-11-20 19:30:05"));
        check("yyyyMMddHmmss", "202611203005", None);
        check("Hmm dd.MM.yyyy", "930 20.11.2026", Some("2026-11-20 09:30:00"));
        check("dMMyyyy", "1112026", Some("2026-11-01 00:00:00"));
        check("dMMyyyy", "11112026", Some("2026-11-11 00:00:00"));
    }

    #[test]
    fn keys_are_found_inside_texts() {
        let check = |pattern: &str, text: &str, expected: &str| {
            assert_eq!(
                Extract::parse(pattern).unwrap().find(text),
                expected,
                "{pattern} {text}"
            );
        };
        check("订单号{word}", "支付 订单号P-1_2，谢谢", "P-1_2");
        check("订单号{digits}", "订单号 订单号12a", "12");
        check("REF:{text};", "x REF:a b;c", "a b");
        check("REF:{text};", "x REF:a b", "");
        check("{digits}/", "a1 22/3", "22");
        check("{digits}", "支付", "");
        check("{digits}", "", "");
        check("支{digits}", "支支支7", "7");
        assert!(Extract::parse("nothing").is_err());
    }
}

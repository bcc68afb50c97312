//! Logical records of a BAI2 file: a record and its continuations (88), from lines of any layout.
//!
//! A record ends with `/` or with its line; several may stand on one line, padded with blanks. A line that begins with no
//! record code goes on with the text before it.

use crate::entries::rows::Place;
use crate::ingest::formats::FileRefused;
use crate::ingest::formats::decode::PIECE_BYTES_MAX;
use crate::ingest::formats::pieces::Pieces;

/// Longest physical record of banks that cut texts wherever the record is full.
const RECORD_CHARS: usize = 80;

const CODES: [&str; 8] = ["01", "02", "03", "16", "49", "88", "98", "99"];

/// A logical record.
#[derive(Clone, Debug)]
pub struct Record {
    /// 1, 2, 3, 16, 49, 98 or 99.
    pub code: u32,
    /// Where it begins.
    pub place: Place,
    /// Physical records, continuations among them.
    pub physical: u64,
    /// Content of the record and of each continuation, without code and end mark.
    segments: Vec<Segment>,
}

/// Content of one physical record.
#[derive(Clone, Debug, Default)]
struct Segment {
    content: String,
    /// True when the record is full to its last place and does not say that it ends: a word may go on behind it.
    full: bool,
}

impl Segment {
    /// The content of a physical record, which begins with its code and a comma.
    fn of(record: &str) -> Segment {
        let record = record.trim_end();
        let content = record.get(3..).unwrap_or_default();
        Segment {
            content: content.strip_suffix('/').unwrap_or(content).to_owned(),
            full: !content.ends_with('/') && record.chars().count() >= RECORD_CHARS,
        }
    }
}

impl Record {
    /// A walk through its fields.
    pub fn fields(&self) -> Cursor<'_> {
        Cursor {
            segments: &self.segments,
            segment: 0,
            at: Some(0),
        }
    }
}

/// A walk through the fields of a record, across its continuations.
pub struct Cursor<'r> {
    segments: &'r [Segment],
    segment: usize,
    /// Where the next field of the segment begins; `None` when the segment is used up.
    at: Option<usize>,
}

impl<'r> Cursor<'r> {
    /// The next field; `None` behind the last.
    pub fn next(&mut self) -> Option<&'r str> {
        loop {
            let segment = self.segments.get(self.segment)?;
            let Some(at) = self.at else {
                self.segment += 1;
                self.at = Some(0);
                continue;
            };
            let rest = &segment.content[at..];
            return Some(match rest.find(',') {
                Some(comma) => {
                    self.at = Some(at + comma + 1);
                    &rest[..comma]
                }
                None => {
                    self.at = None;
                    rest
                }
            });
        }
    }

    /// The next field, where an empty one at the end of a record that goes on is the comma of the cut and no field.
    pub fn next_unless_cut(&mut self) -> Option<&'r str> {
        let field = self.next()?;
        if field.is_empty() && self.at.is_none() && self.segment + 1 < self.segments.len() {
            return self.next();
        }
        Some(field)
    }

    /// What is left, which is text: commas belong to it, continuations follow after a space, or at once where the record
    /// before was full.
    pub fn rest(mut self) -> String {
        let mut text = String::new();
        let mut cut = false;
        while let Some(segment) = self.segments.get(self.segment) {
            if let Some(at) = self.at {
                let more = &segment.content[at..];
                let more = if cut { more.trim_end() } else { more.trim() };
                if !more.is_empty() {
                    if !text.is_empty() && !cut {
                        text.push(' ');
                    }
                    text.extend(more.chars().map(|c| if c.is_control() { ' ' } else { c }));
                    cut = segment.full;
                }
            }
            self.segment += 1;
            self.at = Some(0);
        }
        text
    }
}

/// Logical records of a file.
pub struct Records<'a> {
    /// The lines.
    pub lines: Pieces<'a>,
    /// The record read last.
    pub record: Record,
    /// Physical records of the present line, in reverse.
    queue: Vec<(Place, String)>,
    ended: bool,
}

impl<'a> Records<'a> {
    /// Records of some lines.
    pub fn new(lines: Pieces<'a>) -> Records<'a> {
        Records {
            lines,
            record: Record {
                code: 0,
                place: Place { line: 1, offset: 0 },
                physical: 0,
                segments: Vec::new(),
            },
            queue: Vec::new(),
            ended: false,
        }
    }

    /// Where the present line begins.
    pub fn place(&self) -> Place {
        self.lines.place
    }

    /// Reads the next logical record; false at the end of the file.
    ///
    /// # Errors
    /// As [`Pieces::advance`]; a continuation or text that continues nothing.
    pub fn next(&mut self) -> Result<bool, FileRefused> {
        let Some((place, text)) = self.physical()? else {
            return Ok(false);
        };
        let Some(code) = code_of(&text).filter(|code| *code != "88") else {
            return Err(FileRefused::at(
                place.line,
                "found a line that begins with no record code (01, 02, 03, 16, 49, 88, 98, 99)",
                "the file is damaged or no BAI2 file: fetch it again",
            ));
        };
        self.record.code = code.parse().unwrap_or(0);
        self.record.place = place;
        self.record.physical = 1;
        self.record.segments.clear();
        self.record.segments.push(Segment::of(&text));
        let mut bytes = text.len();
        while let Some((_, text)) = self.peek()? {
            match code_of(text) {
                Some("88") => {
                    let segment = Segment::of(text);
                    self.record.segments.push(segment);
                    self.record.physical += 1;
                }
                Some(_) => break,
                None => {
                    // A line feed inside a text.
                    let more = content(text).to_owned();
                    if let Some(last) = self.record.segments.last_mut() {
                        last.content.push(' ');
                        last.content.push_str(&more);
                        last.full = false;
                    }
                }
            }
            bytes += self.queue.pop().map_or(0, |(_, text)| text.len());
            if bytes > PIECE_BYTES_MAX {
                return Err(FileRefused::at(
                    place.line,
                    format!("a record is longer than {PIECE_BYTES_MAX} bytes"),
                    "the file is damaged or no BAI2 file: fetch it again",
                ));
            }
        }
        Ok(true)
    }

    fn physical(&mut self) -> Result<Option<(Place, String)>, FileRefused> {
        self.fill()?;
        Ok(self.queue.pop())
    }

    fn peek(&mut self) -> Result<Option<&(Place, String)>, FileRefused> {
        self.fill()?;
        Ok(self.queue.last())
    }

    fn fill(&mut self) -> Result<(), FileRefused> {
        while self.queue.is_empty() && !self.ended {
            if !self.lines.advance()? {
                self.ended = true;
                break;
            }
            let place = self.lines.place;
            cut(self.lines.text.trim_end(), place, &mut self.queue);
            self.queue.reverse();
        }
        Ok(())
    }
}

/// Cuts a line where a record ends and another begins behind blanks.
fn cut(line: &str, place: Place, records: &mut Vec<(Place, String)>) {
    let mut rest = line;
    let mut offset = 0;
    loop {
        let skipped = rest.len() - rest.trim_start().len();
        // Blanks before a text that goes on belong to it.
        if code_of(&rest[skipped..]).is_some() {
            rest = &rest[skipped..];
            offset += skipped;
        }
        let next = rest
            .match_indices("/ ")
            .map(|(at, _)| at + 1)
            .find(|at| code_of(rest[*at..].trim_start()).is_some());
        let (record, left) = rest.split_at(next.unwrap_or(rest.len()));
        if !record.trim().is_empty() {
            let place = Place {
                line: place.line,
                offset: place.offset + offset as u64,
            };
            records.push((place, record.to_owned()));
        }
        if next.is_none() {
            return;
        }
        offset += record.len();
        rest = left;
    }
}

/// The record code that a line begins with.
fn code_of(text: &str) -> Option<&str> {
    let code = text.get(..2)?;
    (CODES.contains(&code) && text.as_bytes().get(2) == Some(&b',')).then_some(code)
}

/// Content without the blanks and the mark that end a record.
fn content(text: &str) -> &str {
    let text = text.trim_end();
    text.strip_suffix('/').unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(text: &str) -> Vec<(u32, u64, u64, String)> {
        let lines = Pieces::new(Vec::new(), Box::new(text.as_bytes()), b'\n', None).unwrap();
        let mut records = Records::new(lines);
        let mut seen = Vec::new();
        while records.next().unwrap() {
            let record = &records.record;
            assert!(text[record.place.offset as usize..].starts_with(&format!("{:02},", record.code)));
            seen.push((
                record.code,
                record.place.line,
                record.physical,
                record
                    .segments
                    .iter()
                    .map(|segment| segment.content.as_str())
                    .collect::<Vec<_>>()
                    .join("|"),
            ));
        }
        seen
    }

    #[test]
    fn records_are_found_in_any_layout() {
        let check = |text: &str, expected: &[(u32, u64, u64, &str)]| {
            let expected: Vec<_> = expected
                .iter()
                .map(|(a, b, c, d)| (*a, *b, *c, (*d).to_owned()))
                .collect();
            assert_eq!(records(text), expected, "{text}");
        };
        check("01,A/\n02,B\n", &[(1, 1, 1, "A"), (2, 2, 1, "B")]);
        check("01,A/   02,B/     \r\n", &[(1, 1, 1, "A"), (2, 1, 1, "B")]);
        check(
            "16,a/b, c/ 16 x/\n88,/more/\n  tail\n49,1",
            &[(16, 1, 2, "a/b, c/ 16 x|/more   tail"), (49, 4, 1, "1")],
        );
        check("  16,a/\n\n88,b/  49,2/", &[(16, 1, 2, "a|b"), (49, 3, 1, "2")]);
    }

    #[test]
    fn fields_cross_continuations() {
        let record = Record {
            code: 3,
            place: Place { line: 1, offset: 0 },
            physical: 3,
            segments: ["1,,100,", "500,3", "V,060316,"]
                .map(|content| Segment {
                    content: content.to_owned(),
                    full: false,
                })
                .to_vec(),
        };
        let mut fields = record.fields();
        assert_eq!(fields.next(), Some("1"));
        assert_eq!(fields.next(), Some(""));
        assert_eq!(fields.next(), Some("100"));
        assert_eq!(fields.next_unless_cut(), Some("500"));
        assert_eq!(fields.next(), Some("3"));
        assert_eq!(fields.next(), Some("V"));
        assert_eq!(fields.rest(), "060316,");
    }

    #[test]
    fn texts_go_on_where_a_full_record_cut_them() {
        let text = |lines: &str| {
            let lines = Pieces::new(Vec::new(), Box::new(lines.as_bytes()), b'\n', None).unwrap();
            let mut records = Records::new(lines);
            records.next().unwrap();
            let mut fields = records.record.fields();
            fields.next();
            fields.rest()
        };
        let full = format!("16,1,{}INV", "x".repeat(72));
        let x = "x".repeat(72);
        assert_eq!(text(&format!("{full}\n88,OICE 7\n")), format!("{x}INVOICE 7"));
        assert_eq!(text(&format!("{full}\n88, 7,8/\n")), format!("{x}INV 7,8"));
        // It ends with its mark, or before its last place: the words are whole.
        assert_eq!(text(&format!("{full}/\n88,OICE\n")), format!("{x}INV OICE"));
        assert_eq!(text("16,1,INV\n88,OICE/\n88,7\n"), "INV OICE 7");
    }
}

//! Logical records of a BAI2 file: a record and its continuations (88), from lines of any layout.
//!
//! A record ends with `/` or with its line; several may stand on one line, padded with blanks. A line that begins with no
//! record code goes on with the text before it.

use crate::entries::rows::Place;
use crate::ingest::formats::FileRefused;
use crate::ingest::formats::decode::PIECE_BYTES_MAX;
use crate::ingest::formats::pieces::{Pieces, has_control};

/// Longest physical record of banks that cut texts wherever the record is full.
const RECORD_CHARS: usize = 80;

const CODES: [[u8; 2]; 8] = [*b"01", *b"02", *b"03", *b"16", *b"49", *b"88", *b"98", *b"99"];

/// A logical record.
#[derive(Clone, Debug)]
pub struct Record {
    /// 1, 2, 3, 16, 49, 98 or 99.
    pub code: u32,
    /// Where it begins.
    pub place: Place,
    /// Physical records, continuations among them.
    pub physical: u64,
    /// Content of the record and of each continuation, without code and end mark, one behind the other.
    text: String,
    segments: Vec<Segment>,
}

/// Content of one physical record.
#[derive(Clone, Copy, Debug)]
struct Segment {
    /// Where it ends in the text of the record; it begins where the one before ends.
    end: usize,
    /// True when the record is full to its last place and does not say that it ends: a word may go on behind it.
    full: bool,
}

impl Record {
    /// A walk through its fields.
    pub fn fields(&self) -> Cursor<'_> {
        Cursor {
            record: self,
            segment: 0,
            at: Some(0),
        }
    }

    /// Takes the content of a physical record, which begins with its code and a comma.
    fn take(&mut self, record: &str) {
        let record = record.trim_end();
        let content = record.get(3..).unwrap_or_default();
        self.text.push_str(content.strip_suffix('/').unwrap_or(content));
        self.segments.push(Segment {
            end: self.text.len(),
            full: !content.ends_with('/')
                && record.len() >= RECORD_CHARS
                && record.chars().count() >= RECORD_CHARS,
        });
        self.physical += 1;
    }

    /// Takes a line that goes on with the text before it.
    fn take_text(&mut self, line: &str) {
        let line = line.trim_end();
        self.text.push(' ');
        self.text.push_str(line.strip_suffix('/').unwrap_or(line));
        if let Some(last) = self.segments.last_mut() {
            last.end = self.text.len();
            last.full = false;
        }
    }

    fn clear(&mut self, code: u32, place: Place) {
        (self.code, self.place, self.physical) = (code, place, 0);
        self.text.clear();
        self.segments.clear();
    }

    /// The content of a physical record, if there are so many.
    fn content(&self, segment: usize) -> Option<&str> {
        let end = self.segments.get(segment)?.end;
        let start = match segment {
            0 => 0,
            _ => self.segments[segment - 1].end,
        };
        Some(&self.text[start..end])
    }
}

/// A walk through the fields of a record, across its continuations.
pub struct Cursor<'r> {
    record: &'r Record,
    segment: usize,
    /// Where the next field of the segment begins; `None` when the segment is used up.
    at: Option<usize>,
}

impl<'r> Cursor<'r> {
    /// The next field; `None` behind the last.
    pub fn next(&mut self) -> Option<&'r str> {
        loop {
            let content = self.record.content(self.segment)?;
            let Some(at) = self.at else {
                self.segment += 1;
                self.at = Some(0);
                continue;
            };
            let rest = &content[at..];
            return Some(match memchr::memchr(b',', rest.as_bytes()) {
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
        if field.is_empty() && self.at.is_none() && self.segment + 1 < self.record.segments.len() {
            return self.next();
        }
        Some(field)
    }

    /// What is left, which is text: commas belong to it, continuations follow after a space, or at once where the record
    /// before was full.
    pub fn rest(mut self) -> String {
        let mut text = String::new();
        let mut cut = false;
        while let Some(content) = self.record.content(self.segment) {
            if let Some(at) = self.at {
                let more = &content[at..];
                let more = if cut { more.trim_end() } else { more.trim() };
                if !more.is_empty() {
                    if !text.is_empty() && !cut {
                        text.push(' ');
                    }
                    if has_control(more) {
                        text.extend(more.chars().map(|c| if c.is_control() { ' ' } else { c }));
                    } else {
                        text.push_str(more);
                    }
                    cut = self.record.segments[self.segment].full;
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
    /// Physical records of the present line that were not taken yet, the next one last: where they stand in it.
    queue: Vec<std::ops::Range<usize>>,
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
                text: String::new(),
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
        if !self.fill()? {
            return Ok(false);
        }
        let (place, text) = self.front();
        let Some(code) = code_of(text).filter(|code| *code != "88") else {
            return Err(FileRefused::at(
                place.line,
                "found a line that begins with no record code (01, 02, 03, 16, 49, 88, 98, 99)",
                "the file is damaged or no BAI2 file: fetch it again",
            ));
        };
        self.record.clear(code.parse().unwrap_or(0), place);
        self.take();
        while self.fill()? {
            let (_, text) = self.front();
            if code_of(text).is_some_and(|code| code != "88") {
                break;
            }
            self.take();
            if self.record.text.len() > PIECE_BYTES_MAX {
                return Err(FileRefused::at(
                    place.line,
                    format!("a record is longer than {PIECE_BYTES_MAX} bytes"),
                    "the file is damaged or no BAI2 file: fetch it again",
                ));
            }
        }
        Ok(true)
    }

    /// The next physical record and where it begins.
    fn front(&self) -> (Place, &str) {
        let Some(range) = self.queue.last() else {
            return (self.lines.place, "");
        };
        let place = Place {
            line: self.lines.place.line,
            offset: self.lines.place.offset + range.start as u64,
        };
        (place, &self.lines.text[range.clone()])
    }

    /// Moves the next physical record into the logical one.
    fn take(&mut self) {
        let Some(range) = self.queue.pop() else { return };
        let text = &self.lines.text[range];
        match code_of(text) {
            Some(_) => self.record.take(text),
            // A line feed inside a text.
            None => self.record.take_text(text),
        }
    }

    /// True when there is a next physical record.
    fn fill(&mut self) -> Result<bool, FileRefused> {
        while self.queue.is_empty() && !self.ended {
            if !self.lines.advance()? {
                self.ended = true;
                break;
            }
            cut(self.lines.text.trim_end(), &mut self.queue);
            self.queue.reverse();
        }
        Ok(!self.queue.is_empty())
    }
}

/// Cuts a line where a record ends and another begins behind blanks.
fn cut(line: &str, records: &mut Vec<std::ops::Range<usize>>) {
    let mut offset = 0;
    loop {
        let mut rest = &line[offset..];
        let skipped = rest.len() - rest.trim_start().len();
        // Blanks before a text that goes on belong to it.
        if code_of(&rest[skipped..]).is_some() {
            rest = &rest[skipped..];
            offset += skipped;
        }
        let next = memchr::memchr_iter(b'/', rest.as_bytes())
            .map(|at| at + 1)
            .find(|at| rest[*at..].starts_with(' ') && code_of(rest[*at..].trim_start()).is_some());
        let end = offset + next.unwrap_or(rest.len());
        if !line[offset..end].trim().is_empty() {
            records.push(offset..end);
        }
        if next.is_none() {
            return;
        }
        offset = end;
    }
}

/// The record code that a line begins with.
fn code_of(text: &str) -> Option<&str> {
    let [tens @ (b'0' | b'1' | b'4' | b'8' | b'9'), ones, b',', ..] = text.as_bytes() else {
        return None;
    };
    let code = [*tens, *ones];
    CODES.contains(&code).then(|| &text[..2])
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
            let segments = (0..).map_while(|segment| record.content(segment));
            let text = segments.collect::<Vec<_>>().join("|");
            seen.push((record.code, record.place.line, record.physical, text));
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
        let lines = Pieces::new(
            Vec::new(),
            Box::new(&b"03,1,,100,\n88,500,3\n88,V,060316,\n"[..]),
            b'\n',
            None,
        );
        let mut records = Records::new(lines.unwrap());
        records.next().unwrap();
        let record = &records.record;
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

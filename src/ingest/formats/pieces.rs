//! A file in pieces: lines, or what stands between two tags, as UTF-8 text with its place.
//!
//! Statements of grammars older than Unicode are ASCII in all that counts, and write names in whatever their bank uses.
//! So each piece is UTF-8, or it is in the encoding that the source or the file names, or, where nobody names one, it
//! is read as windows-1252 and counted: money and references never depend on it, and the reader says so.

use std::io::Read;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

use super::FileRefused;
use super::decode::{PIECE_BYTES_MAX, TextReader, by_label, byte_order_mark, not_decodable, refused_by};
use crate::entries::rows::Place;

const CHUNK_BYTES: usize = 256 << 10;

/// True when a text holds a control character. Nearly none does, and its bytes show it.
pub fn has_control(text: &str) -> bool {
    let suspect = |byte: u8| byte < b' ' || byte == 0x7f || byte == 0xc2;
    text.bytes().any(suspect) && text.contains(char::is_control)
}

/// Pieces of a file.
pub struct Pieces<'a> {
    source: Box<dyn Read + 'a>,
    ends_with: u8,
    /// The encoding that somebody named.
    named: Option<&'static Encoding>,
    /// The encoding of two bytes a letter in which the file came: its pieces are decoded.
    wide: Option<&'static Encoding>,
    /// Whether what is named is believed of a file whose letters are UTF-8.
    doubt: Doubt,
    buffer: Vec<u8>,
    at: usize,
    end: usize,
    source_ended: bool,
    next_place: Place,
    /// Text of the piece, without the byte that ends it.
    pub text: String,
    /// Where the piece begins.
    pub place: Place,
    /// Pieces that were read as windows-1252 because they are not UTF-8 and nobody names an encoding.
    pub guessed: u64,
    /// First line of such a piece.
    pub guessed_line: u64,
}

/// What is thought of an encoding of one byte a letter that a header names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Doubt {
    /// It is believed.
    None,
    /// It is believed until a letter beyond ASCII shows what the file is.
    Open(&'static Encoding),
    /// The letters are UTF-8; what is not is in this one.
    Utf8(&'static Encoding),
}

impl<'a> Pieces<'a> {
    /// Pieces of `head` and `source` behind it, each of which ends before a byte `ends_with`. `named` is the encoding of
    /// the settings or of the file itself.
    ///
    /// # Errors
    /// The encoding is unknown.
    pub fn new(
        head: Vec<u8>,
        source: Box<dyn Read + 'a>,
        ends_with: u8,
        named: Option<&str>,
    ) -> Result<Pieces<'a>, FileRefused> {
        let mut named = match named {
            Some(label) => Some(by_label(label, 0)?),
            None => None,
        };
        let mut skip = 0;
        if let Some((marked, bytes)) = byte_order_mark(&head) {
            named = Some(marked);
            skip = bytes;
        }
        let mut source: Box<dyn Read + 'a> = Box::new(std::io::Cursor::new(head).chain(source));
        let wide = named.filter(|encoding| *encoding == UTF_16LE || *encoding == UTF_16BE);
        if let Some(wide) = wide {
            let mut mark = vec![0; skip];
            source
                .read_exact(&mut mark)
                .map_err(|error| refused_by(&error, 0))?;
            source = Box::new(Unbounded(TextReader::new(source, wide)));
            // Offsets are those of the decoded text.
            (named, skip) = (Some(UTF_8), 0);
        }
        let mut pieces = Pieces {
            source,
            ends_with,
            named,
            wide,
            doubt: Doubt::None,
            buffer: vec![0; CHUNK_BYTES],
            at: 0,
            end: 0,
            source_ended: false,
            next_place: Place {
                line: 1,
                offset: skip as u64,
            },
            text: String::new(),
            place: Place { line: 1, offset: 0 },
            guessed: 0,
            guessed_line: 0,
        };
        if skip > 0 {
            pieces.fill()?;
            pieces.at = skip.min(pieces.end);
        }
        Ok(pieces)
    }

    /// Says that the encoding was named by a header that banks copy from file to file: where it is one of one byte a letter and
    /// the first letters beyond ASCII, wherever they stand, are UTF-8, the file is.
    pub fn doubt_header(&mut self) {
        self.doubt = match self.named {
            Some(named) if named.is_single_byte() => Doubt::Open(named),
            _ => Doubt::None,
        };
    }

    /// True where letters were UTF-8 under a header that names another encoding.
    pub fn is_utf8_after_all(&self) -> bool {
        matches!(self.doubt, Doubt::Utf8(_))
    }

    /// What is taken for the encoding of what is not UTF-8.
    fn guess(&self) -> &'static Encoding {
        match self.doubt {
            Doubt::Utf8(named) => named,
            _ => WINDOWS_1252,
        }
    }

    /// Decides by the letters from `start` on, as far as they are at hand, what the file is.
    #[cold]
    fn decide(&mut self, named: &'static Encoding, start: usize) {
        // The last letter may be cut.
        let is_utf8 = std::str::from_utf8(&self.buffer[start..self.end])
            .map_or_else(|error| error.error_len().is_none(), |_| true);
        if is_utf8 {
            (self.named, self.doubt) = (None, Doubt::Utf8(named));
        } else {
            self.doubt = Doubt::None;
        }
    }

    /// What names are read in.
    pub fn encoding(&self) -> String {
        match (self.wide.or(self.named), self.guessed) {
            (Some(named), _) => named.name().to_owned(),
            (None, 0) => UTF_8.name().to_owned(),
            (None, _) => format!("{} in part, else {}", self.guess().name(), UTF_8.name()),
        }
    }

    /// What the summary says where an encoding was taken that nobody named.
    pub fn guess_in_words(&self) -> Option<String> {
        (self.guessed > 0).then(|| {
            format!(
                "{} lines from line {} on are not UTF-8 and were read as {}: set `encoding` of the source if names look wrong",
                self.guessed,
                self.guessed_line,
                self.guess().name()
            )
        })
    }

    /// Reads the next piece; false at the end of the file.
    ///
    /// # Errors
    /// Reading fails, a piece is too long, holds a NUL, or is not in the encoding that was named.
    pub fn advance(&mut self) -> Result<bool, FileRefused> {
        self.place = self.next_place;
        let mut searched = self.at;
        let (start, stop, step) = loop {
            if let Some(found) = memchr::memchr(self.ends_with, &self.buffer[searched..self.end]) {
                let stop = searched + found;
                break (self.at, stop, stop + 1);
            }
            searched = self.end;
            if self.source_ended {
                if self.at == self.end {
                    self.text.clear();
                    return Ok(false);
                }
                break (self.at, self.end, self.end);
            }
            if self.end - self.at > PIECE_BYTES_MAX {
                return Err(FileRefused::at(
                    self.place.line,
                    format!("one element or line is longer than {PIECE_BYTES_MAX} bytes"),
                    "this is no file of this format: fetch it again",
                ));
            }
            let moved = self.at;
            self.fill()?;
            searched -= moved - self.at;
        };
        let piece = &self.buffer[start..stop];
        let feeds = if self.ends_with == b'\n' {
            u64::from(step > stop)
        } else {
            memchr::memchr_iter(b'\n', piece).count() as u64
        };
        self.next_place = Place {
            line: self.place.line + feeds,
            offset: self.place.offset + (step - start) as u64,
        };
        if let Some(at) = memchr::memchr(0, piece) {
            let line = self.place.line + memchr::memchr_iter(b'\n', &piece[..at]).count() as u64;
            return Err(FileRefused::at(
                line,
                "a NUL character stands in the text",
                "the file is damaged or not a text: fetch it again",
            ));
        }
        self.text.clear();
        if let Doubt::Open(named) = self.doubt
            && !self.buffer[start..stop].is_ascii()
        {
            self.decide(named, start);
        }
        let piece = &self.buffer[start..stop];
        match (self.named, simdutf8::basic::from_utf8(piece)) {
            (None, Ok(text)) => self.text.push_str(text),
            (Some(named), Ok(text)) if named == UTF_8 || piece.is_ascii() => self.text.push_str(text),
            (Some(named), _) => match named.decode_without_bom_handling_and_without_replacement(piece) {
                Some(text) => self.text.push_str(&text),
                None => return Err(not_decodable(named, self.place.line)),
            },
            (None, Err(_)) => {
                let (text, _) = self.guess().decode_without_bom_handling(piece);
                self.text.push_str(&text);
                if self.guessed == 0 {
                    self.guessed_line = self.place.line;
                }
                self.guessed += 1;
            }
        }
        self.at = step;
        Ok(true)
    }

    /// Reads more, moving what is left to the front.
    fn fill(&mut self) -> Result<(), FileRefused> {
        // A source that gives little at a time must not make a long piece move again and again.
        if self.at > 0 {
            self.buffer.copy_within(self.at..self.end, 0);
            self.end -= self.at;
            self.at = 0;
        }
        if self.buffer.len() - self.end < CHUNK_BYTES / 2 {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        let read = loop {
            match self.source.read(&mut self.buffer[self.end..]) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                other => break other.map_err(|error| refused_by(&error, self.place.line))?,
            }
        };
        self.source_ended = read == 0;
        self.end += read;
        Ok(())
    }
}

/// Text whose pieces are bounded by [`Pieces`].
struct Unbounded<'a>(TextReader<'a>);

impl Read for Unbounded<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        self.0.next_piece();
        self.0.read(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(bytes: &[u8], named: Option<&str>) -> Result<Vec<(u64, u64, String)>, FileRefused> {
        let (head, rest) = bytes.split_at(bytes.len().min(3));
        let mut pieces = Pieces::new(head.to_vec(), Box::new(rest), b'\n', named)?;
        let mut seen = Vec::new();
        while pieces.advance()? {
            seen.push((pieces.place.line, pieces.place.offset, pieces.text.clone()));
        }
        Ok(seen)
    }

    #[test]
    fn lines_come_with_their_places() {
        let owned = |lines: &[(u64, u64, &str)]| -> Vec<(u64, u64, String)> {
            lines.iter().map(|(l, o, t)| (*l, *o, (*t).to_owned())).collect()
        };
        assert_eq!(
            pieces(b"a\n\nbc", None).unwrap(),
            owned(&[(1, 0, "a"), (2, 2, ""), (3, 3, "bc")])
        );
        assert_eq!(
            pieces(b"\xef\xbb\xbfa\nb\n", None).unwrap(),
            owned(&[(1, 3, "a"), (2, 5, "b")])
        );
        assert_eq!(
            pieces(b"\xff\xfea\0\n\0b\0", None).unwrap(),
            owned(&[(1, 0, "a"), (2, 2, "b")])
        );
        assert_eq!(pieces(b"", None).unwrap(), []);
        // UTF-8, what is named, or windows-1252.
        assert_eq!(
            pieces(b"\xe9\n\xc3\xa9", None).unwrap(),
            owned(&[(1, 0, "é"), (2, 2, "é")])
        );
        assert_eq!(pieces(b"\xd6\xa7", Some("gbk")).unwrap(), owned(&[(1, 0, "支")]));
        assert_eq!(pieces(b"a\n\xff", Some("utf-8")).unwrap_err().line, 2);
        assert_eq!(pieces(b"a\n\0", None).unwrap_err().line, 2);
        assert!(pieces(b"a", Some("ebcdic")).is_err());
    }

    #[test]
    fn the_first_letters_say_whether_a_header_is_believed() {
        let read = |bytes: &[u8]| {
            let mut pieces = Pieces::new(Vec::new(), Box::new(bytes), b'\n', Some("iso-8859-5")).unwrap();
            pieces.doubt_header();
            let mut texts = Vec::new();
            while pieces.advance().unwrap() {
                texts.push(pieces.text.clone());
            }
            let told = (
                pieces.is_utf8_after_all(),
                pieces.encoding(),
                pieces.guess_in_words(),
            );
            (texts.last().cloned().unwrap_or_default(), told)
        };
        let far = "a\n".repeat(CHUNK_BYTES);
        for before in ["", &far] {
            let of = |letters: &[u8]| read(&[before.as_bytes(), letters].concat());
            let (text, told) = of("é\nБ".as_bytes());
            assert_eq!((text.as_str(), told), ("Б", (true, "UTF-8".to_owned(), None)));
            let (text, told) = of(b"x\n\xb1");
            assert_eq!(
                (text.as_str(), told),
                ("Б", (false, "ISO-8859-5".to_owned(), None))
            );
        }
        // What is not UTF-8 later on is in the encoding of the header, and that is said.
        let (text, (is_utf8, encoding, words)) = read(&["é\n".as_bytes(), far.as_bytes(), b"\xb1"].concat());
        assert_eq!(
            (text.as_str(), is_utf8, encoding.as_str()),
            ("Б", true, "ISO-8859-5 in part, else UTF-8")
        );
        assert!(words.is_some_and(|words| words.contains("were read as ISO-8859-5")));
    }

    #[test]
    fn control_characters_are_seen_by_their_bytes() {
        for code in 0..0x3000u32 {
            let Some(c) = char::from_u32(code) else { continue };
            assert_eq!(has_control(&format!("a{c}b")), c.is_control(), "{code:x}");
        }
    }

    #[test]
    fn pieces_longer_than_a_chunk_are_whole() {
        let long = "x".repeat(CHUNK_BYTES * 3 + 7);
        let text = format!("a\n{long}\nb\n{long}");
        let seen = pieces(text.as_bytes(), None).unwrap();
        assert_eq!(
            seen.iter().map(|(_, _, text)| text.len()).collect::<Vec<_>>(),
            [1, long.len(), 1, long.len()]
        );
        assert_eq!(seen[3].1 as usize, text.len() - long.len());
        let endless = vec![b'x'; PIECE_BYTES_MAX + (1 << 20)];
        assert!(
            pieces(&endless, None)
                .unwrap_err()
                .message
                .contains("longer than")
        );
    }
}

//! A file as lines of text, each decoded exactly, with its line number and byte offset as delivered.

use std::io::{BufRead, BufReader, Read};

use encoding_rs::{Encoding, UTF_8};

use crate::entries::rows::Place;
use crate::ingest::formats::FileRefused;
use crate::ingest::formats::decode::{PIECE_BYTES_MAX, not_decodable, refused_by};

/// Lines of a file. The encoding is one in which a line feed is always a line feed (not UTF-16).
pub struct Lines<'a> {
    source: BufReader<Box<dyn Read + 'a>>,
    encoding: &'static Encoding,
    raw: Vec<u8>,
    /// Text of the record read last, without its line end.
    pub text: String,
    /// Where it stands.
    pub place: Place,
    lines_read: u64,
    bytes_read: u64,
}

impl<'a> Lines<'a> {
    /// Lines of `source`, of which `bytes_before` bytes (a byte order mark) are gone already.
    pub fn new(source: Box<dyn Read + 'a>, encoding: &'static Encoding, bytes_before: usize) -> Lines<'a> {
        Lines {
            source: BufReader::with_capacity(64 << 10, source),
            encoding,
            raw: Vec::new(),
            text: String::new(),
            place: Place { line: 0, offset: 0 },
            lines_read: 0,
            bytes_read: bytes_before as u64,
        }
    }

    /// Reads the next record into `text`: a line, or several where a quoted field goes over line ends. False at the
    /// end of the file.
    ///
    /// # Errors
    /// The bytes do not decode, hold a NUL, or form no line of bearable length.
    pub fn next(&mut self, quote: Option<u8>) -> Result<bool, FileRefused> {
        self.text.clear();
        self.place = Place {
            line: self.lines_read + 1,
            offset: self.bytes_read,
        };
        if !self.read_line()? {
            return Ok(false);
        }
        if let Some(quote) = quote {
            while memchr::memchr_iter(quote, self.text.as_bytes()).count() % 2 == 1 {
                self.text.push('\n');
                if !self.read_line()? {
                    return Err(FileRefused::at(
                        self.place.line,
                        "a quoted field begins here and never ends",
                        "the file is damaged or cut off: fetch it again",
                    ));
                }
            }
        }
        Ok(true)
    }

    fn read_line(&mut self) -> Result<bool, FileRefused> {
        self.raw.clear();
        let line = self.lines_read + 1;
        let read = self
            .source
            .by_ref()
            .take(PIECE_BYTES_MAX as u64 + 1)
            .read_until(b'\n', &mut self.raw)
            .map_err(|error| refused_by(&error, line))?;
        if read == 0 {
            return Ok(false);
        }
        if read > PIECE_BYTES_MAX || self.text.len() > PIECE_BYTES_MAX {
            return Err(FileRefused::at(
                line,
                format!("a line is longer than {PIECE_BYTES_MAX} bytes"),
                "this is no file of this format: fetch it again",
            ));
        }
        self.lines_read = line;
        self.bytes_read += read as u64;
        let content = self.raw.strip_suffix(b"\n").unwrap_or(&self.raw);
        let content = content.strip_suffix(b"\r").unwrap_or(content);
        if memchr::memchr(0, content).is_some() {
            return Err(FileRefused::at(
                line,
                "a NUL character stands in the text",
                "the file is damaged or not a text: fetch it again",
            ));
        }
        match decode(self.encoding, content) {
            Some(text) => self.text.push_str(&text),
            None => return Err(not_decodable(self.encoding, line)),
        }
        Ok(true)
    }
}

/// Text of some bytes, or `None` where they are not in the encoding.
pub fn decode<'b>(encoding: &'static Encoding, bytes: &'b [u8]) -> Option<std::borrow::Cow<'b, str>> {
    if encoding == UTF_8 {
        return simdutf8::basic::from_utf8(bytes).ok().map(Into::into);
    }
    encoding.decode_without_bom_handling_and_without_replacement(bytes)
}

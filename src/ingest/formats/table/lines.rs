//! A file as blocks of whole records of text, decoded exactly, with the line and byte offset of each record as delivered.

use std::io::Read;

use encoding_rs::{Encoding, UTF_8};

use crate::entries::rows::Place;
use crate::ingest::formats::FileRefused;
use crate::ingest::formats::decode::{PIECE_BYTES_MAX, not_decodable, refused_by};

/// Bytes that are read at a time: they and their text stay in the nearer caches.
const BLOCK_BYTES: usize = if cfg!(test) { 160 } else { 128 << 10 };

/// Blocks of a file. The encoding is one in which a line feed is always a line feed (not UTF-16).
pub struct Blocks<'a> {
    source: Box<dyn Read + 'a>,
    encoding: &'static Encoding,
    quote: Option<u8>,
    raw: Vec<u8>,
    /// End of the block handed out before.
    taken: usize,
    filled: usize,
    ended: bool,
    text: String,
    lines_read: u64,
    bytes_read: u64,
    /// Found behind lines that are good: told when they are read.
    failure: Option<FileRefused>,
}

/// Whole records, as delivered and as text.
pub struct Block<'b> {
    text: &'b str,
    raw: &'b [u8],
    quote: Option<u8>,
    /// Line and offset of the next record.
    place: Place,
}

/// A record: a line, or several where a quoted field goes over line ends.
#[derive(Clone, Copy)]
pub struct Record<'b> {
    /// Without its line end.
    pub text: &'b str,
    /// As delivered, without its line end.
    pub raw: &'b [u8],
    /// Where it stands.
    pub place: Place,
}

impl<'a> Blocks<'a> {
    /// Blocks of `source`, of which `bytes_before` bytes (a byte order mark) are gone already.
    pub fn new(
        source: Box<dyn Read + 'a>,
        encoding: &'static Encoding,
        bytes_before: usize,
        quote: Option<u8>,
    ) -> Blocks<'a> {
        Blocks {
            source,
            encoding,
            quote,
            raw: Vec::new(),
            taken: 0,
            filled: 0,
            ended: false,
            text: String::new(),
            lines_read: 0,
            bytes_read: bytes_before as u64,
            failure: None,
        }
    }

    /// The next block; `None` at the end of the file.
    ///
    /// # Errors
    /// The bytes do not decode, hold a NUL, or form no record of bearable length.
    pub fn next(&mut self) -> Result<Option<Block<'_>>, FileRefused> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        self.raw.copy_within(self.taken..self.filled, 0);
        self.filled -= self.taken;
        self.taken = 0;
        let end = loop {
            match self.end_of_records() {
                Some(end) => break end,
                None if self.ended => break self.filled,
                None => self.fill()?,
            }
        };
        if end == 0 {
            return Ok(None);
        }
        if self.ended && end == self.filled && self.quote.is_some() {
            self.check_quotes_close(end)?;
        }
        let place = Place {
            line: self.lines_read + 1,
            offset: self.bytes_read,
        };
        let good = self.decodable(end, place.line)?;
        self.taken = end;
        self.bytes_read += end as u64;
        self.lines_read += memchr::memchr_iter(b'\n', &self.raw[..end]).count() as u64;
        let raw = &self.raw[..good];
        let text = if self.encoding == UTF_8 {
            simdutf8::basic::from_utf8(raw).map_err(|_| not_decodable(self.encoding, place.line))?
        } else {
            &self.text
        };
        Ok(Some(Block {
            text,
            raw,
            quote: self.quote,
            place,
        }))
    }

    /// Where the last whole record ends; `None` when there is none yet.
    fn end_of_records(&self) -> Option<usize> {
        let bytes = &self.raw[..self.filled];
        let Some(quote) = self.quote else {
            return memchr::memrchr(b'\n', bytes).map(|at| at + 1);
        };
        let (mut inside, mut end) = (false, None);
        for at in memchr::memchr2_iter(b'\n', quote, bytes) {
            if bytes[at] == quote {
                inside = !inside;
            } else if !inside {
                end = Some(at + 1);
            }
        }
        end
    }

    fn fill(&mut self) -> Result<(), FileRefused> {
        if self.filled > PIECE_BYTES_MAX {
            return Err(FileRefused::at(
                self.lines_read + 1,
                format!("a line is longer than {PIECE_BYTES_MAX} bytes"),
                "this is no file of this format: fetch it again",
            ));
        }
        // What is there already doubles, so that a long record is not looked through too often.
        let wanted = self.filled + BLOCK_BYTES.max(self.filled);
        self.raw.resize(wanted, 0);
        while self.filled < wanted {
            let read = self
                .source
                .read(&mut self.raw[self.filled..])
                .map_err(|error| refused_by(&error, self.line_now()))?;
            if read == 0 {
                self.ended = true;
                break;
            }
            self.filled += read;
        }
        Ok(())
    }

    fn line_now(&self) -> u64 {
        self.lines_read + 1 + memchr::memchr_iter(b'\n', &self.raw[..self.filled]).count() as u64
    }

    fn check_quotes_close(&self, end: usize) -> Result<(), FileRefused> {
        let Some(quote) = self.quote else { return Ok(()) };
        let (mut inside, mut line, mut opened) = (false, self.lines_read + 1, 0);
        let (mut record, bytes) = (line, &self.raw[..end]);
        for at in memchr::memchr2_iter(b'\n', quote, bytes) {
            if bytes[at] == quote {
                inside = !inside;
                opened = record;
            } else {
                line += 1;
                if !inside {
                    record = line;
                }
            }
        }
        if inside {
            return Err(FileRefused::at(
                opened,
                "a quoted field begins here and never ends",
                "the file is damaged or cut off: fetch it again",
            ));
        }
        Ok(())
    }

    /// How many bytes of the block are good text; what stops it is kept for the next call, or told at once when it
    /// stands in the first line. Text that is not UTF-8 already is put into `text`.
    fn decodable(&mut self, end: usize, first_line: u64) -> Result<usize, FileRefused> {
        let bytes = &self.raw[..end];
        let (mut good, mut failure) = (end, None);
        if let Some(nul) = memchr::memchr(0, bytes) {
            good = memchr::memrchr(b'\n', &bytes[..nul]).map_or(0, |at| at + 1);
            failure = Some(FileRefused::at(
                first_line + memchr::memchr_iter(b'\n', &bytes[..good]).count() as u64,
                "a NUL character stands in the text",
                "the file is damaged or not a text: fetch it again",
            ));
        }
        if !self.decode(good) {
            let (mut start, mut line) = (0, first_line);
            while start < good {
                let ends = memchr::memchr(b'\n', &self.raw[start..good]).map_or(good, |at| start + at + 1);
                if decode(self.encoding, &self.raw[start..ends]).is_none() {
                    break;
                }
                (start, line) = (ends, line + 1);
            }
            good = start;
            failure = Some(not_decodable(self.encoding, line));
            self.decode(good);
        }
        match failure {
            Some(failure) if good == 0 => Err(failure),
            Some(failure) => {
                self.failure = Some(failure);
                Ok(good)
            }
            None => Ok(good),
        }
    }

    /// Decodes the first bytes; false when they are not in the encoding.
    fn decode(&mut self, end: usize) -> bool {
        if self.encoding == UTF_8 {
            return simdutf8::basic::from_utf8(&self.raw[..end]).is_ok();
        }
        self.text.clear();
        let mut decoder = self.encoding.new_decoder_without_bom_handling();
        let needed = decoder
            .max_utf8_buffer_length_without_replacement(end)
            .unwrap_or(end * 4 + 16);
        self.text.reserve(needed);
        let (result, _) =
            decoder.decode_to_string_without_replacement(&self.raw[..end], &mut self.text, true);
        result == encoding_rs::DecoderResult::InputEmpty
    }
}

impl<'b> Iterator for Block<'b> {
    type Item = Record<'b>;

    #[inline]
    fn next(&mut self) -> Option<Record<'b>> {
        if self.text.is_empty() {
            return None;
        }
        let (text, behind) = split_record(self.text, self.quote);
        // A file in UTF-8 is its own text.
        let raw_len = if self.raw.len() == self.text.len() && self.raw.as_ptr() == self.text.as_ptr() {
            self.text.len() - behind.len()
        } else {
            let lines = 1 + memchr::memchr_iter(b'\n', text.as_bytes()).count();
            memchr::memchr_iter(b'\n', self.raw)
                .nth(lines - 1)
                .map_or(self.raw.len(), |at| at + 1)
        };
        let (raw, raw_behind) = self.raw.split_at(raw_len);
        let place = self.place;
        self.place.offset += raw_len as u64;
        self.place.line += 1;
        if self.quote.is_some() {
            self.place.line += memchr::memchr_iter(b'\n', text.as_bytes()).count() as u64;
        }
        (self.text, self.raw) = (behind, raw_behind);
        Some(Record {
            text: text.strip_suffix('\r').unwrap_or(text),
            raw: without_line_end(raw),
            place,
        })
    }
}

/// The text up to the line end that ends the record, and what stands behind it.
#[inline]
fn split_record(text: &str, quote: Option<u8>) -> (&str, &str) {
    let bytes = text.as_bytes();
    let Some(quote) = quote else {
        return match memchr::memchr(b'\n', bytes) {
            Some(at) => (&text[..at], &text[at + 1..]),
            None => (text, ""),
        };
    };
    let mut inside = false;
    for at in memchr::memchr2_iter(b'\n', quote, bytes) {
        if bytes[at] == quote {
            inside = !inside;
        } else if !inside {
            return (&text[..at], &text[at + 1..]);
        }
    }
    (text, "")
}

fn without_line_end(raw: &[u8]) -> &[u8] {
    let raw = raw.strip_suffix(b"\n").unwrap_or(raw);
    raw.strip_suffix(b"\r").unwrap_or(raw)
}

/// Text of some bytes, or `None` where they are not in the encoding.
pub fn decode<'b>(encoding: &'static Encoding, bytes: &'b [u8]) -> Option<std::borrow::Cow<'b, str>> {
    if encoding == UTF_8 {
        return simdutf8::basic::from_utf8(bytes).ok().map(Into::into);
    }
    encoding.decode_without_bom_handling_and_without_replacement(bytes)
}

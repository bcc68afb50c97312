//! Bytes of a file as delivered -> UTF-8 text, exactly or not at all (SPEC §4.1).
//!
//! The encoding is what the byte order mark says, else what the source's settings say, else what the file declares
//! or shows; nothing is replaced. A NUL refuses the file, and so does a piece (element, comment, line) that is longer
//! than [`PIECE_BYTES_MAX`]: memory stays bounded whatever is delivered.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::io::{self, BufRead, Read};
use std::rc::Rc;

use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE};

use super::FileRefused;

/// Longest piece of a file that is held at once.
pub const PIECE_BYTES_MAX: usize = 16 << 20;

const CHUNK_BYTES: usize = 64 << 10;

/// A refusal on its way through an `io::Error`.
#[derive(Debug)]
struct Fault(FileRefused);

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Fault {}

/// A refusal as an `io::Error`, to pass through code that reads.
pub fn as_io(refused: FileRefused) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, Fault(refused))
}

/// The refusal that a failed read stands for.
pub fn refused_by(error: &io::Error, line: u64) -> FileRefused {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Fault>()) {
        Some(Fault(refused)) => refused.clone(),
        None => FileRefused::at(
            line,
            format!("cannot be read to its end: {error}"),
            "fetch the file again and run the day again",
        ),
    }
}

/// What the first bytes of a file are: its byte order mark.
pub fn byte_order_mark(bytes: &[u8]) -> Option<(&'static Encoding, usize)> {
    Encoding::for_bom(bytes)
}

/// The first bytes of a file behind its byte order mark, and the encoding that the mark says.
pub fn behind_mark(head: &[u8]) -> (Option<&'static Encoding>, &[u8]) {
    match byte_order_mark(head) {
        Some((encoding, mark)) => (Some(encoding), &head[mark..]),
        None => (None, head),
    }
}

/// The first bytes of a file as UTF-8, where a byte order mark says that they are UTF-16; any others as they are.
pub fn head_in_utf8(head: &[u8]) -> Cow<'_, [u8]> {
    match behind_mark(head) {
        (Some(wide), text) if wide == UTF_16LE || wide == UTF_16BE => {
            // The last letter may be cut.
            let (text, _) = wide.decode_without_bom_handling(text);
            Cow::Owned(text.into_owned().into_bytes())
        }
        _ => Cow::Borrowed(head),
    }
}

/// The encoding of a label such as `gbk`.
///
/// # Errors
/// An unknown label refuses the file.
pub fn by_label(label: &str, line: u64) -> Result<&'static Encoding, FileRefused> {
    Encoding::for_label(label.trim().as_bytes()).ok_or_else(|| {
        FileRefused::at(
            line,
            format!("encoding: `{label}` is not a known name, expected one such as utf-8 or gb18030"),
            "set `encoding` of the source in book.toml to the name of the file's encoding",
        )
    })
}

/// Reads up to `bytes_max` bytes to look at; `source` then goes on behind them.
///
/// # Errors
/// When reading fails.
pub fn peek(source: &mut dyn Read, bytes_max: usize) -> Result<Vec<u8>, FileRefused> {
    let mut head = Vec::new();
    source
        .take(bytes_max as u64)
        .read_to_end(&mut head)
        .map_err(|error| refused_by(&error, 0))?;
    Ok(head)
}

/// Looks whether the bytes of a file are UTF-8 beyond ASCII, as they pass.
#[derive(Default)]
pub struct Utf8Watch {
    /// Lines before the first byte beyond ASCII.
    line_feeds: u64,
    has_letters: bool,
    /// A letter has three bytes or more.
    has_wide_letters: bool,
    is_other: bool,
    /// The beginning of a character that goes on in the next bytes.
    open: Vec<u8>,
}

impl Utf8Watch {
    fn see(&mut self, bytes: &[u8]) {
        if self.is_other || bytes.is_empty() {
            return;
        }
        if !self.has_letters {
            let ascii = bytes.iter().position(|byte| !byte.is_ascii());
            let ascii = &bytes[..ascii.unwrap_or(bytes.len())];
            self.line_feeds += memchr::memchr_iter(b'\n', ascii).count() as u64;
            self.has_letters = ascii.len() < bytes.len();
        }
        self.has_wide_letters |= self.has_letters && bytes.iter().any(|byte| *byte >= 0xe0);
        let joined;
        let mut bytes = bytes;
        if !self.open.is_empty() {
            joined = [&self.open[..], bytes].concat();
            bytes = &joined;
        }
        self.open = match std::str::from_utf8(bytes) {
            Ok(_) => Vec::new(),
            Err(error) => {
                self.is_other = error.error_len().is_some();
                bytes[error.valid_up_to()..].to_vec()
            }
        };
        if self.is_other {
            self.open = Vec::new();
        }
    }

    /// True where a letter was seen that has three bytes or more, as those of Chinese have.
    pub fn has_wide_letters(&self) -> bool {
        self.has_wide_letters
    }

    /// The line of the first letter beyond ASCII, where all that was seen is UTF-8.
    pub fn line_of_letters(&self) -> Option<u64> {
        let is_utf8 = self.has_letters && !self.is_other && self.open.is_empty();
        is_utf8.then_some(self.line_feeds + 1)
    }
}

/// Bytes that are watched as they are read.
pub struct Watched<'a>(pub Box<dyn Read + 'a>, pub Rc<RefCell<Utf8Watch>>);

impl Read for Watched<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.0.read(out)?;
        self.1.borrow_mut().see(&out[..count]);
        Ok(count)
    }
}

/// UTF-8 text of a file, counting its lines as they are consumed.
pub struct TextReader<'a> {
    source: Box<dyn Read + 'a>,
    decoder: Decoder,
    encoding: &'static Encoding,
    raw: Vec<u8>,
    raw_at: usize,
    raw_end: usize,
    source_ended: bool,
    decoder_ended: bool,
    text: Vec<u8>,
    text_at: usize,
    text_end: usize,
    /// Line feeds before `counted_to` of the text: most readers seldom ask for a line.
    line_feeds: Cell<u64>,
    counted_to: Cell<usize>,
    /// A place of the text, and its line where it is known already.
    mark_at: usize,
    marked_line: Cell<Option<u64>>,
    piece_bytes: usize,
    failure: Option<FileRefused>,
}

impl<'a> TextReader<'a> {
    /// Text of `source`, whose byte order mark is gone already, in `encoding`.
    pub fn new(source: Box<dyn Read + 'a>, encoding: &'static Encoding) -> TextReader<'a> {
        TextReader {
            source,
            decoder: encoding.new_decoder_without_bom_handling(),
            encoding,
            raw: vec![0; CHUNK_BYTES],
            raw_at: 0,
            raw_end: 0,
            source_ended: false,
            decoder_ended: false,
            text: vec![0; CHUNK_BYTES * 3 + 16],
            text_at: 0,
            text_end: 0,
            line_feeds: Cell::new(0),
            counted_to: Cell::new(0),
            mark_at: 0,
            marked_line: Cell::new(Some(1)),
            piece_bytes: 0,
            failure: None,
        }
    }

    /// 1-based line of the next byte.
    pub fn line(&self) -> u64 {
        self.marked_line();
        self.count_to(self.text_at)
    }

    /// Remembers the place of the next byte.
    pub fn mark(&mut self) {
        self.mark_at = self.text_at;
        self.marked_line.set(None);
    }

    /// 1-based line of the place that was remembered.
    pub fn marked_line(&self) -> u64 {
        match self.marked_line.get() {
            Some(line) => line,
            None => {
                let line = self.count_to(self.mark_at);
                self.marked_line.set(Some(line));
                line
            }
        }
    }

    /// Counts line feeds up to a place that is not before the one counted to last, and gives its line.
    fn count_to(&self, at: usize) -> u64 {
        let more = &self.text[self.counted_to.replace(at)..at];
        let more = memchr::memchr_iter(b'\n', more).count() as u64;
        self.line_feeds.set(self.line_feeds.get() + more);
        self.line_feeds.get() + 1
    }

    /// Says that a piece ended: the next may be [`PIECE_BYTES_MAX`] long again.
    pub fn next_piece(&mut self) {
        self.piece_bytes = 0;
    }

    fn refill(&mut self) -> io::Result<()> {
        while self.text_at == self.text_end && !self.decoder_ended {
            if let Some(failure) = self.failure.take() {
                // Asked again, it ends: the caller has its error.
                self.decoder_ended = true;
                return Err(as_io(failure));
            }
            if self.raw_at == self.raw_end && !self.source_ended {
                self.raw_at = 0;
                self.raw_end = self.source.read(&mut self.raw)?;
                self.source_ended = self.raw_end == 0;
            }
            self.marked_line();
            self.count_to(self.text_end);
            let (result, read, written) = self.decoder.decode_to_utf8_without_replacement(
                &self.raw[self.raw_at..self.raw_end],
                &mut self.text,
                self.source_ended,
            );
            self.raw_at += read;
            self.text_at = 0;
            self.counted_to.set(0);
            self.text_end = written;
            if result == DecoderResult::InputEmpty && self.source_ended {
                self.decoder_ended = true;
            }
            let nul = memchr::memchr(0, &self.text[..written]);
            let malformed = matches!(result, DecoderResult::Malformed(..));
            if malformed || nul.is_some() {
                let good = nul.unwrap_or(written);
                let feeds = memchr::memchr_iter(b'\n', &self.text[..good]).count() as u64;
                let line = self.line() + feeds;
                self.text_end = good;
                self.failure = Some(match nul {
                    Some(_) => FileRefused::at(
                        line,
                        "a NUL character stands in the text",
                        "the file is damaged or not a text: fetch it again",
                    ),
                    None => not_decodable(self.encoding, line),
                });
            }
        }
        Ok(())
    }
}

/// The refusal of bytes that are not in the encoding they should be in.
pub fn not_decodable(encoding: &'static Encoding, line: u64) -> FileRefused {
    FileRefused::at(
        line,
        format!("the bytes of this line are not {}", encoding.name()),
        "fetch the file again; if the sender writes another encoding, set `encoding` of the source in book.toml",
    )
}

/// What to do about a file that is UTF-8 and was not.
pub const SAVED_ANEW: &str = "the file was saved as UTF-8 on its way, as editors do: fetch it again and leave it as it was sent; \
     only where the sender itself writes UTF-8, say so: encoding = \"utf-8\" of the source in book.toml";

/// As [`not_decodable`], of a line whose bytes are at hand: text that was saved as UTF-8 on its way is told as that, for another
/// encoding in the settings would not make it the file that was sent.
pub fn not_decodable_line(encoding: &'static Encoding, line: u64, bytes: &[u8]) -> FileRefused {
    if bytes.is_ascii() || std::str::from_utf8(bytes).is_err() {
        return not_decodable(encoding, line);
    }
    FileRefused::at(
        line,
        format!(
            "the bytes of this line are not {}, in which the file is read: found UTF-8",
            encoding.name()
        ),
        SAVED_ANEW,
    )
}

impl Read for TextReader<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let count = available.len().min(out.len());
        out[..count].copy_from_slice(&available[..count]);
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for TextReader<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.refill()?;
        if self.piece_bytes > PIECE_BYTES_MAX {
            return Err(as_io(FileRefused::at(
                self.line(),
                format!("one element or line is longer than {PIECE_BYTES_MAX} bytes"),
                "this is no file of this format: fetch it again",
            )));
        }
        Ok(&self.text[self.text_at..self.text_end])
    }

    fn consume(&mut self, count: usize) {
        self.text_at += count;
        self.piece_bytes += count;
    }
}

/// The encoding of an XML file by its byte order mark, the settings, its shape or its declaration, and the length of
/// the mark.
///
/// # Errors
/// An unknown label, or a declaration that the bytes themselves contradict.
pub fn xml_encoding(
    head: &[u8],
    configured: Option<&str>,
) -> Result<(&'static Encoding, usize), FileRefused> {
    if let Some(marked) = byte_order_mark(head) {
        return Ok(marked);
    }
    if let Some(label) = configured {
        return Ok((by_label(label, 0)?, 0));
    }
    if head.starts_with(b"<\0") {
        return Ok((UTF_16LE, 0));
    }
    if head.starts_with(b"\0<") {
        return Ok((UTF_16BE, 0));
    }
    let Some(label) = declared_encoding(head) else {
        return Ok((UTF_8, 0));
    };
    let encoding = by_label(&label, 1)?;
    if encoding == UTF_16LE || encoding == UTF_16BE {
        return Err(FileRefused::at(
            1,
            format!("declares `{label}`, but its bytes are not UTF-16"),
            "ask the bank for a file in the encoding it declares, or set `encoding` of the source in book.toml",
        ));
    }
    Ok((encoding, 0))
}

/// The `encoding` of an XML declaration.
fn declared_encoding(head: &[u8]) -> Option<String> {
    let declaration = head.strip_prefix(b"<?xml")?;
    let end = memchr::memmem::find(declaration, b"?>")?;
    let declaration = std::str::from_utf8(&declaration[..end]).ok()?;
    let value = declaration.split_once("encoding")?.1.trim_start();
    let value = value.strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let (label, _) = value[1..].split_once(quote)?;
    Some(label.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &'static [u8], encoding: &'static Encoding) -> Result<String, FileRefused> {
        let mut reader = TextReader::new(Box::new(bytes), encoding);
        let mut text = String::new();
        match reader.read_to_string(&mut text) {
            Ok(_) => Ok(text),
            Err(error) => Err(refused_by(&error, 0)),
        }
    }

    #[test]
    fn text_is_decoded_exactly_or_refused_with_its_line() {
        assert_eq!(text(b"a\nb", UTF_8).unwrap(), "a\nb");
        assert_eq!(text(b"\xd6\xa7", encoding_rs::GB18030).unwrap(), "支");
        assert_eq!(text(b"a\nb\xff", UTF_8).unwrap_err().line, 2);
        assert_eq!(text(b"a\nb\n\xd6", encoding_rs::GB18030).unwrap_err().line, 3);
        assert_eq!(text(b"a\n\0", UTF_8).unwrap_err().line, 2);
        assert_eq!(text(b"a\0b\0", UTF_16LE).unwrap(), "ab");
    }

    #[test]
    fn letters_of_utf8_are_seen_however_the_bytes_come() {
        let check = |bytes: &[u8], expected: Option<u64>| {
            for step in 1..=bytes.len().max(1) {
                let mut watch = Utf8Watch::default();
                bytes.chunks(step).for_each(|part| watch.see(part));
                assert_eq!(watch.line_of_letters(), expected, "{bytes:?} by {step}");
            }
        };
        check("a\nb\nMüller 支\nx".as_bytes(), Some(3));
        check("ü".as_bytes(), Some(1));
        check(b"a\nb", None);
        check(b"", None);
        check(b"M\xfcller", None);
        check("Müller\nM\u{fc}ller".as_bytes(), Some(1));
        check(&["Müller\n".as_bytes(), b"M\xfcller"].concat(), None);
        check("支".as_bytes().get(..2).unwrap_or_default(), None);
    }

    #[test]
    fn the_encoding_of_xml_is_found() {
        let check = |head: &[u8], configured, expected: &str| {
            assert_eq!(xml_encoding(head, configured).unwrap().0.name(), expected);
        };
        check(b"<Document>", None, "UTF-8");
        check(
            b"<?xml version=\"1.0\" encoding=\"ISO-8859-15\"?>",
            None,
            "ISO-8859-15",
        );
        check(b"<?xml version='1.0' encoding = 'gbk' ?>", None, "GBK");
        check(
            b"<?xml version='1.0' encoding='utf-8'?>",
            Some("iso-8859-15"),
            "ISO-8859-15",
        );
        check(b"\xef\xbb\xbf<a/>", Some("gbk"), "UTF-8");
        check(b"<\0?\0", None, "UTF-16LE");
        assert!(xml_encoding(b"<?xml version='1.0' encoding='utf-16'?>", None).is_err());
        assert!(xml_encoding(b"<?xml version='1.0' encoding='ebcdic'?>", None).is_err());
    }
}

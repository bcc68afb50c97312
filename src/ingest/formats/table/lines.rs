//! A file as blocks of whole records of text, decoded exactly, with the line and byte offset of each record as delivered.
//!
//! Records in GBK are judged to be GBK and cut as they are, where the reader takes them so ([`Record::whole`] decodes one).

use std::io::Read;

use encoding_rs::{DecoderResult, Encoding, GB18030, GBK, UTF_8};

use crate::entries::rows::Place;
use crate::ingest::formats::FileRefused;
use crate::ingest::formats::decode::{PIECE_BYTES_MAX, not_decodable, not_decodable_line, refused_by};

use super::gbk;
use super::scan::{
    CLOSELY, LINE, Marks, PLACE, Places, Seen, end_of_records, open_gbk_separators, open_separators,
    separators,
};

/// Bytes that are read at a time: they and their text stay in the nearer caches.
#[cfg(not(test))]
const BLOCK_BYTES: usize = if cfg!(fuzzing) { 512 } else { 128 << 10 };

#[cfg(test)]
thread_local! {
    /// Bytes that are read at a time by a test: few, so that blocks end everywhere, unless it says otherwise.
    pub static TEST_BLOCK_BYTES: std::cell::Cell<usize> = const { std::cell::Cell::new(160) };
}

fn block_bytes() -> usize {
    #[cfg(test)]
    return TEST_BLOCK_BYTES.get();
    #[cfg(not(test))]
    BLOCK_BYTES
}

/// Fewer records than these are read one by one.
const RUN_ROWS_MIN: usize = if cfg!(any(test, fuzzing)) { 1 } else { 8 };

/// A longer block, which one long record makes, is read record by record: what is decoded of its runs is kept until it ends.
const RUN_BLOCK_BYTES_MAX: usize = 4 << 20;

/// Blocks of a file. The encoding is one in which a line feed is always a line feed (not UTF-16).
pub struct Blocks<'a> {
    source: Box<dyn Read + 'a>,
    encoding: &'static Encoding,
    marks: Marks,
    /// Records in GBK are given as they are.
    in_place: bool,
    raw: Vec<u8>,
    /// End of the block handed out before.
    taken: usize,
    filled: usize,
    ended: bool,
    /// Where a text is put that is not what was delivered.
    text: Vec<u8>,
    /// Separators of the text.
    places: Places,
    lines_read: u64,
    bytes_read: u64,
    /// Found behind lines that are good: told when they are read.
    failure: Option<FileRefused>,
}

/// Whole records, as delivered and as text.
#[derive(Clone)]
pub struct Block<'b> {
    /// The text; in GBK, and then nothing is `text`, where `in_gbk`.
    bytes: &'b [u8],
    text: &'b str,
    in_gbk: bool,
    /// What is left as delivered; nothing where the text is what was delivered.
    raw: Option<&'b [u8]>,
    /// What stands before the separators that are left, and these.
    places: &'b [u32],
    /// How many of these are line ends.
    lines: usize,
    /// So many separators each record from here on was asked to have, and whether all have them.
    even: Option<(usize, bool)>,
    /// Start of the next record in the text.
    start: usize,
    /// Delimiters of the record before.
    count: usize,
    /// What stands somewhere in the block.
    seen: Seen,
    /// Line and offset of the next record.
    place: Place,
    /// It is the last record of the file, and no line end stands behind it as behind those before it.
    is_open: bool,
}

/// What the records of a block are made of.
enum Content<'b> {
    /// Text.
    Text(&'b str),
    /// What is in GBK, and was not decoded.
    Gbk(&'b [u8]),
}

impl<'b> Block<'b> {
    fn new(
        content: Content<'b>,
        raw: Option<&'b [u8]>,
        places: &'b Places,
        seen: Seen,
        place: Place,
    ) -> Block<'b> {
        let (bytes, text, in_gbk) = match content {
            Content::Text(text) => (text.as_bytes(), text, false),
            Content::Gbk(bytes) => (bytes, "", true),
        };
        Block {
            bytes,
            text,
            in_gbk,
            raw,
            places: places.with_before(),
            lines: places.lines(),
            even: None,
            start: 0,
            count: 0,
            seen,
            place,
            is_open: false,
        }
    }

    /// True of the last record of a file, where no line end stands behind it as behind those before it.
    pub fn is_open(&self) -> bool {
        self.is_open
    }
}

/// A record: a line, or several where a quoted field goes over line ends.
#[derive(Clone, Copy)]
pub struct Record<'b> {
    /// Without its line end; in GBK where `in_gbk`.
    pub bytes: &'b [u8],
    /// As above, but nothing where `in_gbk`.
    pub text: &'b str,
    /// The record was not decoded, but every character of it is one of GBK.
    pub in_gbk: bool,
    /// As delivered, without its line end.
    pub raw: &'b [u8],
    /// Where it stands.
    pub place: Place,
    /// Its delimiters outside quotes, in the block, and where it begins there.
    pub delimiters: &'b [u32],
    /// As above.
    pub start: u32,
    /// What quotes may stand in it.
    pub quotes: Quotes,
}

/// Which quotes stand in a text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Quotes {
    /// None.
    None,
    /// Those at both ends of cells.
    Neat,
    /// Any.
    Any,
}

impl<'a> Blocks<'a> {
    /// Blocks of `source`, of which `bytes_before` bytes (a byte order mark) are gone already. With `in_place` records of
    /// GBK are given as they are, if nothing else stands beside them.
    pub fn new(
        source: Box<dyn Read + 'a>,
        encoding: &'static Encoding,
        bytes_before: usize,
        marks: Marks,
        in_place: bool,
    ) -> Blocks<'a> {
        Blocks {
            source,
            encoding,
            marks,
            in_place: in_place && is_gbk(encoding),
            raw: Vec::new(),
            taken: 0,
            filled: 0,
            ended: false,
            text: Vec::new(),
            places: Places::default(),
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
        let (end, scanned) = loop {
            match self.whole_records() {
                Some(found) => break found,
                None if self.ended => break (self.filled, None),
                None => self.fill()?,
            }
        };
        if end == 0 {
            return Ok(None);
        }
        if self.ended && end == self.filled && self.marks.quote.is_some() {
            self.check_quotes_close(end)?;
        }
        let place = Place {
            line: self.lines_read + 1,
            offset: self.bytes_read,
        };
        self.taken = end;
        self.bytes_read += end as u64;
        let mut raw = &self.raw[..end];
        let content = match scanned {
            Some(_) if self.in_place => Some(Content::Gbk(raw)),
            Some(_) => simdutf8::basic::from_utf8(raw).ok().map(Content::Text),
            None => None,
        };
        if let (Some(content), Some(seen)) = (content, scanned) {
            self.lines_read += seen.line_feeds;
            return Ok(Some(Block::new(content, None, &self.places, seen, place)));
        }
        let mut failure = None;
        let mut read = decoded(self.encoding, raw, &mut self.text);
        if read.is_err() {
            let (good, line) = good_lines(self.encoding, raw, place.line);
            let bad = raw[good..].split(|byte| *byte == b'\n').next();
            failure = Some(not_decodable_line(self.encoding, line, bad.unwrap_or_default()));
            raw = &raw[..good];
            read = decoded(self.encoding, raw, &mut self.text);
        }
        let refused = || not_decodable(self.encoding, place.line);
        let (mut text, raw) = match read {
            Ok(Decoded::AsDelivered(text)) => (text, None),
            Ok(Decoded::InRoom(length)) => {
                let text = simdutf8::basic::from_utf8(&self.text[..length]).map_err(|_| refused())?;
                (text, Some(raw))
            }
            Err(()) => return Err(refused()),
        };
        let mut seen = separators(text.as_bytes(), self.marks, &mut self.places);
        self.lines_read += seen.line_feeds;
        if seen.nul {
            let nul = memchr::memchr(0, text.as_bytes()).unwrap_or(0);
            text = &text[..memchr::memrchr(b'\n', &text.as_bytes()[..nul]).map_or(0, |at| at + 1)];
            seen = separators(text.as_bytes(), self.marks, &mut self.places);
            failure = Some(FileRefused::at(
                place.line + seen.line_feeds,
                "a NUL character stands in the text",
                "the file is damaged or not a text: fetch it again",
            ));
        }
        match failure {
            Some(failure) if text.is_empty() => return Err(failure),
            Some(failure) => self.failure = Some(failure),
            None => {}
        }
        let content = Content::Text(text);
        // What has no line end is given by itself, behind all whole records.
        let is_open = place.line > 1 && self.failure.is_none() && !text.ends_with('\n');
        Ok(Some(Block {
            is_open,
            ..Block::new(content, raw, &self.places, seen, place)
        }))
    }

    /// Where the last whole record ends, and what stands in the records where they need not be decoded to find their
    /// separators; `None` where none is whole.
    fn whole_records(&mut self) -> Option<(usize, Option<Seen>)> {
        let raw = &self.raw[..self.filled];
        let (marks, places) = (self.marks, &mut self.places);
        let scanned = if self.in_place {
            open_gbk_separators(raw, marks, places)
        } else {
            (self.encoding == UTF_8).then(|| open_separators(raw, marks, places))
        };
        match scanned {
            Some((mut seen, _)) if !seen.nul => {
                let end = places.end_with_a_line()?;
                seen.line_feeds -= memchr::memchr_iter(b'\n', &raw[end..]).count() as u64;
                Some((end, Some(seen)))
            }
            _ => end_of_records(raw, marks).map(|end| (end, None)),
        }
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
        let wanted = self.filled + block_bytes().max(self.filled);
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
        let Some(quote) = self.marks.quote else {
            return Ok(());
        };
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
}

fn is_gbk(encoding: &'static Encoding) -> bool {
    encoding == GBK || encoding == GB18030
}

/// Where the text of some bytes is.
enum Decoded<'b> {
    /// The bytes are it.
    AsDelivered(&'b str),
    /// So many bytes of the room.
    InRoom(usize),
}

/// The text of some bytes, put into `room` unless they are it themselves; an error where they are not in the encoding.
fn decoded<'b>(encoding: &'static Encoding, bytes: &'b [u8], room: &mut Vec<u8>) -> Result<Decoded<'b>, ()> {
    if encoding == UTF_8 {
        let text = simdutf8::basic::from_utf8(bytes);
        return text.map(Decoded::AsDelivered).map_err(|_| ());
    }
    if is_gbk(encoding) {
        let length = gbk::decode(bytes, room, 0);
        if let Some(length) = length {
            return Ok(Decoded::InRoom(length));
        }
    }
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let needed = decoder
        .max_utf8_buffer_length_without_replacement(bytes.len())
        .unwrap_or(bytes.len() * 4 + 16);
    room.resize(needed, 0);
    match decoder.decode_to_utf8_without_replacement(bytes, room, true) {
        (DecoderResult::InputEmpty, _, length) => Ok(Decoded::InRoom(length)),
        _ => Err(()),
    }
}

/// The bytes of the lines before the first that is not in the encoding, and the number of that line.
#[cold]
fn good_lines(encoding: &'static Encoding, bytes: &[u8], first_line: u64) -> (usize, u64) {
    let (mut start, mut line) = (0, first_line);
    while start < bytes.len() {
        let ends = memchr::memchr(b'\n', &bytes[start..]).map_or(bytes.len(), |at| start + at + 1);
        if decode(encoding, &bytes[start..ends]).is_none() {
            break;
        }
        (start, line) = (ends, line + 1);
    }
    (start, line)
}

/// Records of a block that follow on each other and have equally many cells each, a line each.
pub struct Run<'b> {
    /// The block, from the first of them on.
    block: Block<'b>,
    /// Their separators, as many for each, the last of which ends its line; before them what stands before the first.
    places: &'b [u32],
    separators: usize,
    /// How many they are.
    pub rows: usize,
    /// A return stands before some line end.
    returns: bool,
}

impl<'b> Run<'b> {
    /// The bytes that [`RunColumn::span`] is of.
    #[inline(always)]
    pub fn bytes(&self) -> &'b [u8] {
        self.block.bytes
    }

    /// They are in GBK and were not decoded.
    #[inline(always)]
    pub fn in_gbk(&self) -> bool {
        self.block.in_gbk
    }

    /// One column of them.
    #[inline(always)]
    pub fn column(&self, column: usize) -> RunColumn<'b> {
        RunColumn {
            bytes: self.block.bytes,
            places: self.places.get(column..).unwrap_or_default(),
            separators: self.separators,
            // Nothing but a last cell can end so.
            returns: self.returns && column + 1 == self.separators,
        }
    }

    /// Where a row begins.
    #[inline(always)]
    pub fn start(&self, row: usize) -> usize {
        let before = self.places.get(row.wrapping_mul(self.separators));
        before.map_or(0, |before| behind(*before))
    }

    /// Where a row stands in the file.
    #[inline(always)]
    pub fn place(&self, row: usize) -> Place {
        let Place { line, offset } = self.block.place;
        let bytes_before = self.start(row).wrapping_sub(self.block.start);
        Place {
            line: line.wrapping_add(row as u64),
            offset: offset.wrapping_add(bytes_before as u64),
        }
    }

    /// A row by itself.
    pub fn record(&self, row: usize) -> Record<'b> {
        let separators = &self.places[row * self.separators + 1..][..self.separators];
        let start = self.start(row);
        let (end, delimiters) = match separators.split_last() {
            Some((end, delimiters)) => ((end & PLACE) as usize, delimiters),
            None => (start, separators),
        };
        self.block.record_at(start, end, delimiters, self.place(row))
    }
}

/// Where the cells of a column stand. Small, and copied, so that a loop over its rows need not look its parts up again.
#[derive(Clone, Copy)]
pub struct RunColumn<'b> {
    /// The bytes of the block.
    pub bytes: &'b [u8],
    /// Separators from the one before its first cell on.
    places: &'b [u32],
    separators: usize,
    /// A return may stand at the end of its cells.
    returns: bool,
}

impl RunColumn<'_> {
    /// Where the cell of a row stands, as it was delivered, and whether it may not be its own text.
    #[inline(always)]
    pub fn span(&self, row: usize) -> (usize, usize, bool) {
        let Some([before, end, ..]) = self.places.get(row.wrapping_mul(self.separators)..) else {
            return (0, 0, true);
        };
        let closely = end & CLOSELY != 0;
        let (start, end) = (behind(*before), (end & PLACE) as usize);
        if self.returns && end > start && self.bytes.get(end - 1) == Some(&b'\r') {
            return (start, end - 1, closely);
        }
        (start, end, closely)
    }
}

/// Where the byte behind a separator stands.
#[inline(always)]
fn behind(place: u32) -> usize {
    (place.wrapping_add(1) & PLACE) as usize
}

impl<'b> Block<'b> {
    /// Takes the next records that have so many delimiters each, up to so many of them. `None` where they are few or others, or where
    /// a record must be looked at by itself to see where it ends or what its cells are.
    pub fn run(&mut self, delimiters: usize, rows_max: usize) -> Option<Run<'b>> {
        let is_long = self.bytes.len() > RUN_BLOCK_BYTES_MAX;
        if is_long || self.seen.lines_in_quotes || self.seen.loose_quotes || self.raw.is_some() {
            return None;
        }
        let separators = delimiters + 1;
        let rows = match self.is_even(separators) {
            true => self.lines.min(rows_max),
            false => self.rows_of(separators, rows_max),
        };
        if rows < RUN_ROWS_MIN {
            return None;
        }
        let places = &self.places[..rows * separators + 1];
        let ends = || places[separators..].iter().step_by(separators);
        let is_behind_return = |end: &u32| {
            let before = (end & PLACE).checked_sub(1);
            before.is_some_and(|at| self.bytes.get(at as usize) == Some(&b'\r'))
        };
        let run = Run {
            block: self.clone(),
            places,
            separators,
            rows,
            returns: self.seen.returns && ends().any(is_behind_return),
        };
        let end = ends().next_back().map_or(0, |end| (end & PLACE) as usize);
        let start = (end + 1).min(self.bytes.len());
        self.place.offset += (start - self.start) as u64;
        self.place.line += rows as u64;
        self.places = &self.places[rows * separators..];
        self.lines -= rows;
        self.start = start;
        Some(run)
    }

    /// True where each record from here on has so many separators, the last of which ends its line: so nearly all blocks have
    /// it, and then it is asked once, and not of each cell of each row.
    #[inline]
    fn is_even(&mut self, separators: usize) -> bool {
        match self.even {
            Some((asked, is_even)) if asked == separators => is_even,
            _ => {
                let places = &self.places[1..];
                let mut ends = places.iter().skip(separators - 1).step_by(separators);
                // As many line ends as there are records, and each where it must be: there are no others.
                let is_even = self.lines.checked_mul(separators) == Some(places.len())
                    && ends.all(|end| end & LINE != 0);
                self.even = Some((separators, is_even));
                is_even
            }
        }
    }

    /// How many of the next records have so many separators, up to so many of them.
    fn rows_of(&self, separators: usize, rows_max: usize) -> usize {
        let has_as_many = |row: &&[u32]| match row.split_last() {
            Some((end, cells)) => end & LINE != 0 && cells.iter().fold(0, |all, at| all | at) & LINE == 0,
            None => false,
        };
        let rows = self.places[1..].chunks_exact(separators).take(rows_max);
        rows.take_while(has_as_many).count()
    }

    /// The record from `start` to `end`, of which a return before its line end is no part.
    #[inline(always)]
    fn record_at(&self, start: usize, end: usize, delimiters: &'b [u32], place: Place) -> Record<'b> {
        let bytes = &self.bytes[start..end];
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        Record {
            bytes,
            text: if self.in_gbk {
                ""
            } else {
                &self.text[start..start + bytes.len()]
            },
            in_gbk: self.in_gbk,
            raw: bytes,
            place,
            delimiters,
            start: start as u32,
            quotes: match (self.seen.quotes, self.seen.loose_quotes) {
                (false, _) => Quotes::None,
                (true, false) => Quotes::Neat,
                (true, true) => Quotes::Any,
            },
        }
    }
}

impl<'b> Iterator for Block<'b> {
    type Item = Record<'b>;

    #[inline]
    fn next(&mut self) -> Option<Record<'b>> {
        // Nearly all records have as many cells as the one before.
        let left = self.places.get(1..)?;
        let count = match left.split_at_checked(self.count) {
            Some((cells, [end, ..]))
                if end & LINE != 0 && cells.iter().fold(0, |all, at| all | at) & LINE == 0 =>
            {
                self.count
            }
            _ => left.iter().position(|place| place & LINE != 0)?,
        };
        self.count = count;
        let (delimiters, behind) = left.split_at(count);
        let (start, end) = (self.start, (behind[0] & PLACE) as usize);
        let bytes = &self.bytes[start..end];
        // The last line may have no line end.
        let length = (end + 1).min(self.bytes.len()) - start;
        let place = self.place;
        let lines_inside = if self.seen.lines_in_quotes {
            memchr::memchr_iter(b'\n', bytes).count()
        } else {
            0
        };
        let (raw, raw_length) = match self.raw {
            None => (None, length),
            Some(raw) => {
                let mut ends = memchr::memchr_iter(b'\n', raw);
                let length = ends.nth(lines_inside).map_or(raw.len(), |at| at + 1);
                let (raw, behind) = raw.split_at(length);
                self.raw = Some(behind);
                (Some(without_line_end(raw)), length)
            }
        };
        self.place.offset += raw_length as u64;
        self.place.line += 1 + lines_inside as u64;
        self.places = behind;
        self.lines -= 1;
        self.start = start + length;
        let record = self.record_at(start, end, delimiters, place);
        Some(Record {
            raw: raw.unwrap_or(record.raw),
            ..record
        })
    }
}

/// Room for a record that is decoded by itself.
#[derive(Default)]
pub struct Room {
    text: Vec<u8>,
    places: Places,
}

impl Record<'_> {
    /// This record, which is in GBK, as text.
    pub fn whole<'w>(&'w self, marks: Marks, room: &'w mut Room) -> Record<'w> {
        let length = gbk::decode(self.bytes, &mut room.text, 0).unwrap_or(0);
        // It is known to be GBK, and the table holds UTF-8 alone.
        let text = std::str::from_utf8(&room.text[..length]).unwrap_or_default();
        let seen = separators(text.as_bytes(), marks, &mut room.places);
        let delimiters = match room.places.all() {
            [delimiters @ .., end] if end & LINE != 0 => delimiters,
            all => all,
        };
        Record {
            bytes: text.as_bytes(),
            text,
            in_gbk: false,
            raw: self.raw,
            place: self.place,
            delimiters,
            start: 0,
            quotes: if seen.quotes { Quotes::Any } else { Quotes::None },
        }
    }
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

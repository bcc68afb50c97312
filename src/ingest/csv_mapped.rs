//! Cuts a large text that lies on disk as it is into blocks of whole records, without copying it (stage 1).
//!
//! As [`crate::ingest::csv_blocks`], for plain UTF-8 files: blocks are stretches of the file, and its SHA-256 is taken beside
//! ([`crate::ingest::digests`]). Where the blocks are cut depends on the bytes alone.

use std::fs::File;
use std::io;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

use encoding_rs::Encoding;

use crate::ingest::csv_blocks::{
    BLOCK_BYTES, BlockError, BlockHead, RECORD_BYTES_MAX, TextFacts, count, first_record_end,
    last_record_end, too_long,
};
use crate::ingest::digests::{Digests, Lane};
use crate::ingest::mapped::Stretch;

/// Bytes in which the header is looked for first.
const HEADER_BYTES: usize = 64 << 10;

/// Hands out the blocks of one file.
pub struct MappedReader {
    file: Arc<File>,
    bytes: u64,
    header: Vec<u8>,
    block_bytes: usize,
    cursor: Mutex<Cursor>,
    digests: Arc<Digests>,
    lane: Lane,
}

#[derive(Clone, Copy)]
struct Cursor {
    at: u64,
    line: u64,
    sequence: u32,
    failed: bool,
}

/// The bytes of a block: whole records, the last ended by a line feed.
pub enum MappedBlock {
    /// As they lie in the file, up to a length.
    Mapped(Stretch, usize),
    /// The end of a file whose last line is not ended.
    Ended(Vec<u8>),
}

impl Deref for MappedBlock {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            MappedBlock::Mapped(stretch, length) => &stretch[..*length],
            MappedBlock::Ended(bytes) => bytes,
        }
    }
}

impl MappedReader {
    /// Begins to read a file of `bytes` bytes. `None` for one that must be read as a stream: it is empty, marked as another encoding
    /// than UTF-8, or cannot be mapped where it lies.
    ///
    /// # Errors
    /// A first record without end.
    pub fn new(file: File, bytes: u64, digests: &Arc<Digests>) -> Result<Option<MappedReader>, BlockError> {
        MappedReader::with_block_bytes(file, bytes, digests, BLOCK_BYTES)
    }

    /// As [`MappedReader::new`], with blocks of another size.
    ///
    /// # Errors
    /// As [`MappedReader::new`].
    pub fn with_block_bytes(
        file: File,
        bytes: u64,
        digests: &Arc<Digests>,
        block_bytes: usize,
    ) -> Result<Option<MappedReader>, BlockError> {
        let mut wanted = HEADER_BYTES;
        if bytes == 0 {
            return Ok(None);
        }
        let (mark, header) = loop {
            let length = bytes.min(wanted as u64) as usize;
            let Ok(stretch) = Stretch::of(&file, 0, length) else {
                return Ok(None);
            };
            let mark = match Encoding::for_bom(&stretch) {
                None => 0,
                Some((encoding, mark)) if encoding == encoding_rs::UTF_8 => mark,
                Some(_) => return Ok(None),
            };
            let text = &stretch[mark..];
            match first_record_end(text) {
                Some(end) => break (mark, text[..end].to_vec()),
                None if length as u64 == bytes => break (mark, text.to_vec()),
                None if length > RECORD_BYTES_MAX => return Err(too_long(1)),
                None => wanted *= 4,
            }
        };
        let mut cursor = Cursor {
            at: (mark + header.len()) as u64,
            line: 1,
            sequence: 0,
            failed: false,
        };
        let mut header = header;
        if !header.is_empty() && !header.ends_with(b"\n") {
            header.push(b'\n');
        }
        cursor.line += count(&header).line_feeds;
        let file = Arc::new(file);
        let lane = digests.add(Arc::clone(&file), bytes)?;
        Ok(Some(MappedReader {
            file,
            bytes,
            header,
            block_bytes: block_bytes.max(1),
            cursor: Mutex::new(cursor),
            digests: Arc::clone(digests),
            lane,
        }))
    }

    /// The first record, ended by a line feed; empty when the file holds nothing but a mark.
    pub fn header(&self) -> &[u8] {
        &self.header
    }

    /// The next whole records. `None` at the end.
    ///
    /// # Errors
    /// A record above [`RECORD_BYTES_MAX`], or a file that cannot be mapped any more. After an error no block follows.
    pub fn next_block(&self) -> Result<Option<(BlockHead, MappedBlock)>, BlockError> {
        let mut cursor = self.cursor.lock().unwrap_or_else(PoisonError::into_inner);
        if cursor.failed || cursor.at == self.bytes {
            return Ok(None);
        }
        let block = self.cut(&mut cursor);
        cursor.failed = block.is_err();
        let upto = cursor.at;
        drop(cursor);
        self.digests.keep_up(self.lane, upto)?;
        block.map(Some)
    }

    fn cut(&self, cursor: &mut Cursor) -> Result<(BlockHead, MappedBlock), BlockError> {
        let left = self.bytes - cursor.at;
        let mut wanted = self.block_bytes;
        let (stretch, length, line_feeds) = loop {
            let length = left.min(wanted as u64) as usize;
            let stretch = Stretch::of(&self.file, cursor.at, length)?;
            let counted = count(&stretch);
            if length as u64 == left {
                break (stretch, length, counted.line_feeds);
            }
            if let Some(cut) = last_record_end(&stretch, counted.quotes % 2 == 1) {
                let behind = count(&stretch[cut..]).line_feeds;
                break (stretch, cut, counted.line_feeds - behind);
            }
            if length > RECORD_BYTES_MAX {
                return Err(too_long(cursor.line));
            }
            wanted = length * 2;
        };
        let head = BlockHead {
            sequence: cursor.sequence,
            first_line: cursor.line,
            byte_offset: cursor.at,
            last: length as u64 == left,
        };
        cursor.sequence += 1;
        cursor.at += length as u64;
        cursor.line += line_feeds;
        if stretch[..length].ends_with(b"\n") {
            return Ok((head, MappedBlock::Mapped(stretch, length)));
        }
        cursor.line += 1;
        Ok((head, MappedBlock::Ended([&stretch[..length], b"\n"].concat())))
    }

    /// Hash and size, once [`MappedReader::next_block`] has given `None`; before, and after an error, `None`.
    ///
    /// # Errors
    /// The file cannot be mapped any more.
    pub fn finish(&self) -> io::Result<Option<TextFacts>> {
        let cursor = *self.cursor.lock().unwrap_or_else(PoisonError::into_inner);
        if cursor.failed || cursor.at != self.bytes {
            return Ok(None);
        }
        Ok(Some(TextFacts {
            sha256: self.digests.finish(self.lane)?,
            bytes: self.bytes,
            lines: cursor.line - 1,
        }))
    }
}

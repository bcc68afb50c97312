//! Cuts one large text into blocks of whole records, so that several threads can parse it (stage 1).
//!
//! Bytes are read (or looked at where a plain file lies: [`crate::ingest::leased`]), hashed and cut under one lock; parsing happens outside it. Two files of a [`Group`] are read at a time,
//! because two hashes side by side cost little more than one ([`crate::terms::sha256_pair`]); the second file's block waits
//! for whoever wants it, and a file's next blocks are made while its last ones are parsed. A block ends at a line end outside quotes, found by counting quotes. The hash is of the content
//! as unpacked, before any decoding. Where the blocks are cut depends on the bytes alone, never on threads. Text is UTF-8; GB18030 and others when the source declares them;
//! UTF-16 when declared or when the file begins with its mark. A byte-order mark is passed over and goes before a
//! declaration.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::ops::{Deref, Range};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};

use encoding_rs::{Decoder, DecoderResult, Encoding};

use crate::ingest::formats::FileRefused;
use crate::ingest::leased::{Leased, Window};
use crate::terms::digest::hex;
use crate::terms::sha256_pair::Running;

/// Bytes a block is filled to, unless one record is longer.
pub const BLOCK_BYTES: usize = 2 << 20;

/// Longest record. A longer one is nearly always a quote that was never closed.
pub const RECORD_BYTES_MAX: usize = 64 << 20;

/// Bytes read, hashed and counted at a time: they stay in the near caches.
const STEP_BYTES: usize = 128 << 10;

/// Where a block stands in its file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BlockHead {
    /// Number of the block, from 0.
    pub sequence: u32,
    /// Physical line of its first record, 1-based.
    pub first_line: u64,
    /// Byte offset of its first record in the text (unpacked, and decoded where it was not UTF-8).
    pub byte_offset: u64,
    /// True for the block that ends the file.
    pub last: bool,
}

impl Default for BlockHead {
    fn default() -> BlockHead {
        BlockHead {
            sequence: 0,
            first_line: 1,
            byte_offset: 0,
            last: false,
        }
    }
}

/// Why no block came.
#[derive(Debug)]
pub enum BlockError {
    /// The file is refused: its encoding, or a record without end.
    Refused(FileRefused),
    /// Reading failed; `InvalidData` says that an archive or compressed file is damaged.
    Io(io::Error),
}

impl From<io::Error> for BlockError {
    fn from(error: io::Error) -> BlockError {
        BlockError::Io(error)
    }
}

/// What is known once a file was read to its end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TextFacts {
    /// SHA-256 of the unpacked content, lower-case hex.
    pub sha256: String,
    /// Bytes of the unpacked content.
    pub bytes: u64,
    /// Physical lines of the text, the header included.
    pub lines: u64,
}

/// Blocks of a file that are made before anybody wants them, so that a thread hardly ever waits for another to hash.
const WAITING_WANTED: usize = 2;

/// Blocks of a file that may wait for whoever wants them: those of the other file of its pair come with each of its own.
const WAITING_MAX: usize = 3;

/// Files that are read at the same time.
#[derive(Default)]
pub struct Group {
    /// A text that nobody reads any more is let go, with its file.
    texts: Mutex<Vec<Weak<Text>>>,
}

/// Hands out the blocks of one text.
pub struct BlockReader {
    header: Vec<u8>,
    text: Arc<Text>,
    group: Option<Arc<Group>>,
}

struct Text {
    inner: Mutex<Inner>,
    waiting: Mutex<Waiting>,
    /// Told when a maker is done.
    made: Condvar,
}

/// The bytes of a block, or as many of them as are there: copied, or where they lie in a file.
pub struct BlockBytes(Held);

enum Held {
    Copied(Vec<u8>),
    /// The first bytes of a stretch of the file.
    Mapped(Window, usize),
}

impl Default for BlockBytes {
    fn default() -> BlockBytes {
        BlockBytes(Held::Copied(Vec::new()))
    }
}

impl Deref for BlockBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Held::Copied(bytes) => bytes,
            Held::Mapped(window, len) => &window[..*len],
        }
    }
}

/// Blocks that are cut and not handed out, and buffers to be used again.
#[derive(Default)]
struct Waiting {
    blocks: VecDeque<Result<Block, BlockError>>,
    spare: Vec<Vec<u8>>,
    /// True while some thread makes blocks.
    has_maker: bool,
}

/// The one thread that makes the next block of a text.
struct Maker(Arc<Text>);

impl Maker {
    /// `None` where there is one, or where `most` blocks wait.
    fn of(text: &Arc<Text>, most: usize) -> Option<Maker> {
        let mut waiting = lock(&text.waiting);
        let may_be = !waiting.has_maker && waiting.blocks.len() < most;
        waiting.has_maker |= may_be;
        may_be.then(|| Maker(Arc::clone(text)))
    }
}

impl Drop for Maker {
    fn drop(&mut self) {
        lock(&self.0.waiting).has_maker = false;
        self.0.made.notify_all();
    }
}

/// Who makes the next block of a text, and of another one side by side.
struct Makers {
    mine: Maker,
    other: Option<Maker>,
}

impl Makers {
    fn make(self) {
        let mine = &*self.mine.0;
        let mut inner = lock(&mine.inner);
        let mut filling = inner.begin(mine);
        if let Some(Maker(other)) = &self.other {
            let mut other_inner = lock(&other.inner);
            let mut others = other_inner.begin(other);
            while inner.wants(&filling) && other_inner.wants(&others) {
                Inner::step_both((&mut inner, &mut filling), (&mut other_inner, &mut others));
            }
            // What one of them still lacks is little.
            let block = other_inner.fill_and_cut(others);
            lock(&other.waiting).blocks.extend(block);
        }
        let block = inner.fill_and_cut(filling);
        lock(&mine.waiting).blocks.extend(block);
    }
}

struct Block {
    head: BlockHead,
    bytes: BlockBytes,
}

struct Inner {
    source: TextSource,
    /// The file, where its bytes are taken where they lie.
    leased: Option<Leased>,
    block_bytes: usize,
    /// Text after the last block, of a text that is copied: the beginning of the next.
    carry: Vec<u8>,
    ended: bool,
    sequence: u32,
    line: u64,
    offset: u64,
    failed: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A thread that panicked elsewhere leaves the text itself consistent or marked failed by its caller.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl BlockReader {
    /// Begins to read a text: its header record is read at once. `encoding` is the source's declaration.
    ///
    /// # Errors
    /// As [`BlockReader::next_block`]; also an encoding that is not known.
    pub fn new(reader: Box<dyn Read + Send>, encoding: Option<&str>) -> Result<BlockReader, BlockError> {
        BlockReader::with_block_bytes(reader, encoding, BLOCK_BYTES)
    }

    /// As [`BlockReader::new`], with blocks of another size.
    ///
    /// # Errors
    /// As [`BlockReader::new`].
    pub fn with_block_bytes(
        reader: Box<dyn Read + Send>,
        encoding: Option<&str>,
        block_bytes: usize,
    ) -> Result<BlockReader, BlockError> {
        let source = TextSource::new(reader, encoding)?;
        let mut inner = Inner {
            offset: source.mark_bytes,
            source,
            leased: None,
            block_bytes: block_bytes.max(1),
            carry: Vec::new(),
            ended: false,
            sequence: 0,
            line: 1,
            failed: false,
        };
        let header = inner.first_record()?;
        let text = Text {
            inner: Mutex::new(inner),
            waiting: Mutex::default(),
            made: Condvar::new(),
        };
        Ok(BlockReader {
            header,
            text: Arc::new(text),
            group: None,
        })
    }

    /// Reads the text together with the others of a group.
    #[must_use]
    pub fn within(mut self, group: &Arc<Group>) -> BlockReader {
        lock(&group.texts).push(Arc::downgrade(&self.text));
        self.group = Some(Arc::clone(group));
        self
    }

    /// Takes what follows on the header from where it lies in the file: the one that the reader began to read after the lease
    /// was taken.
    #[must_use]
    pub fn lying_in(self, leased: Leased) -> BlockReader {
        {
            let mut inner = lock(&self.text.inner);
            let has_more = inner.source.raw.bytes < leased.bytes();
            if inner.source.decoder.is_none() && !inner.ended && has_more {
                // What was read behind the header is hashed already, and looked at again in the file.
                inner.carry = Vec::new();
                inner.leased = Some(leased);
            }
        }
        self
    }

    /// The first record, ended by a line feed; empty when the file is.
    pub fn header(&self) -> &[u8] {
        &self.header
    }

    /// True when the text is the content byte for byte, so that rows can be fetched from a plain file by position.
    pub fn is_undecoded(&self) -> bool {
        lock(&self.text.inner).source.decoder.is_none()
    }

    /// Puts the next whole records into `buffer`, the last ended by a line feed. `None` at the end.
    ///
    /// # Errors
    /// A text that does not decode, a record above [`RECORD_BYTES_MAX`], or a failed read. After an error
    /// no block follows.
    pub fn next_block(&self, buffer: &mut BlockBytes) -> Result<Option<BlockHead>, BlockError> {
        loop {
            if let Some(block) = self.text.take(buffer) {
                self.make_ahead();
                return block.map(Some);
            }
            let Some(makers) = self.makers(1) else {
                self.text.wait_for_maker();
                continue;
            };
            if lock(&self.text.inner).has_more() {
                makers.make();
                continue;
            }
            // The last may have been made before this thread became the maker; nobody makes any now.
            return self.text.take(buffer).transpose();
        }
    }

    /// Makes the next block while nobody needs it yet, so that nobody waits for it.
    fn make_ahead(&self) {
        if self.group.is_none() {
            return;
        }
        if let Some(makers) = self.makers(WAITING_WANTED) {
            let has_more = lock(&self.text.inner).has_more();
            if has_more {
                makers.make();
            }
        }
    }

    /// Becomes the maker of this text's next block, and of one of another text of the group where one is free. `None` where
    /// somebody else is, or `most` blocks wait.
    fn makers(&self, most: usize) -> Option<Makers> {
        // Pairs are found one thread at a time: two threads with half a pair each would hash one text at a time.
        let mut texts = self.group.as_ref().map(|group| lock(&group.texts));
        let mine = Maker::of(&self.text, most)?;
        let texts = texts.as_mut().map(|texts| {
            texts.retain(|text| text.strong_count() > 0);
            texts.iter().filter_map(Weak::upgrade)
        });
        let other = texts.into_iter().flatten().find_map(|other| {
            let is_other = !Arc::ptr_eq(&other, &self.text);
            let maker = is_other.then(|| Maker::of(&other, WAITING_MAX)).flatten()?;
            let alike = lock(&self.text.inner).is_alike(&lock(&other.inner));
            alike.then_some(maker)
        });
        Some(Makers { mine, other })
    }

    /// Hash and size, once [`BlockReader::next_block`] has given `None`; before, `None`.
    pub fn finish(&self) -> Option<TextFacts> {
        let inner = lock(&self.text.inner);
        if inner.has_more() || inner.failed || !lock(&self.text.waiting).blocks.is_empty() {
            return None;
        }
        Some(TextFacts {
            sha256: hex(&inner.source.raw.digest()),
            bytes: inner.source.raw.bytes,
            lines: inner.line - 1,
        })
    }
}

impl Text {
    /// Waits until a block is there, or nobody makes one.
    fn wait_for_maker(&self) {
        let waiting = lock(&self.waiting);
        let in_vain = |waiting: &mut Waiting| waiting.has_maker && waiting.blocks.is_empty();
        drop(
            self.made
                .wait_while(waiting, in_vain)
                .unwrap_or_else(PoisonError::into_inner),
        );
    }

    /// A block that waits, put into `buffer`, whose memory waits for the next.
    fn take(&self, buffer: &mut BlockBytes) -> Option<Result<BlockHead, BlockError>> {
        let mut waiting = lock(&self.waiting);
        let block = waiting.blocks.pop_front()?;
        Some(block.and_then(|Block { head, bytes }| {
            if let Held::Mapped(window, _) = &bytes.0 {
                window.ask_again()?;
            }
            if let Held::Copied(spare) = std::mem::replace(buffer, bytes).0 {
                waiting.spare.push(spare);
            }
            Ok(head)
        }))
    }
}

/// A block that is being filled.
struct Filling {
    bytes: BlockBytes,
    counted: Counted,
    wanted: usize,
    failed: Option<BlockError>,
}

impl Inner {
    /// Takes the first record off the text.
    fn first_record(&mut self) -> Result<Vec<u8>, BlockError> {
        let mut text = Vec::new();
        let end = loop {
            if let Some(end) = first_record_end(&text) {
                break end;
            }
            if text.len() > RECORD_BYTES_MAX {
                return Err(too_long(self.line));
            }
            // Twice as much each time, so that a long record is not looked through again and again.
            let wanted = text.len() * 2;
            while !self.ended && text.len() <= wanted {
                self.ended = self.source.step(&mut text)? == 0;
            }
            if self.ended {
                break first_record_end(&text).unwrap_or(text.len());
            }
        };
        self.carry = text.split_off(end);
        self.offset += text.len() as u64;
        if text.is_empty() {
            return Ok(text);
        }
        if !text.ends_with(b"\n") {
            text.push(b'\n');
        }
        self.line += count(&text).line_feeds;
        Ok(text)
    }

    fn has_more(&self) -> bool {
        !(self.failed || self.ended && self.carried() == 0)
    }

    /// Bytes that are read and stand in no block.
    fn carried(&self) -> usize {
        match &self.leased {
            Some(_) => (self.source.raw.bytes - self.offset) as usize,
            None => self.carry.len(),
        }
    }

    /// True when both texts can be read step by step together.
    fn is_alike(&self, other: &Inner) -> bool {
        let is_plain = |inner: &Inner| {
            inner.has_more()
                && !inner.ended
                && inner.source.decoder.is_none()
                && inner.source.pending.is_empty()
        };
        is_plain(self) && is_plain(other)
    }

    /// Begins a block in a buffer of the text's, with what stands after the last one.
    fn begin(&mut self, text: &Text) -> Filling {
        let carried = self.carried();
        let mut failed = None;
        let bytes = match &self.leased {
            Some(leased) => {
                match leased.window(self.offset, carried + whole_steps(self.block_bytes, carried)) {
                    Ok(window) => Held::Mapped(window, carried),
                    Err(error) => {
                        failed = Some(BlockError::Io(error));
                        Held::Copied(Vec::new())
                    }
                }
            }
            None => {
                let mut bytes = lock(&text.waiting).spare.pop().unwrap_or_default();
                bytes.clear();
                bytes.reserve(self.block_bytes + STEP_BYTES);
                bytes.append(&mut self.carry);
                Held::Copied(bytes)
            }
        };
        let bytes = BlockBytes(bytes);
        Filling {
            counted: count(&bytes),
            bytes,
            wanted: self.block_bytes,
            failed,
        }
    }

    fn wants(&self, filling: &Filling) -> bool {
        !self.ended && filling.failed.is_none() && filling.bytes.len() < filling.wanted
    }

    /// Takes the next bytes of the file, before they are hashed: those that are copied now, or those that follow in the
    /// stretch. Gives where they stand among the block's.
    fn take_raw(&mut self, filling: &mut Filling) -> io::Result<Range<usize>> {
        let before = filling.bytes.len();
        match &mut filling.bytes.0 {
            Held::Copied(bytes) => {
                self.source.raw.read(bytes)?;
            }
            Held::Mapped(window, len) => {
                // Whole steps until the end, as when they are copied.
                let left = self.leased.as_ref().map_or(0, Leased::bytes) - self.source.raw.bytes;
                let taken = usize::try_from(left).map_or(STEP_BYTES, |left| left.min(STEP_BYTES));
                if let Some(leased) = self.leased.as_ref().filter(|_| window.len() < *len + taken) {
                    // The block is longer than was thought.
                    *window = leased.window(self.offset, filling.wanted.max(*len) + STEP_BYTES)?;
                }
                *len += taken;
                self.source.raw.bytes += taken as u64;
            }
        }
        Ok(before..filling.bytes.len())
    }

    fn step(&mut self, filling: &mut Filling) {
        if let (Held::Copied(bytes), true) = (&mut filling.bytes.0, self.source.is_decoded()) {
            let before = bytes.len();
            let read = self.source.step(bytes);
            return self.stepped(filling, before, read);
        }
        let before = filling.bytes.len();
        let taken = self.take_raw(filling);
        if let Ok(taken) = &taken {
            self.source.raw.hash(&filling.bytes[taken.clone()]);
        }
        self.stepped(
            filling,
            before,
            taken.map(|taken| taken.len()).map_err(BlockError::Io),
        );
    }

    fn step_both((one, filling): (&mut Inner, &mut Filling), (other, others): (&mut Inner, &mut Filling)) {
        let before = (filling.bytes.len(), others.bytes.len());
        let taken = (one.take_raw(filling), other.take_raw(others));
        let new = |taken: &io::Result<Range<usize>>| taken.as_ref().map_or(0..0, Range::clone);
        Hashed::hash_both(
            (&mut one.source.raw, &filling.bytes[new(&taken.0)]),
            (&mut other.source.raw, &others.bytes[new(&taken.1)]),
        );
        let len = |taken: io::Result<Range<usize>>| taken.map(|taken| taken.len()).map_err(BlockError::Io);
        one.stepped(filling, before.0, len(taken.0));
        other.stepped(others, before.1, len(taken.1));
    }

    fn stepped(&mut self, filling: &mut Filling, before: usize, read: Result<usize, BlockError>) {
        match read {
            Ok(read) => self.ended = read == 0,
            Err(error) => filling.failed = Some(error),
        }
        let step = count(&filling.bytes[before..]);
        filling.counted.quotes += step.quotes;
        filling.counted.line_feeds += step.line_feeds;
    }

    /// Fills a block and cuts it behind its last whole record. `None` at the end of the text.
    fn fill_and_cut(&mut self, mut filling: Filling) -> Option<Result<Block, BlockError>> {
        let cut = loop {
            while self.wants(&filling) {
                self.step(&mut filling);
            }
            if let Some(error) = filling.failed {
                self.failed = true;
                return Some(Err(error));
            }
            if self.ended {
                break filling.bytes.len();
            }
            if let Some(cut) = last_record_end(&filling.bytes, filling.counted.quotes % 2 == 1) {
                break cut;
            }
            if filling.bytes.len() > RECORD_BYTES_MAX {
                self.failed = true;
                return Some(Err(too_long(self.line)));
            }
            filling.wanted = filling.bytes.len() * 2;
        };
        let Filling {
            mut bytes,
            mut counted,
            ..
        } = filling;
        if bytes.is_empty() {
            return None;
        }
        if bytes.len() > cut {
            counted.line_feeds -= count(&bytes[cut..]).line_feeds;
            match &mut bytes.0 {
                Held::Copied(bytes) => {
                    self.carry.extend_from_slice(&bytes[cut..]);
                    bytes.truncate(cut);
                }
                Held::Mapped(_, len) => *len = cut,
            }
        } else if !self.ended {
            // The block ends with the bytes read so far; whether it ends the file shows only now.
            let more = match &self.leased {
                Some(leased) => Ok((leased.bytes() - self.source.raw.bytes) as usize),
                None => self.source.step(&mut self.carry),
            };
            match more {
                Ok(more) => self.ended = more == 0,
                Err(error) => {
                    self.failed = true;
                    return Some(Err(error));
                }
            }
        }
        let (sequence, first_line, byte_offset) = (self.sequence, self.line, self.offset);
        self.sequence += 1;
        self.offset += bytes.len() as u64;
        self.line += counted.line_feeds;
        let head = BlockHead {
            sequence,
            first_line,
            byte_offset,
            last: self.ended && self.carried() == 0,
        };
        if !bytes.ends_with(b"\n") {
            let mut whole = match bytes.0 {
                Held::Copied(bytes) => bytes,
                Held::Mapped(..) => bytes.to_vec(),
            };
            whole.push(b'\n');
            self.line += 1;
            bytes = BlockBytes(Held::Copied(whole));
        }
        Some(Ok(Block { head, bytes }))
    }
}

/// Bytes of the steps that make `carried` bytes a block of `wanted` or more.
fn whole_steps(wanted: usize, carried: usize) -> usize {
    wanted.saturating_sub(carried).div_ceil(STEP_BYTES) * STEP_BYTES
}

/// Refuses a text that has a record without end at or behind a line.
fn too_long(line: u64) -> BlockError {
    BlockError::Refused(FileRefused {
        line,
        column: 1,
        message: format!(
            "a record that begins at or after this line is longer than {} MiB; a quote may never be closed",
            RECORD_BYTES_MAX >> 20
        ),
        help: "ask for a file quoted as RFC 4180 says; nothing of it was taken".to_owned(),
    })
}

/// What [`count`] counts.
#[derive(Clone, Copy)]
struct Counted {
    quotes: u64,
    line_feeds: u64,
}

/// Counts quotes and line feeds.
fn count(bytes: &[u8]) -> Counted {
    #[cfg(target_arch = "x86_64")]
    if crate::terms::vectors::avx2() {
        // SAFETY: the feature is there.
        return unsafe { count_avx2(bytes) };
    }
    count_plain(bytes)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn count_avx2(bytes: &[u8]) -> Counted {
    count_plain(bytes)
}

/// Written so that the compiler makes it a vector loop: bytes are counted in bytes, 192 rounds at a time.
#[inline(always)]
fn count_plain(bytes: &[u8]) -> Counted {
    let mut counted = Counted {
        quotes: 0,
        line_feeds: 0,
    };
    for part in bytes.chunks(192 * 32) {
        let (rounds, rest) = part.as_chunks::<32>();
        let (mut quotes, mut line_feeds) = ([0u8; 32], [0u8; 32]);
        for round in rounds {
            for lane in 0..32 {
                quotes[lane] = quotes[lane].wrapping_add(u8::from(round[lane] == b'"'));
                line_feeds[lane] = line_feeds[lane].wrapping_add(u8::from(round[lane] == b'\n'));
            }
        }
        let sum = |lanes: [u8; 32]| lanes.iter().map(|lane| u64::from(*lane)).sum::<u64>();
        counted.quotes += sum(quotes) + rest.iter().filter(|byte| **byte == b'"').count() as u64;
        counted.line_feeds += sum(line_feeds) + rest.iter().filter(|byte| **byte == b'\n').count() as u64;
    }
    counted
}

/// Where the first record ends, behind its line feed.
fn first_record_end(text: &[u8]) -> Option<usize> {
    let mut inside = false;
    for at in memchr::memchr2_iter(b'"', b'\n', text) {
        if text[at] == b'"' {
            inside = !inside;
        } else if !inside {
            return Some(at + 1);
        }
    }
    None
}

/// Where the last whole record ends, given whether the text ends inside quotes.
fn last_record_end(text: &[u8], mut inside: bool) -> Option<usize> {
    for at in memchr::memrchr2_iter(b'"', b'\n', text) {
        if text[at] == b'"' {
            inside = !inside;
        } else if !inside {
            return Some(at + 1);
        }
    }
    None
}

/// Unpacked bytes, hashed as they are read.
pub(super) struct Hashed {
    reader: Box<dyn Read + Send>,
    running: Running,
    /// The end of the content: what is no whole block of the hash.
    last: Vec<u8>,
    bytes: u64,
}

impl Hashed {
    /// The content that a reader gives.
    pub fn new(reader: Box<dyn Read + Send>) -> Hashed {
        Hashed {
            reader,
            running: Running::default(),
            last: Vec::new(),
            bytes: 0,
        }
    }

    /// Bytes read.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Appends up to [`STEP_BYTES`]; 0 at the end. Steps are full until the end, so that cuts do not depend
    /// on how the system returns reads.
    pub fn step(&mut self, out: &mut Vec<u8>) -> io::Result<usize> {
        let before = out.len();
        let read = self.read(out)?;
        self.hash(&out[before..]);
        Ok(read)
    }

    /// Hashes what was read; whole blocks of the hash until the end.
    fn hash(&mut self, read: &[u8]) {
        let (whole, last) = read.split_at(read.len() / 64 * 64);
        self.running.update(whole);
        self.last.extend_from_slice(last);
    }

    /// Hashes what was read of two texts.
    fn hash_both((one, read): (&mut Hashed, &[u8]), (other, other_read): (&mut Hashed, &[u8])) {
        let (whole, last) = read.split_at(read.len() / 64 * 64);
        let (other_whole, other_last) = other_read.split_at(other_read.len() / 64 * 64);
        Running::update_both((&mut one.running, whole), (&mut other.running, other_whole));
        one.last.extend_from_slice(last);
        other.last.extend_from_slice(other_last);
    }

    /// A step in each of two texts.
    pub fn step_both(
        (one, out): (&mut Hashed, &mut Vec<u8>),
        (other, other_out): (&mut Hashed, &mut Vec<u8>),
    ) -> (io::Result<usize>, io::Result<usize>) {
        let before = (out.len(), other_out.len());
        let read = (one.read(out), other.read(other_out));
        Hashed::hash_both((one, &out[before.0..]), (other, &other_out[before.1..]));
        read
    }

    fn read(&mut self, out: &mut Vec<u8>) -> io::Result<usize> {
        let before = out.len();
        (&mut self.reader).take(STEP_BYTES as u64).read_to_end(out)?;
        let read = out.len() - before;
        if read > 0 && !self.last.is_empty() {
            return Err(io::Error::new(
                io::ErrorKind::ResourceBusy,
                "the file grew while it was read; is it still being delivered?",
            ));
        }
        self.bytes += read as u64;
        Ok(read)
    }

    /// SHA-256 of what was read, which is whole blocks until the end.
    pub fn digest(&self) -> [u8; 32] {
        self.running.clone().finish(&self.last)
    }
}

/// A text as UTF-8.
struct TextSource {
    raw: Hashed,
    /// Bytes read to look for a mark, not yet handed on.
    pending: Vec<u8>,
    /// Bytes of a UTF-8 mark, which count in offsets.
    mark_bytes: u64,
    decoder: Option<(Decoder, &'static Encoding)>,
    decoded_lines: u64,
    ended: bool,
}

impl TextSource {
    fn new(reader: Box<dyn Read + Send>, encoding: Option<&str>) -> Result<TextSource, BlockError> {
        let declared = match encoding {
            None => None,
            Some(label) => Some(Encoding::for_label(label.as_bytes()).ok_or_else(|| {
                BlockError::Refused(FileRefused {
                    line: 0,
                    column: 0,
                    message: format!("encoding `{label}` is not known"),
                    help: "say `utf-8`, `gbk`, `gb18030`, `utf-16le` or `utf-16be` in the [[source]]"
                        .to_owned(),
                })
            })?),
        };
        let mut raw = Hashed::new(reader);
        let mut pending = Vec::new();
        raw.step(&mut pending)?;
        let marked = Encoding::for_bom(&pending);
        let mut mark_bytes = 0;
        let encoding = match marked {
            Some((encoding, mark)) => {
                pending.drain(..mark);
                if encoding == encoding_rs::UTF_8 {
                    mark_bytes = mark as u64;
                }
                encoding
            }
            None => declared.unwrap_or(encoding_rs::UTF_8),
        };
        let decoder =
            (encoding != encoding_rs::UTF_8).then(|| (encoding.new_decoder_without_bom_handling(), encoding));
        Ok(TextSource {
            raw,
            pending,
            mark_bytes,
            decoder,
            decoded_lines: 0,
            ended: false,
        })
    }

    /// True when what is read is not the text itself, or was read before.
    fn is_decoded(&self) -> bool {
        self.decoder.is_some() || !self.pending.is_empty()
    }

    /// Appends some text; 0 at the end.
    fn step(&mut self, out: &mut Vec<u8>) -> Result<usize, BlockError> {
        let Some((decoder, encoding)) = &mut self.decoder else {
            if self.pending.is_empty() {
                return Ok(self.raw.step(out)?);
            }
            let length = self.pending.len();
            out.append(&mut self.pending);
            return Ok(length);
        };
        let before = out.len();
        while out.len() == before && !self.ended {
            if self.pending.is_empty() {
                self.ended = self.raw.step(&mut self.pending)? == 0;
            }
            let room = decoder
                .max_utf8_buffer_length_without_replacement(self.pending.len())
                .unwrap_or(self.pending.len() * 4 + 16);
            let start = out.len();
            out.resize(start + room, 0);
            let (result, _, written) =
                decoder.decode_to_utf8_without_replacement(&self.pending, &mut out[start..], self.ended);
            out.truncate(start + written);
            if let DecoderResult::Malformed(..) = result {
                let text = &out[before..];
                let line = 1 + self.decoded_lines + count(text).line_feeds;
                return Err(BlockError::Refused(FileRefused {
                    line,
                    column: 0,
                    message: format!("found bytes that are not {}", encoding.name()),
                    help: "check `encoding` in the [[source]], or ask for the file again; nothing of it was taken"
                        .to_owned(),
                }));
            }
            self.pending.clear();
        }
        self.decoded_lines += count(&out[before..]).line_feeds;
        Ok(out.len() - before)
    }
}

/// A UTF-8 stream of a text for reading it again: unpacked, decoded and marked exactly as the blocks were.
///
/// # Errors
/// As [`BlockReader::new`].
pub fn text_stream(
    reader: Box<dyn Read + Send>,
    encoding: Option<&str>,
) -> Result<Box<dyn Read + Send>, BlockError> {
    let source = TextSource::new(reader, encoding)?;
    // Offsets count a UTF-8 mark, so it is put back in front.
    let mark = if source.mark_bytes > 0 {
        "\u{feff}".as_bytes()
    } else {
        b""
    };
    Ok(Box::new(TextStream {
        source,
        buffer: mark.to_vec(),
        at: 0,
    }))
}

struct TextStream {
    source: TextSource,
    buffer: Vec<u8>,
    at: usize,
}

impl Read for TextStream {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.at == self.buffer.len() {
            self.buffer.clear();
            self.at = 0;
            self.source.step(&mut self.buffer).map_err(|error| match error {
                BlockError::Io(error) => error,
                BlockError::Refused(refused) => io::Error::new(io::ErrorKind::InvalidData, refused.message),
            })?;
        }
        let length = out.len().min(self.buffer.len() - self.at);
        out[..length].copy_from_slice(&self.buffer[self.at..self.at + length]);
        self.at += length;
        Ok(length)
    }
}

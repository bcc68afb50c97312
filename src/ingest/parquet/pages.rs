//! The pages of one column chunk, one after the other, through buffers that are used again.

use super::Unfit;
use super::input::Input;
use super::page_header::{self, PageHeader, PageKind};
use super::unpack::{Codec, Unpacker};

/// Bytes read beyond a page, in which the next header is expected.
const HEADER_BYTES: usize = 256;

/// Longest header that is looked for: statistics may hold long texts.
const HEADER_BYTES_MAX: usize = 1 << 20;

/// Where a reading of a chunk stands, and the bytes read ahead.
#[derive(Default)]
pub struct Pages {
    /// What is left of the chunk in the file, beyond the bytes held.
    at: u64,
    end: u64,
    /// Bytes held; those before `from` were used, those behind `to` are old.
    window: Vec<u8>,
    from: usize,
    to: usize,
}

impl Pages {
    /// Begins a chunk at `at..end` of the input.
    pub fn restart(&mut self, at: u64, end: u64) {
        self.at = at;
        self.end = end;
        self.from = 0;
        self.to = 0;
    }

    fn held(&self) -> usize {
        self.to - self.from
    }

    /// Bytes of the chunk that were not used yet.
    fn left(&self) -> u64 {
        self.held() as u64 + (self.end - self.at)
    }

    /// Makes the next `bytes` bytes be held, and some more where there are any.
    fn hold(&mut self, input: &Input, bytes: usize) -> Result<(), Unfit> {
        if bytes as u64 > self.left() {
            return Err(Unfit);
        }
        if self.held() >= bytes {
            return Ok(());
        }
        self.window.copy_within(self.from..self.to, 0);
        (self.from, self.to) = (0, self.held());
        let wanted = bytes + HEADER_BYTES - self.to;
        let more = wanted.min(usize::try_from(self.end - self.at).unwrap_or(usize::MAX));
        let to = self.to + more;
        if self.window.len() < to {
            // Not more than is in the file, whatever a header says; with room for somewhat longer pages.
            self.window.resize(to + to / 8, 0);
        }
        input
            .read_at(self.at, &mut self.window[self.to..to])
            .map_err(|_| Unfit)?;
        self.at += more as u64;
        self.to = to;
        Ok(())
    }

    /// The next page's header; `None` at the end of the chunk. The page is to be unpacked or passed over next.
    ///
    /// # Errors
    /// There is something else.
    pub fn header(&mut self, input: &Input) -> Result<Option<PageHeader>, Unfit> {
        loop {
            if self.left() == 0 {
                return Ok(None);
            }
            let mut looked_at = HEADER_BYTES;
            let header = loop {
                let all = looked_at as u64 >= self.left();
                self.hold(input, if all { self.left() as usize } else { looked_at })?;
                match page_header::parse(&self.window[self.from..self.to]) {
                    Ok((header, length)) => {
                        self.from += length;
                        break header;
                    }
                    Err(_) if !all && looked_at < HEADER_BYTES_MAX => looked_at *= 4,
                    Err(unfit) => return Err(unfit),
                }
            };
            if header.stored_bytes as u64 > self.left() {
                return Err(Unfit);
            }
            if header.kind != PageKind::Other {
                return Ok(Some(header));
            }
            self.pass_over(&header);
        }
    }

    /// Passes the page over whose header was just read.
    pub fn pass_over(&mut self, header: &PageHeader) {
        let held = self.held().min(header.stored_bytes);
        self.from += held;
        // `header` saw that the page lies in the chunk.
        self.at += (header.stored_bytes - held) as u64;
    }

    /// Unpacks the page whose header was just read: `levels` is what stands in front of the values uncompressed,
    /// `body` all else.
    ///
    /// # Errors
    /// It is not what its header says.
    pub fn unpack(
        &mut self,
        input: &Input,
        header: &PageHeader,
        codec: Codec,
        unpacker: &mut Unpacker,
        levels: &mut Vec<u8>,
        body: &mut Vec<u8>,
    ) -> Result<(), Unfit> {
        self.hold(input, header.stored_bytes)?;
        let stored = &self.window[self.from..self.from + header.stored_bytes];
        self.from += header.stored_bytes;
        levels.clear();
        let (stored, bytes, codec) = match header.kind {
            PageKind::V2 {
                level_bytes,
                compressed,
            } => {
                let (level, values) = stored.split_at_checked(level_bytes).ok_or(Unfit)?;
                levels.extend_from_slice(level);
                let bytes = header.unpacked_bytes.checked_sub(level_bytes).ok_or(Unfit)?;
                (values, bytes, if compressed { codec } else { Codec::None })
            }
            _ => (stored, header.unpacked_bytes, codec),
        };
        unpacker.unpack(codec, stored, bytes, body)
    }
}

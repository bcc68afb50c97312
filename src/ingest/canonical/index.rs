//! Finds the separators of a CSV text: commas and line ends outside quotes, 64 bytes at a time.
//!
//! Each 64 bytes become bit masks (which bytes are commas, line ends, quotes, control characters); quotes are
//! paired by a prefix exclusive-or; the set bits that remain are walked. Vector units are chosen when the
//! program runs; the portable way gives the same answer. Quotes that RFC 4180 does not allow are found here,
//! because after one of them no later separator can be trusted.

use crate::ingest::set_bits;
#[cfg(target_arch = "x86_64")]
use crate::terms::vectors;

/// Set on a start that follows a line end: the first start of a record.
pub const RECORD: u32 = set_bits::MARK;

/// Set on the start of a field that opens with a quote.
pub const QUOTED: u32 = 1 << 30;

/// The position of a start, without its marks.
pub const POSITION: u32 = QUOTED - 1;

/// How masks are made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Level {
    /// 512-bit vectors that compress bytes.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// 256-bit vectors.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// Any machine.
    Portable,
}

impl Level {
    /// The best this machine has.
    pub fn best() -> Level {
        #[cfg(target_arch = "x86_64")]
        {
            if vectors::avx512_that_compresses() {
                return Level::Avx512;
            }
            if vectors::avx2_with_bits() {
                return Level::Avx2;
            }
        }
        Level::Portable
    }

    /// Every level this machine can run.
    #[cfg(test)]
    pub fn all() -> Vec<Level> {
        let all = vec![Level::Portable];
        #[cfg(target_arch = "x86_64")]
        let all = {
            let mut all = all;
            if vectors::avx2_with_bits() {
                all.push(Level::Avx2);
            }
            if vectors::avx512_that_compresses() {
                all.push(Level::Avx512);
            }
            all
        };
        all
    }
}

/// Which of 64 bytes are what; bit i stands for byte i.
#[derive(Clone, Copy, Default)]
struct Masks {
    comma: u64,
    line_feed: u64,
    quote: u64,
    carriage_return: u64,
    /// Below 0x20 or 0x7F, without the two line-end characters.
    control: u64,
    /// Above 0x7F.
    high: u64,
}

/// The starts of all fields seen so far, and what the scan remembers between calls.
pub struct Index {
    level: Level,
    /// Where each field starts: the byte after a separator. The first `count` are valid.
    starts: Vec<u32>,
    count: usize,
    /// All ones inside quotes, else 0.
    inside: u64,
    /// 1 when the byte before is a separator or a closing quote, after which a quote may open.
    may_open: u64,
    /// 1 when the byte before is a closing quote.
    after_close: u64,
    /// 1 when the byte before is a carriage return.
    after_return: u64,
    /// A control character, a line end inside quotes or a carriage return alone was seen.
    pub irregular: bool,
    /// A byte above 0x7F was seen.
    pub beyond_ascii: bool,
}

impl Index {
    /// An empty index.
    pub fn new(level: Level) -> Index {
        let mut index = Index {
            level,
            starts: Vec::new(),
            count: 0,
            inside: 0,
            may_open: 1,
            after_close: 0,
            after_return: 0,
            irregular: false,
            beyond_ascii: false,
        };
        index.restart();
        index
    }

    /// Forgets everything: the next byte scanned is the first of a record, at position 0.
    pub fn restart(&mut self) {
        self.starts.resize(self.starts.len().max(1), 0);
        self.starts[0] = RECORD;
        self.count = 1;
        self.inside = 0;
        self.may_open = 1;
        self.after_close = 0;
        self.after_return = 0;
        self.irregular = false;
        self.beyond_ascii = false;
    }

    /// Field starts, in order; the last one has no end yet.
    pub fn starts(&self) -> &[u32] {
        &self.starts[..self.count]
    }

    /// True when the text seen so far ends inside quotes.
    pub fn inside_quotes(&self) -> bool {
        self.inside != 0
    }

    /// Drops the starts before number `first`.
    pub fn drop_before(&mut self, first: usize) {
        self.starts.copy_within(first..self.count, 0);
        self.count -= first;
    }

    /// Scans `bytes[from..to]`, where `from` is where the last call ended. Only the last call may have a length
    /// that is no multiple of 64, and must end with a line feed.
    ///
    /// # Errors
    /// The position of the first byte that breaks the rules of quoting: a quote inside an unquoted field, or
    /// anything but a separator after a closing quote.
    pub fn scan(&mut self, bytes: &[u8], from: usize, to: usize) -> Result<(), usize> {
        assert!(
            to <= bytes.len() && bytes.len() < POSITION as usize,
            "a block fits its positions"
        );
        assert!(
            (to - from).is_multiple_of(64) || bytes[to - 1] == b'\n',
            "a text ends with a line feed"
        );
        let wanted = self.count + (to - from) + 128;
        if self.starts.len() < wanted {
            self.starts.resize(wanted, 0);
        }
        match self.level {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `Level::best` and `Level::all` give these levels only where the features are there.
            Level::Avx512 => unsafe { scan_avx512(self, bytes, from, to) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Level::Avx2 => unsafe { scan_avx2(self, bytes, from, to) },
            Level::Portable => scan_words(self, bytes, from, to),
        }
    }

    /// Takes the masks of the 64 bytes at `at`.
    #[inline(always)]
    fn word(&mut self, at: usize, masks: Masks, write: impl set_bits::Write<1>) -> Result<(), usize> {
        let mut separators = masks.comma | masks.line_feed;
        let mut line_feed = masks.line_feed;
        let mut openers = separators;
        let mut open = 0;
        if masks.quote | self.inside | self.after_close != 0 {
            let stray = self.pair_quotes(masks, &mut separators, &mut line_feed, &mut openers, &mut open);
            if stray != 0 {
                return Err(at + stray.trailing_zeros() as usize);
            }
        }
        self.may_open = openers >> 63;
        let alone = ((masks.carriage_return << 1) | self.after_return) & !masks.line_feed;
        self.after_return = masks.carriage_return >> 63;
        self.irregular |= masks.control | alone != 0;
        self.beyond_ascii |= masks.high != 0;

        let first = self.count;
        self.note(at, separators, line_feed, write);
        while open != 0 {
            // The field that it stands in began before it, in this word or an earlier one.
            let lowest = open & open.wrapping_neg();
            let before = (separators & (lowest - 1)).count_ones() as usize;
            self.starts[first + before - 1] |= QUOTED;
            open ^= lowest;
        }
        Ok(())
    }

    /// True when nothing that was seen before bears on a word without quotes, carriage returns and control characters.
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn is_calm(&self) -> bool {
        self.inside | self.after_close | self.after_return == 0
    }

    /// Takes a word without quotes, carriage returns and control characters, when the index [is calm](Index::is_calm).
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn calm_word(&mut self, at: usize, separators: u64, line_feed: u64, write: impl set_bits::Write<1>) {
        self.may_open = separators >> 63;
        self.note(at, separators, line_feed, write);
    }

    /// Notes the starts behind the separators of the 64 bytes at `at`, of which `line_feed` end a record.
    #[inline(always)]
    fn note(&mut self, at: usize, separators: u64, line_feed: u64, write: impl set_bits::Write<1>) {
        let out = &mut self.starts[self.count..];
        self.count += write(out, at as u32 + 1, separators, [line_feed]);
    }

    /// Takes separators inside quotes out, and gives the bytes that break the rules of quoting.
    #[inline(always)]
    fn pair_quotes(
        &mut self,
        masks: Masks,
        separators: &mut u64,
        line_feed: &mut u64,
        openers: &mut u64,
        open: &mut u64,
    ) -> u64 {
        // From each opening quote up to before its closing one. An escaped quote closes and opens again.
        let inside = set_bits::prefix_xor(masks.quote) ^ self.inside;
        *open = masks.quote & inside;
        let close = masks.quote & !inside;
        *separators &= !inside;
        *line_feed &= !inside;
        *openers = *separators | close;
        let stray_open = *open & !((*openers << 1) | self.may_open);
        let closed = (close << 1) | self.after_close;
        let allowed = masks.comma | masks.line_feed | masks.quote | masks.carriage_return;
        self.after_close = close >> 63;
        self.inside = ((inside as i64) >> 63) as u64;
        self.irregular |= masks.line_feed & inside != 0;
        stray_open | (closed & !allowed)
    }
}

#[inline(always)]
fn scan_words(index: &mut Index, bytes: &[u8], from: usize, to: usize) -> Result<(), usize> {
    let (words, tail) = bytes[from..to].as_chunks::<64>();
    let mut at = from;
    for word in words {
        index.word(at, portable_masks(word), set_bits::step_by_step)?;
        at += 64;
    }
    last_word(index, at, tail)
}

/// Takes what is left behind the last 64 bytes of a text.
fn last_word(index: &mut Index, at: usize, tail: &[u8]) -> Result<(), usize> {
    if tail.is_empty() {
        return Ok(());
    }
    // The text ends with a line feed, so blanks after it are nothing.
    let mut word = [b' '; 64];
    word[..tail.len()].copy_from_slice(tail);
    index.word(at, portable_masks(&word), set_bits::step_by_step)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,bmi1,bmi2,popcnt")]
fn scan_avx512(index: &mut Index, bytes: &[u8], from: usize, to: usize) -> Result<(), usize> {
    use std::arch::x86_64::*;
    let with = |text: __m512i, byte: u8| _mm512_cmpeq_epi8_mask(text, _mm512_set1_epi8(byte as i8));
    let write = |out: &mut [u32], base, bits, marked| set_bits::compressed(out, base, bits, marked);
    let mut high = _mm512_setzero_si512();
    let (words, tail) = bytes[from..to].as_chunks::<64>();
    let mut at = from;
    for word in words {
        // SAFETY: the load reads the 64 bytes of the array.
        let text = unsafe { _mm512_loadu_si512(word.as_ptr().cast()) };
        high = _mm512_or_si512(high, text);
        let (comma, line_feed) = (with(text, b','), with(text, b'\n'));
        // Zero for a quote, for 0x7f, and for what is below 0x20: one comparison for all of them.
        let quote = _mm512_xor_si512(text, _mm512_set1_epi8(b'"' as i8));
        let delete = _mm512_xor_si512(text, _mm512_set1_epi8(0x7f));
        let low = _mm512_subs_epu8(text, _mm512_set1_epi8(0x1f));
        let least = _mm512_min_epu8(_mm512_min_epu8(quote, delete), low);
        let odd = _mm512_testn_epi8_mask(least, least) & !line_feed;
        // Most words have no quote, carriage return or control character.
        if odd == 0 && index.is_calm() {
            index.calm_word(at, comma | line_feed, line_feed, write);
        } else {
            let carriage_return = with(text, b'\r');
            let quote = with(text, b'"');
            let masks = Masks {
                comma,
                line_feed,
                quote,
                carriage_return,
                control: odd & !(quote | carriage_return),
                high: 0,
            };
            index.word(at, masks, write)?;
        }
        at += 64;
    }
    last_word(index, at, tail)?;
    index.beyond_ascii |= _mm512_movepi8_mask(high) != 0;
    Ok(())
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,popcnt")]
fn scan_avx2(index: &mut Index, bytes: &[u8], from: usize, to: usize) -> Result<(), usize> {
    use std::arch::x86_64::*;
    let join = |a: __m256i, b: __m256i| {
        u64::from(_mm256_movemask_epi8(a) as u32) | (u64::from(_mm256_movemask_epi8(b) as u32) << 32)
    };
    let with = |half: __m256i, byte: u8| _mm256_cmpeq_epi8(half, _mm256_set1_epi8(byte as i8));
    // Unsigned `byte <= 0x1f` is `min(byte, 0x1f) == byte`.
    let below = |half: __m256i| _mm256_cmpeq_epi8(_mm256_min_epu8(half, _mm256_set1_epi8(0x1f)), half);
    let mut high = _mm256_setzero_si256();
    let (words, tail) = bytes[from..to].as_chunks::<64>();
    let mut at = from;
    for word in words {
        // SAFETY: the loads read the 64 bytes of the array.
        let (first, second) = unsafe {
            let halves = word.as_ptr().cast::<__m256i>();
            (_mm256_loadu_si256(halves), _mm256_loadu_si256(halves.add(1)))
        };
        high = _mm256_or_si256(high, _mm256_or_si256(first, second));
        let feeds = [with(first, b'\n'), with(second, b'\n')];
        let line_feed = join(feeds[0], feeds[1]);
        let comma = join(with(first, b','), with(second, b','));
        let odd = |half: __m256i, feed: __m256i| {
            let control = _mm256_andnot_si256(feed, below(half));
            _mm256_or_si256(control, _mm256_or_si256(with(half, b'"'), with(half, 0x7f)))
        };
        let odd = _mm256_or_si256(odd(first, feeds[0]), odd(second, feeds[1]));
        // Most words have no quote, carriage return or control character.
        if _mm256_movemask_epi8(odd) == 0 && index.is_calm() {
            index.calm_word(at, comma | line_feed, line_feed, set_bits::step_by_step);
        } else {
            let carriage_return = join(with(first, b'\r'), with(second, b'\r'));
            let low = join(below(first), below(second)) | join(with(first, 0x7f), with(second, 0x7f));
            let masks = Masks {
                comma,
                line_feed,
                quote: join(with(first, b'"'), with(second, b'"')),
                carriage_return,
                control: low & !(line_feed | carriage_return),
                high: 0,
            };
            index.word(at, masks, set_bits::step_by_step)?;
        }
        at += 64;
    }
    last_word(index, at, tail)?;
    index.beyond_ascii |= _mm256_movemask_epi8(high) != 0;
    Ok(())
}

/// Masks by arithmetic on eight bytes at a time.
fn portable_masks(word: &[u8; 64]) -> Masks {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const LOW_7: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    // The high bit of every byte that is 0, and of no other.
    let zeros = |x: u64| !(((x & LOW_7) + LOW_7) | x | LOW_7);
    // High bits of eight bytes as eight bits, lowest byte first.
    let gather = |high: u64| (high >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56;
    let mut masks = Masks::default();
    for (number, chunk) in word.as_chunks::<8>().0.iter().enumerate() {
        let x = u64::from_le_bytes(*chunk);
        let equal = |byte: u8| gather(zeros(x ^ (ONES * u64::from(byte)))) << (number * 8);
        let line_feed = equal(b'\n');
        let carriage_return = equal(b'\r');
        // Below 0x20: the three high bits are 0.
        let low = (gather(zeros(x & (ONES * 0xe0))) << (number * 8)) | equal(0x7f);
        masks.comma |= equal(b',');
        masks.line_feed |= line_feed;
        masks.quote |= equal(b'"');
        masks.carriage_return |= carriage_return;
        masks.control |= low & !(line_feed | carriage_return);
        masks.high |= gather(x & (ONES * 0x80)) << (number * 8);
    }
    masks
}

//! Separators of a text, found 64 bytes at a time: delimiters and line ends that stand outside quotes.
//!
//! A text in GBK need not be decoded for it ([`gbk_separators`]), and is judged to be GBK on the way.
//! Only places are found here; whether quotes stand where they may is for [`super::cut`] to judge. A quote opens or closes
//! whatever stands beside it, so that both agree on where a record ends.

use crate::ingest::formats::profile::Frame;
use crate::ingest::set_bits;
#[cfg(target_arch = "x86_64")]
use crate::terms::vectors;

/// Set on the place of a line end.
pub const LINE: u32 = set_bits::MARK;

/// Set on the place where a cell ends that may not be its own text: that has a quote, what is trimmed, or a return at its ends,
/// or holds what must be decoded.
pub const CLOSELY: u32 = set_bits::SECOND_MARK;

/// The place without [`LINE`] and [`CLOSELY`].
pub const PLACE: u32 = CLOSELY - 1;

/// Which of 64 bytes are what; bit i stands for byte i.
#[derive(Clone, Copy)]
struct Masks {
    delimiter: u64,
    line: u64,
    carriage_return: u64,
    quote: u64,
    /// What is taken off the ends of cells.
    trimmed: u64,
    /// True where one is NUL.
    nul: bool,
    /// Above ASCII.
    high: u64,
    /// What no character of two bytes begins with in GBK, of those above ASCII.
    no_lead: u64,
    /// What no character of two bytes ends with in GBK.
    no_trail: u64,
}

/// The bytes that separate.
#[derive(Clone, Copy, Debug)]
pub struct Marks {
    /// Between two cells.
    pub delimiter: u8,
    /// Around cells that hold separators.
    pub quote: Option<u8>,
    /// Before every cell: a delimiter behind which no such mark stands separates nothing. Quotes do not count then.
    pub cell_mark: Option<u8>,
    /// What is taken off the ends of cells, where three bytes can say it.
    pub trimmed: Option<[u8; 3]>,
}

impl Marks {
    /// The marks of a frame.
    pub fn of(frame: &Frame) -> Marks {
        Marks {
            delimiter: frame.delimiter,
            quote: frame.quote,
            cell_mark: frame.cell_mark.filter(|_| frame.quote.is_none()),
            trimmed: frame.trim.few(),
        }
    }

    /// As of a line without marks before its cells, such as a header.
    pub fn unmarked(self) -> Marks {
        Marks {
            cell_mark: None,
            ..self
        }
    }

    /// The quote or the mark.
    #[inline(always)]
    fn beside(self) -> Option<u8> {
        self.quote.or(self.cell_mark)
    }
}

/// What else was seen in a text.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Seen {
    /// A quote.
    pub quotes: bool,
    /// A quote that stands elsewhere than at the ends of a cell. What stands behind the text is not known, and taken for
    /// such an end.
    pub loose_quotes: bool,
    /// A line end inside quotes.
    pub lines_in_quotes: bool,
    /// A NUL.
    pub nul: bool,
    /// A return.
    pub returns: bool,
    /// How many line feeds, inside quotes too.
    pub line_feeds: u64,
}

/// Places of separators; their room is kept from one text to the next.
pub struct Places {
    /// [`BEFORE`], the places, and what means nothing.
    room: Vec<u32>,
    /// Behind the last place.
    count: usize,
    /// How many of them are line ends.
    lines: usize,
}

/// Stands before the first place: the byte behind it is the first of the text.
const BEFORE: u32 = PLACE;

impl Default for Places {
    fn default() -> Places {
        Places {
            room: vec![BEFORE],
            count: 1,
            lines: 0,
        }
    }
}

impl Places {
    /// The places, in order.
    #[inline]
    pub fn all(&self) -> &[u32] {
        &self.room[1..self.count]
    }

    /// The same, and before them one that stands before the text: from behind any of these to the next is a cell.
    #[inline]
    pub fn with_before(&self) -> &[u32] {
        &self.room[..self.count]
    }

    /// How many of them are line ends.
    pub fn lines(&self) -> usize {
        self.lines
    }

    /// Forgets what stands behind the last line end, and gives the place behind it; `None` where no line ends.
    pub fn end_with_a_line(&mut self) -> Option<usize> {
        let last = self.all().iter().rposition(|place| place & LINE != 0)? + 1;
        self.count = last + 1;
        Some((self.room[last] & PLACE) as usize + 1)
    }

    /// Ends a text that has no line end at its end.
    fn end_line(&mut self, place: usize) {
        self.room.truncate(self.count);
        self.room.push(place as u32 | LINE | CLOSELY);
        self.count += 1;
        self.lines += 1;
    }
}

/// Notes the set bits of a word that begins at `base`, behind `count` places; of `marked` the first are line ends, at the second
/// a cell ends that may not be its own text. Gives how many there are.
#[inline(always)]
fn note(
    room: &mut Vec<u32>,
    count: usize,
    base: u32,
    found: u64,
    marked: [u64; 2],
    write: &impl set_bits::Write<2>,
) -> usize {
    if room.len() < count + set_bits::ROOM {
        widen(room, count + set_bits::ROOM);
    }
    write(&mut room[count..], base, found, marked)
}

/// Makes room.
#[cold]
#[inline(never)]
fn widen(room: &mut Vec<u32>, needed: usize) {
    room.resize(needed.max(2 * room.len()), 0);
}

/// The least byte that ends a character of two bytes in GBK.
const TRAIL_MIN: u8 = 0x40;

/// Fills up the last of the 64 bytes: no separator, quote or NUL, and what may end a character of GBK that was cut.
const NOTHING: u8 = 0xa1;

/// Finds the separators of a text that begins outside quotes. A text without a line end at its end is given one behind
/// it.
pub fn separators(text: &[u8], marks: Marks, places: &mut Places) -> Seen {
    let (seen, inside) = open_separators(text, marks, places);
    if inside || text.last().is_some_and(|byte| *byte != b'\n') {
        places.end_line(text.len());
    }
    seen
}

/// As [`separators`], of a text that may go on: without a line end that is not there, but with whether it ends inside
/// quotes.
pub fn open_separators(text: &[u8], marks: Marks, places: &mut Places) -> (Seen, bool) {
    #[cfg(target_arch = "x86_64")]
    if vectors::avx512_that_compresses() {
        // SAFETY: the machine has all of them.
        return unsafe { widest_separators(text, marks, places) };
    } else if vectors::avx2_with_bits() {
        // SAFETY: as above.
        return unsafe { wide_separators(text, marks, places) };
    }
    separators_by(
        text,
        marks,
        places,
        masks_of,
        set_bits::step_by_step,
        |_| Characters::OF_TEXT,
        set_bits::prefix_xor,
    )
}

/// As [`open_separators`], of a text in GBK that was not decoded, where a byte that looks like a separator may be the end of a
/// character. `None` where the text is not of ASCII and characters of two bytes alone, the last of which may be cut: the
/// decoder then says what it is.
pub fn open_gbk_separators(text: &[u8], marks: Marks, places: &mut Places) -> Option<(Seen, bool)> {
    let mut pairs = Pairs::default();
    #[cfg(target_arch = "x86_64")]
    if vectors::avx512_that_compresses() {
        // SAFETY: the machine has all of them.
        let seen = unsafe { widest_gbk_separators(text, marks, places, &mut pairs) };
        return pairs.are_pairs().then_some(seen);
    } else if vectors::avx2_with_bits() {
        // SAFETY: as above.
        let seen = unsafe { wide_gbk_separators(text, marks, places, &mut pairs) };
        return pairs.are_pairs().then_some(seen);
    }
    let characters = |masks: &Masks| pairs.characters(masks);
    let seen = separators_by(
        text,
        marks,
        places,
        masks_of,
        set_bits::step_by_step,
        characters,
        set_bits::prefix_xor,
    );
    pairs.are_pairs().then_some(seen)
}

/// What the characters of 64 bytes say of them.
struct Characters {
    /// These end a character of two bytes, and are nothing by themselves.
    trails: u64,
    /// What must be decoded.
    high: u64,
}

impl Characters {
    const OF_TEXT: Characters = Characters { trails: 0, high: 0 };
}

/// Which bytes end a character of two bytes. A byte above ASCII that is no end begins one, as a backslash escapes what
/// stands behind it, so that a run of them is looked at as a whole (after Langdale and Lemire, Parsing Gigabytes of JSON
/// per Second, 2019).
#[derive(Default)]
struct Pairs {
    /// 1 where the next byte ends a character.
    open: u64,
    /// Bytes that can not be what they must be here.
    wrong: u64,
}

impl Pairs {
    #[inline(always)]
    fn characters(&mut self, masks: &Masks) -> Characters {
        // Without a branch for ASCII: where characters stand cannot be guessed.
        const ODD: u64 = 0xaaaa_aaaa_aaaa_aaaa;
        let beginning = masks.high & !self.open;
        let ends = ((beginning << 1 | ODD).wrapping_sub(beginning)) ^ ODD;
        let trails = ends ^ (masks.high | self.open);
        let leads = ends & masks.high;
        self.open = leads >> 63;
        self.wrong |= leads & masks.no_lead | trails & masks.no_trail;
        Characters {
            trails,
            high: masks.high,
        }
    }

    fn are_pairs(&self) -> bool {
        self.wrong == 0
    }
}

/// As [`open_separators`], with the instructions of later machines.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,popcnt")]
fn wide_separators(text: &[u8], marks: Marks, places: &mut Places) -> (Seen, bool) {
    let masks = |bytes: &[u8; 64], marks| wide_masks(bytes, marks);
    separators_by(
        text,
        marks,
        places,
        masks,
        set_bits::step_by_step,
        |_| Characters::OF_TEXT,
        set_bits::prefix_xor,
    )
}

/// As [`open_gbk_separators`], with the instructions of later machines.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,popcnt")]
fn wide_gbk_separators(text: &[u8], marks: Marks, places: &mut Places, pairs: &mut Pairs) -> (Seen, bool) {
    let masks = |bytes: &[u8; 64], marks| wide_masks(bytes, marks);
    let characters = |masks: &Masks| pairs.characters(masks);
    separators_by(
        text,
        marks,
        places,
        masks,
        set_bits::step_by_step,
        characters,
        set_bits::prefix_xor,
    )
}

/// As [`wide_separators`], with those of the latest.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,bmi1,bmi2,popcnt,pclmulqdq")]
fn widest_separators(text: &[u8], marks: Marks, places: &mut Places) -> (Seen, bool) {
    let masks = |bytes: &[u8; 64], marks| widest_masks(bytes, marks);
    let write = |out: &mut [u32], base, bits, marked| set_bits::compressed(out, base, bits, marked);
    separators_by(
        text,
        marks,
        places,
        masks,
        write,
        |_| Characters::OF_TEXT,
        |bits| set_bits::prefix_xor_at_once(bits),
    )
}

/// As [`wide_gbk_separators`], with those of the latest.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,bmi1,bmi2,popcnt,pclmulqdq")]
fn widest_gbk_separators(text: &[u8], marks: Marks, places: &mut Places, pairs: &mut Pairs) -> (Seen, bool) {
    let masks = |bytes: &[u8; 64], marks| widest_masks(bytes, marks);
    let write = |out: &mut [u32], base, bits, marked| set_bits::compressed(out, base, bits, marked);
    let characters = |masks: &Masks| pairs.characters(masks);
    separators_by(text, marks, places, masks, write, characters, |bits| {
        set_bits::prefix_xor_at_once(bits)
    })
}

#[inline(always)]
fn separators_by(
    text: &[u8],
    marks: Marks,
    places: &mut Places,
    masks_of: impl Fn(&[u8; 64], Marks) -> Masks,
    write: impl set_bits::Write<2>,
    characters_of: impl FnMut(&Masks) -> Characters,
    prefix_xor: impl Fn(u64) -> u64,
) -> (Seen, bool) {
    // Each has a loop of its own, which has fewer things to keep in registers.
    if marks.cell_mark.is_some() {
        scan::<true>(text, marks, places, masks_of, write, characters_of, prefix_xor)
    } else {
        scan::<false>(text, marks, places, masks_of, write, characters_of, prefix_xor)
    }
}

#[inline(always)]
fn scan<const IS_MARKED: bool>(
    text: &[u8],
    marks: Marks,
    places: &mut Places,
    masks_of: impl Fn(&[u8; 64], Marks) -> Masks,
    write: impl set_bits::Write<2>,
    mut characters_of: impl FnMut(&Masks) -> Characters,
    prefix_xor: impl Fn(u64) -> u64,
) -> (Seen, bool) {
    assert!(text.len() < PLACE as usize, "a block fits its places");
    let mut quotes = QuotesSeen::NONE;
    let (mut nul, mut returns, mut line_feeds) = (false, 0, 0u32);
    // From a separator to the first byte of its cell.
    let behind_mark = 1 + u32::from(IS_MARKED);
    let (mut edges_before, mut cell_before) = (1 << 63, false);
    // 1 when the byte before is a delimiter.
    let mut unmarked = 0;
    let mut room = std::mem::take(&mut places.room);
    let (mut count, mut line_ends) = (1, 0usize);
    let (words, tail) = text.as_chunks::<64>();
    let mut last = [NOTHING; 64];
    last[..tail.len()].copy_from_slice(tail);
    for number in 0..=words.len() {
        let mut masks = masks_of(words.get(number).unwrap_or(&last), marks);
        let Characters { trails, high } = characters_of(&masks);
        let outside = !trails;
        masks.quote &= outside;
        nul |= masks.nul;
        returns |= masks.carriage_return;
        line_feeds = line_feeds.wrapping_add(masks.line.count_ones());
        let (delimiters, mut lines) = (masks.delimiter & outside, masks.line & outside);
        // Those inside quotes, and those that no mark follows, too.
        let edges = delimiters | lines;
        let mut found = edges;
        if IS_MARKED {
            let base = number as u32 * 64;
            // The mark of a delimiter that ends the word before.
            if unmarked & masks.quote != 0 {
                count += note(&mut room, count, base.wrapping_sub(1), 1, [0, 1], &write);
            }
            unmarked = delimiters >> 63;
            found = delimiters & (masks.quote >> 1) | lines;
        } else if quotes.any | masks.quote != 0 {
            // Which words have quotes cannot be guessed once one has.
            let behind = if number == words.len() {
                !0 << tail.len()
            } else {
                0
            };
            let quoted = quotes.take(&masks, found, behind, &prefix_xor);
            found &= !quoted;
            lines &= !quoted;
        }
        let closely = if marks.trimmed.is_some() {
            // The byte behind the last is not known, and may end its cell.
            let ends = edges << behind_mark | edges_before >> (64 - behind_mark) | edges >> 1 | 1 << 63;
            let quote = if IS_MARKED { 0 } else { masks.quote };
            let odd = (quote | masks.trimmed | masks.carriage_return) & ends | high;
            cells_with(odd, found, &mut cell_before)
        } else {
            found
        };
        edges_before = edges;
        quotes.edge_before = found >> 63;
        line_ends = line_ends.wrapping_add(lines.count_ones() as usize);
        count += note(
            &mut room,
            count,
            number as u32 * 64,
            found,
            [lines, closely],
            &write,
        );
    }
    *places = Places {
        room,
        count,
        lines: line_ends,
    };
    let seen = Seen {
        quotes: quotes.any != 0,
        loose_quotes: quotes.loose != 0,
        lines_in_quotes: quotes.lines != 0,
        nul,
        returns: returns != 0,
        line_feeds: u64::from(line_feeds),
    };
    (seen, quotes.quoted >> 63 != 0)
}

/// The separators whose cells, which end there, hold one of some bytes; `open` where the cell that goes on does.
#[inline(always)]
fn cells_with(bytes: u64, separators: u64, open: &mut bool) -> u64 {
    // Added to ones between the separators, a byte is carried on to the one that ends its cell.
    let (sum, over) = (!separators).overflowing_add(bytes & !separators);
    let (sum, over_too) = sum.overflowing_add(u64::from(*open));
    *open = over | over_too;
    sum & separators
}

/// What is known of quotes from word to word.
struct QuotesSeen {
    /// Of the word before: the bytes inside quotes, the quotes that close, and the returns behind such quotes.
    quoted: u64,
    closing: u64,
    returns: u64,
    /// 1 when the byte before separates.
    edge_before: u64,
    any: u64,
    /// Quotes that are not at the end of a cell.
    loose: u64,
    /// Line ends inside quotes.
    lines: u64,
}

impl QuotesSeen {
    const NONE: QuotesSeen = QuotesSeen {
        quoted: 0,
        closing: 0,
        returns: 0,
        edge_before: 1,
        any: 0,
        loose: 0,
        lines: 0,
    };

    /// Takes a word, and gives its bytes that are inside quotes. `edges` separate, inside quotes or not; what is `behind`
    /// the text may be anything.
    #[inline(always)]
    fn take(&mut self, masks: &Masks, edges: u64, behind: u64, prefix_xor: impl Fn(u64) -> u64) -> u64 {
        // All ones where the text goes on inside quotes.
        let inside = (self.quoted as i64 >> 63) as u64;
        let quoted = prefix_xor(masks.quote) ^ inside;
        let (opening, closing) = (masks.quote & quoted, masks.quote & !quoted);
        let closed = closing << 1 | self.closing >> 63;
        // A return behind a quote is one of a line end, or it stands inside the cell.
        let returns = closed & masks.carriage_return;
        let returned = returns << 1 | self.returns >> 63;
        let loose =
            opening & !(edges << 1 | self.edge_before) | closed & !(edges | returns) | returned & !masks.line;
        self.loose |= loose & !behind;
        self.any |= masks.quote;
        self.lines |= masks.line & quoted;
        (self.quoted, self.closing, self.returns) = (quoted, closing, returns);
        quoted
    }
}

/// Where the last record ends that is whole; `None` where none is. Of the bytes the delimiter must be one that is no part of
/// a longer character.
pub fn end_of_records(bytes: &[u8], marks: Marks) -> Option<usize> {
    let Some(quote) = marks.quote else {
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

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn masks_of(bytes: &[u8; 64], marks: Marks) -> Masks {
    // SAFETY: every x86-64 has these vectors.
    unsafe { vector_masks(bytes, marks) }
}

/// Sixteen bytes at a time.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse2")]
#[inline]
fn vector_masks(bytes: &[u8; 64], marks: Marks) -> Masks {
    use std::arch::x86_64::{_mm_cmpeq_epi8, _mm_min_epu8, _mm_movemask_epi8, _mm_set_epi64x, _mm_set1_epi8};
    let quarters = bytes.as_chunks::<8>().0;
    let load = |quarter: usize| {
        let half = |at: usize| i64::from_le_bytes(quarters[at]);
        _mm_set_epi64x(half(2 * quarter + 1), half(2 * quarter))
    };
    let vectors = [load(0), load(1), load(2), load(3)];
    let equal = |byte: u8| {
        let wanted = _mm_set1_epi8(byte as i8);
        let mask = |at: usize| u64::from(_mm_movemask_epi8(_mm_cmpeq_epi8(vectors[at], wanted)) as u32);
        mask(0) | mask(1) << 16 | mask(2) << 32 | mask(3) << 48
    };
    let below = |byte: u8| {
        let most = _mm_set1_epi8(byte as i8 - 1);
        let least = |at: usize| _mm_min_epu8(vectors[at], most);
        let mask = |at: usize| u64::from(_mm_movemask_epi8(_mm_cmpeq_epi8(least(at), vectors[at])) as u32);
        mask(0) | mask(1) << 16 | mask(2) << 32 | mask(3) << 48
    };
    let high = |at: usize| u64::from(_mm_movemask_epi8(vectors[at]) as u32);
    Masks {
        delimiter: equal(marks.delimiter),
        line: equal(b'\n'),
        carriage_return: equal(b'\r'),
        quote: marks.beside().map_or(0, equal),
        trimmed: marks
            .trimmed
            .map_or(0, |[a, b, c]| equal(a) | equal(b) | equal(c)),
        nul: equal(0) != 0,
        high: high(0) | high(1) << 16 | high(2) << 32 | high(3) << 48,
        no_lead: equal(0x80) | equal(0xff),
        no_trail: below(TRAIL_MIN) | equal(0x7f) | equal(0xff),
    }
}

/// Thirty-two bytes at a time. No array is mapped here: in some builds `map` is not compiled into this, and calls what it
/// is given for each vector.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline]
fn wide_masks(bytes: &[u8; 64], marks: Marks) -> Masks {
    use std::arch::x86_64::{
        __m256i, _mm256_cmpeq_epi8, _mm256_min_epu8, _mm256_movemask_epi8, _mm256_or_si256,
        _mm256_set_epi64x, _mm256_set1_epi8,
    };

    #[derive(Clone, Copy)]
    struct Halves(__m256i, __m256i);

    impl Halves {
        #[target_feature(enable = "avx2")]
        #[inline]
        fn is(self, byte: u8) -> Halves {
            let wanted = _mm256_set1_epi8(byte as i8);
            Halves(
                _mm256_cmpeq_epi8(self.0, wanted),
                _mm256_cmpeq_epi8(self.1, wanted),
            )
        }

        #[target_feature(enable = "avx2")]
        #[inline]
        fn is_at_most(self, byte: u8) -> Halves {
            let most = _mm256_set1_epi8(byte as i8);
            Halves(
                _mm256_cmpeq_epi8(_mm256_min_epu8(self.0, most), self.0),
                _mm256_cmpeq_epi8(_mm256_min_epu8(self.1, most), self.1),
            )
        }

        #[target_feature(enable = "avx2")]
        #[inline]
        fn or(self, other: Halves) -> Halves {
            Halves(_mm256_or_si256(self.0, other.0), _mm256_or_si256(self.1, other.1))
        }

        /// The high bit of each byte.
        #[target_feature(enable = "avx2")]
        #[inline]
        fn mask(self) -> u64 {
            let low = _mm256_movemask_epi8(self.0) as u32;
            let high = _mm256_movemask_epi8(self.1) as u32;
            u64::from(low) | u64::from(high) << 32
        }
    }

    let words = bytes.as_chunks::<8>().0;
    let word = |at: usize| i64::from_le_bytes(words[at]);
    let halves = Halves(
        _mm256_set_epi64x(word(3), word(2), word(1), word(0)),
        _mm256_set_epi64x(word(7), word(6), word(5), word(4)),
    );
    let least = _mm256_min_epu8(halves.0, halves.1);
    let nul = _mm256_movemask_epi8(_mm256_cmpeq_epi8(least, _mm256_set1_epi8(0)));
    let ends = halves.is(0xff);
    Masks {
        delimiter: halves.is(marks.delimiter).mask(),
        line: halves.is(b'\n').mask(),
        carriage_return: halves.is(b'\r').mask(),
        quote: match marks.beside() {
            Some(quote) => halves.is(quote).mask(),
            None => 0,
        },
        trimmed: match marks.trimmed {
            Some([a, b, c]) => halves.is(a).or(halves.is(b)).or(halves.is(c)).mask(),
            None => 0,
        },
        nul: nul != 0,
        high: halves.mask(),
        no_lead: halves.is(0x80).or(ends).mask(),
        no_trail: halves
            .is_at_most(TRAIL_MIN - 1)
            .or(halves.is(0x7f))
            .or(ends)
            .mask(),
    }
}

/// All at a time.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn widest_masks(bytes: &[u8; 64], marks: Marks) -> Masks {
    use std::arch::x86_64::{
        _mm512_cmpeq_epi8_mask, _mm512_cmplt_epu8_mask, _mm512_loadu_si512, _mm512_movepi8_mask,
        _mm512_set1_epi8, _mm512_testn_epi8_mask,
    };
    // SAFETY: the load reads the 64 bytes of the array.
    let text = unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) };
    let is = |byte: u8| _mm512_cmpeq_epi8_mask(text, _mm512_set1_epi8(byte as i8));
    Masks {
        delimiter: is(marks.delimiter),
        line: is(b'\n'),
        carriage_return: is(b'\r'),
        quote: marks.beside().map_or(0, is),
        trimmed: marks.trimmed.map_or(0, |[a, b, c]| is(a) | is(b) | is(c)),
        nul: _mm512_testn_epi8_mask(text, text) != 0,
        high: _mm512_movepi8_mask(text),
        no_lead: is(0x80) | is(0xff),
        no_trail: _mm512_cmplt_epu8_mask(text, _mm512_set1_epi8(TRAIL_MIN as i8)) | is(0x7f) | is(0xff),
    }
}

/// Eight bytes at a time, by arithmetic.
#[cfg(not(target_arch = "x86_64"))]
fn masks_of(bytes: &[u8; 64], marks: Marks) -> Masks {
    portable_masks(bytes, marks)
}

#[cfg(any(test, not(target_arch = "x86_64")))]
fn portable_masks(bytes: &[u8; 64], marks: Marks) -> Masks {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const LOW_7: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    let equal = |byte: u8| {
        let mut mask = 0;
        for (number, chunk) in bytes.as_chunks::<8>().0.iter().enumerate() {
            let x = u64::from_le_bytes(*chunk) ^ (ONES * u64::from(byte));
            // The high bit of every byte that is 0, and of no other; then the eight bits side by side.
            let zeros = !(((x & LOW_7) + LOW_7) | x | LOW_7);
            mask |= ((zeros >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56) << (number * 8);
        }
        mask
    };
    let all = |is: fn(u8) -> bool| {
        let bits = bytes.iter().zip(0..64u32);
        bits.fold(0, |mask, (byte, at)| mask | u64::from(is(*byte)) << at)
    };
    Masks {
        delimiter: equal(marks.delimiter),
        line: equal(b'\n'),
        carriage_return: equal(b'\r'),
        quote: marks.beside().map_or(0, equal),
        trimmed: marks
            .trimmed
            .map_or(0, |[a, b, c]| equal(a) | equal(b) | equal(c)),
        nul: equal(0) != 0,
        high: all(|byte| byte >= 0x80),
        no_lead: equal(0x80) | equal(0xff),
        no_trail: all(|byte| byte < TRAIL_MIN || byte == 0x7f || byte == 0xff),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// One byte at a time: places, what was seen, and the end of the last whole record.
    fn slowly(text: &[u8], marks: Marks) -> (Vec<u32>, Seen, Option<usize>) {
        let (mut places, mut inside, mut seen, mut end) = (Vec::new(), false, Seen::default(), None);
        let separates = |byte: &u8| *byte == b'\n' || *byte == marks.delimiter;
        for (at, byte) in text.iter().enumerate() {
            seen.line_feeds += u64::from(*byte == b'\n');
            seen.nul |= *byte == 0;
            seen.returns |= *byte == b'\r';
            if Some(*byte) == marks.quote {
                inside = !inside;
                seen.quotes = true;
                seen.loose_quotes |= !match (inside, &text[at + 1..]) {
                    (true, _) => at == 0 || text.get(at - 1).is_some_and(separates),
                    (false, [] | [b'\r'] | [b'\r', b'\n', ..]) => true,
                    (false, [byte, ..]) => separates(byte),
                };
            } else if *byte == b'\n' {
                seen.lines_in_quotes |= inside;
                if !inside {
                    places.push(at as u32 | LINE);
                    end = Some(at + 1);
                }
            } else if *byte == marks.delimiter && !inside {
                let is_marked = |mark| text.get(at + 1) == Some(&mark);
                if marks.cell_mark.is_none_or(is_marked) {
                    places.push(at as u32);
                }
            }
        }
        if text.last().is_some_and(|byte| *byte != b'\n') || inside {
            places.push(text.len() as u32 | LINE);
        }
        (places, seen, end)
    }

    /// Text of ASCII and pairs, and the place in the bytes of each of its own bytes and of its end.
    fn pair_by_pair(bytes: &[u8]) -> Option<(String, Vec<u32>)> {
        let (mut text, mut offsets, mut at) = (String::new(), Vec::new(), 0);
        while at < bytes.len() {
            let length = if bytes[at] < 0x80 { 1 } else { 2 };
            let character = bytes.get(at..at + length)?;
            let decoded = encoding_rs::GBK.decode_without_bom_handling_and_without_replacement(character)?;
            if decoded.chars().count() != 1 {
                return None;
            }
            offsets.resize(offsets.len() + decoded.len(), at as u32);
            text.push_str(&decoded);
            at += length;
        }
        offsets.push(at as u32);
        Some((text, offsets))
    }

    fn without_closely(places: &Places) -> Vec<u32> {
        places.all().iter().map(|place| place & !CLOSELY).collect()
    }

    /// Every cell that is not its own text is told. Of cells without quotes and marks no other is, but for one whose byte at the end
    /// of a word is odd.
    fn check_cells(text: &[u8], marks: Marks, places: &Places, is_decoded: impl Fn(u8) -> bool) {
        let line_ends = places.all().iter().filter(|place| **place & LINE != 0);
        assert_eq!(places.lines(), line_ends.count());
        let quote = marks.quote.filter(|_| marks.cell_mark.is_none());
        let is_quote = |byte: &u8| Some(*byte) == quote;
        let is_trimmed =
            |byte: &u8| *byte == b'\r' || marks.trimmed.is_some_and(|trimmed| trimmed.contains(byte));
        let mut start = 0;
        for place in places.all() {
            let end = (place & PLACE) as usize;
            let mark = usize::from(marks.cell_mark.is_some() && text.get(start) == marks.cell_mark.as_ref());
            let cell = &text[(start + mark).min(end)..end];
            let ends = [cell.first(), cell.last()].into_iter().flatten();
            let is_text = !ends.into_iter().any(|byte| is_quote(byte) || is_trimmed(byte))
                && !cell.iter().any(|byte| is_decoded(*byte));
            let told = place & CLOSELY != 0;
            // A row that begins without a mark is none of its table.
            let is_of_table = marks.cell_mark.is_none() || mark == 1;
            assert!(told || is_text || !is_of_table, "{cell:?}");
            let at_word = (start..end).any(|at| at % 64 == 63 && is_trimmed(&text[at]));
            let is_simple = marks.cell_mark.is_none() && !cell.iter().any(is_quote) && !at_word;
            assert!(!told || !is_text || !is_simple, "{cell:?}");
            start = end + 1;
        }
    }

    proptest! {
        #[test]
        fn separators_are_found_as_one_by_one(text in "[a,;\"\n|\r支\u{0}]{0,300}", dense in "[,|]{0,90}", how in 0..4, semicolon in any::<bool>()) {
            let text = text + &dense;
            let marks = Marks {
                delimiter: if semicolon { b';' } else { b',' },
                quote: (how == 1).then_some(b'"'),
                cell_mark: (how > 1).then_some(b'|'),
                trimmed: Some(*b"aaa"),
            };
            let mut places = Places { room: vec![7; 3], count: 2, lines: 1 };
            let (open, _) = open_separators(text.as_bytes(), marks, &mut places);
            let expected = slowly(text.as_bytes(), marks);
            let mut narrow = Places::default();
            prop_assert_eq!(separators_by(text.as_bytes(), marks, &mut narrow, masks_of, set_bits::step_by_step, |_| Characters::OF_TEXT, set_bits::prefix_xor).0, open);
            prop_assert_eq!(narrow.all(), places.all());
            check_cells(text.as_bytes(), marks, &places, |_| false);
            let end = places.end_with_a_line();
            prop_assert_eq!((end, end_of_records(text.as_bytes(), marks)), (expected.2, expected.2));
            if let Some(end) = end {
                let before = expected.0.iter().filter(|place| ((**place & PLACE) as usize) < end);
                prop_assert_eq!(without_closely(&places), before.copied().collect::<Vec<_>>());
            }
            let seen = separators(text.as_bytes(), marks, &mut places);
            prop_assert_eq!((without_closely(&places), seen), (expected.0, expected.1));
        }

        #[test]
        fn separators_of_gbk_are_those_of_its_text(
            text in "[a|\",\n丂丄亅亊亊亊支付宝絴|`镀饇]{0,200}",
            noise in prop::collection::vec(any::<u8>(), 0..80),
            cut in 0usize..200,
            bar in any::<bool>(),
            marked in any::<bool>(),
        ) {
            let marks = Marks {
                delimiter: if bar { b'|' } else { b',' },
                quote: (!marked).then_some(b'"'),
                cell_mark: marked.then_some(b'`'),
                trimmed: Some(*b"a\n|"),
            };
            let (whole, _, _) = encoding_rs::GBK.encode(&text);
            for bytes in [&whole[..], &whole[..cut.min(whole.len())], &[&whole[..], &noise].concat(), &noise] {
                let (mut places, mut narrow) = (Places::default(), Places::default());
                let seen = open_gbk_separators(bytes, marks, &mut places);
                let mut pairs = Pairs::default();
                let same = separators_by(bytes, marks, &mut narrow, portable_masks, set_bits::step_by_step, |masks| pairs.characters(masks), set_bits::prefix_xor);
                prop_assert_eq!(seen, pairs.are_pairs().then_some(same));
                prop_assert_eq!(places.all(), narrow.all());
                check_cells(bytes, marks, &places, |byte| byte >= 0x80);
                // The last character may be cut.
                let begun = bytes.split_last().filter(|(last, _)| (0x81..=0xfe).contains(*last));
                let read = pair_by_pair(bytes).or_else(|| pair_by_pair(begun?.1));
                let Some((text, offsets)) = read else {
                    prop_assert_eq!(seen, None);
                    continue;
                };
                let (mut slow, mut slow_seen, _) = slowly(text.as_bytes(), marks);
                if slow.last() == Some(&(text.len() as u32 | LINE)) {
                    slow.pop();
                }
                let (seen, _) = seen.unwrap_or_default();
                // What stands behind a quote at the end is known where a character begins there.
                slow_seen.loose_quotes |= seen.loose_quotes && text.ends_with('"') && offsets.last() < Some(&(bytes.len() as u32));
                prop_assert_eq!(seen, slow_seen);
                let delivered = |place: &u32| offsets[(place & PLACE) as usize] | (place & LINE);
                prop_assert_eq!(without_closely(&places), slow.iter().map(delivered).collect::<Vec<_>>());
            }
        }

        #[test]
        fn every_machine_sees_the_same(bytes in prop::collection::vec(any::<u8>(), 64), delimiter in any::<u8>()) {
            let bytes: [u8; 64] = bytes.try_into().unwrap();
            let marks = Marks { delimiter, quote: Some(b'"'), cell_mark: None, trimmed: Some(*b"\r \t") };
            let slow = portable_masks(&bytes, marks);
            let all = vec![masks_of(&bytes, marks)];
            #[cfg(target_arch = "x86_64")]
            let all = {
                let mut all = all;
                if crate::terms::vectors::avx2_with_bits() {
                    // SAFETY: the machine has them.
                    all.push(unsafe { wide_masks(&bytes, marks) });
                }
                if crate::terms::vectors::avx512_that_compresses() {
                    // SAFETY: as above.
                    all.push(unsafe { widest_masks(&bytes, marks) });
                }
                all
            };
            for fast in all {
                prop_assert_eq!(
                    (fast.delimiter, fast.line, fast.carriage_return, fast.quote, fast.trimmed, fast.nul, fast.high, fast.no_lead, fast.no_trail),
                    (slow.delimiter, slow.line, slow.carriage_return, slow.quote, slow.trimmed, slow.nul, slow.high, slow.no_lead, slow.no_trail)
                );
            }
        }
    }
}

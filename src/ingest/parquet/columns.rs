//! Decodes one flat column, a portion of rows at a time, into arrays that are used again.
//!
//! Texts are not copied: a [`View`] says where each lies in its page. Codes into a dictionary stay codes. Nulls are
//! empty texts, a code of their own, or 0 with a mark beside it.

use std::cell::Cell;

use super::Unfit;
use super::bits::Hybrid;
use super::delta::Delta;
use super::input::Input;
use super::page_header::{Encoding, PageHeader, PageKind};
use super::pages::Pages;
use super::survey::{check_utf8, controls_of_length, survey};
use super::unpack::{Codec, Unpacker};

/// Where a text lies.
#[derive(Clone, Copy, Debug, Default)]
pub struct View {
    start: u32,
    length: u32,
}

impl View {
    /// The text within its page.
    #[inline(always)]
    pub fn of(self, bytes: &[u8]) -> &[u8] {
        let start = self.start as usize;
        &bytes[start..start + self.length as usize]
    }
}

/// How single values lie in the file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Physical {
    /// Byte strings.
    Text,
    /// 32 bits.
    Int32,
    /// 64 bits.
    Int64,
    /// Big-endian numbers of so many bytes, 1 to 16.
    Fixed(usize),
}

/// What a column chunk is and where it lies.
#[derive(Clone, Copy, Debug)]
pub struct Chunk {
    /// How values lie.
    pub physical: Physical,
    /// How pages are compressed.
    pub codec: Codec,
    /// False when no value can be null.
    pub optional: bool,
    /// Where it lies in the file.
    pub start: u64,
    /// Where it ends.
    pub end: u64,
}

/// Stands in [`Dictionary::judged`] for a text that no rule has looked at yet.
pub const UNJUDGED: u16 = u16::MAX;

/// The values that codes stand for.
#[derive(Default)]
struct Dictionary {
    /// True once the chunk's dictionary page was read.
    there: bool,
    bytes: Vec<u8>,
    /// Texts, and behind them the empty one that null is.
    views: Vec<View>,
    /// What the rule of the field said of each text: a number that means something to the rule alone.
    judged: Vec<Cell<u16>>,
    ints: Vec<i64>,
    wides: Vec<i128>,
    controls: bool,
}

/// What the portion's arrays hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Form {
    #[default]
    Views,
    /// Views of texts that were put together here.
    Built,
    Codes,
    Ints,
    Wides,
}

/// The portion just decoded.
#[derive(Clone, Copy)]
pub enum Portion<'a> {
    /// Texts, each by its view.
    Views(&'a [u8], &'a [View]),
    /// Texts by code: codes, texts, and what was said of each text.
    Codes(&'a [u32], &'a [u8], &'a [View], &'a [Cell<u16>]),
    /// Numbers.
    Ints(&'a [i64]),
    /// Numbers of more than 64 bits.
    Wides(&'a [i128]),
}

#[derive(Clone, Copy, Debug, Default)]
enum Decoder {
    /// Nothing to decode: the page was passed over, or was not begun.
    #[default]
    Nothing,
    /// The next value's byte.
    Plain(usize),
    Codes(Hybrid),
    Delta(Delta),
    /// Lengths, and the next text's byte.
    DeltaLength(Delta, usize),
    /// Lengths shared with the text before, lengths of what follows, and the next of what follows.
    DeltaBytes(Delta, Delta, usize),
}

/// Reads one column. Buffers live as long as the reader.
#[derive(Default)]
pub struct ColumnReader {
    chunk: Option<Chunk>,
    pages: Pages,
    dictionary: Dictionary,
    level_bytes: Vec<u8>,
    body: Vec<u8>,
    levels: Hybrid,
    decoder: Decoder,
    /// Rows of the page that were not decoded yet.
    page_rows: usize,

    form: Form,
    views: Vec<View>,
    codes: Vec<u32>,
    ints: Vec<i64>,
    wides: Vec<i128>,
    /// Texts that were put together.
    built: Vec<u8>,
    last: Vec<u8>,
    /// Which rows of the portion are null; empty where none is.
    nulls: Vec<bool>,
    /// Levels while they are counted; lengths while texts are put together.
    scratch: Vec<u32>,
    lengths: Vec<i64>,
    /// Control characters may be about in the portion's texts.
    pub controls: bool,
}

/// Most bytes of the texts of a portion that are put together from shared beginnings.
const BUILT_BYTES_MAX: usize = 256 << 20;

impl ColumnReader {
    /// Begins a chunk.
    pub fn restart(&mut self, chunk: Chunk) {
        self.pages.restart(chunk.start, chunk.end);
        self.chunk = Some(chunk);
        self.dictionary.there = false;
        self.page_rows = 0;
        self.decoder = Decoder::Nothing;
    }

    /// Rows that can be decoded at once: what is left of the page, or of the next one. `wanted` says whether any of
    /// the next so many rows is; a page without one is not unpacked.
    ///
    /// # Errors
    /// There is no further page, or it is not as the fast path knows it.
    pub fn rows_at_hand(
        &mut self,
        input: &Input,
        unpacker: &mut Unpacker,
        wanted: &dyn Fn(usize) -> bool,
    ) -> Result<usize, Unfit> {
        while self.page_rows == 0 {
            self.decoder = Decoder::Nothing;
            let header = self.pages.header(input)?.ok_or(Unfit)?;
            if header.kind == PageKind::Dictionary {
                self.read_dictionary(input, &header, unpacker)?;
            } else if wanted(header.values) {
                self.begin_page(input, &header, unpacker)?;
            } else {
                self.pages.pass_over(&header);
                self.page_rows = header.values;
            }
        }
        Ok(self.page_rows)
    }

    /// True when no rows are left, in this page or behind it.
    ///
    /// # Errors
    /// What is left is no page.
    pub fn is_at_end(&mut self, input: &Input) -> Result<bool, Unfit> {
        while self.page_rows == 0 {
            match self.pages.header(input)? {
                None => return Ok(true),
                Some(header) if header.values == 0 => self.pages.pass_over(&header),
                Some(_) => return Ok(false),
            }
        }
        Ok(false)
    }

    fn chunk(&self) -> Result<Chunk, Unfit> {
        self.chunk.ok_or(Unfit)
    }

    fn read_dictionary(
        &mut self,
        input: &Input,
        header: &PageHeader,
        unpacker: &mut Unpacker,
    ) -> Result<(), Unfit> {
        let chunk = self.chunk()?;
        let dictionary = &mut self.dictionary;
        if dictionary.there {
            return Err(Unfit);
        }
        dictionary.there = true;
        let (levels, bytes) = (&mut self.level_bytes, &mut dictionary.bytes);
        self.pages
            .unpack(input, header, chunk.codec, unpacker, levels, bytes)?;
        // Every value takes a byte at least, so a count beyond that is damage and makes no room.
        if header.values > bytes.len() && header.values > 0 {
            return Err(Unfit);
        }
        dictionary.controls = false;
        match chunk.physical {
            Physical::Text => {
                dictionary.views.resize(header.values, View::default());
                plain_views(bytes, &mut 0, &mut dictionary.views)?;
                dictionary.controls = check_plain(bytes, &dictionary.views)?;
                dictionary.views.push(View::default());
                dictionary.judged.clear();
                dictionary.judged.resize(header.values + 1, Cell::new(UNJUDGED));
            }
            Physical::Fixed(9..) => {
                dictionary.wides.resize(header.values, 0);
                plain_wides(chunk.physical, bytes, &mut 0, &mut dictionary.wides)?;
            }
            _ => {
                dictionary.ints.resize(header.values, 0);
                plain_ints(chunk.physical, bytes, &mut 0, &mut dictionary.ints)?;
            }
        }
        Ok(())
    }

    fn begin_page(
        &mut self,
        input: &Input,
        header: &PageHeader,
        unpacker: &mut Unpacker,
    ) -> Result<(), Unfit> {
        let chunk = self.chunk()?;
        let (levels, body) = (&mut self.level_bytes, &mut self.body);
        self.pages
            .unpack(input, header, chunk.codec, unpacker, levels, body)?;
        let mut at = 0;
        if chunk.optional {
            if let PageKind::V1 { rle_levels } = header.kind {
                if !rle_levels {
                    return Err(Unfit);
                }
                let length = body.first_chunk::<4>().ok_or(Unfit)?;
                at = 4 + u32::from_le_bytes(*length) as usize;
                levels.extend_from_slice(body.get(4..at).ok_or(Unfit)?);
            }
            self.levels = Hybrid::new(0, levels.len(), 1)?;
        } else if !levels.is_empty() {
            return Err(Unfit);
        }
        self.decoder = match (header.encoding, chunk.physical) {
            (Encoding::Plain, _) => Decoder::Plain(at),
            (Encoding::Codes, _) => {
                if !self.dictionary.there {
                    return Err(Unfit);
                }
                match body.get(at) {
                    Some(width) => Decoder::Codes(Hybrid::new(at + 1, body.len(), u32::from(*width))?),
                    // A page of nulls alone.
                    None => Decoder::Codes(Hybrid::new(at, at, 0)?),
                }
            }
            (Encoding::Delta, Physical::Int32 | Physical::Int64) => Decoder::Delta(Delta::new(body, at)?),
            (Encoding::DeltaLength, Physical::Text) => {
                let lengths = Delta::new(body, at)?;
                Decoder::DeltaLength(lengths, lengths.end(body)?)
            }
            (Encoding::DeltaBytes, Physical::Text) => {
                let shared = Delta::new(body, at)?;
                let lengths = Delta::new(body, shared.end(body)?)?;
                self.last.clear();
                Decoder::DeltaBytes(shared, lengths, lengths.end(body)?)
            }
            _ => return Err(Unfit),
        };
        self.page_rows = header.values;
        Ok(())
    }

    /// Decodes the next `rows` rows, at most those at hand. A page that was passed over cannot be decoded.
    ///
    /// # Errors
    /// The page does not hold them.
    pub fn decode(&mut self, rows: usize) -> Result<(), Unfit> {
        let chunk = self.chunk()?;
        assert!(rows <= self.page_rows, "a portion lies in one page");
        self.page_rows -= rows;
        let values = if chunk.optional {
            self.take_levels(rows)?
        } else {
            rows
        };
        if !chunk.optional {
            self.nulls.clear();
        }
        match chunk.physical {
            Physical::Text => self.take_texts(values)?,
            Physical::Fixed(9..) => self.take_wides(chunk.physical, values)?,
            _ => self.take_ints(chunk.physical, values)?,
        }
        if values < rows {
            let nulls = &self.nulls;
            match self.form {
                Form::Views | Form::Built => spread(&mut self.views, nulls, View::default()),
                // The empty text stands behind all others.
                Form::Codes => spread(&mut self.codes, nulls, self.dictionary.views.len() as u32 - 1),
                Form::Ints => spread(&mut self.ints, nulls, 0),
                Form::Wides => spread(&mut self.wides, nulls, 0),
            }
        }
        Ok(())
    }

    /// Passes rows over, at most those at hand.
    ///
    /// # Errors
    /// As [`ColumnReader::decode`].
    pub fn pass_over(&mut self, rows: usize) -> Result<(), Unfit> {
        if matches!(self.decoder, Decoder::Nothing) {
            self.page_rows = self.page_rows.checked_sub(rows).ok_or(Unfit)?;
            return Ok(());
        }
        self.decode(rows)
    }

    /// Notes which of the next rows are null, and counts those that are not.
    fn take_levels(&mut self, rows: usize) -> Result<usize, Unfit> {
        self.nulls.clear();
        if self.levels.all_are(&self.level_bytes, rows)? == Some(1) {
            self.levels.skip(&self.level_bytes, rows)?;
            return Ok(rows);
        }
        self.scratch.resize(rows, 0);
        self.levels.take(&self.level_bytes, &mut self.scratch)?;
        self.nulls.extend(self.scratch.iter().map(|level| *level == 0));
        Ok(self.nulls.iter().filter(|null| !**null).count())
    }

    fn take_texts(&mut self, count: usize) -> Result<(), Unfit> {
        let body = &self.body;
        self.form = Form::Views;
        match &mut self.decoder {
            Decoder::Plain(at) => {
                self.views.resize(count, View::default());
                plain_views(body, at, &mut self.views)?;
                self.controls = check_plain(body, &self.views)?;
            }
            Decoder::Codes(codes) => {
                self.form = Form::Codes;
                self.codes.resize(count, 0);
                codes.take(body, &mut self.codes)?;
                check_codes(&self.codes, self.dictionary.judged.len() - 1)?;
                self.controls = self.dictionary.controls;
            }
            Decoder::DeltaLength(lengths, at) => {
                self.lengths.resize(count, 0);
                lengths.take(body, &mut self.lengths)?;
                self.views.clear();
                let from = *at;
                for length in &self.lengths {
                    let view = view_at(*at, *length)?;
                    *at += view.length as usize;
                    self.views.push(view);
                }
                let texts = body.get(from..*at).ok_or(Unfit)?;
                self.controls = check_texts(texts, body, &self.views)?;
            }
            Decoder::DeltaBytes(shared, lengths, at) => {
                self.form = Form::Built;
                self.built.clear();
                self.views.clear();
                let mut before = View::default();
                // The text before the first is that of the last portion.
                self.built.extend_from_slice(&self.last);
                before.length = self.last.len() as u32;
                self.lengths.resize(2 * count, 0);
                let (shares, rests) = self.lengths.split_at_mut(count);
                shared.take(body, shares)?;
                lengths.take(body, rests)?;
                for (share, rest) in shares.iter().zip(rests) {
                    let share = u32::try_from(*share).map_err(|_| Unfit)?;
                    let rest = view_at(*at, *rest)?;
                    *at += rest.length as usize;
                    if share > before.length || *at > body.len() {
                        return Err(Unfit);
                    }
                    let start = self.built.len();
                    if start > BUILT_BYTES_MAX {
                        return Err(Unfit);
                    }
                    let from = before.start as usize;
                    self.built.extend_from_within(from..from + share as usize);
                    self.built.extend_from_slice(rest.of(body));
                    before = view_at(start, (self.built.len() - start) as i64)?;
                    self.views.push(before);
                }
                self.controls = check_texts(&self.built, &self.built, &self.views)?;
                self.last.clear();
                self.last.extend_from_slice(before.of(&self.built));
            }
            Decoder::Nothing | Decoder::Delta(_) => return Err(Unfit),
        }
        Ok(())
    }

    fn take_ints(&mut self, physical: Physical, count: usize) -> Result<(), Unfit> {
        self.form = Form::Ints;
        self.ints.resize(count, 0);
        match &mut self.decoder {
            Decoder::Plain(at) => plain_ints(physical, &self.body, at, &mut self.ints),
            Decoder::Codes(codes) => {
                self.codes.resize(count, 0);
                codes.take(&self.body, &mut self.codes)?;
                look_up(&self.codes, &self.dictionary.ints, &mut self.ints)
            }
            Decoder::Delta(delta) => {
                delta.take(&self.body, &mut self.ints)?;
                if physical == Physical::Int32 {
                    for value in &mut self.ints {
                        *value = i64::from(*value as i32);
                    }
                }
                Ok(())
            }
            _ => Err(Unfit),
        }
    }

    fn take_wides(&mut self, physical: Physical, count: usize) -> Result<(), Unfit> {
        self.form = Form::Wides;
        self.wides.resize(count, 0);
        match &mut self.decoder {
            Decoder::Plain(at) => plain_wides(physical, &self.body, at, &mut self.wides),
            Decoder::Codes(codes) => {
                self.codes.resize(count, 0);
                codes.take(&self.body, &mut self.codes)?;
                look_up(&self.codes, &self.dictionary.wides, &mut self.wides)
            }
            _ => Err(Unfit),
        }
    }

    /// The portion just decoded, and which of its rows are null: nothing where none is.
    pub fn portion(&self) -> (Portion<'_>, Option<&[bool]>) {
        let portion = match self.form {
            Form::Views => Portion::Views(&self.body, &self.views),
            Form::Built => Portion::Views(&self.built, &self.views),
            Form::Codes => {
                let dictionary = &self.dictionary;
                Portion::Codes(
                    &self.codes,
                    &dictionary.bytes,
                    &dictionary.views,
                    &dictionary.judged,
                )
            }
            Form::Ints => Portion::Ints(&self.ints),
            Form::Wides => Portion::Wides(&self.wides),
        };
        (portion, (!self.nulls.is_empty()).then_some(&self.nulls))
    }
}

/// A view, if it has 32 bits.
fn view_at(start: usize, length: i64) -> Result<View, Unfit> {
    Ok(View {
        start: u32::try_from(start).map_err(|_| Unfit)?,
        length: u32::try_from(length).map_err(|_| Unfit)?,
    })
}

/// The views of texts that stand behind their lengths.
fn plain_views(bytes: &[u8], at: &mut usize, views: &mut [View]) -> Result<(), Unfit> {
    let mut next = *at;
    for view in views {
        let length = bytes
            .get(next..)
            .and_then(|rest| rest.first_chunk::<4>())
            .ok_or(Unfit)?;
        let length = u32::from_le_bytes(*length);
        let start = next + 4;
        next = start + length as usize;
        if next > bytes.len() {
            return Err(Unfit);
        }
        // No page has more bytes than 31 bits count.
        *view = View {
            start: start as u32,
            length,
        };
    }
    *at = next;
    Ok(())
}

/// Checks texts that stand behind their lengths, without nulls between them; true when control characters are about.
fn check_plain(bytes: &[u8], views: &[View]) -> Result<bool, Unfit> {
    let (Some(first), Some(last)) = (views.first(), views.last()) else {
        return Ok(false);
    };
    // Lengths and texts are looked at in one go; the lengths' own bytes are known.
    let stretch = &bytes[first.start as usize - 4..(last.start + last.length) as usize];
    let found = survey(stretch);
    if found.beyond_ascii {
        for view in views {
            check_utf8(view.of(bytes))?;
        }
    }
    let lengths: usize = views.iter().map(|view| controls_of_length(view.length)).sum();
    Ok(found.controls != lengths)
}

/// Checks texts that stand end to end; true when control characters are about.
fn check_texts(stretch: &[u8], bytes: &[u8], views: &[View]) -> Result<bool, Unfit> {
    let found = survey(stretch);
    if found.beyond_ascii {
        for view in views {
            check_utf8(view.of(bytes))?;
        }
    }
    Ok(found.controls > 0)
}

fn plain_ints(physical: Physical, bytes: &[u8], at: &mut usize, out: &mut [i64]) -> Result<(), Unfit> {
    let width = match physical {
        Physical::Int32 => 4,
        Physical::Int64 => 8,
        Physical::Fixed(width @ 1..=8) => width,
        _ => return Err(Unfit),
    };
    let packed = stretch(bytes, at, width, out.len())?;
    match physical {
        Physical::Int32 => {
            for (value, bytes) in out.iter_mut().zip(packed.as_chunks::<4>().0) {
                *value = i64::from(i32::from_le_bytes(*bytes));
            }
        }
        Physical::Int64 => {
            for (value, bytes) in out.iter_mut().zip(packed.as_chunks::<8>().0) {
                *value = i64::from_le_bytes(*bytes);
            }
        }
        _ => {
            for (value, bytes) in out.iter_mut().zip(packed.chunks_exact(width)) {
                let mut word = [0; 8];
                word[..width].copy_from_slice(bytes);
                // Shifted down with the sign.
                *value = i64::from_be_bytes(word) >> (64 - 8 * width);
            }
        }
    }
    Ok(())
}

fn plain_wides(physical: Physical, bytes: &[u8], at: &mut usize, out: &mut [i128]) -> Result<(), Unfit> {
    let Physical::Fixed(width @ 1..=16) = physical else {
        return Err(Unfit);
    };
    let packed = stretch(bytes, at, width, out.len())?;
    for (value, bytes) in out.iter_mut().zip(packed.chunks_exact(width)) {
        let mut word = [0; 16];
        word[..width].copy_from_slice(bytes);
        *value = i128::from_be_bytes(word) >> (128 - 8 * width);
    }
    Ok(())
}

/// The next `count` values of `width` bytes each.
fn stretch<'a>(bytes: &'a [u8], at: &mut usize, width: usize, count: usize) -> Result<&'a [u8], Unfit> {
    let end = count
        .checked_mul(width)
        .and_then(|length| at.checked_add(length))
        .ok_or(Unfit)?;
    let stretch = bytes.get(*at..end).ok_or(Unfit)?;
    *at = end;
    Ok(stretch)
}

fn check_codes(codes: &[u32], values: usize) -> Result<(), Unfit> {
    let highest = codes.iter().fold(0, |highest, code| (*code).max(highest));
    if codes.is_empty() || (highest as usize) < values {
        Ok(())
    } else {
        Err(Unfit)
    }
}

fn look_up<T: Copy>(codes: &[u32], values: &[T], out: &mut [T]) -> Result<(), Unfit> {
    check_codes(codes, values.len())?;
    for (out, code) in out.iter_mut().zip(codes) {
        *out = values[*code as usize];
    }
    Ok(())
}

/// Moves the values that are there to their rows, and puts `null` in all others.
fn spread<T: Copy>(values: &mut Vec<T>, nulls: &[bool], null: T) {
    let mut from = values.len();
    values.resize(nulls.len(), null);
    for (row, is_null) in nulls.iter().enumerate().rev() {
        values[row] = if *is_null {
            null
        } else {
            from -= 1;
            values[from]
        };
    }
}

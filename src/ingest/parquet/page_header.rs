//! The header in front of every page: Thrift's compact protocol, only the fields that decoding needs.
//!
//! Source: `parquet.thrift` of the Parquet format 2.11 and Thrift's "compact protocol". Page statistics, checksums and
//! fields of later versions are stepped over.

use super::Unfit;

/// How the values of a page are written, as far as the fast path knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Encoding {
    /// `PLAIN`.
    Plain,
    /// `PLAIN_DICTIONARY` and `RLE_DICTIONARY`: codes into the dictionary page.
    Codes,
    /// `DELTA_BINARY_PACKED`.
    Delta,
    /// `DELTA_LENGTH_BYTE_ARRAY`.
    DeltaLength,
    /// `DELTA_BYTE_ARRAY`.
    DeltaBytes,
}

impl Encoding {
    fn of(number: i64) -> Result<Encoding, Unfit> {
        Ok(match number {
            0 => Encoding::Plain,
            2 | 8 => Encoding::Codes,
            5 => Encoding::Delta,
            6 => Encoding::DeltaLength,
            7 => Encoding::DeltaBytes,
            _ => return Err(Unfit),
        })
    }
}

/// What stands in a page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PageKind {
    /// The values that codes stand for.
    Dictionary,
    /// Levels and values, compressed together.
    V1 {
        /// False when levels are written in the old way that nobody uses.
        rle_levels: bool,
    },
    /// Levels, never compressed, then values.
    V2 {
        /// Bytes of definition levels.
        level_bytes: usize,
        /// False when the values are as they are whatever the column's codec.
        compressed: bool,
    },
    /// An index, or something newer: passed over.
    Other,
}

/// The header of a page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PageHeader {
    /// What stands in it.
    pub kind: PageKind,
    /// Bytes in the file.
    pub stored_bytes: usize,
    /// Bytes once unpacked.
    pub unpacked_bytes: usize,
    /// Values, nulls included.
    pub values: usize,
    /// How they are written.
    pub encoding: Encoding,
}

/// Nesting of structures that are stepped over; statistics have one level.
const DEPTH_MAX: u32 = 16;

const BOOL_TRUE: u8 = 1;
const BOOL_FALSE: u8 = 2;
const I16: u8 = 4;
const I32: u8 = 5;
const I64: u8 = 6;
const STRUCT: u8 = 12;

/// Reads the header at the start of `bytes`, and gives its length.
///
/// # Errors
/// `bytes` ends before the header does, or is none.
pub fn parse(bytes: &[u8]) -> Result<(PageHeader, usize), Unfit> {
    let mut input = Compact { bytes, at: 0 };
    let (mut page_type, mut unpacked, mut stored) = (-1, -1, -1);
    let (mut v1, mut v2, mut dictionary) = (None, None, None);
    let mut fields = FieldIds::default();
    while let Some((id, kind)) = fields.next(&mut input)? {
        match (id, kind) {
            (1, I32) => page_type = input.signed()?,
            (2, I32) => unpacked = input.signed()?,
            (3, I32) => stored = input.signed()?,
            (5, STRUCT) => v1 = Some(Numbers::read(&mut input)?),
            (7, STRUCT) => dictionary = Some(Numbers::read(&mut input)?),
            (8, STRUCT) => v2 = Some(Numbers::read(&mut input)?),
            _ => input.skip(kind, DEPTH_MAX)?,
        }
    }
    // Field numbers of the three structures differ: see `parquet.thrift`.
    let (kind, values, encoding) = match page_type {
        0 => {
            let page = v1.ok_or(Unfit)?;
            let rle_levels = page.get(3)? == 3;
            (
                PageKind::V1 { rle_levels },
                page.get(1)?,
                Encoding::of(page.get(2)?)?,
            )
        }
        2 => {
            let page = dictionary.ok_or(Unfit)?;
            let (values, encoding) = (page.get(1)?, page.get(2)?);
            if !matches!(encoding, 0 | 2) {
                return Err(Unfit);
            }
            (PageKind::Dictionary, values, Encoding::Plain)
        }
        3 => {
            let page = v2.ok_or(Unfit)?;
            // Repetition levels belong to nested columns.
            if page.get(6)? != 0 {
                return Err(Unfit);
            }
            let kind = PageKind::V2 {
                level_bytes: usize::try_from(page.get(5)?).map_err(|_| Unfit)?,
                compressed: page.numbers[7].unwrap_or(1) != 0,
            };
            (kind, page.get(1)?, Encoding::of(page.get(4)?)?)
        }
        _ => (PageKind::Other, 0, Encoding::Plain),
    };
    // In the file they have 32 bits and a sign.
    let size = |number: i64| {
        i32::try_from(number)
            .ok()
            .and_then(|n| usize::try_from(n).ok())
            .ok_or(Unfit)
    };
    let header = PageHeader {
        kind,
        stored_bytes: size(stored)?,
        unpacked_bytes: size(unpacked)?,
        values: size(values)?,
        encoding,
    };
    Ok((header, input.at))
}

/// The numbers and flags of a structure, by field number.
struct Numbers {
    numbers: [Option<i64>; 9],
}

impl Numbers {
    fn read(input: &mut Compact<'_>) -> Result<Numbers, Unfit> {
        let mut numbers = [None; 9];
        let mut fields = FieldIds::default();
        while let Some((id, kind)) = fields.next(input)? {
            let value = match kind {
                BOOL_TRUE => 1,
                BOOL_FALSE => 0,
                I16 | I32 | I64 => input.signed()?,
                _ => {
                    input.skip(kind, DEPTH_MAX)?;
                    continue;
                }
            };
            if let Some(slot) = usize::try_from(id).ok().and_then(|id| numbers.get_mut(id)) {
                *slot = Some(value);
            }
        }
        Ok(Numbers { numbers })
    }

    fn get(&self, id: usize) -> Result<i64, Unfit> {
        self.numbers[id].ok_or(Unfit)
    }
}

/// Field numbers are written as steps from the last.
#[derive(Default)]
struct FieldIds {
    last: i64,
}

impl FieldIds {
    /// Number and type of the next field; `None` at the end of the structure.
    fn next(&mut self, input: &mut Compact<'_>) -> Result<Option<(i64, u8)>, Unfit> {
        let head = input.byte()?;
        if head == 0 {
            return Ok(None);
        }
        self.last = match head >> 4 {
            0 => input.signed()?,
            step => self.last.checked_add(i64::from(step)).ok_or(Unfit)?,
        };
        Ok(Some((self.last, head & 15)))
    }
}

struct Compact<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Compact<'_> {
    fn byte(&mut self) -> Result<u8, Unfit> {
        let byte = *self.bytes.get(self.at).ok_or(Unfit)?;
        self.at += 1;
        Ok(byte)
    }

    fn unsigned(&mut self) -> Result<u64, Unfit> {
        let (number, next) = super::bits::varint(self.bytes, self.at)?;
        self.at = next;
        Ok(number)
    }

    fn signed(&mut self) -> Result<i64, Unfit> {
        self.unsigned().map(super::bits::zigzag)
    }

    fn step(&mut self, bytes: u64) -> Result<(), Unfit> {
        let left = (self.bytes.len() - self.at) as u64;
        if bytes > left {
            return Err(Unfit);
        }
        self.at += bytes as usize;
        Ok(())
    }

    fn skip(&mut self, kind: u8, depth: u32) -> Result<(), Unfit> {
        let depth = depth.checked_sub(1).ok_or(Unfit)?;
        match kind {
            BOOL_TRUE | BOOL_FALSE => Ok(()),
            3 => self.step(1),
            I16 | I32 | I64 => self.unsigned().map(|_| ()),
            7 => self.step(8),
            8 => {
                let bytes = self.unsigned()?;
                self.step(bytes)
            }
            9 | 10 => {
                let head = self.byte()?;
                let items = match head >> 4 {
                    15 => self.unsigned()?,
                    items => u64::from(items),
                };
                for _ in 0..items {
                    self.skip_item(head & 15, depth)?;
                }
                Ok(())
            }
            11 => {
                let items = self.unsigned()?;
                let kinds = if items == 0 { 0 } else { self.byte()? };
                for _ in 0..items {
                    self.skip_item(kinds >> 4, depth)?;
                    self.skip_item(kinds & 15, depth)?;
                }
                Ok(())
            }
            STRUCT => {
                let mut fields = FieldIds::default();
                while let Some((_, kind)) = fields.next(self)? {
                    self.skip(kind, depth)?;
                }
                Ok(())
            }
            _ => Err(Unfit),
        }
    }

    /// In lists a flag has a byte of its own, so every item takes one at least, and damage cannot loop for long.
    fn skip_item(&mut self, kind: u8, depth: u32) -> Result<(), Unfit> {
        match kind {
            BOOL_TRUE | BOOL_FALSE => self.step(1),
            _ => self.skip(kind, depth),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// type 0, 100 bytes unpacked, 60 stored, {7 values, RLE_DICTIONARY, RLE, RLE, statistics {min "a"}}.
    const V1: [u8; 23] = [
        0x15, 0x00, 0x15, 0xc8, 0x01, 0x15, 0x78, 0x2c, 0x15, 0x0e, 0x15, 0x10, 0x15, 0x06, 0x15, 0x06, 0x1c,
        0x58, 0x01, b'a', 0x00, 0x00, 0x00,
    ];

    #[test]
    fn a_page_header_is_read_and_its_statistics_stepped_over() {
        let (header, length) = parse(&V1).unwrap();
        assert_eq!(length, V1.len());
        assert_eq!(
            header,
            PageHeader {
                kind: PageKind::V1 { rle_levels: true },
                stored_bytes: 60,
                unpacked_bytes: 100,
                values: 7,
                encoding: Encoding::Codes,
            }
        );
    }

    #[test]
    fn damaged_headers_are_refused_or_end() {
        for cut in 0..V1.len() {
            assert!(parse(&V1[..cut]).is_err(), "{cut}");
        }
        for at in 0..V1.len() {
            for bit in 0..8 {
                let mut damaged = V1;
                damaged[at] ^= 1 << bit;
                if let Ok((_, length)) = parse(&damaged) {
                    assert!(length <= V1.len());
                }
            }
        }
        // A list of 2^60 flags takes as many bytes, and does not have them.
        let mut endless = vec![0x19, 0xf1];
        endless.extend([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f]);
        assert!(parse(&endless).is_err());
    }
}

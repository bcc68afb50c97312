//! Full rows, read again at the places where the first reading saw them.
//!
//! The first reading keeps only what the stages need. The few rows that break, share an id or are asked about are
//! fetched afterwards with all their fields: by position from plain files, by reading through from packed ones.

use std::collections::BTreeMap;
use std::sync::Arc;

use rayon::prelude::*;

use crate::book::Book;
use crate::book::settings::Settings;
use crate::day::forward::{ForwardRow, open_bank, open_channel, open_platform};
use crate::day::pool::{Held, Origin, Pool};
use crate::day::read::{CANONICAL, refuse};
use crate::day::run::DayInputs;
use crate::day::state::OpenRow;
use crate::entries::rows::{BalanceRow, BankRow, ChannelRow, Place, PlatformRow, Reject, RowSink};
use crate::findings::Stop;
use crate::ingest::canonical::{self, HeaderBinding, ReadContext, RowSource, Work};
use crate::ingest::csv_blocks::{BlockError, BlockReader, text_stream};
use crate::ingest::files::{self, Delivered};
use crate::ingest::formats::{FileRefused, FormatContext, read_foreign};
use crate::ingest::parquet::{Kept, ParquetFile, WantedRow};
use crate::terms::date::Date;

/// Where full rows are fetched.
#[derive(Clone, Copy)]
pub struct Fetcher<'a> {
    /// The book.
    pub book: &'a Book,
    /// Files of the day by number.
    pub delivered: &'a [Delivered],
    /// The day being closed.
    pub business_date: Date,
}

impl<'a> Fetcher<'a> {
    /// From what was delivered for a day.
    pub fn of(day: &DayInputs<'a>) -> Fetcher<'a> {
        Fetcher {
            book: day.book,
            delivered: &day.delivery.files,
            business_date: day.date,
        }
    }

    /// The full rows of a pool at some origins, in the order asked for.
    ///
    /// # Errors
    /// As [`Fetcher::fetch`].
    pub fn rows_of(&self, pool: &Pool, bank_leg: usize, origins: &[Origin]) -> Result<Vec<OpenRow>, Stop> {
        self.fetch(&pool.forward, origins, &|row| pool.held(bank_leg, row))
    }

    /// The same rows for those who keep them in several places.
    ///
    /// # Errors
    /// As [`Fetcher::fetch`].
    pub fn shared_rows_of(
        &self,
        pool: &Pool,
        bank_leg: usize,
        origins: &[Origin],
    ) -> Result<Vec<Arc<OpenRow>>, Stop> {
        self.fetch_shared(&pool.forward, origins, &|row| pool.held(bank_leg, row))
    }

    /// The full rows at some origins, in the order asked for. `forward` are the rows brought forward; `held` gives what
    /// is in memory of a row of today, by block and ordinal.
    ///
    /// # Errors
    /// 74 when a file can no longer be read as it was.
    pub fn fetch(
        &self,
        forward: &[ForwardRow],
        origins: &[Origin],
        held: &dyn Fn((usize, u32)) -> Option<Held>,
    ) -> Result<Vec<OpenRow>, Stop> {
        let rows = self.fetch_shared(forward, origins, held)?;
        Ok(rows.into_iter().map(Arc::unwrap_or_clone).collect())
    }

    fn fetch_shared(
        &self,
        forward: &[ForwardRow],
        origins: &[Origin],
        held: &dyn Fn((usize, u32)) -> Option<Held>,
    ) -> Result<Vec<Arc<OpenRow>>, Stop> {
        let mut by_file: BTreeMap<u32, Vec<(Place, usize)>> = BTreeMap::new();
        let mut rows: Vec<Option<Arc<OpenRow>>> = vec![None; origins.len()];
        for (index, origin) in origins.iter().enumerate() {
            match origin {
                Origin::Forward(at) => rows[index] = Some(Arc::clone(&forward[*at].item.row)),
                Origin::Today(file, place, _) => by_file.entry(*file).or_default().push((*place, index)),
            }
        }
        for (file, mut wanted) in by_file {
            wanted.sort_unstable();
            let file = &self.delivered[file as usize];
            let mut once = wanted.clone();
            once.dedup_by_key(|(place, _)| *place);
            // Only Parquet can leave out columns that are in memory.
            let is_parquet = file.parquet && self.book.settings.sources[file.source].format == CANONICAL;
            let held_row = |(place, index): &(Place, usize)| {
                let row = match origins[*index] {
                    Origin::Today(_, _, row) => row.filter(|_| is_parquet),
                    Origin::Forward(_) => None,
                };
                (*place, row.and_then(held))
            };
            let rows_held: Vec<(Place, Option<Held>)> = once.iter().map(held_row).collect();
            let mut found: Vec<Option<Arc<OpenRow>>> = vec![None; once.len()];
            for (at, row) in self.read(file, &rows_held)? {
                if found[at].replace(row).is_some() {
                    let place = once[at].0;
                    return Err(Stop::invariant(format!(
                        "{}: two rows stand at {place:?}",
                        file.name
                    )));
                }
            }
            for (same, row) in wanted.chunk_by(|a, b| a.0 == b.0).zip(found) {
                for (_, index) in same {
                    rows[*index] = row.clone();
                }
            }
        }
        rows.into_iter()
            .zip(origins)
            .map(|(row, origin)| {
                row.ok_or_else(|| Stop::invariant(format!("a row was not found again at {origin:?}")))
            })
            .collect()
    }

    /// The rows of one file at some places, ascending, with what is held of them.
    fn read(&self, file: &Delivered, rows: &[(Place, Option<Held>)]) -> Result<Found, Stop> {
        let settings = &self.book.settings;
        let source = &settings.sources[file.source];
        let context = ReadContext::new(settings, source, None);
        let places: Vec<Place> = rows.iter().map(|(place, _)| *place).collect();
        let mut sink = Keeper {
            settings,
            wanted: &places,
            next: 0,
            found: Vec::with_capacity(places.len()),
        };
        let read_failed = |error: std::io::Error| files::read_failed(file, &error);
        let block_failed = |error: BlockError| match error {
            BlockError::Refused(refused) => refuse(file, refused),
            BlockError::Io(error) => files::read_failed(file, &error),
        };
        let encoding = source.encoding.as_deref();
        if source.format != CANONICAL {
            let bytes = files::open(file).map_err(read_failed)?;
            let context = FormatContext {
                settings,
                source,
                business_date: self.business_date,
            };
            let profiles = |name: &str| {
                self.book
                    .profiles
                    .get(name)
                    .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
            };
            read_foreign(&source.format, &profiles, bytes, &context, &mut sink)
                .map_err(|refused| refuse(file, refused))?;
        } else if file.parquet {
            let table = crate::day::read::open_parquet(file, source.role, &context)?;
            return read_parquet(&table, rows, &context, &sink).map_err(|refused| refuse(file, refused));
        } else {
            let reader =
                BlockReader::new(files::open(file).map_err(read_failed)?, encoding).map_err(block_failed)?;
            let binding = canonical::bind_header(source.role, reader.header(), &context)
                .map_err(|refused| refuse(file, refused))?;
            let as_it_lies = file.is_plain() && encoding.is_none() && !is_utf16(file).map_err(read_failed)?;
            if as_it_lies {
                return read_positions(file, &binding, &context, &sink).map_err(read_failed);
            }
            let rows = RowSource::Stream(
                text_stream(files::open(file).map_err(read_failed)?, encoding).map_err(block_failed)?,
            );
            let mut work = Work::default();
            canonical::fetch_rows(rows, &binding, &places, &context, &mut work, &mut sink)
                .map_err(read_failed)?;
        }
        Ok(sink.found)
    }
}

/// Rows of a plain file are read by their positions, some threads side by side.
fn read_positions(
    file: &Delivered,
    binding: &HeaderBinding,
    context: &ReadContext,
    keeper: &Keeper<'_>,
) -> std::io::Result<Found> {
    let threads = rayon::current_num_threads();
    let rows = keeper.wanted.len().div_ceil(threads).max(ROWS_OF_A_THREAD);
    let pieces = keeper.wanted.par_chunks(rows).enumerate();
    let read = |(piece, wanted): (usize, &[Place])| {
        let mut sink = Keeper {
            wanted,
            ..keeper.empty()
        };
        let source = RowSource::Positions(files::open_on_disk(file)?);
        let mut work = Work::default();
        canonical::fetch_rows(source, binding, wanted, context, &mut work, &mut sink)?;
        for (at, _) in &mut sink.found {
            *at += piece * rows;
        }
        Ok(sink.found)
    };
    let found: Vec<std::io::Result<Found>> = pieces.map(read).collect();
    joined(found)
}

/// Rows found by several threads; of several refusals the first counts, whichever thread was faster.
fn joined<E>(found: Vec<Result<Found, E>>) -> Result<Found, E> {
    let mut all = Found::new();
    for rows in found {
        all.extend(rows?);
    }
    Ok(all)
}

/// Row groups are read side by side, those rows first of which enough is held that most of a file need not be unpacked.
fn read_parquet(
    table: &ParquetFile,
    rows: &[(Place, Option<Held>)],
    context: &ReadContext,
    keeper: &Keeper<'_>,
) -> Result<Found, FileRefused> {
    fn wanted<'a>((place, held): &'a (Place, Option<Held>)) -> WantedRow<'a> {
        WantedRow {
            number: place.offset,
            kept: held.as_ref().map(|held| Kept {
                id: &held.id,
                bank_ref: &held.bank_ref,
                amount_minor: held.amount_minor,
            }),
        }
    }
    let (held, others): (Vec<WantedRow<'_>>, Vec<WantedRow<'_>>) =
        rows.iter().map(wanted).partition(|row| row.kept.is_some());
    let mut groups = table.by_row_group(&held)?;
    groups.extend(table.by_row_group(&others)?);
    let found: Vec<Result<Found, FileRefused>> = groups
        .into_par_iter()
        .map(|(_, rows)| {
            let mut sink = keeper.empty();
            table.read_rows(rows, context, &mut sink)?;
            Ok(sink.found)
        })
        .collect();
    joined(found)
}

/// True when the file begins with a mark of UTF-16: its text is then not its bytes.
fn is_utf16(file: &Delivered) -> std::io::Result<bool> {
    use std::io::Read;
    let mut mark = Vec::new();
    files::open_on_disk(file)?.take(2).read_to_end(&mut mark)?;
    Ok(matches!(mark.as_slice(), [0xff, 0xfe] | [0xfe, 0xff]))
}

/// Fewest rows for which a thread more is asked.
const ROWS_OF_A_THREAD: usize = 1024;

/// Rows with the number of the place at which each was wanted.
type Found = Vec<(usize, Arc<OpenRow>)>;

/// Keeps the wanted rows in full.
struct Keeper<'a> {
    settings: &'a Settings,
    /// Places, ascending, each once.
    wanted: &'a [Place],
    /// Number in `wanted` of the place behind that of the last row kept.
    next: usize,
    found: Found,
}

impl<'a> Keeper<'a> {
    fn empty(&self) -> Keeper<'a> {
        Keeper {
            found: Vec::new(),
            ..*self
        }
    }

    /// Keeps the row of a place if it is wanted.
    fn keep(&mut self, place: Place, row: impl FnOnce(&Settings) -> OpenRow) {
        // Rows that are read by their places come in the order in which they are wanted.
        let is_next = self.wanted.get(self.next) == Some(&place);
        let at = match is_next {
            true => Some(self.next),
            false => self.wanted.binary_search(&place).ok(),
        };
        if let Some(at) = at {
            self.found.push((at, Arc::new(row(self.settings))));
            self.next = at + 1;
        }
    }
}

impl RowSink for Keeper<'_> {
    fn platform(&mut self, row: &PlatformRow<'_>) {
        self.keep(row.place, |_| open_platform(row));
    }

    fn bank(&mut self, row: &BankRow<'_>) {
        self.keep(row.place, |settings| open_bank(row, settings));
    }

    fn channel(&mut self, row: &ChannelRow<'_>) {
        self.keep(row.place, |_| open_channel(row));
    }

    fn balance(&mut self, _row: &BalanceRow) {}

    fn reject(&mut self, _reject: Reject) {}

    fn not_booked(&mut self, _place: Place) {}
}

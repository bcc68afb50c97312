//! Writes the entries of blocks aside once those in memory pass the budget.
//!
//! Until then nothing touches the disk. From then on every block of the day goes aside, those read before too, some
//! neighbours at a time, so that a piece of a range is long enough to be worth a place on the disk.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::day::intake::InputBlock;
use crate::entries::block::EntryBlock;
use crate::entries::block::shard::{Parted, ReturnedShards, Shards};
use crate::entries::spill::{Piece, Shelf, batch, narrow, wide};
use crate::findings::{Finding, Stop, StopCode};
use crate::host::{self, WorkFile};
use crate::report::show;

/// A bound on the memory of a close, and where it may put what does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// Bytes of the whole process.
    pub bytes: u64,
    /// The work folder. It is not there before, and removed by whoever made the bound.
    pub folder: PathBuf,
}

/// What a close of any size needs: the program, its buffers, encoders of each thread.
const FIXED_BYTES: u64 = 40 << 20;
/// What a thread needs for reading a stretch of a file, holding some blocks, and encoding a row group.
const THREAD_BYTES: u64 = 44 << 20;
/// Blocks that are written at a time, by one thread.
const BLOCKS_AT_ONCE: usize = 16;
/// What a pair of rows needs while its range is in memory.
const RANGE_PAIR_BYTES: u64 = 400;
/// Files of a shelf: with more threads some share one, as few files may be open as some systems allow.
const FILES_MAX: usize = 16;
/// Ids of a block that are kept as a sample of all.
const SAMPLE_ROWS: usize = 4096;

/// The sides of a leg.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// Platform; the channel between channel and bank.
    Left,
    /// Bank; the channel between platform and channel.
    Right,
}

impl Side {
    /// Both.
    pub const BOTH: [Side; 2] = [Side::Left, Side::Right];

    /// A block's entries of this side, by leg.
    fn of(self, block: &InputBlock) -> &[EntryBlock] {
        match self {
            Side::Left => &block.left,
            Side::Right => &block.right,
        }
    }
}

/// A side of a leg, by the leg's index: what lies aside by itself.
pub type LegSide = (usize, Side);

/// What stays in memory of a block whose entries lie aside.
#[derive(Clone, Debug, Default)]
pub struct Outlines {
    /// The number under which it lies aside: not its number in the pool.
    pub number: u32,
    /// By leg and side.
    pub legs: Vec<[Outline; 2]>,
}

impl Outlines {
    /// One side of a leg; `None` where the block has no such leg.
    pub fn of(&self, (leg, side): LegSide) -> Option<&Outline> {
        self.legs.get(leg).map(|sides| &sides[side as usize])
    }
}

/// One side of a block.
#[derive(Clone, Debug, Default)]
pub struct Outline {
    /// Entries.
    pub rows: usize,
    /// Id of the first entry.
    pub first: Vec<u8>,
    /// Id of the next entry that is not late, where there is one.
    pub second: Option<Vec<u8>>,
    /// Highest id.
    pub highest: Vec<u8>,
    /// Hashes of ids that are not above all ids before them.
    pub late: Vec<u64>,
    /// Ids at even distances.
    pub samples: Vec<Vec<u8>>,
}

impl Outline {
    /// Of the entries of a block.
    pub fn of(block: &EntryBlock) -> Outline {
        if block.is_empty() {
            return Outline::default();
        }
        let id = |position: usize| block.id(position).to_vec();
        Outline {
            rows: block.len(),
            first: id(0),
            second: (1..block.len())
                .zip(block.late().iter().map(Some).chain(std::iter::repeat(None)))
                .find(|(position, late)| *late != Some(&(*position as u32)))
                .map(|(position, _)| id(position)),
            highest: id(block.highest()),
            late: block
                .late()
                .iter()
                .map(|at| block.id(*at as usize).key_hash())
                .collect(),
            samples: (0..block.len()).step_by(SAMPLE_ROWS).map(id).collect(),
        }
    }
}

/// Takes blocks of a day out of memory.
#[derive(Debug)]
pub struct Spill {
    bound: Bound,
    threads: usize,
    /// Bytes of blocks that may stay in memory.
    budget_bytes: usize,
    range_bits: u32,
    legs: usize,
    held_bytes: AtomicUsize,
    spilling: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    shelves: Option<Arc<Shelves>>,
    failed: Option<Stop>,
    blocks: u32,
    /// By leg and side, by range.
    pieces: Vec<[Vec<Vec<Piece>>; 2]>,
    /// Rows of the two sides, by leg, by range.
    rows: Vec<Vec<u64>>,
    /// First block of each piece of places.
    places: BTreeMap<u32, Piece>,
}

#[derive(Debug)]
struct Shelves {
    entries: Shelf,
    places: Shelf,
}

impl Spill {
    /// For a day of about so many rows on its larger side, and so many legs. Uses the current rayon pool's number of threads.
    pub fn new(bound: Bound, expected_rows: u64, legs: usize) -> Spill {
        let threads = rayon::current_num_threads().max(1);
        let all = expected_rows.saturating_mul(RANGE_PAIR_BYTES * threads as u64);
        let ranges = all
            .div_ceil((bound.bytes / 3).max(1))
            .clamp(16, 1024)
            .next_power_of_two();
        let beside = FIXED_BYTES + THREAD_BYTES * threads as u64;
        Spill {
            threads,
            // Matching and settling need about half as much again.
            budget_bytes: usize::try_from(bound.bytes.saturating_sub(beside) / 3 * 2).unwrap_or(usize::MAX),
            range_bits: ranges.trailing_zeros(),
            legs,
            held_bytes: AtomicUsize::new(0),
            spilling: AtomicBool::new(false),
            state: Mutex::default(),
            bound,
        }
    }

    /// True when the day's entries lie aside.
    pub fn is_spilling(&self) -> bool {
        self.spilling.load(Ordering::Acquire)
    }

    /// Ranges are so many bits of the key's hash.
    pub fn range_bits(&self) -> u32 {
        self.range_bits
    }

    /// Bytes of the bound.
    pub fn bound_bytes(&self) -> u64 {
        self.bound.bytes
    }

    /// Threads of the close.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// Called by a reader after each of its blocks with all that it has read: those in memory are at the end.
    pub fn took(&self, blocks: &mut [InputBlock]) {
        let bytes = blocks.last().map_or(0, InputBlock::held_bytes);
        let held = self.held_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if !self.is_spilling() {
            if held <= self.budget_bytes {
                return;
            }
            self.spilling.store(true, Ordering::Release);
        }
        let from = blocks.partition_point(|block| block.spilled.is_some());
        let waiting = &mut blocks[from..];
        if waiting.len() >= BLOCKS_AT_ONCE {
            waiting
                .chunks_mut(BLOCKS_AT_ONCE)
                .for_each(|blocks| self.put(blocks));
        }
    }

    /// Called by a reader that lets go of blocks which [`Spill::took`] has counted.
    pub fn forgot<'b>(&self, blocks: impl Iterator<Item = &'b InputBlock>) {
        let in_memory = blocks.filter(|block| block.spilled.is_none());
        let bytes = in_memory.map(InputBlock::held_bytes).sum();
        self.held_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Takes what readers have left over, once all is read.
    ///
    /// # Errors
    /// 64 when the bound is too low to work with; else what the system reports of the work folder.
    pub fn finish(&self, blocks: &mut [InputBlock]) -> Result<(), Stop> {
        if !self.is_spilling() {
            return Ok(());
        }
        for blocks in blocks.chunk_by_mut(|a, b| a.spilled.is_some() == b.spilled.is_some()) {
            if blocks[0].spilled.is_none() {
                blocks
                    .chunks_mut(BLOCKS_AT_ONCE)
                    .for_each(|blocks| self.put(blocks));
            }
        }
        match self.lock().failed.take() {
            Some(stop) => Err(stop),
            None => Ok(()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts blocks aside. After a failure nothing is kept: the day stops when it is read to its end.
    fn put(&self, blocks: &mut [InputBlock]) {
        let first = {
            let mut state = self.lock();
            let first = state.blocks;
            state.blocks += blocks.len() as u32;
            first
        };
        let written = self
            .shelves()
            .and_then(|shelves| self.write(blocks, first, &shelves));
        if let Err(stop) = written {
            self.lock().failed.get_or_insert(stop);
        }
        for (number, block) in (first..).zip(blocks) {
            let (left, right) = (std::mem::take(&mut block.left), std::mem::take(&mut block.right));
            let legs = left.iter().zip(&right);
            let legs = legs.map(|(left, right)| [Outline::of(left), Outline::of(right)]);
            block.spilled = Some(Outlines {
                number,
                legs: legs.collect(),
            });
            // Where a write failed they are still there.
            drop(block.places.take_offsets());
        }
    }

    /// The files, opened for the first block.
    fn shelves(&self) -> Result<Arc<Shelves>, Stop> {
        let mut state = self.lock();
        if let Some(shelves) = &state.shelves {
            return Ok(Arc::clone(shelves));
        }
        if state.failed.is_some() {
            return Err(Stop::invariant("a block was to be put aside after a failure"));
        }
        self.check_bound()?;
        host::create_folder(&self.bound.folder)?;
        let shelves = Arc::new(Shelves {
            entries: self.new_shelf("entries")?,
            places: self.new_shelf("places")?,
        });
        let ranges = 1usize << self.range_bits;
        state.pieces = vec![[vec![Vec::new(); ranges], vec![Vec::new(); ranges]]; self.legs];
        state.rows = vec![vec![0; ranges]; self.legs];
        state.shelves = Some(Arc::clone(&shelves));
        Ok(shelves)
    }

    /// New files in the work folder, one a thread up to some.
    ///
    /// # Errors
    /// What the system reports.
    pub fn new_shelf(&self, name: &str) -> Result<Shelf, Stop> {
        let create = |number| WorkFile::create(&self.bound.folder, &format!("{name}-{number}.arrows"));
        let files = 0..self.threads.min(FILES_MAX);
        Ok(Shelf::new(files.map(create).collect::<Result<_, Stop>>()?))
    }

    fn check_bound(&self) -> Result<(), Stop> {
        let least = FIXED_BYTES + THREAD_BYTES * self.threads as u64;
        if self.bound.bytes >= least {
            return Ok(());
        }
        Err(too_low(self.bound.bytes, self.threads, least))
    }

    fn write(&self, blocks: &mut [InputBlock], first: u32, shelves: &Shelves) -> Result<(), Stop> {
        let places = (0..self.legs).flat_map(|leg| Side::BOTH.map(|side| (leg, side)));
        for (leg, side) in places {
            let sides: Vec<(u32, &EntryBlock)> = (first..)
                .zip(&*blocks)
                .filter_map(|(number, block)| Some((number, side.of(block).get(leg)?)))
                .filter(|(_, entries)| !entries.is_empty())
                .collect();
            if sides.is_empty() {
                continue;
            }
            let parted: Vec<(u32, Parted<'_>)> = sides
                .iter()
                .map(|(number, block)| (*number, Parted::new(block, self.range_bits)))
                .collect();
            let mut pieces = Vec::new();
            for range in 0..1usize << self.range_bits {
                let mut shards = Shards::default();
                for (number, parted) in &parted {
                    shards.push(*number, parted, range);
                }
                if shards.rows() > 0 {
                    let rows = shards.rows() as u64;
                    pieces.push((range, rows, shelves.entries.put(&shards.finish()?)?));
                }
            }
            let mut state = self.lock();
            for (range, rows, piece) in pieces {
                state.pieces[leg][side as usize][range].push(piece);
                state.rows[leg][range] += rows;
            }
        }
        let (mut numbers, mut lengths) = (Vec::new(), Vec::new());
        for (number, block) in (0..).zip(blocks) {
            let mut before = 0u32;
            for offset in block.places.take_offsets() {
                numbers.push(number);
                lengths.push(u64::from(offset.wrapping_sub(before)));
                before = offset;
            }
        }
        let piece = shelves
            .places
            .put(&batch(vec![narrow(numbers), narrow(lengths)])?)?;
        self.lock().places.insert(first, piece);
        Ok(())
    }

    /// Pieces of a range.
    pub fn pieces(&self, (leg, side): LegSide, range: usize) -> Vec<Piece> {
        let state = self.lock();
        let ranges = state.pieces.get(leg).map(|sides| &sides[side as usize]);
        ranges
            .and_then(|ranges| ranges.get(range))
            .cloned()
            .unwrap_or_default()
    }

    /// Rows of the largest range of some legs, both sides.
    fn largest_range_rows(&self, legs: &[usize]) -> u64 {
        let state = self.lock();
        let of_legs = legs.iter().filter_map(|leg| state.rows.get(*leg));
        of_legs.flatten().copied().max().unwrap_or(0)
    }

    /// A piece of a range.
    ///
    /// # Errors
    /// What the system reports.
    pub fn get(&self, piece: Piece, range: usize) -> Result<ReturnedShards, Stop> {
        let shelves = self.lock().shelves.clone();
        let shelves = shelves.ok_or_else(|| Stop::invariant("a piece was asked for, and none written"))?;
        let batch = shelves.entries.get(piece)?;
        Ok(ReturnedShards::new(batch, range, self.range_bits))
    }

    /// Offsets of rows, by (number aside, ordinal): what [`crate::day::places::Places::at`] asks for.
    ///
    /// # Errors
    /// What the system reports.
    pub fn offsets(&self, wanted: &[(u32, u32)]) -> Result<BTreeMap<(u32, u32), u32>, Stop> {
        assert!(wanted.is_sorted(), "rows are asked for in order");
        let (shelves, places) = {
            let state = self.lock();
            (state.shelves.clone(), state.places.clone())
        };
        let mut found = BTreeMap::new();
        let Some(shelves) = shelves.filter(|_| !wanted.is_empty()) else {
            return Ok(found);
        };
        let mut starts = places.iter().peekable();
        while let Some((first, piece)) = starts.next() {
            let end = starts.peek().map_or(u32::MAX, |(first, _)| **first);
            let from = wanted.partition_point(|row| row.0 < *first);
            let upto = wanted.partition_point(|row| row.0 < end);
            if from == upto {
                continue;
            }
            let batch = shelves.places.get(*piece)?;
            let (numbers, lengths) = (wide(&batch, 0)?, wide(&batch, 1)?);
            let mut at = 0;
            let mut rows = wanted[from..upto].iter().peekable();
            for run in numbers.chunk_by(|a, b| a == b) {
                // Blocks of a piece are numbered from its first on.
                let number = first + run[0] as u32;
                let mut offset = 0u32;
                for (ordinal, length) in (0u32..).zip(&lengths[at..at + run.len()]) {
                    offset = offset.wrapping_add(*length as u32);
                    while rows.next_if(|row| **row == (number, ordinal)).is_some() {
                        found.insert((number, ordinal), offset);
                    }
                }
                at += run.len();
            }
        }
        Ok(found)
    }

    /// How many threads may have a range of some legs in memory at a time, where so many bytes are kept of the whole day beside.
    ///
    /// # Errors
    /// 64 when not even one may.
    pub fn workers(&self, legs: &[usize], day_bytes: u64) -> Result<usize, Stop> {
        let one = self.largest_range_rows(legs) * RANGE_PAIR_BYTES / 2;
        let beside = FIXED_BYTES + day_bytes;
        let room = self.bound.bytes.saturating_sub(beside);
        match usize::try_from(room / one.max(1)).unwrap_or(usize::MAX) {
            0 => Err(too_low(self.bound.bytes, self.threads, beside + one)),
            most => Ok(most.min(self.threads)),
        }
    }
}

fn too_low(bytes: u64, threads: usize, least: u64) -> Stop {
    let mebibytes = |bytes: u64| show::count(bytes.div_ceil(1 << 20));
    Stop::new(
        StopCode::Usage,
        Finding::about(
            "",
            format!(
                "--memory {} MiB is too little for this day with {threads} threads: it needs at least {} MiB",
                mebibytes(bytes),
                mebibytes(least)
            ),
            "give more with --memory, or take fewer threads with --threads; nothing was published",
        ),
    )
}

/// Rows on the larger side of a day, as far as the sizes of its files tell: role and bytes of each, and whether it is
/// packed.
pub fn expected_rows(files: impl Iterator<Item = (bool, u64, bool)>) -> u64 {
    // A row of a canonical table has about 140 bytes as text, and about 20 packed.
    let mut sides = [0u64; 2];
    for (is_platform, bytes, is_packed) in files {
        sides[usize::from(is_platform)] += bytes / if is_packed { 18 } else { 140 };
    }
    sides[0].max(sides[1])
}

/// The work folder of a rehearsal by `holder`, in a folder that is not the book's.
pub fn rehearsal_folder(scratch: &Path, holder: &str) -> PathBuf {
    scratch.join(format!("tieout-{}", holder.replace(' ', "-")))
}

/// The work folder of a book's closes.
pub fn work_folder(closes: &Path) -> PathBuf {
    closes.join(".spill")
}

//! Stage 1: what was delivered for the day, read, checked across its files, and taken once.
//!
//! In: the files of the inbox, and what earlier closes know of files and statements. Out: blocks of rows, rejects, control sums,
//! statement balances and numbers ([`Taken`]), and things to say that are no findings. A file delivered before counts for
//! nothing (R20); what no single file can show is checked here ([`across`], [`parts`]), balances later, once rows delivered
//! twice are known ([`crate::day::balances`]).

use crate::day::across;
use crate::day::close::Progress;
use crate::day::forward::{self, ForwardRow};
use crate::day::intake::{InputBlock, IntakeContext};
use crate::day::parts;
use crate::day::read::read_all;
use crate::day::run::DayInputs;
use crate::day::taken::Taken;
use crate::entries::block::{BLOCK_ROWS_MAX, BLOCKS_MAX};
use crate::findings::{Finding, Stop, StopCode};
use crate::host;

/// Channel names that a day can number.
const CHANNELS_MAX: usize = 65_535;

/// Reads and takes what was delivered; beside it, notes for the summary.
///
/// # Errors
/// What reading and the checks across files report; 65 for more rejects than the policy takes, and for more channel names
/// than a day can number.
pub fn receive(
    day: &DayInputs<'_>,
    intake: &IntakeContext<'_>,
    progress: &dyn Progress,
) -> Result<(Taken, Vec<String>), Stop> {
    let (settings, files) = (&day.book.settings, &day.delivery.files);
    let mut reading = read_all(files, day.book, intake, &|bytes| progress.advance(bytes))?;
    if let Some(spill) = intake.spill {
        spill.finish(&mut reading.blocks)?;
        if spill.is_spilling() {
            // What blocks were made of is free, and in pieces that nothing else fits.
            host::release_memory();
        }
    }
    let skipped = day.delivery.skipped.iter();
    let mut notes: Vec<String> = skipped
        .map(|name| format!("{name}: hidden file passed over"))
        .collect();
    let (reports, state) = (&reading.reports, day.state);
    let known = parts::known_on(&state.files, reports, day.date);
    let mut statements = across::check(settings, files, reports, state, &known, day.date)?;
    notes.append(&mut statements.notes);
    notes.extend(parts::check(settings, files, reports, &known)?);
    if let Some(stop) = across::formats::of_rows(settings, files, reports, &known, &reading.blocks) {
        return Err(stop);
    }
    if intake.channels.names().len() > CHANNELS_MAX {
        return Err(too_many(
            "channel names",
            CHANNELS_MAX,
            "check the column `channel`: it names the channel, not the transaction",
        ));
    }
    let taken = Taken::new(day, reading, &known, statements, &mut notes);
    taken.refuse(&settings.policy.rejects)?;
    Ok((taken, notes))
}

/// All rows of the close: those brought forward come first, then `today`'s.
///
/// # Errors
/// 65 and 78 when an open row no longer fits the settings; 65 for more blocks than a day can number.
pub fn all_rows(
    day: &DayInputs<'_>,
    intake: &IntakeContext<'_>,
    mut today: Vec<InputBlock>,
) -> Result<(Vec<ForwardRow>, Vec<InputBlock>), Stop> {
    let state = day.state;
    let forward = forward::rows(&state.open_items, &state.unsettled, &day.book.settings)?;
    let mut blocks = forward::blocks(&forward, intake)?;
    blocks.append(&mut today);
    if blocks.len() > BLOCKS_MAX {
        return Err(too_many_blocks(blocks.len()));
    }
    Ok((forward, blocks))
}

/// Names beyond what a day can number: which rows came first must not decide what is refused.
pub fn too_many(what: &str, most: usize, help: &str) -> Stop {
    Stop::new(
        StopCode::BadData,
        Finding::about("inbox", format!("found more than {most} {what} in a day"), help),
    )
}

/// A day beyond what one run can number.
fn too_many_blocks(blocks: usize) -> Stop {
    Stop::new(
        StopCode::BadData,
        Finding::about(
            "inbox",
            format!(
                "found {blocks} blocks of up to {BLOCK_ROWS_MAX} rows, each file at least one, expected at most {BLOCKS_MAX}"
            ),
            "join small files into larger ones, and run the day again; a day holds about 4 billion rows at most",
        ),
    )
}

//! All tables of the state together: files of `opening/` or `state/` in, files of `state/` out.

use crate::book::settings::Settings;
use crate::day::state::State;
use crate::day::state::cells::{Record, nearest, read_table, write_table};
use crate::findings::{Finding, Stop, StopCode};

/// Names of the files of the state, sorted.
pub const FILES: [&str; 18] = [
    "accounts.csv",
    "adjustments.csv",
    "breaks.csv",
    "carried.csv",
    "chained.csv",
    "customers.csv",
    "dues.csv",
    "fee_returns.csv",
    "files.csv",
    "holds.csv",
    "inter_pool.csv",
    "ledger.csv",
    "open_items.csv",
    "own.csv",
    "payouts.csv",
    "statements.csv",
    "statements_taken.csv",
    "unsettled.csv",
];

impl State {
    /// Reads the state. `read` gives the bytes of a file by its name, or `None` where there is none: an absent table
    /// is empty. `place` stands before the file names in findings (`opening`, `closes/2026-11-19/1/state`).
    /// Tables may be in any order and come out sorted; lines with an amount of 0 are left out of `dues`, `carried`
    /// and `customers`.
    ///
    /// # Errors
    /// 65 with every finding of every table.
    pub fn from_files(
        read: &dyn Fn(&str) -> Option<Vec<u8>>,
        settings: &Settings,
        place: &str,
    ) -> Result<State, Stop> {
        let mut findings = Vec::new();
        let mut reader = Reader {
            read,
            settings,
            place,
            findings: &mut findings,
        };
        let state = State {
            open_items: reader.table(),
            unsettled: reader.table(),
            chained: reader.table(),
            dues: reader.table(),
            holds: reader.table(),
            carried: reader.table(),
            payouts: reader.table(),
            customers: reader.table(),
            accounts: reader.table(),
            own: reader.table(),
            inter_pool: reader.table(),
            files: reader.table(),
            fee_returns: reader.table(),
            ledger: reader.table(),
            open_breaks: reader.table(),
            statements: reader.table(),
            statements_taken: reader.table(),
            adjustments: reader.table(),
        };
        findings.sort();
        match findings.is_empty() {
            true => Ok(state),
            false => Err(Stop {
                code: StopCode::BadData,
                findings,
            }),
        }
    }

    /// Refuses files that are no table of the state, with the nearest name: a misspelt `opening/due.csv` would
    /// otherwise be money that nobody sees. Names are as in the folder, without it.
    ///
    /// # Errors
    /// 65 with one finding per unknown file.
    pub fn check_names<'a>(names: impl IntoIterator<Item = &'a str>, place: &str) -> Result<(), Stop> {
        let unknown = names.into_iter().filter(|name| !FILES.contains(name));
        let mut findings: Vec<Finding> = unknown
            .map(|name| {
                let near = nearest(name, FILES.into_iter());
                Finding::about(
                    format!("{place}/{name}"),
                    format!("found a file that is no table of the state, did you mean `{near}`?"),
                    format!("the tables are {}", FILES.join(", ")),
                )
            })
            .collect();
        findings.sort();
        match findings.is_empty() {
            true => Ok(()),
            false => Err(Stop {
                code: StopCode::BadData,
                findings,
            }),
        }
    }

    /// Writes the state: every table with its header, sorted by its key, in the order of [`FILES`]. Statements,
    /// their numbers, ids of adjustments and bill rows half-way are written where there are any: few books have them.
    pub fn to_files(&self) -> Vec<(String, Vec<u8>)> {
        let mut files = vec![
            file(&self.open_items),
            file(&self.unsettled),
            file(&self.dues),
            file(&self.holds),
            file(&self.carried),
            file(&self.payouts),
            file(&self.customers),
            file(&self.accounts),
            file(&self.own),
            file(&self.inter_pool),
            file(&self.files),
            file(&self.fee_returns),
            file(&self.ledger),
            file(&self.open_breaks),
        ];
        if !self.chained.is_empty() {
            files.push(file(&self.chained));
        }
        if !self.statements.is_empty() {
            files.push(file(&self.statements));
        }
        if !self.statements_taken.is_empty() {
            files.push(file(&self.statements_taken));
        }
        if !self.adjustments.is_empty() {
            files.push(file(&self.adjustments));
        }
        files.sort();
        files
    }
}

fn file<T: Record>(rows: &[T]) -> (String, Vec<u8>) {
    (format!("{}.csv", T::TABLE), write_table(rows))
}

struct Reader<'a> {
    read: &'a dyn Fn(&str) -> Option<Vec<u8>>,
    settings: &'a Settings,
    place: &'a str,
    findings: &'a mut Vec<Finding>,
}

impl Reader<'_> {
    fn table<T: Record>(&mut self) -> Vec<T> {
        let name = format!("{}.csv", T::TABLE);
        match (self.read)(&name) {
            None => Vec::new(),
            Some(bytes) => read_table(
                &bytes,
                self.settings,
                &format!("{}/{name}", self.place),
                self.findings,
            ),
        }
    }
}

//! What people decided in the close of a day, as rows that the copy posts again: its breaks are those that they left.

use std::collections::BTreeSet;
use std::path::Path;

use crate::book::settings::Role;
use crate::findings::Stop;
use crate::ingest::canonical::layout;
use crate::terms::currency::Currency;
use crate::terms::money::format_minor;

/// The adjustments that a close posted.
#[derive(Clone, Debug, Default)]
pub struct Decisions {
    /// Cells in the order of the fields of the role.
    rows: Vec<Vec<String>>,
    /// txn_ids and entry_ids of rows that they closed.
    ids: BTreeSet<String>,
}

impl Decisions {
    /// Reads them from a close; one without the table has none.
    ///
    /// # Errors
    /// 70 when its table cannot be read: it was sealed.
    pub fn read(close: &Path) -> Result<Decisions, Stop> {
        let path = close.join("adjustments.csv");
        let mut decisions = Decisions::default();
        if !path.exists() {
            return Ok(decisions);
        }
        let unreadable =
            |error: &dyn std::fmt::Display| Stop::invariant(format!("{}: {error}", path.display()));
        let mut reader = csv::Reader::from_path(&path).map_err(|error| unreadable(&error))?;
        let header = reader.headers().map_err(|error| unreadable(&error))?.clone();
        for record in reader.records() {
            let record = record.map_err(|error| unreadable(&error))?;
            let cell = |name: &str| {
                let at = header.iter().position(|column| column == name);
                at.and_then(|at| record.get(at)).unwrap_or_default()
            };
            let currency = Currency::parse(cell("currency").as_bytes());
            let minor = cell("amount_minor").parse::<i64>().ok();
            let (Some(currency), Some(minor)) = (currency, minor) else {
                return Err(unreadable(&"an amount without a currency"));
            };
            let amount = format_minor(i128::from(minor), currency.digits());
            let field = |name: &str| match name {
                "amount" => amount.clone(),
                name => cell(name).to_owned(),
            };
            let fields = layout::fields(Role::Adjustments).iter();
            decisions
                .rows
                .push(fields.map(|known| field(known.name)).collect());
            for column in ["txn_id", "entry_id"] {
                let ids = cell(column).split('+').filter(|id| !id.is_empty());
                decisions.ids.extend(ids.map(str::to_owned));
            }
        }
        Ok(decisions)
    }

    /// True when nothing was decided.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// True for a row about which people decided: it is no row that agrees by itself.
    pub fn closed(&self, id: &str) -> bool {
        self.ids.contains(id)
    }

    /// Writes them as a canonical table.
    ///
    /// # Errors
    /// What the system reports.
    pub fn write(&self, path: &Path) -> Result<(), Stop> {
        let failed = |error: csv::Error| Stop::io(path, "write", &std::io::Error::other(error));
        let mut writer = csv::Writer::from_path(path).map_err(failed)?;
        let names = layout::fields(Role::Adjustments).iter().map(|field| field.name);
        writer.write_record(names).map_err(failed)?;
        for row in &self.rows {
            writer.write_record(row).map_err(failed)?;
        }
        writer.flush().map_err(|error| Stop::io(path, "write", &error))
    }
}

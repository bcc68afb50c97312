//! Settled payments of earlier closes, looked up by txn_id in their `matched` tables (R16).

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use arrow::array::{Array, Int64Array, StringArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::statistics::Statistics;
use rustc_hash::FxHashSet;

use crate::day::history::History;
use crate::findings::{Finding, Stop, StopCode};
use crate::terms::currency::Currency;
use crate::terms::date::Date;

/// Days back in which an original is looked for (R16).
const REACH_DAYS: i32 = 365;

/// A settled payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// Its merchant.
    pub merchant_id: String,
    /// Currency.
    pub currency: Currency,
    /// Minor units.
    pub amount_minor: i64,
    /// Fee charged, minor units.
    pub fee_minor: i64,
}

/// Finds payments by txn_id in the closes before `date`, the latest first.
///
/// # Errors
/// 65 when a `matched` table of a close cannot be read.
pub fn find(
    history: &History,
    date: Date,
    wanted: &FxHashSet<Vec<u8>>,
) -> Result<BTreeMap<Vec<u8>, Settled>, Stop> {
    let mut found = BTreeMap::new();
    let mut missing: FxHashSet<Vec<u8>> = wanted.clone();
    for closed in history.in_force().into_iter().rev() {
        if closed.date >= date {
            continue;
        }
        if missing.is_empty() || date.days_since(closed.date) > REACH_DAYS {
            break;
        }
        let folder = closed.folder.join("matched");
        let mut parts: Vec<_> = std::fs::read_dir(&folder)
            .and_then(|entries| {
                entries
                    .map(|entry| entry.map(|e| e.path()))
                    .collect::<Result<_, _>>()
            })
            .map_err(|error| Stop::io(&folder, "read", &error))?;
        parts.sort();
        for part in parts {
            search(&part, &mut missing, &mut found).map_err(|error| {
                Stop::new(
                    StopCode::BadData,
                    Finding::about(
                        part.display().to_string(),
                        format!("cannot be read: {error}"),
                        "run `tieout verify`",
                    ),
                )
            })?;
        }
    }
    Ok(found)
}

fn search(
    part: &Path,
    missing: &mut FxHashSet<Vec<u8>>,
    found: &mut BTreeMap<Vec<u8>, Settled>,
) -> Result<(), Box<dyn std::error::Error>> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(part)?)?;
    let schema = builder.parquet_schema();
    let place = |name: &str| schema.columns().iter().position(|column| column.name() == name);
    let Some(id_column) = place("txn_id") else {
        return Ok(());
    };
    // Parts are sorted by txn_id within a leg: most row groups are passed over by their bounds.
    let groups: Vec<usize> = (0..builder.metadata().num_row_groups())
        .filter(|group| {
            let column = builder.metadata().row_group(*group).column(id_column);
            let bounds = match column.statistics() {
                Some(Statistics::ByteArray(bounds)) => bounds.min_opt().zip(bounds.max_opt()),
                _ => None,
            };
            bounds.is_none_or(|(min, max)| {
                missing
                    .iter()
                    .any(|id| id.as_slice() >= min.data() && id.as_slice() <= max.data())
            })
        })
        .collect();
    if groups.is_empty() {
        return Ok(());
    }
    let names = [
        "txn_id",
        "txn_type",
        "merchant_id",
        "currency",
        "amount_minor",
        "fee_minor",
    ];
    let mask = ProjectionMask::leaves(schema, names.iter().filter_map(|name| place(name)));
    for batch in builder.with_projection(mask).with_row_groups(groups).build()? {
        let batch = batch?;
        let text = |name: &str| -> Result<StringArray, Box<dyn std::error::Error>> {
            let column = batch.column_by_name(name).ok_or("a column is missing")?;
            let column = cast(column, &DataType::Utf8)?;
            Ok(column
                .as_any()
                .downcast_ref::<StringArray>()
                .ok_or("a column is no text")?
                .clone())
        };
        let number = |name: &str| -> Result<Int64Array, Box<dyn std::error::Error>> {
            let column = batch.column_by_name(name).ok_or("a column is missing")?;
            Ok(column
                .as_any()
                .downcast_ref::<Int64Array>()
                .ok_or("a column is no integer")?
                .clone())
        };
        let (ids, types) = (text("txn_id")?, text("txn_type")?);
        let (merchants, currencies) = (text("merchant_id")?, text("currency")?);
        let (amounts, fees) = (number("amount_minor")?, number("fee_minor")?);
        for row in 0..batch.num_rows() {
            if ids.is_null(row) || fees.is_null(row) || types.is_null(row) || types.value(row) != "PAYMENT" {
                continue;
            }
            if missing.remove(ids.value(row).as_bytes()) {
                found.insert(
                    ids.value(row).as_bytes().to_vec(),
                    Settled {
                        merchant_id: merchants.value(row).to_owned(),
                        currency: Currency::parse(currencies.value(row).as_bytes())
                            .ok_or("a currency is none")?,
                        amount_minor: amounts.value(row),
                        fee_minor: fees.value(row),
                    },
                );
            }
        }
    }
    Ok(())
}

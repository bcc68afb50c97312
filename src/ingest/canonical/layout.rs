//! The five canonical tables: their fields, and how a header is bound to them by name (SPEC §4.2).

use crate::book::settings::Role;
use crate::ingest::formats::FileRefused;

/// Stands for "no such column".
pub const ABSENT: u16 = u16::MAX;

/// Most fields of a table.
pub const FIELDS_MAX: usize = 20;

/// A field of a canonical table.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Column name.
    pub name: &'static str,
    /// True when the column must be there.
    pub required: bool,
    /// True for ids and references, which may hold no control characters where they are used.
    pub id: bool,
}

const fn required(name: &'static str) -> Field {
    Field {
        name,
        required: true,
        id: false,
    }
}

const fn required_id(name: &'static str) -> Field {
    Field {
        name,
        required: true,
        id: true,
    }
}

const fn optional(name: &'static str) -> Field {
    Field {
        name,
        required: false,
        id: false,
    }
}

const fn optional_id(name: &'static str) -> Field {
    Field {
        name,
        required: false,
        id: true,
    }
}

/// Fields of `platform`.
pub static PLATFORM: [Field; 18] = [
    required_id("txn_id"),
    required("txn_time"),
    required_id("merchant_id"),
    required_id("customer_id"),
    required("txn_type"),
    required_id("channel"),
    required("currency"),
    required("amount"),
    required_id("bank_ref"),
    required("status"),
    optional_id("order_id"),
    optional_id("channel_ref"),
    optional_id("original_txn_id"),
    optional("funding"),
    optional("escrow"),
    optional_id("batch_ref"),
    optional_id("counterparty_id"),
    optional("memo"),
];

/// Fields of `bank`.
pub static BANK: [Field; 14] = [
    required_id("entry_id"),
    required("account"),
    required("booking_time"),
    required("value_date"),
    required("direction"),
    required("amount"),
    required("currency"),
    required_id("bank_ref"),
    required("remark"),
    optional_id("batch_ref"),
    optional("counterparty_name"),
    optional("counterparty_account"),
    optional("purpose"),
    optional_id("original_ref"),
];

/// Fields of `channel`.
pub static CHANNEL: [Field; 12] = [
    required_id("channel"),
    required_id("channel_ref"),
    required_id("order_id"),
    required("txn_type"),
    required("amount"),
    required("fee"),
    required("currency"),
    required("txn_time"),
    required("settle_date"),
    required_id("batch_ref"),
    required("status"),
    required_id("refund_ref"),
];

/// Fields of `balances`.
pub static BALANCES: [Field; 5] = [
    required("account"),
    required("currency"),
    required("date"),
    required("opening"),
    required("closing"),
];

/// Fields of `adjustments`.
pub static ADJUSTMENTS: [Field; 8] = [
    required_id("adjustment_id"),
    required_id("target"),
    required("action"),
    required("amount"),
    required("reason"),
    required_id("prepared_by"),
    required_id("approved_by"),
    required("approved_at"),
];

/// The fields of a role's table.
pub fn fields(role: Role) -> &'static [Field] {
    match role {
        Role::Platform => &PLATFORM,
        Role::Bank => &BANK,
        Role::Channel => &CHANNEL,
        Role::Balances => &BALANCES,
        Role::Adjustments => &ADJUSTMENTS,
    }
}

/// How many columns a file has that has the required ones only. They come first in every layout.
pub const fn required_columns(fields: &[Field]) -> usize {
    let mut count = 0;
    while count < fields.len() && fields[count].required {
        count += 1;
    }
    count
}

/// Which column of a file each field stands in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderBinding {
    /// The table.
    pub role: Role,
    /// Names of the file's columns in order.
    pub names: Vec<String>,
    /// Column of each field, or [`ABSENT`].
    pub columns: [u16; FIELDS_MAX],
    /// Columns that no field has: read over, and said.
    pub unknown: Vec<String>,
    /// True when the file has the required columns in the order of the layout, and no others.
    pub is_plain: bool,
}

impl HeaderBinding {
    /// Binds column names to the fields of a role. `given` names a required field that the source gives itself
    /// (`account`, `channel`) and that the file may leave out.
    ///
    /// # Errors
    /// Columns that are missing or named twice, all of them in one message.
    pub fn bind(role: Role, names: Vec<String>, given: &[&str]) -> Result<HeaderBinding, FileRefused> {
        let fields = fields(role);
        let mut columns = [ABSENT; FIELDS_MAX];
        let mut wrong = Vec::new();
        let mut unknown = Vec::new();
        for (column, name) in names.iter().enumerate() {
            let field = fields.iter().position(|field| field.name == name);
            if names[..column].contains(name) {
                wrong.push(format!("column `{name}` is there twice"));
            } else if let Some(field) = field {
                columns[field] = column as u16;
            } else {
                unknown.push(name.clone());
            }
        }
        for (field, column) in fields.iter().zip(columns) {
            if field.required && column == ABSENT && !given.contains(&field.name) {
                let near = unknown
                    .iter()
                    .filter(|name| strsim::damerau_levenshtein(&name.to_lowercase(), field.name) <= 2)
                    .min_by_key(|name| strsim::damerau_levenshtein(&name.to_lowercase(), field.name));
                wrong.push(match near {
                    Some(name) => format!("column `{}` is missing (is `{name}` meant?)", field.name),
                    None => format!("column `{}` is missing", field.name),
                });
            }
        }
        if names.len() >= usize::from(ABSENT) {
            wrong.push(format!("{} columns", names.len()));
        }
        if wrong.is_empty() {
            let required = fields.iter().filter(|field| field.required);
            return Ok(HeaderBinding {
                role,
                is_plain: required.map(|field| field.name).eq(&names),
                names,
                columns,
                unknown,
            });
        }
        let known: Vec<&str> = fields.iter().map(|field| field.name).collect();
        Err(FileRefused {
            line: 1,
            column: 0,
            message: format!("header of a `{}` table: {}", role.name(), wrong.join("; ")),
            help: format!("the columns are, in any order: {}", known.join(", ")),
        })
    }

    /// The name of a field.
    pub fn field_name(&self, field: usize) -> &'static str {
        fields(self.role)[field].name
    }
}

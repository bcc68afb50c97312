//! `passes` and `[[leg.pass]]`: the passes after the exact one and their parameters (SPEC §5, R40).

use super::Reader;
use crate::book::passes::{
    AMOUNT_DATE_DAYS, BatchAmounts, CANDIDATES_MAX, CHANNEL_FEES, EntriesSeen, MEMBERS_MAX, Pass,
    QuotedField, References, SUBSET_DAYS, TOLERANCES,
};
use crate::book::schema::{BatchAmountsToml, EntriesToml, LegToml, PassTableToml, PassToml, QuotedFieldToml};
use crate::book::settings::LegKind;
use crate::ingest::formats::profile::Extract;

/// Greatest bound on candidates: a search doubles its work with every two candidates more.
const CANDIDATES_LIMIT: u32 = 40;
/// Longest window in days; a longer one is a slip of the pen.
const DAYS_LIMIT: u32 = 31;
/// Most patterns or prefixes of a pass.
const TEXTS_MAX: usize = 32;

/// Each pass with the parameters it takes.
const PARAMETERS: [(PassToml, &str, &[&str]); 7] = [
    (PassToml::Exact, "exact", &[]),
    (
        PassToml::Normalised,
        "normalised",
        &["candidates", "prefixes", "length"],
    ),
    (PassToml::Remark, "remark", &["candidates", "patterns", "fields"]),
    (PassToml::Batch, "batch", &["amounts", "ledger_account"]),
    (
        PassToml::AmountDate,
        "amount-date",
        &["candidates", "days", "entries"],
    ),
    (
        PassToml::Tolerance,
        "tolerance",
        &["candidates", "amount", "ledger_account"],
    ),
    (
        PassToml::Subset,
        "subset",
        &["candidates", "days", "members", "entries"],
    ),
];

/// Passes between platform and channel.
const ON_BILLS: [PassToml; 4] = [
    PassToml::Exact,
    PassToml::Normalised,
    PassToml::AmountDate,
    PassToml::Tolerance,
];

fn word(pass: PassToml) -> &'static str {
    PARAMETERS
        .iter()
        .find(|known| known.0 == pass)
        .map_or("", |known| known.1)
}

/// The parameters that a table gives.
fn given_keys(table: &PassTableToml) -> Vec<&'static str> {
    [
        ("candidates", table.candidates.is_some()),
        ("members", table.members.is_some()),
        ("days", table.days.is_some()),
        ("prefixes", table.prefixes.is_some()),
        ("length", table.length.is_some()),
        ("patterns", table.patterns.is_some()),
        ("fields", table.fields.is_some()),
        ("entries", table.entries.is_some()),
        ("amounts", table.amounts.is_some()),
        ("amount", table.amount.is_some()),
        ("ledger_account", table.ledger_account.is_some()),
    ]
    .into_iter()
    .filter_map(|(key, given)| given.then_some(key))
    .collect()
}

impl Reader<'_> {
    /// The passes after the exact one, in order.
    pub(super) fn later_passes(&mut self, leg: usize, given: &LegToml, kind: LegKind) -> Vec<Pass> {
        // R26: a channel's batch fits its entry or breaks, whether the pass is named or not.
        let otherwise = match kind {
            LegKind::ChannelBank => vec![PassToml::Exact, PassToml::Batch],
            _ => vec![PassToml::Exact],
        };
        let exact_alone = kind == LegKind::ChannelBank && given.passes == Some(vec![PassToml::Exact]);
        let passes = given
            .passes
            .as_ref()
            .filter(|_| !exact_alone)
            .unwrap_or(&otherwise);
        if passes.first() != Some(&PassToml::Exact) {
            self.find(
                &format!("leg[{leg}].passes"),
                "the first pass must be exact",
                "write passes = [\"exact\", …]: the others see what it leaves",
            );
        }
        for (at, pass) in passes.iter().enumerate() {
            if passes[..at].contains(pass) {
                let message = format!("`{}` is given twice", word(*pass));
                self.find(&format!("leg[{leg}].passes[{at}]"), message, "keep one");
            }
        }
        let other = passes.iter().find(|pass| !otherwise.contains(pass));
        if let (LegKind::ChannelBank, Some(other)) = (kind, other) {
            self.find(
                &format!("leg[{leg}].passes"),
                format!("`{}` has no place between channel and bank", word(*other)),
                "keep [\"exact\", \"batch\"] there: a batch fits one entry of its batch_ref or breaks",
            );
        }
        for (at, pass) in passes.iter().enumerate() {
            if kind == LegKind::PlatformChannel && !ON_BILLS.contains(pass) {
                self.find(
                    &format!("leg[{leg}].passes[{at}]"),
                    format!("`{}` has no place between platform and channel", word(*pass)),
                    "keep exact, normalised, amount-date and tolerance there: a bill has a row for each payment, and no remarks",
                );
            }
        }
        for (at, table) in given.pass.iter().enumerate() {
            self.pass_table(leg, at, table, passes, &given.pass[..at]);
        }
        let mut later: Vec<Pass> = Vec::new();
        for (at, pass) in passes
            .iter()
            .enumerate()
            .filter(|(at, pass)| **pass != PassToml::Exact && !passes[..*at].contains(pass))
        {
            let table = given.pass.iter().position(|table| table.name == *pass);
            // References are compared in one way on a leg, once normalised has its turn.
            let references = later.iter().find_map(|pass| match pass {
                Pass::Normalised { references, .. } => Some(references.clone()),
                _ => None,
            });
            let place = match table {
                Some(table) => format!("leg[{leg}].pass[{table}]"),
                None => format!("leg[{leg}].passes[{at}]"),
            };
            let table = table.map(|table| &given.pass[table]);
            later.extend(self.pass(&place, *pass, table, references));
        }
        later
    }

    /// What a table says that its pass has no use for, or that cannot be.
    fn pass_table(
        &mut self,
        leg: usize,
        at: usize,
        table: &PassTableToml,
        passes: &[PassToml],
        before: &[PassTableToml],
    ) {
        let path = |key: &str| format!("leg[{leg}].pass[{at}].{key}");
        let name = word(table.name);
        if !passes.contains(&table.name) {
            let message = format!("`{name}` is not among the passes of the leg");
            self.find(&path("name"), message, "add it to passes, or take the table out");
        }
        if before.iter().any(|other| other.name == table.name) {
            self.find(
                &path("name"),
                format!("`{name}` has two tables"),
                "put them together",
            );
        }
        let takes = PARAMETERS
            .iter()
            .find(|known| known.0 == table.name)
            .map_or(&[][..], |known| known.2);
        for key in given_keys(table) {
            if !takes.contains(&key) {
                let message = format!("the pass {name} has no parameter `{key}`");
                let help = match takes {
                    [] => "it has none: take the table out".to_owned(),
                    _ => format!("its parameters: {}", takes.join(", ")),
                };
                self.find(&path(key), message, help);
            }
        }
        for (key, value, least, most) in [
            ("candidates", table.candidates, 1, CANDIDATES_LIMIT),
            ("members", table.members, 2, CANDIDATES_LIMIT),
            ("days", table.days, 0, DAYS_LIMIT),
            ("length", table.length, 4, 255),
        ] {
            if let Some(value) = value.filter(|value| !(least..=most).contains(value)) {
                self.find(
                    &path(key),
                    format!("found {value}, expected {least} to {most}"),
                    "correct the number",
                );
            }
        }
        for (key, texts) in [("prefixes", &table.prefixes), ("patterns", &table.patterns)] {
            let Some(texts) = texts else { continue };
            if texts.len() > TEXTS_MAX {
                let message = format!("found {} texts, expected at most {TEXTS_MAX}", texts.len());
                self.find(&path(key), message, "keep those that are needed");
            }
            for (number, text) in texts.iter().enumerate() {
                let place = format!("leg[{leg}].pass[{at}].{key}[{number}]");
                self.label(&place, text);
                if key == "patterns"
                    && let Err(wrong) = Extract::parse(text)
                {
                    self.find(
                        &place,
                        wrong,
                        "write the text around the reference, such as \"订单号{word}\"",
                    );
                }
            }
        }
        if table.fields.as_ref().is_some_and(Vec::is_empty) {
            self.find(
                &path("fields"),
                "the list is empty",
                "name fields, or leave it out for bank_ref",
            );
        }
        if let Some(account) = table
            .ledger_account
            .as_deref()
            .filter(|account| !is_own_money(account))
        {
            self.find(
                &path("ledger_account"),
                format!(
                    "found `{account}`, expected income:, expenses: or equity: and a name in small letters"
                ),
                "differences are the institution's own money: write an account such as equity:tolerances",
            );
        }
    }

    fn pass(
        &mut self,
        place: &str,
        pass: PassToml,
        table: Option<&PassTableToml>,
        references: Option<References>,
    ) -> Option<Pass> {
        let number = |given: Option<u32>, otherwise: usize| given.map_or(otherwise, |given| given as usize);
        let candidates_max = number(table.and_then(|table| table.candidates), CANDIDATES_MAX);
        let days = table.and_then(|table| table.days);
        let entries = match table.and_then(|table| table.entries) {
            Some(EntriesToml::Unnamed) => EntriesSeen::Unnamed,
            None | Some(EntriesToml::All) => EntriesSeen::All,
        };
        let ledger_account = |otherwise: &str| {
            let given = table.and_then(|table| table.ledger_account.clone());
            given.unwrap_or_else(|| otherwise.to_owned())
        };
        Some(match pass {
            PassToml::Exact => return None,
            PassToml::Normalised => Pass::Normalised {
                references: References {
                    prefixes: table.and_then(|table| table.prefixes.clone()).unwrap_or_default(),
                    length_max: table.and_then(|table| table.length).map(|length| length as usize),
                },
                candidates_max,
            },
            PassToml::Remark => {
                let patterns = table.and_then(|table| table.patterns.clone()).unwrap_or_default();
                if patterns.is_empty() {
                    self.find(
                        place,
                        "the pass remark has no patterns, so it could never match",
                        "add [[leg.pass]] with name = \"remark\" and patterns = [\"ref {word}\"]",
                    );
                }
                let fields = table.and_then(|table| table.fields.as_ref());
                let mut fields: Vec<QuotedField> = fields.map_or_else(
                    || vec![QuotedField::BankRef],
                    |fields| fields.iter().map(field).collect(),
                );
                fields.sort_unstable();
                fields.dedup();
                Pass::Remark {
                    patterns,
                    fields,
                    references: references.unwrap_or_default(),
                    candidates_max,
                }
            }
            PassToml::Batch => Pass::Batch {
                amounts: match table.and_then(|table| table.amounts) {
                    Some(BatchAmountsToml::Gross) => BatchAmounts::Gross,
                    Some(BatchAmountsToml::Net) => BatchAmounts::Net,
                    None | Some(BatchAmountsToml::Either) => BatchAmounts::Either,
                },
                ledger_account: ledger_account(CHANNEL_FEES),
            },
            PassToml::AmountDate => Pass::AmountDate {
                days: days.unwrap_or(AMOUNT_DATE_DAYS),
                entries,
                candidates_max,
            },
            PassToml::Tolerance => {
                let before = self.found.len();
                let amount = table.and_then(|table| table.amount.as_ref());
                let most_minor = self.amount(&format!("{place}.amount"), amount).unwrap_or(0);
                if most_minor == 0 && self.found.len() == before {
                    self.find(
                        place,
                        "the pass tolerance has no amount, so it could never match",
                        "add [[leg.pass]] with name = \"tolerance\" and amount = \"0.01\"",
                    );
                }
                Pass::Tolerance {
                    most_minor,
                    currency: self.base?,
                    ledger_account: ledger_account(TOLERANCES),
                    references,
                    candidates_max,
                }
            }
            PassToml::Subset => {
                let members_max = number(table.and_then(|table| table.members), MEMBERS_MAX);
                Pass::Subset {
                    days: days.unwrap_or(SUBSET_DAYS),
                    entries,
                    candidates_max,
                    members_max,
                }
            }
        })
    }
}

fn field(field: &QuotedFieldToml) -> QuotedField {
    match field {
        QuotedFieldToml::BankRef => QuotedField::BankRef,
        QuotedFieldToml::TxnId => QuotedField::TxnId,
        QuotedFieldToml::OrderId => QuotedField::OrderId,
        QuotedFieldToml::ChannelRef => QuotedField::ChannelRef,
    }
}

/// A ledger account of own money: its first part says so, the others are names.
fn is_own_money(account: &str) -> bool {
    let name = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_lowercase())
            && part
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    let mut parts = account.split(':');
    let head = parts
        .next()
        .is_some_and(|head| crate::book::passes::OWN_MONEY_HEADS.contains(&head));
    let rest: Vec<&str> = parts.collect();
    head && !rest.is_empty() && rest.iter().all(|part| name(part)) && account.len() <= 64
}

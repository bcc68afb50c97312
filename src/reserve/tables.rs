//! reserve.json and the tables of `reserve/` as bytes (R31, R39).

use std::collections::BTreeMap;

use crate::findings::Stop;
use crate::report::line::Line;
use crate::reserve::figures::{PoolFigures, ReserveReport, bucket};

impl ReserveReport {
    /// reserve.json: keys in byte order, amounts as strings of minor units, one line feed at the end. Beside the
    /// names of R39 it has `headline` (the worst of the three lines) and `inter_pool`.
    ///
    /// # Errors
    /// Text that cannot be written as JSON: our own fault (70).
    pub fn json(&self) -> Result<String, Stop> {
        let pools: Vec<BTreeMap<&str, String>> = self.pools.iter().map(pool_object).collect();
        let mut text = serde_json::to_string(&BTreeMap::from([("pools", pools)]))
            .map_err(|error| Stop::invariant(format!("reserve.json: {error}")))?;
        text.push('\n');
        Ok(text)
    }

    /// lines.csv, items.csv, ageing.csv, roll_forward.csv and balances.csv, by file name.
    pub fn tables(&self) -> Vec<(&'static str, Vec<u8>)> {
        vec![
            ("ageing.csv", self.ageing()),
            ("balances.csv", self.balances_table()),
            ("items.csv", self.items_table()),
            ("lines.csv", self.lines_table()),
            ("roll_forward.csv", self.roll_forward_table()),
        ]
    }

    fn lines_table(&self) -> Vec<u8> {
        let header = [
            "pool",
            "currency",
            "account",
            "bank_minor",
            "a1_minor",
            "a2_minor",
            "b1_minor",
            "b2_minor",
            "book_minor",
            "inter_pool_minor",
        ];
        table(header, &self.lines, |line, row| {
            line.text(&row.pool)
                .currency(row.currency)
                .text(&row.account)
                .minor(row.bank_minor);
            for sum in row.items_minor {
                line.minor(sum);
            }
            line.minor(row.book_minor).minor(row.inter_pool_minor);
        })
    }

    fn items_table(&self) -> Vec<u8> {
        let header = [
            "class",
            "pool",
            "currency",
            "account",
            "id",
            "reference",
            "obligee_id",
            "amount_minor",
            "first_seen",
            "age_business_days",
            "bucket",
            "break_id",
            "figure",
        ];
        table(header, &self.items, |line, item| {
            line.text(item.class.name())
                .text(&item.pool)
                .currency(item.currency)
                .text(&item.account);
            line.text(&item.id)
                .text(&item.reference)
                .text(&item.obligee_id)
                .integer(item.amount_minor);
            line.date(item.first_seen)
                .integer(item.age_business_days)
                .text(bucket(item.age_business_days));
            line.text(&item.break_id).text(item.figure());
        })
    }

    fn ageing(&self) -> Vec<u8> {
        // Buckets in the order of age, not of their text.
        let order = |name: &str| ["0-5", "6-10", "11+"].iter().position(|known| *known == name);
        let mut sums: BTreeMap<_, (u64, i128)> = BTreeMap::new();
        for item in &self.items {
            let name = bucket(item.age_business_days);
            let sum = sums
                .entry((item.class, item.pool.as_str(), item.currency, order(name), name))
                .or_default();
            sum.0 += 1;
            sum.1 += i128::from(item.amount_minor);
        }
        let header = ["class", "pool", "currency", "bucket", "count", "amount_minor"];
        table(
            header,
            sums,
            |line, ((class, pool, currency, _, bucket), (count, amount))| {
                line.text(class.name()).text(pool).currency(currency);
                line.text(bucket).integer(count).minor(amount);
            },
        )
    }

    fn roll_forward_table(&self) -> Vec<u8> {
        let header = [
            "pool",
            "currency",
            "figure",
            "step",
            "term",
            "id",
            "amount_minor",
            "source",
        ];
        table(header, &self.roll_forward, |line, term| {
            line.text(&term.pool)
                .currency(term.currency)
                .text(term.figure)
                .integer(term.step);
            line.text(term.term)
                .text(&term.id)
                .minor(term.amount_minor)
                .text(term.source);
        })
    }

    fn balances_table(&self) -> Vec<u8> {
        let header = [
            "pool",
            "currency",
            "kind",
            "obligee_id",
            "carried_minor",
            "undue_minor",
            "held_minor",
            "wallet_minor",
            "in_flight_minor",
            "unsettled_in_minor",
            "unsettled_out_minor",
            "unreceived_minor",
            "balance_minor",
        ];
        table(header, &self.balances, |line, row| {
            line.text(&row.pool)
                .currency(row.currency)
                .text(row.kind)
                .text(&row.obligee_id);
            let claim = &row.claim;
            for part in [
                claim.carried_minor,
                claim.undue_minor,
                claim.held_minor,
                claim.wallet_minor,
                claim.in_flight_minor,
                claim.unsettled_in_minor,
                claim.unsettled_out_minor,
                claim.unreceived_minor,
                row.balance_minor,
            ] {
                line.minor(part);
            }
        })
    }
}

fn pool_object(figures: &PoolFigures) -> BTreeMap<&'static str, String> {
    let mut object: BTreeMap<&'static str, String> = [
        ("R", figures.requirement_minor),
        ("balances", figures.balances_minor),
        ("U", figures.unidentified_minor),
        ("P", figures.payouts_minor),
        ("F", figures.in_flight_minor),
        ("R_neg", figures.negative_minor),
        ("S_bank", figures.bank_minor),
        ("S_book", figures.book_minor),
        ("S_other", figures.other_minor),
        ("A1", figures.a1_minor),
        ("A2", figures.a2_minor),
        ("B1", figures.b1_minor),
        ("B2", figures.b2_minor),
        ("own_money", figures.own_money_minor),
        ("inter_pool", figures.inter_pool_minor),
        ("C_int", figures.c_int_minor),
        ("C", figures.c_minor),
        ("C_strict", figures.c_strict_minor),
        ("shortfall", figures.shortfall_minor),
        ("shortfall_if_paid", figures.shortfall_if_paid_minor),
        ("excess", figures.excess_minor),
        ("unexplained", figures.unexplained_minor),
    ]
    .into_iter()
    .map(|(name, amount)| (name, amount.to_string()))
    .collect();
    object.insert("pool", figures.pool.clone());
    object.insert("currency", figures.currency.to_string());
    object.insert("headline", figures.headline().0.to_owned());
    object
}

/// A table of some rows as CSV.
fn table<R, const N: usize>(
    header: [&str; N],
    rows: impl IntoIterator<Item = R>,
    write: impl Fn(&mut Line, R),
) -> Vec<u8> {
    let mut line = Line::default();
    for name in header {
        line.text(name);
    }
    line.end(N);
    for row in rows {
        write(&mut line, row);
        line.end(N);
    }
    line.into_bytes()
}

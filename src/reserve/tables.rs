//! reserve.json and the tables of `reserve/` as bytes (R31, R39).

use std::collections::BTreeMap;

use crate::findings::Stop;
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
    ///
    /// # Errors
    /// A row that cannot be written: our own fault (70).
    pub fn tables(&self) -> Result<Vec<(String, Vec<u8>)>, Stop> {
        Ok(vec![
            ("ageing.csv".to_owned(), self.ageing()?),
            ("balances.csv".to_owned(), self.balances_table()?),
            ("items.csv".to_owned(), self.items_table()?),
            ("lines.csv".to_owned(), self.lines_table()?),
            ("roll_forward.csv".to_owned(), self.roll_forward_table()?),
        ])
    }

    fn lines_table(&self) -> Result<Vec<u8>, Stop> {
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
        let rows = self.lines.iter().map(|line| {
            let [a1, a2, b1, b2] = line.items_minor.map(|sum| sum.to_string());
            [
                line.pool.clone(),
                line.currency.to_string(),
                line.account.clone(),
                line.bank_minor.to_string(),
                a1,
                a2,
                b1,
                b2,
                line.book_minor.to_string(),
                line.inter_pool_minor.to_string(),
            ]
        });
        table("lines.csv", header, rows)
    }

    fn items_table(&self) -> Result<Vec<u8>, Stop> {
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
        let rows = self.items.iter().map(|item| {
            [
                item.class.name().to_owned(),
                item.pool.clone(),
                item.currency.to_string(),
                item.account.clone(),
                item.id.clone(),
                item.reference.clone(),
                item.obligee_id.clone(),
                item.amount_minor.to_string(),
                item.first_seen.to_string(),
                item.age_business_days.to_string(),
                bucket(item.age_business_days).to_owned(),
                item.break_id.clone(),
                item.figure().to_owned(),
            ]
        });
        table("items.csv", header, rows)
    }

    fn ageing(&self) -> Result<Vec<u8>, Stop> {
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
        let rows = sums
            .into_iter()
            .map(|((class, pool, currency, _, bucket), (count, amount))| {
                [
                    class.name().to_owned(),
                    pool.to_owned(),
                    currency.to_string(),
                    bucket.to_owned(),
                    count.to_string(),
                    amount.to_string(),
                ]
            });
        table("ageing.csv", header, rows)
    }

    fn roll_forward_table(&self) -> Result<Vec<u8>, Stop> {
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
        let rows = self.roll_forward.iter().map(|term| {
            [
                term.pool.clone(),
                term.currency.to_string(),
                term.figure.to_owned(),
                term.step.to_string(),
                term.term.to_owned(),
                term.id.clone(),
                term.amount_minor.to_string(),
                term.source.to_owned(),
            ]
        });
        table("roll_forward.csv", header, rows)
    }

    fn balances_table(&self) -> Result<Vec<u8>, Stop> {
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
        let rows = self.balances.iter().map(|row| {
            [
                row.pool.clone(),
                row.currency.to_string(),
                row.kind.to_owned(),
                row.obligee_id.clone(),
                row.claim.carried_minor.to_string(),
                row.claim.undue_minor.to_string(),
                row.claim.held_minor.to_string(),
                row.claim.wallet_minor.to_string(),
                row.claim.in_flight_minor.to_string(),
                row.claim.unsettled_in_minor.to_string(),
                row.claim.unsettled_out_minor.to_string(),
                row.claim.unreceived_minor.to_string(),
                row.balance_minor.to_string(),
            ]
        });
        table("balances.csv", header, rows)
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

fn table<const N: usize>(
    name: &str,
    header: [&str; N],
    rows: impl Iterator<Item = [String; N]>,
) -> Result<Vec<u8>, Stop> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let failed = |error: &dyn std::fmt::Display| Stop::invariant(format!("{name}: {error}"));
    writer.write_record(header).map_err(|error| failed(&error))?;
    for row in rows {
        writer.write_record(row).map_err(|error| failed(&error))?;
    }
    writer.into_inner().map_err(|error| failed(&error))
}

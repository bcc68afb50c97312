//! The figures of reserve.json (R39) as read by the summary and the page: they show what is published, nothing else.

use crate::findings::Stop;
use crate::report::json::Json;
use crate::terms::currency::Currency;

/// The figures of one pool and currency (SPEC §7). Minor units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolFigures {
    /// Pool.
    pub pool: String,
    /// Currency.
    pub currency: Currency,
    /// Figures by their name in [`FIGURES`], in its order.
    values: Vec<i128>,
}

/// Names of the figures as published (R39).
pub const FIGURES: [&str; 21] = [
    "R",
    "balances",
    "U",
    "P",
    "F",
    "R_neg",
    "S_bank",
    "S_book",
    "S_other",
    "A1",
    "A2",
    "B1",
    "B2",
    "own_money",
    "C_int",
    "C",
    "C_strict",
    "shortfall",
    "shortfall_if_paid",
    "excess",
    "unexplained",
];

/// The three lines (R1), by the name of their figure.
pub const LINES: [&str; 3] = ["C_int", "C", "C_strict"];

impl PoolFigures {
    /// A figure by its published name.
    pub fn get(&self, figure: &str) -> i128 {
        let index = FIGURES.iter().position(|name| *name == figure);
        assert!(index.is_some(), "{figure} is a figure of R39");
        index.map_or(0, |index| self.values[index])
    }

    /// The worst of the three lines: the headline (SPEC §7). The first of equals.
    pub fn headline(&self) -> (&'static str, i128) {
        let mut worst = (LINES[0], self.get(LINES[0]));
        for line in &LINES[1..] {
            if self.get(line) < worst.1 {
                worst = (line, self.get(line));
            }
        }
        worst
    }

    /// True when the pool is short as it stands or would be with today's payouts (R3).
    pub fn is_short(&self) -> bool {
        self.get("shortfall") > 0 || self.get("shortfall_if_paid") > 0
    }
}

/// Reads the pools of reserve.json; keys beyond R39's are left alone.
///
/// # Errors
/// 70 when a figure is missing or no amount: the reserve stage and this one disagree.
pub fn read(reserve: &Json) -> Result<Vec<PoolFigures>, Stop> {
    let wrong = |what: &str| Stop::invariant(format!("reserve.json: {what}"));
    let Json::Map(top) = reserve else {
        return Err(wrong("expected an object"));
    };
    let Some(Json::List(pools)) = top.get("pools") else {
        return Err(wrong("`pools` is missing or no list"));
    };
    let mut read = Vec::with_capacity(pools.len());
    for pool in pools {
        let Json::Map(members) = pool else {
            return Err(wrong("a pool is no object"));
        };
        let text = |key: &str| match members.get(key) {
            Some(Json::Text(text)) => Ok(text.as_str()),
            _ => Err(wrong(&format!("`{key}` of a pool is missing or no text"))),
        };
        let currency = text("currency")?;
        let currency = Currency::parse(currency.as_bytes())
            .ok_or_else(|| wrong(&format!("`{currency}` is no currency")))?;
        let mut values = Vec::with_capacity(FIGURES.len());
        for figure in FIGURES {
            let value = text(figure)?;
            values.push(
                value
                    .parse()
                    .map_err(|_| wrong(&format!("{figure} is `{value}`, no amount")))?,
            );
        }
        read.push(PoolFigures {
            pool: text("pool")?.to_owned(),
            currency,
            values,
        });
    }
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples::reserve;

    #[test]
    fn figures_are_read_by_name() {
        let pools = read(&reserve()).unwrap();
        assert_eq!(pools.len(), 2);
        assert_eq!(pools[0].get("R"), 10_000_000);
        assert_eq!(pools[0].headline(), ("C_strict", -500));
        assert!(!pools[0].is_short());
        assert!(pools[1].is_short());
        assert!(read(&Json::map([("pools", Json::List(vec![Json::map([])]))])).is_err());
        assert!(read(&Json::text("x")).is_err());
    }
}

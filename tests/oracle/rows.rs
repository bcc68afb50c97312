//! Random books: few references and amounts, so that everything collides.

use std::fmt::Write;

use tieout::terms::date::Date;
use tieout::terms::money::format_minor;

/// SplitMix64.
pub struct Random(pub u64);

impl Random {
    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (word ^ (word >> 31)) % bound
    }

    /// One of a few.
    pub fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize]
    }

    /// True in so many of a hundred cases.
    pub fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// A platform row as delivered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Left {
    pub id: String,
    pub time: String,
    pub merchant: usize,
    pub kind: &'static str,
    pub currency: &'static str,
    pub minor: i64,
    pub reference: String,
    pub status: &'static str,
    pub original: String,
}

impl Left {
    /// The direction expected at the bank.
    pub fn direction(&self) -> char {
        match self.kind {
            "REFUND" | "CHARGEBACK" => 'D',
            _ => 'C',
        }
    }
}

/// A bank entry as delivered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Right {
    pub id: String,
    pub account: &'static str,
    pub value_date: Date,
    pub direction: char,
    pub minor: i64,
    pub reference: String,
    pub remark: String,
}

impl Right {
    pub fn currency(&self) -> &'static str {
        if self.account == "RA1" { "CNY" } else { "USD" }
    }
}

/// Terms of a merchant.
#[derive(Clone, Debug)]
pub struct Merchant {
    pub fee_bps: i128,
    pub fee_min: i64,
    pub fee_max: Option<i64>,
    pub hold_bps: i128,
    pub hold_days: i32,
    pub cycle: u32,
    pub min_payout: Option<i64>,
    pub status: &'static str,
    /// Uses the plan that returns fees.
    pub returns: bool,
}

/// A book and what was delivered to it so far.
pub struct World {
    pub hold: bool,
    pub merchants: Vec<Merchant>,
    left: Vec<Left>,
    right: Vec<Right>,
    made: u64,
}

impl World {
    pub fn new(random: &mut Random) -> World {
        let merchants = (0..4)
            .map(|number| {
                let (fee_min, fee_max) =
                    random.of(&[(0, None), (10, None), (0, Some(0)), (0, Some(12)), (10, Some(12))]);
                Merchant {
                    fee_bps: i128::from(random.of(&[0u32, 50, 60, 175])),
                    fee_min,
                    fee_max,
                    hold_bps: i128::from(random.of(&[0u32, 0, 1000, 333])),
                    hold_days: random.of(&[1, 2]),
                    cycle: random.of(&[0, 1, 1, 2]),
                    min_payout: random.of(&[None, Some(1500)]),
                    status: random.of(&["active", "active", "active", "held", "closed"]),
                    returns: number >= 2,
                }
            })
            .collect();
        World {
            hold: random.percent(50),
            merchants,
            left: Vec::new(),
            right: Vec::new(),
            made: 0,
        }
    }

    pub fn settings(&self) -> String {
        let policy = if self.hold { "hold" } else { "pair" };
        let mut text = String::from(
            "[institution]\nname = \"Oracle\"\nid = \"ORACLE\"\nbase_currency = \"CNY\"\n\
             time_zone = \"Asia/Shanghai\"\ncalendar = \"CN\"\n\n",
        );
        for (id, currency) in [("RA1", "CNY"), ("RA2", "USD")] {
            let _ = write!(
                text,
                "[[account]]\nid = \"{id}\"\nbank = \"B\"\ncurrency = \"{currency}\"\nkind = \"reserve\"\n\n"
            );
        }
        for role in ["platform", "bank"] {
            let _ = write!(
                text,
                "[[source]]\nname = \"{role}\"\nrole = \"{role}\"\nformat = \"canonical\"\nfiles = [\"{role}.csv\"]\n\n"
            );
        }
        let _ = write!(
            text,
            "[[leg]]\nname = \"platform-bank\"\nleft = \"platform\"\nright = \"bank\"\n\n\
             [settle]\nwhen = [\"platform-bank\"]\n\n\
             [fee_plan.back]\nrate_ppm = 6000\non_refund = \"return\"\n\n\
             [payout]\nmin_amount = \"2.00\"\naccount = {{ CNY = \"RA1\", USD = \"RA2\" }}\nformat = \"csv\"\n\n\
             [policy]\nduplicates = \"{policy}\"\non_shortfall = \"publish\"\n"
        );
        text
    }

    pub fn master(&self) -> String {
        let mut text = String::from(
            "merchant_id,fee_bps,fee_min_minor,fee_max_minor,hold_bps,hold_days,settlement_cycle_days,min_payout,status,fee_plan\n",
        );
        for (number, m) in self.merchants.iter().enumerate() {
            let max = m.fee_max.map_or(String::new(), |max| max.to_string());
            let min_payout = m
                .min_payout
                .map_or(String::new(), |minor| format_minor(minor.into(), 2));
            let plan = if m.returns { "back" } else { "" };
            let _ = writeln!(
                text,
                "M{number},{},{},{max},{},{},{},{min_payout},{},{plan}",
                m.fee_bps, m.fee_min, m.hold_bps, m.hold_days, m.cycle, m.status
            );
        }
        text
    }

    /// A day's rows.
    pub fn deliver(&mut self, random: &mut Random, date: Date) -> (Vec<Left>, Vec<Right>) {
        let references = random.of(&[2, 8, 60, 200]);
        let amounts: &[i64] = random.of(&[
            &[1000][..],
            &[1000, 1050, 83, 20_000],
            &[1, 999, 1000, 1001, 5000],
        ]);
        let (rows, entries) = (random.below(26), random.below(26));
        let left: Vec<Left> = (0..rows)
            .map(|_| self.left_row(random, date, references, amounts))
            .collect();
        let mut right = Vec::new();
        for number in 0..entries {
            // Every other entry is made for a row of today.
            let model = left.get(number as usize).filter(|_| random.percent(80)).cloned();
            right.push(self.right_row(random, date, references, amounts, model));
        }
        (left, right)
    }

    fn left_row(&mut self, random: &mut Random, date: Date, references: u64, amounts: &[i64]) -> Left {
        if random.percent(8) && !self.left.is_empty() {
            let mut copy = self.left[random.below(self.left.len() as u64) as usize].clone();
            // Payments under the plan that returns fees keep their ids to themselves: a refund names one payment.
            if !self.merchants[copy.merchant].returns {
                match random.below(4) {
                    0 => copy.minor = random.of(amounts),
                    1 => copy.status = random.of(&["SUCCESS", "FAILED"]),
                    _ => {}
                }
                self.left.push(copy.clone());
                return copy;
            }
        }
        self.made += 1;
        let merchant = random.of(&[0, 1, 2, 2, 3, 3]);
        let mut row = Left {
            id: format!("T{}-{}", random.below(10), self.made),
            time: format!("{date}T{:02}:{:02}:00+08:00", random.below(24), random.below(60)),
            merchant,
            kind: random.of(&[
                "PAYMENT",
                "PAYMENT",
                "PAYMENT",
                "PAYMENT",
                "REFUND",
                "REFUND",
                "CHARGEBACK",
                "CHARGEBACK_REVERSAL",
                "ADJUSTMENT",
            ]),
            currency: random.of(&["CNY", "CNY", "CNY", "USD"]),
            minor: random.of(amounts),
            reference: reference(random, references),
            status: random.of(&[
                "SUCCESS", "SUCCESS", "SUCCESS", "SUCCESS", "SUCCESS", "SUCCESS", "FAILED", "PENDING",
            ]),
            original: String::new(),
        };
        if row.kind == "REFUND" && self.merchants[merchant].returns {
            let payments: Vec<&Left> = self
                .left
                .iter()
                .filter(|p| p.kind == "PAYMENT" && p.merchant == merchant && p.currency == row.currency)
                .collect();
            if !payments.is_empty() && random.percent(90) {
                row.original = payments[random.below(payments.len() as u64) as usize].id.clone();
            }
        }
        self.left.push(row.clone());
        row
    }

    fn right_row(
        &mut self,
        random: &mut Random,
        date: Date,
        references: u64,
        amounts: &[i64],
        model: Option<Left>,
    ) -> Right {
        if random.percent(6) && !self.right.is_empty() {
            let mut copy = self.right[random.below(self.right.len() as u64) as usize].clone();
            if random.percent(30) {
                copy.remark.push('x');
            }
            self.right.push(copy.clone());
            return copy;
        }
        self.made += 1;
        let mut entry = Right {
            id: format!("E{}-{}", random.below(10), self.made),
            account: random.of(&["RA1", "RA1", "RA1", "RA2"]),
            value_date: date.plus_days(random.of(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -1, 1])),
            direction: random.of(&['C', 'C', 'D']),
            minor: random.of(amounts),
            reference: reference(random, references),
            remark: String::new(),
        };
        if let Some(model) = model {
            entry.account = if model.currency == "CNY" { "RA1" } else { "RA2" };
            entry.direction = model.direction();
            entry.minor = model.minor;
            entry.reference = model.reference;
        }
        self.right.push(entry.clone());
        entry
    }
}

fn reference(random: &mut Random, references: u64) -> String {
    match random.percent(4) {
        true => String::new(),
        false => format!("R{}", random.below(references)),
    }
}

/// The platform's file.
pub fn platform_csv(rows: &[Left]) -> String {
    let mut text = String::from(
        "txn_id,txn_time,merchant_id,customer_id,txn_type,channel,currency,amount,bank_ref,status,original_txn_id\n",
    );
    for row in rows {
        let _ = writeln!(
            text,
            "{},{},M{},C,{},BANK,{},{},{},{},{}",
            row.id,
            row.time,
            row.merchant,
            row.kind,
            row.currency,
            format_minor(row.minor.into(), 2),
            row.reference,
            row.status,
            row.original
        );
    }
    text
}

/// The bank's file.
pub fn bank_csv(rows: &[Right]) -> String {
    let mut text =
        String::from("entry_id,account,booking_time,value_date,direction,amount,currency,bank_ref,remark\n");
    for row in rows {
        let _ = writeln!(
            text,
            "{},{},2026-03-05T11:00:00+08:00,{},{},{},{},{},{}",
            row.id,
            row.account,
            row.value_date,
            row.direction,
            format_minor(row.minor.into(), 2),
            row.currency(),
            row.reference,
            row.remark
        );
    }
    text
}

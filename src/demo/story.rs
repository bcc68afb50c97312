//! What happens in the demo's week: ordinary trade from a seeded generator, and planted rows that each show one
//! thing. Days are counted from 0: Wednesday 2026-09-16 to Tuesday 2026-09-22; Saturday the 19th is a day of rest,
//! Sunday the 20th a make-up workday (State Council notice for 2026).

use crate::demo::book::MERCHANTS;
use crate::demo::random::Random;
use crate::demo::rows::{DAYS, Entry, Txn, Week, account_of};
use crate::terms::kinds::{Direction, Funding, Status, TxnType};

const SEED: u64 = 20_260_916;
const CNY_SALES: u64 = 240;
const EUR_SALES: u64 = 40;
const REFUNDS: u64 = 5;
/// Days on which the euro's bank is open.
const EURO_DAYS: [bool; DAYS] = [true, true, true, false, false, true, true];

/// The number that Alipay gives the trade of a row: 28 digits, as theirs have.
fn trade_number(week: &Week, day: usize, serial: u64) -> String {
    format!(
        "{}22001{serial:015}",
        week.dates[day].to_string().replace('-', "")
    )
}

/// Everyday trade: sales, and refunds of the day before's sales.
pub fn trade(week: &mut Week) {
    let mut sold: Vec<Txn> = Vec::new();
    for (day, euro_open) in EURO_DAYS.into_iter().enumerate() {
        let mut random = Random::new(SEED, day as u64);
        let mut today = Vec::new();
        let sales = CNY_SALES + if euro_open { EUR_SALES } else { 0 };
        let stamp = week.dates[day].to_string().replace('-', "");
        for serial in 1..=sales {
            let euro = serial > CNY_SALES;
            let currency = if euro { "EUR" } else { "CNY" };
            let channel = match (euro, random.below(10)) {
                (true, _) => "SEPA",
                (false, 0..4) => "ALIPAY",
                (false, 4..9) => "UNIONPAY",
                (false, _) => "BANK",
            };
            let most = if euro { 9_000 } else { 60_000 };
            let mut txn = Txn::new(
                format!("T{stamp}-{serial:05}"),
                TxnType::Payment,
                pick_merchant(&mut random, currency),
                channel,
                800 + random.below(most) as i64,
            );
            // The shops open at six; nothing ordinary is close to midnight.
            txn.time = week.at(day, 6 * 3600 + random.below(16 * 3600));
            txn.customer = format!("C{:05}", random.below(4_000));
            if channel == "ALIPAY" {
                txn.channel_ref = trade_number(week, day, serial);
            }
            week.agree(day, &txn);
            today.push(txn);
        }
        for serial in 1..=REFUNDS {
            if sold.is_empty() {
                break;
            }
            let at = random.below(sold.len() as u64) as usize;
            let sale = sold.swap_remove(at);
            if sale.currency == "EUR" && !euro_open {
                continue;
            }
            let mut txn = Txn::new(
                format!("F{stamp}-{serial:05}"),
                TxnType::Refund,
                sale.merchant,
                sale.channel,
                sale.minor,
            );
            txn.time = week.at(day, 10 * 3600 + random.below(8 * 3600));
            txn.customer = sale.customer;
            txn.channel_ref = sale.channel_ref;
            txn.original = sale.id;
            week.agree(day, &txn);
        }
        sold = today;
    }
}

fn pick_merchant(random: &mut Random, currency: &str) -> &'static str {
    let of_currency = || MERCHANTS.iter().filter(|merchant| merchant.currency == currency);
    let mut ticket = random.below(of_currency().map(|merchant| merchant.weight).sum());
    for merchant in of_currency() {
        if ticket < merchant.weight {
            return merchant.id;
        }
        ticket -= merchant.weight;
    }
    MERCHANTS[0].id
}

/// Everything planted but the payouts.
pub fn plant(week: &mut Week) {
    own_money(week);
    late_rows(week);
    breaks_that_stay(week);
    breaks_that_end(week);
    merchants(week);
    alipay(week);
    wallets(week);
    deliveries(week);
}

fn sale(week: &Week, day: usize, id: &str, merchant: &'static str, minor: i64) -> Txn {
    let mut txn = Txn::new(id, TxnType::Payment, merchant, "UNIONPAY", minor);
    txn.time = week.at(day, 14 * 3600);
    txn.customer = "C00001".to_owned();
    txn
}

fn own(week: &Week, day: usize, id: &str, account: &'static str, direction: Direction, minor: i64) -> Entry {
    Entry {
        id: id.to_owned(),
        account,
        time: week.at(day, 9 * 3600),
        value: week.dates[day],
        direction,
        minor,
        bank_ref: String::new(),
        remark: "",
        purpose: "",
        original_ref: String::new(),
    }
}

fn own_money(week: &mut Week) {
    use Direction::{Credit, Debit};
    let entries = [
        // The own account is in no leg and its entries carry no purpose (R28).
        (
            0,
            "DEMO-CAPITAL",
            "OA1",
            Credit,
            20_000_000,
            "",
            "capital paid in",
        ),
        (
            0,
            "DEMO-TO-RESERVE",
            "OA1",
            Debit,
            5_000_000,
            "",
            "to the reserve account",
        ),
        (
            0,
            "DEMO-OWN-IN-CNY",
            "RA1",
            Credit,
            5_000_000,
            "OWN_IN",
            "own money put in",
        ),
        (
            0,
            "DEMO-OWN-IN-EUR",
            "RA2",
            Credit,
            500_000,
            "OWN_IN",
            "own money put in",
        ),
        (2, "DEMO-BANK-FEE", "RA1", Debit, 3_550, "BANK_FEE", "转账手续费"),
        (
            4,
            "DEMO-FEE-SWEEP",
            "RA1",
            Debit,
            150_000,
            "FEE_SWEEP",
            "结转手续费收入",
        ),
        (4, "DEMO-FEE-SWEPT", "OA1", Credit, 150_000, "", "结转手续费收入"),
        (5, "DEMO-INTEREST", "RA1", Credit, 12_345, "INTEREST", "结息"),
    ];
    for (day, id, account, direction, minor, purpose, remark) in entries {
        let mut entry = own(week, day, id, account, direction, minor);
        entry.purpose = purpose;
        entry.remark = remark;
        week.enter(day, entry);
    }
    week.plant(
        "own money in",
        "DEMO-OWN-IN-CNY",
        &[0],
        "posted to own money: no break",
    );
    week.plant(
        "own money in",
        "DEMO-OWN-IN-EUR",
        &[0],
        "posted to own money: no break",
    );
    week.plant(
        "bank fee",
        "DEMO-BANK-FEE",
        &[2],
        "posted to own money, which shrinks by 35.50",
    );
    week.plant(
        "fee sweep",
        "DEMO-FEE-SWEEP",
        &[4],
        "posted: 1,500.00 of fee income leaves the reserve; the own account's side is DEMO-FEE-SWEPT",
    );
    week.plant("interest", "DEMO-INTEREST", &[5], "posted to own money");
}

fn late_rows(week: &mut Week) {
    let mut txn = sale(week, 0, "DEMO-MIDNIGHT", "M-TEA", 23_880);
    txn.time = week.at(0, 86_398);
    week.log(0, &txn);
    let time = week.at(1, 31);
    week.book(1, &txn).time = time;
    week.settles(1, &txn);
    week.plant(
        "paid at 23:59:58, booked by the bank the next day",
        "DEMO-MIDNIGHT",
        &[0, 1],
        "MISSING_AT_BANK on the first day, matched and settled on the second",
    );

    let txn = sale(week, 1, "DEMO-LATE-PLATFORM", "M-BOOK", 15_600);
    week.book(1, &txn);
    week.log(2, &txn);
    week.settles(2, &txn);
    week.plant(
        "platform row a day late",
        "DEMO-LATE-PLATFORM",
        &[1, 2],
        "MISSING_AT_PLATFORM (an unidentified receipt) on the first day, matched on the second",
    );

    let txn = sale(week, 3, "DEMO-VALUE-DATE", "M-TAXI", 4_200);
    week.log(3, &txn);
    week.book(3, &txn).value = week.dates[4];
    week.settles(4, &txn);
    week.plant(
        "value date a day later",
        "DEMO-VALUE-DATE",
        &[3, 4],
        "VALUE_DATE_MISMATCH on Saturday; resolves itself in Sunday's close, when the funds count",
    );
}

fn breaks_that_stay(week: &mut Week) {
    let first = sale(week, 1, "DEMO-TWICE-A", "M-NOODLE", 8_800);
    let mut second = first.clone();
    second.id = "DEMO-TWICE-B".to_owned();
    week.agree(1, &first);
    week.log(1, &second);
    week.plant(
        "one payment logged twice by the platform",
        "DEMO-TWICE-B",
        &[1, 2, 3, 4, 5, 6],
        "DEMO-TWICE-A is matched and paid; this row is DUPLICATE_AT_PLATFORM, and overdue from the fifth day on",
    );

    let txn = sale(week, 2, "DEMO-BOOKED-TWICE", "M-TAXI", 6_650);
    week.agree(2, &txn);
    week.book(2, &txn).id = "B-DEMO-BOOKED-TWICE-2".to_owned();
    week.plant(
        "one payment booked twice by the bank",
        "B-DEMO-BOOKED-TWICE-2",
        &[2, 3, 4, 5, 6],
        "DUPLICATE_AT_BANK: the second credit is an unidentified receipt (U) in the reserve; overdue on the last day",
    );

    let txn = sale(week, 1, "DEMO-SHORT", "M-BOOK", 50_000);
    week.log(1, &txn);
    week.book(1, &txn).minor = 48_000;
    week.plant(
        "the bank credited 480.00 of 500.00",
        "DEMO-SHORT",
        &[1, 2, 3, 4, 5, 6],
        "AMOUNT_MISMATCH; not settled, ages, OVERDUE from the close of the 21st (4 days)",
    );
}

fn breaks_that_end(week: &mut Week) {
    let mut failed = sale(week, 1, "DEMO-FAILED", "M-NOODLE", 3_300);
    failed.status = Status::Failed;
    week.log(1, &failed);
    week.plant(
        "failed payment without money",
        "DEMO-FAILED",
        &[1],
        "fate no_money_expected: no break",
    );

    let mut txn = sale(week, 2, "DEMO-STATUS", "M-NOODLE", 7_700);
    txn.status = Status::Failed;
    week.log(2, &txn);
    week.book(2, &txn);
    txn.status = Status::Success;
    week.log(3, &txn);
    week.settles(3, &txn);
    week.plant(
        "money for a FAILED payment, corrected the next day",
        "DEMO-STATUS",
        &[2, 3],
        "STATUS_MISMATCH; the SUCCESS row of the next day replaces the FAILED one and settles",
    );

    let wrong = own(week, 2, "DEMO-REVERSED", "RA1", Direction::Credit, 77_700);
    let back = own(week, 3, "DEMO-REVERSAL", "RA1", Direction::Debit, 77_700);
    let entry = week.enter(2, wrong);
    entry.bank_ref = "R-NOT-OURS".to_owned();
    let entry = week.enter(3, back);
    entry.original_ref = "DEMO-REVERSED".to_owned();
    entry.remark = "冲正";
    week.plant(
        "a credit that is not ours, reversed by the bank",
        "DEMO-REVERSED",
        &[2, 3],
        "MISSING_AT_PLATFORM; closes with DEMO-REVERSAL the next day (pass `reversal`)",
    );
}

fn merchants(week: &mut Week) {
    // Refunds, and a plan that gives fees back.
    let stay = sale(week, 0, "DEMO-STAY", "M-HOTEL", 100_000);
    week.agree(0, &stay);
    for (day, id, minor) in [(2, "DEMO-PARTIAL-1", 25_000), (5, "DEMO-PARTIAL-2", 33_333)] {
        let mut refund = Txn::new(id, TxnType::Refund, "M-HOTEL", "UNIONPAY", minor);
        refund.time = week.at(day, 15 * 3600);
        refund.customer = stay.customer.clone();
        refund.original = stay.id.clone();
        week.agree(day, &refund);
    }
    week.plant(
        "partial refunds that return the fee",
        "DEMO-STAY",
        &[0, 2, 5],
        "fee 8.00; DEMO-PARTIAL-1 (250.00) returns 2.00, DEMO-PARTIAL-2 (333.33) returns floor(8.00 × 583.33 / 1000.00) − 2.00 = 2.66",
    );
    let bought = sale(week, 0, "DEMO-BOUGHT", "M-TEA", 18_800);
    week.agree(0, &bought);
    let mut refund = Txn::new("DEMO-REFUND", TxnType::Refund, "M-TEA", "UNIONPAY", 18_800);
    refund.time = week.at(1, 11 * 3600);
    refund.original = bought.id;
    refund.customer = bought.customer;
    week.agree(1, &refund);
    week.plant(
        "refund in full, fee kept",
        "DEMO-REFUND",
        &[1],
        "debited at the bank, taken from M-TEA's net",
    );

    // A chargeback and its reversal.
    let phone = sale(week, 0, "DEMO-PHONE", "M-MEDIA", 199_900);
    week.agree(0, &phone);
    for (day, id, kind) in [
        (1, "DEMO-CHARGEBACK", TxnType::Chargeback),
        (5, "DEMO-CHARGEBACK-WON", TxnType::ChargebackReversal),
    ] {
        let mut txn = Txn::new(id, kind, "M-MEDIA", "UNIONPAY", 199_900);
        txn.time = week.at(day, 16 * 3600);
        txn.original = phone.id.clone();
        week.agree(day, &txn);
    }
    week.plant(
        "chargeback and its reversal",
        "DEMO-CHARGEBACK",
        &[1, 5],
        "1,999.00 taken from M-MEDIA, given back by DEMO-CHARGEBACK-WON on the 21st",
    );
    week.plant(
        "hold released",
        "M-MEDIA",
        &[0, 3],
        "10 % of the first day's gross is held for 3 days: release_minor on the 19th equals hold_minor of the 16th",
    );

    // Merchants that are not paid.
    let txn = sale(week, 0, "DEMO-CLOSED", "M-OLD", 15_000);
    week.agree(0, &txn);
    let mut refund = Txn::new("DEMO-CLOSED-REFUND", TxnType::Refund, "M-OLD", "UNIONPAY", 20_000);
    refund.time = week.at(2, 12 * 3600);
    week.agree(2, &refund);
    week.plant(
        "closed merchant",
        "M-OLD",
        &[0, 2],
        "carried with reason CLOSED; after a refund of 200.00 its balance is −50.90, reason NEGATIVE, and R_neg shows it",
    );
    week.plant(
        "held merchant",
        "M-GAME",
        &[0, 1, 2, 3, 4, 5, 6],
        "carried with reason HELD every day",
    );
    week.plant(
        "least payout",
        "M-STALL",
        &[0, 1],
        "carried with reason BELOW_MIN until 5,000.00 are reached",
    );
    week.plant(
        "make-up workday",
        "M-TEA",
        &[2, 3, 4],
        "T+1 of Friday the 18th is Sunday the 20th: the closes of the 18th and the 19th both pay on the 20th",
    );
    week.plant(
        "two calendars",
        "M-CAFE",
        &[2, 3, 4],
        "calendar TARGET: Friday's net is undue on the 18th and 19th and paid on Monday the 21st by the close of the 20th",
    );
    week.plant(
        "weekly cycle",
        "M-FARM",
        &[1],
        "paid on Friday the 18th by the close of the 17th",
    );
    week.plant(
        "monthly cycle",
        "M-RENT",
        &[2, 3],
        "due on the 20th, a worked Sunday: paid by the closes of the 18th and 19th",
    );
    week.plant(
        "fee per day",
        "M-MARKET",
        &[0],
        "one fee of 0.5 % on the day's gross, at most 200.00; rows carry 0",
    );
}

fn alipay(week: &mut Week) {
    let mut late = Txn::new("DEMO-ALIPAY-LATE", TxnType::Payment, "M-NOODLE", "ALIPAY", 5_880);
    late.time = week.at(0, 86_380);
    late.channel_ref = trade_number(week, 0, 900_001);
    week.log(0, &late);
    week.book(0, &late);
    week.bill(1, &late);
    week.settles(1, &late);
    week.plant(
        "in Alipay's bill a day late",
        "DEMO-ALIPAY-LATE",
        &[0, 1],
        "matched at the bank, MISSING_AT_CHANNEL: owed gross as unsettled, no payout yet; settles on the 17th",
    );

    let mut dear = Txn::new("DEMO-ALIPAY-FEE", TxnType::Payment, "M-TEA", "ALIPAY", 40_000);
    dear.time = week.at(1, 13 * 3600);
    dear.channel_ref = trade_number(week, 1, 900_002);
    week.log(1, &dear);
    week.book(1, &dear);
    week.bill(1, &dear).fee_minor += 10;
    week.plant(
        "Alipay charged 0.10 too much",
        "DEMO-ALIPAY-FEE",
        &[1, 2, 3, 4, 5, 6],
        "FEE_MISMATCH on leg platform-alipay (1.62 instead of 1.52); stays unsettled and open",
    );
}

fn wallets(week: &mut Week) {
    let wallet = |week: &Week, day: usize, id: &str, kind, merchant, customer: &str, minor| {
        let mut txn = Txn::new(id, kind, merchant, "BANK", minor);
        txn.time = week.at(day, 12 * 3600);
        txn.customer = customer.to_owned();
        txn
    };
    for (day, id, kind, customer, minor) in [
        (0, "DEMO-TOPUP-1", TxnType::Topup, "C-LI", 30_000),
        (4, "DEMO-WITHDRAWAL", TxnType::Withdrawal, "C-LI", 10_000),
        (5, "DEMO-TOPUP-2", TxnType::Topup, "C-ZHAO", 10_000),
    ] {
        let txn = wallet(week, day, id, kind, "", customer, minor);
        week.agree(day, &txn);
    }
    let legless = |mut txn: Txn| {
        txn.bank_ref.clear();
        txn.funding = Funding::Balance;
        txn
    };
    let paid = legless(wallet(
        week,
        1,
        "DEMO-WALLET-PAID",
        TxnType::Payment,
        "M-TEA",
        "C-LI",
        12_000,
    ));
    week.log(1, &paid);
    week.settles(1, &paid);
    let mut sent = legless(wallet(
        week,
        2,
        "DEMO-TRANSFER",
        TxnType::Transfer,
        "",
        "C-LI",
        5_000,
    ));
    sent.counterparty = "C-WANG";
    sent.memo = "午饭";
    week.log(2, &sent);
    let mut back = legless(wallet(
        week,
        3,
        "DEMO-WALLET-REFUND",
        TxnType::Refund,
        "M-TEA",
        "C-LI",
        2_000,
    ));
    back.original = paid.id.clone();
    week.log(3, &back);
    week.settles(3, &back);
    week.plant(
        "wallet",
        "C-LI",
        &[0, 1, 2, 3, 4],
        "top-up 300.00, pays 120.00, sends 50.00 to C-WANG, gets 20.00 back, withdraws 100.00: 50.00 are left",
    );

    let mut over = legless(wallet(
        week,
        3,
        "DEMO-NEGATIVE",
        TxnType::Payment,
        "M-BOOK",
        "C-ZHAO",
        8_800,
    ));
    over.time = week.at(3, 17 * 3600);
    week.log(3, &over);
    week.settles(5, &over);
    week.plant(
        "payment from an empty wallet",
        "DEMO-NEGATIVE",
        &[3, 4, 5],
        "NEGATIVE_BALANCE on leg wallet; posted in the close of the 21st, after the top-up DEMO-TOPUP-2",
    );
}

fn deliveries(week: &mut Week) {
    let file = |week: &Week, day: usize, text: &str| text.replace("DATE", &week.dates[day].to_string());
    let list: [(&str, &str, usize, &str); 7] = [
        (
            "a file delivered twice under two names",
            "platform/platform-DATE-resent.csv",
            1,
            "taken once; the other is said",
        ),
        (
            "a zip",
            "platform/platform-DATE.zip",
            2,
            "opened; the member is claimed by source platform",
        ),
        (
            "an empty day",
            "bank/OA1-DATE.csv",
            3,
            "header only: a legal day of the own account",
        ),
        ("a gzip", "platform/platform-DATE.csv.gz", 4, "opened"),
        (
            "Parquet",
            "bank/RA1-DATE.parquet",
            4,
            "the same table in another form",
        ),
        ("zstd", "bank/RA1-DATE.csv.zst", 5, "opened"),
        (
            "two statements in one file",
            "euro/RA2-DATE.xml",
            1,
            "the second opens where the first closes",
        ),
    ];
    for (kind, name, day, shows) in list {
        let name = file(week, day, name);
        week.plant(kind, name, &[day], shows);
    }
}

/// The bank's side of a payout: its debit, or its return.
pub fn payout_entry(
    week: &mut Week,
    day: usize,
    payout_id: &str,
    currency: &'static str,
    minor: i64,
    returned: bool,
) {
    let (prefix, direction) = match returned {
        false => ("B-PAY-", Direction::Debit),
        true => ("B-RTN-", Direction::Credit),
    };
    let mut entry = own(
        week,
        day,
        &format!("{prefix}{}", &payout_id[..16]),
        account_of(currency),
        direction,
        minor,
    );
    match returned {
        false => entry.bank_ref = payout_id.to_owned(),
        true => entry.original_ref = payout_id.to_owned(),
    }
    entry.remark = if returned {
        "账号户名不符，退汇"
    } else {
        ""
    };
    week.enter(day, entry);
}

//! Stage 8: reports/index.html, the day on one page that needs nothing else: no script, no font, no network.
//!
//! In: the lines of the day and its [`Summary`]. Out: bytes. Every text is escaped, and characters that hide or
//! reorder text are written as code points. Account numbers are masked when `[privacy]` says so. No clock.
//! Long lists stop at a stated row and name the table that goes on.

use std::collections::BTreeMap;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::day::figures::{AdjustmentLine, PayoutLine, PayoutStatus};
use crate::report::pools::{LINES, PoolFigures};
use crate::report::shares::{percent, share_ppm};
use crate::report::show::{amount, count, masked, visible};
use crate::report::summary::{Day, Summary, at_stake_minor};
use crate::terms::currency::Currency;

const PAYOUTS_SHOWN: usize = 500;
const BREAKS_SHOWN: usize = 200;
const REJECTS_SHOWN: usize = 200;
const ADJUSTMENTS_SHOWN: usize = 200;
const INPUTS_SHOWN: usize = 1000;

/// The page.
pub fn page(day: &Day<'_>, summary: &Summary) -> Vec<u8> {
    let title = format!(
        "{} · {} · close {}",
        visible(&day.settings.institution.name),
        day.business_date,
        day.sequence
    );
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'";
                meta name="referrer" content="no-referrer";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 { (visible(&day.settings.institution.name)) }
                    p.sub {
                        "Business date 会计日 " strong { (day.business_date) }
                        " · close " (day.sequence) " · payouts execute on " (day.execution_date)
                    }
                    p.status {
                        (mark(summary.exit_code == 0, summary.exit_code == 10))
                        " " (summary.status) " · exit code " (summary.exit_code)
                    }
                }
                nav {
                    a href="#reserve" { "Reserve 备付金" } " "
                    a href="#causes" { "Causes 原因" } " "
                    a href="#matched" { "Matched 勾对" } " "
                    a href="#breaks" { "Breaks 差错" } " "
                    @if !day.adjustments.is_empty() { a href="#adjustments" { "Adjustments 调账" } " " }
                    a href="#accounts" { "Accounts 账户" } " "
                    a href="#payouts" { "Payouts 结算" } " "
                    a href="#rejects" { "Rejects 拒收" } " "
                    a href="#inputs" { "Inputs 来源" }
                }
                main {
                    (headlines(day, summary))
                    (next_steps(summary))
                    (reserve(day.pools))
                    (causes(summary))
                    (matched(summary))
                    (breaks(day))
                    (adjustments(day.adjustments))
                    (accounts(day))
                    (payouts(day))
                    (rejects(day))
                    (inputs(day))
                }
                footer {
                    "Figures are those of the sealed tables beside this page; the engine reports figures and \
                     differences and claims no compliance."
                }
            }
        }
    };
    markup.into_string().into_bytes()
}

/// A sign and a word, so that colour alone says nothing.
fn mark(ok: bool, warn: bool) -> Markup {
    html! {
        @if ok { span.badge.ok { "✓ ok" } }
        @else if warn { span.badge.warn { "⚠ alert" } }
        @else { span.badge.bad { "✗ alert" } }
    }
}

/// Whether a pool holds what it must, its payouts included (R3).
fn pool_mark(pool: &PoolFigures) -> Markup {
    html! {
        @if pool.is_short() { span.badge.bad { "✗ short" } }
        @else { span.badge.ok { "✓ covered" } }
    }
}

/// An amount written in its own column, right-aligned.
fn money(minor: i128, currency: Currency) -> Markup {
    html! { td.num.neg[minor < 0] { (amount(minor, currency)) } }
}

fn number(value: u64) -> Markup {
    html! { td.num { (count(value)) } }
}

fn headlines(day: &Day<'_>, summary: &Summary) -> Markup {
    let mut issued: BTreeMap<Currency, i128> = BTreeMap::new();
    for line in day
        .payouts
        .iter()
        .filter(|line| line.status == PayoutStatus::Issued)
    {
        *issued.entry(line.sums.currency).or_default() += line.payout_minor;
    }
    let issued_count = day
        .payouts
        .iter()
        .filter(|line| line.status == PayoutStatus::Issued)
        .count();
    html! {
        section.cards {
            div.card {
                h2 { "Reserve 备付金" }
                @for pool in day.pools {
                    @let (line, minor) = pool.headline();
                    p { (pool_mark(pool)) " " (visible(&pool.pool)) }
                    p.big.neg[minor < 0] { (amount(minor, pool.currency)) " " (pool.currency) }
                    p.sub { "worst line: " (line_name(line)) }
                }
                @if day.pools.is_empty() { p { "no reserve account" } }
            }
            div.card {
                h2 { "Payouts 结算" }
                @for (currency, minor) in &issued {
                    p.big { (amount(*minor, *currency)) " " (currency) }
                }
                p.sub { (count(issued_count as u64)) " issued of " (count(day.payouts.len() as u64)) " lines" }
            }
            div.card {
                h2 { "Breaks 差错" }
                p.big { (count(summary.breaks_open)) }
                p.sub {
                    (count(summary.breaks_overdue)) " overdue · "
                    (count(summary.breaks_resolved)) " resolved today"
                }
                p { (mark(summary.alerts.is_empty(), true)) }
            }
            div.card {
                h2 { "Rejects 拒收" }
                p.big { (count(summary.rejects)) }
                p { (mark(summary.rejects == 0, true)) }
            }
        }
    }
}

fn next_steps(summary: &Summary) -> Markup {
    html! {
        @if !summary.next_steps.is_empty() {
            section {
                h2 { "Next steps 下一步" }
                ul { @for step in &summary.next_steps { li { (visible(step)) } } }
            }
        }
    }
}

fn line_name(line: &str) -> &'static str {
    match line {
        "C_int" => "internal C_int",
        "C" => "total C",
        _ => "strict C_strict",
    }
}

fn formula(line: &str) -> &'static str {
    match line {
        "C_int" => "= S_book + S_other − R_book",
        "C" => "= S_bank + S_other − R",
        _ => "= S_bank − R",
    }
}

/// Figures of R39 with their words, in the order of the formula.
const TERMS: [(&str, &str); 18] = [
    ("balances", "Balances owed 应付余额"),
    ("U", "+ U unidentified receipts 不明来款"),
    ("P", "+ P payouts not yet debited 在途结算"),
    ("F", "+ F refunds and withdrawals in flight 在途退款提现"),
    ("R", "= R requirement 应有备付金"),
    ("R_neg", "R_neg negative balances, shown apart 负余额"),
    ("S_bank", "S_bank statement balances 银行余额"),
    ("A1", "+ A1 booked in, bank not 已记收、银行未收"),
    ("A2", "− A2 booked out, bank not 已记付、银行未付"),
    ("B1", "− B1 bank in, not booked 银行已收、未记"),
    ("B2", "+ B2 bank out, not booked 银行已付、未记"),
    ("S_book", "= S_book cash book 账面余额"),
    ("S_other", "S_other other resources 其他"),
    ("own_money", "Own money in the reserve 自有资金"),
    ("shortfall", "Shortfall 短缺"),
    ("shortfall_if_paid", "Shortfall if paid 结算后短缺"),
    ("excess", "Excess 盈余"),
    ("unexplained", "Unexplained 未解释差额"),
];

fn reserve(pools: &[PoolFigures]) -> Markup {
    html! {
        section #reserve {
            h2 { "Reserve 备付金" }
            div.pools { @for pool in pools {
                @let (worst, _) = pool.headline();
                div {
                    h3 { (visible(&pool.pool)) " · " (pool.currency) " " (pool_mark(pool)) }
                    table {
                        thead { tr { th { "Line" } th.num { "Coverage" } th { "" } } }
                        tbody {
                            @for line in LINES {
                                tr.worst[line == worst] {
                                    th scope="row" { (line_name(line)) " " span.sub { (formula(line)) } }
                                    (money(pool.get(line), pool.currency))
                                    td {
                                        @if pool.get(line) < 0 { span.badge.warn { "⚠ below zero" } } @else { span.badge.ok { "✓ ok" } }
                                        @if line == worst { " worst" }
                                    }
                                }
                            }
                        }
                    }
                    table {
                        thead { tr { th { "Term" } th.num { (pool.currency) } } }
                        tbody {
                            @for (figure, words) in TERMS {
                                tr.total[words.starts_with('=')] {
                                    th scope="row" { (words) }
                                    (money(pool.get(figure), pool.currency))
                                }
                            }
                        }
                    }
                }
            } }
            @if pools.is_empty() { p { "No reserve account in the settings." } }
        }
    }
}

fn causes(summary: &Summary) -> Markup {
    let explained: u64 = summary.cause_details.iter().map(|cause| cause.count).sum();
    html! {
        section #causes {
            h2 { "Causes of breaks 原因" }
            @if summary.cause_details.is_empty() {
                p { "No condition explains several breaks at once." }
            } @else {
                p.sub { (count(explained)) " of " (count(summary.breaks_open)) " open breaks, by the smallest conditions that explain them." }
                table {
                    thead { tr { th.num { "No." } th { "Cause" } th { "Leg" } th { "Class" } th.num { "Breaks" } } }
                    tbody {
                        @for (cause, text) in summary.cause_details.iter().zip(&summary.causes) {
                            tr {
                                (number(u64::from(cause.number)))
                                th scope="row" { (text) }
                                td { (visible(&cause.leg)) }
                                td { (cause.class) }
                                (number(cause.count))
                            }
                        }
                    }
                }
            }
        }
    }
}

/// What each pass cleared of the rows that expected money, and what is left.
fn matched(summary: &Summary) -> Markup {
    html! {
        section #matched {
            h2 { "Matched by pass 勾对" }
            table {
                thead { tr {
                    th { "Leg" } th { "Pass" } th.num { "Platform rows" } th.num { "Interchangeable" } th.num { "Share" }
                } }
                tbody {
                    @for leg in &summary.matched {
                        @for share in &leg.passes {
                            tr {
                                td { (visible(&leg.leg)) }
                                th scope="row" { (share.pass) }
                                (number(share.rows))
                                (number(share.interchangeable_rows))
                                td.num { (percent(share.share_ppm)) }
                            }
                        }
                        tr {
                            td { (visible(&leg.leg)) }
                            th scope="row" { "open" }
                            (number(leg.open_rows))
                            td {}
                            td.num { (percent(share_ppm(leg.open_rows, leg.rows))) }
                        }
                    }
                }
            }
        }
    }
}

fn breaks(day: &Day<'_>) -> Markup {
    // By class and currency: numbers in the three age buckets of SPEC §7, overdue, sum at stake.
    let mut by_class: BTreeMap<(&str, Currency), ([u64; 3], u64, i128)> = BTreeMap::new();
    for line in day.breaks {
        let (buckets, overdue, sum) = by_class.entry((line.class, line.currency)).or_default();
        let bucket = match line.age_business_days {
            ..=5 => 0,
            6..=10 => 1,
            _ => 2,
        };
        buckets[bucket] += 1;
        *overdue += u64::from(line.overdue);
        *sum += i128::from(at_stake_minor(line));
    }
    html! {
        section #breaks {
            h2 { "Breaks 差错" }
            @if day.breaks.is_empty() {
                p { (mark(true, false)) " Nothing is open." }
            } @else {
                table {
                    thead { tr {
                        th { "Class" } th { "Currency" }
                        th.num { "≤ 5 days" } th.num { "6–10 days" } th.num { "≥ 11 days" }
                        th.num { "Overdue" } th.num { "Larger side" }
                    } }
                    tbody {
                        @for ((class, currency), (buckets, overdue, sum)) in &by_class {
                            tr {
                                th scope="row" { (class) }
                                td { (currency) }
                                @for bucket in buckets { (number(*bucket)) }
                                (number(*overdue))
                                (money(*sum, *currency))
                            }
                        }
                    }
                }
                p.sub { "Ages are business days since first seen." }
                details open[day.breaks.len() <= 20] {
                    summary { "Lines 明细" }
                    table {
                        thead { tr {
                            th { "Class" } th { "Leg" } th { "Reference" } th { "Merchant" } th { "Currency" }
                            th.num { "Platform" } th.num { "Bank" } th { "First seen" } th.num { "Days" } th { "Where" }
                        } }
                        tbody {
                            @for line in day.breaks.iter().take(BREAKS_SHOWN) {
                                tr {
                                    td { (line.class) @if line.overdue { " " span.badge.warn { "⚠ overdue" } } }
                                    td { (visible(&line.leg)) }
                                    td.id { (visible(&line.bank_ref)) }
                                    td.id { (visible(&line.merchant_id)) }
                                    td { (line.currency) }
                                    (optional_money(line.platform_minor, line.currency))
                                    (optional_money(line.bank_minor, line.currency))
                                    td { (line.first_seen) }
                                    td.num { (line.age_days) }
                                    td.id {
                                        (place(&line.platform_file, line.platform_line))
                                        @if line.platform_line > 0 && line.bank_line > 0 { br; }
                                        (place(&line.bank_file, line.bank_line))
                                    }
                                }
                            }
                        }
                    }
                    (more(day.breaks.len(), BREAKS_SHOWN, "breaks.csv"))
                }
            }
        }
    }
}

fn optional_money(minor: Option<i64>, currency: Currency) -> Markup {
    match minor {
        Some(minor) => money(i128::from(minor), currency),
        None => html! { td.num { "–" } },
    }
}

fn place(file: &str, line: u64) -> String {
    if line == 0 {
        String::new()
    } else {
        format!("{}:{line}", visible(file))
    }
}

fn more(rows: usize, shown: usize, table: &str) -> Markup {
    html! {
        @if rows > shown {
            p.sub { (count((rows - shown) as u64)) " more in " (table) }
        }
    }
}

/// What people decided; nothing where nobody did.
fn adjustments(lines: &[AdjustmentLine]) -> Markup {
    html! {
        @if !lines.is_empty() {
            section #adjustments {
                h2 { "Adjustments 调账" }
                table {
                    thead { tr {
                        th { "Id" } th { "Action" } th { "Closes" } th { "Rows" } th { "Merchant" } th { "Currency" }
                        th.num { "Amount" } th.num { "Own money" } th { "Reason" } th { "Prepared by" } th { "Approved by" }
                    } }
                    tbody {
                        @for line in lines.iter().take(ADJUSTMENTS_SHOWN) {
                            tr {
                                th.id scope="row" { (visible(&line.adjustment_id)) }
                                td { (line.action.name()) }
                                td { (visible(&line.class)) }
                                td.id {
                                    (visible(&line.txn_id))
                                    @if !line.txn_id.is_empty() && !line.entry_id.is_empty() { br; }
                                    (visible(&line.entry_id))
                                }
                                td.id { (visible(&line.merchant_id)) }
                                td { (line.currency) }
                                (money(i128::from(line.amount_minor), line.currency))
                                (money(i128::from(line.own_money_minor), line.currency))
                                td { (visible(&line.reason)) }
                                td { (visible(&line.prepared_by)) }
                                td { (visible(&line.approved_by)) br; span.sub { (visible(&line.approved_at)) } }
                            }
                        }
                    }
                }
                (more(lines.len(), ADJUSTMENTS_SHOWN, "adjustments.csv"))
            }
        }
    }
}

fn accounts(day: &Day<'_>) -> Markup {
    html! {
        section #accounts {
            h2 { "Accounts 账户" }
            table {
                thead { tr {
                    th { "Account" } th { "Bank" } th { "Number" } th { "Kind" } th { "Pool" } th { "Currency" }
                    th.num { "Opening 期初" } th.num { "Credits 收" } th.num { "Debits 付" } th.num { "Closing 期末" }
                } }
                tbody {
                    @for line in day.accounts {
                        @let account = &day.settings.accounts[line.account];
                        @let number = account.number.as_deref().unwrap_or("");
                        tr {
                            th scope="row" { (visible(&account.id)) }
                            td { (visible(&account.bank)) }
                            td.id.mask[day.settings.privacy.mask_accounts] {
                                @if day.settings.privacy.mask_accounts { (masked(&visible(number))) }
                                @else { (visible(number)) }
                            }
                            td { (account.kind.name()) }
                            td { (visible(&account.pool)) }
                            td { (account.currency) }
                            (money(line.opening_minor, account.currency))
                            (money(line.credit_minor, account.currency))
                            (money(line.debit_minor, account.currency))
                            (money(line.closing_minor, account.currency))
                        }
                    }
                }
            }
        }
    }
}

/// The largest payouts first; lines without one follow by what they carry. Ties keep the published order.
fn payouts(day: &Day<'_>) -> Markup {
    let rank = |line: &PayoutLine| {
        (
            -line.payout_minor,
            std::cmp::Reverse(line.carried_minor.unsigned_abs()),
        )
    };
    let mut lines: Vec<&PayoutLine> = day.payouts.iter().collect();
    lines.sort_by_key(|line| rank(line));
    html! {
        section #payouts {
            h2 { "Payouts 结算" }
            @if lines.is_empty() {
                p { "No merchant has a figure today." }
            } @else {
                table {
                    thead { tr {
                        th { "Merchant 商户" } th { "Name" } th { "Pay to" } th { "Currency" }
                        th.num { "Gross 交易额" } th.num { "Fee 手续费" } th.num { "Net 净额" }
                        th.num { "Payout 结算额" } th.num { "Carried 结转" } th { "Status" }
                    } }
                    tbody {
                        @for line in lines.iter().take(PAYOUTS_SHOWN) {
                            @let terms = day.merchants.get(line.sums.merchant);
                            @let currency = line.sums.currency;
                            tr {
                                th.id scope="row" { (visible(&terms.id)) }
                                td { (visible(&terms.name)) }
                                td.id.mask[day.settings.privacy.mask_accounts] {
                                    @if day.settings.privacy.mask_accounts { (masked(&visible(&terms.payout_account))) }
                                    @else { (visible(&terms.payout_account)) }
                                }
                                td { (currency) }
                                (money(line.sums.gross_minor, currency))
                                (money(line.fee_minor, currency))
                                (money(line.net_minor, currency))
                                (money(line.payout_minor, currency))
                                (money(line.carried_minor, currency))
                                td {
                                    (line.status.name())
                                    @if let Some(reason) = line.reason { " · " (reason.name()) }
                                }
                            }
                        }
                    }
                }
                (more(lines.len(), PAYOUTS_SHOWN, "payouts.csv"))
            }
        }
    }
}

fn rejects(day: &Day<'_>) -> Markup {
    html! {
        section #rejects {
            h2 { "Rejects 拒收" }
            @if day.rejects.is_empty() {
                p { (mark(true, false)) " Every row was read." }
            } @else {
                table {
                    thead { tr { th { "File" } th.num { "Line" } th.num { "Column" } th { "Field" } th { "Found" } th { "Expected" } } }
                    tbody {
                        @for line in day.rejects.iter().take(REJECTS_SHOWN) {
                            tr {
                                td.id { (visible(&line.file)) }
                                (number(line.line))
                                (number(line.column))
                                td { (visible(&line.field)) }
                                td.id { (visible(&line.found)) }
                                td { (visible(&line.expected)) }
                            }
                        }
                    }
                }
                (more(day.rejects.len(), REJECTS_SHOWN, "rejects.csv"))
            }
        }
    }
}

fn inputs(day: &Day<'_>) -> Markup {
    html! {
        section #inputs {
            h2 { "Inputs 来源" }
            table {
                thead { tr {
                    th { "Role" } th { "File" } th.num { "Bytes" } th.num { "Rows" }
                    th.num { "Credits" } th.num { "Debits" } th { "SHA-256" }
                } }
                tbody {
                    @for input in day.inputs.iter().take(INPUTS_SHOWN) {
                        tr {
                            td { (visible(&input.role)) }
                            td.id { (visible(&input.name)) }
                            (number(input.bytes))
                            (number(input.rows))
                            (sums(&input.credit_minor))
                            (sums(&input.debit_minor))
                            td.hash { (visible(&input.sha256)) }
                        }
                    }
                }
            }
            (more(day.inputs.len(), INPUTS_SHOWN, "manifest.json"))
        }
    }
}

fn sums(by_currency: &BTreeMap<String, i128>) -> Markup {
    html! {
        td.num {
            @for (code, minor) in by_currency {
                @if let Some(currency) = Currency::parse(code.as_bytes()) {
                    div { (amount(*minor, currency)) " " (currency) }
                }
            }
        }
    }
}

const STYLE: &str = "
:root{--bg:#fbfbfa;--fg:#1c1d1f;--soft:#63666b;--line:#dfe0dd;--card:#fff;--ok:#12703f;--warn:#8a5300;--bad:#b3261e;--link:#1a56a8}
@media (prefers-color-scheme:dark){:root{--bg:#161719;--fg:#e6e6e3;--soft:#a0a3a8;--line:#34373b;--card:#1e2023;--ok:#63c795;--warn:#e7b04c;--bad:#ff8f85;--link:#8ab8f5}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:1180px;padding:1.5rem;background:var(--bg);color:var(--fg);font:15px/1.5 system-ui,-apple-system,'Segoe UI','Noto Sans','PingFang SC','Microsoft YaHei','Noto Sans CJK SC',sans-serif}
h1{margin:0;font-size:1.5rem}h2{font-size:1.1rem;margin:2rem 0 .5rem}h3{font-size:1rem;margin:1rem 0 .4rem}
p{margin:.25rem 0}.sub{color:var(--soft)}.status{font-weight:600}
nav{margin:1rem 0;padding:.5rem 0;border-block:1px solid var(--line)}nav a{margin-right:1rem;color:var(--link);text-decoration:none}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(210px,1fr));gap:.8rem}
.card{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:.8rem 1rem}.card h2{margin:0 0 .4rem;font-size:.95rem;color:var(--soft)}
.big{font-size:1.45rem;font-weight:600;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
section{overflow-x:auto}table{border-collapse:collapse;width:100%;margin:.4rem 0;font-size:.92em}
.pools{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,26rem),1fr));gap:0 2rem}
th,td{padding:.32rem .6rem;border-bottom:1px solid var(--line);text-align:left;vertical-align:top}
thead th{color:var(--soft);font-weight:600;border-bottom-width:2px;white-space:nowrap}tbody th{font-weight:500}
.num{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}thead th.num{text-align:right}
.neg{color:var(--bad)}tr.worst>*,tr.total>*{font-weight:650}th .sub{font-weight:400;font-size:.88em}
.id,.hash{font-family:ui-monospace,'SF Mono',Menlo,Consolas,monospace;font-size:.9em;overflow-wrap:anywhere}.hash{max-width:18rem}
.badge{display:inline-block;border:1px solid currentColor;border-radius:999px;padding:0 .5em;font-size:.82em;font-weight:600;white-space:nowrap}
.mask{white-space:nowrap}.ok{color:var(--ok)}.warn{color:var(--warn)}.bad{color:var(--bad)}
details summary{cursor:pointer;color:var(--link);margin:.5rem 0}
footer{margin:2.5rem 0 1rem;padding-top:.8rem;border-top:1px solid var(--line);color:var(--soft);font-size:.85rem}
@media print{:root{--bg:#fff;--fg:#000;--soft:#444;--line:#bbb;--card:#fff;--ok:#064;--warn:#630;--bad:#900}body{max-width:none;padding:0;font-size:10pt}nav{display:none}tr{break-inside:avoid}thead{display:table-header-group}section{overflow:visible}h2{break-after:avoid}}
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples::Sample;
    use crate::report::summary::summarise;

    #[test]
    fn the_page_stands_alone_and_nothing_escapes() {
        let sample = Sample::of_the_day();
        let day = sample.day();
        let bytes = page(&day, &summarise(&day));
        let text = String::from_utf8(bytes.clone()).unwrap();
        for words in [
            "content=\"default-src 'none'; style-src 'unsafe-inline'\"",
            "Reserve 备付金",
            "••••0001",
            "北京张三商贸 &amp; Co &lt;1&gt;",
            "REF3&lt;b&gt;",
            "Three\\u{202e}eerhT &lt;script&gt;",
            "-1,234,567.89",
            "✗ alert",
            "✓ ok",
            "worst",
        ] {
            assert!(text.contains(words), "{words}");
        }
        for words in [
            "<script",
            "http://",
            "https://",
            "6222000000000001",
            "6222000000001111",
            "\u{202e}",
            "url(",
        ] {
            assert!(!text.contains(words), "{words}");
        }
        assert_eq!(bytes, page(&day, &summarise(&day)));
    }

    #[test]
    fn long_lists_name_the_table_that_goes_on() {
        let sample = Sample::of_the_day();
        let mut day = sample.day();
        let many = vec![day.payouts[0].clone(); 512];
        day.payouts = &many;
        let text = String::from_utf8(page(&day, &summarise(&sample.day()))).unwrap();
        assert!(text.contains("12 more in payouts.csv"));
    }
}

//! `book.toml` of a generated book.

use super::sink::CHANNELS;
use super::situations::{CHANNEL_OF_LUMPS, CHANNEL_PPM, TOLERATED_MINOR};
use super::texts::KEPT;
use super::{GenerateFormat, INSTITUTION};

/// The settings of a book, with all passes where situations are planted for them.
pub fn book(format: GenerateFormat, has_passes: bool) -> String {
    let end = match format {
        GenerateFormat::Csv => "csv",
        GenerateFormat::Parquet => "parquet",
    };
    let (passes, channels) = match has_passes {
        true => (passes(), channel_plan()),
        false => (String::new(), String::new()),
    };
    format!(
        r#"# A synthetic book with known truth: see truth.json and truth_breaks.csv.

[institution]
name = "Synthetic Pay"
id = "{INSTITUTION}"
base_currency = "CNY"
time_zone = "Asia/Shanghai"
cut_off = "00:00"
calendar = "CN"

[[account]]
id = "RA1"
bank = "Bank of Examples"
currency = "CNY"
kind = "reserve"

[[account]]
id = "RA2"
bank = "Bank of Examples"
currency = "EUR"
kind = "reserve"

[[source]]
name = "platform"
role = "platform"
format = "canonical"
files = ["platform.{end}"]
required = true

[[source]]
name = "bank"
role = "bank"
format = "canonical"
files = ["bank.{end}"]
required = true

[[source]]
name = "balances"
role = "balances"
format = "canonical"
files = ["balances.csv"]
required = true

[[leg]]
name = "platform-bank"
left = "platform"
right = "bank"
{passes}
[settle]
when = ["platform-bank"]

[payout]
min_amount = "0.01"
default_cycle = "T+1"
account = {{ CNY = "RA1", EUR = "RA2" }}
format = "csv"

{channels}[policy]
rejects = "stop"
duplicates = "pair"
"#
    )
}

fn passes() -> String {
    format!(
        r#"passes = ["exact", "normalised", "remark", "batch", "amount-date", "tolerance", "subset"]

[[leg.pass]]
name = "normalised"
prefixes = ["NO."]
length = {KEPT}

[[leg.pass]]
name = "remark"
patterns = ["ref {{word}}"]

[[leg.pass]]
name = "tolerance"
amount = "{}"

[[leg.pass]]
name = "amount-date"
entries = "unnamed"

[[leg.pass]]
name = "subset"
days = 1
entries = "unnamed"
"#,
        crate::terms::money::format_minor(i128::from(TOLERATED_MINOR), 2)
    )
}

fn channel_plan() -> String {
    format!(
        r#"[channel.{}]
fee_plan = "channel"

[fee_plan.channel]
rate_ppm = {CHANNEL_PPM}

"#,
        CHANNELS[CHANNEL_OF_LUMPS]
    )
}

//! The demo's settings and masters: book.toml, merchants.csv and the calendar of the euro's bank.

use crate::terms::money::format_minor;

/// `institution.id` of the demo.
pub const INSTITUTION: &str = "EXPAY";
/// Number of the renminbi reserve account.
pub const RESERVE_CNY: &str = "110060149300188001234";
/// Number of the institution's own account.
pub const OWN_CNY: &str = "110060149300188009876";
/// IBAN of the euro reserve account.
pub const RESERVE_EUR: &str = "DE75512108001245126199";

/// `book.toml`.
pub const SETTINGS: &str = r#"# The book of an imaginary payment institution. `tieout schema` describes every key.

[institution]
name = "Example Pay 示例支付"
id = "EXPAY"                      # part of every payout id: never change it
base_currency = "CNY"
time_zone = "Asia/Shanghai"
cut_off = "00:00"                 # the business day begins at midnight
calendar = "CN"                   # built in, with the make-up workdays

# Customers' money in renminbi, held at one bank. Merchants are paid from it.
[[account]]
id = "RA1"
bank = "Bank of China"
number = "110060149300188001234"
bic = "BKCHCNBJ"
cnaps = "104100000004"
currency = "CNY"
kind = "reserve"

# Customers' money in euro.
[[account]]
id = "RA2"
bank = "Example Bank Frankfurt"
number = "DE75512108001245126199"
bic = "SOGEDEFF"
currency = "EUR"
kind = "reserve"

# The institution's own money: fee income is swept here.
[[account]]
id = "OA1"
bank = "Bank of China"
number = "110060149300188009876"
bic = "BKCHCNBJ"
cnaps = "104100000004"
currency = "CNY"
kind = "own"

# What is delivered. Archives (zip, gz, zst) are opened; the files of a date lie in inbox/DATE/.
[[source]]
name = "platform"
role = "platform"
format = "canonical"
files = ["platform/*"]
required = true

[[source]]
name = "bank"
role = "bank"
format = "canonical"
files = ["bank/*"]
required = true

[[source]]
name = "balances"
role = "balances"
format = "canonical"
files = ["balances.csv"]
required = true

[[source]]
name = "euro-bank"
role = "bank"
format = "camt.053"
account = "RA2"
files = ["euro/*.xml"]
required = true

[[source]]
name = "alipay"
role = "channel"
format = "alipay-trade"
channel = "ALIPAY"
files = ["alipay/*.zip"]
required = true

# Every row needs its money at the bank; rows of ALIPAY also need their line in Alipay's bill.
[[leg]]
name = "platform-bank"
left = "platform"
right = "bank"
passes = ["exact"]

[[leg]]
name = "platform-alipay"
left = "platform"
right = "channel"
channels = ["ALIPAY"]
passes = ["exact"]

[settle]
when = ["platform-bank", "platform-alipay"]

# 0.6 %, and 0.55 % where the customer paid by Alipay.
[fee_plan.standard]
rate_ppm = 6000
on_refund = "keep"

[[fee_plan.standard.rule]]
channel = "ALIPAY"
rate_ppm = 5500

# By the size of the payment; a refund gives the fee back in proportion.
[fee_plan.hotel]
tiers = [
    { up_to = "500.00", rate_ppm = 10000 },
    { up_to = "2000.00", rate_ppm = 8000 },
    { rate_ppm = 6000 },
]
min = "0.10"
on_refund = "return"

# 0.5 % once on the day's gross, at most 200.00.
[fee_plan.daily]
rate_ppm = 5000
max = "200.00"
per = "day"

# What Alipay charges us: 0.38 % on each payment.
[fee_plan.alipay-cost]
rate_ppm = 3800

[channel.ALIPAY]
fee_plan = "alipay-cost"
participant = "ALIPAY"

[channel.UNIONPAY]
participant = "UNIONPAY"

[channel.SEPA]
participant = "SEPA"

[payout]
min_amount = "1.00"
default_cycle = "T+1"
account = { CNY = "RA1", EUR = "RA2" }
format = "pain.001"

[netting]
mode = "multilateral"
windows = ["12:00", "24:00"]

[reserve]
basis = "received"
own_money_allowed = "60000.00"    # put in on the first day so that no bank fee touches customers' money
regimes = ["pboc", "cass15"]

[policy]
rejects = "stop"
duplicates = "pair"
on_shortfall = "withhold"
max_age_days = 3

# The close exits with 10 above these. Classes that are not named here allow none.
[policy.alert]
MISSING_AT_BANK = { count = 3, amount = "20000.00" }
MISSING_AT_PLATFORM = { count = 3 }
MISSING_AT_CHANNEL = { count = 3 }

[privacy]
mask_accounts = true
"#;

/// Days on which euro payments are not settled (TARGET), 2026.
pub const TARGET: &str = r#"{
  "holidays": {
    "2026-01-01": "New Year's Day",
    "2026-04-03": "Good Friday",
    "2026-04-06": "Easter Monday",
    "2026-05-01": "Labour Day",
    "2026-12-25": "Christmas Day",
    "2026-12-26": "Second day of Christmas"
  },
  "workdays": {}
}
"#;

/// How a demo merchant is charged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fee {
    /// The columns of the master: basis points, least and greatest fee in minor units.
    Columns(u32, i64, Option<i64>),
    /// `[fee_plan.standard]`.
    Standard,
    /// `[fee_plan.hotel]`.
    Hotel,
    /// `[fee_plan.daily]`.
    Daily,
}

/// A merchant of the demo.
#[derive(Clone, Copy, Debug)]
pub struct Merchant {
    /// Id.
    pub id: &'static str,
    /// Display name.
    pub name: &'static str,
    /// Fee terms.
    pub fee: Fee,
    /// Share of the gross held back, basis points, and for how many days.
    pub hold: Option<(u32, i32)>,
    /// Cycle; empty is T+1 by the column settlement_cycle_days.
    pub cycle: &'static str,
    /// Least payout, minor units.
    pub min_payout_minor: Option<i64>,
    /// Currency of its sales.
    pub currency: &'static str,
    /// Account, bank and holder of the payout account.
    pub payout: (&'static str, &'static str, &'static str),
    /// Participant.
    pub participant: &'static str,
    /// Status.
    pub status: &'static str,
    /// Calendar; empty is the institution's.
    pub calendar: &'static str,
    /// Share of the day's sales, in parts of all merchants of the currency.
    pub weight: u64,
}

const PLAIN: Merchant = Merchant {
    id: "",
    name: "",
    fee: Fee::Columns(60, 0, None),
    hold: None,
    cycle: "",
    min_payout_minor: None,
    currency: "CNY",
    payout: ("", "", ""),
    participant: "EAST",
    status: "active",
    calendar: "",
    weight: 2,
};

/// ICBC by its CNAPS code.
const ICBC: &str = "102100099996";
/// China Construction Bank by its CNAPS code.
const CCB: &str = "105100000017";
/// Bank of China by its BIC.
const BOC: &str = "BKCHCNBJ";

/// The merchants, in the order of their ids.
pub const MERCHANTS: [Merchant; 14] = [
    Merchant {
        id: "M-BOOK",
        name: "晨光书店",
        fee: Fee::Columns(60, 10, None),
        payout: ("6217000010012345601", CCB, "晨光书店有限公司"),
        ..PLAIN
    },
    Merchant {
        id: "M-CAFE",
        name: "Café Zürcher Hof",
        fee: Fee::Columns(120, 5, None),
        currency: "EUR",
        payout: ("DE89370400440532013000", "COBADEFF", "Café Zürcher Hof GmbH"),
        participant: "EUROPE",
        calendar: "TARGET",
        weight: 3,
        ..PLAIN
    },
    Merchant {
        id: "M-FARM",
        name: "田园合作社",
        cycle: "weekly:FRI",
        payout: ("6222020200012345602", ICBC, "田园农产品专业合作社"),
        participant: "SOUTH",
        ..PLAIN
    },
    Merchant {
        id: "M-GAME",
        name: "幻境游戏 Mirage Games",
        status: "held",
        payout: ("6222020200012345603", ICBC, "幻境游戏科技有限公司"),
        weight: 1,
        ..PLAIN
    },
    Merchant {
        id: "M-HOTEL",
        name: "云栖酒店",
        fee: Fee::Hotel,
        payout: ("6217850100012345604", BOC, "云栖酒店管理有限公司"),
        participant: "SOUTH",
        ..PLAIN
    },
    Merchant {
        id: "M-MARKET",
        name: "惠民超市",
        fee: Fee::Daily,
        cycle: "D+0",
        payout: ("6217000010012345605", CCB, "惠民超市连锁有限公司"),
        participant: "SOUTH",
        weight: 6,
        ..PLAIN
    },
    Merchant {
        id: "M-MEDIA",
        name: "星河数码 Galaxy Digital",
        hold: Some((1000, 3)),
        payout: ("6217850100012345606", BOC, "Galaxy Digital Trading Co., Ltd."),
        ..PLAIN
    },
    Merchant {
        id: "M-NOODLE",
        name: "老街面馆",
        fee: Fee::Standard,
        cycle: "T+0",
        payout: ("6222020200012345607", ICBC, "老街面馆"),
        weight: 5,
        ..PLAIN
    },
    Merchant {
        id: "M-OLD",
        name: "旧时光影像",
        status: "closed",
        payout: ("6217000010012345608", CCB, "旧时光影像工作室"),
        weight: 0,
        ..PLAIN
    },
    Merchant {
        id: "M-RENT",
        name: "安居租赁",
        fee: Fee::Columns(30, 0, Some(5000)),
        cycle: "monthly:20",
        payout: ("6217850100012345609", BOC, "安居租赁服务有限公司"),
        participant: "SOUTH",
        ..PLAIN
    },
    Merchant {
        id: "M-STALL",
        name: "小微摊位",
        min_payout_minor: Some(500_000),
        payout: ("6222020200012345610", ICBC, "王小明"),
        weight: 1,
        ..PLAIN
    },
    Merchant {
        id: "M-TAXI",
        name: "快达出行",
        hold: Some((500, 4)),
        payout: ("6217000010012345611", CCB, "快达出行科技有限公司"),
        weight: 5,
        ..PLAIN
    },
    Merchant {
        id: "M-TEA",
        name: "西湖茶庄",
        fee: Fee::Standard,
        payout: ("6217850100012345612", BOC, "西湖茶庄"),
        weight: 3,
        ..PLAIN
    },
    Merchant {
        id: "M-WINE",
        name: "Weingut Moser",
        fee: Fee::Columns(90, 0, None),
        currency: "EUR",
        payout: ("AT611904300234573201", "BKAUATWW", "Weingut Moser KG"),
        participant: "EUROPE",
        calendar: "TARGET",
        weight: 2,
        ..PLAIN
    },
];

/// The merchant of an id that stands in [`MERCHANTS`].
pub fn merchant(id: &str) -> Option<&'static Merchant> {
    MERCHANTS.iter().find(|merchant| merchant.id == id)
}

/// `merchants.csv`.
pub fn master() -> String {
    let mut text = String::from(
        "merchant_id,name,fee_plan,fee_bps,fee_min_minor,fee_max_minor,hold_bps,hold_days,settlement_cycle_days,cycle,\
         min_payout,currency,payout_account,payout_bank,payout_name,participant_id,status,calendar\n",
    );
    for merchant in &MERCHANTS {
        let plan = match merchant.fee {
            Fee::Columns(..) => "",
            Fee::Standard => "standard",
            Fee::Hotel => "hotel",
            Fee::Daily => "daily",
        };
        let (bps, least, most) = match merchant.fee {
            Fee::Columns(bps, least, most) => (bps, least, most),
            _ => (0, 0, None),
        };
        let (hold_bps, hold_days) = merchant.hold.unwrap_or((0, 180));
        let (account, bank, holder) = merchant.payout;
        let holder = match holder.contains(',') {
            true => format!("\"{holder}\""),
            false => holder.to_owned(),
        };
        let most = most.map(|minor: i64| minor.to_string()).unwrap_or_default();
        let min_payout = merchant
            .min_payout_minor
            .map(|minor| format_minor(i128::from(minor), 2));
        text.push_str(&format!(
            "{},{},{plan},{bps},{least},{most},{hold_bps},{hold_days},1,{},{},{},{account},{bank},{holder},{},{},{}\n",
            merchant.id,
            merchant.name,
            merchant.cycle,
            min_payout.unwrap_or_default(),
            merchant.currency,
            merchant.participant,
            merchant.status,
            merchant.calendar,
        ));
    }
    text
}

//! `book.toml` as people write it: the one description of its keys.
//!
//! From these types come the JSON Schema of `tieout schema`, the check for unknown and misshapen keys in
//! [`crate::book::parse`], and the reading itself. A key that is not here does not exist. What the words mean and
//! whether they fit together is checked in `parse`, not here.

use std::collections::BTreeMap;

use schemars::{JsonSchema, generate::SchemaSettings};
use serde::Deserialize;
use serde_json::Value;

use crate::terms::money::Rounding;

/// The JSON Schema of `book.toml`, indented.
pub fn json_schema() -> String {
    let mut text = serde_json::to_string_pretty(&schema_value()).unwrap_or_default();
    text.push('\n');
    text
}

/// The schema with every reference resolved and without `null`, which TOML cannot write.
pub(crate) fn schema_value() -> Value {
    let generator = SchemaSettings::draft2020_12()
        .with(|settings| settings.inline_subschemas = true)
        .into_generator();
    let mut schema = Value::from(generator.into_root_schema_for::<BookToml>());
    drop_null(&mut schema);
    schema
}

/// Takes `null` out of `type` lists and `anyOf` alternatives.
fn drop_null(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(drop_null),
        Value::Object(map) => {
            if let Some(Value::Array(types)) = map.get_mut("type") {
                types.retain(|name| name != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    map.insert("type".to_owned(), only);
                }
            }
            if let Some(Value::Array(any)) = map.get_mut("anyOf") {
                any.retain(|one| one.get("type") != Some(&Value::from("null")));
                if let [Value::Object(only)] = any.as_slice() {
                    let only = only.clone();
                    map.remove("anyOf");
                    for (key, value) in only {
                        map.entry(key).or_insert(value);
                    }
                }
            }
            map.values_mut().for_each(drop_null);
        }
        _ => {}
    }
}

/// Settings of one institution's book. Times are local to `institution.time_zone`; amounts are decimal text;
/// rates are whole numbers of parts per million.
#[derive(Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields, title = "book.toml")]
pub(crate) struct BookToml {
    /// Who closes the day.
    pub institution: InstitutionToml,
    /// Bank accounts.
    pub account: Vec<AccountToml>,
    /// Kinds of files below inbox/DATE/.
    pub source: Vec<SourceToml>,
    /// Comparisons between two roles.
    pub leg: Vec<LegToml>,
    /// When a row settles.
    pub settle: SettleToml,
    /// Fee plans by name.
    #[serde(default)]
    pub fee_plan: BTreeMap<String, FeePlanToml>,
    /// Channels by name.
    #[serde(default)]
    pub channel: BTreeMap<String, ChannelToml>,
    /// How merchants are paid.
    pub payout: PayoutToml,
    /// How net positions are formed.
    pub netting: Option<NettingToml>,
    /// Reserve-fund rules.
    pub reserve: Option<ReserveToml>,
    /// What to do about findings.
    pub policy: Option<PolicyToml>,
    /// What reports mask.
    pub privacy: Option<PrivacyToml>,
}

/// Who closes the day.
#[derive(Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct InstitutionToml {
    /// Display name.
    pub name: String,
    /// Short id, part of every payout id: never change it.
    pub id: String,
    /// ISO 4217 code of thresholds and of payout.min_amount.
    pub base_currency: String,
    /// IANA name, such as Asia/Shanghai.
    pub time_zone: String,
    /// HH:MM at which the business day begins; 00:00 unless given.
    pub cut_off: Option<String>,
    /// Id of the business-day calendar: CN, or a file calendars/ID.json.
    pub calendar: String,
}

/// One bank account.
#[derive(Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct AccountToml {
    /// Id within the book.
    pub id: String,
    /// Name of the bank.
    pub bank: String,
    /// Account number or IBAN, as statements name it. Accounts in several currencies may have one: statements find theirs by their
    /// currency, canonical rows and tables name such an account by its id.
    pub number: Option<String>,
    /// Other numbers by which files name the same account, such as its IBAN beside the local number.
    #[serde(default)]
    pub other_numbers: Vec<String>,
    /// BIC of the bank.
    pub bic: Option<String>,
    /// CNAPS code (联行号) of the bank.
    pub cnaps: Option<String>,
    /// Account holder; the institution unless given.
    pub name: Option<String>,
    /// ISO 4217 code.
    pub currency: String,
    /// Whose money it holds.
    pub kind: AccountKindToml,
    /// Reserve pool; default unless given.
    pub pool: Option<String>,
}

/// Whose money an account holds.
#[derive(Deserialize, JsonSchema, Clone, Copy)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AccountKindToml {
    /// Customers' money.
    Reserve,
    /// The institution's own money.
    Own,
    /// Money that channels owe.
    Receivable,
}

/// One kind of file.
#[derive(Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct SourceToml {
    /// Name within the book.
    pub name: String,
    /// What the files tell.
    pub role: RoleToml,
    /// canonical, or the name of a format or profile.
    pub format: String,
    /// Globs below inbox/DATE/.
    pub files: Vec<String>,
    /// True when a day without a file of this source is incomplete; false unless given.
    pub required: Option<bool>,
    /// Account id of every row, where the format names none.
    pub account: Option<String>,
    /// Channel of every row, where the format names none.
    pub channel: Option<String>,
    /// Encoding label such as gbk; detected unless given.
    pub encoding: Option<String>,
    /// What the bank's reversal indicator does to the sign; iso unless given.
    pub reversal_sign: Option<ReversalSignToml>,
    /// How the bank counts its statements; yearly unless given.
    pub statement_numbers: Option<StatementNumbersToml>,
    /// True when files are taken that say themselves that they are of other days, and OFX entries of earlier days that add up
    /// to nothing; false unless given.
    pub other_days: Option<bool>,
}

/// What a file tells.
#[derive(Deserialize, JsonSchema, Clone, Copy)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RoleToml {
    /// The platform's own transaction log.
    Platform,
    /// A channel's bill.
    Channel,
    /// A bank's statement.
    Bank,
    /// Statement balances.
    Balances,
    /// What people decided about breaks and merchants' money.
    Adjustments,
}

/// What a reversal indicator does to the sign.
#[derive(Deserialize, JsonSchema, Clone, Copy)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ReversalSignToml {
    /// Nothing (ISO 20022).
    Iso,
    /// Flips it.
    Invert,
}

/// How a bank counts its statements.
#[derive(Deserialize, JsonSchema, Clone, Copy)]
#[serde(rename_all = "lowercase")]
pub(crate) enum StatementNumbersToml {
    /// One more each time, from 1 again in a new year.
    Yearly,
    /// One more each time, from 1 again in a new month.
    Monthly,
    /// Upwards with gaps, from anywhere again in a new year.
    Rising,
    /// The numbers mean nothing.
    Free,
}

/// One comparison.
#[derive(Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct LegToml {
    /// Name, as it stands in every table.
    pub name: String,
    /// Left role: platform, or channel where right is bank.
    pub left: LegRoleToml,
    /// Right role: bank or channel.
    pub right: LegRoleToml,
    /// Channels whose rows need this leg; every channel unless given.
    pub channels: Option<Vec<String>>,
    /// Passes in order, exact first; exact alone unless given.
    pub passes: Option<Vec<PassToml>>,
    /// Parameters of passes.
    #[serde(default)]
    pub pass: Vec<PassTableToml>,
}

/// Parameters of one pass of a leg.
#[derive(Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct PassTableToml {
    /// The pass.
    pub name: PassToml,
    /// Most candidates looked at for one row; 30 unless given. Of all passes but batch.
    pub candidates: Option<u32>,
    /// Most rows that one entry is made up of; 12 unless given. Of subset.
    pub members: Option<u32>,
    /// Calendar days, inclusive, between a row and its entry; 1 for amount-date and 3 for subset unless given.
    pub days: Option<u32>,
    /// What banks put before a reference. Of normalised.
    pub prefixes: Option<Vec<String>>,
    /// Characters of a reference that the bank keeps, where it cuts them. Of normalised.
    pub length: Option<u32>,
    /// Texts around the reference in a remark, with one of the holes {word}, {digits}, {text}. Of remark.
    pub patterns: Option<Vec<String>>,
    /// Platform fields that remarks quote; bank_ref unless given. Of remark.
    pub fields: Option<Vec<QuotedFieldToml>>,
    /// Entries that are looked at; all unless given. Of amount-date and subset.
    pub entries: Option<EntriesToml>,
    /// What the entry of a batch amounts to; either unless given. Of batch.
    pub amounts: Option<BatchAmountsToml>,
    /// Greatest difference, base currency. Of tolerance.
    #[schemars(regex(pattern = AMOUNT))]
    pub amount: Option<String>,
    /// Ledger account of differences: income:, expenses: or equity: and a name. Of batch and tolerance.
    pub ledger_account: Option<String>,
}

/// A platform field that remarks quote.
#[derive(Deserialize, JsonSchema, Clone, Copy)]
#[serde(rename_all = "snake_case")]
pub(crate) enum QuotedFieldToml {
    /// bank_ref.
    BankRef,
    /// txn_id.
    TxnId,
    /// order_id.
    OrderId,
    /// channel_ref.
    ChannelRef,
}

/// Entries that a pass looks at.
#[derive(Deserialize, JsonSchema, Clone, Copy)]
#[serde(rename_all = "lowercase")]
pub(crate) enum EntriesToml {
    /// Whatever the bank wrote as reference.
    All,
    /// Those without a reference.
    Unnamed,
}

/// What the entry of a batch amounts to.
#[derive(Deserialize, JsonSchema, Clone, Copy)]
#[serde(rename_all = "lowercase")]
pub(crate) enum BatchAmountsToml {
    /// The sum of its rows.
    Gross,
    /// The sum less what the channel charges by its fee plan.
    Net,
    /// One of the two.
    Either,
}

/// A side of a leg.
#[derive(Deserialize, JsonSchema, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LegRoleToml {
    /// The platform's own transaction log.
    Platform,
    /// A channel's bill.
    Channel,
    /// A bank's statement.
    Bank,
}

/// A matching pass.
#[derive(Deserialize, JsonSchema, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum PassToml {
    /// Equal references.
    Exact,
    /// Equal references but for case, spaces, padding and prefixes.
    Normalised,
    /// The reference stands in the remark.
    Remark,
    /// Rows and entries of one batch_ref.
    Batch,
    /// Equal amount within a window of days.
    AmountDate,
    /// Equal reference, amounts that differ by little.
    Tolerance,
    /// Rows that add up to one entry.
    Subset,
}

/// When a row settles.
#[derive(Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct SettleToml {
    /// Names of the legs that must have matched before a merchant is paid.
    pub when: Vec<String>,
}

/// A fee plan. Its own keys are the last rule, for PAYMENT rows that no other rule takes.
#[derive(Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct FeePlanToml {
    /// Rate in parts per million: 0.6 % is 6000.
    pub rate_ppm: Option<u32>,
    /// Rates by amount, instead of rate_ppm and fixed.
    pub tiers: Option<Vec<TierToml>>,
    /// Fixed part, base currency.
    #[schemars(regex(pattern = AMOUNT))]
    pub fixed: Option<String>,
    /// Least fee, base currency.
    #[schemars(regex(pattern = AMOUNT))]
    pub min: Option<String>,
    /// Greatest fee, base currency.
    #[schemars(regex(pattern = AMOUNT))]
    pub max: Option<String>,
    /// How the product is rounded; half_up unless given.
    pub rounding: Option<Rounding>,
    /// When the fee is rounded; txn unless given.
    pub per: Option<FeePerToml>,
    /// What a refund does to the fee; keep unless given.
    pub on_refund: Option<OnRefundToml>,
    /// Rules in order; the first whose conditions hold is used.
    #[serde(default)]
    pub rule: Vec<FeeRuleToml>,
}

/// One conditional rule of a fee plan.
#[derive(Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct FeeRuleToml {
    /// Only for this channel.
    pub channel: Option<String>,
    /// Only for this type; PAYMENT unless given.
    pub txn_type: Option<String>,
    /// Rate in parts per million.
    pub rate_ppm: Option<u32>,
    /// Rates by amount, instead of rate_ppm and fixed.
    pub tiers: Option<Vec<TierToml>>,
    /// Fixed part, base currency.
    #[schemars(regex(pattern = AMOUNT))]
    pub fixed: Option<String>,
    /// Least fee, base currency.
    #[schemars(regex(pattern = AMOUNT))]
    pub min: Option<String>,
    /// Greatest fee, base currency.
    #[schemars(regex(pattern = AMOUNT))]
    pub max: Option<String>,
    /// How the product is rounded; the plan's unless given.
    pub rounding: Option<Rounding>,
}

/// One tier: the first whose up_to is at least the amount is used for the whole amount.
#[derive(Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct TierToml {
    /// Greatest amount of the tier, inclusive; the last tier has none.
    #[schemars(regex(pattern = AMOUNT))]
    pub up_to: Option<String>,
    /// Rate in parts per million.
    pub rate_ppm: Option<u32>,
    /// Fixed part, base currency.
    #[schemars(regex(pattern = AMOUNT))]
    pub fixed: Option<String>,
}

/// When a fee is rounded.
#[derive(Deserialize, JsonSchema, Clone, Copy)]
#[serde(rename_all = "lowercase")]
pub(crate) enum FeePerToml {
    /// Once per transaction.
    Txn,
    /// Once on the day's gross of a merchant and currency.
    Day,
}

/// What a refund does to the fee.
#[derive(Deserialize, JsonSchema, Clone, Copy)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OnRefundToml {
    /// It is kept.
    Keep,
    /// It is returned in proportion.
    Return,
}

/// A channel.
#[derive(Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct ChannelToml {
    /// Fee plan that the channel charges us by.
    pub fee_plan: Option<String>,
    /// Participant that owes what the channel's rows bring.
    pub participant: Option<String>,
}

/// How merchants are paid.
#[derive(Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct PayoutToml {
    /// Least payout in base currency; 0 unless given.
    #[schemars(regex(pattern = AMOUNT))]
    pub min_amount: Option<String>,
    /// Cycle of merchants without one: D+0, T+1, weekly:FRI or monthly:25; T+1 unless given.
    pub default_cycle: Option<String>,
    /// Paying account: an id, or a table of ids by currency.
    pub account: PayoutAccountToml,
    /// File format; csv unless given.
    pub format: Option<PayoutFormatToml>,
    /// Most payments in one file; no limit unless given.
    pub max_per_file: Option<u32>,
}

/// Paying accounts.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum PayoutAccountToml {
    /// One account.
    One(String),
    /// Accounts by currency.
    ByCurrency(BTreeMap<String, String>),
}

/// File format of payouts.
#[derive(Deserialize, JsonSchema, Clone, Copy)]
pub(crate) enum PayoutFormatToml {
    /// ISO 20022 pain.001.001.09.
    #[serde(rename = "pain.001")]
    Pain001,
    /// A plain table with control totals.
    #[serde(rename = "csv")]
    Csv,
}

/// How net positions are formed.
#[derive(Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct NettingToml {
    /// Mode; multilateral unless given.
    pub mode: Option<NettingModeToml>,
    /// Ends of the windows, HH:MM ascending, the last 24:00.
    pub windows: Option<Vec<String>>,
}

/// Netting mode.
#[derive(Deserialize, JsonSchema, Clone, Copy)]
#[serde(rename_all = "lowercase")]
pub(crate) enum NettingModeToml {
    /// Every obligation stands.
    Gross,
    /// Netted between each pair.
    Bilateral,
    /// Netted against all.
    Multilateral,
}

/// Reserve-fund rules.
#[derive(Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct ReserveToml {
    /// Which inflows count as owed; received unless given.
    pub basis: Option<BasisToml>,
    /// Own money allowed in the reserve, base currency; 0 unless given.
    #[schemars(regex(pattern = AMOUNT))]
    pub own_money_allowed: Option<String>,
    /// Regime reports wanted.
    pub regimes: Option<Vec<RegimeToml>>,
}

/// Which inflows count as owed.
#[derive(Deserialize, JsonSchema, Clone, Copy)]
#[serde(rename_all = "lowercase")]
pub(crate) enum BasisToml {
    /// When matched at the bank.
    Received,
    /// When booked on the platform.
    Due,
}

/// A regime whose reports are wanted.
#[derive(Deserialize, JsonSchema, Clone, Copy)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RegimeToml {
    /// People's Bank of China.
    Pboc,
    /// FCA CASS 15.
    Cass15,
}

/// What to do about findings.
#[derive(Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct PolicyToml {
    /// What a reject does; stop unless given.
    pub rejects: Option<RejectsToml>,
    /// Most rejects under quarantine; no limit unless given.
    pub max_rejects: Option<u64>,
    /// What a surplus in a reference does; pair unless given.
    pub duplicates: Option<DuplicatesToml>,
    /// What a shortfall does; withhold unless given.
    pub on_shortfall: Option<ShortfallToml>,
    /// Age in days above which a break is overdue; 3 unless given.
    pub max_age_days: Option<u32>,
    /// Thresholds by class; none set means that any break alerts.
    #[serde(default)]
    pub alert: BTreeMap<String, AlertToml>,
}

/// What a reject does.
#[derive(Deserialize, JsonSchema, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RejectsToml {
    /// Refuses the day.
    Stop,
    /// Is set aside.
    Quarantine,
}

/// What a surplus in a reference does.
#[derive(Deserialize, JsonSchema, Clone, Copy)]
#[serde(rename_all = "lowercase")]
pub(crate) enum DuplicatesToml {
    /// The pairs stand, the surplus breaks.
    Pair,
    /// The whole direction of the reference breaks.
    Hold,
}

/// What a shortfall does.
#[derive(Deserialize, JsonSchema, Clone, Copy)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ShortfallToml {
    /// No payout of the pool and currency is issued.
    Withhold,
    /// Payouts are issued all the same.
    Publish,
}

/// A threshold.
#[derive(Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct AlertToml {
    /// Most open breaks of the class.
    pub count: Option<u64>,
    /// Greatest sum of the class, base currency.
    #[schemars(regex(pattern = AMOUNT))]
    pub amount: Option<String>,
}

/// What reports mask.
#[derive(Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct PrivacyToml {
    /// True when account numbers show their last four characters only; true unless given.
    pub mask_accounts: Option<bool>,
}

/// The canonical form of an amount (R37), for the schema; the currency's decimals are checked on reading.
const AMOUNT: &str = r"^(0|[1-9][0-9]*)(\.[0-9]+)?$";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_names_every_section_and_refuses_others() {
        let schema = schema_value();
        assert_eq!(schema["additionalProperties"], Value::Bool(false));
        for section in [
            "institution",
            "account",
            "source",
            "leg",
            "settle",
            "payout",
            "policy",
            "privacy",
        ] {
            assert!(schema["properties"].get(section).is_some(), "{section}");
        }
        let alert = &schema["properties"]["policy"]["properties"]["alert"]["additionalProperties"];
        assert_eq!(alert["properties"]["amount"]["pattern"], AMOUNT);
        assert_eq!(alert["properties"]["amount"]["type"], "string");
        assert!(!json_schema().contains("null"), "TOML has no null");
        assert!(!json_schema().contains("$ref"));
    }
}

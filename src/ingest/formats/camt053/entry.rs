//! An entry (`Ntry`) of a statement as a canonical bank row (R45, ISO 20022).
//!
//! The entry is the booked amount; the details below it only explain it, and are looked at when there is exactly one.

use crate::entries::rows::Place;
use crate::ingest::formats::desk::Explained;
use crate::ingest::formats::values::xml_minor;
use crate::terms::currency::Currency;
use crate::terms::digest::sha256_hex;
use crate::terms::kinds::Direction;

/// A name and an account of the other side.
#[derive(Clone, Debug, Default)]
pub struct Party {
    /// `Nm`, or `Pty/Nm` from version 08.
    pub name: String,
    /// IBAN, or another id.
    pub account: String,
}

/// The texts of an entry and of its only detail.
#[derive(Clone, Debug, Default)]
pub struct EntryText {
    /// Place of its start tag.
    pub place: Option<Place>,
    /// `NtryRef`.
    pub entry_ref: String,
    /// `Amt`.
    pub amount: String,
    /// `Amt/@Ccy`.
    pub currency: String,
    /// `CdtDbtInd`.
    pub sign: String,
    /// `RvslInd`.
    pub reversal: String,
    /// `Sts` or `Sts/Cd` or `Sts/Prtry`.
    pub status: String,
    /// `BookgDt/Dt`.
    pub booking_date: String,
    /// `BookgDt/DtTm`.
    pub booking_time: String,
    /// `ValDt/Dt`.
    pub value_date: String,
    /// `ValDt/DtTm`.
    pub value_time: String,
    /// `AcctSvcrRef`.
    pub servicer_ref: String,
    /// `AddtlNtryInf`.
    pub info: String,
    /// Number of `TxDtls`.
    pub details: u32,
    /// `Refs/EndToEndId` of the first detail.
    pub end_to_end: String,
    /// `Refs/AcctSvcrRef` of the first detail.
    pub detail_servicer_ref: String,
    /// Texts and structured references (the creditor's: `RF…`, the Swiss QR reference) of `RmtInf` of the first detail, in
    /// the order of the file, joined by spaces.
    pub remittance: String,
    /// `AddtlTxInf` of the first detail.
    pub detail_info: String,
    /// `Purp/Cd` or `Purp/Prtry` of the first detail.
    pub purpose: String,
    /// `RtrInf` in the first detail.
    pub returned: bool,
    /// `RltdPties/Dbtr` of the first detail.
    pub debtor: Party,
    /// `RltdPties/Cdtr` of the first detail.
    pub creditor: Party,
    /// `NtryDtls/Btch/PmtInfId`, else `Refs/PmtInfId` of the first detail.
    pub batch_id: String,
    /// `NtryDtls/Btch/NbOfTxs` says that there are more payments than one, whatever details are listed.
    pub is_batch: bool,
    /// How the entry is allocated over its details.
    pub allocation: Allocation,
}

/// The booked amount of an entry, allocated over its details. `Ntry/Amt` is what was booked; the details explain it, and
/// what they leave is charges as a rule. Amounts in another currency (`InstdAmt`, `CntrValAmt`) are never added.
#[derive(Clone, Debug, Default)]
pub struct Allocation {
    /// Sum of the details' amounts so far, minor units, signed against the entry.
    pub sum_minor: i128,
    /// True when a detail gives no amount in the currency of the entry.
    pub incomplete: bool,
    /// Charges named at the entry and its details, minor units.
    pub charges_minor: i128,
    /// `TxDtls/Amt`, from version 04.
    amount: AmountText,
    /// `AmtDtls/TxAmt/Amt`, where versions before have it.
    transaction: AmountText,
    /// `TxDtls/CdtDbtInd`.
    sign: String,
}

#[derive(Clone, Debug, Default)]
struct AmountText {
    amount: String,
    currency: String,
}

impl AmountText {
    fn take(&mut self, amount: &str, currency: Option<&str>) {
        set(&mut self.amount, amount);
        set(&mut self.currency, currency.unwrap_or_default());
    }
}

impl EntryText {
    /// Forgets the entry and keeps the buffers.
    pub fn clear(&mut self) {
        let EntryText {
            place,
            entry_ref,
            amount,
            currency,
            sign,
            reversal,
            status,
            booking_date,
            booking_time,
            value_date,
            value_time,
            servicer_ref,
            info,
            details,
            end_to_end,
            detail_servicer_ref,
            remittance,
            detail_info,
            purpose,
            returned,
            debtor,
            creditor,
            batch_id,
            is_batch,
            allocation,
        } = self;
        (*place, *details, *returned, *is_batch) = (None, 0, false, false);
        for text in [
            entry_ref,
            amount,
            currency,
            sign,
            reversal,
            status,
            booking_date,
            booking_time,
            value_date,
            value_time,
            servicer_ref,
            info,
            end_to_end,
            detail_servicer_ref,
            remittance,
            detail_info,
            purpose,
            &mut debtor.name,
            &mut debtor.account,
            &mut creditor.name,
            &mut creditor.account,
            batch_id,
            &mut allocation.amount.amount,
            &mut allocation.amount.currency,
            &mut allocation.transaction.amount,
            &mut allocation.transaction.currency,
            &mut allocation.sign,
        ] {
            text.clear();
        }
        (
            allocation.sum_minor,
            allocation.incomplete,
            allocation.charges_minor,
        ) = (0, false, 0);
    }

    /// Takes the text of the element at `path` below the entry.
    pub fn take(&mut self, path: &str, text: &str, currency: Option<&str>) {
        let slot = match path {
            "NtryRef" => &mut self.entry_ref,
            "Amt" => {
                set(&mut self.currency, currency.unwrap_or_default());
                &mut self.amount
            }
            "CdtDbtInd" => &mut self.sign,
            "RvslInd" => &mut self.reversal,
            "Sts" | "Sts/Cd" | "Sts/Prtry" => &mut self.status,
            "BookgDt/Dt" => &mut self.booking_date,
            "BookgDt/DtTm" => &mut self.booking_time,
            "ValDt/Dt" => &mut self.value_date,
            "ValDt/DtTm" => &mut self.value_time,
            "AcctSvcrRef" => &mut self.servicer_ref,
            "AddtlNtryInf" => &mut self.info,
            "NtryDtls/Btch/PmtInfId" => &mut self.batch_id,
            "NtryDtls/Btch/NbOfTxs" => {
                self.is_batch |= text.parse::<u64>().is_ok_and(|count| count > 1);
                return;
            }
            "Chrgs/Rcrd/Amt" | "Chrgs/Amt" => return self.take_charge(text, currency),
            "NtryDtls/TxDtls" => return self.end_detail(),
            _ => {
                if let Some(path) = path.strip_prefix("NtryDtls/TxDtls/") {
                    match path {
                        "Amt" => self.allocation.amount.take(text, currency),
                        "AmtDtls/TxAmt/Amt" => self.allocation.transaction.take(text, currency),
                        "CdtDbtInd" => set(&mut self.allocation.sign, text),
                        "Chrgs/Rcrd/Amt" | "Chrgs/Amt" => self.take_charge(text, currency),
                        _ if self.details == 1 => self.take_detail(path, text),
                        _ => {}
                    }
                }
                return;
            }
        };
        if !text.is_empty() {
            set(slot, text);
        }
    }

    /// Minor units of an amount in the currency of the entry.
    fn own_minor(&self, amount: &str, currency: &str) -> Option<i128> {
        if currency != self.currency {
            return None;
        }
        let digits = Currency::parse(currency.as_bytes())?.digits();
        xml_minor(amount, digits).ok().map(i128::from)
    }

    fn take_charge(&mut self, text: &str, currency: Option<&str>) {
        let charge = self.own_minor(text, currency.unwrap_or_default());
        self.allocation.charges_minor += charge.unwrap_or(0);
    }

    fn end_detail(&mut self) {
        let Allocation {
            amount,
            transaction,
            sign,
            ..
        } = &self.allocation;
        let given = [amount, transaction]
            .into_iter()
            .find(|text| !text.amount.is_empty())
            .map(|text| self.own_minor(&text.amount, &text.currency));
        let opposite = !sign.is_empty() && *sign != self.sign;
        match given {
            Some(Some(minor)) => self.allocation.sum_minor += if opposite { -minor } else { minor },
            _ => self.allocation.incomplete = true,
        }
        for slot in [&mut self.allocation.amount, &mut self.allocation.transaction] {
            slot.amount.clear();
            slot.currency.clear();
        }
        self.allocation.sign.clear();
    }

    /// What its details account for, where they give it.
    pub fn explained(&self, line: u64, direction: Direction, amount_minor: i64) -> Explained {
        let incomplete = self.details == 0 || self.allocation.incomplete;
        Explained {
            line,
            servicer_ref: self.servicer().to_owned(),
            batch_id: self.batch_id.clone(),
            direction,
            amount_minor,
            details: u64::from(self.details),
            allocated_minor: (!incomplete).then_some(self.allocation.sum_minor),
            charges_minor: self.allocation.charges_minor,
        }
    }

    fn take_detail(&mut self, path: &str, text: &str) {
        let slot = match path {
            "RtrInf" => {
                self.returned = true;
                return;
            }
            "RmtInf/Ustrd"
            | "RmtInf/Strd/CdtrRefInf/Ref"
            | "RmtInf/Strd/CdtrRefInf/CdtrRef"
            | "RmtInf/Strd/AddtlRmtInf" => {
                if !self.remittance.is_empty() && !text.is_empty() {
                    self.remittance.push(' ');
                }
                self.remittance.push_str(text);
                return;
            }
            "Refs/EndToEndId" => &mut self.end_to_end,
            "Refs/PmtInfId" if self.batch_id.is_empty() => &mut self.batch_id,
            "Refs/AcctSvcrRef" => &mut self.detail_servicer_ref,
            "AddtlTxInf" => &mut self.detail_info,
            "Purp/Cd" | "Purp/Prtry" => &mut self.purpose,
            "RltdPties/Dbtr/Nm" | "RltdPties/Dbtr/Pty/Nm" => &mut self.debtor.name,
            "RltdPties/Cdtr/Nm" | "RltdPties/Cdtr/Pty/Nm" => &mut self.creditor.name,
            "RltdPties/DbtrAcct/Id/IBAN" | "RltdPties/DbtrAcct/Id/Othr/Id" => &mut self.debtor.account,
            "RltdPties/CdtrAcct/Id/IBAN" | "RltdPties/CdtrAcct/Id/Othr/Id" => &mut self.creditor.account,
            _ => return,
        };
        if !text.is_empty() {
            set(slot, text);
        }
    }

    /// True when the entry undoes another: the bank says so, or returns a payment.
    pub fn undoes(&self) -> bool {
        self.returned_alone() || matches!(self.reversal.as_str(), "true" | "1")
    }

    /// True when a detail speaks for the entry: it is the only one, and the bank does not say that others are not listed.
    pub fn has_one_detail(&self) -> bool {
        self.details == 1 && !self.is_batch
    }

    fn returned_alone(&self) -> bool {
        self.has_one_detail() && self.returned
    }

    /// The bank's own reference: the entry's, else that of its only detail; empty where none.
    pub fn servicer(&self) -> &str {
        let given = |text: &'_ str| !text.is_empty() && !matches!(text, "NOTPROVIDED" | "NONREF");
        if given(&self.servicer_ref) {
            &self.servicer_ref
        } else if self.has_one_detail() && given(&self.detail_servicer_ref) {
            &self.detail_servicer_ref
        } else {
            ""
        }
    }

    /// The reference that both sides know (R45): `EndToEndId` of the only detail unless not provided, else the bank's.
    pub fn bank_ref(&self) -> &str {
        let known = self.has_one_detail() && !self.end_to_end.is_empty() && self.end_to_end != "NOTPROVIDED";
        if known { &self.end_to_end } else { self.servicer() }
    }

    /// Free text: the remittance information of the only detail, else what the bank adds.
    pub fn remark(&self) -> &str {
        let texts = if self.has_one_detail() {
            [&self.remittance, &self.info, &self.detail_info]
        } else {
            [&self.info, &self.info, &self.info]
        };
        texts
            .into_iter()
            .find(|text| !text.is_empty())
            .map_or("", String::as_str)
    }

    /// Purpose of the only detail.
    pub fn purpose(&self) -> &str {
        if self.has_one_detail() { &self.purpose } else { "" }
    }

    /// The line id of an entry that has no id of its own: what it is made of, in its place in the statement.
    pub fn line_id(&self, account: &str, statement: &str, ordinal: u64) -> String {
        let text = format!(
            "tieout/camt.053/line/v1\n{account}\n{statement}\n{ordinal}\n{}\n{}\n{}\n{}\n{}\n",
            self.amount, self.sign, self.entry_ref, self.servicer_ref, self.end_to_end
        );
        sha256_hex(text.as_bytes())[..32].to_owned()
    }
}

fn set(slot: &mut String, text: &str) {
    slot.clear();
    slot.push_str(text);
}

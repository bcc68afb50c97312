//! Obligations between participants, added up row by row.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use crate::book::merchants::{MerchantCode, Merchants};
use crate::book::settings::Settings;
use crate::day::figures::Obligation;
use crate::terms::currency::Currency;
use crate::terms::kinds::{Direction, TxnType};

/// Name of the institution itself, for rows without a participant (R39).
pub const HOUSE: &str = "HOUSE";

/// A participant's place in [`Participants`], valid within one close.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ParticipantCode(pub u32);

/// Everyone whom channels and merchants settle through.
#[derive(Clone, Debug)]
pub struct Participants {
    /// Sorted by name.
    names: Vec<String>,
    house: ParticipantCode,
    by_channel: BTreeMap<Vec<u8>, ParticipantCode>,
    by_merchant: Vec<ParticipantCode>,
}

impl Participants {
    /// Collects the participants of a book. A participant named `HOUSE` is the house.
    pub fn new(settings: &Settings, merchants: &Merchants) -> Participants {
        let of_channels = settings
            .channels
            .values()
            .filter_map(|terms| terms.participant.as_deref());
        let mut codes: BTreeMap<&str, ParticipantCode> = of_channels
            .chain(merchants.terms.iter().map(|terms| terms.participant_id.as_str()))
            .map(or_house)
            .chain([HOUSE])
            .map(|name| (name, ParticipantCode(0)))
            .collect();
        codes
            .values_mut()
            .zip(0u32..)
            .for_each(|(code, place)| *code = ParticipantCode(place));
        let code = |name: &str| codes[or_house(name)];
        Participants {
            house: code(HOUSE),
            by_channel: settings
                .channels
                .iter()
                .map(|(name, terms)| {
                    (
                        name.as_bytes().to_vec(),
                        code(terms.participant.as_deref().unwrap_or("")),
                    )
                })
                .collect(),
            by_merchant: merchants
                .terms
                .iter()
                .map(|terms| code(&terms.participant_id))
                .collect(),
            names: codes.keys().map(|name| (*name).to_owned()).collect(),
        }
    }

    /// Who stands behind a channel; the house where the settings name nobody.
    pub fn of_channel(&self, channel: &[u8]) -> ParticipantCode {
        self.by_channel.get(channel).copied().unwrap_or(self.house)
    }

    /// Whom a merchant settles through; the house for [`MerchantCode::NONE`] (rows of wallets).
    pub fn of_merchant(&self, merchant: MerchantCode) -> ParticipantCode {
        self.by_merchant
            .get(merchant.0 as usize)
            .copied()
            .unwrap_or(self.house)
    }
}

fn or_house(name: &str) -> &str {
    if name.is_empty() { HOUSE } else { name }
}

/// Sums of obligations. One per thread, joined at the end: addition does not mind the order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Obligations {
    /// Key: window, currency, payer, payee. Walked only after sorting.
    sums: FxHashMap<(u8, Currency, ParticipantCode, ParticipantCode), i128>,
}

impl Obligations {
    /// Adds a settled row. The channel's participant owes the merchant's; types that move money out of the bank
    /// reverse it; an obligation of a participant to itself is none, and types without a direction have none.
    #[inline]
    pub fn add(
        &mut self,
        window: u8,
        currency: Currency,
        channel: ParticipantCode,
        merchant: ParticipantCode,
        txn_type: TxnType,
        amount_minor: i64,
    ) {
        let (payer, payee) = match txn_type.direction() {
            Some(Direction::Credit) => (channel, merchant),
            Some(Direction::Debit) => (merchant, channel),
            None => return,
        };
        if payer != payee {
            *self.sums.entry((window, currency, payer, payee)).or_default() += i128::from(amount_minor);
        }
    }

    /// Adds the sums of another part of the rows.
    pub fn join(&mut self, other: &Obligations) {
        for (key, minor) in &other.sums {
            *self.sums.entry(*key).or_default() += minor;
        }
    }

    /// The obligations, sorted by (window, currency, payer, payee).
    pub fn into_sorted(self, participants: &Participants) -> Vec<Obligation> {
        let mut sums: Vec<_> = self.sums.into_iter().collect();
        sums.sort_unstable();
        let name = |code: ParticipantCode| participants.names[code.0 as usize].clone();
        sums.into_iter()
            .map(|((window, currency, payer, payee), amount_minor)| Obligation {
                window,
                currency,
                payer: name(payer),
                payee: name(payee),
                amount_minor,
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::book::settings::ChannelTerms;
    use crate::payouts::fixture::{currency, merchant, settings};

    #[test]
    fn a_row_is_an_obligation_from_its_channel_to_its_merchant() {
        let mut settings = settings();
        let terms = ChannelTerms {
            fee_plan: None,
            participant: Some("UP".to_owned()),
        };
        settings.channels = [("CARD".to_owned(), terms)].into_iter().collect();
        let mut merchants = vec![merchant("A"), merchant("B")];
        merchants[1].participant_id = "ACQ".to_owned();
        let participants = Participants::new(&settings, &Merchants::new(merchants, String::new()));
        let mut parts = [Obligations::default(), Obligations::default()];
        let mut add = |part: usize, channel: &[u8], merchant, txn_type, amount| {
            let (from, to) = (
                participants.of_channel(channel),
                participants.of_merchant(merchant),
            );
            parts[part].add(0, currency("CNY"), from, to, txn_type, amount);
        };
        let (house, acquired) = (MerchantCode(0), MerchantCode(1));
        add(0, b"CARD", acquired, TxnType::Payment, 100);
        add(1, b"CARD", acquired, TxnType::Payment, 11);
        add(0, b"CARD", acquired, TxnType::Refund, 30);
        add(1, b"CARD", house, TxnType::Payment, 7);
        add(0, b"BANK", house, TxnType::Payment, 1_000); // the house to itself
        add(1, b"CARD", MerchantCode::NONE, TxnType::Topup, 5);
        add(0, b"CARD", MerchantCode::NONE, TxnType::Transfer, 9);
        let [mut first, second] = parts;
        let mut other_way = second.clone();
        other_way.join(&first);
        first.join(&second);
        assert_eq!(first, other_way);
        let got: Vec<_> = first
            .into_sorted(&participants)
            .into_iter()
            .map(|o| (o.payer, o.payee, o.amount_minor))
            .collect();
        let line = |payer: &str, payee: &str, minor| (payer.to_owned(), payee.to_owned(), minor);
        assert_eq!(
            got,
            [
                line("ACQ", "UP", 30),
                line("UP", "ACQ", 111),
                line("UP", "HOUSE", 12)
            ]
        );
    }
}

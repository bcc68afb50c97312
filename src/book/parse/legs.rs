//! `[[leg]]` and `[settle]`: which roles are compared, and what must have matched before a row settles (R26, R41).

use std::collections::BTreeSet;

use super::{Reader, did_you_mean, role};
use crate::book::schema::{BookToml, LegRoleToml};
use crate::book::settings::{Leg, LegKind, Role, Settings};

/// Most legs of a book: a row keeps its legs in one byte.
const LEGS_MAX: usize = 8;
/// Leg names that the engine itself gives to breaks (R13, R21, R22).
const OWN_LEG_NAMES: [&str; 3] = ["payout-bank", "wallet", "escrow"];

impl Reader<'_> {
    pub(super) fn legs(&mut self, book: &BookToml) -> Vec<Leg> {
        if book.leg.len() > LEGS_MAX {
            let message = format!(
                "{} legs are given, at most {LEGS_MAX} can be kept",
                book.leg.len()
            );
            self.find(
                &format!("leg[{LEGS_MAX}]"),
                message,
                "put channels together in one leg",
            );
        }
        let mut taken = BTreeSet::new();
        let mut legs: Vec<Leg> = Vec::new();
        for (index, given) in book.leg.iter().enumerate() {
            let path = |key: &str| format!("leg[{index}].{key}");
            self.id(&path("name"), &given.name, &mut taken);
            if OWN_LEG_NAMES.contains(&given.name.as_str()) {
                let message = format!(
                    "`{}` is a name that the engine gives to its own breaks",
                    given.name
                );
                self.find(&path("name"), message, "choose another name");
            }
            for (at, channel) in given.channels.iter().flatten().enumerate() {
                self.label(&format!("leg[{index}].channels[{at}]"), channel);
            }
            if given.channels.as_ref().is_some_and(Vec::is_empty) {
                self.find(
                    &path("channels"),
                    "the list is empty",
                    "name channels, or leave it out for all",
                );
            }
            let Some(kind) = self.leg_kind(index, given.left, given.right) else {
                continue;
            };
            if kind == LegKind::PlatformBank && legs.iter().any(|leg| leg.kind == kind) {
                self.find(
                    &path("name"),
                    "more than one leg compares platform with bank",
                    "one leg takes all channels: give it their names, or none",
                );
            }
            self.leg_has_sources(book, index, kind);
            let leg = Leg {
                name: given.name.clone(),
                kind,
                channels: given.channels.clone(),
                later: self.later_passes(index, given, kind),
            };
            if let Some(other) = legs
                .iter()
                .find(|other| other.kind == kind && overlap(other, &leg))
            {
                let message = format!("compares the same roles and channels as leg `{}`", other.name);
                self.find(
                    &path("channels"),
                    message,
                    "a row meets its counterpart in one leg: keep them apart",
                );
            }
            legs.push(leg);
        }
        legs
    }

    fn leg_kind(&mut self, index: usize, left: LegRoleToml, right: LegRoleToml) -> Option<LegKind> {
        let left_path = format!("leg[{index}].left");
        match (left, right) {
            (LegRoleToml::Platform, LegRoleToml::Bank) => Some(LegKind::PlatformBank),
            (LegRoleToml::Platform, LegRoleToml::Channel) => Some(LegKind::PlatformChannel),
            (LegRoleToml::Channel, LegRoleToml::Bank) => {
                self.find(
                    &left_path,
                    "a leg between channel and bank comes with the batch pass, which is not built yet",
                    "let the channel's rows match at the bank by a platform-bank leg until then",
                );
                None
            }
            _ => {
                self.find(
                    &left_path,
                    "a leg compares left = \"platform\" with right = \"bank\" or \"channel\"",
                    "other pairs come with the batch pass, which is not built yet",
                );
                None
            }
        }
    }

    fn leg_has_sources(&mut self, book: &BookToml, index: usize, kind: LegKind) {
        let right = match kind {
            LegKind::PlatformBank => Role::Bank,
            LegKind::PlatformChannel => Role::Channel,
        };
        for (key, wanted) in [("left", Role::Platform), ("right", right)] {
            if !book.source.iter().any(|source| role(source.role) == wanted) {
                self.find(
                    &format!("leg[{index}].{key}"),
                    format!(
                        "no [[source]] has role = \"{}\", so nothing could ever match",
                        wanted.name()
                    ),
                    "add the source, or take the leg out",
                );
            }
        }
    }

    pub(super) fn settle_when(&mut self, book: &BookToml) -> Vec<String> {
        let names: Vec<&str> = book.leg.iter().map(|leg| leg.name.as_str()).collect();
        for (index, wanted) in book.settle.when.iter().enumerate() {
            if !names.contains(&wanted.as_str()) {
                let near = did_you_mean(wanted, names.iter().copied());
                self.find(
                    &format!("settle.when[{index}]"),
                    format!("no leg `{wanted}`{near}"),
                    "name the legs that must have matched before a merchant is paid",
                );
            }
        }
        let all_known = !book.settle.when.is_empty()
            && book
                .settle
                .when
                .iter()
                .all(|wanted| names.contains(&wanted.as_str()));
        for (index, leg) in book.leg.iter().enumerate() {
            if all_known && !book.settle.when.contains(&leg.name) {
                self.find(
                    &format!("leg[{index}].name"),
                    format!("settle.when does not name the leg `{}`", leg.name),
                    "name every leg in settle.when: legs that only inform are not built yet",
                );
            }
        }
        book.settle.when.clone()
    }

    /// R41: every channel's rows need a leg in `settle.when` that ends at the bank.
    pub(super) fn every_row_reaches_the_bank(&mut self, settings: &Settings) {
        const HELP: &str =
            "money is owed only when it reached a bank: put a platform-bank leg for it into settle.when";
        let bank_legs: Vec<&Leg> = settings
            .legs
            .iter()
            .filter(|leg| leg.kind == LegKind::PlatformBank && settings.settle_when.contains(&leg.name))
            .collect();
        if bank_legs.is_empty() {
            self.find("settle.when", "no leg in it ends at the bank", HELP);
            return;
        }
        let mut named: BTreeSet<&str> = settings.channels.keys().map(String::as_str).collect();
        named.extend(
            settings
                .legs
                .iter()
                .flat_map(|leg| leg.channels.iter().flatten())
                .map(String::as_str),
        );
        named.extend(
            settings
                .sources
                .iter()
                .filter_map(|source| source.channel.as_deref()),
        );
        for channel in named {
            let covers = |leg: &&Leg| match &leg.channels {
                None => true,
                Some(channels) => channels.iter().any(|name| name == channel),
            };
            if !bank_legs.iter().any(covers) {
                let message = format!("rows of channel `{channel}` are without a leg that ends at the bank");
                self.find("settle.when", message, HELP);
            }
        }
    }
}

/// True when two legs of one kind share a channel.
fn overlap(a: &Leg, b: &Leg) -> bool {
    match (&a.channels, &b.channels) {
        (Some(a), Some(b)) => a.iter().any(|channel| b.contains(channel)),
        _ => true,
    }
}

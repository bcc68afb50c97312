//! `[[leg]]` and `[settle]`: which roles are compared, and what must have matched before a row settles (R26, R41).

use std::collections::BTreeSet;

use super::{Reader, did_you_mean, role};
use crate::book::passes::PassName;
use crate::book::schema::{BookToml, LegRoleToml};
use crate::book::settings::{Leg, LegKind, Role, Settings};

/// Most legs of a book: a row keeps its legs in one byte.
const LEGS_MAX: usize = 8;
/// Leg names that the engine itself gives to breaks (R13, R21, R22).
const OWN_LEG_NAMES: [&str; 3] = ["payout-bank", "wallet", "escrow"];
/// The leg of bank entries that no channel's batch claims, in a book that compares the platform with channels only.
const UNCLAIMED_LEG: &str = "platform-bank";

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
        if !legs.iter().any(|leg| leg.kind == LegKind::PlatformBank)
            && let Some(at) = legs.iter().position(|leg| leg.kind == LegKind::ChannelBank)
        {
            self.unclaimed_leg(book, at, &mut legs);
        }
        legs
    }

    /// Adds the leg on which bank entries without a batch are open, where no leg of the book is between platform and bank:
    /// it takes no channel's rows.
    fn unclaimed_leg(&mut self, book: &BookToml, at: usize, legs: &mut Vec<Leg>) {
        if let Some(index) = book.leg.iter().position(|leg| leg.name == UNCLAIMED_LEG) {
            self.find(
                &format!("leg[{index}].name"),
                format!("`{UNCLAIMED_LEG}` is the leg of bank entries that no batch claims"),
                "choose another name",
            );
        }
        if legs.len() >= LEGS_MAX {
            let message = format!(
                "with the leg of bank entries that no batch claims there are {} legs, at most {LEGS_MAX} can be kept",
                legs.len() + 1
            );
            self.find(
                &format!("leg[{at}].name"),
                message,
                "put channels together in one leg",
            );
            return;
        }
        legs.push(Leg {
            name: UNCLAIMED_LEG.to_owned(),
            kind: LegKind::PlatformBank,
            channels: Some(Vec::new()),
            later: Vec::new(),
        });
    }

    fn leg_kind(&mut self, index: usize, left: LegRoleToml, right: LegRoleToml) -> Option<LegKind> {
        let left_path = format!("leg[{index}].left");
        match (left, right) {
            (LegRoleToml::Platform, LegRoleToml::Bank) => Some(LegKind::PlatformBank),
            (LegRoleToml::Platform, LegRoleToml::Channel) => Some(LegKind::PlatformChannel),
            (LegRoleToml::Channel, LegRoleToml::Bank) => Some(LegKind::ChannelBank),
            _ => {
                self.find(
                    &left_path,
                    "no leg compares these two roles",
                    "the pairs are platform and bank, platform and channel, channel and bank, the left one first",
                );
                None
            }
        }
    }

    fn leg_has_sources(&mut self, book: &BookToml, index: usize, kind: LegKind) {
        let (left, right) = match kind {
            LegKind::PlatformBank => (Role::Platform, Role::Bank),
            LegKind::PlatformChannel => (Role::Platform, Role::Channel),
            LegKind::ChannelBank => (Role::Channel, Role::Bank),
        };
        for (key, wanted) in [("left", left), ("right", right)] {
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

    /// R26: what a channel↔bank leg needs beside it, and what cannot be there with it.
    pub(super) fn batch_legs_stand(&mut self, book: &BookToml, legs: &[Leg]) {
        for leg in legs.iter().filter(|leg| leg.kind == LegKind::ChannelBank) {
            let index = book.leg.iter().position(|given| given.name == leg.name);
            let path = |key: &str| format!("leg[{}].{key}", index.unwrap_or(0));
            let bills = || legs.iter().filter(|other| other.kind == LegKind::PlatformChannel);
            let billed = |channel: &String| {
                bills().any(|bill| bill.channels.as_ref().is_none_or(|names| names.contains(channel)))
            };
            const ADD: &str = "add a leg with left = \"platform\" and right = \"channel\" that takes it: a payment is followed from the platform to the bill, and from there to the bank";
            match &leg.channels {
                None if !bills().any(|bill| bill.channels.is_none()) => {
                    self.find(
                        &path("name"),
                        format!("the leg `{}` takes every channel, and no platform-channel leg does", leg.name),
                        "give it the `channels` of the platform-channel legs, or leave `channels` out there too",
                    );
                }
                None => {}
                Some(channels) => {
                    for (at, channel) in channels.iter().enumerate().filter(|(_, name)| !billed(name)) {
                        let message = format!("rows of channel `{channel}` are in no platform-channel leg");
                        self.find(&path(&format!("channels[{at}]")), message, ADD);
                    }
                }
            }
            for other in legs.iter().filter(|other| other.kind == LegKind::PlatformBank) {
                if overlap(other, leg) {
                    self.find(
                        &path("channels"),
                        format!(
                            "leg `{}` takes rows of the same channels to the bank: their money would be looked for twice",
                            other.name
                        ),
                        format!("give `{}` the channels that pay payment by payment", other.name),
                    );
                }
                if other.later.iter().any(|pass| pass.name() == PassName::Batch) {
                    self.find(
                        &path("name"),
                        format!(
                            "bank entries with a batch_ref belong to it (R26), and the pass batch of leg `{}` would look for them too",
                            other.name
                        ),
                        "take the pass out there, or this leg",
                    );
                }
            }
        }
    }

    /// R41: every channel's rows need a leg in `settle.when` that ends at the bank.
    pub(super) fn every_row_reaches_the_bank(&mut self, settings: &Settings) {
        const HELP: &str =
            "money is owed only when it reached a bank: put a platform-bank leg for it into settle.when";
        let waited_for = |leg: &&Leg| settings.settle_when.contains(&leg.name);
        let ends_at_bank = |leg: &&Leg| leg.kind != LegKind::PlatformChannel;
        let bank_legs: Vec<&Leg> = settings
            .legs
            .iter()
            .filter(waited_for)
            .filter(ends_at_bank)
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

/// True when two legs share a channel.
fn overlap(a: &Leg, b: &Leg) -> bool {
    match (&a.channels, &b.channels) {
        (Some(a), Some(b)) => a.iter().any(|channel| b.contains(channel)),
        (Some(named), None) | (None, Some(named)) => !named.is_empty(),
        (None, None) => true,
    }
}

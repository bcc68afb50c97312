//! Sorting many things by a text: eight bytes of it at a time as a number, so that most comparisons touch no text.
//!
//! Ids and references begin alike (a day, a bank, a counter) and lie apart in memory: a sort that compares them two by two
//! reads the same first bytes over and over, and waits for memory each time.

use std::cmp::Ordering;
use std::collections::BTreeSet;

/// Bytes compared at a time.
const CHUNK: usize = 8;
/// Bytes from which on texts are compared as they are.
const CHUNKED_MAX: usize = 64;

/// The order of `count` lines by (group, text, `rest`), what these leave open as the lines stand: a stable sort, as numbers.
///
/// Groups are what few lines differ in: a leg, a class, a pool.
pub fn order_of<'a, K: Ord + Copy>(
    count: usize,
    group: impl Fn(usize) -> K,
    text: impl Fn(usize) -> &'a [u8],
    rest: impl Fn(usize, usize) -> Ordering,
) -> Vec<u32> {
    assert!(u32::try_from(count).is_ok(), "lines are numbered in 32 bits");
    let mut keyed: Vec<Keyed> = Vec::with_capacity(count);
    let groups: BTreeSet<K> = distinct((0..count).map(&group));
    let groups: Vec<K> = groups.into_iter().collect();
    keyed.extend((0..count).map(|at| {
        let rank = groups.binary_search(&group(at)).unwrap_or_default();
        (rank as u64, at as u32)
    }));
    if groups.len() > 1 {
        keyed.sort_unstable();
    }
    let text = |at: u32| text(at as usize);
    let rest = |a: u32, b: u32| rest(a as usize, b as usize);
    for of_group in keyed.chunk_by_mut(|a, b| a.0 == b.0) {
        sort_from(of_group, 0, &text, &rest);
    }
    keyed.into_iter().map(|(_, at)| at).collect()
}

/// What differs of some keys, of which neighbours mostly are the same.
fn distinct<K: Ord + Copy>(keys: impl Iterator<Item = K>) -> BTreeSet<K> {
    let (mut found, mut last) = (BTreeSet::new(), None);
    for key in keys {
        if last != Some(key) {
            found.insert(key);
            last = Some(key);
        }
    }
    found
}

/// Some bytes of a line's text, or the rank of its group, and the line.
type Keyed = (u64, u32);

/// Sorts numbers whose texts agree up to a byte.
fn sort_from<'a>(
    keyed: &mut [Keyed],
    from: usize,
    text: &dyn Fn(u32) -> &'a [u8],
    rest: &dyn Fn(u32, u32) -> Ordering,
) {
    for (key, number) in keyed.iter_mut() {
        *key = chunk(text(*number), from);
    }
    keyed.sort_unstable();
    for run in keyed.chunk_by_mut(|a, b| a.0 == b.0).filter(|run| run.len() > 1) {
        let goes_on = run.iter().all(|(_, number)| text(*number).len() >= from + CHUNK);
        if goes_on && from + CHUNK < CHUNKED_MAX {
            sort_from(run, from + CHUNK, text, rest);
        } else {
            // A text that ends here looks as if zeros followed: only the texts themselves tell.
            run.sort_unstable_by(|(_, a), (_, b)| {
                let texts = text(*a).cmp(text(*b));
                texts.then_with(|| rest(*a, *b)).then(a.cmp(b))
            });
        }
    }
}

/// The first bytes of a text as a number: where two differ, they compare as their texts do. Beside a text that lies elsewhere, it
/// spares most comparisons the way there.
pub fn head(text: &str) -> u64 {
    chunk(text.as_bytes(), 0)
}

/// The bytes of a text from a place on, as a number that compares as they do.
#[inline]
pub fn chunk(text: &[u8], from: usize) -> u64 {
    let rest = text.get(from..).unwrap_or_default();
    match rest.first_chunk() {
        Some(bytes) => u64::from_be_bytes(*bytes),
        None => {
            let mut bytes = [0; CHUNK];
            bytes[..rest.len()].copy_from_slice(rest);
            u64::from_be_bytes(bytes)
        }
    }
}

/// Puts values into an order: the first is that at `order[0]`. `order` holds every place of `values` once.
pub fn in_order<T>(values: Vec<T>, order: &[u32]) -> Vec<T> {
    assert_eq!(values.len(), order.len(), "an order names every value once");
    let mut values: Vec<Option<T>> = values.into_iter().map(Some).collect();
    order
        .iter()
        .filter_map(|place| values[*place as usize].take())
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_stable_sort_by_group_text_and_rest(
            texts in prop::collection::vec(
                (
                    0u8..2,
                    prop_oneof!["[ab\0]{0,3}", "20260302[ab\0]{0,12}", "[a]{60,70}[ab]"],
                    0u8..3,
                ),
                0..60,
            )
        ) {
            let mut expected: Vec<u32> = (0..texts.len() as u32).collect();
            expected.sort_by(|a, b| texts[*a as usize].cmp(&texts[*b as usize]));
            let found = order_of(
                texts.len(),
                |at| texts[at].0,
                |at| texts[at].1.as_bytes(),
                |a, b| texts[a].2.cmp(&texts[b].2),
            );
            prop_assert_eq!(&found, &expected);
            let mut sorted = texts.clone();
            sorted.sort();
            prop_assert_eq!(in_order(texts, &found), sorted);
        }
    }
}

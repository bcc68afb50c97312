//! Which of some amounts add up to a target, exactly, and whether others would as well.
//!
//! The amounts are split in two; the sums of each half are listed in order, and the two lists are walked against each
//! other (Horowitz and Sahni 1974). So 30 amounts cost two lists of 2^15 sums, not 2^30, and the whole space is searched:
//! one answer means that there is no other. Amounts of one class are the same money: of a class only its first ones are
//! taken, so that answers differ in money or are one.

/// Amounts of one class, any of which stands for any other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Class {
    /// The amount of each, minor units, > 0.
    pub amount_minor: i64,
    /// How many there are.
    pub count: usize,
}

/// Some sum of a half: minor units, amounts in it, and how many of each class, as digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Sum {
    minor: i64,
    members: u32,
    taken: u64,
}

/// Up to two ways to reach `target_minor` with at most `members_max` amounts, as the number taken of each class. Two mean
/// that there are two or more. The same classes in the same order give the same answers.
pub fn ways(classes: &[Class], target_minor: i64, members_max: usize) -> Vec<Vec<usize>> {
    let (low, high) = halves(classes);
    let low_sums = sums(classes, &low, target_minor, members_max);
    let high_sums = sums(classes, &high, target_minor, members_max);
    let mut found = Vec::new();
    let mut end = high_sums.len();
    let mut at = 0;
    while at < low_sums.len() {
        let minor = low_sums[at].minor;
        let same_low = at + low_sums[at..].partition_point(|sum| sum.minor == minor);
        // Both lists ascend: what is too much for this sum is too much for all that follow.
        while end > 0 && high_sums[end - 1].minor > target_minor - minor {
            end -= 1;
        }
        let start = high_sums[..end].partition_point(|sum| sum.minor < target_minor - minor);
        for one in &low_sums[at..same_low] {
            for other in &high_sums[start..end] {
                // Of equal sums those with fewer members come first.
                if one.members + other.members > members_max as u32 {
                    break;
                }
                let mut taken = vec![0; classes.len()];
                digits(classes, &low, one.taken, &mut taken);
                digits(classes, &high, other.taken, &mut taken);
                found.push(taken);
                if found.len() == 2 {
                    return found;
                }
            }
        }
        at = same_low;
    }
    found
}

/// Splits classes so that both halves have about as many sums.
fn halves(classes: &[Class]) -> (Vec<usize>, Vec<usize>) {
    let (mut low, mut high) = (Vec::new(), Vec::new());
    let (mut low_sums, mut high_sums) = (1u64, 1u64);
    for (at, class) in classes.iter().enumerate() {
        let options = class.count as u64 + 1;
        if low_sums <= high_sums {
            low.push(at);
            low_sums = low_sums.saturating_mul(options);
        } else {
            high.push(at);
            high_sums = high_sums.saturating_mul(options);
        }
    }
    (low, high)
}

/// All sums of a half up to the target, ascending.
fn sums(classes: &[Class], half: &[usize], target_minor: i64, members_max: usize) -> Vec<Sum> {
    let mut list = vec![Sum {
        minor: 0,
        members: 0,
        taken: 0,
    }];
    let mut place = 1u64;
    for at in half {
        let class = classes[*at];
        let without = list.clone();
        for more in 1..=class.count {
            let shifted = without.iter().filter_map(|sum| {
                let minor = i64::try_from(more)
                    .ok()?
                    .checked_mul(class.amount_minor)?
                    .checked_add(sum.minor)?;
                let members = sum.members + more as u32;
                (minor <= target_minor && members as usize <= members_max).then_some(Sum {
                    minor,
                    members,
                    taken: sum.taken + more as u64 * place,
                })
            });
            let shifted: Vec<Sum> = shifted.collect();
            list = merge(&list, &shifted);
        }
        place *= class.count as u64 + 1;
    }
    list
}

/// Two ascending lists as one.
fn merge(one: &[Sum], other: &[Sum]) -> Vec<Sum> {
    let mut merged = Vec::with_capacity(one.len() + other.len());
    let (mut at, mut next) = (0, 0);
    while at < one.len() && next < other.len() {
        if one[at] <= other[next] {
            merged.push(one[at]);
            at += 1;
        } else {
            merged.push(other[next]);
            next += 1;
        }
    }
    merged.extend_from_slice(&one[at..]);
    merged.extend_from_slice(&other[next..]);
    merged
}

/// How many of each class of a half a sum holds.
fn digits(classes: &[Class], half: &[usize], mut code: u64, taken: &mut [usize]) {
    for at in half {
        let base = classes[*at].count as u64 + 1;
        taken[*at] = (code % base) as usize;
        code /= base;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn singles(amounts: &[i64]) -> Vec<Class> {
        amounts
            .iter()
            .map(|amount_minor| Class {
                amount_minor: *amount_minor,
                count: 1,
            })
            .collect()
    }

    #[test]
    fn small_cases() {
        for (amounts, target, members, expected) in [
            (&[60, 40, 7][..], 100, 12, 1),
            (&[60, 40, 100], 100, 12, 2),
            (&[60, 40], 100, 1, 0),
            (&[60, 40], 99, 12, 0),
            (&[], 1, 12, 0),
            (&[50, 50, 50], 100, 12, 2),
            (&[i64::MAX, i64::MAX, 1], i64::MAX, 12, 2),
            (&[i64::MAX - 1, 1, 5], i64::MAX, 12, 1),
        ] {
            assert_eq!(
                ways(&singles(amounts), target, members).len(),
                expected,
                "{amounts:?} {target}"
            );
        }
        // The same money three times over is one answer: the first two.
        let class = Class {
            amount_minor: 50,
            count: 3,
        };
        assert_eq!(ways(&[class], 100, 12), [vec![2]]);
        assert_eq!(
            ways(
                &[
                    class,
                    Class {
                        amount_minor: 100,
                        count: 1
                    }
                ],
                100,
                12
            )
            .len(),
            2
        );
    }

    #[test]
    fn thirty_amounts_are_searched_whole() {
        // Powers of two: every target has one answer, and it is known.
        let amounts: Vec<i64> = (0..30).map(|bit| 1 << bit).collect();
        let target = (1 << 29) | (1 << 17) | (1 << 3) | 1;
        let found = ways(&singles(&amounts), target, 12);
        assert_eq!(found.len(), 1);
        let picked: i64 = amounts
            .iter()
            .zip(&found[0])
            .map(|(amount, taken)| amount * *taken as i64)
            .sum();
        assert_eq!((picked, found[0].iter().sum::<usize>()), (target, 4));
        // Thirteen members are one too many.
        assert!(ways(&singles(&amounts), (1 << 13) - 1, 12).is_empty());
    }

    proptest! {
        #[test]
        fn as_many_ways_as_by_trying_all(
            classes in prop::collection::vec((1i64..12, 1usize..4), 0..5),
            target in 1i64..30,
            members_max in 1usize..6,
        ) {
            let classes: Vec<Class> =
                classes.into_iter().map(|(amount_minor, count)| Class { amount_minor, count }).collect();
            let mut all: Vec<Vec<usize>> = vec![Vec::new()];
            for class in &classes {
                let with = |way: &Vec<usize>| {
                    let way = way.clone();
                    (0..=class.count).map(move |taken| [way.clone(), vec![taken]].concat()).collect::<Vec<_>>()
                };
                all = all.iter().flat_map(with).collect();
            }
            let fits = |way: &&Vec<usize>| {
                let sum: i64 = classes.iter().zip(way.iter()).map(|(class, taken)| class.amount_minor * *taken as i64).sum();
                sum == target && way.iter().sum::<usize>() <= members_max
            };
            let expected: Vec<&Vec<usize>> = all.iter().filter(fits).collect();
            let found = ways(&classes, target, members_max);
            prop_assert_eq!(found.len(), expected.len().min(2));
            prop_assert!(found.iter().all(|way| expected.contains(&way)));
            prop_assert!(found.len() < 2 || found[0] != found[1]);
        }
    }
}

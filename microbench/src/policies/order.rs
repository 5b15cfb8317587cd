// SPDX-License-Identifier: GPL-2.0-only
//! The order of contenders: at random in each round, but those that one process of scx_meta serves
//! stay together, since loading it anew takes as long as some loads.

use fastrand::Rng;
use labkit::charge::setting::Setting;

use super::record::Contender;

/// The contenders of a round, by their numbers, in its order.
pub(crate) fn contenders(all: &[Contender], rng: &mut Rng) -> Vec<usize> {
    let is_held = |number: &usize| matches!(all[*number].setting, Setting::Hold { .. });
    let (mut held, others): (Vec<usize>, Vec<usize>) = (0..all.len()).partition(is_held);
    rng.shuffle(&mut held);
    let mut groups: Vec<Vec<usize>> = others.into_iter().map(|number| vec![number]).collect();
    groups.push(held);
    rng.shuffle(&mut groups);
    groups.concat()
}

/// A generator of a round: what a round does does not depend on those before it.
pub(crate) fn rng(seed: u64, round: u32) -> Rng {
    Rng::with_seed(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ u64::from(round))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contenders_of(policies: &[&str]) -> Vec<Contender> {
        let eevdf = ["EEVDF", "EEVDF again"].map(|label| Contender {
            label: label.into(),
            setting: Setting::Eevdf,
        });
        let held = policies.iter().map(|policy| Contender {
            label: (*policy).into(),
            setting: Setting::Hold {
                policy: (*policy).into(),
            },
        });
        eevdf.into_iter().chain(held).collect()
    }

    #[test]
    fn each_comes_once_and_policies_stay_together() {
        let all = contenders_of(&["a", "b", "c"]);
        let mut firsts = [0; 5];
        for round in 0..200 {
            let order = contenders(&all, &mut rng(7, round));
            let mut sorted = order.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, [0, 1, 2, 3, 4]);
            firsts[order[0]] += 1;
            let held: Vec<usize> = (0..5).filter(|&place| order[place] >= 2).collect();
            assert_eq!(held[2] - held[0], 2, "{order:?}");
        }
        assert!(firsts.iter().all(|&times| times > 0), "{firsts:?}");
    }

    #[test]
    fn a_round_repeats_by_itself() {
        let all = contenders_of(&["a", "b", "c"]);
        let order = |seed, round| contenders(&all, &mut rng(seed, round));
        assert_eq!(order(1, 4), order(1, 4));
        let differ = (0..20).any(|round| order(1, round) != order(2, round));
        assert!(differ);
    }
}

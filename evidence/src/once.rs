// SPDX-License-Identifier: GPL-2.0-only
//! What is named more than once, without repetitions.

/// Each item once, in the order of first use.
pub fn once<T: PartialEq>(items: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut all = Vec::new();
    for item in items {
        if !all.contains(&item) {
            all.push(item);
        }
    }
    all
}

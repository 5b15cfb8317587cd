/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Rust source, read through the C preprocessor by build.rs: the rows of
 * include/policies.h and include/stats.h as Rust constants. Macro parameters
 * are capitals, since the preprocessor would replace a field of their name.
 */
#include "../include/policies.h"
#include "../include/stats.h"

#define UNIT_count Unit::Count
#define UNIT_ns Unit::Nanoseconds
#define FOLD_sum Fold::Sum
#define FOLD_max Fold::Max

#define POLICY(ID, NAME, HOOKS, NEEDS, DESC) PolicyRow { \
	name: #NAME, id: abi::meta_policy_META_##ID, \
	needs: abi::meta_needs_##NEEDS, description: DESC },
#define STAT(NAME, UNIT, FOLD, DESC) StatRow { \
	name: #NAME, unit: UNIT_##UNIT, fold: FOLD_##FOLD, \
	description: DESC, get: |s| s.NAME, get_mut: |s| &mut s.NAME },

pub(crate) static POLICY_ROWS: &[PolicyRow] = &[ POLICY_LIST(POLICY) ];
pub(crate) static STAT_ROWS: &[StatRow] = &[ STAT_LIST(STAT) ];

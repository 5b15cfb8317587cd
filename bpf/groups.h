/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The arithmetic of cgroup weights: what a group's parent counts, and what a
 * task weighs in all.
 *
 * Pure functions of their arguments, like lag.h: the caller holds whatever lock
 * the groups need.
 *
 * How it works
 *	In a group its runnable tasks compete with its active children, which
 *	are those that have such tasks at any depth; a child counts with its
 *	weight, however many tasks it has. So of what a group gets a part of
 *	weight / (tasks + children) goes to each. Multiplied from a group up to
 *	the root, these parts are the group's factor, and a task's own weight
 *	times that factor is what it weighs beside every other task of the
 *	machine. Tasks in the root weigh what they weigh themselves.
 *
 * Limits
 *	A factor is between GROUPS_ONE / 2^27 and GROUPS_FACTOR_MAX; a task
 *	weighs at least 1 and at most LAG_WEIGHT_MAX.
 */
#ifndef META_GROUPS_H
#define META_GROUPS_H

#include "lag.h"

#define GROUPS_ROOT 0

/* Deeper cgroups count as the one of theirs on this level. */
#define GROUPS_LEVELS 8

/* Of a factor: a group's tasks weigh what they weigh themselves. */
#define GROUPS_ONE (1ULL << 27)
#define GROUPS_FACTOR_MAX (1ULL << 43)

/* The kernel's MIN_SHARES and MAX_SHARES. */
#define GROUPS_WEIGHT_MIN 2
#define GROUPS_WEIGHT_MAX (1U << 18)

/* What the kernel makes of cpu.idle (WEIGHT_IDLEPRIO). */
#define GROUPS_WEIGHT_IDLE 3

/* Of cpu.weight, as the kernel has it: 100 is 1024. */
LAG_FN u32 groups_weight_of(u32 written)
{
	u32 weight;

	/* So far and no farther can people write. */
	if (written > 10000)
		written = 10000;
	weight = (written * 1024 + 50) / 100;
	return weight < GROUPS_WEIGHT_MIN ? GROUPS_WEIGHT_MIN : weight;
}

LAG_FN struct meta_group *groups_at(struct meta_groups *groups, u32 slot)
{
	return &groups->all[slot & (META_MAX_GROUPS - 1)];
}

LAG_FN u64 groups_load(const struct meta_group *g)
{
	return g->tasks + g->children;
}

/*
 * Tell the parents of @slot, whose tasks, children or weight changed, up to the
 * first to which that makes no difference.
 */
LAG_FN void groups_settle(struct meta_groups *groups, u32 slot)
{
	struct meta_group *g, *parent;
	u32 i, weight;

	for (i = 0; i < GROUPS_LEVELS && slot != GROUPS_ROOT; i++) {
		g = groups_at(groups, slot);
		weight = groups_load(g) ? g->weight : 0;
		if (weight == g->counted)
			return;
		slot = g->parent;
		parent = groups_at(groups, slot);
		parent->children = parent->children + weight - g->counted;
		g->counted = weight;
	}
}

/* The factor of a group of @weight in one of @factor that has @load. */
LAG_FN u64 groups_share(u64 factor, u32 weight, u64 load)
{
	u64 share;

	if (weight > GROUPS_WEIGHT_MAX)
		weight = GROUPS_WEIGHT_MAX;
	share = factor * weight / (load ?: 1);
	return share < GROUPS_FACTOR_MAX ? share : GROUPS_FACTOR_MAX;
}

/*
 * The factor of @slot, as if tasks of the weight @more were runnable in it
 * besides; *@idle: it is idle, or a group above it.
 */
LAG_FN u64 groups_factor(struct meta_groups *groups, u32 slot, u32 more,
			 u32 *idle)
{
	u64 factor = GROUPS_ONE;
	struct meta_group *g;
	u32 i;

	*idle = 0;
	for (i = 0; i < GROUPS_LEVELS && slot != GROUPS_ROOT; i++) {
		g = groups_at(groups, slot);
		factor = groups_share(factor, g->weight, groups_load(g) + more);
		*idle |= g->idle;
		/* Who is not counted yet makes its groups active. */
		slot = g->parent;
		more = more && !g->counted ? g->weight : 0;
	}
	return factor;
}

/* What a task of the weight @own weighs in a group of @factor. */
LAG_FN u32 groups_weigh_by(u32 own, u64 factor)
{
	u64 weight;

	if (own > LAG_WEIGHT_MAX)
		own = LAG_WEIGHT_MAX;
	weight = (own * factor + GROUPS_ONE / 2) / GROUPS_ONE;
	if (weight < 1)
		return 1;
	return weight < LAG_WEIGHT_MAX ? weight : LAG_WEIGHT_MAX;
}

#endif /* META_GROUPS_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The arithmetic of the rotation: how long each policy's turn is, whose turn it
 * is by the clock, when the timer looks next, and in which order the policies
 * were left.
 *
 * Pure functions of their arguments: no map, no helper, no global. So what runs
 * in the kernel is also compiled for the host, where rotation-tests/ drives it
 * with millions of made-up turns. switch.bpf.h reads the maps and acts.
 *
 * How it works
 *	A turn is its weight's share of the period, in table order, and a
 *	rotation is the sum of the turns. Boundaries are absolute: a turn
 *	begins where the one before ended, not where the timer came to see it,
 *	so shares do not drift.
 *
 * Limits
 *	Turns under META_MIN_TURN_US are lengthened to it, which bends shares.
 */
#ifndef META_ROTATION_H
#define META_ROTATION_H

#include "../include/abi.h"

#ifdef __bpf__
/*
 * An iterator instead of a plain loop: the verifier walks the body once and
 * not once for every combination of its branches.
 */
#define rotation_for(i, from, to) bpf_for(i, from, to)
/* Hides from the compiler that a bound holds, which the verifier must see. */
#define rotation_hide(var) barrier_var(var)
#else
#include <stdbool.h>
#define rotation_for(i, from, to) for ((i) = (from); (i) < (to); (i)++)
#define rotation_hide(var) ((void)0)
#endif

#define ROTATION_US 1000ULL
#define ROTATION_MIN_TURN_NS (META_MIN_TURN_US * ROTATION_US)

/* A timer armed for the past would fire at once, for ever. */
#define ROTATION_MIN_SLEEP_NS (20 * ROTATION_US)

/*
 * Arrays by policy id have a power of two of slots, and the index is masked
 * out of the compiler's sight: it would drop the bound that the verifier needs.
 */
#define ROTATION_SLOTS 32
_Static_assert(META_NR_POLICIES <= ROTATION_SLOTS, "a slot a policy");

static inline u32 rotation_slot(u32 policy)
{
	rotation_hide(policy);
	return policy & (ROTATION_SLOTS - 1);
}

#define rotation_for_each(policy) rotation_for(policy, 1, META_NR_POLICIES)

/*
 * The rotation as the maps had it when last read.
 *
 * @turn_ns: of each policy; 0: not in the rotation
 * @rotation_ns: sum of the turns; 0: hold the active policy
 * @pin: overrides the rotation
 */
struct rotation_plan {
	u64 turn_ns[ROTATION_SLOTS];
	u64 rotation_ns;
	u32 nr;
	u32 pin;
};

/*
 * Where the rotation stands.
 *
 * @start_ns:  when the turn of @policy began
 * @rotations: whole rotations that a late timer skipped
 * @skipped:   policies whose turn it skipped after those, a bit an id
 */
struct rotation_place {
	u64 start_ns;
	u64 rotations;
	u32 policy;
	u32 skipped;
};

/* What a number in the map "weights" counts as. */
static inline u32 rotation_weight(u32 written)
{
	return written < META_MAX_WEIGHT ? written : META_MAX_WEIGHT;
}

/* What a number in the map "period_us" counts as. */
static inline u64 rotation_period_ns(u32 written_us)
{
	if (written_us < META_MIN_PERIOD_US)
		return META_MIN_PERIOD_US * ROTATION_US;
	if (written_us > META_MAX_PERIOD_US)
		return META_MAX_PERIOD_US * ROTATION_US;
	return written_us * ROTATION_US;
}

/*
 * Make turns of the weights that stand in @plan->turn_ns.
 *
 * Period <= 3.6e12 ns and weight <= 1e6: the product stays under 2^62, the
 * sum of the weights under 2^23.
 */
static inline void rotation_share(struct rotation_plan *plan, u64 period_ns)
{
	u64 sum = 0, turn;
	u32 policy;

	plan->rotation_ns = 0;
	plan->nr = 0;

	rotation_for_each(policy)
		sum += plan->turn_ns[rotation_slot(policy)];
	rotation_for_each(policy) {
		if (!plan->turn_ns[rotation_slot(policy)])
			continue;
		turn = period_ns * plan->turn_ns[rotation_slot(policy)] / sum;
		if (turn < ROTATION_MIN_TURN_NS)
			turn = ROTATION_MIN_TURN_NS;
		plan->turn_ns[rotation_slot(policy)] = turn;
		plan->rotation_ns += turn;
		plan->nr++;
	}
}

static inline bool rotation_changed(const struct rotation_plan *a,
				    const struct rotation_plan *b)
{
	bool changed = a->pin != b->pin;
	u32 policy;

	rotation_for_each(policy)
		changed |= a->turn_ns[rotation_slot(policy)] !=
			   b->turn_ns[rotation_slot(policy)];
	return changed;
}

/* The next policy of the rotation after @policy, in table order. */
static inline u32 rotation_next(const struct rotation_plan *plan, u32 policy)
{
	u32 i, next = META_NONE, first = META_NONE;

	rotation_for_each(i) {
		if (!plan->turn_ns[rotation_slot(i)])
			continue;
		if (!first)
			first = i;
		if (i > policy && !next)
			next = i;
	}
	return next ?: first;
}

/*
 * How far @now is into what began at @start_ns. The clocks of two CPUs may
 * differ by a little: who looks just before counts as just there.
 */
static inline u64 rotation_since(u64 start_ns, u64 now)
{
	return now > start_ns ? now - start_ns : 0;
}

/*
 * When the turn of @active, which began at @start_ns, counts as begun under
 * @plan, which replaces @old. A pin, or its end, begins a turn. New weights
 * change the turn under way; if it would be over already, it ends now.
 */
static inline u64 rotation_replan(const struct rotation_plan *old,
				  const struct rotation_plan *plan, u32 active,
				  u64 start_ns, u64 now)
{
	u64 turn;

	if (plan->pin != old->pin)
		return now;
	if (active >= META_NR_POLICIES)
		return start_ns;
	turn = plan->turn_ns[rotation_slot(active)];
	return rotation_since(start_ns, now) > turn ? now - turn : start_ns;
}

/*
 * Walk the boundaries that have passed: usually none or one. A late timer
 * skips whole rotations, and within the last one lands where the clock says.
 */
static inline void rotation_advance(const struct rotation_plan *plan,
				    struct rotation_place *at, u64 now)
{
	u64 turn, since, behind;
	u32 i;

	if (at->policy >= META_NR_POLICIES || !plan->rotation_ns)
		return;

	/* Put out of the rotation, or alone in it: a turn begins now. */
	if (!plan->turn_ns[rotation_slot(at->policy)] || plan->nr < 2) {
		at->start_ns = now;
		at->policy = rotation_next(plan, at->policy);
		return;
	}

	turn = plan->turn_ns[rotation_slot(at->policy)];
	since = rotation_since(at->start_ns, now);
	if (since < turn)
		return;

	behind = since / plan->rotation_ns;
	if (behind) {
		at->start_ns += behind * plan->rotation_ns;
		at->rotations = behind;
	}
	rotation_for(i, 0, META_NR_POLICIES) {
		if (at->policy >= META_NR_POLICIES)
			break;
		turn = plan->turn_ns[rotation_slot(at->policy)];
		if (now - at->start_ns < turn)
			break;
		if (i)
			at->skipped |= 1U << at->policy;
		at->start_ns += turn;
		at->policy = rotation_next(plan, at->policy);
	}
}

/* When the timer looks again: at the turn's end, or after @poll_ns. */
static inline u64 rotation_next_fire(const struct rotation_plan *plan,
				     u32 active, u64 start_ns, u64 now,
				     u64 poll_ns)
{
	u64 at = now + poll_ns, turn_end;

	if (plan->pin || plan->nr < 2 || active >= META_NR_POLICIES)
		return at;
	turn_end = start_ns + plan->turn_ns[rotation_slot(active)];
	if (turn_end < now + ROTATION_MIN_SLEEP_NS)
		turn_end = now + ROTATION_MIN_SLEEP_NS;
	return turn_end < at ? turn_end : at;
}

/*
 * The leave order: all policies there may be, who was left last in the last
 * place. A place has four bits, for an id less one, so that one word has all
 * of them and is read at once.
 */
#define ROTATION_PLACE_BITS 4
#define ROTATION_PLACE_MASK 0xfULL
_Static_assert(META_MAX_POLICIES == 64 / ROTATION_PLACE_BITS,
	       "a place a policy");

/* By the table: nobody was left so far. */
#define ROTATION_ORDER_FIRST 0xfedcba9876543210ULL

static inline u32 rotation_order_at(u64 order, u32 place)
{
	u32 shift = ROTATION_PLACE_BITS * (place & (META_MAX_POLICIES - 1));

	return ((order >> shift) & ROTATION_PLACE_MASK) + 1;
}

/* @policy was left last: those behind it move up. */
static inline u64 rotation_order_leave(u64 order, u32 policy)
{
	u64 left = order;
	u32 i;

	rotation_for(i, 0, META_MAX_POLICIES) {
		u32 shift = ROTATION_PLACE_BITS * i;
		u64 before = (1ULL << shift) - 1;

		if (rotation_order_at(order, i) != policy)
			continue;
		left = (order & before) |
		       ((order >> ROTATION_PLACE_BITS) & ~before);
		/* Into the place that the shift left empty. */
		left |= (u64)(policy - 1) << (64 - ROTATION_PLACE_BITS);
		break;
	}
	return left;
}

#endif /* META_ROTATION_H */

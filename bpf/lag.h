/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The arithmetic of lag: a clock that is the weighted average of the virtual
 * runtimes of all who compete, and what each is owed by it.
 *
 * Pure functions of their arguments, like rotation.h: the caller holds whatever
 * lock the clock needs.
 *
 * How it works
 *	A task's virtual runtime grows with the CPU time that it used, the
 *	slower the heavier it is. The clock is the average of those runtimes by
 *	weight (V), so the lags (V - v, by weight) of all who compete add up to
 *	nothing: what one is owed another had too much. Whoever joins or leaves
 *	moves the average, and the others keep their lags to each other.
 *
 *	The sum is kept relative to a zero that follows the clock: a product of
 *	weight and distance stays far below 2^63.
 *
 * Limits
 *	A weight is at least 1 and at most LAG_WEIGHT_MAX. A joined task stays
 *	within LAG_REACH of the clock.
 */
#ifndef META_LAG_H
#define META_LAG_H

#include "../include/abi.h"

/* A program that holds a lock calls no functions. */
#define LAG_FN static inline __attribute__((always_inline))

/* The kernel's NICE_0_LOAD, scaled down. */
#define LAG_WEIGHT_0 1024ULL
#define LAG_WEIGHT_MAX (1024 * 1024ULL)

/* The zero follows when the clock is so far ahead of it: a second. */
#define LAG_ZERO_NS (1LL << 30)

/* No place is farther away from the clock: 18 minutes. */
#define LAG_REACH (1LL << 40)

/*
 * @now:    the average, rounded up; it stands still while nobody competes
 * @zero:   what @sum is relative to
 * @sum:    of (virtual runtime - @zero) x weight
 * @weight: of all who compete
 */
struct lag_clock {
	u64 now;
	u64 zero;
	long long sum;
	u64 weight;
};

LAG_FN long long lag_distance(u64 from, u64 to)
{
	return (long long)to - (long long)from;
}

LAG_FN u64 lag_shift(u64 at, long long by)
{
	return (u64)((long long)at + by);
}

/* From CPU time to virtual time. */
LAG_FN u64 lag_scale(u64 ns, u32 weight)
{
	/* Most are of nice 0, and a division is dear. */
	if (weight == LAG_WEIGHT_0)
		return ns;
	return ns * LAG_WEIGHT_0 / (weight ?: 1);
}

/* Rounded up; before version 4 BPF divides without a sign only. */
LAG_FN long long lag_quotient(long long sum, u64 by)
{
	if (sum < 0)
		return -(long long)((u64)-sum / by);
	return ((u64)sum + by - 1) / by;
}

/* After each change of the sum. */
LAG_FN void lag_update(struct lag_clock *clock)
{
	long long ahead;

	if (!clock->weight) {
		clock->zero = clock->now;
		clock->sum = 0;
		return;
	}
	ahead = lag_quotient(clock->sum, clock->weight);
	clock->now = lag_shift(clock->zero, ahead);
	if (ahead > LAG_ZERO_NS || ahead < -LAG_ZERO_NS) {
		clock->sum -= ahead * (long long)clock->weight;
		clock->zero = clock->now;
	}
}

/* What someone at @vruntime is owed (> 0) or had too much (< 0), virtual. */
LAG_FN long long lag_of(const struct lag_clock *clock, u64 vruntime)
{
	return lag_distance(vruntime, clock->now);
}

LAG_FN long long lag_clamp(long long lag, u64 limit)
{
	if (lag > (long long)limit)
		return limit;
	if (lag < -(long long)limit)
		return -(long long)limit;
	return lag;
}

/* What is owed is CPU time: so much virtual time at another weight. */
LAG_FN long long lag_reweigh(long long lag, u32 from, u32 to)
{
	u64 far = (u64)(lag < 0 ? -lag : lag);

	if (from == to || !from)
		return lag;
	if (far > LAG_REACH)
		far = LAG_REACH;
	far = far * from / (to ?: 1);
	return lag < 0 ? -(long long)far : (long long)far;
}

LAG_FN void lag_count(struct lag_clock *clock, u64 vruntime, u32 weight)
{
	clock->sum += lag_distance(clock->zero, vruntime) * weight;
	clock->weight += weight;
	lag_update(clock);
}

/*
 * Where someone who is owed @lag joins, so that it is owed as much afterwards:
 * joining pulls the average towards it. Nobody else competes: at the clock.
 */
LAG_FN u64 lag_place(const struct lag_clock *clock, long long lag, u32 weight)
{
	u64 far;

	if (!clock->weight)
		return clock->now;
	far = (u64)(lag < 0 ? -lag : lag) * (clock->weight + weight) /
	      clock->weight;
	if (far > LAG_REACH)
		far = LAG_REACH;
	return lag_shift(clock->now,
			 lag < 0 ? (long long)far : -(long long)far);
}

/* Someone who competes is at @to now, no longer at @from. */
LAG_FN void lag_move(struct lag_clock *clock, u64 from, u64 to, u32 weight)
{
	clock->sum += lag_distance(from, to) * weight;
	lag_update(clock);
}

LAG_FN void lag_leave(struct lag_clock *clock, u64 vruntime, u32 weight)
{
	clock->sum -= lag_distance(clock->zero, vruntime) * weight;
	clock->weight -= weight;
	lag_update(clock);
}

#endif /* META_LAG_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Is the load of the machine still the same? For auto.h, by one signal of the
 * policy in charge: a two-sided cumulative sum (CUSUM) of how far it is from
 * its mean, in units of its usual distance.
 */
#ifndef META_REGIME_H
#define META_REGIME_H

#include "fixed.h"

/* Turns to learn what is usual, drift and alarm in deviations. */
#define REGIME_USUAL_AFTER 8
#define REGIME_USUAL_OVER 64
#define REGIME_DRIFT (FIXED_ONE / 2)
#define REGIME_ALARM (12 * FIXED_ONE)
#define REGIME_DOUBT (5 * FIXED_ONE / 2)
#define REGIME_FAR (4 * FIXED_ONE)
/* No deviation is smaller: 5 %. */
#define REGIME_DEVIATION_MIN 4613

/* Is a signal of the policy in charge what it usually is? */
struct regime_detector {
	s64 usual;
	s64 deviation;
	s64 above;
	s64 below;
};

FIXED_FN bool regime_detect(struct regime_detector *d FIXED_ARG, s64 signal,
			    u32 turns)
{
	s64 off = signal - d->usual, far, deviation = d->deviation;
	u32 of = turns + 1;

	if (turns >= REGIME_USUAL_AFTER) {
		if (deviation < REGIME_DEVIATION_MIN)
			deviation = REGIME_DEVIATION_MIN;
		far = fixed_clamp(fixed_div(off * FIXED_ONE, deviation),
				  REGIME_FAR);
		d->above += far - REGIME_DRIFT;
		d->below += -far - REGIME_DRIFT;
		if (d->above < 0)
			d->above = 0;
		if (d->below < 0)
			d->below = 0;
		if (d->above > REGIME_ALARM || d->below > REGIME_ALARM)
			return true;
		off = fixed_clamp(off, 4 * deviation);
	}
	d->usual += fixed_div(off, of);
	if (turns) {
		off = off < 0 ? -off : off;
		/* Of a mean of sizes, the deviation is 5/4. */
		d->deviation +=
			fixed_div(off + (off >> 2) - d->deviation, turns);
	}
	return false;
}

/* Was the last turn so far off that the next may end the regime? */
static inline bool regime_is_in_doubt(const struct regime_detector *d)
{
	return d->above > REGIME_DOUBT || d->below > REGIME_DOUBT;
}

#endif /* META_REGIME_H */

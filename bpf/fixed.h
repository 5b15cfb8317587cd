/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Numbers with 16 bits after the point, for auto.h: BPF has no floating point.
 */
#ifndef META_FIXED_H
#define META_FIXED_H

#include "rotation.h"

#ifdef __bpf__
/* Not static: the verifier walks each once, with any arguments. */
#define FIXED_FN __noinline
#define FIXED_ARG __arg_nonnull
#else
#define FIXED_FN static inline
#define FIXED_ARG
#endif

#define FIXED_ONE (1LL << 16)

/* BPF divides unsigned numbers only, before its fourth version. */
FIXED_FN s64 fixed_div(s64 number, u64 by)
{
	u64 size = number < 0 ? -number : number;

	size /= by | !by;
	return number < 0 ? -(s64)size : (s64)size;
}

static inline s64 fixed_clamp(s64 number, s64 most)
{
	if (number > most)
		return most;
	return number < -most ? -most : number;
}

/* The logarithm of @x to base 2, @x being at least 1. */
FIXED_FN s64 fixed_log2(u64 x)
{
	u64 rest = x | !x, log = 0;
	u32 i, shift;

	for (shift = 32; shift; shift >>= 1) {
		if (rest >> shift) {
			rest >>= shift;
			log += shift;
		}
	}
	/* What is left of it between 1 and 2, with 31 bits after the point. */
	rest = log > 31 ? x >> (log - 31) : (x | !x) << (31 - log);
	rotation_for(i, 0, 16) {
		rest = rest * rest >> 31;
		log <<= 1;
		if (rest >> 32) {
			rest >>= 1;
			log |= 1;
		}
	}
	return log;
}

FIXED_FN u64 fixed_sqrt(u64 x)
{
	u64 root = 0, bit = 1ULL << 31;
	u32 i;

	rotation_for(i, 0, 32) {
		u64 next = root | bit;

		if (next * next <= x)
			root = next;
		bit >>= 1;
	}
	return root;
}

#endif /* META_FIXED_H */

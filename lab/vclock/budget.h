/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One CPU's time, and how far it may run. Knows nothing of QEMU.
 *
 * Translated code adds to the CPU's counter and asks for a new budget once the
 * counter has reached BUDGET_SPENT: a grant sets the counter so far below that
 * mark as the CPU may run. The CPU's time is where it was when the counter was
 * last set, plus what was counted since, times its rate. All times are in units
 * (cost.h).
 */
#ifndef VCLOCK_BUDGET_H
#define VCLOCK_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

/* No time is as late. */
#define TIME_NEVER INT64_MAX

/* The counter of a CPU that may not run; longer grants do not occur. */
#define BUDGET_SPENT (UINT64_C(1) << 40)

struct budget {
	uint64_t *counter;
	/* The time when the counter stood at `since`. */
	int64_t at;
	uint64_t since;
	/* Slowness in RATE_ONE, until that time. */
	unsigned int rate;
	int64_t rate_until;
};

/* Takes a counter into use, at that time, without a budget. */
void budget_init(struct budget *budget, uint64_t *counter, int64_t at);

/* The CPU's time. */
int64_t budget_now(const struct budget *budget);

/* Whether the CPU may run. */
bool budget_left(const struct budget *budget);

/* The time at which a budget that is left is spent. */
int64_t budget_end(const struct budget *budget);

/* Moves the CPU to that time and takes what budget it has. */
void budget_park(struct budget *budget, int64_t at);

/* Lets the CPU run from now until `end`, at least for one block. */
void budget_grant(struct budget *budget, int64_t end);

/* Makes a budget that is left end earlier; false: it does already. */
bool budget_cut(struct budget *budget, int64_t end);

/* Slows the CPU from now until that time; keeps the end of its budget. */
void budget_slow(struct budget *budget, unsigned int rate, int64_t until);

#endif /* VCLOCK_BUDGET_H */

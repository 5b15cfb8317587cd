/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A cost model says how much virtual time the guest's code takes. It is one
 * file cost_NAME.c that defines one `struct cost_model`, listed in cost.c, and
 * is chosen with costs=NAME.
 *
 * The clock keeps a counter for each CPU, in units of 1/UNITS_PER_NS ns. While
 * a CPU runs, translated code adds to its counter; a CPU's time is what the
 * counter says times the CPU's rate. The order of things is:
 *
 *   translation   block() is called once for each block of instructions and
 *                 returns the units of one execution. It may register any
 *                 callback of the plugin API on the instructions (memory
 *                 accesses, execution), or inline operations on
 *                 cost_counter(): the model owns the whole of it. The clock
 *                 itself adds a check at the head of the block, and what it
 *                 does on `pause` (spin.c); block() must not count `pause`
 *                 beyond an ordinary instruction.
 *   execution     callbacks that the model registered call cost_charge() for
 *                 the CPU they were called for. No lock is needed: one host
 *                 thread runs all CPUs. Nothing a model does may depend on
 *                 host addresses, host time or host randomness, or the guest's
 *                 runs differ.
 *   interrupts    interrupt() is called after one CPU, a device or a timer has
 *                 raised an interrupt line of a CPU, and returns the units by
 *                 which an idle CPU starts later.
 *
 * A block that did not end normally (a page fault in its middle) was charged
 * whole, and the part that runs again is charged again.
 */
#ifndef VCLOCK_COST_H
#define VCLOCK_COST_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "plugin_api.h"

/* Units of a counter in a nanosecond: costs have a 16th of a ns at the least.
 */
#define UNITS_PER_NS 16

/* No CPU: the interrupt comes from a timer or from a device. */
#define COST_NO_CPU (-1)

/* A rate is a multiple of 1/RATE_ONE: 3 * RATE_ONE / 2 is slower by a half. */
#define RATE_ONE 256

/* An interrupt line that was raised. */
struct cost_interrupt {
	/* The CPU that is interrupted. */
	unsigned int cpu;
	/* The CPU whose instruction did that, or COST_NO_CPU. */
	int by;
	/* Whether that woke the CPU; a CPU may also interrupt itself. */
	bool woken;
	/* If it did: for how many units the CPU had been idle. */
	int64_t idle_units;
};

struct cost_model {
	const char *name;

	/*
	 * How far CPUs may be apart. A CPU that waits for a lock gets it at the
	 * end of its holder's turn, so late by up to that: a model that tells
	 * what code costs wants it short. 2 us cost 1.65 times what 20 us do.
	 */
	unsigned int quantum_ns;

	/*
	 * Takes an option of its own, what stands after NAME. in NAME.KEY=VALUE
	 * on the plugin's line. False: not known or not valid. May be NULL.
	 */
	bool (*option)(const char *key, const char *value);

	/*
	 * Called once, after all options, before any block is translated.
	 * False, after a message on stderr, stops QEMU. May be NULL.
	 */
	bool (*start)(unsigned int max_cpus);

	/* The units of one execution of the block. */
	uint64_t (*block)(struct qemu_plugin_tb *tb);

	/* By how many units a woken CPU starts later. May be NULL. */
	uint64_t (*interrupt)(const struct cost_interrupt *interrupt);

	/* Adds lines to the clock's report at the end. May be NULL. */
	void (*report)(FILE *out);
};

extern const struct cost_model cost_flat;
extern const struct cost_model cost_calibrated;

/* The model of that name, or NULL. */
const struct cost_model *cost_find(const char *name);

/* ---- what a model may call (clock.c) ---- */

/*
 * Adds to the counter of a CPU: the one that a callback was called for, or in
 * interrupt() the one that raised it, `by`. A woken CPU's delay is what
 * interrupt() returns; an interrupted CPU that was not idle may be charged too.
 */
void cost_charge(unsigned int cpu, uint64_t units);

/* The same counter, for inline operations at translation. */
qemu_plugin_u64 cost_counter(void);

/*
 * From now on, for that many units of the CPU's time, every unit of its counter
 * counts as rate/RATE_ONE units. Replaces an earlier rate. A CPU that goes idle
 * keeps it until that time has passed.
 */
void cost_slow(unsigned int cpu, unsigned int rate, int64_t for_units);

/* The CPU's own time, in units. */
int64_t cost_now(unsigned int cpu);

#endif /* VCLOCK_COST_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The CPUs' times: whose turn it is, wake-ups, and the jump when all are idle.
 *
 * QEMU runs all CPUs in one host thread (thread=single), one after another;
 * only their clocks run side by side. So nothing here takes a lock: all of it
 * is called in that thread, except clock_here(), which any thread may call.
 *
 * All times are in units (cost.h).
 */
#ifndef VCLOCK_CLOCK_H
#define VCLOCK_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "cost.h"
#include "qemu.h"

/* Enough for any machine that one thread can emulate. */
#define CLOCK_MAX_CPUS 64

struct clock_stats {
	uint64_t turns;
	uint64_t refusals;
	uint64_t wakes;
	uint64_t wakes_from_outside;
	uint64_t cuts;
	uint64_t pauses;
	uint64_t jumps;
	uint64_t timer_runs;
};

extern struct clock_stats clock_stats;

/* Before the first CPU. */
void clock_start(const struct cost_model *model, int64_t quantum_units);

/* A CPU is there, is gone. */
void clock_add_cpu(unsigned int cpu, CPUState *state);
void clock_remove_cpu(unsigned int cpu);

/* The time of the caller: of the CPU that runs, or where all have been. */
int64_t clock_here(void);

/* Where all CPUs have been. */
int64_t clock_floor(void);

/* Whether all CPUs are idle. */
bool clock_all_idle(void);

/* Moves an idle machine to that time. */
void clock_jump(int64_t to);

/*
 * Holds clock_here() at one time in the CPUs' thread: for what happens at that
 * time and on no CPU, such as timers. Ends with clock_release(), which takes
 * what clock_hold() returned.
 */
int64_t clock_hold(int64_t at);
void clock_release(int64_t before);

/*
 * QEMU is about to raise an interrupt line of that CPU, and has done so; what
 * the first returns is passed to the second.
 */
bool clock_before_interrupt(CPUState *state);
void clock_after_interrupt(CPUState *state, bool was_idle);

/* The CPU that runs now must stop by that time, if it would run longer. */
void clock_cut(int64_t end);

/* The CPU that runs spins: its turn ends, and its time may be passed over. */
void clock_spin(unsigned int cpu);

/*
 * Called at the head of a block if the CPU has no budget. Returns if the block
 * may run, and otherwise leaves it.
 */
void clock_out_of_budget(unsigned int cpu, void *data);

#endif /* VCLOCK_CLOCK_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which CPU runs next, and until when. Knows nothing of QEMU.
 *
 * The laggard runs: of the CPUs that have something to do, the one whose time
 * is the least, until it is a quantum ahead of the second least. So no CPU is
 * ever further ahead of a running one, and the order depends on virtual time
 * alone.
 */
#ifndef VCLOCK_TURN_H
#define VCLOCK_TURN_H

#include <stdint.h>

struct turn {
	/* The laggard, or -1 while none was offered, and its time. */
	int cpu;
	int64_t at;
	/* The least time of the others, or TIME_NEVER. */
	int64_t second;
};

/* No CPU so far. */
void turn_init(struct turn *turn);

/* Considers a CPU that has something to do. */
void turn_offer(struct turn *turn, int cpu, int64_t at);

/*
 * When the turn ends: a quantum after the second, or alone_units after its
 * start where there is no other; but no later than the next timer.
 */
int64_t turn_end(const struct turn *turn, int64_t quantum_units,
		 int64_t alone_units, int64_t next_timer);

#endif /* VCLOCK_TURN_H */

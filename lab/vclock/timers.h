/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The timers of the guest's devices. QEMU's main loop fires them when the host
 * gets round to it; here the CPUs' thread does, when virtual time gets there.
 * All times are in units (cost.h).
 */
#ifndef VCLOCK_TIMERS_H
#define VCLOCK_TIMERS_H

#include <stdint.h>

/* Learns of timers that are set; once the machine has its first CPU. */
void timers_hook(void);

/*
 * Takes the list away from the main loop; once all devices have their timers in
 * it, that is with the first instruction.
 */
void timers_take(void);

/* When the next one is due, or TIME_NEVER. */
int64_t timers_next(void);

/* Fires those that are due at that time. */
void timers_run(int64_t at);

#endif /* VCLOCK_TIMERS_H */

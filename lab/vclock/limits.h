/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How far virtual time may run, and how fast while the machine is idle. Both
 * look at the host's clock or end the run: they never change what a guest that
 * keeps within them sees.
 */
#ifndef VCLOCK_LIMITS_H
#define VCLOCK_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * idle_rate: virtual seconds that an idle machine may jump over in a second of
 * the host, 0: any number. limit_units: virtual time at which QEMU ends with
 * status 1, 0: never.
 */
void limits_start(unsigned int idle_rate, int64_t limit_units);

/* Once QEMU's timers can be used. */
void limits_hook(void);

/*
 * Whether an idle machine may jump that far now. If not, its thread may sleep:
 * it is woken when it may.
 */
bool limits_may_jump(int64_t units);

/* All CPUs have got to that time. */
void limits_note_time(int64_t at);

#endif /* VCLOCK_LIMITS_H */

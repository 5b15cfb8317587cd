// SPDX-License-Identifier: GPL-2.0-only
/* How far virtual time may run, and how fast while the machine is idle. */
#include <stdio.h>

#include "cost.h"
#include "limits.h"
#include "qemu.h"

/* Waits shorter than this are saved up: they cost more than they delay. */
#define SHORTEST_WAIT_NS 1000000

static unsigned int idle_rate;
static int64_t limit_units;
/* The host time until which the jumps so far last. */
static int64_t paid_until_ns;
static struct qemu_timer alarm;

void limits_start(unsigned int rate, int64_t limit)
{
	idle_rate = rate;
	limit_units = limit;
}

static void look_again(void *opaque)
{
	(void)opaque;
	qemu.qemu_cpu_kick(qemu.qemu_get_cpu(0));
}

void limits_hook(void)
{
	qemu.timer_init_full(&alarm, NULL, QEMU_CLOCK_REALTIME, 1, 0,
			     look_again, NULL);
}

/*
 * A jump is made at once and waited for afterwards, so that the guest's work
 * at its end is done as early as possible.
 */
bool limits_may_jump(int64_t units)
{
	int64_t now_ns;

	if (!idle_rate)
		return true;
	now_ns = qemu.qemu_clock_get_ns(QEMU_CLOCK_REALTIME);
	if (paid_until_ns > now_ns + SHORTEST_WAIT_NS) {
		qemu.timer_mod_ns(&alarm, paid_until_ns);
		return false;
	}
	if (paid_until_ns < now_ns)
		paid_until_ns = now_ns;
	paid_until_ns += units / UNITS_PER_NS / idle_rate;
	return true;
}

void limits_note_time(int64_t at)
{
	if (!limit_units || at < limit_units)
		return;
	fprintf(stderr,
		"vclock: the guest has used up its limit of %.0f virtual "
		"seconds\n",
		limit_units / (1e9 * UNITS_PER_NS));
	limit_units = 0;
	qemu.qemu_system_shutdown_request_with_code(SHUTDOWN_CAUSE_HOST_ERROR,
						    1);
}

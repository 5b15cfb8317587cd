// SPDX-License-Identifier: GPL-2.0-only
/* What is replaced in QEMU's accelerator, so that it asks our clock. */
#include "budget.h"
#include "clock.h"
#include "cost.h"
#include "hooks.h"
#include "limits.h"
#include "timers.h"

static __thread bool in_cpu_thread;
/* QEMU is asked on our behalf: the answer is its own. */
static __thread bool asking;

bool hooks_in_cpu_thread(void)
{
	return in_cpu_thread;
}

bool hooks_cpu_is_idle(CPUState *cpu)
{
	bool idle;

	asking = true;
	idle = qemu.cpu_thread_is_idle(cpu);
	asking = false;
	return idle;
}

/* Nanoseconds for QEMU's timers and devices, and the guest's TSC at 1 GHz. */
static int64_t get_clock_ns(void)
{
	return clock_here() / UNITS_PER_NS;
}

static void handle_interrupt(CPUState *cpu, int mask)
{
	bool was_idle;

	/* From elsewhere: the CPUs' thread finds out when it gets there. */
	if (!in_cpu_thread) {
		qemu.tcg_handle_interrupt(cpu, mask);
		return;
	}
	was_idle = clock_before_interrupt(cpu);
	qemu.tcg_handle_interrupt(cpu, mask);
	clock_after_interrupt(cpu, was_idle);
}

/*
 * QEMU asks this of a halted CPU before its thread goes to sleep. If all are
 * halted, time jumps to the next timer, and "no" makes the thread look again.
 * One jump at a time: in between the thread gives way to the main loop.
 */
static bool cpu_thread_is_idle(CPUState *cpu)
{
	int64_t timer;

	(void)cpu;
	if (asking || !in_cpu_thread || !clock_all_idle())
		return true;
	timer = timers_next();
	if (timer == TIME_NEVER || !limits_may_jump(timer - clock_floor()))
		return true;
	clock_jump(timer);
	timers_run(clock_floor());
	return false;
}

void hooks_install(void)
{
	struct qemu_accel *accel;

	in_cpu_thread = true;
	qemu_check();
	accel = qemu.cpus_get_accel();
	accel->handle_interrupt = handle_interrupt;
	accel->cpu_thread_is_idle = cpu_thread_is_idle;
	accel->get_virtual_clock = get_clock_ns;
	accel->get_elapsed_ticks = get_clock_ns;
	timers_hook();
	limits_hook();
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Finds QEMU's own functions by name, and checks everything that is assumed
 * about this QEMU before anything in it is changed.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#include "qemu.h"

struct qemu qemu;

#define SYMBOL(name) {#name, offsetof(struct qemu, name)}

static const struct {
	const char *name;
	size_t offset;
} SYMBOLS[] = {
	SYMBOL(cpu_thread_is_idle),
	SYMBOL(cpus_get_accel),
	SYMBOL(qemu_cpu_kick),
	SYMBOL(bql_locked),
	SYMBOL(bql_lock_impl),
	SYMBOL(bql_unlock),
	SYMBOL(qemu_timer_notify_cb),
	SYMBOL(qemu_get_cpu),
	SYMBOL(cpu_exit),
	SYMBOL(cpu_loop_exit_restore),
	SYMBOL(tcg_cflags_set),
	SYMBOL(tcg_cflags_has),
	SYMBOL(tcg_handle_interrupt),
	SYMBOL(rr_start_vcpu_thread),
	SYMBOL(rr_kick_vcpu_thread),
	SYMBOL(timerlist_new),
	SYMBOL(timerlist_deadline_ns),
	SYMBOL(timerlist_run_timers),
	SYMBOL(timer_init_full),
	SYMBOL(timer_mod_ns),
	SYMBOL(timer_del),
	SYMBOL(qemu_clock_get_ns),
	SYMBOL(main_loop_tlg),
	SYMBOL(runstate_is_running),
	SYMBOL(qemu_system_shutdown_request_with_code),
};

static void say_unknown(const char *what)
{
	fprintf(stderr,
		"vclock: this QEMU is not known: %s; QEMU 10.0 is. Use --clock "
		"serial\n",
		what);
}

/*
 * Ends QEMU at once: the checks run in the processors' thread, whose locks
 * exit handlers would wait for.
 */
void qemu_refuse(const char *why)
{
	say_unknown(why);
	_exit(1);
}

bool qemu_find(void)
{
	/* Thread-local: looked up again by each thread that wants it. */
	if (!dlsym(RTLD_DEFAULT, "current_cpu")) {
		say_unknown("it does not export current_cpu");
		return false;
	}
	for (size_t i = 0; i < sizeof(SYMBOLS) / sizeof(*SYMBOLS); i++) {
		void *found = dlsym(RTLD_DEFAULT, SYMBOLS[i].name);
		char what[100];

		if (!found) {
			snprintf(what, sizeof(what), "it does not export %s",
				 SYMBOLS[i].name);
			say_unknown(what);
			return false;
		}
		*(void **)((char *)&qemu + SYMBOLS[i].offset) = found;
	}
	return true;
}

/* Three functions of known addresses tell where the fields are. */
static void check_accel(const struct qemu_accel *accel)
{
	if (accel->create_vcpu_thread != qemu.rr_start_vcpu_thread ||
	    accel->kick_vcpu_thread != qemu.rr_kick_vcpu_thread)
		qemu_refuse(
			"the processors do not share a thread as they do with "
			"-accel tcg,thread=single");
	if (accel->handle_interrupt != qemu.tcg_handle_interrupt)
		qemu_refuse(
			"the accelerator's interrupt function is not in its "
			"place (or -icount is set)");
	if (accel->get_virtual_clock || accel->set_virtual_clock ||
	    accel->get_elapsed_ticks || accel->cpu_thread_is_idle)
		qemu_refuse("something else drives the accelerator's clock");
}

static void check_timers(const struct qemu_timerlists *lists)
{
	for (int type = 0; type < QEMU_CLOCK_MAX; type++) {
		const struct qemu_timerlist *list = lists->of[type];

		if (!list || !list->clock || list->clock->type != type)
			qemu_refuse(
				"a timer list does not begin with its clock");
		if (list->notify_cb != qemu.qemu_timer_notify_cb ||
		    list->notify_opaque)
			qemu_refuse(
				"a timer list's notify function is not in its "
				"place");
	}
}

/* The flag must be one that QEMU knows and that one thread leaves clear. */
static void check_flags(CPUState *cpu)
{
	if (qemu.tcg_cflags_has(cpu, CF_PARALLEL))
		qemu_refuse("code is translated for parallel threads already");
}

void qemu_check(void)
{
	check_accel(qemu.cpus_get_accel());
	check_timers(qemu.main_loop_tlg);
	check_flags(qemu.qemu_get_cpu(0));
}

CPUState *qemu_current_cpu(void)
{
	/* An address in this thread's storage: looking it up once is enough. */
	static __thread CPUState **current;

	if (!current)
		current = dlsym(RTLD_DEFAULT, "current_cpu");
	return *current;
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The part of QEMU itself that is used beside its plugin API: QEMU 10.0 has no
 * call that lets a plugin drive the clock of the emulated processors
 * (qemu_plugin_update_ns() needs AccelOpsClass.set_virtual_clock, which the
 * emulator leaves empty), so the clock is put in place by hand. All of it is
 * exported by the binary, looked up by name, and checked before use: see
 * qemu.c. Comments name the file of QEMU 10.0 that defines the thing.
 */
#ifndef VCLOCK_QEMU_H
#define VCLOCK_QEMU_H

#include <stdbool.h>
#include <stdint.h>

/* include/hw/core/cpu.h; opaque here. */
typedef struct CPUState CPUState;

/* QEMUClockType, include/qemu/timer.h. */
enum {
	QEMU_CLOCK_REALTIME,
	QEMU_CLOCK_VIRTUAL,
	QEMU_CLOCK_HOST,
	QEMU_CLOCK_VIRTUAL_RT,
	QEMU_CLOCK_MAX,
};

/* include/exec/translation-block.h: code that any CPU may run. */
#define CF_PARALLEL 0x8000

/* TCG_KICK_PERIOD, accel/tcg/tcg-accel-ops-rr.h. */
#define QEMU_KICK_PERIOD_NS 100000000

/* ShutdownCause, qapi/run-state.json. */
#define SHUTDOWN_CAUSE_HOST_ERROR 1

/* AccelOpsClass, include/system/accel-ops.h, up to the last field used. */
struct qemu_accel {
	/* ObjectClass, include/qom/object.h. */
	void *parent[12];
	void (*ops_init)(struct qemu_accel *accel);
	void *cpus_are_resettable;
	void *cpu_reset_hold;
	void (*create_vcpu_thread)(CPUState *cpu);
	void (*kick_vcpu_thread)(CPUState *cpu);
	bool (*cpu_thread_is_idle)(CPUState *cpu);
	void *synchronize[5];
	void (*handle_interrupt)(CPUState *cpu, int mask);
	int64_t (*get_virtual_clock)(void);
	void (*set_virtual_clock)(int64_t ns);
	int64_t (*get_elapsed_ticks)(void);
};

/* QEMUClock, util/qemu-timer.c. */
struct qemu_clock {
	void *timerlists;
	int type;
	bool enabled;
};

struct qemu_timer;

/* QEMUTimerList, util/qemu-timer.c, with QemuMutex in it as words. */
struct qemu_timerlist {
	struct qemu_clock *clock;
	void *active_timers_lock[6];
	struct qemu_timer *active_timers;
	void *list[2];
	void (*notify_cb)(void *opaque, int type);
	void *notify_opaque;
};

/* QEMUTimerListGroup, include/qemu/timer.h. */
struct qemu_timerlists {
	struct qemu_timerlist *of[QEMU_CLOCK_MAX];
};

/* QEMUTimer, include/qemu/timer.h. */
struct qemu_timer {
	int64_t expire_time;
	struct qemu_timerlist *timer_list;
	void (*cb)(void *opaque);
	void *opaque;
	struct qemu_timer *next;
	int attributes;
	int scale;
};

/* What is called and read; NAME is what the binary exports. */
struct qemu {
	/* system/cpus.c */
	bool (*cpu_thread_is_idle)(CPUState *cpu);
	struct qemu_accel *(*cpus_get_accel)(void);
	void (*qemu_cpu_kick)(CPUState *cpu);
	bool (*bql_locked)(void);
	void (*bql_lock_impl)(const char *file, int line);
	void (*bql_unlock)(void);
	void (*qemu_timer_notify_cb)(void *opaque, int type);

	/* cpu-common.c, hw/core/cpu-common.c */
	CPUState *(*qemu_get_cpu)(int index);
	void (*cpu_exit)(CPUState *cpu);

	/* accel/tcg/cpu-exec-common.c */
	void (*cpu_loop_exit_restore)(CPUState *cpu, uintptr_t host_pc)
		__attribute__((noreturn));
	void (*tcg_cflags_set)(CPUState *cpu, uint32_t flags);
	bool (*tcg_cflags_has)(CPUState *cpu, uint32_t flags);

	/* accel/tcg/tcg-accel-ops.c, accel/tcg/tcg-accel-ops-rr.c */
	void (*tcg_handle_interrupt)(CPUState *cpu, int mask);
	void (*rr_start_vcpu_thread)(CPUState *cpu);
	void (*rr_kick_vcpu_thread)(CPUState *cpu);

	/* util/qemu-timer.c */
	struct qemu_timerlist *(*timerlist_new)(
		int type, void (*notify)(void *opaque, int type), void *opaque);
	int64_t (*timerlist_deadline_ns)(struct qemu_timerlist *list);
	bool (*timerlist_run_timers)(struct qemu_timerlist *list);
	void (*timer_init_full)(struct qemu_timer *timer,
				struct qemu_timerlists *lists, int type,
				int scale, int attributes, void (*cb)(void *),
				void *opaque);
	void (*timer_mod_ns)(struct qemu_timer *timer, int64_t expire_ns);
	void (*timer_del)(struct qemu_timer *timer);
	int64_t (*qemu_clock_get_ns)(int type);
	struct qemu_timerlists *main_loop_tlg;

	/* system/runstate.c */
	bool (*runstate_is_running)(void);
	void (*qemu_system_shutdown_request_with_code)(int cause, int code);
};

extern struct qemu qemu;

/* Finds what is above; false, after a message, if something is not there. */
bool qemu_find(void);

/*
 * Checks that the accelerator and the timer lists are laid out as above, and
 * that nobody drives the clock yet; ends QEMU if not. To be called once the
 * first CPU exists.
 */
void qemu_check(void);

/* Ends QEMU at once, with a message: this QEMU is not what was expected. */
__attribute__((noreturn)) void qemu_refuse(const char *why);

/* The CPU whose code the calling thread runs, `current_cpu`; or NULL. */
CPUState *qemu_current_cpu(void);

#endif /* VCLOCK_QEMU_H */

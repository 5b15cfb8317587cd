// SPDX-License-Identifier: GPL-2.0-only
/*
 * The parallel virtual clock: a plugin of QEMU's emulator that gives each
 * virtual CPU a time of its own. It says how much virtual time the code that a
 * CPU runs takes (cost.h), lets the CPU that is behind run next (clock.h), and
 * puts QEMU's clock and timers under that time (hooks.h, timers.h). Guests so
 * run by virtual time alone: the host's load does not show, CPUs run side by
 * side as far as the guest can tell, and two runs of the same guest are alike.
 *
 * QEMU's line: -accel tcg,thread=single -plugin vclock.so,NAME=VALUE,…
 * (options.h). Runs are alike only if nothing else brings host time or chance
 * in: no device that a host thread serves, -cpu …,-rdrand,-rdseed, -rtc
 * base=…,clock=vm, -seed N.
 */
#include <stdio.h>
#include <string.h>

#include "budget.h"
#include "clock.h"
#include "cost.h"
#include "hooks.h"
#include "limits.h"
#include "options.h"
#include "plugin_api.h"
#include "qemu.h"
#include "report.h"
#include "spin.h"
#include "timers.h"

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

static struct options options;

static int64_t seconds_to_units(unsigned int seconds)
{
	return INT64_C(1000000000) * UNITS_PER_NS * seconds;
}

/* In the CPUs' thread, before it runs any code. */
static void cpu_added(qemu_plugin_id_t id, unsigned int cpu)
{
	static bool installed;
	CPUState *state = qemu.qemu_get_cpu(cpu);

	(void)id;
	if (!installed) {
		installed = true;
		hooks_install();
	}
	clock_add_cpu(cpu, state);
	/* Or a block counts for the CPU that translated it. */
	qemu.tcg_cflags_set(state, CF_PARALLEL);
}

static void cpu_removed(qemu_plugin_id_t id, unsigned int cpu)
{
	(void)id;
	clock_remove_cpu(cpu);
}

static void block_translated(qemu_plugin_id_t id, struct qemu_plugin_tb *block)
{
	static bool booted;
	size_t insns = qemu_plugin_tb_n_insns(block);
	uint64_t units;

	(void)id;
	if (!booted) {
		booted = true;
		timers_take();
		report_boot();
	}
	/* The order of these two is the order in which they execute. */
	qemu_plugin_register_vcpu_tb_exec_cond_cb(
		block, clock_out_of_budget, QEMU_PLUGIN_CB_NO_REGS,
		QEMU_PLUGIN_COND_GE, cost_counter(), BUDGET_SPENT, NULL);
	units = options.model->block(block);
	qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(
		block, QEMU_PLUGIN_INLINE_ADD_U64, cost_counter(), units);
	for (size_t i = 0; i < insns; i++)
		spin_watch(qemu_plugin_tb_get_insn(block, i));
}

static void ended(qemu_plugin_id_t id, void *data)
{
	(void)id;
	(void)data;
	report_end();
}

static bool is_machine_known(const qemu_info_t *info)
{
	if (!info->system_emulation || strcmp(info->target_name, "x86_64")) {
		fprintf(stderr, "vclock: only x86_64 machines are known\n");
		return false;
	}
	if (info->system.max_vcpus > CLOCK_MAX_CPUS) {
		fprintf(stderr, "vclock: a machine may have %d CPUs at most\n",
			CLOCK_MAX_CPUS);
		return false;
	}
	return true;
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id,
					   const qemu_info_t *info, int argc,
					   char **argv)
{
	if (!is_machine_known(info) || !qemu_find() ||
	    !options_read(&options, argc, argv))
		return -1;
	if (options.model->start &&
	    !options.model->start(info->system.max_vcpus))
		return -1;
	clock_start(options.model, (int64_t)options.quantum_ns * UNITS_PER_NS);
	limits_start(options.idle_rate, seconds_to_units(options.limit_s));
	report_start(options.model, seconds_to_units(options.report_s));
	qemu_plugin_register_vcpu_init_cb(id, cpu_added);
	qemu_plugin_register_vcpu_exit_cb(id, cpu_removed);
	qemu_plugin_register_vcpu_tb_trans_cb(id, block_translated);
	qemu_plugin_register_atexit_cb(id, ended, NULL);
	return 0;
}

// SPDX-License-Identifier: GPL-2.0-only
/* Finds out which CPUs spin. */
#include "clock.h"
#include "cost.h"
#include "spin.h"
#include "x86.h"

/* What `pause` takes: between that of a Broadwell and that of a Skylake. */
#define PAUSE_UNITS (40 * UNITS_PER_NS)

static void spins(unsigned int cpu, void *data)
{
	(void)data;
	clock_spin(cpu);
}

void spin_watch(struct qemu_plugin_insn *insn)
{
	uint8_t bytes[X86_INSN_MAX];
	size_t len = qemu_plugin_insn_data(insn, bytes, sizeof(bytes));
	struct x86_insn parsed;

	if (!x86_parse(bytes, len, &parsed) || !x86_is_pause(&parsed))
		return;
	qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(
		insn, QEMU_PLUGIN_INLINE_ADD_U64, cost_counter(), PAUSE_UNITS);
	qemu_plugin_register_vcpu_insn_exec_cb(insn, spins,
					       QEMU_PLUGIN_CB_NO_REGS, NULL);
}

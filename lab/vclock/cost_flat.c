// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every instruction costs the same, as if each CPU ran 500 million of them a
 * second from a cache that never misses. A string instruction that repeats
 * costs by the byte beside.
 *
 * What it does not show: caches, address-space switches, the price of an
 * interrupt, hyper-threads, clock frequencies.
 */
#include "cost.h"
#include "x86.h"

#define INSN_UNITS (2 * UNITS_PER_NS)
/* 4 bytes in a nanosecond. */
#define BYTE_UNITS (UNITS_PER_NS / 4)

static void charge_repetitions(struct qemu_plugin_insn *insn)
{
	uint8_t bytes[X86_INSN_MAX];
	size_t len = qemu_plugin_insn_data(insn, bytes, sizeof(bytes));
	struct x86_string string;
	struct x86_insn parsed;

	if (!x86_parse(bytes, len, &parsed) ||
	    !x86_rep_string(&parsed, &string))
		return;
	qemu_plugin_register_vcpu_mem_inline_per_vcpu(
		insn, string.stores ? QEMU_PLUGIN_MEM_W : QEMU_PLUGIN_MEM_R,
		QEMU_PLUGIN_INLINE_ADD_U64, cost_counter(),
		string.bytes * BYTE_UNITS);
}

static uint64_t block(struct qemu_plugin_tb *tb)
{
	size_t insns = qemu_plugin_tb_n_insns(tb);

	for (size_t i = 0; i < insns; i++)
		charge_repetitions(qemu_plugin_tb_get_insn(tb, i));
	return insns * INSN_UNITS;
}

const struct cost_model cost_flat = {
	.name = "flat",
	.quantum_ns = 20000,
	.block = block,
};

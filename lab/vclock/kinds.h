/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kinds of instructions that the calibrated model tells apart. Knows
 * nothing of QEMU.
 */
#ifndef VCLOCK_KINDS_H
#define VCLOCK_KINDS_H

#include <stdbool.h>

#include "x86.h"

enum kind {
	KIND_PLAIN,
	KIND_BRANCH,
	KIND_MULTIPLY,
	KIND_DIVIDE,
	KIND_VECTOR,
	/* A store that passes the caches by. */
	KIND_NONTEMPORAL,
	KIND_LOCKED,
	/* cpuid, fences, changes of control and segment registers, flushes */
	KIND_SERIAL,
	KIND_SYSCALL,
	/* The end of an exception or of an interrupt. */
	KIND_IRET,
	KIND_CR3,
	/* Reads and writes of model-specific registers, ports */
	KIND_DEVICE,
	KINDS,
};

enum kind kind_of(const struct x86_insn *insn);

/* Whether it loads a register from where that register pointed. */
bool is_chasing_load(const struct x86_insn *insn);

/* Whether it has an operand in memory, beside what push, pop, call and ret do
 * to the stack. */
bool has_memory_operand(const struct x86_insn *insn);

#endif /* VCLOCK_KINDS_H */

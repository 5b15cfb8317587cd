/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * As much of the x86 instruction format as costs need: prefixes, the opcode and
 * the byte after it, for 64-bit code. Knows nothing of QEMU.
 */
#ifndef VCLOCK_X86_H
#define VCLOCK_X86_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Longest instruction that a processor accepts. */
#define X86_INSN_MAX 15

/* How an opcode is reached. */
enum x86_map {
	X86_MAP_1BYTE,
	X86_MAP_0F,
	X86_MAP_0F38,
	X86_MAP_0F3A,
	/* Behind a VEX, EVEX or XOP prefix; opcode is the byte after it. */
	X86_MAP_VECTOR,
};

struct x86_insn {
	/* The last of the prefixes f2 and f3, or 0. */
	uint8_t rep;
	bool lock;
	bool operand_16;
	bool rex_w;
	/* The fourth bits of ModRM's reg and rm. */
	bool rex_r;
	bool rex_b;
	enum x86_map map;
	uint8_t opcode;
	/* The byte after the opcode: ModRM where the opcode has one, else 0. */
	uint8_t modrm;
};

/* False: the bytes end before the opcode. */
bool x86_parse(const uint8_t *bytes, size_t len, struct x86_insn *insn);

/* `pause`. */
bool x86_is_pause(const struct x86_insn *insn);

/* `mov` to the register that holds the address space. */
bool x86_writes_cr3(const struct x86_insn *insn);

/* A string instruction that repeats inside one block. */
struct x86_string {
	/* Bytes that one repetition moves. */
	unsigned int bytes;
	/* Whether it writes memory, once a repetition; if not, it reads it so.
	 */
	bool stores;
};

/* Whether it is one with a repeat prefix (movs, stos, lods, scas, cmps). */
bool x86_rep_string(const struct x86_insn *insn, struct x86_string *string);

#endif /* VCLOCK_X86_H */

// SPDX-License-Identifier: GPL-2.0-only
/* As much of the x86 instruction format as costs need. */
#include "x86.h"

/* Prefixes that change neither the kind nor the size of what is done here. */
static bool is_neutral_prefix(uint8_t byte)
{
	switch (byte) {
	case 0x26: /* segments */
	case 0x2e:
	case 0x36:
	case 0x3e:
	case 0x64:
	case 0x65:
	case 0x67: /* size of addresses */
		return true;
	default:
		return false;
	}
}

static bool is_prefix(uint8_t byte)
{
	switch (byte) {
	case 0x66:
	case 0xf0:
	case 0xf2:
	case 0xf3:
		return true;
	default:
		return (byte & 0xf0) == 0x40 || is_neutral_prefix(byte);
	}
}

static void take_prefix(uint8_t byte, struct x86_insn *insn)
{
	/* REX counts only right before the opcode. */
	insn->rex_w = (byte & 0xf8) == 0x48;
	insn->rex_r = (byte & 0xf4) == 0x44;
	insn->rex_b = (byte & 0xf1) == 0x41;
	if (byte == 0xf2 || byte == 0xf3)
		insn->rep = byte;
	else if (byte == 0xf0)
		insn->lock = true;
	else if (byte == 0x66)
		insn->operand_16 = true;
}

/* Bytes of a prefix that brings a vector instruction, or 0. */
static size_t vector_prefix(uint8_t byte)
{
	switch (byte) {
	case 0xc5:
		return 2;
	case 0xc4:
		return 3;
	case 0x62:
		return 4;
	default:
		return 0;
	}
}

/* Skips the escape bytes before the opcode, and says which they were. */
static size_t take_escape(const uint8_t *bytes, size_t len, size_t at,
			  enum x86_map *map)
{
	size_t vector = vector_prefix(bytes[at]);

	if (vector) {
		*map = X86_MAP_VECTOR;
		return at + vector;
	}
	if (bytes[at] != 0x0f) {
		*map = X86_MAP_1BYTE;
		return at;
	}
	*map = X86_MAP_0F;
	at++;
	if (at < len && (bytes[at] == 0x38 || bytes[at] == 0x3a)) {
		*map = bytes[at] == 0x38 ? X86_MAP_0F38 : X86_MAP_0F3A;
		at++;
	}
	return at;
}

bool x86_parse(const uint8_t *bytes, size_t len, struct x86_insn *insn)
{
	size_t at = 0;

	*insn = (struct x86_insn){0};
	while (at < len && is_prefix(bytes[at]))
		take_prefix(bytes[at++], insn);
	if (at >= len)
		return false;
	at = take_escape(bytes, len, at, &insn->map);
	if (at >= len)
		return false;
	insn->opcode = bytes[at];
	if (at + 1 < len)
		insn->modrm = bytes[at + 1];
	return true;
}

bool x86_is_pause(const struct x86_insn *insn)
{
	return insn->map == X86_MAP_1BYTE && insn->opcode == 0x90 &&
	       insn->rep == 0xf3;
}

bool x86_writes_cr3(const struct x86_insn *insn)
{
	return insn->map == X86_MAP_0F && insn->opcode == 0x22 &&
	       (insn->modrm >> 3 & 7) == 3;
}

static unsigned int operand_bytes(const struct x86_insn *insn)
{
	if (!(insn->opcode & 1))
		return 1;
	if (insn->rex_w)
		return 8;
	return insn->operand_16 ? 2 : 4;
}

bool x86_rep_string(const struct x86_insn *insn, struct x86_string *string)
{
	if (!insn->rep || insn->map != X86_MAP_1BYTE)
		return false;
	switch (insn->opcode) {
	case 0xa4: /* movs */
	case 0xa5:
	case 0xaa: /* stos */
	case 0xab:
		string->stores = true;
		break;
	case 0xa6: /* cmps */
	case 0xa7:
	case 0xac: /* lods */
	case 0xad:
	case 0xae: /* scas */
	case 0xaf:
		string->stores = false;
		break;
	default:
		return false;
	}
	string->bytes = operand_bytes(insn);
	return true;
}

// SPDX-License-Identifier: GPL-2.0-only
/* The kinds of instructions that the calibrated model tells apart. */
#include "kinds.h"

static unsigned int mod(const struct x86_insn *insn)
{
	return insn->modrm >> 6;
}

/* The part of the ModRM byte that extends the opcode. */
static unsigned int extension(const struct x86_insn *insn)
{
	return insn->modrm >> 3 & 7;
}

static bool between(uint8_t opcode, uint8_t first, uint8_t last)
{
	return opcode >= first && opcode <= last;
}

/* f6 and f7: test, not, neg, mul, imul, div, idiv by the extension. */
static enum kind kind_of_group3(const struct x86_insn *insn)
{
	if (extension(insn) >= 6)
		return KIND_DIVIDE;
	return extension(insn) >= 4 ? KIND_MULTIPLY : KIND_PLAIN;
}

/* ff: inc, dec, call, callf, jmp, jmpf, push by the extension. */
static enum kind kind_of_group5(const struct x86_insn *insn)
{
	return between(extension(insn), 2, 5) ? KIND_BRANCH : KIND_PLAIN;
}

static enum kind kind_of_1byte(const struct x86_insn *insn)
{
	switch (insn->opcode) {
	case 0x69: /* imul */
	case 0x6b:
		return KIND_MULTIPLY;
	case 0x70 ... 0x7f: /* jcc */
	case 0xc2:	    /* ret */
	case 0xc3:
	case 0xe0 ... 0xe3: /* loop, jrcxz */
	case 0xe8:	    /* call, jmp */
	case 0xe9:
	case 0xeb:
		return KIND_BRANCH;
	case 0x86: /* xchg with memory locks the bus unasked */
	case 0x87:
		return mod(insn) == 3 ? KIND_PLAIN : KIND_LOCKED;
	case 0x6c ... 0x6f: /* ins, outs */
	case 0xe4 ... 0xe7: /* in, out */
	case 0xec ... 0xef:
		return KIND_DEVICE;
	case 0xcf:
		return KIND_IRET;
	case 0xd8 ... 0xdf: /* x87 */
		return KIND_VECTOR;
	case 0xf6:
	case 0xf7:
		return kind_of_group3(insn);
	case 0xff:
		return kind_of_group5(insn);
	default:
		return KIND_PLAIN;
	}
}

/* 0f 01 and 0f ae hold, beside what serialises, stac, clac, swapgs, rdtscp and
 * rdfsbase, which do not. */
static bool group_serialises(const struct x86_insn *insn)
{
	if (insn->opcode == 0x01)
		return mod(insn) != 3;
	return !insn->rep;
}

static enum kind kind_of_0f(const struct x86_insn *insn)
{
	switch (insn->opcode) {
	case 0x05:
		return KIND_SYSCALL;
	case 0x22:
		return x86_writes_cr3(insn) ? KIND_CR3 : KIND_SERIAL;
	case 0x01:
	case 0xae:
		return group_serialises(insn) ? KIND_SERIAL : KIND_PLAIN;
	case 0x00: /* lldt, ltr */
	case 0x09: /* wbinvd */
	case 0x23: /* mov to a debug register */
	case 0xa2: /* cpuid */
		return KIND_SERIAL;
	case 0x30: /* wrmsr, rdmsr */
	case 0x32:
		return KIND_DEVICE;
	case 0x80 ... 0x8f: /* jcc */
		return KIND_BRANCH;
	case 0xaf: /* imul */
		return KIND_MULTIPLY;
	case 0x10 ... 0x17: /* SSE */
	case 0x28 ... 0x2f:
	case 0x50 ... 0x76:
	case 0x78 ... 0x7f:
	case 0xc2:
	case 0xc4 ... 0xc6:
	case 0xd0 ... 0xfe:
		return KIND_VECTOR;
	default:
		return KIND_PLAIN;
	}
}

/* movntps, movntdq; movnti. */
static bool is_nontemporal(const struct x86_insn *insn)
{
	if (insn->map == X86_MAP_0F && insn->opcode == 0xc3)
		return true;
	return (insn->map == X86_MAP_0F || insn->map == X86_MAP_VECTOR) &&
	       (insn->opcode == 0x2b || insn->opcode == 0xe7) && mod(insn) != 3;
}

enum kind kind_of(const struct x86_insn *insn)
{
	if (insn->lock)
		return KIND_LOCKED;
	if (is_nontemporal(insn))
		return KIND_NONTEMPORAL;
	switch (insn->map) {
	case X86_MAP_1BYTE:
		return kind_of_1byte(insn);
	case X86_MAP_0F:
		return kind_of_0f(insn);
	case X86_MAP_0F38:
		/* movbe, crc32, adcx, adox and wrss are among the last. */
		return insn->opcode >= 0xf0 ? KIND_PLAIN : KIND_VECTOR;
	default:
		return KIND_VECTOR;
	}
}

static bool has_modrm_1byte(uint8_t opcode)
{
	switch (opcode) {
	case 0x00 ... 0x3f: /* arithmetic: the first 4 of each 8 */
		return (opcode & 7) < 4;
	case 0x63:
	case 0x69:
	case 0x6b:
	case 0x80 ... 0x8c:
	case 0x8e:
	case 0xc0:
	case 0xc1:
	case 0xc6:
	case 0xc7:
	case 0xd0 ... 0xd3:
	case 0xd8 ... 0xdf:
	case 0xf6:
	case 0xf7:
	case 0xfe:
	case 0xff:
		return true;
	default: /* 8d, lea, only looks like one */
		return false;
	}
}

static bool has_modrm_0f(uint8_t opcode)
{
	switch (opcode) {
	case 0x05 ... 0x0b: /* syscall, clts, sysret, invd, wbinvd, ud2 */
	case 0x0d:	    /* prefetch */
	case 0x18 ... 0x1f: /* hints and nop, which read nothing */
	case 0x20 ... 0x27: /* control and debug registers */
	case 0x30 ... 0x37: /* msr, tsc */
	case 0x77:	    /* emms */
	case 0x80 ... 0x8f: /* jcc */
	case 0xa0 ... 0xa2: /* push, pop, cpuid */
	case 0xa8 ... 0xaa:
	case 0xc8 ... 0xcf: /* bswap */
		return false;
	default:
		return true;
	}
}

bool has_memory_operand(const struct x86_insn *insn)
{
	switch (insn->map) {
	case X86_MAP_1BYTE:
		if (between(insn->opcode, 0xa0, 0xa7) ||
		    between(insn->opcode, 0xaa, 0xaf))
			return insn->opcode != 0xa8 && insn->opcode != 0xa9;
		return has_modrm_1byte(insn->opcode) && mod(insn) != 3;
	case X86_MAP_0F:
		return has_modrm_0f(insn->opcode) && mod(insn) != 3;
	default:
		return mod(insn) != 3;
	}
}

bool is_chasing_load(const struct x86_insn *insn)
{
	/* mov to a register; an rm of 4 is a SIB byte, which has two. */
	return insn->map == X86_MAP_1BYTE && insn->opcode == 0x8b &&
	       mod(insn) != 3 && (insn->modrm & 7) != 4 &&
	       insn->rex_r == insn->rex_b &&
	       (insn->modrm & 7) == extension(insn);
}

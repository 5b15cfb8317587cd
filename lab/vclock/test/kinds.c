// SPDX-License-Identifier: GPL-2.0-only
/* The kinds of instructions, by their bytes as an assembler writes them. */
#include "../kinds.h"
#include "check.h"

static const struct {
	const char *what;
	uint8_t bytes[X86_INSN_MAX];
	enum kind kind;
	bool memory;
	bool chase;
} INSNS[] = {
	{"add rax,rbx", {0x48, 0x01, 0xd8}, KIND_PLAIN, false, false},
	{"add [rax],rbx", {0x48, 0x01, 0x18}, KIND_PLAIN, true, false},
	{"lea rax,[rbx+8]", {0x48, 0x8d, 0x43, 8}, KIND_PLAIN, false, false},
	{"mov rax,[rax]", {0x48, 0x8b, 0x00}, KIND_PLAIN, true, true},
	{"mov rax,[rax+16]", {0x48, 0x8b, 0x40, 16}, KIND_PLAIN, true, true},
	{"mov r9,[r9]", {0x4d, 0x8b, 0x09}, KIND_PLAIN, true, true},
	{"mov rax,[rbx]", {0x48, 0x8b, 0x03}, KIND_PLAIN, true, false},
	{"mov rcx,[r9]", {0x49, 0x8b, 0x09}, KIND_PLAIN, true, false},
	{"mov rsp,[rsp]", {0x48, 0x8b, 0x24, 0x24}, KIND_PLAIN, true, false},
	{"mov [rax],rax", {0x48, 0x89, 0x00}, KIND_PLAIN, true, false},
	{"push rax", {0x50}, KIND_PLAIN, false, false},
	{"je", {0x74, 0x10}, KIND_BRANCH, false, false},
	{"jne near", {0x0f, 0x85, 0, 1, 0, 0}, KIND_BRANCH, false, false},
	{"call", {0xe8, 0, 0, 0, 0}, KIND_BRANCH, false, false},
	{"ret", {0xc3}, KIND_BRANCH, false, false},
	{"call [rax]", {0xff, 0x10}, KIND_BRANCH, true, false},
	{"inc [rax]", {0xff, 0x00}, KIND_PLAIN, true, false},
	{"imul rax,rbx", {0x48, 0x0f, 0xaf, 0xc3}, KIND_MULTIPLY, false, false},
	{"mul rbx", {0x48, 0xf7, 0xe3}, KIND_MULTIPLY, false, false},
	{"div rbx", {0x48, 0xf7, 0xf3}, KIND_DIVIDE, false, false},
	{"not rbx", {0x48, 0xf7, 0xd3}, KIND_PLAIN, false, false},
	{"mulsd xmm0,xmm1",
	 {0xf2, 0x0f, 0x59, 0xc1},
	 KIND_VECTOR,
	 false,
	 false},
	{"vmovdqu ymm0,[rsi]",
	 {0xc5, 0xfe, 0x6f, 0x06},
	 KIND_VECTOR,
	 true,
	 false},
	{"vmovntdq [rdi],ymm0",
	 {0xc5, 0xfd, 0xe7, 0x07},
	 KIND_NONTEMPORAL,
	 true,
	 false},
	{"movnti [rdi],eax", {0x0f, 0xc3, 0x07}, KIND_NONTEMPORAL, true, false},
	{"lock add [rax],1", {0xf0, 0x83, 0x00, 1}, KIND_LOCKED, true, false},
	{"xchg [rax],rbx", {0x48, 0x87, 0x18}, KIND_LOCKED, true, false},
	{"xchg rax,rbx", {0x48, 0x87, 0xd8}, KIND_PLAIN, false, false},
	{"syscall", {0x0f, 0x05}, KIND_SYSCALL, false, false},
	{"iretq", {0x48, 0xcf}, KIND_IRET, false, false},
	{"mov cr3,rax", {0x0f, 0x22, 0xd8}, KIND_CR3, false, false},
	{"mov cr4,rax", {0x0f, 0x22, 0xe0}, KIND_SERIAL, false, false},
	{"wrmsr", {0x0f, 0x30}, KIND_DEVICE, false, false},
	{"out dx,al", {0xee}, KIND_DEVICE, false, false},
	{"cpuid", {0x0f, 0xa2}, KIND_SERIAL, false, false},
	{"mfence", {0x0f, 0xae, 0xf0}, KIND_SERIAL, false, false},
	{"rdgsbase rax",
	 {0xf3, 0x48, 0x0f, 0xae, 0xc8},
	 KIND_PLAIN,
	 false,
	 false},
	{"stac", {0x0f, 0x01, 0xcb}, KIND_PLAIN, false, false},
	{"invlpg [rax]", {0x0f, 0x01, 0x38}, KIND_SERIAL, true, false},
	{"rep movsq", {0xf3, 0x48, 0xa5}, KIND_PLAIN, true, false},
	{"pause", {0xf3, 0x90}, KIND_PLAIN, false, false},
	{"nop [rax]", {0x0f, 0x1f, 0x00}, KIND_PLAIN, false, false},
};

int main(void)
{
	for (size_t i = 0; i < sizeof(INSNS) / sizeof(*INSNS); i++) {
		struct x86_insn insn;

		CHECK(x86_parse(INSNS[i].bytes, sizeof(INSNS[i].bytes), &insn));
		if (kind_of(&insn) == INSNS[i].kind &&
		    has_memory_operand(&insn) == INSNS[i].memory &&
		    is_chasing_load(&insn) == INSNS[i].chase)
			continue;
		fprintf(stderr, "%s: kind %d, memory %d, chase %d\n",
			INSNS[i].what, kind_of(&insn),
			has_memory_operand(&insn), is_chasing_load(&insn));
		return 1;
	}
	return 0;
}

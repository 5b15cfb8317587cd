/* SPDX-License-Identifier: GPL-2.0-only */
/* As rotation.c, for bpf/auto.h. */
#include "../../bpf/auto.h"

const u64 host_size_of_auto_state = sizeof(struct auto_state);
const u64 host_size_of_auto_sample = sizeof(struct auto_sample);
const u64 host_size_of_auto_terms = sizeof(struct auto_terms);

long long host_auto_log2(u64 x)
{
	return fixed_log2(x);
}

u64 host_auto_sqrt(u64 x)
{
	return fixed_sqrt(x);
}

void host_auto_begin(struct auto_state *a, u64 now)
{
	auto_begin(a, now);
}

void host_auto_pause(struct auto_state *a)
{
	auto_pause(a);
}

u32 host_auto_next(struct auto_state *a, const struct auto_terms *terms,
		   const struct auto_sample *sample, u64 turn_ns, u64 now,
		   u32 random)
{
	return auto_next(a, terms, sample, turn_ns, now, random);
}

/* SPDX-License-Identifier: GPL-2.0-only */
/* As rotation.c, for bpf/lag.h. */
#include "../../bpf/lag.h"

const u64 host_size_of_lag_clock = sizeof(struct lag_clock);

u64 host_lag_scale(u64 ns, u32 weight)
{
	return lag_scale(ns, weight);
}

long long host_lag_of(const struct lag_clock *clock, u64 vruntime)
{
	return lag_of(clock, vruntime);
}

u64 host_lag_place(const struct lag_clock *clock, long long lag, u32 weight)
{
	return lag_place(clock, lag, weight);
}

long long host_lag_reweigh(long long lag, u32 from, u32 to)
{
	return lag_reweigh(lag, from, to);
}

void host_lag_count(struct lag_clock *clock, u64 vruntime, u32 weight)
{
	lag_count(clock, vruntime, weight);
}

void host_lag_move(struct lag_clock *clock, u64 from, u64 to, u32 weight)
{
	lag_move(clock, from, to, weight);
}

void host_lag_leave(struct lag_clock *clock, u64 vruntime, u32 weight)
{
	lag_leave(clock, vruntime, weight);
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Counting: one block of counters a policy and CPU, laid out by the table in
 * include/stats.h. Id 0 counts what the kernel or the prologue placed.
 */
#ifndef META_STATS_BPF_H
#define META_STATS_BPF_H

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, META_NR_POLICIES);
	__type(key, u32);
	__type(value, struct meta_stats);
} stats SEC(".maps");

/* NULL also if nothing is to be counted; then no code is left of it. */
static __always_inline struct meta_stats *stats_of(u32 policy)
{
	return counting ? bpf_map_lookup_elem(&stats, &policy) : NULL;
}

#define stats_add(policy, name, n)                             \
	do {                                                   \
		struct meta_stats *__stats = stats_of(policy); \
		if (__stats)                                   \
			__stats->name += (n);                  \
	} while (0)

#define stats_inc(policy, name) stats_add(policy, name, 1)

#define stats_max(policy, name, v)                             \
	do {                                                   \
		struct meta_stats *__stats = stats_of(policy); \
		u64 __v = (v);                                 \
		if (__stats && __v > __stats->name)            \
			__stats->name = __v;                   \
	} while (0)

static __always_inline u32 stats_log2(u64 v)
{
	u32 r = 0, shift;

	for (shift = 16; shift; shift >>= 1) {
		if (v >> (r + shift))
			r += shift;
	}
	return r;
}

static __always_inline void stats_flip(u32 policy, u64 cost_ns)
{
	struct meta_stats *s = stats_of(policy);

	if (!s)
		return;
	s->activations++;
	s->flip_ns += cost_ns;
	if (cost_ns > s->flip_max_ns)
		s->flip_max_ns = cost_ns;
	s->flip_hist[stats_log2(cost_ns) & (META_HIST_BUCKETS - 1)]++;
}

#endif /* META_STATS_BPF_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A queue a CPU, for tasks that may run elsewhere as well but find what they
 * used last in this CPU's caches. In one queue a cache they would change CPUs
 * at nearly every turn, and all CPUs of the cache would meet at its lock. Other
 * CPUs steal from such a queue before they idle.
 *
 * Beside the queues of cpu_queues.bpf.h, behind them in number.
 */
#ifndef META_WARM_QUEUES_BPF_H
#define META_WARM_QUEUES_BPF_H

static __always_inline u32 warm_queue(s32 cpu)
{
	return META_MAX_DOMAINS + META_MAX_CPUS +
	       ((u32)cpu & (META_MAX_CPUS - 1));
}

_Static_assert(META_MAX_DOMAINS + 2 * META_MAX_CPUS <= DSQ_MAX_QUEUES,
	       "a queue a domain and two a CPU");

/* How far it is from one domain to another. */
enum warm_distance {
	WARM_SAME,
	WARM_NODE, /* another one of the same node */
	WARM_FAR,
};

static __always_inline u32 warm_distance(u32 from, u32 to)
{
	if (from == to)
		return WARM_SAME;
	return domain_same_node(from, to) ? WARM_NODE : WARM_FAR;
}

/*
 * This CPU takes a task that waits for a CPU of @domain, so far from its own.
 *
 * Global, so that the verifier walks it once.
 */
__noinline bool warm_take(u32 policy, u32 domain, u32 distance)
{
	u32 first = domain_this_thief()->from++, i;
	bool taken = false;
	s32 cpu;

	bpf_for(i, 0, nr_cpu_ids) {
		cpu = (first + i) % nr_cpu_ids;
		if (warm_distance(domain_of(cpu), domain) != distance ||
		    !dsq_nr_queued(policy, warm_queue(cpu)))
			continue;
		taken = dsq_pull(policy, warm_queue(cpu));
		if (taken)
			break;
	}
	if (taken && distance != WARM_SAME)
		stats_inc(policy, stolen);
	return taken;
}

/* The same, from the nearest of the other domains. */
static __always_inline bool warm_steal_far(u32 policy, u32 own)
{
	if (nr_domains == 1)
		return false;
	return warm_take(policy, own, WARM_NODE) ||
	       warm_take(policy, own, WARM_FAR);
}

static bool warm_queues_drain(u32 policy, s32 cpu)
{
	u32 own = domain_of(cpu);

	return dsq_pull(policy, warm_queue(cpu)) ||
	       warm_take(policy, own, WARM_SAME) || warm_steal_far(policy, own);
}

#endif /* META_WARM_QUEUES_BPF_H */

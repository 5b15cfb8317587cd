/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A queue a domain, for every policy that keeps tasks near their cache: where a
 * task wakes, who serves which queue, and who steals from whom. Queue n of the
 * policy is domain n's.
 *
 * A CPU may go idle just after a task found none; then the task waits for the
 * next dispatch in its domain.
 */
#ifndef META_DOMAIN_QUEUES_BPF_H
#define META_DOMAIN_QUEUES_BPF_H

/*
 * Written by the CPU itself.
 *
 * @from: where it begins to steal, so that no domain is always the last
 */
struct domain_thief {
	u32 from;
} __attribute__((aligned(META_CACHELINE)));

static struct domain_thief domain_thieves[META_MAX_CPUS];

static __always_inline struct domain_thief *domain_this_thief(void)
{
	u32 cpu = bpf_get_smp_processor_id();

	return &domain_thieves[cpu & (META_MAX_CPUS - 1)];
}

static s32 domain_queues_create(u32 policy)
{
	u32 domain;
	s32 err;

	bpf_for(domain, 0, nr_domains) {
		err = dsq_create_on(policy, domain, domain_node(domain));
		if (err)
			return err;
	}
	return 0;
}

/* Where @p is to be at home, if its @home (domain + 1; 0: none) is none. */
static __noinline u32 domain_settle(struct task_struct *p, u32 home)
{
	u32 domain, found;

	if (nr_domains == 1)
		return 0;
	if (home && domain_allows(p, home - 1))
		return home - 1;
	found = domain_of(scx_bpf_task_cpu(p));
	if (domain_allows(p, found))
		return found;
	bpf_for(domain, 0, nr_domains) {
		if (domain_allows(p, domain)) {
			found = domain;
			break;
		}
	}
	return found;
}

/*
 * @p wakes: may it have @prev_cpu, which idles? That is the first thing that
 * the kernel's search tries where no core has threads and waker and woken share
 * a cache, and what most searches end with, for a part of what they cost.
 */
static __always_inline bool domain_take_prev(struct task_struct *p,
					     s32 prev_cpu)
{
	return !domains_have_threads &&
	       domain_of(bpf_get_smp_processor_id()) == domain_of(prev_cpu) &&
	       (p->nr_cpus_allowed >= nr_cpu_ids ||
		bpf_cpumask_test_cpu(prev_cpu, p->cpus_ptr)) &&
	       scx_bpf_test_and_clear_cpu_idle(prev_cpu);
}

/* Is there an idle CPU at all that @p may use? One pass over two masks. */
static __always_inline bool domain_any_idle(struct task_struct *p)
{
	const struct cpumask *idle = scx_bpf_get_idle_cpumask();
	bool any = bpf_cpumask_intersects(idle, p->cpus_ptr);

	scx_bpf_put_idle_cpumask(idle);
	return any;
}

/*
 * An idle CPU at @home that @p may use, else one of another domain of its node
 * that has CPUs to @spare, a bit each.
 */
static __noinline s32 domain_find_idle(struct task_struct *p, u32 home,
				       s32 prev_cpu, u64 wake_flags, u64 spare)
{
	struct bpf_cpumask *cpus;
	s32 cpu = -1;
	u32 domain;

	if (wake_flags && domain_of(prev_cpu) == home &&
	    domain_take_prev(p, prev_cpu))
		return prev_cpu;
	/* Where there is none, this costs less than to look for it. */
	if (!domain_any_idle(p))
		return -1;
	cpus = domain_cpus(home);
	if (cpus)
		cpu = scx_bpf_select_cpu_and(p, prev_cpu, wake_flags,
					     cast_mask(cpus), 0);
	if (cpu >= 0 || nr_domains == 1)
		return cpu;

	bpf_for(domain, 0, nr_domains) {
		if (domain == home || !domain_same_node(domain, home) ||
		    !(spare & domain_bit(domain)))
			continue;
		cpus = domain_cpus(domain);
		if (cpus)
			cpu = scx_bpf_select_cpu_and(p, prev_cpu, 0,
						     cast_mask(cpus), 0);
		if (cpu >= 0)
			break;
	}
	return cpu;
}

/* Nobody idles: wait where the queue is served. */
static __always_inline s32 domain_wait_cpu(struct task_struct *p, u32 home,
					   s32 prev_cpu)
{
	struct bpf_cpumask *cpus;
	s32 cpu = prev_cpu;

	if (domain_of(prev_cpu) == home)
		return prev_cpu;
	cpus = domain_cpus(home);
	if (cpus)
		cpu = bpf_cpumask_any_and_distribute(cast_mask(cpus),
						     p->cpus_ptr);
	return (u32)cpu < nr_cpu_ids ? cpu : prev_cpu;
}

/*
 * A task was queued at @home, perhaps from a CPU of another domain, which will
 * not look there: wake one that will, and that may run it; @far: if its node
 * has none, one of another node, which steals from there.
 */
static __always_inline void domain_kick(struct task_struct *p, u32 home,
					u64 spare, bool far)
{
	s32 cpu = domain_find_idle(p, home, scx_bpf_task_cpu(p), 0, spare);

	if (cpu < 0 && far && nr_domains > 1)
		cpu = scx_bpf_pick_idle_cpu(p->cpus_ptr, 0);
	if (cpu >= 0)
		scx_bpf_kick_cpu(cpu, SCX_KICK_IDLE);
}

/* Take a task from another domain's queue; @far: of another node. */
__noinline bool domain_steal(u32 policy, u32 own, bool far)
{
	u32 i, domain, first;
	bool stolen = false;

	if (nr_domains == 1)
		return false;
	first = domain_this_thief()->from++;
	bpf_for(i, 0, nr_domains) {
		domain = (first + i) % nr_domains;
		if (domain == own || !dsq_nr_queued(policy, domain))
			continue;
		if (domain_same_node(domain, own) == far &&
		    !domain_is_deserted(domain))
			continue;
		stolen = dsq_pull(policy, domain);
		if (stolen)
			break;
	}
	if (stolen)
		stats_inc(policy, stolen);
	return stolen;
}

/* Whoever can, whatever the node: these tasks have waited long enough. */
static bool domain_queues_drain(u32 policy, s32 cpu)
{
	u32 own = domain_of(cpu);

	return dsq_pull(policy, own) || domain_steal(policy, own, false) ||
	       domain_steal(policy, own, true);
}

static void domain_queues_release(u32 policy, u32 to)
{
	u32 domain;

	bpf_for(domain, 0, nr_domains)
		handover_queue(policy, domain, to);
}

static u32 domain_queues_queued(u32 policy)
{
	u32 domain, queued = 0;

	bpf_for(domain, 0, nr_domains)
		queued += dsq_nr_queued(policy, domain);
	return queued;
}

#endif /* META_DOMAIN_QUEUES_BPF_H */

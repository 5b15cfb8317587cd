/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Domains: CPUs that share a last-level cache. For every policy that has a
 * queue a cache; see domain_queues.bpf.h.
 *
 * The loader says which CPU belongs where (src/domains.rs): how many domains
 * there are is fixed at load, where a CPU belongs it may say again. Their masks
 * follow the CPUs that come and go, before the policies hear of them.
 */
#ifndef META_DOMAINS_BPF_H
#define META_DOMAINS_BPF_H

/* Of a domain that belongs to no node, or to one that is not known. */
#define DOMAIN_NO_NODE 0xff

/* Fixed at load. */
const volatile u32 nr_domains = 1;
const volatile u8 node_of_domain[META_MAX_DOMAINS];

/* As the loader wrote it, again for a CPU that was not online before. */
volatile u8 domain_of_cpu[META_MAX_CPUS];

/* A bit a domain none of whose CPUs is online; and how many are in each. */
static u64 domains_deserted;
static u32 domain_sizes[META_MAX_DOMAINS];

/* Does a core have more than one thread? */
static bool domains_have_threads;

struct domain {
	struct bpf_cpumask __kptr *cpus;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, META_MAX_DOMAINS);
	__type(key, u32);
	__type(value, struct domain);
} domains SEC(".maps");

static __always_inline u32 domain_of(s32 cpu)
{
	u32 domain = domain_of_cpu[(u32)cpu & (META_MAX_CPUS - 1)];

	/* A CPU that came later, until the loader has told where it belongs. */
	return domain < nr_domains ? domain : 0;
}

static __always_inline u64 domain_bit(u32 domain)
{
	return 1ULL << (domain & (META_MAX_DOMAINS - 1));
}

/* -1: none */
static __always_inline s32 domain_node(u32 domain)
{
	u8 node = node_of_domain[domain & (META_MAX_DOMAINS - 1)];

	return node == DOMAIN_NO_NODE ? -1 : node;
}

static __always_inline bool domain_same_node(u32 a, u32 b)
{
	return domain_node(a) == domain_node(b);
}

/* How many CPUs it has; at least 1, to divide by. */
static __always_inline u32 domain_size(u32 domain)
{
	return domain_sizes[domain & (META_MAX_DOMAINS - 1)] ?: 1;
}

/* Its last CPU went, so whoever can serves what waits there. */
static __always_inline bool domain_is_deserted(u32 domain)
{
	return domains_deserted & domain_bit(domain);
}

/*
 * Where a program may sleep, hold the RCU read lock as long as you use it: in
 * init(); the timer does when tasks are handed over. Locking twice is refused.
 */
static __always_inline struct bpf_cpumask *domain_cpus(u32 domain)
{
	struct domain *d = bpf_map_lookup_elem(&domains, &domain);

	return d ? d->cpus : NULL;
}

/* Has @domain a CPU that @p may use? */
static __always_inline bool domain_allows(struct task_struct *p, u32 domain)
{
	struct bpf_cpumask *cpus = domain_cpus(domain);

	return cpus && bpf_cpumask_intersects(cast_mask(cpus), p->cpus_ptr);
}

/*
 * A bit a domain that has a CPU which @p may use. Mostly that is any, and then
 * there is nothing to look up.
 */
static u64 domains_allowed(struct task_struct *p)
{
	u64 allowed = 0;
	u32 domain;

	if (p->nr_cpus_allowed >= nr_cpu_ids)
		return ~domains_deserted;
	bpf_for(domain, 0, nr_domains) {
		if (domain_allows(p, domain))
			allowed |= domain_bit(domain);
	}
	return allowed;
}

/* Which have CPUs, and how many? */
static __noinline int domains_count(void)
{
	struct bpf_cpumask *cpus;
	u64 deserted = 0;
	u32 domain, size;

	bpf_rcu_read_lock();
	bpf_for(domain, 0, nr_domains) {
		cpus = domain_cpus(domain);
		size = cpus ? bpf_cpumask_weight(cast_mask(cpus)) : 0;
		domain_sizes[domain & (META_MAX_DOMAINS - 1)] = size;
		if (!size)
			deserted |= domain_bit(domain);
	}
	bpf_rcu_read_unlock();
	domains_deserted = deserted;
	return 0;
}

/* Where no core has threads the kernel has one mask of idle CPUs, not two. */
static __noinline int domains_look_for_threads(void)
{
	const struct cpumask *cpus = scx_bpf_get_idle_cpumask();
	const struct cpumask *cores = scx_bpf_get_idle_smtmask();

	domains_have_threads = cpus != cores;
	scx_bpf_put_idle_cpumask(cores);
	scx_bpf_put_idle_cpumask(cpus);
	return 0;
}

/* A CPU came or went: what follows from those that are there? */
static void domains_look(void)
{
	domains_count();
	domains_look_for_threads();
}

/* @cpu is online, and belongs to no domain but its own; or to none (@gone). */
static __noinline int domains_place_cpu(s32 cpu, bool gone)
{
	u32 own = domain_of(cpu), domain;
	struct bpf_cpumask *cpus;

	bpf_rcu_read_lock();
	bpf_for(domain, 0, nr_domains) {
		cpus = domain_cpus(domain);
		if (!cpus)
			continue;
		if (domain == own && !gone)
			bpf_cpumask_set_cpu(cpu, cpus);
		else if (bpf_cpumask_test_cpu(cpu, cast_mask(cpus)))
			bpf_cpumask_clear_cpu(cpu, cpus);
	}
	bpf_rcu_read_unlock();
	return 0;
}

static void domains_cpu_online(s32 cpu)
{
	domains_place_cpu(cpu, false);
	domains_look();
}

static void domains_cpu_offline(s32 cpu)
{
	domains_place_cpu(cpu, true);
	domains_look();
}

static s32 domains_init_one(u32 domain)
{
	struct domain *d = bpf_map_lookup_elem(&domains, &domain);
	struct bpf_cpumask *mask;

	if (!d)
		return -ESRCH;
	mask = bpf_cpumask_create();
	if (!mask)
		return -ENOMEM;
	mask = bpf_kptr_xchg(&d->cpus, mask);
	if (mask)
		bpf_cpumask_release(mask);
	return 0;
}

/* Before the policies' init(). */
static s32 domains_init(void)
{
	u32 domain, cpu;
	s32 err;

	bpf_for(domain, 0, nr_domains) {
		err = domains_init_one(domain);
		if (err)
			return err;
	}
	bpf_for(cpu, 0, nr_cpu_ids) {
		if (state_online(cpu))
			domains_place_cpu(cpu, false);
	}
	domains_look();
	return 0;
}

#endif /* META_DOMAINS_BPF_H */

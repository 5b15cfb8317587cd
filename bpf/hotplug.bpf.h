/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * CPUs that come and go while we are in charge.
 *
 * Problem
 *	Without these callbacks the kernel ejects the program at each event, and
 *	its own scheduler is in charge until the loader has loaded it again.
 *
 * How it works
 *	The kernel calls cpu_offline() before it takes a CPU's tasks away, and
 *	cpu_online() once the CPU may run some. Between the two it asks us
 *	nothing about that CPU: what is queued there runs or is moved by the
 *	kernel, past enqueue(). We note which CPUs are there, each policy brings
 *	what it keeps about CPUs up to date in place, and what waits in our
 *	queues for the CPU that goes is put where the kernel moves it.
 *
 *	What a CPU shares with others (its sibling, its cache) is only known
 *	once it has been online. The loader reads it then, writes it to
 *	pair_partner and domain_of_cpu, and has us look at all CPUs again.
 */
#ifndef META_HOTPLUG_BPF_H
#define META_HOTPLUG_BPF_H

/* How often a CPU came or went; the loader looks at it. */
u64 hotplug_events;

static void hotplug_init(void)
{
	const struct cpumask *online;
	s32 cpu;

	bpf_rcu_read_lock();
	online = scx_bpf_get_online_cpumask();
	bpf_for(cpu, 0, nr_cpu_ids)
		state_cpu(cpu)->offline = !bpf_cpumask_test_cpu(cpu, online);
	scx_bpf_put_cpumask(online);
	bpf_rcu_read_unlock();
}

static void hotplug_tell_online(s32 cpu)
{
	u32 policy;

	domains_cpu_online(cpu);
	rotation_for_each(policy)
		policies_cpu_online(policy, cpu);
}

static void hotplug_online(s32 cpu)
{
	state_cpu(cpu)->offline = false;
	hotplug_tell_online(cpu);
	__sync_fetch_and_add(&hotplug_events, 1);
}

static void hotplug_offline(s32 cpu)
{
	u32 policy;

	state_cpu(cpu)->offline = true;
	domains_cpu_offline(cpu);
	handover_home = cpu;
	rotation_for_each(policy) {
		policies_cpu_offline(policy, cpu);
		policies_release(policy, HANDOVER_HOME);
	}
	__sync_fetch_and_add(&hotplug_events, 1);
}

static void hotplug_refresh(void)
{
	s32 cpu;

	bpf_for(cpu, 0, nr_cpu_ids) {
		if (state_online(cpu))
			hotplug_tell_online(cpu);
	}
}

#endif /* META_HOTPLUG_BPF_H */

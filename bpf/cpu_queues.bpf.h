/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A queue a CPU, for tasks that may run on one CPU only: in the queue of a
 * domain each would be a stone that the other CPUs step over at every look.
 * Beside the queues of the domains (domain_queues.bpf.h), behind them in
 * number.
 */
#ifndef META_CPU_QUEUES_BPF_H
#define META_CPU_QUEUES_BPF_H

static __always_inline u32 cpu_queue(s32 cpu)
{
	return META_MAX_DOMAINS + ((u32)cpu & (META_MAX_CPUS - 1));
}

_Static_assert(META_MAX_DOMAINS + META_MAX_CPUS <= DSQ_MAX_QUEUES,
	       "a queue a domain and one a CPU");

/* Only @cpu serves its queue: nobody else may run what waits there. */
static __always_inline bool cpu_queue_pull(u32 policy, s32 cpu)
{
	return dsq_pull(policy, cpu_queue(cpu));
}

/* What follows is of a queue a CPU, whichever: @first is that of CPU 0. */
static s32 cpu_queues_create(u32 policy, u32 first)
{
	s32 cpu, err;

	bpf_for(cpu, 0, nr_cpu_ids) {
		err = dsq_create_on(policy, first + cpu,
				    domain_node(domain_of(cpu)));
		if (err)
			return err;
	}
	return 0;
}

static void cpu_queues_release(u32 policy, u32 first, u32 to)
{
	s32 cpu;

	bpf_for(cpu, 0, nr_cpu_ids)
		handover_queue(policy, first + cpu, to);
}

static u32 cpu_queues_queued(u32 policy, u32 first)
{
	u32 queued = 0;
	s32 cpu;

	bpf_for(cpu, 0, nr_cpu_ids)
		queued += dsq_nr_queued(policy, first + cpu);
	return queued;
}

#endif /* META_CPU_QUEUES_BPF_H */

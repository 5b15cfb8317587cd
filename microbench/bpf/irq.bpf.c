/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Time in interrupts, and how long they were off, within a while after a flip
 * of scx_meta and outside of it.
 *
 * How it works
 *	Each CPU adds up time between the tracepoints at the begin and the end
 *of interrupts and softirqs. When the last flip was stands in scx_meta's own
 *	map "status". A timer that the kernel runs from its interrupt is as late
 *	as interrupts were off, and as late as its interrupt took to arrive: an
 *	upper bound, for kernels that are built without the irqsoff tracer.
 *
 * Limits
 *	Interrupts that the list in irq.rs does not name are not seen; what an
 *	interrupt spends before its tracepoint, neither. An emulated CPU takes
 *	interrupts at the end of a block of instructions only.
 */
#include <scx/common.bpf.h>

#include "../../include/abi.h"
#include "irq.h"

char _license[] SEC("license") = "GPL";

#define SOFTIRQ_HRTIMER 8
#define CLOCK_MONO 1

/* How long after a flip is "after a flip". */
const volatile u64 after_ns = 20 * 1000 * 1000ULL;

/* scx_meta's: the loader reuses the pinned one. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct meta_status);
} status SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, IRQ_WINDOWS);
	__type(key, u32);
	__type(value, struct irq_sums);
} sums SEC(".maps");

/*
 * What is under way on a CPU. A begin of 0 is one that was not seen: softirqs
 * also run in threads, but never two at once on a CPU.
 */
struct irq_cpu {
	u64 hard_since;
	u64 soft_since;
	u64 hard_within; /* hard interrupts since soft_since */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct irq_cpu);
} cpus SEC(".maps");

static __always_inline struct irq_cpu *irq_cpu(void)
{
	u32 key = 0;

	return bpf_map_lookup_elem(&cpus, &key);
}

static __always_inline struct irq_sums *irq_window(u64 at)
{
	u32 key = 0, window = IRQ_REST;
	struct meta_status *st = bpf_map_lookup_elem(&status, &key);

	if (st && at - st->entered_at_ns < after_ns)
		window = IRQ_AFTER_FLIP;
	return bpf_map_lookup_elem(&sums, &window);
}

SEC("raw_tp")
int irq_hard_entry(void *ctx)
{
	struct irq_cpu *cpu = irq_cpu();

	if (cpu)
		cpu->hard_since = bpf_ktime_get_ns();
	return 0;
}

SEC("raw_tp")
int irq_hard_exit(void *ctx)
{
	struct irq_cpu *cpu = irq_cpu();
	u64 now = bpf_ktime_get_ns(), ns;
	struct irq_sums *w = irq_window(now);

	if (!cpu || !w || !cpu->hard_since)
		return 0;
	ns = now - cpu->hard_since;
	cpu->hard_since = 0;
	cpu->hard_within += ns;
	w->hard++;
	w->hard_ns += ns;
	if (ns > w->hard_max_ns)
		w->hard_max_ns = ns;
	return 0;
}

SEC("raw_tp")
int irq_soft_entry(void *ctx)
{
	struct irq_cpu *cpu = irq_cpu();

	if (!cpu)
		return 0;
	cpu->hard_within = 0;
	cpu->soft_since = bpf_ktime_get_ns();
	return 0;
}

SEC("raw_tp")
int irq_soft_exit(struct bpf_raw_tracepoint_args *ctx)
{
	struct irq_cpu *cpu = irq_cpu();
	u64 now = bpf_ktime_get_ns(), ns;
	struct irq_sums *w = irq_window(now);

	if (!cpu || !w || !cpu->soft_since)
		return 0;
	ns = now - cpu->soft_since;
	ns = ns > cpu->hard_within ? ns - cpu->hard_within : 0;
	cpu->soft_since = 0;
	w->soft++;
	w->soft_ns += ns;
	if (ns > w->soft_max_ns)
		w->soft_max_ns = ns;
	if (ctx->args[0] == SOFTIRQ_HRTIMER)
		w->timer_ns += ns;
	return 0;
}

SEC("tp_btf/hrtimer_expire_entry")
int BPF_PROG(irq_expire, struct hrtimer *timer)
{
	u64 now = bpf_ktime_get_ns(), late;
	struct irq_sums *w = irq_window(now);
	s64 due;
	u32 bucket;

	if (!w || !timer->is_hard || timer->base->clockid != CLOCK_MONO)
		return 0;
	due = timer->node.expires;
	late = (s64)now > due ? now - due : 0;
	w->expired++;
	w->late_ns += late;
	if (late > w->late_max_ns)
		w->late_max_ns = late;
	bucket = late ? 63 - __builtin_clzll(late) : 0;
	if (bucket >= IRQ_BUCKETS)
		bucket = IRQ_BUCKETS - 1;
	w->late_hist[bucket & (IRQ_BUCKETS - 1)]++;
	return 0;
}

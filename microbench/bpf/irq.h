/* SPDX-License-Identifier: GPL-2.0-only */
/* What irq.bpf.c and bench/src/scale/irq.rs share. */
#ifndef BENCH_IRQ_H
#define BENCH_IRQ_H

#ifndef __VMLINUX_H__
typedef unsigned int u32;
typedef unsigned long long u64;
#endif

enum irq_window {
	IRQ_AFTER_FLIP,
	IRQ_REST,
	IRQ_WINDOWS,
};

/* One CPU's share of a window. Bucket i of a histogram is [2^i, 2^(i+1)) ns. */
enum { IRQ_BUCKETS = 32 };

struct irq_sums {
	u64 hard; /* hard interrupts */
	u64 hard_ns;
	u64 hard_max_ns;
	u64 soft; /* softirqs, without the interrupts within */
	u64 soft_ns;
	u64 soft_max_ns;
	u64 timer_ns; /* of these, high-resolution timers: BPF's too */
	u64 expired;  /* timers that fire with interrupts off, as the tick */
	u64 late_ns;
	u64 late_max_ns;
	u64 late_hist[IRQ_BUCKETS];
};

#endif /* BENCH_IRQ_H */

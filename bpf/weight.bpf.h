/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a task weighs, as the kernel's fair class has it: 1024 is nice 0, each
 * nice level a factor of about 1.25, and SCHED_IDLE 3. Finer than
 * p->scx.weight, which is 1 for all of nice 17 to 19.
 */
#ifndef META_WEIGHT_BPF_H
#define META_WEIGHT_BPF_H

/* From the kernel's uapi, as macros not in BTF. */
#define SCHED_BATCH 3
#define SCHED_IDLE 5

#define WEIGHT_IDLE 3
#define WEIGHT_NICES 40
#define WEIGHT_FIRST_PRIO 100 /* static_prio of nice -20 */

/* The kernel's table, documented in sched-nice-design.rst. */
static const u32 weight_of_nice[WEIGHT_NICES] = {
	88761, 71755, 56483, 46273, 36291, 29154, 23254, 18705, 14949, 11916,
	9548,  7620,  6100,  4904,  3906,  3121,  2501,	 1991,	1586,  1277,
	1024,  820,   655,   526,   423,   335,	  272,	 215,	172,   137,
	110,   87,    70,    56,    45,	   36,	  29,	 23,	18,    15,
};

static __always_inline bool weight_is_idle(struct task_struct *p)
{
	return p->policy == SCHED_IDLE;
}

static __always_inline u32 weight_of(struct task_struct *p)
{
	u32 level = p->static_prio - WEIGHT_FIRST_PRIO;

	if (weight_is_idle(p))
		return WEIGHT_IDLE;
	return level < WEIGHT_NICES ? weight_of_nice[level] : 1024;
}

#endif /* META_WEIGHT_BPF_H */

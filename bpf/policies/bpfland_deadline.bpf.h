/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The clock of bpfland (bpfland.bpf.h): where a task is on it, its deadline,
 * its slice, and how often it wakes.
 */
#ifndef META_BPFLAND_DEADLINE_BPF_H
#define META_BPFLAND_DEADLINE_BPF_H

/* Wake-ups are counted in this time, to a fraction of one, and capped. */
#define BPFLAND_FREQ_NS (100 * 1000 * 1000ULL)
#define BPFLAND_FREQ_SHIFT 8
#define BPFLAND_FREQ_MAX 64ULL

/* Tasks that wait for so long in all end all credit beyond the first lag. */
#define BPFLAND_PRESSED_NS (500 * 1000 * 1000ULL)

/* A tick (4 ms at HZ=250) of nice 15; see vclock.bpf.h. */
#define BPFLAND_DEBT_NS (240 * 1000 * 1000ULL)

#define BPFLAND_SLICE_MIN_NS (100 * 1000ULL)

/* Fixed at load. */
const volatile u64 bpfland_slice_ns = META_BPFLAND_DFL_SLICE_US * 1000ULL;
const volatile u64 bpfland_lag_ns = META_BPFLAND_DFL_LAG_US * 1000ULL;

private(BPFLAND) struct vclock bpfland_clock;

static __always_inline u64 bpfland_slice(u32 weight, u32 waiting)
{
	u64 slice = bpfland_slice_ns * weight / LAG_WEIGHT_0;

	if (waiting > 1)
		slice /= waiting;
	return slice > BPFLAND_SLICE_MIN_NS ? slice : BPFLAND_SLICE_MIN_NS;
}

/*
 * How far behind the clock a task may be that wakes @wakes times in
 * BPFLAND_FREQ_NS, has run for @ran_ns since, and is queued behind @waiting.
 *
 * Global, so that the verifier walks it once.
 */
__noinline u64 bpfland_credit(u64 wakes, u64 ran_ns, u32 waiting)
{
	u64 slice = bpfland_slice_ns ?: 1, scale = wakes >> BPFLAND_FREQ_SHIFT;
	u64 most = BPFLAND_FREQ_NS / (ran_ns ?: 1);
	u64 threshold = BPFLAND_PRESSED_NS / slice ?: 1;

	if (scale > most)
		scale = most;
	if (waiting * slice >= BPFLAND_PRESSED_NS)
		scale = 1;
	else
		scale = scale * threshold / (threshold + waiting);
	return bpfland_lag_ns * (scale ?: 1);
}

/* Where on the clock @p is: no further behind than its credit. */
static __always_inline u64 bpfland_place(struct task_struct *p,
					 struct task_ctx *t, u32 waiting)
{
	struct vtask *vt = &t->bpfland.vt;
	u64 now = bpfland_clock.now, floor;
	u64 ceiling = now + BPFLAND_DEBT_NS;

	if (!vt->placed) {
		vt->vtime = now;
	} else if (time_before(ceiling, vt->vtime)) {
		vt->vtime = ceiling;
	} else if (time_before(vt->vtime, now - bpfland_lag_ns)) {
		/* Any task has credit for a lag; how much more takes divisions.
		 */
		floor = now - bpfland_credit(t->bpfland.wakes,
					     t->bpfland.ran_ns, waiting);
		if (time_before(vt->vtime, floor))
			vt->vtime = floor;
	}
	vt->placed = true;
	return vt->vtime;
}

/* What counts of @ran_ns since the last sleep. */
static __always_inline u64 bpfland_awake(u32 weight, u64 ran_ns)
{
	u64 awake = lag_scale(ran_ns, weight);

	return awake < bpfland_lag_ns ? awake : bpfland_lag_ns;
}

static __always_inline u64 bpfland_deadline(struct task_struct *p,
					    struct task_ctx *t, u32 weight,
					    u32 waiting)
{
	return bpfland_place(p, t, waiting) +
	       bpfland_awake(weight, t->bpfland.ran_ns);
}

/* The deadline of @prev, which is ours and had its slice. */
static __always_inline u64 bpfland_prev_deadline(struct task_struct *prev,
						 struct task_ctx *t)
{
	u64 used_ns = task_used_ns(t, scx_bpf_now());
	u32 weight = groups_weight(prev, t);

	return t->bpfland.vt.vtime + lag_scale(used_ns, weight) +
	       bpfland_awake(weight, t->bpfland.ran_ns + used_ns);
}

static __always_inline u64 bpfland_average(u64 old, u64 new)
{
	return old - old / 4 + new / 4;
}

/* @t's task blocks: how often does it, and so how often does it wake? */
static __always_inline void bpfland_note_sleep(struct task_ctx *t, u64 now)
{
	u64 gap_ns = time_after(now, t->bpfland.slept_at) ?
			     now - t->bpfland.slept_at :
			     1;
	u64 most = BPFLAND_FREQ_MAX << BPFLAND_FREQ_SHIFT;
	u64 wakes = (BPFLAND_FREQ_NS << BPFLAND_FREQ_SHIFT) / gap_ns;

	wakes = bpfland_average(t->bpfland.wakes, wakes);
	t->bpfland.wakes = wakes < most ? wakes : most;
	t->bpfland.slept_at = now;
	t->bpfland.ran_ns = 0;
}

#endif /* META_BPFLAND_DEADLINE_BPF_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who is in charge: a timer rotates the policies by the weights in the map.
 *
 * How it works
 *	A rotation lasts period_us; a policy's turn is its weight's share of
 *	it, in table order. Boundaries are absolute, so shares do not drift. The
 *	timer fires at the end of a turn, and in between often enough to obey
 *	what people write to the maps. A flip stores the new policy in one word;
 *	tasks queued under the old one stay where they are, and its bit is set
 *	in the pending mask. As long as there is a bit, each CPU takes a task
 *	from a policy that was left and one from the active policy by turns:
 *	of those left the oldest first, in the order in which they left, but
 *	every other time beginning at another one. So who was left cannot
 *	starve, and who entered starts at once. With --handover adopt most of it
 *	is moved instead (handover.bpf.h).
 *
 * Why no task is lost
 *	An insert from enqueue() lands after the op returned, perhaps after the
 *	flip and after its queue was seen empty. So dispatch only clears bits;
 *	every fire of the timer sets them again from the queues themselves, and
 *	wakes who idles. Until the timer has looked once more after a flip, a
 *	few milliseconds, a CPU that found nothing asks every policy before it
 *	idles; later that would be a query a policy for what is not there.
 *
 * Concurrency
 *	Only the timer callback writes the hot word, but for clearing bits. One
 *	timer never runs on two CPUs at once; the syscall program re-arms it
 *	instead of switching by itself, and leaves a word (switch_poked) in case
 *	the callback is under way, whose own re-arm would win. A task's
 *	select_cpu() and enqueue() may fall under two policies: what the first
 *	said of a CPU is a hint to the second. A CPU that sees a flip's stores
 *	out of order (not on x86) serves the new policy before an old queue,
 *	until the next look at most.
 *
 * Functions without "static"
 *	The verifier walks them once, with any arguments, and not once for every
 *	way to get there, which made loading several times as long. So they
 *	check what they are given, and return something.
 *
 * The arithmetic of turns stands in rotation.h.
 */
#ifndef META_SWITCH_BPF_H
#define META_SWITCH_BPF_H

#define SWITCH_MS (1000 * ROTATION_US)

/*
 * How long a written map may go unnoticed. Half of what is promised (10 ms),
 * so that the first task of the new policy runs within it too.
 */
#define SWITCH_POLL_BUSY_NS (5 * SWITCH_MS)
#define SWITCH_POLL_IDLE_NS (100 * SWITCH_MS)

/* So many looks of a CPU in a row may pass over those who were left. */
#define SWITCH_UNDRAINED_MAX 2

struct switch_timer {
	struct bpf_timer timer;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct switch_timer);
} switch_timer SEC(".maps");

/* Only the timer callback and init touch these. */
static struct rotation_plan switch_plan;
static struct rotation_plan switch_written; /* what the maps say now */
static u64 switch_turn_start;

/* When a policy was left with tasks; cleared by whoever sees it empty. */
static u64 switch_left_at[ROTATION_SLOTS];
static bool switch_exiting;

/* A policy per cgroup, later, is a change of this function alone. */
static __always_inline u32 switch_policy_of(struct task_struct *p)
{
	return state_active();
}

static u32 switch_read_weight(enum meta_policy policy)
{
	u32 *w = bpf_map_lookup_elem(&weights, &policy);

	if (!w || !state_available(policy))
		return 0;
	return rotation_weight(*w);
}

static u64 switch_read_period_ns(void)
{
	u32 key = 0, *us = bpf_map_lookup_elem(&period_us, &key);

	return rotation_period_ns(us ? *us : 0);
}

static u32 switch_read_pin(void)
{
	u32 key = 0;
	enum meta_policy *pin = bpf_map_lookup_elem(&pinned, &key);

	if (!pin || *pin <= META_NONE || *pin >= META_NR_POLICIES ||
	    !state_available(*pin))
		return META_NONE;
	return *pin;
}

static void switch_read_plan(struct rotation_plan *plan)
{
	u32 policy;

	plan->pin = switch_read_pin();
	rotation_for_each(policy)
		plan->turn_ns[rotation_slot(policy)] =
			switch_read_weight(policy);
	rotation_share(plan, switch_read_period_ns());
}

static __always_inline struct meta_status *switch_status(void)
{
	u32 key = 0;

	return bpf_map_lookup_elem(&status, &key);
}

static void switch_publish(void)
{
	struct meta_status *st = switch_status();
	u32 active = state_hot.active;

	if (!st || active >= META_NR_POLICIES)
		return;
	st->active = active;
	st->available = available;
	st->slice_us = slice_ns / ROTATION_US;
	st->handover = handover;
	st->entered_at_ns = state_hot.entered_at_ns;
	st->turn_ns = switch_plan.pin || switch_plan.nr < 2 ?
			      0 :
			      switch_plan.turn_ns[rotation_slot(active)];
	/* As it is, unless somebody wrote to the map. */
	st->begun = state_hot.generation;
	/* After all else, also for a reader on another CPU. */
	__sync_lock_test_and_set(&st->generation, state_hot.generation);
}

/*
 * An infinite slice of a policy that is not active is bounded by the core's
 * tick. Only a CPU that may have stopped its tick has to be told.
 */
static void switch_end_endless(void)
{
	s32 cpu;

	if (!state_any_needs(META_NEEDS_TICK))
		return;
	bpf_for(cpu, 0, nr_cpu_ids) {
		if (!(nohz_full[((u32)cpu / 64) & (META_MAX_CPUS / 64 - 1)] &
		      (1ULL << ((u32)cpu & 63))))
			continue;
		if (state_cpu(cpu)->slice_inf &&
		    state_cpu(cpu)->owner != state_active())
			scx_bpf_kick_cpu(cpu, SCX_KICK_PREEMPT);
	}
}

/*
 * The switch. The old policy's bit and place in the order are visible before
 * the new policy is, so that no CPU overlooks what was left behind.
 */
__noinline int switch_flip(u32 to)
{
	struct meta_status *st = switch_status();
	u32 from = state_hot.active;
	u64 cost_ns, begin;

	if (to == from || to >= META_NR_POLICIES || from >= META_NR_POLICIES)
		return 0;

	/* First: whoever reads a later time than the turn's end sees it. */
	if (st)
		__sync_lock_test_and_set(&st->begun, state_hot.generation + 1);
	begin = bpf_ktime_get_ns();
	policies_enter(to, begin);

	state_hot.left_order = rotation_order_leave(state_hot.left_order, from);
	state_hot.left = (state_hot.left | 1U << from) & ~(1U << to);
	switch_left_at[rotation_slot(from)] = policies_queued(from) ? begin : 0;
	switch_left_at[rotation_slot(to)] = 0;
	__sync_fetch_and_or(&state_hot.pending, 1U << from);

	turns_end(from);
	stats_add(from, active_ns, begin - state_hot.entered_at_ns);
	state_hot.entered_at_ns = begin;
	state_hot.active = to;
	state_hot.generation++;
	__sync_fetch_and_and(&state_hot.pending, ~(1U << to));
	state_hot.adopting = 1;
	state_hot.settling = 1;

	policies_leave(from, begin);
	if (policies_endless(from))
		switch_end_endless();
	cost_ns = bpf_ktime_get_ns() - begin;
	stats_flip(to, cost_ns);
	turns_begin(from, to);
	turns_note(flip_ns, cost_ns);
	return 0;
}

/* Whose turn it is by the clock, as the plan stands. */
static u32 switch_rotate(u64 now)
{
	struct rotation_place at = {
		.start_ns = switch_turn_start,
		.policy = state_hot.active,
	};
	u32 policy;

	rotation_advance(&switch_plan, &at, now);
	switch_turn_start = at.start_ns;
	if (at.rotations)
		stats_add(state_hot.active, skipped,
			  at.rotations * switch_plan.nr);
	if (!at.skipped)
		return at.policy;
	rotation_for_each(policy) {
		if (at.skipped & (1U << policy))
			stats_inc(policy, skipped);
	}
	return at.policy;
}

/* A pin first, then weights; without either --auto, if it was asked for. */
static u32 switch_choose(u64 now)
{
	u32 found = auto_look(now, !switch_plan.pin && !switch_plan.nr);

	if (switch_plan.pin)
		return switch_plan.pin;
	return found ?: switch_rotate(now);
}

/* Re-derive what dispatch may have cleared a moment too early. */
__noinline bool switch_refresh_pending(void)
{
	bool found = false;
	u32 policy;

	rotation_for_each(policy) {
		if (policy == state_hot.active || !policies_queued(policy))
			continue;
		__sync_fetch_and_or(&state_hot.pending, 1U << policy);
		found = true;
	}
	return found;
}

/*
 * What a look of the timer finds, and found the last time; only the timer
 * touches it.
 *
 * @idle:   a CPU idles
 * @missed: and the active policy has tasks queued
 * @quiet:  no CPU runs anything, and nothing is queued
 * @moved:  tasks were handed over
 */
struct switch_look {
	bool idle;
	bool missed;
	bool quiet;
	bool moved;
};

struct switch_look switch_last META_OWN_LINE;

static void switch_look_at_cpus(struct switch_look *look)
{
	u32 queued = policies_queued(state_hot.active);
	const struct cpumask *idle, *online;

	bpf_rcu_read_lock();
	idle = scx_bpf_get_idle_cpumask();
	online = scx_bpf_get_online_cpumask();
	look->idle = bpf_cpumask_intersects(online, idle);
	look->missed = queued && look->idle;
	look->quiet = !queued && bpf_cpumask_subset(online, idle);
	scx_bpf_put_cpumask(online);
	scx_bpf_put_idle_cpumask(idle);
	bpf_rcu_read_unlock();
	signals_saw(queued, look->missed);
}

/* Move what waits to the active policy; returns how many tasks. */
__noinline u32 switch_hand_over(void)
{
	u64 begin = bpf_ktime_get_ns(), cost_ns;
	u32 moved = handover_move(state_active());

	if (!moved)
		return 0;
	cost_ns = bpf_ktime_get_ns() - begin;
	stats_add(state_active(), handover_ns, cost_ns);
	turns_note_handover(cost_ns);
	return moved;
}

static u64 switch_next_fire(u64 now, u64 poll_ns)
{
	return rotation_next_fire(&switch_plan, state_hot.active,
				  switch_turn_start, now, poll_ns);
}

/* Somebody asked for a look since the last one began. */
static u32 switch_poked;

/*
 * In softirq, so this start does not allocate. What it fails for is that the
 * last user of the timer's map is gone: the loader died, and the kernel is
 * about to unload us. Should it be anything else, nobody would switch any more.
 */
static void switch_rearm(struct bpf_timer *timer, u64 at, u64 flags)
{
	s32 err = bpf_timer_start(timer, at, flags);

	if (err && err != -EPERM && err != -EINVAL && err != -ENOENT)
		scx_bpf_error("switch: timer not armed: %d", err);
}

/* People wrote to the maps: a pin, its end, or other weights. */
static void switch_follow_maps(u64 now)
{
	switch_read_plan(&switch_written);
	if (!rotation_changed(&switch_written, &switch_plan))
		return;
	switch_turn_start =
		rotation_replan(&switch_plan, &switch_written, state_hot.active,
				switch_turn_start, now);
	switch_plan = switch_written;
}

/*
 * Nobody idles while a task waits that may run there. A CPU may have looked
 * into both queues while a task was between them and not be idle yet, so those
 * that were moved are asked for twice. Between two tasks a busy machine looks
 * idle, too, so what the active policy has queued is missed when two looks say
 * so, and then one CPU is woken: it may leave a CPU idle on purpose, as pair
 * does.
 */
static void switch_wake_idle(struct switch_look *look, bool pending)
{
	if (pending)
		handover_wake_for_left();
	if (look->moved || switch_last.moved)
		handover_wake_for(state_hot.active, HANDOVER_BATCH_MIN);
	else if (look->missed && switch_last.missed)
		handover_wake_for(state_hot.active, 1);
}

static int switch_fire(void *map, u32 *key, struct bpf_timer *timer)
{
	u64 now = bpf_ktime_get_ns(), poll_ns = SWITCH_POLL_BUSY_NS;
	struct switch_look look = {};
	bool pending;

	if (switch_exiting)
		return 0;

	switch_poked = 0;
	switch_follow_maps(now);

	/* Stored only where it changes: all CPUs read the line. */
	if (state_hot.settling) {
		state_hot.settling = 0;
		/* A task may have begun an infinite slice as we flipped. */
		switch_end_endless();
	}
	switch_flip(switch_choose(now));
	switch_publish();
	look.moved = switch_hand_over();
	pending = switch_refresh_pending();
	switch_look_at_cpus(&look);
	if (look.idle)
		switch_wake_idle(&look, pending);

	if (look.moved && pending)
		poll_ns = HANDOVER_INTERVAL_NS;
	else if (look.quiet && switch_last.quiet && !pending &&
		 !state_hot.settling)
		poll_ns = SWITCH_POLL_IDLE_NS;
	switch_last = look;
	switch_rearm(timer, switch_next_fire(bpf_ktime_get_ns(), poll_ns),
		     BPF_F_TIMER_ABS);
	if (switch_poked)
		switch_rearm(timer, 0, 0);
	return 0;
}

/* A look at the maps as soon as may be; from a program that people run. */
static int switch_look_now(void)
{
	struct switch_timer *st;
	u32 key = 0;

	st = bpf_map_lookup_elem(&switch_timer, &key);
	if (!st)
		return -ESRCH;
	__sync_lock_test_and_set(&switch_poked, 1);
	return bpf_timer_start(&st->timer, 0, 0);
}

/* Begin with the pin, else the first policy with weight, else any. */
static s32 switch_init(void)
{
	struct switch_timer *st;
	u32 key = 0, first, policy;
	s32 err;

	switch_read_plan(&switch_plan);
	first = switch_plan.pin ?: rotation_next(&switch_plan, META_NONE);
	if (!first)
		first = auto_first();
	rotation_for_each(policy) {
		if (!first && state_available(policy))
			first = policy;
	}
	if (!first || first >= META_NR_POLICIES) {
		scx_bpf_error("no policy is available");
		return -EINVAL;
	}

	switch_turn_start = bpf_ktime_get_ns();
	policies_enter(first, switch_turn_start);
	state_hot.active = first;
	state_hot.left_order = ROTATION_ORDER_FIRST;
	state_hot.entered_at_ns = switch_turn_start;
	state_hot.adopting = 1;
	stats_inc(first, activations);
	turns_begin(META_NONE, first);
	switch_publish();
	auto_init(switch_turn_start);

	st = bpf_map_lookup_elem(&switch_timer, &key);
	if (!st)
		return -ESRCH;
	err = bpf_timer_init(&st->timer, &switch_timer, CLOCK_MONOTONIC);
	if (!err)
		err = bpf_timer_set_callback(&st->timer, switch_fire);
	if (!err)
		err = bpf_timer_start(&st->timer, 0, 0);
	if (err)
		scx_bpf_error("switch: timer not armed: %d", err);
	return err;
}

/* The queues of @policy were seen empty: how long did that take? */
static __noinline void switch_drained(u32 policy)
{
	u64 left_at, took_ns;

	if (policy >= META_NR_POLICIES)
		return;
	left_at = switch_left_at[rotation_slot(policy)];
	if (!left_at)
		return;
	switch_left_at[rotation_slot(policy)] = 0;
	took_ns = bpf_ktime_get_ns() - left_at;
	stats_inc(policy, drains);
	stats_add(policy, drain_ns, took_ns);
	stats_max(policy, drain_max_ns, took_ns);
}

/* Take one task that waits in @policy, which was left. */
__noinline bool switch_drain_one(u32 policy, s32 cpu)
{
	u32 bit;

	if (policy >= META_NR_POLICIES)
		return false;
	bit = 1U << policy;
	if (policies_drain(policy, cpu)) {
		state_cpu(cpu)->undrained = 0;
		stats_inc(policy, drained);
		return true;
	}
	if ((state_pending() & bit) && !policies_queued(policy) &&
	    (__sync_fetch_and_and(&state_hot.pending, ~bit) & bit))
		switch_drained(policy);
	return false;
}

/*
 * Take one task that waits in a policy that was left, oldest leaver first. With
 * @all, do not believe the pending mask.
 *
 * Every other time the search begins at another one, in turn, and goes round:
 * where turns are short each look may fall into the same turn, and so see the
 * same policies as the oldest leavers, who are left with tasks in each
 * rotation. Places of policies that do not exist are the first, as those were
 * never left.
 */
__noinline bool switch_drain(s32 cpu, bool all)
{
	u32 i, policy, among = all ? state_hot.left : state_pending();
	u32 turn = state_cpu(cpu)->drains++;
	u32 first = 0;
	u64 order = state_hot.left_order;
	bool found = false;

	if (turn & 1)
		first = META_MAX_POLICIES - 1 -
			turn / 2 % (META_NR_POLICIES - 1);
	bpf_for(i, 0, META_MAX_POLICIES) {
		policy = rotation_order_at(order, first + i);
		if (!(among & (1U << policy)))
			continue;
		found = switch_drain_one(policy, cpu);
		if (found)
			break;
	}
	return found;
}

/*
 * With something pending, and @prev's slice over: whose turn is it on @cpu?
 * That of those who were left, if the last task was the active policy's. And if
 * it came to that in none of the last looks: where each finds another policy in
 * charge, as with turns of a slice, the last task never is.
 */
static __noinline bool switch_drains_first(s32 cpu, struct task_struct *prev)
{
	struct cpu_ctx *c = state_cpu(cpu);

	if (state_prev_left_ns(cpu, prev))
		return false;
	return c->last_owner == state_active() ||
	       c->undrained++ >= SWITCH_UNDRAINED_MAX;
}

#endif /* META_SWITCH_BPF_H */

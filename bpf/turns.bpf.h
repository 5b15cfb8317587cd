/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * --record-turns: what happened in each of the last turns, for benches and for
 * the curious. Off by default; then no code is left of it.
 *
 * CPU time is charged when a task stops and at each tick, in CLOCK_MONOTONIC
 * like the turn's own begin, so that a task which runs across a switch counts
 * in both turns. What ran across more than one switch since it was last charged
 * loses the older part: ticks are rarer than the shortest turns.
 *
 * Limits: until most CPUs run the policy's tasks, each start of one looks at
 * all CPUs.
 */
#ifndef META_TURNS_BPF_H
#define META_TURNS_BPF_H

/* "Nearly all": a few CPUs may be held by what no policy can move. */
#define TURNS_MOST_PERCENT 95

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, META_TURNS);
	__type(key, u32);
	__type(value, struct meta_turn);
} turns SEC(".maps");

/* Of the turn before: when it began, whose it was. */
static u64 turns_before_at;
static u32 turns_before_policy;

/* The last turn of which most CPUs were seen to run the policy's tasks. */
static u64 turns_most;

static __always_inline u64 turns_number(void)
{
	return state_hot.generation + 1;
}

/* This CPU's copy, fresh if it still holds an older turn. */
static __noinline struct meta_turn *turns_slot(u64 number)
{
	u32 key = number & (META_TURNS - 1);
	struct meta_turn *turn = bpf_map_lookup_elem(&turns, &key);

	if (turn && turn->number != number) {
		__builtin_memset(turn, 0, sizeof(*turn));
		turn->number = number;
	}
	return turn;
}

/* The turn of @policy ends; remembered for what is charged across it. */
static __always_inline void turns_end(u32 policy)
{
	if (!record_turns)
		return;
	turns_before_at = state_hot.entered_at_ns;
	turns_before_policy = policy;
}

/* Of the turn under way; NULL also if nothing is recorded. */
static __always_inline struct meta_turn *turns_now(void)
{
	return record_turns ? turns_slot(turns_number()) : NULL;
}

static __always_inline void turns_begin(u32 from, u32 to)
{
	struct meta_turn *turn = turns_now();

	if (!turn)
		return;
	turn->entered_at_ns = state_hot.entered_at_ns;
	turn->from = from;
	turn->to = to;
}

#define turns_note(field, ns)                           \
	do {                                            \
		struct meta_turn *__turn = turns_now(); \
		if (__turn)                             \
			__turn->field = (ns);           \
	} while (0)

/* Only the first batch of a turn is of interest: the rest is the backlog's. */
static __always_inline void turns_note_handover(u64 cost_ns)
{
	static u64 noted;

	if (!record_turns || noted == turns_number())
		return;
	noted = turns_number();
	turns_note(handover_ns, cost_ns);
}

static __always_inline void turns_count(u64 number, bool own, u64 from, u64 to)
{
	struct meta_turn *turn;

	if (!time_after(to, from))
		return;
	turn = turns_slot(number);
	if (!turn)
		return;
	turn->all_ns += to - from;
	if (own)
		turn->owner_ns += to - from;
}

/* @c ran a task of @owner since it was last charged. */
static __noinline void turns_charge(struct cpu_ctx *c, u32 owner)
{
	u64 now = bpf_ktime_get_ns(), since = c->charged_at;
	u64 entered_at = state_hot.entered_at_ns, begin = since;

	c->charged_at = now;
	if (time_before(since, entered_at)) {
		if (time_before(begin, turns_before_at))
			begin = turns_before_at;
		turns_count(turns_number() - 1, owner == turns_before_policy,
			    begin, entered_at);
		since = entered_at;
	}
	turns_count(turns_number(), owner == state_active(), since, now);
}

/*
 * A task of the active policy starts: do such run nearly everywhere now? @c
 * holds the counts, since the verifier would follow each value of a local one.
 */
static __noinline void turns_check_most(struct cpu_ctx *c)
{
	u64 number = turns_number(), entered_at = state_hot.entered_at_ns;
	struct meta_turn *turn;
	s32 cpu;

	if (turns_most == number)
		return;
	c->in_use = 0;
	c->own = 0;
	bpf_for(cpu, 0, nr_cpu_ids) {
		if (!state_cpu(cpu)->started_at)
			continue;
		c->in_use++;
		if (state_cpu(cpu)->owner == state_active())
			c->own++;
	}
	if (100 * c->own < TURNS_MOST_PERCENT * c->in_use)
		return;
	/* One CPU notes it, and only of the turn that it looked at. */
	if (turns_number() != number ||
	    __sync_lock_test_and_set(&turns_most, number) == number)
		return;
	turn = turns_slot(number);
	if (turn)
		turn->most_ns = bpf_ktime_get_ns() - entered_at;
}

static __always_inline void turns_start(struct cpu_ctx *c, u32 owner)
{
	if (!record_turns)
		return;
	c->charged_at = bpf_ktime_get_ns();
	if (owner == state_active())
		turns_check_most(c);
}

static __always_inline void turns_stop(struct cpu_ctx *c, u32 owner)
{
	if (record_turns)
		turns_charge(c, owner);
}

#endif /* META_TURNS_BPF_H */

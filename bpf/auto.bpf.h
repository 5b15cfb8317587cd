/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * --auto: who is in charge when neither a pin nor a weight says so. The
 * arithmetic stands in auto.h; here are its inputs, its state and what people
 * see of it. Only the switch's timer comes here.
 */
#ifndef META_AUTO_BPF_H
#define META_AUTO_BPF_H

/* Fixed at load: policies (META_NONE: no more), and how they are compared. */
const volatile u32 auto_policies[META_AUTO_ARMS];
const volatile s32 auto_signals[AUTO_NR_SIGNALS];
const volatile u32 auto_share = META_AUTO_DFL_EXPLORE;

/* What people read of it. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct meta_auto);
} auto_known SEC(".maps");

struct auto_state auto_state META_OWN_LINE;

/* The arm whose turn it is. */
static u32 auto_arm;

static __always_inline u32 auto_policy_of(u32 arm)
{
	return arm < META_AUTO_ARMS ? auto_policies[auto_slot(arm)] : META_NONE;
}

/* META_NONE: without --auto. */
static __always_inline u32 auto_first(void)
{
	return auto_policies[0];
}

static void auto_publish(void)
{
	const struct auto_state *a = &auto_state;
	u32 key = 0, arm;
	struct meta_auto *known = bpf_map_lookup_elem(&auto_known, &key);

	if (!known)
		return;
	known->since_ns = a->since;
	known->regime_ns = a->regime_at;
	known->decided_ns = a->decided_ns;
	known->tried_ns = a->tried_ns;
	known->noise = fixed_sqrt(a->noise);
	known->changes = a->changes;
	known->regimes = a->regimes;
	known->in_charge = auto_policy_of(a->in_charge);
	known->trying = auto_policy_of(a->trying);
	auto_for_each(arm) {
		const struct auto_arm *of = &a->arms[auto_slot(arm)];
		struct meta_auto_arm *to = &known->arms[auto_slot(arm)];

		to->mean = of->mean;
		to->error = auto_error(auto_variance(a, arm), of->evidence);
		to->tried_at_ns = of->tried_at;
		to->trials = of->trials;
		to->evidence = of->evidence;
		to->policy = auto_policy_of(arm);
	}
}

static u32 auto_cpus_online(void)
{
	u32 nr = 0;
	s32 cpu;

	bpf_for(cpu, 0, nr_cpu_ids)
		nr += state_online(cpu);
	return nr;
}

struct auto_terms auto_terms META_OWN_LINE;
struct auto_sample auto_sample META_OWN_LINE;

/* The turn ended, which came to auto_sample. */
__noinline int auto_end_turn(u64 now)
{
	u32 i;

	auto_terms.share = auto_share;
	auto_terms.cpus = auto_cpus_online();
	auto_terms.nr = 0;
	auto_for_each(i)
		auto_terms.nr += auto_policies[auto_slot(i)] != META_NONE;
	for (i = 0; i < AUTO_NR_SIGNALS; i++)
		auto_terms.signal[i] = auto_signals[i];
	auto_arm = auto_next(&auto_state, &auto_terms, &auto_sample,
			     signals_turn_ns, now, bpf_get_prandom_u32());
	auto_publish();
	return 0;
}

/*
 * A look of the timer: the policy that is to be in charge, META_NONE if others
 * say who is.
 */
static u32 auto_look(u64 now, bool decides)
{
	struct meta_signals part = {};
	bool ended;

	if (!signalling)
		return META_NONE;
	ended = signals_look(now, &part);
	if (!auto_first())
		return META_NONE;
	if (!decides || state_active() != auto_policy_of(auto_arm)) {
		auto_pause(&auto_state);
		auto_arm = auto_state.in_charge;
	} else if (ended) {
		auto_sample.ns = part.ns;
		auto_sample.bursts = part.bursts;
		auto_sample.wakes = part.wakes;
		auto_sample.wait_ns = part.wait_ns;
		auto_sample.cpu_ns = part.cpu_ns;
		auto_sample.hog_ns = part.hog_ns;
		auto_sample.reward = part.reward;
		auto_end_turn(now);
	}
	return decides ? auto_policy_of(auto_arm) : META_NONE;
}

static void auto_init(u64 now)
{
	auto_begin(&auto_state, now);
	auto_publish();
}

#endif /* META_AUTO_BPF_H */

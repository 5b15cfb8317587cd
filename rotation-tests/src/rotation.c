/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Gives each function of bpf/rotation.h a symbol that Rust can call, and each
 * number that the tests need from C a name. Nothing is computed here.
 */
#include "../../bpf/rotation.h"

const u32 host_nr_policies = META_NR_POLICIES;
const u32 host_max_policies = META_MAX_POLICIES;
const u32 host_max_weight = META_MAX_WEIGHT;
const u32 host_min_period_us = META_MIN_PERIOD_US;
const u32 host_max_period_us = META_MAX_PERIOD_US;
const u64 host_min_turn_ns = ROTATION_MIN_TURN_NS;
const u64 host_min_sleep_ns = ROTATION_MIN_SLEEP_NS;
const u64 host_size_of_plan = sizeof(struct rotation_plan);
const u64 host_size_of_place = sizeof(struct rotation_place);

u32 host_weight(u32 written)
{
	return rotation_weight(written);
}

u64 host_period_ns(u32 written_us)
{
	return rotation_period_ns(written_us);
}

void host_share(struct rotation_plan *plan, u64 period_ns)
{
	rotation_share(plan, period_ns);
}

bool host_changed(const struct rotation_plan *a, const struct rotation_plan *b)
{
	return rotation_changed(a, b);
}

u32 host_next(const struct rotation_plan *plan, u32 policy)
{
	return rotation_next(plan, policy);
}

u64 host_replan(const struct rotation_plan *old,
		const struct rotation_plan *plan, u32 active, u64 start_ns,
		u64 now)
{
	return rotation_replan(old, plan, active, start_ns, now);
}

void host_advance(const struct rotation_plan *plan, struct rotation_place *at,
		  u64 now)
{
	rotation_advance(plan, at, now);
}

u64 host_next_fire(const struct rotation_plan *plan, u32 active, u64 start_ns,
		   u64 now, u64 poll_ns)
{
	return rotation_next_fire(plan, active, start_ns, now, poll_ns);
}

const u64 host_order_first = ROTATION_ORDER_FIRST;

u32 host_order_at(u64 order, u32 place)
{
	return rotation_order_at(order, place);
}

u64 host_order_leave(u64 order, u32 policy)
{
	return rotation_order_leave(order, policy);
}

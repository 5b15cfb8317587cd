/* SPDX-License-Identifier: GPL-2.0-only */
/* As rotation.c, for bpf/groups.h. */
#include "../../bpf/groups.h"

const u64 host_size_of_groups = sizeof(struct meta_groups);
const u64 host_groups_one = GROUPS_ONE;
const u32 host_groups_levels = GROUPS_LEVELS;

u32 host_groups_weight_of(u32 written)
{
	return groups_weight_of(written);
}

void host_groups_settle(struct meta_groups *groups, u32 slot)
{
	groups_settle(groups, slot);
}

u64 host_groups_factor(struct meta_groups *groups, u32 slot, u32 more,
		       u32 *idle)
{
	return groups_factor(groups, slot, more, idle);
}

u32 host_groups_weigh_by(u32 own, u64 factor)
{
	return groups_weigh_by(own, factor);
}

// SPDX-License-Identifier: GPL-2.0-only
/* Which CPU runs next, and until when. */
#include "budget.h"
#include "turn.h"

void turn_init(struct turn *turn)
{
	turn->cpu = -1;
	turn->at = TIME_NEVER;
	turn->second = TIME_NEVER;
}

void turn_offer(struct turn *turn, int cpu, int64_t at)
{
	if (at < turn->at) {
		turn->second = turn->at;
		turn->at = at;
		turn->cpu = cpu;
	} else if (at < turn->second) {
		turn->second = at;
	}
}

int64_t turn_end(const struct turn *turn, int64_t quantum_units,
		 int64_t alone_units, int64_t next_timer)
{
	int64_t end = turn->at + alone_units;

	if (turn->second != TIME_NEVER)
		end = turn->second + quantum_units;
	return next_timer < end ? next_timer : end;
}

// SPDX-License-Identifier: GPL-2.0-only
/* Where the time of a CPU goes that spins. */
#include "budget.h"
#include "cost.h"
#include "spinner.h"

/* Where all spin they wait for a timer: on in larger steps. */
#define ALL_SPIN_UNITS (200 * UNITS_PER_NS)

void spinner_init(struct spinner *spinner, int64_t at)
{
	spinner->at = at;
	spinner->others = TIME_NEVER;
	spinner->alone = true;
}

void spinner_offer(struct spinner *spinner, bool spins, int64_t at)
{
	spinner->alone = false;
	if (!spins && at < spinner->others)
		spinner->others = at;
}

int64_t spinner_time(const struct spinner *spinner)
{
	if (spinner->others == TIME_NEVER)
		return spinner->at + ALL_SPIN_UNITS;
	return spinner->others > spinner->at ? spinner->others : spinner->at;
}

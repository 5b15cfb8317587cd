// SPDX-License-Identifier: GPL-2.0-only
/* Lines on stderr that say how far time has got, and by which work. */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "clock.h"
#include "report.h"

static const struct cost_model *model;
static int64_t every_units;
static int64_t next_at;
static struct timespec wall_start;

static double seconds_of(clockid_t clock, const struct timespec *since)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec - since->tv_sec +
	       (now.tv_nsec - since->tv_nsec) / 1e9;
}

static void line(void)
{
	const struct timespec start = {0};
	const struct clock_stats *stats = &clock_stats;

	fprintf(stderr,
		"vclock: costs %s virtual %.6f s wall %.3f s cpu %.3f s turns "
		"%" PRIu64 " refusals %" PRIu64 " wakes %" PRIu64 " (%" PRIu64
		" from outside) cuts %" PRIu64 " pauses %" PRIu64
		" jumps %" PRIu64 " timer runs %" PRIu64 "\n",
		model->name, clock_floor() / (1e9 * UNITS_PER_NS),
		seconds_of(CLOCK_MONOTONIC, &wall_start),
		seconds_of(CLOCK_PROCESS_CPUTIME_ID, &start), stats->turns,
		stats->refusals, stats->wakes, stats->wakes_from_outside,
		stats->cuts, stats->pauses, stats->jumps, stats->timer_runs);
}

void report_start(const struct cost_model *costs, int64_t every)
{
	model = costs;
	every_units = every;
	next_at = every;
}

void report_boot(void)
{
	clock_gettime(CLOCK_MONOTONIC, &wall_start);
}

void report_note_time(int64_t at)
{
	if (!every_units || at < next_at)
		return;
	line();
	next_at = (at / every_units + 1) * every_units;
}

void report_end(void)
{
	line();
	if (model->report)
		model->report(stderr);
}

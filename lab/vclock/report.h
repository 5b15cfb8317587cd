/* SPDX-License-Identifier: GPL-2.0-only */
/* Lines on stderr that say how far time has got, and by which work. */
#ifndef VCLOCK_REPORT_H
#define VCLOCK_REPORT_H

#include <stdint.h>

#include "cost.h"

/* every_units: virtual time between two lines, 0: only one at the end. */
void report_start(const struct cost_model *model, int64_t every_units);

/* The first instruction is about to run. */
void report_boot(void);

/* All CPUs have got to that time. */
void report_note_time(int64_t at);

/* The last line, with what the model adds. */
void report_end(void);

#endif /* VCLOCK_REPORT_H */

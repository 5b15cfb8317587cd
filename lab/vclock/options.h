/* SPDX-License-Identifier: GPL-2.0-only */
/* What stands on the plugin's line after its file: NAME=VALUE,… */
#ifndef VCLOCK_OPTIONS_H
#define VCLOCK_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "cost.h"

struct options {
	/* costs=NAME */
	const struct cost_model *model;
	/* quantum=NS: how far CPUs may be apart, 1000 to 1000000 */
	unsigned int quantum_ns;
	/* idle_rate=N: idle virtual seconds in a host second; 0: any number */
	unsigned int idle_rate;
	/* limit=S: virtual seconds after which QEMU ends; 0: never */
	unsigned int limit_s;
	/* report=S: a line on stderr every so many virtual seconds; 0: none */
	unsigned int report_s;
};

/* Reads them; NAME.KEY=VALUE goes to the model of that name. */
bool options_read(struct options *options, int argc, char **argv);

#endif /* VCLOCK_OPTIONS_H */

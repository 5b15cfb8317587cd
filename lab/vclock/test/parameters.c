// SPDX-License-Identifier: GPL-2.0-only
/* What the calibrated model is told, and what it refuses to be told. */
#include "../parameters.h"

#include <string.h>

#include "check.h"

int main(void)
{
	struct parameters parameters = {0};
	const char *first = parameters_missing();

	CHECK(first);
	CHECK(!strcmp(first, "plain_ns"));
	CHECK(parameters_set(&parameters, "plain_ns", "0.125"));
	CHECK(parameters.plain_ns == 0.125);
	CHECK(strcmp(parameters_missing(), "plain_ns"));
	CHECK(parameters_set(&parameters, "cold_line_ns", "105"));
	CHECK(parameters.cold_line_ns == 105);
	CHECK(!parameters_set(&parameters, "plain", "1"));
	CHECK(!parameters_set(&parameters, "plain_ns", "-1"));
	CHECK(!parameters_set(&parameters, "plain_ns", "1ns"));
	CHECK(!parameters_set(&parameters, "plain_ns", ""));
	CHECK(!parameters_set(&parameters, "plain_ns", "nan"));
	CHECK(!parameters_set(&parameters, "kernel_percent", "50"));
	CHECK(parameters.plain_ns == 0.125);
	return 0;
}

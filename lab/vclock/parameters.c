// SPDX-License-Identifier: GPL-2.0-only
/* What the calibrated model is told. */
#include "parameters.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static struct row {
	const char *name;
	size_t offset;
	double least;
	double most;
	bool set;
} rows[] = {
#define PARAMETER(name, least, most) \
	{#name, offsetof(struct parameters, name), least, most, false},
	PARAMETERS
#undef PARAMETER
};

#define ROWS (sizeof(rows) / sizeof(*rows))

bool parameters_set(struct parameters *parameters, const char *name,
		    const char *value)
{
	for (size_t i = 0; i < ROWS; i++) {
		struct row *row = &rows[i];
		char *end;
		double number;

		if (strcmp(row->name, name))
			continue;
		number = strtod(value, &end);
		if (end == value || *end || !(number >= row->least) ||
		    !(number <= row->most))
			return false;
		*(double *)((char *)parameters + row->offset) = number;
		row->set = true;
		return true;
	}
	return false;
}

const char *parameters_missing(void)
{
	for (size_t i = 0; i < ROWS; i++)
		if (!rows[i].set)
			return rows[i].name;
	return NULL;
}

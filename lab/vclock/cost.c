// SPDX-License-Identifier: GPL-2.0-only
/* The list of cost models. */
#include <string.h>

#include "cost.h"

static const struct cost_model *const MODELS[] = {
	&cost_calibrated,
	&cost_flat,
};

const struct cost_model *cost_find(const char *name)
{
	for (size_t i = 0; i < sizeof(MODELS) / sizeof(*MODELS); i++)
		if (!strcmp(MODELS[i]->name, name))
			return MODELS[i];
	return NULL;
}

// SPDX-License-Identifier: GPL-2.0-only
/* What stands on the plugin's line after its file. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"

#define SECONDS_MAX 1000000

static bool read_number(const char *text, unsigned int min, unsigned int max,
			unsigned int *number)
{
	unsigned long value;
	char *end;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || end == text || *end || text[0] == '-' || value < min ||
	    value > max) {
		fprintf(stderr,
			"vclock: \"%s\" is not a number from %u to %u\n", text,
			min, max);
		return false;
	}
	*number = value;
	return true;
}

static bool read_model(const char *name, struct options *options)
{
	options->model = cost_find(name);
	if (!options->model)
		fprintf(stderr, "vclock: there is no cost model \"%s\"\n",
			name);
	return options->model;
}

/* NAME.KEY=VALUE */
static bool read_model_option(const char *name, size_t name_len,
			      const char *value)
{
	const char *dot = memchr(name, '.', name_len);
	const struct cost_model *model;
	char part[32], key[32];

	if (!dot)
		return false;
	snprintf(part, sizeof(part), "%.*s", (int)(dot - name), name);
	snprintf(key, sizeof(key), "%.*s", (int)(name + name_len - dot - 1),
		 dot + 1);
	model = cost_find(part);
	return model && model->option && model->option(key, value);
}

static bool read_option(struct options *options, const char *arg)
{
	const char *equals = strchr(arg, '=');
	size_t len = equals ? (size_t)(equals - arg) : 0;
	const char *value = equals ? equals + 1 : "";

	if (len == strlen("costs") && !strncmp(arg, "costs", len))
		return read_model(value, options);
	if (len == strlen("quantum") && !strncmp(arg, "quantum", len))
		return read_number(value, 1000, 1000000, &options->quantum_ns);
	if (len == strlen("idle_rate") && !strncmp(arg, "idle_rate", len))
		return read_number(value, 0, SECONDS_MAX, &options->idle_rate);
	if (len == strlen("limit") && !strncmp(arg, "limit", len))
		return read_number(value, 0, SECONDS_MAX, &options->limit_s);
	if (len == strlen("report") && !strncmp(arg, "report", len))
		return read_number(value, 0, SECONDS_MAX, &options->report_s);
	return read_model_option(arg, len, value);
}

bool options_read(struct options *options, int argc, char **argv)
{
	*options = (struct options){
		.model = &cost_flat,
	};
	for (int i = 0; i < argc; i++) {
		if (read_option(options, argv[i]))
			continue;
		fprintf(stderr, "vclock: cannot take the option %s\n", argv[i]);
		return false;
	}
	if (!options->quantum_ns)
		options->quantum_ns = options->model->quantum_ns;
	return true;
}

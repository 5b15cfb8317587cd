-- SPDX-License-Identifier: GPL-2.0-only
-- wrk: GETs, then prints every latency.
--
--   wrk … -s latencies.lua URL -- CONNECTIONS

dofile(debug.getinfo(1, "S").source:match("^@(.*/)") .. "../wrk/latencies.lua")

-- done() runs in a Lua state of its own, which sees what threads have.
local first

function setup(thread)
	first = first or thread
end

function init(args)
	connections = assert(tonumber(args[1]), "latencies.lua: how many connections?")
end

function done(summary, latency, requests)
	print_latencies(summary, latency, first:get("connections"))
end

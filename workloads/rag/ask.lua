-- SPDX-License-Identifier: GPL-2.0-only
-- wrk: POSTs questions of a file to /ask, then prints every latency.
--
--   wrk … -s ask.lua http://127.0.0.1:PORT -- QUESTIONS CONNECTIONS
--
-- Each thread goes through all questions, from a place of its own; so each run asks the same.

dofile(debug.getinfo(1, "S").source:match("^@(.*/)") .. "../wrk/latencies.lua")

-- done() runs in a Lua state of its own, which sees what threads have.
local first
local threads = 0

function setup(thread)
	first = first or thread
	thread:set("number", threads)
	threads = threads + 1
end

function init(args)
	connections = assert(tonumber(args[2]), "ask.lua: how many connections?")
	requests = {}
	local headers = { ["Content-Type"] = "application/json" }
	for question in io.lines(args[1]) do
		-- The builder of the store leaves nothing in a question that JSON would escape.
		local body = '{"question": "' .. question .. '"}'
		requests[#requests + 1] = wrk.format("POST", "/ask", headers, body)
	end
	assert(#requests > 0, args[1] .. " holds no question")
	-- A prime: threads stay apart whatever the number of questions.
	next_request = number * 101
end

function request()
	next_request = next_request % #requests + 1
	return requests[next_request]
end

function done(summary, latency, requests)
	print_latencies(summary, latency, first:get("connections"))
end

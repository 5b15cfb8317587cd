-- SPDX-License-Identifier: GPL-2.0-only
-- Prints every latency that wrk measured, `latency_us VALUE COUNT` a line: histograms of several
-- runs add up, percentiles do not.
--
-- By the time that done() is called, wrk has added made-up samples (for "coordinated omission":
-- a wait of n is followed by n-e, n-2e, … for requests that would have been sent meanwhile, were
-- requests sent every e). How many depends on how long requests waited, and so on the scheduler:
-- they would count as requests that nobody made. They are taken out again here; the longest
-- samples are true ones, and from them follows what was added below.

-- Samples that wrk recorded may be fewer than the requests it counts: by the last of each
-- connection, which may come when the time is up.
local function check(total, requests, connections)
	local missing = requests - total
	assert(missing >= 0 and missing <= 2 * connections, string.format(
		"latencies.lua: %d samples of %d requests: does this wrk correct them otherwise?",
		total, requests))
end

-- Interval at which wrk thinks that each connection sends.
local function expected_us(summary, connections)
	local each = math.floor(summary.requests / connections)
	return each > 0 and math.floor(summary.duration / each) or nil
end

function print_latencies(summary, latency, connections)
	local expected = expected_us(summary, connections)
	local added, lines, total = {}, {}, 0
	for i = #latency, 1, -1 do
		local value, count = latency(i)
		local measured = count - (added[value] or 0)
		if measured > 0 then
			total = total + measured
			lines[#lines + 1] = string.format("latency_us %d %d\n", value, measured)
			if expected and value >= 2 * expected then
				for below = value - expected, expected + 1, -expected do
					added[below] = (added[below] or 0) + measured
				end
			end
		end
	end
	check(total, summary.requests, connections)
	for i = #lines, 1, -1 do
		io.write(lines[i])
	end
end

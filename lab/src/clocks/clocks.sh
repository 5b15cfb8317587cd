# SPDX-License-Identifier: GPL-2.0-only
# What `bench clocks` measures in each boot: a line `NAME VALUE` a sample. $1:
# milliseconds to wait first, so that no two boots begin alike; $2: runs of each.
sleep "$(printf '0.%03d' "$1")"
for _ in $(seq "$2"); do
	perf bench --format=simple sched pipe -l 10000 |
		while read -r seconds; do echo "pipe $seconds"; done
	perf bench --format=simple sched messaging -g 2 -l 50 |
		while read -r seconds; do echo "messaging $seconds"; done
	hackbench -g 2 -l 50 | while read -r word seconds; do
		case $word in Time:) echo "hackbench $seconds" ;; esac
	done
done
# A sleeper beside two busy tasks a CPU.
hogs=
for _ in $(seq $((2 * $(nproc)))); do
	(while :; do :; done) &
	hogs="$hogs $!"
done
sleep 1
for _ in $(seq "$2"); do
	echo begin
	cyclictest --policy=other -t1 -i 2000 -l 100 -v -q | tr -d ' ' |
		while IFS=: read -r _ _ latency; do
			case $latency in '' | *[!0-9]*) ;; *) echo "wakeup $latency" ;; esac
		done
done
kill $hogs

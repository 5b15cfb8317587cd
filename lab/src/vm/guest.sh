# SPDX-License-Identifier: GPL-2.0-only
# Second stage: mounts what a system has. In a guest that waits for commands the
# agent takes over. Else runs /job.sh and sends its output and its status
# to the host over virtio ports, which pass bytes as they are. Each stream ends
# with NUL and $lab_end; the host then kills the VM.
bb=/run/lab/busybox

$bb mount -t proc proc /proc
$bb mount -t sysfs sys /sys
$bb mount -t cgroup2 cgroup /sys/fs/cgroup
$bb mount -t bpf bpf /sys/fs/bpf
$bb mount -t debugfs debugfs /sys/kernel/debug
$bb mount -t tracefs tracefs /sys/kernel/tracing
$bb mkdir -p /dev/pts /dev/shm /run/home /run/tmp
$bb chmod 1777 /dev/shm /run/tmp
$bb mount -t devpts devpts /dev/pts
$bb mount -t tmpfs shm /dev/shm
$bb ln -sf /proc/self/fd /dev/fd
$bb ln -sf /proc/self/fd/0 /dev/stdin
$bb ln -sf /proc/self/fd/1 /dev/stdout
$bb ln -sf /proc/self/fd/2 /dev/stderr
$bb ip link set lo up
$bb hostname lab
$bb --install -s /run/lab

# Until the kernel trusts its clock, about two seconds after boot, its timers
# fire at the next tick: whatever ran meanwhile would measure that.
await_fine_timers() {
	coarse=
	tries=0
	while $bb grep -q 'hres_active *: 0' /proc/timer_list 2> /dev/null; do
		if [ $tries -eq 500 ]; then
			coarse='lab: warning: after 10 s the kernel still has no fine timers: they fire at ticks'
			echo "$coarse"
			return
		fi
		$bb usleep 20000
		tries=$((tries + 1))
	done
}

# Sets the variable $1 to the device of the port of that name.
find_port() {
	tries=0
	while [ $tries -lt 500 ]; do
		for sys in /sys/class/virtio-ports/*; do
			[ -e "$sys/name" ] || continue
			read -r name < "$sys/name"
			[ "$name" = "$1" ] || continue
			eval "$1=/dev/${sys##*/}"
			return
		done
		$bb usleep 10000
		tries=$((tries + 1))
	done
	echo "lab: no virtio port $1"
	$bb poweroff -f
}

for cpu in $($bb echo "$lab_offline" | $bb tr , ' '); do
	for number in $($bb seq "${cpu%-*}" "${cpu#*-}"); do
		echo 0 > "/sys/devices/system/cpu/cpu$number/online"
	done
done

await_fine_timers

if [ "$lab_output" = agent ]; then
	find_port agent
	# This first process stays, to wait for what loses its parent.
	$bb setsid /lab-agent guest-agent "$agent" < /dev/null &
	wait $!
	echo "lab: the agent ended with status $?"
	$bb poweroff -f
fi
find_port out
find_port err
find_port status
exec 3> "$status"
echo booted >&3

job() {
	[ -z "$coarse" ] || echo "$coarse" >&2
	exec $bb setsid $bb sh /job.sh
}

finish() {
	$bb printf '\0%s' "$lab_end"
}

if [ "$lab_output" = live ]; then
	# Through a pipe: a port cannot be opened twice, /dev/stdout can.
	$bb mkfifo /run/lab/out /run/lab/err
	{ $bb cat; finish; } < /run/lab/out > "$out" 3>&- &
	cat_out=$!
	{ $bb cat; finish; } < /run/lab/err > "$err" 3>&- &
	cat_err=$!
	job < /dev/null > /run/lab/out 2> /run/lab/err 3>&- &
	wait $!
	echo "status $?" >&3

	# What the job left behind would keep the streams open.
	for proc in /proc/[0-9]*; do
		pid=${proc##*/}
		read -r _ _ _ parent _ < "$proc/stat" 2> /dev/null || continue
		case $pid in 1 | $cat_out | $cat_err) continue ;; esac
		case $parent in $cat_out | $cat_err) continue ;; esac
		kill -9 "$pid" 2> /dev/null
	done
else
	# Kept in memory: a device in use would disturb the virtual clock.
	job < /dev/null > /run/lab/out 2> /run/lab/err 3>&- &
	wait $!
	echo "status $?" >&3
	{ $bb cat /run/lab/out; finish; } > "$out"
	{ $bb cat /run/lab/err; finish; } > "$err"
fi
wait $cat_out $cat_err
$bb sleep 60
$bb poweroff -f

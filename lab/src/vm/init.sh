#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0-only
# First process of the guest. The kernel turns lab_* words of its command line
# into our environment.
bb=/bin/busybox

$bb mount -t devtmpfs dev /dev
$bb mount -t tmpfs run /run
$bb mkdir /run/lab
$bb cp /bin/busybox /guest.sh /run/lab/
exec $bb sh /run/lab/guest.sh

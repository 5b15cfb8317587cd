#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0-only
# First process of the guest. Hands over to guest.sh, on the host's root where
# that is shared, else right here in the initramfs. The kernel turns lab_*
# words of its command line into our environment.
bb=/bin/busybox
root=

if [ "$lab_root" = virtiofs ]; then
	root=/newroot
	$bb mkdir $root
	$bb mount -t virtiofs -o ro root $root || exit 1
fi

$bb mount -t devtmpfs dev $root/dev
$bb mount -t tmpfs run $root/run
$bb mkdir $root/run/lab
$bb cp /bin/busybox /guest.sh $root/run/lab/

if [ "$lab_root" = virtiofs ]; then
	exec $bb switch_root $root /run/lab/busybox sh /run/lab/guest.sh
fi
exec $bb sh /run/lab/guest.sh

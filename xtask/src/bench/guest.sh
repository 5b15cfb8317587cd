# SPDX-License-Identifier: GPL-2.0-only
# libbpf reads the kernel's configuration from /boot/config-RELEASE. The root
# that the guest sees is the host's, read-only, and has its own kernel's there.
set -e
if [ -n "$BENCH_KCONFIG" ]; then
	[ -d /boot ] || mkdir /boot
	mount -t tmpfs boot /boot
	cp "$BENCH_KCONFIG" "/boot/config-$(uname -r)"
fi
exec "$@"

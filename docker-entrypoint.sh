#!/bin/sh
# A new volume belongs to root. So begin as root, hand the volume to the user
# "chat", and go on as that user. exec: the program takes the place of this
# shell, so that the platform's stop signal reaches it.
#
# Later starts find no file of another owner, and change nothing. chown -h changes
# a symbolic link itself. Without -h, it would change the file that the link points
# to, which may be any file of the system.
set -e
if [ "$(id -u)" = 0 ]; then
	mkdir -p /data
	find /data ! -user chat -exec chown -h chat: {} +
	exec su-exec chat "$@"
fi
exec "$@"

#!/bin/sh
# A new volume belongs to root. So begin as root, hand the volume to the user
# "chat", and go on as that user. exec: the program takes the place of this
# shell, so that the platform's stop signal reaches it.
set -e
if [ "$(id -u)" = 0 ]; then
	mkdir -p /data
	chown -R chat: /data
	exec su-exec chat "$@"
fi
exec "$@"

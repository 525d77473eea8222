#!/bin/sh
# No service starts because its package was installed.
exit 101

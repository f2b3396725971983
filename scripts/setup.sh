#!/bin/sh
# Make .venv and install Floorwalker into it: `setup.sh` for using it, `setup.sh dev` for developing and testing.
# On Debian as root it installs what the system lacks (python3-venv; for the tests a browser).
set -eu
extra="${1:-}"

install() { # install PACKAGE…: with apt, when we may
	if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
		echo "installing $* …"
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
	else
		return 1
	fi
}

python=""
for candidate in python3 python3.14 python3.13 python3.12 python3.11; do
	if command -v "$candidate" >/dev/null && "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
		python="$candidate"
		break
	fi
done
if [ -z "$python" ]; then
	install python3 python3-venv || { echo "Floorwalker needs Python 3.11 or newer" >&2; exit 1; }
	python=python3
fi

if [ ! -x .venv/bin/python ]; then
	"$python" -m venv .venv 2>/dev/null || {
		rm -rf .venv
		install python3-venv || { echo "install python3-venv, then try again" >&2; exit 1; }
		"$python" -m venv .venv
	}
fi

echo "installing Floorwalker and its libraries into .venv (about a minute) …"
if [ "$extra" = dev ]; then
	.venv/bin/python -m pip install -q --disable-pip-version-check -e ".[dev]"
	command -v chromium >/dev/null || command -v google-chrome >/dev/null || install chromium ||
		echo "no Chromium: the browser tests will be skipped"
else
	.venv/bin/python -m pip install -q --disable-pip-version-check -e .
fi

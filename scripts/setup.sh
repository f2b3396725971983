#!/bin/sh
# Make .venv and install Floorwalker into it: `setup.sh` for using it, `setup.sh dev` for developing and testing,
# `setup.sh slow` after that for the slow tests: Spark and Java. `setup.sh dbt` makes .venv-dbt, which dbt has to itself.
# On Debian as root it installs what the system lacks (python3-venv; for the tests a browser, Redis, PostgreSQL and Java).
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

make_venv() { # make_venv FOLDER
	[ -x "$1/bin/python" ] && return
	"$python" -m venv "$1" 2>/dev/null || {
		rm -rf "$1"
		install python3-venv || { echo "install python3-venv, then try again" >&2; exit 1; }
		"$python" -m venv "$1"
	}
}

java_version() { # the major version of the Java that Spark would find; 0 without one, 1 for Java 8
	java="${JAVA_HOME:+$JAVA_HOME/bin/}java"
	command -v "$java" >/dev/null || { echo 0; return; }
	"$java" -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p' | head -n 1
}

if [ "$extra" = dbt ]; then
	make_venv .venv-dbt
	# The versions that an export says it was made for: VERSIONS = {"dbt-core": "1.11.16", …}
	packages=$(sed -n 's/^VERSIONS = {\(.*\)}$/\1/p' src/floorwalker/engines/export_dbt.py | tr -d '" ' | sed 's/:/==/g; s/,/ /g')
	[ -n "$packages" ] || { echo "no VERSIONS in engines/export_dbt.py" >&2; exit 1; }
	echo "installing $packages into .venv-dbt (about a minute) …"
	# shellcheck disable=SC2086
	.venv-dbt/bin/python -m pip install -q --disable-pip-version-check $packages
	exit
fi

make_venv .venv

if [ "$extra" = slow ]; then
	echo "installing Spark into .venv (430 MB) …"
	.venv/bin/python -m pip install -q --disable-pip-version-check -e ".[dev,redis,kafka,connectors,spark]"
	if command -v npm >/dev/null || install nodejs npm; then
		echo "installing SDKs of npm into .sdks (45 MB) …"
		mkdir -p .sdks && cp tests/app/collect/node/package.json .sdks/
		npm install --prefix .sdks --no-audit --no-fund --ignore-scripts --silent
	else
		echo "no npm: the collector is not tried with the SDKs of Node and browsers" >&2
	fi
	version=$(java_version)
	[ "${version:-0}" -ge 17 ] || install openjdk-17-jre-headless ||
		echo "no Java 17: the tests on Spark will be skipped"
	exit
fi

echo "installing Floorwalker and its libraries into .venv (about a minute) …"
if [ "$extra" = dev ]; then
	.venv/bin/python -m pip install -q --disable-pip-version-check -e ".[dev,redis,kafka,connectors]"
	command -v chromium >/dev/null || command -v google-chrome >/dev/null || install chromium ||
		echo "no Chromium: the browser tests will be skipped"
	command -v redis-server >/dev/null || install redis-server ||
		echo "no redis-server: the tests of the live store on Redis will be skipped"
	[ -n "$(ls -d /usr/lib/postgresql/*/bin/postgres 2>/dev/null)" ] || command -v postgres >/dev/null ||
		install postgresql || echo "no postgres: the tests of databases that are pulled will be skipped"
else
	.venv/bin/python -m pip install -q --disable-pip-version-check -e .
fi

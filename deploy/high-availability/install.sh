#!/usr/bin/env bash
# Prepares a machine with Debian 12 or Ubuntu 24.04 for PostgreSQL with a synchronous standby, as root:
#
#   install.sh database cluster.env db1      PostgreSQL, Patroni and a member of etcd; on the other machine: db2
#   install.sh witness cluster.env witness   the third member of etcd
#   install.sh service cluster.env           HAProxy, on each machine that runs the service
#   install.sh packages                      the packages of all three, without configuration
#
# It starts nothing. With DESTDIR=folder it installs no package and writes the configuration below that folder.
# docs/high-availability.md says how to go on.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
DESTDIR=${DESTDIR:-}

main() {
    case ${1:-} in
        database)
            settings "${2:-}" "${3:-}"
            packages etcd-server etcd-client patroni postgresql
            BIN_FOLDER=$(newest_postgresql)
            render etcd.env /etc/default/etcd root
            render patroni.yml /etc/patroni/config.yml postgres
            [ -n "$DESTDIR" ] || install -d -o postgres -g postgres -m 700 "$DATA_FOLDER"
            ;;
        witness)
            settings "${2:-}" "${3:-}"
            packages etcd-server etcd-client
            render etcd.env /etc/default/etcd root
            ;;
        service)
            settings "${2:-}" db1
            packages haproxy
            render haproxy.cfg /etc/haproxy/haproxy.cfg root
            ;;
        packages)
            packages etcd-server etcd-client patroni postgresql haproxy
            ;;
        *)
            sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0" >&2
            exit 2
            ;;
    esac
}

# Reads the machines and passwords, and sets NAME and ADDRESS of this machine.
settings() {
    [ -r "$1" ] || { echo "usage: install.sh $role cluster.env …" >&2; exit 2; }
    # shellcheck source=/dev/null
    . "$(realpath "$1")"
    local name
    for name in SUPERUSER_PASSWORD REPLICATION_PASSWORD PATRONI_PASSWORD; do
        [ -n "${!name:-}" ] || { echo "$1: $name is not set" >&2; exit 2; }
    done
    NAME=$2
    case $NAME in
        db1) ADDRESS=$DB1_ADDRESS ;;
        db2) ADDRESS=$DB2_ADDRESS ;;
        witness) ADDRESS=$WITNESS_ADDRESS ;;
        *) echo "the machine must be db1, db2 or witness" >&2; exit 2 ;;
    esac
}

# Installs packages. Debian would start each service at once, and make a PostgreSQL cluster that Patroni does not run.
packages() {
    [ -z "$DESTDIR" ] || return 0
    export DEBIAN_FRONTEND=noninteractive
    local policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
        trap "rm -f $policy" EXIT
    fi
    apt-get update -qq
    case " $* " in
        *" postgresql "*)
            apt-get install -y -qq --no-install-recommends postgresql-common </dev/null
            sed -i 's/^#\? *create_main_cluster *=.*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf
            ;;
    esac
    apt-get install -y -qq --no-install-recommends "$@" </dev/null
}

newest_postgresql() {
    printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1
}

# Writes a file of this folder with each @NAME@ replaced by the variable NAME; group may read it.
render() {
    local text name target=$DESTDIR$2
    text=$(cat "$here/$1")
    for name in $(grep -o '@[A-Z0-9_]*@' "$here/$1" | sort -u | tr -d @); do
        text=${text//"@$name@"/"${!name}"}
    done
    mkdir -p "$(dirname "$target")"
    (umask 027 && printf '%s\n' "$text" >"$target")
    if [ -z "$DESTDIR" ]; then
        chgrp "$3" "$target"
    fi
    echo "wrote $target"
}

role=${1:-}
main "$@"

#!/usr/bin/env bash
# A real Slurm of one node on this machine, from Debian's slurm-wlm and munge; then the command that is given, with it.
# Needs root: apt-get install slurm-wlm munge. Nothing listens but on 127.0.0.1, and all ends with the script.
set -euo pipefail

[ "$(id -u)" = 0 ] || { echo "run.sh: needs root to start slurmctld and slurmd" >&2; exit 77; }
for program in munged slurmctld slurmd; do
  command -v "$program" > /dev/null || { echo "run.sh: $program is missing: apt-get install slurm-wlm munge" >&2; exit 77; }
done
[ ! -e /etc/slurm/slurm.conf ] || { echo "run.sh: this machine has a Slurm already (/etc/slurm/slurm.conf)" >&2; exit 77; }

state=$(mktemp -d)
chmod 755 "$state"
finish() {
  timeout 20 scancel --full --user root 2> /dev/null && sleep 2
  kill "${started[@]}" 2> /dev/null || true
  wait "${started[@]}" 2> /dev/null || true
  rm -rf "$state" /etc/slurm/slurm.conf
}
started=()
trap finish EXIT

host=$(hostname -s)
memory=$(awk '/MemTotal/ {print int($2 / 1024)}' /proc/meminfo)
mkdir -p /etc/slurm "$state"/{ctld,d}
cat > /etc/slurm/slurm.conf << CONF
ClusterName=one
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$state/munge.socket
StateSaveLocation=$state/ctld
SlurmdSpoolDir=$state/d
SlurmctldPidFile=$state/slurmctld.pid
SlurmdPidFile=$state/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MinJobAge=300
ReturnToService=2
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc) RealMemory=$memory State=UNKNOWN
PartitionName=all Nodes=$host Default=YES MaxTime=INFINITE State=UP
CONF

head -c 1024 /dev/urandom > "$state/munge.key"
chmod 400 "$state/munge.key"
munged --foreground --force --key-file="$state/munge.key" --socket="$state/munge.socket" --pid-file="$state/munge.pid" \
  --log-file="$state/munge.log" --seed-file="$state/munge.seed" 2> "$state/munged.err" & started+=($!)
slurmctld -D > "$state/slurmctld.log" 2>&1 & started+=($!)
slurmd -D -N "$host" > "$state/slurmd.log" 2>&1 & started+=($!)
for _ in $(seq 60); do
  sinfo --noheader --states=idle 2> /dev/null | grep -q idle && break
  sleep 1
done
sinfo --noheader --states=idle | grep -q idle || { tail "$state"/*.log "$state"/*.err >&2; exit 1; }
"$@"

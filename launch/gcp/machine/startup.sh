#!/usr/bin/env bash
# Sets this machine up for a Strata job and starts it. Run as root, at each
# boot; what was done before is not done again.
set -euo pipefail
export PATH="$PATH:/snap/bin" DEBIAN_FRONTEND=noninteractive
exec >> /var/log/strata-setup.log 2>&1
# The launcher shows these lines, by the machine's console.
say() { echo "strata: $*" | tee /dev/console || true; }
# At a first boot the system itself holds apt's locks for minutes, and a service
# may be away for a moment.
patiently() {
  for _ in {1..40}; do $* && return; sleep 15; done
  return 1
}

mkdir -p /etc/strata
cat > /etc/strata/job.json <<'STRATA_JOB'
@JOB@
STRATA_JOB

# A machine that cannot be set up costs as much as one that trains.
give_up() {
  trap - ERR
  say "set-up failed; its last lines:"
  tail -n 15 /var/log/strata-setup.log | sed 's/^/strata: /' > /dev/console || true
  gcloud storage cp /var/log/strata-setup.log @CONTROL@/setup.log || true
  echo '{"code": 1, "place": "set-up", "log": "setup.log"}' |
    gcloud storage cp - @CONTROL@/outcome.json || true
  @DELETE@ || poweroff
}
trap give_up ERR
@TIMER@
if [ ! -e /opt/strata/.ready ]; then
  say "setting up: system packages"
  command -v gcloud || patiently snap install google-cloud-cli --classic
  patiently apt-get -qq update
  patiently apt-get -qq -o DPkg::Lock::Timeout=600 install -y \
    --no-install-recommends make python3-venv
  id strata || useradd --uid 1900 --user-group --create-home strata
  mkdir -p /opt/strata @STAGING@
  chown strata: @STAGING@
  say "setting up: the code of the job"
  gcloud storage cp @CONTROL@/code.tar.gz /tmp/code.tar.gz
  tar -xzf /tmp/code.tar.gz -C /opt/strata
  cd /opt/strata
  say "setting up: some 5 GB of packages, which takes minutes"
@INSTALL@
  install -m 644 launch/gcp/machine/*.service /etc/systemd/system/
  systemctl daemon-reload
  touch .ready
fi
say "set up; starting the job"
systemctl start strata-watcher.service strata.service

#!/usr/bin/env bash
# Sets this machine up for a Strata job and starts it. Run as root, at each
# boot; what was done before is not done again.
set -euo pipefail
export PATH="$PATH:/snap/bin" DEBIAN_FRONTEND=noninteractive
exec >> /var/log/strata-setup.log 2>&1

mkdir -p /etc/strata
cat > /etc/strata/job.json <<'STRATA_JOB'
@JOB@
STRATA_JOB

# A machine that cannot be set up costs as much as one that trains.
give_up() {
  trap - ERR
  gcloud storage cp /var/log/strata-setup.log @CONTROL@/setup.log || true
  echo '{"code": 1, "place": "set-up", "log": "setup.log"}' |
    gcloud storage cp - @CONTROL@/outcome.json || true
  @DELETE@ || poweroff
}
trap give_up ERR
@TIMER@
if [ ! -e /opt/strata/.ready ]; then
  command -v gcloud || snap install google-cloud-cli --classic
  apt-get -qq update
  apt-get -qq install -y --no-install-recommends make python3-venv
  id strata || useradd --uid 1900 --user-group --create-home strata
  mkdir -p /opt/strata @STAGING@
  chown strata: @STAGING@
  gcloud storage cp @CONTROL@/code.tar.gz /tmp/code.tar.gz
  tar -xzf /tmp/code.tar.gz -C /opt/strata
  cd /opt/strata
@INSTALL@
  install -m 644 launch/gcp/machine/*.service /etc/systemd/system/
  systemctl daemon-reload
  touch .ready
fi
systemctl start strata-watcher.service strata.service

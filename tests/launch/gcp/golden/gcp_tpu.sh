#!/usr/bin/env bash
# Runs a Strata job on Google Cloud, and removes its machines however it ends;
# leaves with the job's code.
set -euo pipefail
if [ -e runs/mnist ] && ! grep -qsF '"bucket": "gs://mine"' .strata/gcp/mnist/request.json; then
  echo '--name=mnist: the results would be written over what is in runs/mnist, which is not noted as this job'"'"'s in .strata/gcp/mnist; name another, or move that folder away' >&2
  exit 2
fi
CLOUDSDK_CORE_PROJECT="$(gcloud config get-value project)"
export CLOUDSDK_CORE_PROJECT
there="$(gcloud compute tpus queued-resources list --zone=- '--filter=tpu.nodeSpec[0].node.labels.strata-job=mnist' '--format=value(name.basename())' --quiet)"
if [ -n "$there" ]; then
  echo "--name=mnist has machines:" $there"; name another, or remove" \
    "them by strata launch gcp delete --name=mnist --bucket=gs://mine" >&2
  exit 2
fi
mkdir -p .strata/gcp/mnist
cat > .strata/gcp/mnist/startup.sh <<'STRATA_STARTUP'
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
{"kind": "tpu", "project": null, "name": "mnist", "zone": "us-west4-a", "machines": ["mnist"], "control": "gs://mine/.strata/mnist", "revision": "0000000000000000000000000000000000000000", "max_secs": 86400, "max_restarts": 10, "environment": {"STRATA_STAGING_DIR": "/srv/strata", "STRATA_LAUNCHER": "gcp"}, "arguments": ["--config=mnist", "--data_dir=gs://mine/mnist", "--workdir=gs://mine/mnist", "--tpu=local"]}
STRATA_JOB

# A machine that cannot be set up costs as much as one that trains.
give_up() {
  trap - ERR
  say "set-up failed; its last lines:"
  tail -n 15 /var/log/strata-setup.log | sed 's/^/strata: /' > /dev/console || true
  gcloud storage cp /var/log/strata-setup.log gs://mine/.strata/mnist/setup.log || true
  echo '{"code": 1, "place": "set-up", "log": "setup.log"}' |
    gcloud storage cp - gs://mine/.strata/mnist/outcome.json || true
  gcloud compute tpus queued-resources delete mnist --zone=us-west4-a --force --quiet || poweroff
}
trap give_up ERR

[ -e /etc/strata/deadline ] ||
  date --utc --date='+86400 seconds' '+%F %T UTC' > /etc/strata/deadline
systemctl is-active --quiet strata-limit.timer ||
  systemd-run --unit=strata-limit --setenv=PATH="$PATH" \
    --on-calendar="$(cat /etc/strata/deadline)" gcloud compute tpus queued-resources delete mnist --zone=us-west4-a --force --quiet

if [ ! -e /opt/strata/.ready ]; then
  say "setting up: system packages"
  command -v gcloud || patiently snap install google-cloud-cli --classic
  patiently apt-get -qq update
  patiently apt-get -qq -o DPkg::Lock::Timeout=600 install -y \
    --no-install-recommends make python3-venv
  id strata || useradd --uid 1900 --user-group --create-home strata
  mkdir -p /opt/strata /srv/strata
  chown strata: /srv/strata
  say "setting up: the code of the job"
  gcloud storage cp gs://mine/.strata/mnist/code.tar.gz /tmp/code.tar.gz
  tar -xzf /tmp/code.tar.gz -C /opt/strata
  cd /opt/strata
  say "setting up: some 5 GB of packages, which takes minutes"
  python3 -m venv /opt/uv
  /opt/uv/bin/python -m pip install --quiet uv==0.13.9
  export UV_PYTHON_INSTALL_DIR=/opt/python
  /opt/uv/bin/uv venv --python 3.11 .venv
  /opt/uv/bin/uv pip install --python .venv/bin/python --compile-bytecode \
    --require-hashes -r launch/requirements-tpu.txt
  /opt/uv/bin/uv pip install --python .venv/bin/python --no-deps \
    --no-build-isolation -e .
  install -m 644 launch/gcp/machine/*.service /etc/systemd/system/
  systemctl daemon-reload
  touch .ready
fi
say "set up; starting the job"
systemctl start strata-watcher.service strata.service
STRATA_STARTUP
cat > .strata/gcp/mnist/request.json <<'STRATA_REQUEST'
{"kind": "tpu", "name": "mnist", "zones": ["us-west4-a"], "machine_type": "v5litepod-8", "image": ["v2-alpha-tpuv5-lite", ""], "num_vms": 1, "max_secs": 86400, "bucket": "gs://mine", "workdir": "gs://mine/mnist", "revision": "0000000000000000000000000000000000000000", "arguments": ["--config=mnist", "--data_dir=gs://mine/mnist"], "spot": true, "gpus": 0, "accelerator": null, "needs_gvnic": false, "project": null, "network": null, "subnet": null, "service_account": null, "network_tag": null, "external_ip": true, "disk_gb": 100, "max_restarts": 10, "wait_secs": 21600, "tensorboard": null}
STRATA_REQUEST
git -C /home/me/strata archive --format=tar.gz 0000000000000000000000000000000000000000 > .strata/gcp/mnist/code.tar.gz
gcloud storage cp .strata/gcp/mnist/code.tar.gz gs://mine/.strata/mnist/code.tar.gz --quiet
gcloud storage cp .strata/gcp/mnist/request.json gs://mine/.strata/mnist/request.json --quiet
if ! gcloud storage rm gs://mine/.strata/mnist/outcome.json gs://mine/.strata/mnist/setup.log gs://mine/mnist/STOP --quiet && gcloud storage cat gs://mine/.strata/mnist/outcome.json --quiet > /dev/null 2>&1; then
  echo "what an earlier start left cannot be removed" >&2
  exit 1
fi
delete() { gcloud compute tpus queued-resources list --zone=us-west4-a '--filter=tpu.nodeSpec[0].node.labels.strata-folder=b9d8494489b1595e' '--format=value(name.basename())' --quiet | xargs -r -I NAME gcloud compute tpus queued-resources delete NAME --zone=us-west4-a --force --quiet; }
trap delete EXIT
gcloud \
  compute \
  tpus \
  queued-resources \
  create \
  mnist \
  --node-id=mnist \
  --zone=us-west4-a \
  --accelerator-type=v5litepod-8 \
  --runtime-version=v2-alpha-tpuv5-lite \
  --valid-until-duration=21600s \
  --spot \
  --scopes=https://www.googleapis.com/auth/cloud-platform \
  --labels=strata-job=mnist,strata-owner=me,strata-folder=b9d8494489b1595e \
  --metadata-from-file=startup-script=.strata/gcp/mnist/startup.sh \
  --quiet
until outcome="$(gcloud storage cat gs://mine/.strata/mnist/outcome.json --quiet 2> /dev/null)"; do sleep 15; done
echo "$outcome"
delete && trap - EXIT
mkdir -p runs/mnist
gcloud storage rsync --recursive gs://mine/mnist runs/mnist --quiet || echo results stay in gs://mine/mnist >&2
exit "$(sed -E 's/.*"code": ([0-9]+).*/\1/' <<< "$outcome")"

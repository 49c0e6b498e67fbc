#!/usr/bin/env bash
# Runs a Strata job on Google Cloud, and removes its machines however it ends;
# leaves with the job's code.
set -euo pipefail
if [ -e runs/mnist ] && ! grep -qsF '"bucket": "gs://mine/team"' .strata/gcp/mnist/request.json; then
  echo '--name=mnist: the results would be written over what is in runs/mnist, which is not noted as this job'"'"'s in .strata/gcp/mnist; name another, or move that folder away' >&2
  exit 2
fi
there="$(gcloud compute instances list --filter=labels.strata-job=mnist '--format=value(name.basename())' --quiet --project=our-project)"
if [ -n "$there" ]; then
  echo "--name=mnist has machines:" $there"; name another, or remove" \
    "them by strata launch gcp delete --name=mnist --project=our-project --bucket=gs://mine/team" >&2
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
{"kind": "gpu", "project": "our-project", "name": "mnist", "zone": "us-central1-a", "machines": ["mnist-0", "mnist-1"], "control": "gs://mine/team/.strata/mnist", "revision": "0000000000000000000000000000000000000000", "max_secs": 7200, "max_restarts": 10, "environment": {"STRATA_STAGING_DIR": "/srv/strata", "STRATA_LAUNCHER": "gcp", "STRATA_ADDRESSES": "mnist-0:2222,mnist-1:2222"}, "arguments": ["--join_secs=1800", "--config=mnist", "--data_dir=gs://mine/mnist", "--workdir=gs://mine/team/mnist", "--require_gpus=8"]}
STRATA_JOB

# A machine that cannot be set up costs as much as one that trains.
give_up() {
  trap - ERR
  say "set-up failed; its last lines:"
  tail -n 15 /var/log/strata-setup.log | sed 's/^/strata: /' > /dev/console || true
  gcloud storage cp /var/log/strata-setup.log gs://mine/team/.strata/mnist/setup.log || true
  echo '{"code": 1, "place": "set-up", "log": "setup.log"}' |
    gcloud storage cp - gs://mine/team/.strata/mnist/outcome.json || true
  gcloud compute instances delete mnist-0 mnist-1 --zone=us-central1-a --quiet --project=our-project || poweroff
}
trap give_up ERR

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
  gcloud storage cp gs://mine/team/.strata/mnist/code.tar.gz /tmp/code.tar.gz
  tar -xzf /tmp/code.tar.gz -C /opt/strata
  cd /opt/strata
  say "setting up: some 5 GB of packages, which takes minutes"
  make setup PYTHON=python3
  .venv/bin/python -m uv pip install --python .venv/bin/python \
    --require-hashes -r launch/requirements-gpu.txt
  install -m 644 launch/gcp/machine/*.service /etc/systemd/system/
  systemctl daemon-reload
  touch .ready
fi
say "set up; starting the job"
systemctl start strata-watcher.service strata.service
STRATA_STARTUP
cat > .strata/gcp/mnist/request.json <<'STRATA_REQUEST'
{"kind": "gpu", "name": "mnist", "zones": ["us-central1-a", "us-central1-b", "us-east1-c"], "machine_type": "a3-highgpu-8g", "image": ["ubuntu-accelerator-2404-amd64-with-nvidia-580", "ubuntu-os-accelerator-images"], "num_vms": 2, "max_secs": 7200, "bucket": "gs://mine/team", "workdir": "gs://mine/team/mnist", "revision": "0000000000000000000000000000000000000000", "arguments": ["--config=mnist", "--data_dir=gs://mine/mnist"], "spot": true, "gpus": 8, "accelerator": null, "needs_gvnic": true, "project": "our-project", "network": null, "subnet": null, "service_account": null, "network_tag": "strata", "external_ip": true, "disk_gb": 100, "max_restarts": 10, "wait_secs": 21600, "tensorboard": null}
STRATA_REQUEST
git -C /home/me/strata archive --format=tar.gz 0000000000000000000000000000000000000000 > .strata/gcp/mnist/code.tar.gz
(umask 077 && openssl rand -hex 32 > .strata/gcp/mnist/secret)
gcloud storage cp .strata/gcp/mnist/code.tar.gz gs://mine/team/.strata/mnist/code.tar.gz --quiet --project=our-project
gcloud storage cp .strata/gcp/mnist/request.json gs://mine/team/.strata/mnist/request.json --quiet --project=our-project
gcloud storage cp .strata/gcp/mnist/secret gs://mine/team/.strata/mnist/secret --quiet --project=our-project
if ! gcloud storage rm gs://mine/team/.strata/mnist/outcome.json gs://mine/team/.strata/mnist/setup.log gs://mine/team/mnist/STOP --quiet --project=our-project && gcloud storage cat gs://mine/team/.strata/mnist/outcome.json --quiet --project=our-project > /dev/null 2>&1; then
  echo "what an earlier start left cannot be removed" >&2
  exit 1
fi
delete() { gcloud compute instances list --zones=us-central1-a --filter=labels.strata-folder=c9b5f11dfca97948 '--format=value(name.basename())' --quiet --project=our-project | xargs -r gcloud compute instances delete --zone=us-central1-a --quiet --project=our-project; }
trap delete EXIT
gcloud \
  compute \
  instances \
  bulk \
  create \
  --predefined-names=mnist-0,mnist-1 \
  --count=2 \
  --min-count=2 \
  --on-host-maintenance=TERMINATE \
  --zone=us-central1-a \
  --machine-type=a3-highgpu-8g \
  --network-interface=nic-type=GVNIC \
  --image-family=ubuntu-accelerator-2404-amd64-with-nvidia-580 \
  --image-project=ubuntu-os-accelerator-images \
  --boot-disk-size=100GB \
  --boot-disk-type=pd-balanced \
  --provisioning-model=SPOT \
  --instance-termination-action=DELETE \
  --max-run-duration=7200s \
  --no-restart-on-failure \
  --scopes=storage-rw,compute-rw,logging-write \
  --tags=strata \
  --labels=strata-job=mnist,strata-owner=me,strata-folder=c9b5f11dfca97948 \
  --metadata-from-file=startup-script=.strata/gcp/mnist/startup.sh \
  --quiet \
  --project=our-project
until outcome="$(gcloud storage cat gs://mine/team/.strata/mnist/outcome.json --quiet --project=our-project 2> /dev/null)"; do sleep 15; done
echo "$outcome"
delete && trap - EXIT
mkdir -p runs/mnist
gcloud storage rsync --recursive gs://mine/team/mnist runs/mnist --quiet --project=our-project || echo results stay in gs://mine/team/mnist >&2
exit "$(sed -E 's/.*"code": ([0-9]+).*/\1/' <<< "$outcome")"

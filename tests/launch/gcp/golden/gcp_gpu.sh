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
there="$(gcloud compute instances list --filter=labels.strata-job=mnist '--format=value(name.basename())' --quiet)"
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
{"kind": "gpu", "project": null, "name": "mnist", "zone": "us-central1-a", "machines": ["mnist-0"], "control": "gs://mine/.strata/mnist", "revision": "0000000000000000000000000000000000000000", "max_secs": 86400, "max_restarts": 10, "environment": {"STRATA_STAGING_DIR": "/srv/strata", "STRATA_LAUNCHER": "gcp"}, "arguments": ["--config=mnist", "--data_dir=gs://mine/mnist", "--workdir=gs://mine/mnist", "--require_gpus=1"]}
STRATA_JOB

# A machine that cannot be set up costs as much as one that trains.
give_up() {
  trap - ERR
  say "set-up failed; its last lines:"
  tail -n 15 /var/log/strata-setup.log | sed 's/^/strata: /' > /dev/console || true
  gcloud storage cp /var/log/strata-setup.log gs://mine/.strata/mnist/setup.log || true
  echo '{"code": 1, "place": "set-up", "log": "setup.log"}' |
    gcloud storage cp - gs://mine/.strata/mnist/outcome.json || true
  gcloud compute instances delete mnist-0 --zone=us-central1-a --quiet || poweroff
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
  gcloud storage cp gs://mine/.strata/mnist/code.tar.gz /tmp/code.tar.gz
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
{"kind": "gpu", "name": "mnist", "zones": ["us-central1-a"], "machine_type": "g2-standard-8", "image": ["ubuntu-accelerator-2404-amd64-with-nvidia-580", "ubuntu-os-accelerator-images"], "num_vms": 1, "max_secs": 86400, "bucket": "gs://mine", "workdir": "gs://mine/mnist", "revision": "0000000000000000000000000000000000000000", "arguments": ["--config=mnist", "--data_dir=gs://mine/mnist"], "spot": false, "gpus": 1, "accelerator": null, "needs_gvnic": false, "project": null, "network": null, "subnet": null, "service_account": null, "network_tag": null, "external_ip": true, "disk_gb": 100, "max_restarts": 10, "wait_secs": 21600, "tensorboard": null}
STRATA_REQUEST
git -C /home/me/strata archive --format=tar.gz 0000000000000000000000000000000000000000 > .strata/gcp/mnist/code.tar.gz
gcloud storage cp .strata/gcp/mnist/code.tar.gz gs://mine/.strata/mnist/code.tar.gz --quiet
gcloud storage cp .strata/gcp/mnist/request.json gs://mine/.strata/mnist/request.json --quiet
if ! gcloud storage rm gs://mine/.strata/mnist/outcome.json gs://mine/.strata/mnist/setup.log gs://mine/mnist/STOP --quiet && gcloud storage cat gs://mine/.strata/mnist/outcome.json --quiet > /dev/null 2>&1; then
  echo "what an earlier start left cannot be removed" >&2
  exit 1
fi
delete() { gcloud compute instances list --zones=us-central1-a --filter=labels.strata-folder=b9d8494489b1595e '--format=value(name.basename())' --quiet | xargs -r gcloud compute instances delete --zone=us-central1-a --quiet; }
trap delete EXIT
gcloud \
  compute \
  instances \
  create \
  mnist-0 \
  --maintenance-policy=TERMINATE \
  --zone=us-central1-a \
  --machine-type=g2-standard-8 \
  --image-family=ubuntu-accelerator-2404-amd64-with-nvidia-580 \
  --image-project=ubuntu-os-accelerator-images \
  --boot-disk-size=100GB \
  --boot-disk-type=pd-balanced \
  --provisioning-model=STANDARD \
  --instance-termination-action=DELETE \
  --max-run-duration=86400s \
  --no-restart-on-failure \
  --scopes=storage-rw,compute-rw,logging-write \
  --labels=strata-job=mnist,strata-owner=me,strata-folder=b9d8494489b1595e \
  --metadata-from-file=startup-script=.strata/gcp/mnist/startup.sh \
  --quiet
until outcome="$(gcloud storage cat gs://mine/.strata/mnist/outcome.json --quiet 2> /dev/null)"; do sleep 15; done
echo "$outcome"
delete && trap - EXIT
mkdir -p runs/mnist
gcloud storage rsync --recursive gs://mine/mnist runs/mnist --quiet || echo results stay in gs://mine/mnist >&2
exit "$(sed -E 's/.*"code": ([0-9]+).*/\1/' <<< "$outcome")"

#!/usr/bin/env bash
# Runs a Strata job on Google Cloud, and removes its machines however it ends;
# leaves with the job's code.
set -euo pipefail
if [ -e runs/mnist ] && ! grep -qsF '"bucket": "gs://mine"' .strata/gcp/mnist/request.json; then
  echo '--name=mnist: the results would be written over what is in runs/mnist, which is not noted as this job'"'"'s in .strata/gcp/mnist; name another, or move that folder away' >&2
  exit 2
fi
there="$(gcloud ai custom-jobs list --region=us-central1 '--filter=labels.strata-job=mnist AND NOT state=(JOB_STATE_SUCCEEDED JOB_STATE_FAILED JOB_STATE_CANCELLED JOB_STATE_EXPIRED JOB_STATE_CANCELLING)' '--format=value(name.basename())' --quiet --project=our-project)"
if [ -n "$there" ]; then
  echo "--name=mnist has machines:" $there"; name another, or remove" \
    "them by strata launch gcp delete --name=mnist --project=our-project --bucket=gs://mine --region=us-central1" >&2
  exit 2
fi
mkdir -p .strata/gcp/mnist
cat > .strata/gcp/mnist/job.json <<'STRATA_STARTUP'
{
 "workerPoolSpecs": [
  {
   "machineSpec": {
    "machineType": "n1-standard-8",
    "acceleratorType": "NVIDIA_TESLA_T4",
    "acceleratorCount": 2
   },
   "diskSpec": {
    "bootDiskType": "pd-ssd",
    "bootDiskSizeGb": 100
   },
   "pythonPackageSpec": {
    "executorImageUri": "us-docker.pkg.dev/vertex-ai/training/any.9-9.py312",
    "packageUris": [
     "gs://mine/.strata/mnist/strata-mlp-0.1.0.tar.gz"
    ],
    "pythonModule": "trainer.launch.gcp.machine.replica",
    "args": [
     "gs://mine/.strata/mnist",
     "--max_restarts=10",
     "--",
     "--require_gpus=2",
     "--config=mnist",
     "--data_dir=gs://mine/mnist"
    ],
    "env": [
     {
      "name": "STRATA_LAUNCHER",
      "value": "gcp"
     },
     {
      "name": "STRATA_STAGING_DIR",
      "value": "/tmp/strata"
     }
    ]
   },
   "replicaCount": 1
  }
 ],
 "scheduling": {
  "timeout": "86400s"
 },
 "baseOutputDirectory": {
  "outputUriPrefix": "gs://mine/mnist"
 }
}
STRATA_STARTUP
cat > .strata/gcp/mnist/request.json <<'STRATA_REQUEST'
{"kind": "vertex", "name": "mnist", "zones": ["us-central1"], "machine_type": "n1-standard-8", "image": ["us-docker.pkg.dev/vertex-ai/training/any.9-9.py312", "executor"], "num_vms": 1, "max_secs": 86400, "bucket": "gs://mine", "workdir": "gs://mine/mnist", "revision": "0000000000000000000000000000000000000000", "arguments": ["--config=mnist", "--data_dir=gs://mine/mnist"], "spot": false, "gpus": 2, "accelerator": "NVIDIA_TESLA_T4", "needs_gvnic": false, "project": "our-project", "network": null, "subnet": null, "service_account": null, "network_tag": null, "external_ip": true, "disk_gb": 100, "max_restarts": 10, "wait_secs": 21600, "tensorboard": null}
STRATA_REQUEST
git -C /home/me/strata archive --format=tar.gz --prefix=strata-mlp-0.1.0/ 0000000000000000000000000000000000000000 setup.py pyproject.toml README.md LICENSE configs launch trainer > .strata/gcp/mnist/strata-mlp-0.1.0.tar.gz
gcloud storage cp .strata/gcp/mnist/strata-mlp-0.1.0.tar.gz gs://mine/.strata/mnist/strata-mlp-0.1.0.tar.gz --quiet --project=our-project
gcloud storage cp .strata/gcp/mnist/request.json gs://mine/.strata/mnist/request.json --quiet --project=our-project
if ! gcloud storage rm gs://mine/.strata/mnist/outcome.json gs://mine/.strata/mnist/setup.log gs://mine/mnist/STOP --quiet --project=our-project && gcloud storage cat gs://mine/.strata/mnist/outcome.json --quiet --project=our-project > /dev/null 2>&1; then
  echo "what an earlier start left cannot be removed" >&2
  exit 1
fi
delete() { gcloud ai custom-jobs list --region=us-central1 '--filter=labels.strata-folder=b9d8494489b1595e AND NOT state=(JOB_STATE_SUCCEEDED JOB_STATE_FAILED JOB_STATE_CANCELLED JOB_STATE_EXPIRED JOB_STATE_CANCELLING)' '--format=value(name.basename())' --quiet --project=our-project | xargs -r -I NAME gcloud ai custom-jobs cancel NAME --region=us-central1 --quiet --project=our-project; }
trap delete EXIT
gcloud \
  ai \
  custom-jobs \
  create \
  --region=us-central1 \
  --display-name=mnist \
  --config=.strata/gcp/mnist/job.json \
  --labels=strata-job=mnist,strata-owner=me,strata-folder=b9d8494489b1595e \
  --quiet \
  --project=our-project
until outcome="$(gcloud storage cat gs://mine/.strata/mnist/outcome.json --quiet --project=our-project 2> /dev/null)"; do sleep 15; done
echo "$outcome"
delete && trap - EXIT
mkdir -p runs/mnist
gcloud storage rsync --recursive gs://mine/mnist runs/mnist --quiet --project=our-project || echo results stay in gs://mine/mnist >&2
exit "$(sed -E 's/.*"code": ([0-9]+).*/\1/' <<< "$outcome")"

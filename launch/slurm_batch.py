"""`trainer.launch.slurm.batch`, by the name that jobs queued earlier call."""

import sys

from trainer.launch.slurm.batch import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

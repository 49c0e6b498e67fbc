"""TensorBoard, opened on the charts that a run puts first.

A script of its own, as TensorBoard's is, which has another tab first and no
flag for that.
"""

import sys

from tensorboard import default
from tensorboard import main_lib
from tensorboard import program
from tensorboard.plugins.custom_scalar.custom_scalars_plugin import (
    CustomScalarsPlugin,
)


def main() -> None:
    """Serves what the command line names, as `tensorboard` does."""
    main_lib.global_init()
    plugins = default.get_plugins()
    plugins.sort(key=lambda plugin: plugin is not CustomScalarsPlugin)
    board = program.TensorBoard(plugins=plugins)
    board.configure(sys.argv)
    sys.exit(board.main())


if __name__ == "__main__":
    main()

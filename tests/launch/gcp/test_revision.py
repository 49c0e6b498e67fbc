"""The commit whose code runs."""

import subprocess

import pytest

from trainer.launch.gcp import revision


def test_the_commit_is_read_without_git(tmp_path):
    def git(*words):
        done = subprocess.run(
            ["git", "-c", "user.name=x", "-c", "user.email=x@x", *words],
            cwd=tmp_path,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    git("init", "-q")
    with pytest.raises(Exception, match="has no commit"):
        revision.head(tmp_path)
    git("commit", "-q", "--allow-empty", "-m", "x")
    commit = git("rev-parse", "HEAD")
    assert revision.head(tmp_path) == commit
    git("pack-refs", "--all")
    assert revision.head(tmp_path) == commit
    git("worktree", "add", "-q", "tree")
    assert revision.head(tmp_path / "tree") == commit
    git("checkout", "-q", "--detach")
    assert revision.head(tmp_path) == commit

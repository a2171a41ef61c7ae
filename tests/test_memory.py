"""What a command that runs for long asks of the C library's memory."""

import os
import subprocess
import sys

import pytest

from checkweigh.cli.memory import AT_HAND, NAME, _is_glibc

BEGIN = """
import os, sys
from checkweigh.cli import memory
print(os.getpid(), sys.argv[1:], os.environ.get("GLIBC_TUNABLES"), flush=True)
memory.keep_at_hand()
"""
pytestmark = pytest.mark.skipif(not _is_glibc(), reason="the C library is not glibc")


@pytest.mark.parametrize("told", ["", "glibc.malloc.perturb=1", f"{NAME}=9"])
def test_a_command_begins_again_once_in_the_same_process(told):
    environment = {name: value for name, value in os.environ.items() if name != "GLIBC_TUNABLES"}
    environment |= {"GLIBC_TUNABLES": told} if told else {}
    done = subprocess.run(
        [sys.executable, "-c", BEGIN, "a word", "--option"], env=environment, capture_output=True, text=True, check=True
    )
    lines = [line.split(maxsplit=1) for line in done.stdout.splitlines()]
    assert len({number for number, _ in lines}) == 1, "the process is another one"
    wanted = [told] if NAME in told else [told or "None", f"{told}:{NAME}={AT_HAND}".lstrip(":")]
    assert [said for _, said in lines] == [f"['a word', '--option'] {one}" for one in wanted]


def test_the_board_is_served_so(tmp_path):
    """(Refused at once: there is no such ledger.)"""
    code = "import os; from checkweigh.cli import main; print(os.environ.get('GLIBC_TUNABLES'), flush=True); main()"
    environment = {name: value for name, value in os.environ.items() if name != "GLIBC_TUNABLES"}
    for command, times in (("serve", 2), ("show", 1)):
        done = subprocess.run(
            [sys.executable, "-c", code, command, str(tmp_path / "none")],
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 2 and len(done.stdout.splitlines()) == times, done

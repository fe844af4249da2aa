"""What a run shows all the same where files are damaged, a log is no text, or there is no place to write to."""

import os
import subprocess

import pytest
from snakemake_interface_logger_plugins.common import LogEvent

from log_records import handler, info, record
from snakemake_logger_plugin_sparcs.run import last_lines
from tiny import BIN


def test_the_end_of_a_log_is_shown_as_it_stood_on_a_screen(tmp_path):
    log = tmp_path / "log"
    log.write_bytes(b"".join(b"%d\n" % n for n in range(20)) + b"1%\r50%\r100%\r\n\x1b[1;31mred\x1b[0m \xff")
    assert last_lines(log) == [*map(str, range(7, 20)), "100%", "red �"]


def test_of_a_log_no_more_is_read_than_is_shown_and_nothing_that_is_no_text(tmp_path):
    log = tmp_path / "log"
    with log.open("wb") as file:
        file.truncate(3 * 10**8)  # zeros, which take no place on most disks
        file.seek(0, os.SEEK_END)
        file.write(b"x" * 10**6 + b"end\na\x1b]0;title\x07b\x1b]8;;unended\n\x1b[2J\x00\x08c\td\n")
    assert last_lines(log) == [f"{'x' * 200} … {'x' * 197}end", "ab", "c\td"]


def ran(folder, **files):
    """A run of two jobs, which made these files or were measured by them."""
    names = {
        "claims": "results/smoke/claims.csv",
        "images": "data/smoke/images/cifar10.json",
        "benchmark": "results/smoke/benchmarks/a.json",
        "published": "results/published/core_minutes.csv",
    }
    for name, content in files.items():
        (folder / names[name]).parent.mkdir(parents=True)
        (folder / names[name]).write_bytes(content)
    shown = handler()
    shown.emit(record(LogEvent.WORKFLOW_STARTED, 0, basedir=folder / "workflow"))
    shown.emit(record(LogEvent.RUN_INFO, 0, stats={"a": 2, "total": 2}))
    benchmark = names["benchmark"].replace(".json", ".tsv")
    shown.emit(info(1, "a", 0, [names["claims"], names["images"]], benchmark=benchmark))
    shown.emit(record(LogEvent.JOB_FINISHED, 60, job_id=1))
    shown.emit(info(2, "a", 60))
    shown.emit(record(LogEvent.JOB_FINISHED, 60, job_id=2))
    shown.close()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        *(("benchmark", content) for content in (b"", b"[]", b"{}", b'{"core_seconds": "x"}', b"\xff", b"[" * 10**5)),
        *(("benchmark", b'{"core_seconds": %b}' % value) for value in (b"null", b"NaN", b"Infinity", b"1" * 400)),
        *(("claims", content) for content in (b"", b"id\nA1\n", b"id,verdict\n,x\n", b"\xff\xfe\0", b"id,verdict\n")),
        *(("images", content) for content in (b"", b"{}", b"[]", b"\xff")),
        *(("published", b"scale,rule,jobs,core_minutes\nsmoke,a,1,%b\n" % value) for value in (b"inf", b"nan", b"x")),
        *(
            ("published", content)
            for content in (b"", b"\xff", b"a,b\n1,2\n", b"scale,rule,jobs,core_minutes\na,b,0,1\n")
        ),
    ],
)
def test_a_damaged_file_costs_no_line_but_its_own(tmp_path, monkeypatch, capsys, name, content):
    monkeypatch.chdir(tmp_path)
    ran(tmp_path, **{name: content})
    lines = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("What is left")]
    assert len(lines) == 4 and lines[-1].startswith("Done: 2 of 2 jobs in ") and "core-minutes" not in lines[-1]


def test_files_that_are_gone_cost_no_line_but_their_own(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    ran(tmp_path)
    assert capsys.readouterr().err.splitlines()[-1].startswith("Done: 2 of 2 jobs in ")


@pytest.mark.parametrize("closed", ["2>&-", ">&- 2>&-"])
def test_a_run_goes_on_without_a_stream_to_write_to(tmp_path, closed):
    (tmp_path / "Snakefile").write_text("rule a:\n    output: 'a'\n    shell: 'touch {output}'\n")
    command = f"{BIN}/snakemake --workflow-profile none --logger sparcs --cores 1"
    assert subprocess.run(f"{command} -n -q {closed}", shell=True, cwd=tmp_path, check=False).returncode == 0
    assert subprocess.run(f"{command} {closed}", shell=True, cwd=tmp_path, check=False).returncode == 0
    assert (tmp_path / "a").exists()


def test_a_terminal_of_no_width_is_taken_for_one_of_the_usual_width(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "0")
    handler().display.write("shown")
    assert capsys.readouterr().err == "shown\n"

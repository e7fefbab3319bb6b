#!/usr/bin/env python3
"""narthextool tsdb create-blocks-from and bench write against Debian's promtool: the same samples in as many blocks, which
Prometheus opens; recording rules evaluated over the past by either server."""

import re
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Iterator

from cases import Skip, case, check, check_equal, run_cases, until
from data_directory import as_numbers, blocks, check_same_samples, dump
from exporter import Exporter
from peers import check_log_is_clean, need_peer, promtool, start_prometheus
from server import Server
from workspace import Workspace

START = 1_700_000_000  # two seconds and some blocks, in the past
EXPRESSIONS = {"scrape:sum": "sum(scrape_number)", "scrape:by_row": "max by (row) (scrape_number) * 2"}
RULES = f"""
groups:
  - name: backfilled
    interval: 1s
    rules:
      - {{record: 'scrape:sum', expr: '{EXPRESSIONS["scrape:sum"]}', labels: {{kind: sum}}}}
      - {{record: 'scrape:by_row', expr: '{EXPRESSIONS["scrape:by_row"]}'}}
      - {{alert: Never, expr: 'scrape_number < 0'}}
"""


def openmetrics() -> str:
    """Two days of a few series, every five minutes, with all that a line can have."""
    lines = ["# HELP jobs Jobs that were \\n done.", "# TYPE jobs counter"]
    for row in range(5):
        lines += [f'jobs_total{{row="{row}",text="a\\"b\\\\c\\nd größe"}} {n * (row + 1)} {START + 300 * n}' for n in range(576)]
    lines += ["# TYPE load gauge", "# UNIT load "]
    lines += [f"load {n / 7 if n % 50 else 'NaN'} {START + 300 * n}.{n % 1000:03}" for n in range(576)]
    lines += ["# TYPE latency histogram"]
    for n in range(0, 576, 100):
        lines += [f'latency_bucket{{le="0.5"}} {n} {START + 300 * n} # {{trace_id="t{n}"}} 0.5',
                  f'latency_bucket{{le="+Inf"}} {n} {START + 300 * n}', f"latency_count {n} {START + 300 * n}",
                  f"latency_sum {n * 1e300} {START + 300 * n}"]
    # A batch of promtool's is 5,000 samples: what is out of order within it is left out.
    lines += ["# TYPE late gauge", f"late 1 {START + 10}", f"late 2 {START + 5}", f"late 3 {START + 20}", "# EOF", ""]
    return "\n".join(lines)


@contextmanager
def world(workspace: Workspace) -> Iterator[SimpleNamespace]:
    need_peer(workspace, "promtool")
    w = SimpleNamespace(workspace=workspace, tool=workspace.build / "narthextool", text=workspace.folder / "input.txt")
    if not w.tool.exists():
        raise Skip(f"{w.tool} is not built")
    w.text.write_text(openmetrics())
    yield w


def run_tool(w: SimpleNamespace, *args: object, code: int = 0) -> subprocess.CompletedProcess[str]:
    ran = subprocess.run([str(w.tool), *map(str, args)], timeout=120, capture_output=True, text=True, cwd=w.workspace.folder)
    check(ran.returncode == code, f"narthextool {args} ends with {ran.returncode}: {ran.stderr[-2000:]}{ran.stdout[-500:]}")
    return ran


def run_promtool(w: SimpleNamespace, *args: object, code: int = 0) -> subprocess.CompletedProcess[str]:
    ran = promtool(w.workspace, *map(str, args))
    check(ran.returncode == code, f"promtool {args} ends with {ran.returncode}: {ran.stderr[-2000:]}")
    return ran


def table(text: str) -> list[list[str]]:
    """Without names and sizes of the blocks, and how many chunks they have: those are each tool's own."""
    rows = [re.split(r"\s{2,}", line.strip()) for line in text.splitlines()]
    return [[*row[1:5], row[6]] for row in rows]


def as_data(data: Path) -> Path:
    """promtool dumps only what looks like a server's directory."""
    for folder in ("wal", "chunks_head"):
        (data / folder).mkdir(parents=True, exist_ok=True)
    return data


@case
def openmetrics_becomes_the_blocks_that_promtool_makes(w: SimpleNamespace) -> None:
    for number, flags in enumerate(([], ["-r", "--max-block-duration=18h"], ["--max-block-duration=2048h"])):
        ours, theirs = (w.workspace.folder / f"{who}-{number}" for who in ("ours", "theirs"))
        args = ["tsdb", "create-blocks-from", *flags, "openmetrics", w.text]
        got, want = run_tool(w, *args, ours), run_promtool(w, *args, theirs)
        check_equal(table(got.stdout), table(want.stdout), f"what is printed with {flags}")
        check('samples="1"' in got.stderr or "samples=1" in got.stderr, f"the sample left out is counted: {got.stderr}")
        check_same_samples(dump(w.workspace, as_data(ours)), dump(w.workspace, as_data(theirs)), f"blocks made with {flags}")
        bytes_of = [sum(f.stat().st_size for b in blocks(d) for f in b.rglob("*") if f.is_file()) for d in (ours, theirs)]
        check(bytes_of[0] <= bytes_of[1] * 1.02, f"our blocks are larger: {bytes_of}")


@case
def prometheus_opens_our_blocks_and_answers_as_we_do(w: SimpleNamespace) -> None:
    data = w.workspace.new_folder("opened") / "data"
    run_tool(w, "tsdb", "create-blocks-from", "openmetrics", "--quiet", "--label=cluster=eu", w.text, data)
    verified = run_tool(w, "tsdb", "verify", data)
    check("damage: " not in verified.stdout, verified.stdout[:2000])
    end = START + 300 * 576
    server = Server(w.workspace, "scrape_configs: []\n", "--storage.tsdb.retention.time=100y", data=data, name="on-import").start()
    ours = server.samples('{cluster="eu"}', "3d", end)
    check_equal(server.terminate(), 0)
    peer = start_prometheus(w.workspace, "scrape_configs: []\n", data)
    theirs = peer.samples('{cluster="eu"}', "3d", end)
    check_equal(peer.process.terminate(), 0)
    check_log_is_clean(peer)
    check_equal(sorted(ours), sorted(theirs))
    check(sum(map(len, ours.values())) > 3400, "all samples are there")
    for series, values in theirs.items():
        check_equal({t: v for t, v in ours[series].items() if v != "NaN"}, {t: v for t, v in values.items() if v != "NaN"})


@case
def the_same_texts_are_refused(w: SimpleNamespace) -> None:
    text = w.workspace.folder / "bad.txt"
    far_apart = "".join(f"b{n} 1 100\n" for n in range(5000))
    for number, bad in enumerate(("a 1\n# EOF\n", "a 1 1\n", "a 1 1\n# EOF\na 2 2\n", "a{b=\"c\" 1 1\n# EOF\n", "# TYPE a x\na 1 1\n# EOF\n",
                                  f"a 1 100\n{far_apart}a 2 50\n# EOF\n", f"a 1 100\n{far_apart}a 2 100\n# EOF\n")):
        text.write_text(bad)
        args = ("tsdb", "create-blocks-from", "openmetrics", text)
        ours = run_tool(w, *args, w.workspace.folder / f"bad-ours-{number}", code=1)
        theirs = run_promtool(w, *args, w.workspace.folder / f"bad-theirs-{number}", code=1)
        # Releases word it differently; where in the work it happens is the same.
        check_equal(ours.stderr.split(": ")[0], theirs.stderr.split(": ")[0])
        check_equal(ours.stdout, "")
    run_tool(w, "tsdb", "create-blocks-from", "openmetrics", code=2)
    run_tool(w, "tsdb", "create-blocks-from", "openmetrics", "--label=novalue", text, code=2)
    run_tool(w, "tsdb", "create-blocks-from", "--max-block-duration=1d", "openmetrics", text, code=2)


@case
def a_pipe_is_imported_too(w: SimpleNamespace) -> None:
    ran = subprocess.run([str(w.tool), "tsdb", "create-blocks-from", "openmetrics", "/dev/stdin", str(w.workspace.folder / "piped")],
                         input="a 1 1\n# EOF\n", timeout=60, capture_output=True, text=True)
    check_equal(ran.returncode, 0, ran.stderr)
    check_equal(len(ran.stdout.splitlines()), 2)


def scraped(w: SimpleNamespace) -> tuple[Exporter, str]:
    exporter = Exporter(lambda n: "".join(f'scrape_number{{row="{row}"}} {n}\n' for row in range(3)))
    return exporter, f"""
global: {{scrape_interval: 200ms}}
scrape_configs: [{{job_name: numbered, static_configs: [{{targets: ['{exporter.address}']}}]}}]
"""


@case
def rules_are_evaluated_over_the_past(w: SimpleNamespace) -> None:
    exporter, config = scraped(w)
    server = Server(w.workspace, config, name="asked").start()
    begin = time.time()
    until(lambda: exporter.scrapes > 40, "there is something to ask for")
    end = time.time()
    rules = w.workspace.folder / "rules.yml"
    rules.write_text(RULES)
    ours, theirs = (w.workspace.folder / f"rules-{who}" for who in ("ours", "theirs"))
    args = ["tsdb", "create-blocks-from", "rules", f"--url={server.url}", f"--start={begin:.0f}", f"--end={end:.0f}", rules]
    ran = run_tool(w, *args, f"--output-dir={ours}")
    check_equal(ran.stdout, "")
    for part in ('msg="new rule importer"', 'msg="processing group"', "name=scrape:by_row"):
        check(part in ran.stderr, f"{part} is said: {ran.stderr}")
    # Debian's promtool evaluates alerts as well.
    rules.write_text(re.sub(r".*alert:.*\n", "", rules.read_text()))
    run_promtool(w, *args, f"--output-dir={theirs}")
    got, want = (as_numbers(dump(w.workspace, as_data(d))) for d in (ours, theirs))
    check_equal(sorted(got), sorted(want))
    check_equal(len(got), 4)
    for series, values in got.items():
        labels = dict(series)
        # Which instants they are hangs on a hash of the group's name, which was another one in 2.42.
        check_equal({b - a for a, b in zip(sorted(values), sorted(values)[1:])}, {1000}, f"steps of {labels}")
        check(len(values) >= 6 and abs(len(values) - len(want[series])) <= 1, f"{len(values)} samples of {labels}, {len(want[series])} of promtool")
        for t, v in values.items():
            now = {one["metric"].get("row"): float(one["value"][1]) for one in server.query(EXPRESSIONS[labels["__name__"]], t / 1000)}
            check_equal(v, now[labels.get("row")], f"{labels} at {t}")
    exporter.close()
    bad = run_tool(w, *args[:-1], w.workspace.folder / "bad-rules.yml", code=2)
    check(bad.stderr, "a missing rule file is an error")
    check_equal(server.terminate(), 0)
    gone = run_tool(w, *args, f"--output-dir={ours}", code=1)
    check("rule importer error: query range: " in gone.stderr and gone.stderr.endswith("error importing rules\n"), gone.stderr)


@case
def bench_write_prints_what_promtool_prints(w: SimpleNamespace) -> None:
    series = w.workspace.folder / "series.json"
    series.write_text("".join(f'{{"__name__":"m{n % 30}","instance":"host-{n}","job":"x"}}\n' for n in range(1100)))
    texts = []
    for run, out in ((run_tool, "bench-ours"), (run_promtool, "bench-theirs")):
        ran = run(w, "tsdb", "bench", "write", f"--out={w.workspace.folder / out}", "--metrics=1050", "--scrapes=200", series)
        texts.append(re.sub(r"(duration=|samples/sec: )\S+", r"\1X", ran.stdout))
    check_equal(texts[0], texts[1])
    storage = [w.workspace.folder / out / "storage" for out in ("bench-ours", "bench-theirs")]
    check_same_samples(dump(w.workspace, storage[0]), dump(w.workspace, storage[1]), "what was written")


if __name__ == "__main__":
    run_cases(world)

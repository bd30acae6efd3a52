"""The works that tacit and its peers are timed at: a table, and how each program does one."""
import dataclasses
import json
import os
import shutil

from peers import measure

PEERS = ("peft", "peft-labelrows", "trl")
PROGRAMS = ("tacit", *PEERS, "tacit-f16")


@dataclasses.dataclass(frozen=True)
class Work:
    """steps count the first two, which are not timed; answers: 1, the right answer of an example alone is a sequence, else each
    of its so many answers."""
    name: str
    title: str
    task: str
    method: str = "prompt"
    tokens: int = 20
    batch: int = 8
    steps: int = 4
    lr: float = 1e-3
    precision: str = "f32"
    job: str = "train"
    answers: int = 1
    model: str = "full"

    def programs(self):
        """Those that can do it: the trainer of TRL trains, and the small model's folder is of 16 bits as it is."""
        return [p for p in PROGRAMS if not (p == "trl" and self.job == "score")
                and not (p == "tacit-f16" and self.model == "micro")]


def micro(task):
    return Work("micro-" + task, f"tacit:micro, {task}, 10 tokens", task, tokens=10, steps=202, lr=1e-4, model="micro")


WORKS = [
    Work("rte", "RTE, 20 tokens", "rte"),
    Work("rte-100", "RTE, 100 tokens", "rte", tokens=100),
    Work("twitter", "twitter_complaints, 8 tokens", "twitter", tokens=8),
    Work("boolq", "BoolQ, 20 tokens, 4 examples", "boolq", batch=4),
    Work("rte-bf16", "RTE, 20 tokens, bfloat16", "rte", precision="bf16"),
    Work("rte-eval", "RTE, 20 tokens, evaluation: the right answer", "rte", job="score", steps=5),
    Work("rte-answers", "RTE, 20 tokens, evaluation: both answers", "rte", job="score", answers=2),
    Work("rte-lora", "RTE, LoRA r = 8", "rte", method="lora:r=8,alpha=16"),
    Work("rte-full", "RTE, full finetuning", "rte", method="full", lr=1e-5),
    Work("rte-prefix", "RTE, prefix tuning, 20 tokens", "rte", method="prefix"),
    *(micro(task) for task in ("entail", "pronoun", "sense", "story")),
]


class Place:
    """Where programs, models and data of a run are; root is the folder that keeps what was measured."""

    def __init__(self, a):
        self.tacit, self.python, self.threads, self.root = a.tacit, a.python, a.threads, a.root
        self.data, self.tokenizer, self.model = a.data, a.tokenizer, a.model
        self.machine = measure.machine()
        self.hash = measure.hash_of(a.tacit)
        self.version = measure.tacit_version(a.tacit)

    def full_model(self):
        """The folder given, or one of bloomz-560m's shape with random weights."""
        if not self.model:
            self.model = os.path.join(self.root, "bloomz-560m")
            if not os.path.exists(os.path.join(self.model, "model.safetensors")):
                measure.run([self.tacit, "init-model", "--layers", 24, "--width", 1024, "--heads", 16, "--vocab", 250880,
                             "--tokenizer", self.tokenizer, "--out", self.model, "--quiet"])
        return self.model

    def half_model(self):
        model = self.full_model()
        folder = measure.fresh_folder(os.path.join(self.root, "half"), measure.folder_key(model))
        out = os.path.join(folder, "model")
        if not os.path.exists(os.path.join(out, "model.safetensors")):
            measure.run([self.tacit, "convert", model, out, "--dtype", "f16"])
        return out

    def model_of(self, work):
        return "demo/model" if work.model == "micro" else self.full_model()

    def task_options(self, work):
        """tacit's options that name the task and its files, in the data folder or in one of its folders."""
        if work.model == "micro":
            data = os.path.join(self.root, "demo-data")
            if not os.path.exists(os.path.join(data, work.task)):
                os.makedirs(data, exist_ok=True)
                measure.run([os.path.join(os.path.dirname(self.tacit), "world"), "tasks", "--seed", 1, "--out", data])
            return ["--tasks", "demo/tasks", "--data", data]
        if not self.data:
            raise measure.Failed(f"task {work.task}: its files are needed (--data DIR)")
        failed = None
        for data in [self.data, *sorted(e.path for e in os.scandir(self.data) if e.is_dir())]:
            try:
                measure.run([self.tacit, "tasks", "show", work.task, "--data", data, "-n", 1])
                return ["--data", data]
            except measure.Failed as e:
                failed = failed or e
        raise failed


def description(place, work, options):
    text, _, _ = measure.run([place.tacit, "tasks", "--json", *options[:2 * (work.model == "micro")]])
    return next(t["description"] for t in map(json.loads, text.splitlines()) if t["name"] == work.task)


def lines_of(example, work):
    answers = example["answers"] if work.answers > 1 else [example["answers"][example["gold"]]]
    return [{"ids": example["ids"], "target": answer} for answer in answers]


class Bench:
    """A work made ready: its folder holds the start and the examples that all programs take, and what was measured."""

    def __init__(self, place, work):
        self.place, self.work = place, work
        self.model = place.model_of(work)
        self.task = place.task_options(work)
        self.key = {"work": dataclasses.asdict(work), "model": measure.folder_key(self.model), "task": self.task,
                    "threads": place.threads, "machine": place.machine}
        self.folder = measure.fresh_folder(os.path.join(place.root, "peers", work.name), self.key)
        self.start, self.examples = self.path("start"), self.path("examples.jsonl")
        if not os.path.exists(self.examples):
            self.prepare()
        self.lines = measure.read_lines(self.examples)

    def path(self, name):
        return os.path.join(self.folder, name)

    def prepare(self):
        place, work = self.place, self.work
        if work.method != "full":
            measure.run([place.python, os.path.join(os.path.dirname(__file__), "peer.py"), self.model, "start", "--out",
                         self.start, "--method", work.method, "--tokens", work.tokens, "--init",
                         description(place, work, self.task)])
        text, _, _ = measure.run([place.tacit, "tasks", "show", work.task, "--model", self.model, "--json", "-n",
                                  work.batch * work.steps, *self.task])
        found = [json.loads(line) for line in text.splitlines()]
        found = found[:len(found) // work.batch * work.batch]
        if not found:
            raise measure.Failed(f"task {work.task}: fewer training examples than the {work.batch} of a batch")
        with open(self.examples + ".new", "w", encoding="utf-8") as f:
            f.writelines(json.dumps(line) + "\n" for e in found for line in lines_of(e, work))
        os.replace(self.examples + ".new", self.examples)

    def run_tacit(self, model):
        place, work = self.place, self.work
        options = ["--model", model, "--threads", place.threads]
        if work.precision != "f32":
            options += ["--precision", work.precision]
        if work.job == "score":
            return measure.tacit_score(place.tacit, self.lines, work.batch * work.answers, self.folder,
                                       [*options, "--adapter", self.start])
        options += ["--task", work.task, *self.task, "--limit", len(self.lines), "--batch", work.batch, "--steps",
                    work.steps, "--lr", work.lr]
        options += ["--method", "full"] if work.method == "full" else ["--init", "adapter:" + self.start]
        result = measure.tacit_train(place.tacit, self.path("run"), options)
        if work.method == "full":  # gigabytes of weights and moments
            shutil.rmtree(self.path("run"))
        return result

    def run_peer(self, impl):
        place, work = self.place, self.work
        options = ["--impl", impl, "--examples", self.examples, "--method", work.method, "--tokens", work.tokens,
                   "--batch", work.batch * work.answers, "--steps", work.steps, "--lr", work.lr, "--threads", place.threads,
                   "--dtype", work.precision]
        if work.method != "full":
            options += ["--start", self.start]
        compared = work.job == "train" and work.method != "full" and work.precision == "f32"
        result = measure.peer(place.python, self.model, work.job, options + ["--end", self.path("end")] * compared)
        if compared and os.path.exists(self.path("run")):
            result["way_off"] = measure.way_off(self.start, self.path("run"), self.path("end"))
        return result

    def file(self, program, turn):
        return self.path(f"{program}.{turn}.json")

    def measure(self, program, turn):
        """(result, whether it was there already)."""
        def make():
            if program in PEERS:
                return self.run_peer(program)
            model = self.model if program == "tacit" else self.place.half_model()
            return {**self.run_tacit(model), "tacit": self.place.version}
        key = "" if program in PEERS else self.place.hash
        return measure.kept(self.file(program, turn), key, make)

/* task: task files, templates, splits, ids; what each refuses. Real data where it is there. */
#include "check.h"

#include "base/file.h"
#include "task/render.h"

#include <unistd.h>

#define HEAD    "name: t\ndata: {train: t.jsonl}\n"
#define ANSWERS "answers: {yes: ' Yes', no: ' No'}\n"

static const char *const dirs[] = {"tasks"};

struct folder {
    char path[32];
    struct tac_task *task;
    struct tac_dataset data;
};

static int enter(void **state)
{
    struct folder *f = calloc(1, sizeof *f);
    if (!f)
        return -1;
    strcpy(f->path, "/tmp/tacit-test-XXXXXX");
    *state = f;
    return mkdtemp(f->path) ? 0 : -1;
}

static int leave(void **state)
{
    static const char *const files[] = {"t.jsonl", "t.csv", "t.tsv", "t.yaml"};
    struct folder *f = *state;
    char path[64];
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "%s/%s", f->path, files[i]);
        unlink(path);
    }
    tac_dataset_release(&f->data);
    tac_task_close(f->task);
    int failed = rmdir(f->path);
    free(f);
    return failed;
}

static void put(const struct folder *f, const char *name, const char *text)
{
    char path[64];
    struct tacit_err err;
    snprintf(path, sizeof path, "%s/%s", f->path, name);
    assert_ok(tac_file_write(path, text, strlen(text), &err), err);
}

static void open_task(struct folder *f, const char *yaml)
{
    struct tacit_err err;
    tac_task_close(f->task);
    assert_ok(tac_task_parse(&f->task, yaml, strlen(yaml), "t.yaml", &err), err);
}

static enum tacit_status load(struct folder *f, struct tac_dataset_options o, struct tacit_err *err)
{
    o.data_dir = f->path;
    o.split = o.split ? o.split : "train";
    tac_dataset_release(&f->data);
    return tac_dataset_load(&f->data, f->task, &o, err);
}

/* The task's only data file is `text`; loading must fail with the message. */
static void data_refused(struct folder *f, const char *text, const char *message)
{
    struct tacit_err err = {0};
    put(f, "t.jsonl", text);
    assert_fails(load(f, (struct tac_dataset_options){.need_gold = true}, &err), TACIT_EINPUT, err,
                 message);
    assert_null(f->data.example);
}

static void task_refused(const char *yaml, const char *message)
{
    struct tac_task *t;
    struct tacit_err err = {0};
    assert_fails(tac_task_parse(&t, yaml, strlen(yaml), "t.yaml", &err), TACIT_EINPUT, err,
                 message);
    assert_null(t);
}

static void refuses_bad_task_files(void **state)
{
    (void)state;
    task_refused(HEAD ANSWERS "inptu: x\n", "t.yaml:4: unknown key 'inptu' (known: name");
    task_refused("data: {train: t.jsonl}\n", "key 'name' is missing");
    task_refused("name: t\n", "key 'data' is missing");
    task_refused("name: t\ndata: {train: t.parquet}\n",
                 "t.yaml:2: 't.parquet': expected a name in");
    task_refused("name: t\ndata: {train: [../t.csv]}\n", "without '..'");
    task_refused("name: t\ndata: {train: []}\n", "split 'train': expected a file or a list");
    task_refused("name: t\ndata: {}\n", "expected 1 to 8 splits, found 0");
    task_refused(HEAD ANSWERS, "key 'input' is missing");
    task_refused(HEAD ANSWERS "input: fixed\n", "t.yaml:4: key 'input': has no {{field}}");
    task_refused(HEAD "input: '{{a}}'\n", "key 'answers': expected a map of labels");
    task_refused(HEAD "input: '{{a}}'\nanswers: {a: x}\n", "key 'answers': expected 2 to 256");
    task_refused(HEAD "input: '{{a}}'\nanswers:\n  a: x\n  b: x\n",
                 "t.yaml:6: the answer 'x' stands in line 5 already");
    task_refused(HEAD "input: '{{a}}'\nanswers: [x, '']\n", "answer '1' is empty");
    task_refused(HEAD ANSWERS "input: '{{a}}'\nmetric: bleu\n", "t.yaml:5: key 'metric': expected");
    task_refused(HEAD ANSWERS "input: '{{a}}'\nmetric: f1\n", "'f1' needs the key 'positive'");
    task_refused(HEAD ANSWERS "input: '{{a}}'\nmetric: group_exact\n", "needs the key 'group'");
    task_refused(HEAD ANSWERS "input: '{{a}}'\npositive: maybe\n", "'maybe' is not among");
    task_refused(HEAD ANSWERS "input: '{{a}}'\nexpand: [x]\n", "expected entries 'NAME: FIELD'");
    task_refused(HEAD ANSWERS "input: '{{a}}'\nmaps: {m: x}\n", "map 'm': expected a map of texts");
}

static void refuses_bad_templates(void **state)
{
    (void)state;
    task_refused(HEAD ANSWERS "input: 'x {{a'\n", "t.yaml:4: a field is not closed: '{{a'");
    task_refused(HEAD ANSWERS "input: 'x {{ }}'\n", "t.yaml:4: a field without a name");
    task_refused(HEAD ANSWERS "maps: {m: {}}\ninput: '{{a | upper}}'\n",
                 "unknown filter 'upper' (known: trim, no_period, lower_first, m)");
    task_refused(HEAD ANSWERS "input: '{{a|trim|trim|trim|trim|trim}}'\n", "more than 4 filters");
    task_refused(HEAD ANSWERS "input: [a]\n", "key 'input': expected a text, found a list");
    task_refused(HEAD "input: '{{a}}'\nanswers: [a, [b]]\n", "expected a text (a template)");
}

static void refuses_bad_marks(void **state)
{
    (void)state;
    task_refused(HEAD ANSWERS "input: '{{prompt}} {{a}} {{ prompt }}'\n",
                 "t.yaml:4: the mark {{prompt}} stands there more than once");
    task_refused(HEAD ANSWERS "input: '{{a}} {{prompt | trim}}'\n",
                 "t.yaml:4: the mark {{prompt}} takes no filters");
    task_refused(HEAD ANSWERS "input: 'a {{prompt}}'\n", "key 'input': has no {{field}}");
    task_refused(HEAD "input: '{{a}}'\nanswers:\n  yes: Yes\n  no: '{{prompt}} No'\n",
                 "t.yaml:6: answer 'no': the mark {{prompt}} belongs into 'input'");
    task_refused(HEAD "input: '{{a}}'\nanswers: ['{{prompt}}', '{{b}}']\n",
                 "answer '0': the mark {{prompt}} belongs into 'input'");
}

static void renders(void **state)
{
    struct folder *f = *state;
    struct tacit_err err;
    open_task(f, "name: t\ndata: {train: t.jsonl}\nmaps: {m: {x: seven}}\n"
                 "input: \"{{ s | trim}}|{{s|no_period|lower_first}}|{{o.k}}|{{o.l.1}}|{{i}}|{{b}}|"
                 "{{r}}|{{x | m}}}}\"\nanswers: ['{{s}}', ' {{pron|lower_first}}']\n");
    put(f, "t.jsonl",
        "{\"s\": \" A dog. \", \"o\": {\"k\": \"v\", \"l\": [1, \"two\"]}, \"i\": -3, \"b\": true, "
        "\"r\": 0.5, \"x\": \"x\", \"pron\": \"I ran\", \"label\": 1}");
    assert_ok(load(f, (struct tac_dataset_options){.need_gold = true}, &err), err);
    const struct tac_example *e = f->data.example;
    assert_int_equal(f->data.n, 1);
    assert_string_equal(e->input, "A dog.|a dog|v|two|-3|true|0.5|seven}}");
    assert_int_equal(e->n_input, strlen(e->input));
    assert_int_equal(e->n_answers, 2);
    assert_string_equal(e->answer[0], " A dog. ");
    assert_string_equal(e->answer[1], " I ran");
    assert_int_equal(e->n_answer[1], 6);
    assert_int_equal(e->gold, 1);
    assert_int_equal(e->group, 0);
    assert_false(f->task->fixed_answers);
}

/* Bytes before the mark; a field of its name, and of a bound one, is the row's behind a dot. */
static void finds_the_mark(void **state)
{
    static const struct {
        const char *input, *text;
        size_t mark;
    } cases[] = {
        {"{{a}} of {{ prompt }} {{b}}", "A dog of  x", 9},
        {"{{prompt}}{{a}}", "A dog", 0},
        {"{{a}}{{prompt}}", "A dog", 5},
        {"{{a}}", "A dog", 0},
        {"{{b}}{{prompt}}{{.prompt}} {{.o.prompt | trim}}", "xown inner", 1},
        {"{{o}}{{.o.prompt}}", "7 inner ", 0},
    };
    struct folder *f = *state;
    struct tacit_err err;
    put(f, "t.jsonl",
        "{\"a\": \"A dog\", \"b\": \"x\", \"prompt\": \"own\", \"l\": [7], "
        "\"o\": {\"prompt\": \" inner \"}}");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char yaml[256];
        snprintf(yaml, sizeof yaml, HEAD ANSWERS "expand: [o: l]\ninput: '%s'\n", cases[i].input);
        open_task(f, yaml);
        assert_ok(load(f, (struct tac_dataset_options){0}, &err), err);
        assert_string_equal(f->data.example->input, cases[i].text);
        assert_int_equal(f->data.example->mark, cases[i].mark);
    }
}

static void reads_every_kind_of_label(void **state)
{
    struct folder *f = *state;
    struct tacit_err err;
    open_task(f, HEAD "input: '{{a}}'\nanswers: {\"true\": T, \"0\": Z, word: W}\n");
    put(f, "t.jsonl",
        "{\"a\": 1, \"label\": true}\n{\"a\": 2, \"label\": 0}\n{\"a\": 3, \"label\": \"word\"}\n"
        "{\"a\": 4}\n{\"a\": 5, \"label\": null}\n{\"a\": 6, \"label\": -1}\n");
    assert_ok(load(f, (struct tac_dataset_options){0}, &err), err);
    static const int want[] = {0, 1, 2, -1, -1, -1};
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(f->data.example[i].gold, want[i]);
    assert_ptr_equal(f->data.example[0].answer, f->data.example[5].answer);
}

static void refuses_bad_data(void **state)
{
    struct folder *f = *state;
    open_task(f, HEAD ANSWERS "maps: {m: {x: y}}\ninput: '{{a.b}}{{c | m}}'\n");
    data_refused(f, "{\"a\": {\"b\": \"x\"}, \"c\": \"x\", \"label\": \"yes\"}\n{\"a\": 1}\n",
                 "/t.jsonl:2: field 'a.b' is missing");
    data_refused(f, "{\"a\": {\"b\": [1]}}",
                 "/t.jsonl:1: field 'a.b': expected a text or a number, "
                 "found an array");
    data_refused(f, "{\"a\": {\"b\": \"x\"}, \"c\": \"z\", \"label\": \"yes\"}",
                 "field 'c': 'z' is not in the task's map 'm'");
    data_refused(
        f, "{\"a\": {\"b\": \"x\"}, \"c\": \"x\", \"label\": \"maybe\"}",
        "/t.jsonl:1: field 'label': expected a label of the task (yes, no), found 'maybe'");
    data_refused(f, "{\"a\": {\"b\": \"x\"}, \"c\": \"x\"}", "t.jsonl:1: has no label");
    data_refused(f, "", "t.jsonl: holds no examples");
    data_refused(f, "{\"a\": }", "t.jsonl:1: is no valid JSON");
    data_refused(f, "{\"a\": \"\xff\"}", "t.jsonl:1: is not UTF-8");
    open_task(f, HEAD ANSWERS "input: '{{a}}'\n");
    data_refused(f, "{\"a\": \"\", \"label\": \"yes\"}", "t.jsonl:1: gives an empty input");
    open_task(f, HEAD "answers: ['{{x}}', y]\ninput: '{{a}}'\n");
    data_refused(f, "{\"a\": \"a\", \"x\": \"\"}", "t.jsonl:1: gives an empty answer");
    open_task(f, HEAD ANSWERS "input: '{{a}}'\ngroup: g\n");
    data_refused(f, "{\"a\": \"a\", \"label\": \"no\"}",
                 "field 'g': expected an integer, found nothing");
}

static void names_absent_splits(void **state)
{
    struct folder *f = *state;
    struct tacit_err err;
    open_task(
        f, "name: t\ndata: {train: [t.jsonl, sub/t.jsonl], test: t.csv}\ninput: '{{a}}'\n" ANSWERS);
    assert_fails(load(f, (struct tac_dataset_options){.split = "dev"}, &err), TACIT_EINPUT, err,
                 "task 't' has no split 'dev' (it has: train, test)");
    assert_fails(load(f, (struct tac_dataset_options){.split = "train"}, &err), TACIT_EINPUT, err,
                 "split 'train' of task 't' is not there: looked for ");
    assert_non_null(strstr(err.msg, "/t.jsonl, "));
    assert_non_null(strstr(err.msg, "/sub/t.jsonl"));
    put(f, "t.csv", "a\n\"x\n");
    assert_fails(load(f, (struct tac_dataset_options){.split = "test"}, &err), TACIT_EINPUT, err,
                 "t.csv:2: the quote that opens here");
}

static void finds_data_beside_the_task(void **state)
{
    struct folder *f = *state;
    struct tacit_err err;
    char path[64];
    put(f, "t.yaml", HEAD ANSWERS "input: '{{a}}'\n");
    put(f, "t.jsonl", "{\"a\": 1}");
    snprintf(path, sizeof path, "%s/t.yaml", f->path);
    assert_ok(tac_task_open(&f->task, path, &err), err);
    assert_ok(
        tac_dataset_load(&f->data, f->task, &(struct tac_dataset_options){.split = "train"}, &err),
        err);
    assert_int_equal(f->data.n, 1);
}

static void expands_lists(void **state)
{
    struct folder *f = *state;
    struct tacit_err err;
    open_task(f, HEAD "expand: [q: p.qs, a: q.as]\ninput: '{{p.text}} {{q.t}} {{a.t}} {{a}}'\n"
                      "answers: [' n', ' y']\nlabel: a.label\ngroup: q.idx\n");
    put(f, "t.jsonl", "{\"p\": {\"text\": 1, \"qs\": [{\"t\": 2, \"idx\": 9, \"as\": []}]}}\n");
    assert_fails(load(f, (struct tac_dataset_options){0}, &err), TACIT_EINPUT, err,
                 "holds no examples");
    put(f, "t.jsonl",
        "{\"p\": {\"text\": 1, \"qs\": [{\"t\": 2, \"idx\": 9, \"as\": [{\"t\": 3, \"label\": "
        "1}]}]}}\n");
    assert_fails(load(f, (struct tac_dataset_options){0}, &err), TACIT_EINPUT, err,
                 "field 'a': expected a text or a number, found an object");
    open_task(f, HEAD "expand: [q: p.qs, a: q.as]\ninput: '{{p.text}} {{q.t}} {{a.t}}'\n"
                      "answers: [' n', ' y']\nlabel: a.label\ngroup: q.idx\n");
    put(f, "t.jsonl",
        "{\"p\": {\"text\": 1, \"qs\": [{\"t\": 2, \"idx\": 9, \"as\": [{\"t\": 3, \"label\": 1}, "
        "{\"t\": 4, "
        "\"label\": 0}]}, {\"t\": 5, \"idx\": 8, \"as\": [{\"t\": 6, \"label\": 1}]}]}}\n");
    assert_ok(load(f, (struct tac_dataset_options){.need_gold = true}, &err), err);
    assert_int_equal(f->data.n, 3);
    assert_string_equal(f->data.example[1].input, "1 2 4");
    assert_string_equal(f->data.example[2].input, "1 5 6");
    assert_int_equal(f->data.example[1].group, 9);
    assert_int_equal(f->data.example[2].group, 8);
    assert_int_equal(f->data.example[1].gold, 0);
    assert_ok(load(f, (struct tac_dataset_options){.limit = 2}, &err), err);
    assert_int_equal(f->data.n, 2);
    data_refused(f, "{\"p\": {\"text\": 1}}", "field 'p.qs': expected an array, found nothing");
}

/* A name that begins another is not taken for it. */
static void tells_names_apart(void **state)
{
    struct folder *f = *state;
    struct tacit_err err;
    open_task(
        f, HEAD
        "expand: [as: p, a: as.l]\ninput: '{{as.t}} {{a.t}} {{asp}}'\nanswers: [' n', ' y']\n");
    put(f, "t.jsonl", "{\"p\": [{\"t\": 1, \"l\": [{\"t\": 2}]}], \"asp\": 3}\n");
    assert_ok(load(f, (struct tac_dataset_options){0}, &err), err);
    assert_string_equal(f->data.example[0].input, "1 2 3");
}

static void draws_shots(void **state)
{
    struct folder *f = *state;
    struct tacit_err err;
    struct tac_buf text = {0};
    open_task(f, HEAD ANSWERS "input: '{{a}}'\n");
    for (int i = 0; i < 100; i++)
        assert_ok(
            tac_buf_addf(&text, &err, "{\"a\": %d, \"label\": \"%s\"}\n", i, i % 3 ? "yes" : "no"),
            err);
    put(f, "t.jsonl", text.data);
    tac_buf_release(&text);
    size_t first[10];
    struct tac_dataset_options o = {.shots = 5, .seed = 7};
    assert_ok(load(f, o, &err), err);
    assert_int_equal(f->data.n, 10);
    int gold[2] = {0};
    for (size_t i = 0; i < 10; i++) {
        first[i] = f->data.example[i].index;
        gold[f->data.example[i].gold]++;
        assert_true(i == 0 || first[i] > first[i - 1]);
        assert_int_equal(f->data.example[i].line, first[i] + 1);
    }
    assert_int_equal(gold[0], 5);
    assert_ok(load(f, o, &err), err);
    for (size_t i = 0; i < 10; i++)
        assert_int_equal(f->data.example[i].index, first[i]);
    o.seed = 8;
    assert_ok(load(f, o, &err), err);
    size_t same = 0;
    for (size_t i = 0; i < 10; i++)
        same += f->data.example[i].index == first[i];
    assert_true(same < 10);
    o.limit = 3;
    assert_ok(load(f, o, &err), err);
    assert_int_equal(f->data.n, 3);
    o.shots = 40;
    assert_fails(load(f, o, &err), TACIT_EINPUT, err,
                 "has 34 examples with the label 'no', 40 of each");
}

static void finds_tasks_by_name(void **state)
{
    (void)state;
    char *path;
    struct tacit_err err;
    assert_ok(tac_task_find(&path, "rte", dirs, 1, &err), err);
    assert_string_equal(path, "tasks/rte.yaml");
    free(path);
    assert_ok(tac_task_find(&path, "my.yaml", dirs, 1, &err), err);
    assert_string_equal(path, "my.yaml");
    free(path);
    assert_fails(tac_task_find(&path, "rtf", dirs, 1, &err), TACIT_EINPUT, err,
                 "no task 'rtf' in tasks (known: boolq, cb, copa, multirc, rte");
    assert_null(path);
}

/* Examples of each shipped task over the shared data, and the first input and answer of the split.
 */
static void renders_the_shipped_tasks(void **state)
{
    static const struct {
        const char *task, *dir, *split;
        size_t n;
        const char *begins, *ends, *gold; /* of the first example */
    } cases[] = {
        {"rte", "superglue", "train", 2490,
         "No Weapons of Mass Destruction Found in Iraq Yet.\nQuestion: ",
         " Found in Iraq. True or False?\nAnswer:", " False"},
        {"rte", "fewglue", "validation", 277, "Dana Reeve", " True or False?\nAnswer:", " False"},
        {"rte", "superglue", "test", 3000, "Mangla", " True or False?\nAnswer:", NULL},
        {"wsc", "superglue", "train", 554, "Mark told Pete",
         "\nQuestion: does \"He\" mean \"Mark\"?\nAnswer:", " No"},
        {"wsc", "superglue", "test", 146, "Maude and Dora", "?\nAnswer:", NULL},
        {"wic", "fewglue", "validation", 638, "An emerging professional class.\n",
         "\"class\" mean the same in both sentences?\nAnswer:", " No"},
        {"boolq", "fewglue", "validation", 3270, "Ethanol fuel -- ",
         "\nQuestion: does ethanol take more energy make that produces?\nAnswer:", " No"},
        {"cb", "fewglue", "validation", 56, "Valence the void-brain",
         "\nQuestion: Valence was helping. True, False or Neither?\nAnswer:", " False"},
        {"copa", "fewglue", "validation", 100, "The man turned on", "the faucet so",
         " water flowed from the spout."},
        {"multirc", "fewglue", "validation", 4848, "What causes a change in motion?",
         "\nAnswer: No\nIs this answer correct?", " No"},
        {"sst2", "sst2", "train", 1000, "hide new",
         "units\nQuestion: is this positive or negative?\nAnswer:", " Negative"},
        {"twitter", "raft", "train", 50, "Tweet text : @HMRC",
         "this is my first job Label :", " no complaint"},
        {"twitter", "raft", "test", 3399, "Tweet text : @Burberry", " Label :", NULL},
    };
    (void)state;
    char root[1024], dir[1100], *path;
    if (!shared_path(root, "data/README.md"))
        skip();
    *strrchr(root, '/') = '\0';
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tac_task *t;
        struct tac_dataset s;
        struct tacit_err err;
        snprintf(dir, sizeof dir, "%s/%s", root, cases[i].dir);
        assert_ok(tac_task_find(&path, cases[i].task, dirs, 1, &err), err);
        assert_ok(tac_task_open(&t, path, &err), err);
        struct tac_dataset_options o = {
            .data_dir = dir, .split = cases[i].split, .need_gold = cases[i].gold != NULL};
        assert_ok(tac_dataset_load(&s, t, &o, &err), err);
        assert_int_equal(s.n, cases[i].n);
        const struct tac_example *e = s.example;
        assert_true(tac_starts_with(e->input, cases[i].begins));
        assert_true(tac_ends_with(e->input, cases[i].ends));
        assert_int_equal(e->gold >= 0, cases[i].gold != NULL);
        if (cases[i].gold)
            assert_string_equal(e->answer[e->gold], cases[i].gold);
        assert_true(*t->description);
        tac_dataset_release(&s);
        tac_task_close(t);
        free(path);
    }
}

/* One id a byte, its code; an 'x' has none, and a '!' cannot be encoded. */
static enum tacit_status encode_bytes(void *self, struct tac_ids *out, const char *text, size_t n,
                                      unsigned how, struct tacit_err *err)
{
    (void)how;
    ++*(size_t *)self;
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '!')
            return tac_fail(err, TACIT_EFAIL, "cannot encode '!'");
        if (text[i] == 'x')
            continue;
        enum tacit_status s = tac_grow(&out->id, &out->cap, out->n + 1, sizeof *out->id, err);
        if (s)
            return s;
        out->id[out->n++] = text[i];
    }
    return TACIT_OK;
}

static enum tacit_status render_rows(struct tac_rendered *r, struct folder *f, const char *rows,
                                     size_t max_length, size_t *calls, struct tacit_err *err)
{
    struct tac_text_encoder encoder = {encode_bytes, calls, 0};
    *calls = 0;
    put(f, "t.jsonl", rows);
    assert_ok(load(f, (struct tac_dataset_options){0}, err), *err);
    return tac_render(r, &f->data, &encoder, max_length, err);
}

static void renders_ids(void **state)
{
    struct folder *f = *state;
    struct tacit_err err;
    struct tac_rendered r;
    size_t calls;
    open_task(f, HEAD ANSWERS "input: '{{a}}'\n");
    static const char rows[] = "{\"a\": \"abcdef\"}\n{\"a\": \"gh\"}\n{\"a\": \"ijk\"}\n";
    assert_ok(render_rows(&r, f, rows, 0, &calls, &err), err);
    assert_int_equal(r.n, 3);
    assert_int_equal(calls, 3 + 2);
    assert_int_equal(r.truncated, 0);
    assert_int_equal(r.longest, 6 + 4);
    assert_int_equal(r.example[0].n_ctx, 6);
    assert_int_equal(r.example[0].n_answer[0], 4);
    assert_memory_equal(r.example[2].answer[1], ((int32_t[]){' ', 'N', 'o'}), 12);
    tac_rendered_release(&r);

    assert_ok(render_rows(&r, f, rows, 7, &calls, &err), err);
    assert_int_equal(r.truncated, 1);
    assert_int_equal(r.longest, 7);
    assert_int_equal(r.example[0].n_ctx, 3);
    assert_memory_equal(r.example[0].ctx, ((int32_t[]){'d', 'e', 'f'}), 12);
    assert_int_equal(r.example[2].n_ctx, 3);
    tac_rendered_release(&r);
}

/* Texts before and behind the mark are encoded apart; a cut on the left moves the mark, and one
 * that goes behind it leaves the prompt in front. */
static void renders_marks(void **state)
{
    static const struct {
        const char *input;
        size_t max_length, at, n_ctx, calls;
    } cases[] = {
        {"{{a}}{{prompt}}{{b}}", 0, 3, 5, 2 + 2}, {"{{a}}{{prompt}}{{b}}", 8, 2, 4, 2 + 2},
        {"{{a}}{{prompt}}{{b}}", 6, 0, 2, 2 + 2}, {"{{a}}{{prompt}}{{b}}", 5, 0, 1, 2 + 2},
        {"{{a}}{{prompt}}", 0, 3, 3, 2 + 1},      {"{{a}}{{prompt}}", 5, 1, 1, 2 + 1},
        {"{{prompt}}{{a}}", 0, 0, 3, 2 + 1},      {"{{a}}{{prompt}}x", 0, 3, 3, 2 + 2},
        {"x{{prompt}}{{a}}", 0, 0, 3, 2 + 2},
    };
    struct folder *f = *state;
    struct tacit_err err;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tac_rendered r;
        size_t calls;
        char yaml[256];
        snprintf(yaml, sizeof yaml, HEAD ANSWERS "input: '%s'\n", cases[i].input);
        open_task(f, yaml);
        assert_ok(render_rows(&r, f, "{\"a\": \"abc\", \"b\": \"de\"}", cases[i].max_length, &calls,
                              &err),
                  err);
        assert_int_equal(r.example->at, cases[i].at);
        assert_int_equal(r.example->n_ctx, cases[i].n_ctx);
        assert_int_equal(calls, cases[i].calls);
        bool both = strstr(cases[i].input, "{{b}}");
        for (size_t k = 0; k < r.example->n_ctx; k++)
            assert_int_equal(r.example->ctx[k], "abcde"[(both ? 5 : 3) - r.example->n_ctx + k]);
        tac_rendered_release(&r);
    }
}

/* As encode_bytes, with a '<' before a text that begins and a '+' before one that continues. */
static enum tacit_status encode_stands(void *self, struct tac_ids *out, const char *text, size_t n,
                                       unsigned how, struct tacit_err *err)
{
    const char *before = how & TACIT_TEXT_BEGINS ? "<" : how & TACIT_TEXT_CONTINUES ? "+" : "";
    enum tacit_status s = encode_bytes(self, out, before, strlen(before), 0, err);
    return s ? s : encode_bytes(self, out, text, n, 0, err);
}

/* What the tokenizer puts before a text stands at the beginning of the input, and is never cut. */
static void renders_beginnings(void **state)
{
    static const struct {
        const char *input;
        size_t max_length, at;
        const char *ctx;
    } cases[] = {
        {"{{a}}", 0, 0, "<abc"},
        {"{{a}}", 8, 0, "<bc"},
        {"{{a}}{{prompt}}{{b}}", 0, 4, "<abc+de"},
        {"{{a}}{{prompt}}{{b}}", 10, 2, "<c+de"},
        {"{{a}}{{prompt}}{{b}}", 8, 0, "<de"},
        {"{{prompt}}{{a}}", 0, 0, "<abc"},
    };
    struct folder *f = *state;
    struct tacit_err err;
    size_t calls = 0;
    struct tac_text_encoder encoder = {encode_stands, &calls, 1};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tac_rendered r;
        char yaml[256];
        snprintf(yaml, sizeof yaml, HEAD ANSWERS "input: '%s'\n", cases[i].input);
        open_task(f, yaml);
        put(f, "t.jsonl", "{\"a\": \"abc\", \"b\": \"de\"}");
        assert_ok(load(f, (struct tac_dataset_options){0}, &err), err);
        assert_ok(tac_render(&r, &f->data, &encoder, cases[i].max_length, &err), err);
        assert_int_equal(r.example->at, cases[i].at);
        assert_int_equal(r.example->n_ctx, strlen(cases[i].ctx));
        for (size_t k = 0; k < r.example->n_ctx; k++)
            assert_int_equal(r.example->ctx[k], cases[i].ctx[k]);
        assert_memory_equal(r.example->answer[1], ((int32_t[]){'+', ' ', 'N', 'o'}), 16);
        tac_rendered_release(&r);
    }
    assert_ok(load(f, (struct tac_dataset_options){0}, &err), err);
    struct tac_rendered r;
    assert_fails(tac_render(&r, &f->data, &encoder, 6, &err), TACIT_EINPUT, err, "leaves no room");
}

static void renders_answers_of_each_example(void **state)
{
    struct folder *f = *state;
    struct tacit_err err;
    struct tac_rendered r;
    size_t calls;
    open_task(f, HEAD "answers: ['{{b}}', c]\ninput: '{{a}}'\n");
    assert_ok(render_rows(&r, f, "{\"a\": \"abc\", \"b\": \"de\"}\n{\"a\": \"f\", \"b\": \"g\"}\n",
                          4, &calls, &err),
              err);
    assert_int_equal(calls, 6);
    assert_int_equal(r.example[0].n_ctx, 2);
    assert_int_equal(r.example[0].n_answer[0], 2);
    assert_int_equal(r.example[1].answer[0][0], 'g');
    tac_rendered_release(&r);
}

static void refuses_texts_without_ids(void **state)
{
    struct folder *f = *state;
    struct tacit_err err;
    struct tac_rendered r;
    size_t calls;
    open_task(f, HEAD "answers: ['{{b}}', c]\ninput: '{{a}}'\n");
    assert_fails(render_rows(&r, f, "{\"a\": \"a\", \"b\": \"b\"}\n{\"a\": \"xx\", \"b\": \"b\"}",
                             0, &calls, &err),
                 TACIT_EINPUT, err, "/t.jsonl:2: the input 'xx' gives no tokens");
    assert_null(r.example);
    assert_fails(render_rows(&r, f, "{\"a\": \"a\", \"b\": \"x\"}", 0, &calls, &err), TACIT_EINPUT,
                 err, "/t.jsonl:1: the answer 'x' gives no tokens");
    assert_fails(render_rows(&r, f, "{\"a\": \"a\", \"b\": \"1234\"}", 4, &calls, &err),
                 TACIT_EINPUT, err, "an answer has 4 tokens, which leaves no room");
    assert_fails(render_rows(&r, f, "{\"a\": \"a!\", \"b\": \"1\"}", 4, &calls, &err), TACIT_EFAIL,
                 err, "/t.jsonl:1: cannot encode '!'");
    open_task(f, HEAD ANSWERS "input: '{{a}}{{prompt}}{{b}}'\n");
    assert_fails(render_rows(&r, f, "{\"a\": \"x\", \"b\": \"xx\"}", 0, &calls, &err), TACIT_EINPUT,
                 err, "/t.jsonl:1: the input 'xxx' gives no tokens");
    assert_fails(render_rows(&r, f, "{\"a\": \"!\", \"b\": \"b\"}", 0, &calls, &err), TACIT_EFAIL,
                 err, "/t.jsonl:1: cannot encode '!'");
}

static void loads_the_demo(void **state)
{
    (void)state;
    struct tac_task *t;
    struct tac_dataset d;
    struct tacit_err err;
    assert_ok(tac_task_open(&t, "demo/task.yaml", &err), err);
    struct tac_dataset_options o = {.split = "validation", .shots = 40, .need_gold = true};
    assert_ok(tac_dataset_load(&d, t, &o, &err), err);
    assert_int_equal(d.n, 80);
    tac_dataset_release(&d);
    o = (struct tac_dataset_options){.split = "train", .shots = 120, .need_gold = true};
    assert_ok(tac_dataset_load(&d, t, &o, &err), err);
    assert_int_equal(d.n, 240);
    assert_string_equal(d.example[1].answer[d.example[1].gold], " plant");
    tac_dataset_release(&d);
    tac_task_close(t);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, enter, leave)

int main(void)
{
    const struct CMUnitTest files[] = {
        cmocka_unit_test(refuses_bad_task_files), cmocka_unit_test(refuses_bad_templates),
        cmocka_unit_test(refuses_bad_marks), cmocka_unit_test(finds_tasks_by_name)};
    const struct CMUnitTest splits[] = {
        IN_FOLDER(renders),          IN_FOLDER(reads_every_kind_of_label),
        IN_FOLDER(refuses_bad_data), IN_FOLDER(names_absent_splits),
        IN_FOLDER(expands_lists),    IN_FOLDER(finds_data_beside_the_task),
        IN_FOLDER(draws_shots),      IN_FOLDER(tells_names_apart),
        IN_FOLDER(finds_the_mark)};
    const struct CMUnitTest ids[] = {
        IN_FOLDER(renders_ids), IN_FOLDER(renders_marks), IN_FOLDER(renders_beginnings),
        IN_FOLDER(renders_answers_of_each_example), IN_FOLDER(refuses_texts_without_ids)};
    const struct CMUnitTest shipped[] = {cmocka_unit_test(renders_the_shipped_tasks),
                                         cmocka_unit_test(loads_the_demo)};
    return cmocka_run_group_tests_name("task: files", files, NULL, NULL) +
           cmocka_run_group_tests_name("task: splits", splits, NULL, NULL) +
           cmocka_run_group_tests_name("task: ids", ids, NULL, NULL) +
           cmocka_run_group_tests_name("task: shipped", shipped, NULL, NULL);
}

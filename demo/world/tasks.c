/* The downstream tasks: rows for the templates of demo/tasks/NAME.yaml. */
#include "world.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* Sizes of splits. */
enum { SPLITS = 3 };
static const char *const split_name[SPLITS] = {"train", "dev", "test"};
static const int main_size[SPLITS] = {240, 100, 400}, small_size[SPLITS] = {120, 60, 200};

/* The corpus was made without the inputs of the first twelve, which are drawn in their order for
 * that; four of them are tasks no more. Those that came later have a held-out name or word in every
 * input of every split, so that no document can have it. */
enum kind { TASK, RETIRED, LATE };

struct task {
    const char *name;
    enum kind is;
    enum family family;
    const int *size;
    const char *answer[2];          /* no, yes */
    const char *field[ITEM_FIELDS]; /* names of the input's parts */
};
static const struct task task_of[] = {
    {"entail", TASK, F_ENTAIL, main_size, {"false", "true"}, {"premise", "hypothesis"}},
    {"pronoun", TASK, F_PRONOUN, main_size, {"false", "true"}, {"pronoun", "name", "text"}},
    {"sense", TASK, F_SENSE, main_size, {"no", "yes"}, {"word", "sentence1", "sentence2"}},
    {"story", TASK, F_STORY, main_size, {"no", "yes"}, {"question", "passage"}},
    {"reverse", TASK, F_REVERSE, small_size, {"false", "true"}, {"statement1", "statement2"}},
    {"person", TASK, F_SAME_PERSON, small_size, {"no", "yes"}, {"statement1", "statement2"}},
    {"colour", RETIRED, F_COLOUR2, small_size, {"no", "yes"}, {"statement1", "statement2"}},
    {"opposite", RETIRED, F_OPPOSITE, small_size, {"no", "yes"}, {"statement1", "statement2"}},
    {"next", TASK, F_NEXT, small_size, {"no", "yes"}, {"event1", "event2"}},
    {"first", TASK, F_NAMED_FIRST, small_size, {"false", "true"}, {"pronoun", "name", "text"}},
    {"member", RETIRED, F_MEMBER, small_size, {"no", "yes"}, {"kind", "words"}},
    {"more", RETIRED, F_MORE, small_size, {"no", "yes"}, {"question", "passage"}},
    {"last", LATE, F_NAMED_LAST, small_size, {"false", "true"}, {"pronoun", "name", "text"}},
    {"when", LATE, F_TIME1, small_size, {"no", "yes"}, {"statement1", "statement2"}},
    {"shorter", LATE, F_SHORTER2, small_size, {"no", "yes"}, {"statement1", "statement2"}},
    {"people", LATE, F_SENSE_PERSON, small_size, {"no", "yes"}, {"word", "sentence1", "sentence2"}},
};

/* The descriptions of the first twelve tasks in the order above, demo/wordings.yaml, and the
 * descriptions of the later tasks; none is in a document. Chosen once, before any model was
 * trained, but for the first four and the last four: the first were chosen on the dev sets of the
 * model inside the program, in the terms of SuperGLUE's own tasks, which it never saw
 * (demo/README.md), the last after it was trained. */
static const char *const wording_of[] = {
    "Is the hypothesis entailed by the premise?",
    "Does the pronoun refer to the given noun?",
    "Judge the senses of the word.",
    "Answer the question using the passage.",
    "Say true if the first statement follows from the second, and false if it does not.",
    "Say yes if both statements name one and the same person, and no if they do not.",
    "Say yes if the second statement tells a colour, and no if it does not.",
    "Say yes if the two statements end in words of opposite meaning, and no if they do not.",
    "Say yes if the second event usually comes next, and no if it does not.",
    "Say true if the text names the given one before all others, and false if it does not.",
    "Say yes if a word of the list is of the given kind, and no if none is.",
    "Say yes if the numbers in the text make it so, and no if they do not.",

    "Is the second sentence true whenever the first one is true? True or false?",
    "Decide whether line 1 proves line 2. Answer true or false.",
    "The first line is a fact. Must the second line then be a fact too? True or false?",
    "Textual entailment: does statement 1 entail statement 2? Answer with true or false.",
    "If you believe the first sentence, do you have to believe the second? Reply true or false.",
    "Check the second line against the first: true if it is implied, false if it is not.",

    "Does the pronoun in the text mean the one in the first line? True or false?",
    "Decide whether the name is the antecedent of the pronoun. Answer true or false.",
    "In the text below, is this what the pronoun refers to? True or false?",
    "Coreference: do the pronoun and the name mean one person or thing? Answer true or false.",
    "Who or what is the pronoun? Reply true if line 1 tells it correctly, false if it is wrong.",
    "True or false: the writer uses the pronoun for the named one.",

    "Is the word used with one meaning in the two sentences? Yes or no?",
    "Decide whether sentence 1 and sentence 2 use the word in a single sense. Answer yes or no.",
    "Here is a word and two lines with it. Does it mean one thing in both? Yes or no?",
    "Word sense: same in both sentences or not? Answer with yes or no.",
    "Could one definition of the word explain both lines? Reply yes or no.",
    "Compare how the two sentences use the word: yes if alike, no if different.",

    "Read the passage and say whether the answer to the question is yes or no.",
    "Decide from the text: yes or no?",
    "Here is a question and a passage that answers it. Is it yes or no?",
    "Reading comprehension: answer the question about the text with yes or no.",
    "What would the writer of the text answer to the question? Reply yes or no.",
    "Check the question against the story: yes if it is so, no if it is not so.",

    "Say true if nobody is named in the text after the given one, and false if somebody is.",
    "Say yes if the first statement tells the time, and no if it leaves it open.",
    "Say yes if the second statement is written with fewer letters, and no if it is not.",
    "Say yes if the two sentences have a person in common, and no if they have none.",
};

const char *reserved_wording(int i)
{
    return i < COUNT(wording_of) ? wording_of[i] : NULL;
}

/* A row of a split: an item that no split of any task has. */
static void draw_row(struct world *w, const struct task *t, int want, struct hash_set *inputs,
                     struct item *item)
{
    struct text input;
    do {
        draw_item(w, t->family, want, item);
        item_input(item, &input);
    } while (hash_set_has(inputs, hash_text(input.s)) ||
             (t->is == LATE && !has_held_out_word(input.s)));
    hash_set_add(inputs, hash_text(input.s));
}

static void print_row(FILE *f, const struct task *t, const struct item *item, int yes)
{
    fputc('{', f);
    for (int i = 0; i < ITEM_FIELDS && t->field[i]; i++) {
        print_json(f, t->field[i]);
        fputs(": ", f);
        print_json(f, item->field[i].s);
        fputs(", ", f);
    }
    if (*item->kind)
        fprintf(f, "\"type\": \"%s\", ", item->kind);
    fprintf(f, "\"label\": \"%s\"}\n", t->answer[yes]);
}

/* As many yes as no, in no order. */
static void draw_labels(struct rng *r, int *label, int n)
{
    for (int i = 0; i < n; i++)
        label[i] = i % 2;
    for (int i = n - 1; i > 0; i--) {
        int k = rng_below(r, i + 1), was = label[i];
        label[i] = label[k];
        label[k] = was;
    }
}

static void make_split(uint64_t seed, int task, int split, struct hash_set *inputs, FILE *f)
{
    const struct task *t = &task_of[task];
    int label[400];
    struct world w = {rng_init(seed, UINT64_MAX - (uint64_t)task, (uint64_t)split),
                      split || t->is == LATE ? FOR_EVAL : FOR_TRAIN, 0, 100, 10};
    struct item item;
    draw_labels(&w.rng, label, t->size[split]);
    for (int i = 0; i < t->size[split]; i++) {
        draw_row(&w, t, label[i], inputs, &item);
        if (f)
            print_row(f, t, &item, label[i]);
    }
}

void tasks_inputs(uint64_t seed, struct hash_set *inputs)
{
    for (int task = 0; task < COUNT(task_of); task++)
        for (int split = 0; split < SPLITS && task_of[task].is != LATE; split++)
            make_split(seed, task, split, inputs, NULL);
}

static void make_folder(const char *path)
{
    if (mkdir(path, 0777) && errno != EEXIST)
        die("%s: %s", path, strerror(errno));
}

static void write_split(const char *dir, uint64_t seed, int task, int split,
                        struct hash_set *inputs)
{
    struct text path;
    set(&path, "%s/%s/%s.jsonl", dir, task_of[task].name, split_name[split]);
    FILE *f = fopen(path.s, "w");
    if (!f)
        die("%s: %s", path.s, strerror(errno));
    make_split(seed, task, split, inputs, f);
    if (fclose(f))
        die("%s: %s", path.s, strerror(errno));
}

int world_tasks(const char *dir, uint64_t seed)
{
    static struct hash_set inputs; /* a quarter of a megabyte */
    struct text path;
    make_folder(dir);
    for (int task = 0; task < COUNT(task_of); task++) {
        bool retired = task_of[task].is == RETIRED; /* no other task has its inputs */
        set(&path, "%s/%s", dir, task_of[task].name);
        if (!retired)
            make_folder(path.s);
        for (int split = 0; split < SPLITS; split++) {
            if (retired)
                make_split(seed, task, split, &inputs, NULL);
            else
                write_split(dir, seed, task, split, &inputs);
        }
    }
    return 0;
}

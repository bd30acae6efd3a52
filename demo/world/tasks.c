/* The downstream tasks: rows for the templates of demo/tasks/NAME.yaml. */
#include "world.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* Sizes of splits. */
enum { SPLITS = 3 };
static const char *const split_name[SPLITS] = {"train", "dev", "test"};
static const int main_size[SPLITS] = {240, 100, 400}, small_size[SPLITS] = {120, 60, 200};

struct task {
    const char *name;
    enum family family;
    const int *size;
    const char *answer[2];          /* no, yes */
    const char *field[ITEM_FIELDS]; /* names of the input's parts */
};
static const struct task task_of[] = {
    {"entail", F_ENTAIL, main_size, {"false", "true"}, {"premise", "hypothesis"}},
    {"pronoun", F_PRONOUN, main_size, {"false", "true"}, {"pronoun", "name", "text"}},
    {"sense", F_SENSE, main_size, {"no", "yes"}, {"word", "sentence1", "sentence2"}},
    {"story", F_STORY, main_size, {"no", "yes"}, {"question", "passage"}},
    {"reverse", F_REVERSE, small_size, {"false", "true"}, {"statement1", "statement2"}},
    {"person", F_SAME_PERSON, small_size, {"no", "yes"}, {"statement1", "statement2"}},
    {"colour", F_COLOUR2, small_size, {"no", "yes"}, {"statement1", "statement2"}},
    {"opposite", F_OPPOSITE, small_size, {"no", "yes"}, {"statement1", "statement2"}},
    {"next", F_NEXT, small_size, {"no", "yes"}, {"event1", "event2"}},
    {"first", F_NAMED_FIRST, small_size, {"false", "true"}, {"pronoun", "name", "text"}},
    {"member", F_MEMBER, small_size, {"no", "yes"}, {"kind", "words"}},
    {"more", F_MORE, small_size, {"no", "yes"}, {"question", "passage"}},
};

/* The descriptions in demo/tasks/NAME.yaml in the order above, and demo/wordings.yaml: chosen
 * once, before any model was trained, and in no document. */
static const char *const wording_of[] = {
    "Say true if the second statement follows from the first, and false if it does not.",
    "Say true if the pronoun stands for the given name, and false if it does not.",
    "Say yes if the word has the same meaning in both sentences, and no if it does not.",
    "Say yes if the answer to the question is yes in the text, and no if it is not.",
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
    } while (hash_set_has(inputs, hash_text(input.s)));
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
                      split ? FOR_EVAL : FOR_TRAIN, 0, 100, 10};
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
        for (int split = 0; split < SPLITS; split++)
            make_split(seed, task, split, inputs, NULL);
}

static void make_folder(const char *path)
{
    if (mkdir(path, 0777) && errno != EEXIST)
        die("%s: %s", path, strerror(errno));
}

int world_tasks(const char *dir, uint64_t seed)
{
    static struct hash_set inputs; /* a quarter of a megabyte */
    struct text path;
    make_folder(dir);
    for (int task = 0; task < COUNT(task_of); task++) {
        set(&path, "%s/%s", dir, task_of[task].name);
        make_folder(path.s);
        for (int split = 0; split < SPLITS; split++) {
            set(&path, "%s/%s/%s.jsonl", dir, task_of[task].name, split_name[split]);
            FILE *f = fopen(path.s, "w");
            if (!f)
                die("%s: %s", path.s, strerror(errno));
            make_split(seed, task, split, &inputs, f);
            if (fclose(f))
                die("%s: %s", path.s, strerror(errno));
        }
    }
    return 0;
}

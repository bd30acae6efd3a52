/* The pretraining documents, in the order of training: a curriculum without abrupt changes. */
#include "world.h"

#include <string.h>

/* A waypoint: from `at` thousandths of the corpus on, what is drawn how often. Between two
 * waypoints everything is interpolated linearly; every column is a whole number.
 *
 *   weights  of the groups of families; only their proportions matter
 *   multi    percent of documents with several questions on one input
 *   bare     percent of documents without instruction (of those with one question)
 *   wordings how many wordings of a family, and of the words in their slots, are in use
 *   answers  percent of yes/no questions with other answer words than yes and no
 *   chinese  percent of instructions that are Chinese, of the families that have such
 *   one, three  percent of stories with one fact, with three; else they have two
 *   easy     percent of "no" on a story whose value the story does not have
 *
 * What is asked for in words has to be there before yes and no can be learned; the four main
 * questions are learned while few wordings and no other yes/no questions are about; then the
 * siblings on the same inputs teach to heed the instruction. */
struct waypoint {
    int at;
    int weight[FAMILY_GROUPS];
    int multi, bare, wordings, answers, chinese, one, three, easy;
};
/* clang-format off */
static const struct waypoint first_plan[] = {
    /*  at   plain skill extr answ  ent  pron sens story sibl   mult bare word answ  zh  one three easy */
    {    0, {  22,  16,  24,  26,   3,   3,   3,   3,   0},   45,   2,   2,   0,   0,  40,   0,  60},
    {  120, {  14,  12,  26,  28,   6,   5,   5,   4,   0},   50,   2,   2,   0,   0,  25,   0,  50},
    {  230, {   8,   7,  22,  26,  12,  10,   9,   6,   0},   40,   2,   3,   0,   0,  20,   0,  40},
    {  310, {   4,   3,  12,  11,  26,  20,  16,   8,   0},   10,   1,   3,   0,   0,  15,   0,  40},
    {  420, {   4,   3,  10,  17,  24,  18,  12,  12,   0},   10,   1,   3,   0,   0,  10,   0,  40},
    {  500, {   4,   3,   8,  25,  14,  10,   8,  25,   4},   15,   2,   4,   8,   2,   5,   5,  35},
    {  610, {   5,   4,   8,  19,  12,   9,   8,  22,  14},   20,   4,  10,  30,   5,   2,  25,  25},
    {  740, {   6,   6,   8,  12,  12,   9,   9,  18,  22},   30,   6,  20,  45,   8,   2,  45,  20},
    { 1000, {   6,   6,   8,  10,  12,  10,  10,  15,  26},   30,   7,  20,  45,   8,   2,  60,  20},
};

/* What the first plan leaves at chance: which of a story's facts is asked for. It is learned while stories are most of what
 * there is, of one and two facts at first; then everything comes back, so that nothing is forgotten. */
static const struct waypoint stories_plan[] = {
    /*  at   plain skill extr answ  ent  pron sens story sibl   mult bare word answ  zh  one three easy */
    {    0, {   4,   3,   6,  30,   6,   5,   5,  20,   6},   25,   3,   6,  20,   4,  40,   0,  50},
    {  150, {   3,   2,   4,  40,   4,   4,   4,  30,   4},   25,   2,   4,   5,   2,  30,   0,  40},
    {  400, {   3,   2,   4,  35,   5,   5,   5,  35,   4},   20,   2,   4,   5,   2,   5,   5,  30},
    {  600, {   4,   4,   6,  25,   8,   7,   7,  28,   8},   20,   4,  10,  30,   5,   2,  25,  25},
    {  750, {   6,   6,   8,  12,  12,  10,  10,  18,  20},   30,   6,  20,  45,   8,   2,  45,  20},
    { 1000, {   6,   6,   8,  10,  12,  10,  10,  15,  26},   30,   7,  20,  45,   8,   2,  60,  20},
};
/* clang-format on */

static const struct plan {
    const char *name;
    const struct waypoint *at;
    int n;
} plan_of[] = {{"first", first_plan, COUNT(first_plan)},
               {"stories", stories_plan, COUNT(stories_plan)}};

static const struct plan *find_plan(const char *name)
{
    for (int i = 0; i < COUNT(plan_of); i++)
        if (!strcmp(plan_of[i].name, name))
            return &plan_of[i];
    die("plan '%s': expected first or stories", name);
}

/* What is in force at one document; weights in thousandths. */
struct phase {
    int weight[FAMILY_GROUPS];
    int multi, bare;
    struct wording wording;
    int one, three, easy;
};

static int between(int a, int b, int64_t part, int64_t whole)
{
    return (int)((a * (whole - part) + b * part) / whole);
}

/* `at` in millionths of the corpus. */
static struct phase phase_at(const struct plan *plan, int64_t at)
{
    int i = 0;
    while (i + 2 < plan->n && plan->at[i + 1].at * 1000 <= at)
        i++;
    const struct waypoint *a = &plan->at[i], *b = a + 1;
    int64_t part = at - a->at * 1000, whole = (b->at - a->at) * 1000;
    struct phase p;
    for (int g = 0; g < FAMILY_GROUPS; g++)
        p.weight[g] = between(a->weight[g] * 1000, b->weight[g] * 1000, part, whole);
    p.multi = between(a->multi, b->multi, part, whole);
    p.bare = between(a->bare, b->bare, part, whole);
    p.wording.wordings = between(a->wordings, b->wordings, part, whole);
    p.wording.answers = between(a->answers, b->answers, part, whole);
    p.wording.chinese = between(a->chinese, b->chinese, part, whole);
    p.one = between(a->one, b->one, part, whole);
    p.three = between(a->three, b->three, part, whole);
    p.easy = between(a->easy, b->easy, part, whole);
    return p;
}

/* The corpus being written. */
struct corpus {
    const struct plan *plan;
    uint64_t seed;
    int64_t documents;
    struct hash_set inputs; /* of the tasks */
    int group_weight[FAMILY_GROUPS];
};

/* A document in parts; weights in hundredths. */
enum { QUESTIONS = 5, PARTS = 2 * QUESTIONS };
enum { WEIGHT_ASK = 5, WEIGHT_ANSWER = 100, WEIGHT_PLAIN = 30 };
struct document {
    struct text part[PARTS];
    int weight[PARTS], parts;
    struct text input;
};

static struct text *new_part(struct document *d, int weight)
{
    d->weight[d->parts] = weight;
    d->part[d->parts].n = 0;
    return &d->part[d->parts++];
}

/* ---- drawing a document ---- */

static int draw_weighted(struct rng *r, const int *weight, int n)
{
    int sum = 0, i = 0;
    for (int k = 0; k < n; k++)
        sum += weight[k];
    for (int at = rng_below(r, sum); at >= weight[i]; i++)
        at -= weight[i];
    return i;
}

/* How often a family is asked in this phase. */
static int family_weight(const struct corpus *c, const struct phase *p, enum family f)
{
    enum group_name g = family_of[f].group;
    return p->weight[g] * family_of[f].weight / c->group_weight[g];
}

static enum family draw_family(struct rng *r, enum group_name g)
{
    int weight[FAMILIES];
    for (int f = 0; f < FAMILIES; f++)
        weight[f] = family_of[f].group == g ? family_of[f].weight : 0;
    return draw_weighted(r, weight, FAMILIES);
}

/* A family of the form for a document without instruction. */
static enum family draw_bare(const struct corpus *c, const struct phase *p, struct rng *r,
                             enum family instead)
{
    int weight[FAMILIES], sum = 0;
    for (int f = 0; f < FAMILIES; f++) {
        bool fits = family_of[f].form == family_of[instead].form && family_weight(c, p, f) > 0;
        weight[f] = fits ? family_of[f].bare : 0;
        sum += weight[f];
    }
    return sum ? draw_weighted(r, weight, FAMILIES) : (int)instead;
}

static void add_answer(struct document *d, const char *answer, bool last)
{
    add(new_part(d, WEIGHT_ANSWER), " %s%s", answer, last ? "" : "\n");
}

static void single_document(const struct corpus *c, const struct phase *p, struct world *w,
                            enum family f, struct document *d)
{
    struct item item;
    struct text ask, answer;
    bool bare = rng_percent(&w->rng, p->bare);
    if (bare)
        f = draw_bare(c, p, &w->rng, f);
    bare &= family_of[f].bare > 0;
    draw_item(w, f, rng_below(&w->rng, 2), &item);
    item_input(&item, &d->input);
    add_instruction(&w->rng, &p->wording, f, &item, &ask, &answer);
    struct text *part = new_part(d, WEIGHT_ASK);
    if (bare)
        add(part, "%s\nAnswer:", d->input.s);
    else
        add(part, "%s\n%s\nAnswer:", ask.s, d->input.s);
    /* Without an instruction nothing says that the answers are others than yes and no. */
    if (bare && item.yes[f] >= 0)
        set(&answer, "%s", item.yes[f] ? "yes" : "no");
    add_answer(d, answer.s, true);
}

/* The questions that an item admits, each once: families, and behind them the story's own. */
static int item_weights(const struct corpus *c, const struct phase *p, const struct item *item,
                        int *weight)
{
    int n = FAMILIES + item->questions, askable = 0;
    for (int f = 0; f < FAMILIES; f++) {
        bool known = item->yes[f] >= 0 || item->say[f].n;
        weight[f] = known ? family_weight(c, p, f) : 0;
    }
    for (int i = 0; i < item->questions; i++)
        weight[FAMILIES + i] = p->weight[G_ANSWER] / item->questions;
    for (int i = 0; i < n; i++)
        askable += weight[i] > 0;
    return askable;
}

/* The questions of a document: `about` anywhere (-1: none), the others by their weights; all
 * different. */
static int draw_questions(struct rng *r, int *weight, int n, int askable, int about, int *out)
{
    int questions = 3 + rng_below(r, QUESTIONS - 2), at = rng_below(r, QUESTIONS);
    if (questions > askable)
        questions = askable;
    at = about >= 0 && weight[about] ? at % questions : -1;
    if (at >= 0)
        weight[about] = 0;
    for (int i = 0; i < questions; i++) {
        out[i] = i == at ? about : draw_weighted(r, weight, n);
        weight[out[i]] = 0;
    }
    return questions;
}

static void multi_document(const struct corpus *c, const struct phase *p, struct world *w,
                           enum family f, struct document *d)
{
    struct item item;
    struct text ask, answer;
    int weight[FAMILIES + ITEM_QUESTIONS], which[QUESTIONS];
    int about = f == F_ANSWER ? -1 : (int)f; /* a story has such questions anyway */
    draw_item(w, about < 0 ? F_STORY : f, rng_below(&w->rng, 2), &item);
    item_input(&item, &d->input);
    int askable = item_weights(c, p, &item, weight);
    int n = draw_questions(&w->rng, weight, FAMILIES + item.questions, askable, about, which);
    for (int i = 0; i < n; i++) {
        if (which[i] < FAMILIES) {
            add_instruction(&w->rng, &p->wording, which[i], &item, &ask, &answer);
        } else {
            ask = item.also[which[i] - FAMILIES].ask;
            answer = item.also[which[i] - FAMILIES].answer;
        }
        struct text *part = new_part(d, WEIGHT_ASK);
        if (i)
            add(part, "%s\nAnswer:", ask.s);
        else
            add(part, "%s\n%s\nAnswer:", ask.s, d->input.s);
        add_answer(d, answer.s, i + 1 == n);
    }
}

static void draw_document(const struct corpus *c, int64_t i, uint64_t attempt, struct document *d)
{
    struct phase p = phase_at(c->plan, i * 1000000 / c->documents);
    struct world w = {rng_init(c->seed, (uint64_t)i, attempt), FOR_CORPUS, p.one, p.three, p.easy};
    enum group_name g = draw_weighted(&w.rng, p.weight, FAMILY_GROUPS);
    d->parts = 0;
    set(&d->input, "%s", "");
    if (g == G_PLAIN) {
        plain_text(&w, new_part(d, WEIGHT_PLAIN));
        return;
    }
    enum family f = draw_family(&w.rng, g);
    if (family_of[f].form != FORM_LINE && rng_percent(&w.rng, p.multi))
        multi_document(c, &p, &w, f, d);
    else
        single_document(c, &p, &w, f, d);
}

/* ---- what must not be said ---- */

/* Ends the program on what no draw may give: anything held out, a task's wording; false where
 * chance gave an input of a task. */
static bool may_be_said(const struct corpus *c, const struct document *d)
{
    const char *wording;
    for (int i = 0; i < d->parts; i++) {
        const char *text = d->part[i].s;
        check_held_out(text);
        for (int k = 0; (wording = reserved_wording(k)); k++)
            if (strstr(text, wording))
                die("a document has a task's wording: %s", text);
    }
    return !d->input.n || !hash_set_has(&c->inputs, hash_text(d->input.s));
}

static void print_document(const struct document *d)
{
    fputs("{\"parts\": [", stdout);
    for (int i = 0; i < d->parts; i++) {
        fputs(i ? ", [" : "[", stdout);
        print_json(stdout, d->part[i].s);
        fputs(d->weight[i] == WEIGHT_ASK      ? ", 0.05]"
              : d->weight[i] == WEIGHT_ANSWER ? ", 1]"
                                              : ", 0.3]",
              stdout);
    }
    fputs("]}\n", stdout);
}

int world_corpus(const char *plan, uint64_t seed, uint64_t tasks_seed, int64_t documents)
{
    static struct corpus c; /* half a megabyte */
    struct document d;
    c = (struct corpus){.plan = find_plan(plan), .seed = seed, .documents = documents};
    for (int f = 0; f < FAMILIES; f++)
        c.group_weight[family_of[f].group] += family_of[f].weight;
    tasks_inputs(tasks_seed, &c.inputs);
    for (int64_t i = 0; i < documents; i++) {
        uint64_t attempt = 0;
        do
            draw_document(&c, i, attempt++, &d);
        while (!may_be_said(&c, &d));
        print_document(&d);
    }
    if (fflush(stdout) || ferror(stdout))
        die("writing the corpus failed");
    return 0;
}

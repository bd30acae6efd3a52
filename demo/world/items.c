/* Inputs, and all that is known of each: one input admits many questions, so that the instruction
 * has to say which one is meant. */
#include "world.h"

#include <string.h>

/* Without a memset of the whole, which would take most of the time. */
void clear_item(struct item *item, enum form form, const char *kind)
{
    memset(item->yes, -1, sizeof item->yes);
    item->form = form;
    item->kind = kind;
    item->questions = 0;
    for (int i = 0; i < ITEM_FIELDS; i++)
        set(&item->field[i], "%s", "");
    for (int f = 0; f < FAMILIES; f++)
        item->say[f].s[item->say[f].n = 0] = 0;
}

/* ---- drawing without repetition ---- */

/* n different numbers below `of`. */
void draw_distinct(struct rng *r, int *out, int n, int of)
{
    for (int i = 0; i < n; i++) {
        bool again = true;
        while (again) {
            out[i] = rng_below(r, of);
            again = false;
            for (int k = 0; k < i; k++)
                again |= out[k] == out[i];
        }
    }
}

int other_than(struct rng *r, int but, int of)
{
    int i = rng_below(r, of - 1);
    return i + (i >= but);
}

const char *person(int i)
{
    return name_of[i / NAMES][i % NAMES];
}

static int draw_name(struct world *w)
{
    if (w->use == FOR_TRAIN)
        return rng_below(&w->rng, TRAIN_NAMES);
    if (w->use == FOR_EVAL)
        return TRAIN_NAMES + rng_below(&w->rng, NAMES - TRAIN_NAMES);
    return rng_below(&w->rng, CORPUS_NAMES);
}

/* n different people; of one gender where gender is 0 or 1. */
void draw_people(struct world *w, int *out, int n, int gender)
{
    for (int i = 0; i < n; i++) {
        bool again = true;
        while (again) {
            int g = gender < 0 ? rng_below(&w->rng, 2) : gender;
            out[i] = NAMES * g + draw_name(w);
            again = false;
            for (int k = 0; k < i; k++)
                again |= out[k] == out[i];
        }
    }
}

int draw_person(struct world *w)
{
    int p;
    draw_people(w, &p, 1, -1);
    return p;
}

/* A place for a thing: half of what dev and test say is reserved for them, nothing elsewhere is. */
int draw_place(struct world *w, int thing)
{
    bool want = w->use == FOR_EVAL && rng_percent(&w->rng, 50);
    int p = rng_below(&w->rng, PLACES);
    while (thing >= 0 && pair_reserved(p, thing) != want)
        p = rng_below(&w->rng, PLACES);
    return p;
}

int other_place(struct world *w, int thing, int but)
{
    int p = draw_place(w, thing);
    while (p == but)
        p = draw_place(w, thing);
    return p;
}

bool same(int a, int b)
{
    return a >= 0 && a == b;
}

/* ---- a pronoun in a text ---- */

enum { NEUTRALS = 6 };
static const char *const neutral_of[NEUTRALS] = {
    "{z} was in the {p}.",     "{z} came from the {p}.", "{z} saw it all.",
    "{z} heard about it {t}.", "{z} was not there.",     "{z} talked about it {t}.",
};

static void add_neutral(struct world *w, struct text *t, const char *who, int from, int to)
{
    int place = rng_below(&w->rng, PLACES), time = rng_below(&w->rng, TIMES);
    struct slot slots[] = {{'z', who}, {'p', place_of[place].en}, {'t', time_of[time].en}};
    add_filled(t, neutral_of[from + rng_below(&w->rng, to - from)], slots, COUNT(slots));
}

/* The sentence itself, with what stands between the two that may be meant. */
static void add_because(struct world *w, struct text *t, const struct group *g, int v,
                        const char *a, const char *b, const char *pronoun, const char *clause)
{
    bool things = g >= &group_of[PEOPLE_GROUPS], insert = !things && rng_percent(&w->rng, 30);
    add(t, "%s%s ", things ? "The " : "", a);
    if (insert)
        add(t, "from the %s ", place_of[rng_below(&w->rng, PLACES)].en);
    add(t, "%s %s%s", g->verb[v], things ? "the " : "", b);
    if (!insert && rng_percent(&w->rng, 30))
        add(t, " %s", time_of[rng_below(&w->rng, TIMES)].en);
    add(t, " because %s %s.", pronoun, clause);
}

static bool names_time(const struct text *t)
{
    for (int i = 0; i < TIMES; i++) {
        struct text upper;
        set(&upper, "%s", time_of[i].en);
        capitalise(&upper, 0);
        if (strstr(t->s, time_of[i].en) || strstr(t->s, upper.s))
            return true;
    }
    return false;
}

static bool names_place(const struct text *t)
{
    for (int i = 0; i < PLACES; i++)
        if (strstr(t->s, place_of[i].en))
            return true;
    return false;
}

/* kind 0: people, kind 1: things. Two that may be meant, often a third in a neutral sentence. */
static void make_pronoun(struct world *w, int kind, struct item *item)
{
    int g = kind ? PEOPLE_GROUPS + rng_below(&w->rng, GROUPS - PEOPLE_GROUPS)
                 : rng_below(&w->rng, PEOPLE_GROUPS);
    int v = rng_below(&w->rng, GROUP_VERBS), role = rng_below(&w->rng, 2), who[3];
    int c = rng_below(&w->rng, ROLE_CLAUSES), gender = rng_below(&w->rng, 2);
    while (clause_reserved(g, v, role, c) != (w->use == FOR_EVAL)) {
        v = rng_below(&w->rng, GROUP_VERBS);
        c = rng_below(&w->rng, ROLE_CLAUSES);
    }
    draw_people(w, who, 3, gender);
    const char *name[3] = {person(who[0]), person(who[1]), person(who[2])};
    const char *pronoun = gender ? "she" : "he";
    if (kind) {
        name[0] = thing_of[rng_below(&w->rng, THINGS)].en;
        name[1] = container_of[rng_below(&w->rng, CONTAINERS)].en;
        pronoun = "it";
    }
    int around = w->use == FOR_CORPUS ? rng_below(&w->rng, 4) : 1 + rng_below(&w->rng, 2);
    struct text *t = &item->field[2];
    if (around == 1) {
        add_neutral(w, t, name[2], 0, 2);
        add(t, " ");
    }
    add_because(w, t, &group_of[g], v, name[0], name[1], pronoun, group_of[g].clause[role][c]);
    if (around == 2) {
        add(t, " ");
        add_neutral(w, t, name[2], 2, NEUTRALS);
    }
    int asked = rng_below(&w->rng, 2);
    if (!kind && (around == 1 || around == 2) && rng_percent(&w->rng, 12))
        asked = 2;
    set(&item->field[0], "%s", pronoun);
    set(&item->field[1], "%s", name[asked]);
    item->yes[F_PRONOUN] = asked == role;
    item->yes[F_OTHER] = asked != role;
    item->yes[F_NAMED_FIRST] = asked == (!kind && around == 1 ? 2 : 0);
    item->yes[F_NAMED_LAST] = asked == (!kind && around == 2 ? 2 : 1);
    item->yes[F_HAS_TIME] = names_time(t);
    item->yes[F_HAS_PLACE] = names_place(t);
    set(&item->say[F_WHO_IS_MEANT], "%s", name[role]);
    if (!kind) {
        set(&item->say[F_FIRST_NAME], "%s", name[around == 1 ? 2 : 0]);
        set(&item->say[F_LAST_NAME], "%s", name[around == 2 ? 2 : 1]);
    }
}

/* ---- a word in two sentences ---- */

struct context {
    struct text text;
    int who;          /* -1: nobody */
    bool time, start; /* has a time; the word stands first, but for "the" */
    int index;
};

static int draw_ambiguous(struct world *w)
{
    if (w->use == FOR_TRAIN)
        return rng_below(&w->rng, FREQUENT_WORDS);
    if (w->use == FOR_EVAL)
        return FREQUENT_WORDS + rng_below(&w->rng, AMBIGUOUS - FREQUENT_WORDS);
    return rng_percent(&w->rng, 80) ? rng_below(&w->rng, FREQUENT_WORDS)
                                    : rng_below(&w->rng, CORPUS_WORDS);
}

static const char *context_template(const struct sense *s, int context)
{
    return context < FRAMES ? domain_of[s->domain].frame[context] : s->own[context - FRAMES];
}

/* But for an article. */
static bool starts_with_word(const char *template, const char *word)
{
    if (!strncmp(template, "The ", 4))
        template += 4;
    else if (!strncmp(template, "A ", 2))
        template += 2;
    return !strncmp(template, "{w}", 3) || !strncmp(template, word, strlen(word));
}

/* A context of the word's sense other than the one numbered `not`; half of those of dev and test
 * are reserved for them. */
static void make_context(struct world *w, int word, int sense, int but, int who, struct context *c)
{
    const struct sense *s = &ambiguous_of[word].sense[sense];
    do
        c->index = rng_below(&w->rng, CONTEXTS);
    while (c->index == but || (w->use == FOR_CORPUS && context_reserved(word, c->index)));
    const char *template = context_template(s, c->index);
    const struct slot slots[] = {{'w', ambiguous_of[word].en}, {'x', person(who)}};
    int time = rng_below(&w->rng, TIMES);
    c->time = rng_percent(&w->rng, 25);
    set(&c->text, "%s%s", c->time ? time_of[time].en : "", c->time ? ", " : "");
    capitalise(&c->text, 0);
    int at = c->text.n;
    add_filled(&c->text, template, slots, COUNT(slots));
    if (c->time && strncmp(template, "{x}", 3) != 0)
        c->text.s[at] = (char)(c->text.s[at] - 'A' + 'a');
    c->start = !c->time && starts_with_word(template, ambiguous_of[word].en);
    c->who = strstr(template, "{x}") ? who : -1;
}

static void make_sense(struct world *w, struct item *item)
{
    int word = draw_ambiguous(w), s[2], who[2];
    bool truth = rng_percent(&w->rng, 50);
    struct context c[2];
    draw_people(w, who, 2, -1);
    s[0] = rng_below(&w->rng, 2);
    s[1] = truth ? s[0] : !s[0];
    make_context(w, word, s[0], -1, who[0], &c[0]);
    make_context(w, word, s[1], truth ? c[0].index : -1, who[rng_below(&w->rng, 2)], &c[1]);
    item->kind = word < FREQUENT_WORDS ? "frequent" : word < CORPUS_WORDS ? "rare" : "unseen";
    set(&item->field[0], "%s", ambiguous_of[word].en);
    item->field[1] = c[0].text;
    item->field[2] = c[1].text;
    item->yes[F_SENSE] = truth;
    item->yes[F_DIFFERENT] = !truth;
    item->yes[F_SENSE_PERSON] = same(c[0].who, c[1].who);
    item->yes[F_SENSE_TIME2] = c[1].time;
    item->yes[F_SENSE_PERSON1] = c[0].who >= 0;
    item->yes[F_SENSE_START] = c[0].start;
    for (int i = 0; i < 2; i++)
        set(&item->say[i ? F_TOPIC2 : F_TOPIC1], "%s",
            domain_of[ambiguous_of[word].sense[s[i]].domain].name);
    set(&item->say[F_CHINESE1], "%s", ambiguous_of[word].sense[s[0]].zh);
}

/* ---- a class and a list ---- */

static void make_list(struct world *w, struct item *item)
{
    int n = 3 + rng_below(&w->rng, 3), noun[6], members = 0, one = 0;
    int is = 1 + rng_below(&w->rng, CLASSES - 1);
    /* One in two of the class, or none, so that both answers are usual. */
    bool none = rng_percent(&w->rng, 45);
    for (int i = 0; i < n; i++) {
        bool again = true;
        while (again) {
            noun[i] = rng_below(&w->rng, NOUNS);
            again = none && (int)thing_of[noun[i]].is == is;
            for (int k = 0; k < i; k++)
                again |= noun[k] == noun[i];
        }
        if ((int)thing_of[noun[i]].is == is) {
            members++;
            one = noun[i];
        }
        add(&item->field[1], "%s%s", i ? ", " : "", thing_of[noun[i]].en);
    }
    set(&item->field[0], "%s", class_of[is].en);
    item->yes[F_MEMBER] = members > 0;
    item->yes[F_LIST_FIRST] = (int)thing_of[noun[0]].is == is;
    item->yes[F_LIST_LAST] = (int)thing_of[noun[n - 1]].is == is;
    set(&item->say[F_LIST_COUNT], "%s", members ? number_of[members - 1] : "none");
    set(&item->say[F_LIST_WORD1], "%s", thing_of[noun[0]].en);
    set(&item->say[F_LIST_WORDN], "%s", thing_of[noun[n - 1]].en);
    if (members == 1)
        set(&item->say[F_LIST_ONE], "%s", thing_of[one].en);
}

/* ---- all of them ---- */

int kinds_of(enum form form)
{
    switch (form) {
    case FORM_PAIR:
        return PAIR_KINDS;
    case FORM_PRONOUN:
        return 6; /* one in six about things */
    case FORM_STORY:
    case FORM_ASK:
        return 9; /* two of each kind with facts, one with numbers */
    default:
        return 1;
    }
}

void make_item(struct world *w, enum form form, int kind, struct item *item)
{
    clear_item(item, form, "");
    switch (form) {
    case FORM_PAIR:
        make_pair(w, kind, item);
        break;
    case FORM_PRONOUN:
        item->kind = kind ? "people" : "things";
        make_pronoun(w, kind == 0, item);
        break;
    case FORM_SENSE:
        make_sense(w, item);
        break;
    case FORM_STORY:
        make_passage(w, kind / 2, item);
        break;
    case FORM_ASK:
        make_ask(w, kind / 2, item);
        break;
    case FORM_LIST:
        make_list(w, item);
        break;
    case FORM_LINE:
        die("an item of one line comes from make_line");
    }
}

void draw_item(struct world *w, enum family family, int want, struct item *item)
{
    enum form form = family_of[family].form;
    if (form == FORM_LINE) {
        make_line(w, family, item);
        return;
    }
    for (int kinds = 0; kinds < 10000; kinds++) {
        int kind = rng_below(&w->rng, kinds_of(form));
        bool askable = true;
        for (int i = 0; i < 24 && askable; i++) {
            make_item(w, form, kind, item);
            askable = item->say[family].n || item->yes[family] >= 0;
            if (item->say[family].n || (askable && (want < 0 || item->yes[family] == want)))
                return;
        }
    }
    die("no item has an answer to %s", family_of[family].name);
}

void item_input(const struct item *item, struct text *t)
{
    const char *a = item->field[0].s, *b = item->field[1].s, *c = item->field[2].s;
    switch (item->form) {
    case FORM_PAIR:
        set(t, "1: %s\n2: %s", a, b);
        break;
    case FORM_PRONOUN:
        set(t, "%s = %s\nText: %s", a, b, c);
        break;
    case FORM_SENSE:
        set(t, "%s\n1: %s\n2: %s", a, b, c);
        break;
    case FORM_STORY:
    case FORM_ASK:
        set(t, "Question: %s\nText: %s", a, b);
        break;
    case FORM_LIST:
        set(t, "%s: %s", a, b);
        break;
    case FORM_LINE:
        set(t, "%s", a);
        break;
    }
}
